import { type ParseErrorCode, printParseErrorCode, visit } from "jsonc-parser";

/** Why a record could not be parsed, in words that quote nothing of it. */
export interface Fault {
  readonly message: string;
  /** In bytes from the start of the text. */
  readonly offset: number;
  /** Nothing is wrong but that the record ends too early. */
  readonly cutOff: boolean;
}

/** Refuses what is no UTF-8. A byte order mark inside of a text is a character that JSON.parse refuses. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The JSON value in these bytes, or undefined when they are no JSON in UTF-8: then see `findFault`. */
export function parseRecord(bytes: Buffer, start: number, end: number): unknown {
  try {
    return JSON.parse(utf8.decode(bytes.subarray(start, end)));
  } catch {
    // JSON.parse's message must not get out, since it quotes the record, and it names no line.
    return undefined;
  }
}

/** Whether it is what a user is in JSON. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What is wrong with a record that `parseRecord` could not parse.
 * @param recordOffset where in its text the record starts
 */
export function findFault(record: Buffer, recordOffset: number): Fault {
  const invalid = firstInvalidByte(record);
  if (invalid < record.length) {
    const offset = recordOffset + invalid;
    const cutOff = record.length - invalid < LONGEST_CHARACTER;
    return { message: `not valid UTF-8 at byte ${offset}`, offset, cutOff };
  }
  const text = record.toString("utf8");
  const fault = firstJsonFault(text);
  if (fault === undefined) {
    return { message: "not valid JSON", offset: recordOffset, cutOff: true };
  }
  const code = printParseErrorCode(fault.code);
  return {
    message: `not valid JSON: ${FAULTS[code]}`,
    offset: recordOffset + Buffer.byteLength(text.slice(0, fault.offset)),
    cutOff: fault.offset + fault.length >= text.length && code !== "EndOfFileExpected",
  };
}

const LONGEST_CHARACTER = 4;
const REPLACEMENT = Buffer.from("\u{fffd}");

/** Where the bytes stop being UTF-8; their length when all are. */
function firstInvalidByte(bytes: Buffer): number {
  const text = bytes.toString("utf8");
  let offset = 0;
  let from = 0;
  for (;;) {
    const at = text.indexOf("\u{fffd}", from);
    if (at === -1) {
      return bytes.length;
    }
    offset += Buffer.byteLength(text.slice(from, at));
    if (!bytes.subarray(offset, offset + REPLACEMENT.length).equals(REPLACEMENT)) {
      return offset;
    }
    offset += REPLACEMENT.length;
    from = at + 1;
  }
}

interface JsonFault {
  readonly code: ParseErrorCode;
  /** Both in UTF-16 code units. */
  readonly offset: number;
  readonly length: number;
}

function firstJsonFault(text: string): JsonFault | undefined {
  let first: JsonFault | undefined;
  const onError = (code: ParseErrorCode, offset: number, length: number) => {
    first ??= { code, offset, length };
  };
  try {
    visit(text, { onError }, { disallowComments: true });
  } catch (error) {
    // Nested too deeply for a recursive parser.
    if (!(error instanceof RangeError)) {
      throw error;
    }
  }
  return first;
}

const FAULTS: Record<ReturnType<typeof printParseErrorCode>, string> = {
  InvalidSymbol: "unexpected word or character",
  InvalidNumberFormat: "malformed number",
  PropertyNameExpected: "property name expected",
  ValueExpected: "value expected",
  ColonExpected: "colon expected",
  CommaExpected: "comma expected",
  CloseBraceExpected: "closing brace expected",
  CloseBracketExpected: "closing bracket expected",
  EndOfFileExpected: "more text after the end of the record",
  InvalidCommentToken: "comments are not allowed",
  UnexpectedEndOfComment: "comments are not allowed",
  UnexpectedEndOfString: "string is not closed",
  UnexpectedEndOfNumber: "malformed number",
  InvalidUnicode: "malformed \\u escape in a string",
  InvalidEscapeCharacter: "unknown escape in a string",
  InvalidCharacter: "control character in a string",
  "<unknown ParseErrorCode>": "malformed",
};
