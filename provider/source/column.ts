type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array;

const CHUNK_BITS = 14;
const CHUNK = 2 ** CHUNK_BITS;

/** A column of numbers that grows by chunks: one that doubled would leave as much behind for the garbage collector. */
export class Column<T extends Numbers> {
  readonly #chunks: T[] = [];

  /** @param make a chunk of this length, all 0. */
  constructor(private readonly make: (length: number) => T) {}

  /** 0 where nothing was set. */
  at(index: number): number {
    return this.#chunks[index >>> CHUNK_BITS]?.[index & (CHUNK - 1)] ?? 0;
  }

  set(index: number, value: number): void {
    const number = index >>> CHUNK_BITS;
    while (number >= this.#chunks.length) this.#chunks.push(this.make(CHUNK));
    (this.#chunks[number] as T)[index & (CHUNK - 1)] = value;
  }

  /** The first so many of them. */
  copy(length: number): T {
    const copy = this.make(length);
    for (const [number, chunk] of this.#chunks.entries()) {
      const start = number * CHUNK;
      if (start >= length) break;
      copy.set(chunk.subarray(0, length - start), start);
    }
    return copy;
  }
}
