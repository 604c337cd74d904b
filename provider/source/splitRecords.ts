/** A place in a text, with the start of its line, from which its column can be counted. */
export interface TextPosition {
  /** In bytes from the start of the text. */
  readonly offset: number;
  /** 1-based. */
  readonly line: number;
  /** The byte offset at which that line starts. */
  readonly lineStart: number;
}

export type RecordVerdict =
  /** It ends where the splitter says, whatever else may be wrong with it. */
  | "sound"
  | "malformed"
  /** It shows that the text is no list of records at all. */
  | "not a record";

/** Takes what the splitter finds. The bytes handed over are overwritten after the call. */
export interface RecordSink {
  /**
   * The first row of a text that is no JSON lies in `bytes` from `start` to `end`.
   * @returns whether it is a header, so that records follow
   */
  onHeader(bytes: Buffer, start: number, end: number, at: TextPosition): boolean;
  /** A record, or whatever stands in its place, lies in `bytes` from `start` to `end`. */
  onRecord(bytes: Buffer, start: number, end: number, at: TextPosition): RecordVerdict;
  /**
   * A record has begun, but the text or the room for it ends first.
   * @returns whether a fault was found in what there is of it; if not, its missing end is reported as a problem next
   */
  onUnfinishedRecord(bytes: Buffer, start: number, end: number, at: TextPosition): boolean;
  /** `at` is missing where it is the whole file that is wrong. */
  onProblem(message: string, at?: TextPosition): void;
}

export const NOT_A_USERS_FILE =
  "not a users file: neither a JSON array, nor NDJSON, nor CSV with a header that names attributes of users";

/** A first line that is longer is no header. */
const MAX_HEADER_BYTES = 1 << 20;

const TAB = 0x09;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const BYTE_ORDER_MARK = Buffer.from("\u{feff}");
/** What Windows PowerShell writes starts with one of these, and UTF-8 has neither anywhere. */
const UTF16_MARK = [0xfe, 0xff];

type State =
  | "before text"
  | "lines"
  /** The first row of CSV. */
  | "header"
  | "rows"
  /** After `[`: an element or `]`. */
  | "first element"
  /** After `,`: an element. */
  | "next element"
  | "in element"
  /** `,` or `]`. */
  | "after element"
  | "after array"
  /** What follows can't be told apart any more. */
  | "stopped";

/**
 * Finds the records in a text that arrives in pieces of any size: the elements of a JSON array, the lines of NDJSON or
 * the rows of CSV, whichever the text is. Looks at brackets, quotes and line ends only; what a record says, and whether
 * it is well-formed, is for the sink to say.
 */
export class RecordSplitter {
  readonly #sink: RecordSink;
  readonly #maxRecordBytes: number;
  #state: State = "before text";

  /** Holds the text from the unfinished record on, and some that is done with. */
  #buffer: Buffer = Buffer.alloc(0);
  #filled = 0;
  /** The text's offset of the buffer's first byte. */
  #base = 0;
  /** Where in the buffer the unfinished record starts; all before is done with. */
  #start = 0;
  /** Up to where the buffer is scanned. */
  #scanned = 0;
  #line = 1;
  #lineStart = 0;

  /** Of the array's unfinished element, or of the unfinished row. */
  #recordAt: TextPosition = { offset: 0, line: 1, lineStart: 0 };
  /** Of brackets in the element. */
  #depth = 0;
  /** Of the element or row, up to where it is scanned. */
  #inQuotes = false;

  constructor(sink: RecordSink, maxRecordBytes: number) {
    this.#sink = sink;
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** The rest of the text is of no use: what is wrong has been reported. */
  get stopped(): boolean {
    return this.#state === "stopped";
  }

  /** Goes on with the next piece of the text. */
  push(chunk: Buffer): void {
    this.#append(chunk);
    const text = this.#buffer.subarray(0, this.#filled);
    if (this.#state === "before text") {
      this.#scanStart(text);
    }
    if (this.#state === "lines") {
      this.#scanLines(text);
    } else if (this.#state === "header" || this.#state === "rows") {
      this.#scanRows(text);
    } else if (this.#state !== "before text") {
      this.#scanArray(text);
    }
    if (!this.stopped && this.#isTooLarge(this.#filled - this.#start)) {
      this.#stopAtTooLarge(text, this.#filled);
    }
  }

  /** There is no more text. */
  end(): void {
    const text = this.#buffer.subarray(0, this.#filled);
    switch (this.#state) {
      case "lines":
        this.#emitLine(text, this.#filled);
        return;
      case "header":
      case "rows":
        this.#emitRow(text, this.#filled);
        return;
      case "in element":
        if (this.#sink.onUnfinishedRecord(text, this.#start, this.#filled, this.#recordAt)) {
          return;
        }
        break;
      case "first element":
      case "next element":
      case "after element":
        break;
      case "before text":
        if (this.#scanned < this.#filled) {
          // Half a byte order mark.
          this.#stop(NOT_A_USERS_FILE);
        }
        return;
      default:
        return;
    }
    this.#stop("cut off: the ] that closes the array is missing", this.#position(this.#filled));
  }

  #append(chunk: Buffer): void {
    if (this.#filled + chunk.length > this.#buffer.length) {
      const unfinished = this.#filled - this.#start;
      const needed = unfinished + chunk.length;
      // Doubling keeps a long record from being moved for every chunk of it.
      const target = needed * 2 <= this.#buffer.length ? this.#buffer : Buffer.allocUnsafe(needed * 2);
      this.#buffer.copy(target, 0, this.#start, this.#filled);
      this.#buffer = target;
      this.#base += this.#start;
      this.#scanned -= this.#start;
      this.#filled = unfinished;
      this.#start = 0;
    }
    chunk.copy(this.#buffer, this.#filled);
    this.#filled += chunk.length;
  }

  /** Skips a byte order mark and blanks up to the character that tells what the text is. */
  #scanStart(text: Buffer): void {
    let at = this.#scanned;
    if (this.#base + at === 0) {
      if (BYTE_ORDER_MARK.equals(text.subarray(0, 3))) {
        // Editors give it no column.
        this.#lineStart = 3;
        at = 3;
      } else if (BYTE_ORDER_MARK.subarray(0, text.length).equals(text)) {
        // Too little to tell.
        return;
      }
    }
    for (; at < text.length; at++) {
      const byte = text[at] as number;
      if (byte === NEWLINE) {
        this.#newLine(at);
      } else if (!isBlank(byte)) {
        break;
      }
    }
    this.#scanned = at;
    this.#start = at;
    if (at === text.length) {
      return;
    }
    if (text[at] === OPEN_BRACE) {
      this.#state = "lines";
    } else if (text[at] === OPEN_BRACKET) {
      this.#state = "first element";
      this.#scanned++;
    } else if (UTF16_MARK.includes(text[at] as number)) {
      this.#stop("not a users file: UTF-16, not UTF-8");
    } else {
      this.#state = "header";
      this.#recordAt = this.#position(at);
    }
  }

  #scanLines(text: Buffer): void {
    let newline = text.indexOf(NEWLINE, this.#scanned);
    while (newline !== -1 && !this.stopped) {
      this.#emitLine(text, newline);
      this.#newLine(newline);
      this.#start = newline + 1;
      newline = text.indexOf(NEWLINE, this.#start);
    }
    this.#scanned = text.length;
  }

  #emitLine(text: Buffer, lineEnd: number): void {
    let start = this.#start;
    let end = lineEnd;
    while (start < end && isBlank(text[start] as number)) {
      start++;
    }
    while (end > start && isBlank(text[end - 1] as number)) {
      end--;
    }
    if (end > start) {
      this.#emit(text, start, end, this.#position(start));
    }
  }

  /** A line end inside of quotes belongs to a cell. A doubled quote closes and opens again, so it needs no care. */
  #scanRows(text: Buffer): void {
    let quote = find(text, QUOTE, this.#scanned);
    let newline = find(text, NEWLINE, this.#scanned);
    while (Math.min(quote, newline) < text.length && !this.stopped) {
      if (quote < newline) {
        this.#inQuotes = !this.#inQuotes;
        quote = find(text, QUOTE, quote + 1);
        continue;
      }
      if (!this.#inQuotes) {
        this.#emitRow(text, newline);
        this.#start = newline + 1;
      }
      this.#newLine(newline);
      if (!this.#inQuotes) {
        this.#recordAt = this.#position(this.#start);
      }
      newline = find(text, NEWLINE, newline + 1);
    }
    this.#scanned = text.length;
  }

  #emitRow(text: Buffer, lineEnd: number): void {
    const start = this.#start;
    const end = text[lineEnd - 1] === CARRIAGE_RETURN && lineEnd > start ? lineEnd - 1 : lineEnd;
    if (isEmptyRow(text, start, end)) {
      return;
    }
    if (this.#state !== "header") {
      this.#emit(text, start, end, this.#recordAt);
    } else if (this.#isTooLarge(end - start)) {
      this.#stopAtTooLarge(text, end);
    } else {
      this.#state = this.#sink.onHeader(text, start, end, this.#recordAt) ? "rows" : "stopped";
    }
  }

  #scanArray(text: Buffer): void {
    let at = this.#scanned;
    while (at < text.length && !this.stopped) {
      if (this.#state === "in element") {
        at = this.#scanElement(text, at);
        continue;
      }
      const byte = text[at] as number;
      if (byte === NEWLINE) {
        this.#newLine(at);
        at++;
      } else if (isBlank(byte)) {
        at++;
      } else {
        at = this.#scanBetween(byte, at);
      }
    }
    this.#scanned = at;
    if (this.#state !== "in element") {
      this.#start = at;
    }
  }

  /** What stands before, between and after the elements. Returns from where to go on. */
  #scanBetween(byte: number, at: number): number {
    if (this.#state === "after array") {
      this.#stop("not valid JSON: more text after the end of the array", this.#position(at));
    } else if (byte === CLOSE_BRACKET && this.#state !== "next element") {
      this.#state = "after array";
    } else if (this.#state === "after element") {
      if (byte === COMMA) {
        this.#state = "next element";
      } else {
        this.#stop("not valid JSON: comma or closing bracket expected", this.#position(at));
      }
    } else if (byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      this.#stop("not valid JSON: value expected", this.#position(at));
    } else {
      this.#state = "in element";
      this.#start = at;
      this.#recordAt = this.#position(at);
      this.#depth = 0;
      this.#inQuotes = false;
      return at;
    }
    return at + 1;
  }

  /** Looks for the end of an element: the bracket that closes its first one, or whatever ends a plain value. */
  #scanElement(text: Buffer, from: number): number {
    const end = text.length;
    let at = from;
    let depth = this.#depth;
    let inQuotes = this.#inQuotes;
    while (at < end) {
      const byte = inQuotes ? QUOTE : (text[at++] as number);
      if (byte === QUOTE) {
        const after = afterString(text, at);
        inQuotes = after === -1;
        at = inQuotes ? end : after;
        if (depth === 0 && !inQuotes) {
          return this.#emitElement(text, at);
        }
      } else if (depth === 0 && endsPlainValue(byte)) {
        return this.#emitElement(text, at - 1);
      } else if (byte === NEWLINE) {
        this.#newLine(at - 1);
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--;
        if (depth === 0) {
          return this.#emitElement(text, at);
        }
      }
    }
    this.#depth = depth;
    this.#inQuotes = inQuotes;
    return end;
  }

  #emitElement(text: Buffer, end: number): number {
    this.#state = "after element";
    this.#emit(text, this.#start, end, this.#recordAt);
    return end;
  }

  #emit(text: Buffer, start: number, end: number, at: TextPosition): void {
    if (this.#isTooLarge(end - start)) {
      this.#stopAtTooLarge(text, end);
      return;
    }
    const verdict = this.#sink.onRecord(text, start, end, at);
    // Without sound quotes and brackets, where an element or a row ends is a guess. Lines end all the same.
    if (verdict === "not a record" || (verdict === "malformed" && this.#state !== "lines")) {
      this.#state = "stopped";
    }
  }

  #isTooLarge(bytes: number): boolean {
    return bytes > (this.#state === "header" ? MAX_HEADER_BYTES : this.#maxRecordBytes);
  }

  #stopAtTooLarge(text: Buffer, end: number): void {
    if (this.#state === "header") {
      this.#stop(NOT_A_USERS_FILE);
      return;
    }
    const at = this.#state === "lines" ? this.#position(this.#start) : this.#recordAt;
    // A quote too few looks like one huge record, so the fault may well lie inside.
    if (this.#sink.onUnfinishedRecord(text, this.#start, end, at)) {
      this.#state = "stopped";
    } else {
      this.#stop(`record is larger than ${this.#maxRecordBytes / 2 ** 20} MiB`, at);
    }
  }

  #stop(message: string, at?: TextPosition): void {
    this.#state = "stopped";
    this.#sink.onProblem(message, at);
  }

  #newLine(at: number): void {
    this.#line++;
    this.#lineStart = this.#base + at + 1;
  }

  #position(at: number): TextPosition {
    return { offset: this.#base + at, line: this.#line, lineStart: this.#lineStart };
  }
}

/** Where the byte stands next, or the text's length. */
function find(text: Buffer, byte: number, from: number): number {
  const at = text.indexOf(byte, from);
  return at === -1 ? text.length : at;
}

/** Spreadsheets leave rows that are nothing but delimiters. */
function isEmptyRow(text: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = text[at] as number;
    if (!isBlank(byte) && byte !== COMMA && byte !== SEMICOLON) {
      return false;
    }
  }
  return true;
}

function endsPlainValue(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE || byte === NEWLINE || isBlank(byte);
}

/** Behind the quote that closes the string, or -1 when that is still to come. The native search is the fastest. */
function afterString(text: Buffer, from: number): number {
  let quote = text.indexOf(QUOTE, from);
  while (quote !== -1 && isEscaped(text, quote)) {
    quote = text.indexOf(QUOTE, quote + 1);
  }
  return quote === -1 ? -1 : quote + 1;
}

function isEscaped(text: Buffer, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === BACKSLASH) {
    backslashes++;
  }
  return backslashes % 2 === 1;
}

/** White space of JSON, line feed excepted: that one counts lines. */
function isBlank(byte: number): boolean {
  return byte === SPACE || byte === CARRIAGE_RETURN || byte === TAB;
}
