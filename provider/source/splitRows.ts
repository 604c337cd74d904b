import { CARRIAGE_RETURN, COMMA, isBlank, NEWLINE, QUOTE, SEMICOLON } from "./bytes";
import { NOT_A_USERS_FILE } from "./recordSink";
import { Scanner, type Scene } from "./scanner";
import type { TextPosition } from "./textWindow";

/** A first line that is longer is no header. */
const MAX_HEADER_BYTES = 1 << 20;

/** The rows of CSV, the header first. */
export class RowScanner extends Scanner {
  #hasHeader = false;
  /** Of the unfinished row, up to where it is scanned. */
  #inQuotes = false;
  protected recordAt: TextPosition;

  constructor(scene: Scene) {
    super(scene);
    this.recordAt = this.window.position(this.window.start);
  }

  /** A line end inside of quotes belongs to a cell. A doubled quote closes and opens again, so it needs no care. */
  scan(text: Buffer): void {
    const { window } = this;
    let quote = find(text, QUOTE, window.scanned);
    let newline = find(text, NEWLINE, window.scanned);
    while (Math.min(quote, newline) < text.length && !this.stopped) {
      if (quote < newline) {
        this.#inQuotes = !this.#inQuotes;
        quote = find(text, QUOTE, quote + 1);
        continue;
      }
      if (!this.#inQuotes) {
        this.#emitRow(text, newline);
        window.start = newline + 1;
      }
      window.newLine(newline);
      if (!this.#inQuotes) {
        this.recordAt = window.position(window.start);
      }
      newline = find(text, NEWLINE, newline + 1);
    }
    window.scanned = text.length;
    if (!this.#hasHeader && !this.stopped && window.unfinished > MAX_HEADER_BYTES) this.stop(NOT_A_USERS_FILE);
  }

  end(text: Buffer): void {
    this.#emitRow(text, text.length);
  }

  #emitRow(text: Buffer, lineEnd: number): void {
    const { start } = this.window;
    const end = text[lineEnd - 1] === CARRIAGE_RETURN && lineEnd > start ? lineEnd - 1 : lineEnd;
    if (isEmptyRow(text, start, end)) {
      return;
    }
    if (this.#hasHeader) {
      this.emit(text, start, end, this.recordAt);
    } else if (end - start > MAX_HEADER_BYTES) {
      this.stop(NOT_A_USERS_FILE);
    } else {
      const verdict = this.sink.onHeader(text, start, end, this.recordAt);
      this.#hasHeader = verdict === "header";
      this.stopped = verdict === "refused";
    }
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
