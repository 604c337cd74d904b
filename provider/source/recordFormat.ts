/** What a user is in JSON. A key `__proto__` is an own property: copy with spread, never with Object.assign. */
export type JsonObject = Record<string, unknown>;

/** How the records of one file are written. */
export interface RecordFormat {
  /**
   * @returns the record in these bytes; or what is wrong with it, in words that quote nothing of it; or `undefined`
   *   when it is malformed, so that not even its end is certain: then see `findFault`
   * @param isFirst it is read for the first time, with all others: what is rare and costs time is looked for later
   */
  parse(bytes: Buffer, start: number, end: number, isFirst?: boolean): JsonObject | string | undefined;
  /**
   * Why `parse` could not make sense of a record.
   * @param recordOffset where in its text the record starts
   */
  findFault(record: Buffer, recordOffset: number): Fault;
}

/** Why a record is malformed. */
export interface Fault {
  /** Quotes nothing of the record. */
  readonly message: string;
  /** In bytes from the start of the text. */
  readonly offset: number;
  /** Nothing is wrong but that the record ends too early. */
  readonly cutOff: boolean;
}

/** Refuses what is no UTF-8. A byte order mark inside of a text is a character like any other. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text in these bytes, or `undefined` when they are no UTF-8. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Where a record stops being UTF-8; `undefined` when it does nowhere. */
export function findUtf8Fault(record: Buffer, recordOffset: number): Fault | undefined {
  const invalid = firstInvalidByte(record);
  if (invalid === record.length) {
    return undefined;
  }
  const offset = recordOffset + invalid;
  const cutOff = record.length - invalid < LONGEST_CHARACTER;
  return { message: `not valid UTF-8 at byte ${offset}`, offset, cutOff };
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
