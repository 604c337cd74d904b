import { isBlank, NEWLINE, OPEN_BRACE, OPEN_BRACKET } from "./bytes";
import { EnvelopeScanner } from "./envelope";
import { NOT_A_USERS_FILE, type RecordSink } from "./recordSink";
import type { Scanner, Scene } from "./scanner";
import { ArrayScanner } from "./splitArray";
import { RowScanner } from "./splitRows";
import { TextWindow } from "./textWindow";

const BYTE_ORDER_MARK = Buffer.from("\u{feff}");
/** What Windows PowerShell writes starts with one of these, and UTF-8 has neither anywhere. */
const UTF16_MARK = [0xfe, 0xff];

/**
 * Finds the records in a text that arrives in pieces of any size: the elements of a JSON array, the lines of NDJSON or
 * the rows of CSV, whichever the text is. Looks at brackets, quotes and line ends only; what a record says, and whether
 * it is well-formed, is for the sink to say.
 */
export class RecordSplitter {
  readonly #scene: Scene;
  /** Set when the text is told apart. */
  #scanner: Scanner | undefined;
  #refused = false;

  constructor(sink: RecordSink, maxRecordBytes: number) {
    this.#scene = { window: new TextWindow(), sink, maxRecordBytes };
  }

  /** The rest of the text is of no use: what is wrong has been reported. */
  get stopped(): boolean {
    return this.#refused || (this.#scanner?.stopped ?? false);
  }

  /** Goes on with the next piece of the text. */
  push(chunk: Buffer): void {
    const { window, maxRecordBytes } = this.#scene;
    window.append(chunk);
    const { text } = window;
    this.#scanner ??= this.#scanStart(text);
    this.#scan(text);
    while (this.#scanner !== undefined && !this.stopped && window.unfinished > maxRecordBytes) {
      this.#scanner.onTooLarge(text);
      this.#scan(text);
    }
  }

  /** There is no more text. */
  end(): void {
    const { window } = this.#scene;
    const { text } = window;
    if (this.#scanner === undefined) {
      // Half a byte order mark.
      if (!this.#refused && window.scanned < text.length) this.#refuse(NOT_A_USERS_FILE);
      return;
    }
    while (!this.stopped) {
      this.#scanner.end(text);
      if (this.#scanner.next === undefined) return;
      this.#scan(text);
    }
  }

  /** One scanner may hand over to another one. */
  #scan(text: Buffer): void {
    while (this.#scanner !== undefined && !this.stopped) {
      const { next } = this.#scanner;
      this.#scanner.next = undefined;
      this.#scanner = next ?? this.#scanner;
      this.#scanner.scan(text);
      if (this.#scanner.next === undefined) return;
    }
  }

  /** Skips a byte order mark and blanks up to the character that tells what the text is. */
  #scanStart(text: Buffer): Scanner | undefined {
    const { window } = this.#scene;
    let at = window.scanned;
    if (window.isAtStart && at === 0) {
      if (BYTE_ORDER_MARK.equals(text.subarray(0, 3))) {
        window.skipByteOrderMark(3);
        at = 3;
      } else if (BYTE_ORDER_MARK.subarray(0, text.length).equals(text)) {
        // Too little to tell.
        return undefined;
      }
    }
    for (; at < text.length; at++) {
      const byte = text[at] as number;
      if (byte === NEWLINE) {
        window.newLine(at);
      } else if (!isBlank(byte)) {
        break;
      }
    }
    window.scanned = at;
    window.start = at;
    if (at === text.length) {
      return undefined;
    }
    if (text[at] === OPEN_BRACE) {
      return new EnvelopeScanner(this.#scene);
    }
    if (text[at] === OPEN_BRACKET) {
      window.scanned++;
      return new ArrayScanner(this.#scene);
    }
    if (UTF16_MARK.includes(text[at] as number)) {
      this.#refuse("not a users file: UTF-16, not UTF-8");
      return undefined;
    }
    return new RowScanner(this.#scene);
  }

  #refuse(message: string): void {
    this.#refused = true;
    this.#scene.sink.onProblem(message);
  }
}
