import type { WriteStream } from "node:tty";

const SHOW_EVERY_MS = 100;

/** One line on a terminal that is written over again and again; nothing where there is no terminal. */
export class ProgressLine {
  #shown = 0;

  constructor(private readonly terminal: WriteStream) {}

  /** @param line is only called when it is time to show another one. */
  show(line: () => string): void {
    if (!this.terminal.isTTY) return;
    const now = Date.now();
    if (now - this.#shown < SHOW_EVERY_MS) return;
    this.#shown = now;
    // Some terminals don't tell how wide they are.
    const columns = this.terminal.columns || 80;
    this.terminal.write(`\r\u{1b}[K${line().slice(0, columns - 1)}`);
  }

  clear(): void {
    if (this.#shown > 0) this.terminal.write("\r\u{1b}[K");
  }
}
