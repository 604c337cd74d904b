import { type ParseErrorCode, printParseErrorCode, visit } from "jsonc-parser";
import { keepNumbers, mayBeLarge, mayBeLong, noteFlaws } from "../json/flaws";
import { COPY_ADVICE, hasDoubledEscapes } from "./escapes";
import { withAttributeNames } from "./exportNames";
import { parseJson } from "./parseJson";
import { decodeUtf8, type Fault, findUtf8Fault, type JsonObject, type RecordFormat } from "./recordFormat";

/** A record of a JSON array or of NDJSON. */
export const jsonFormat: RecordFormat = { parse, findFault };

function parse(bytes: Buffer, start: number, end: number, isFirst = false): JsonObject | string | undefined {
  const text = decodeUtf8(bytes.subarray(start, end)) ?? "";
  const value = parseJson(text);
  if (value === undefined) {
    return undefined;
  }
  if (isObject(value)) {
    const isRounded = mayBeLong(text) || (!isFirst && mayBeLarge(text));
    const flaws = isRounded ? keepNumbers(value, text) : [];
    const record = withAttributeNames(value);
    noteFlaws(record, flaws);
    return record;
  }
  return `record is ${kindOf(value)}, not a JSON object`;
}

/** Whether it is what a user is in JSON. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What it is instead, for a sentence. */
export function kindOf(value: unknown): string {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

function findFault(record: Buffer, recordOffset: number): Fault {
  const utf8Fault = findUtf8Fault(record, recordOffset);
  if (utf8Fault !== undefined) {
    return utf8Fault;
  }
  const text = record.toString("utf8");
  const fault = firstJsonFault(text);
  if (fault === undefined) {
    return { message: "not valid JSON", offset: recordOffset, cutOff: true };
  }
  const code = printParseErrorCode(fault.code);
  const hint = hasDoubledEscapes(text, fault.offset) ? `; ${COPY_ADVICE}` : "";
  return {
    message: `not valid JSON: ${FAULTS[code]}${hint}`,
    offset: recordOffset + Buffer.byteLength(text.slice(0, fault.offset)),
    cutOff: fault.offset + fault.length >= text.length && code !== "EndOfFileExpected",
  };
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
