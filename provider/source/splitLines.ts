import { isBlank, NEWLINE } from "./bytes";
import { Scanner } from "./scanner";
import type { TextPosition } from "./textWindow";

/** The lines of NDJSON. */
export class LineScanner extends Scanner {
  scan(text: Buffer): void {
    const { window } = this;
    let newline = text.indexOf(NEWLINE, window.scanned);
    while (newline !== -1 && !this.stopped) {
      this.#emitLine(text, newline);
      window.newLine(newline);
      window.start = newline + 1;
      newline = text.indexOf(NEWLINE, window.start);
    }
    window.scanned = text.length;
  }

  end(text: Buffer): void {
    this.#emitLine(text, text.length);
  }

  protected get recordAt(): TextPosition {
    return this.window.position(this.window.start);
  }

  protected override get endsAnyway(): boolean {
    return true;
  }

  #emitLine(text: Buffer, lineEnd: number): void {
    let { start } = this.window;
    let end = lineEnd;
    while (start < end && isBlank(text[start] as number)) {
      start++;
    }
    while (end > start && isBlank(text[end - 1] as number)) {
      end--;
    }
    if (end > start) {
      this.emit(text, start, end, this.window.position(start));
    }
  }
}
