/** A place in a text, with the start of its line, from which its column can be counted. */
export interface TextPosition {
  /** In bytes from the start of the text. */
  readonly offset: number;
  /** 1-based. */
  readonly line: number;
  /** The byte offset at which that line starts. */
  readonly lineStart: number;
}

/** The part of a text that is not done with, of a text that arrives in pieces of any size. */
export class TextWindow {
  #buffer: Buffer = Buffer.alloc(0);
  #filled = 0;
  /** The text's offset of the buffer's first byte. */
  #base = 0;
  #line = 1;
  #lineStart = 0;
  /** Where in `text` the unfinished record starts; all before is done with. */
  start = 0;
  /** Up to where `text` is scanned. */
  scanned = 0;

  /** Starts with some that is done with. Another one after `append`. */
  get text(): Buffer {
    return this.#buffer.subarray(0, this.#filled);
  }

  /** Whether `text` starts where the whole text does. */
  get isAtStart(): boolean {
    return this.#base === 0;
  }

  /** In bytes. */
  get unfinished(): number {
    return this.#filled - this.start;
  }

  append(chunk: Buffer): void {
    if (this.#filled + chunk.length > this.#buffer.length) {
      const { unfinished } = this;
      const needed = unfinished + chunk.length;
      // Doubling keeps a long record from being moved for every chunk of it.
      const target = needed * 2 <= this.#buffer.length ? this.#buffer : Buffer.allocUnsafe(needed * 2);
      this.#buffer.copy(target, 0, this.start, this.#filled);
      this.#buffer = target;
      this.#base += this.start;
      this.scanned -= this.start;
      this.#filled = unfinished;
      this.start = 0;
    }
    chunk.copy(this.#buffer, this.#filled);
    this.#filled += chunk.length;
  }

  /** A line ends at this place in `text`. */
  newLine(at: number): void {
    this.#line++;
    this.#lineStart = this.#base + at + 1;
  }

  /** Editors give a byte order mark no column. */
  skipByteOrderMark(bytes: number): void {
    this.#lineStart = bytes;
  }

  position(at: number): TextPosition {
    return { offset: this.#base + at, line: this.#line, lineStart: this.#lineStart };
  }

  /** Scans again from a place that is not done with. */
  returnTo({ offset, line, lineStart }: TextPosition): void {
    this.scanned = offset - this.#base;
    this.start = this.scanned;
    this.#line = line;
    this.#lineStart = lineStart;
  }
}
