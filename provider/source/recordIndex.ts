import { Column } from "./column";

/**
 * Where each record's bytes lie: 16 bytes a record, so that a million users cost 16 MB and not a gigabyte of objects.
 * Records are numbered from 0 across all files, in the order of the source.
 */
export class RecordIndex {
  readonly #offsets = new Column((length) => new Float64Array(length));
  readonly #lengths = new Column((length) => new Uint32Array(length));
  readonly #lines = new Column((length) => new Uint32Array(length));
  #count = 0;
  /** The number of the first record that is not in the file any more, for each file. */
  readonly #fileEnds: number[] = [];

  get count(): number {
    return this.#count;
  }

  /** @returns the record's number */
  add(offset: number, length: number, line: number): number {
    const index = this.#count++;
    this.#offsets.set(index, offset);
    this.#lengths.set(index, length);
    this.#lines.set(index, line);
    return index;
  }

  /** All records of a file are added; the next one is the next file's. */
  endFile(): void {
    this.#fileEnds.push(this.#count);
  }

  /** How many records the file has that was ended as the so-many-th, from 0. */
  countIn(file: number): number {
    return (this.#fileEnds[file] as number) - (this.#fileEnds[file - 1] ?? 0);
  }

  /** Byte offset in the unpacked text of the record's file. */
  offset(index: number): number {
    return this.#offsets.at(index);
  }

  /** In bytes. */
  length(index: number): number {
    return this.#lengths.at(index);
  }

  /** The 1-based line on which the record starts. */
  line(index: number): number {
    return this.#lines.at(index);
  }

  /** The number of the record's file, from 0. */
  file(index: number): number {
    let low = 0;
    let high = this.#fileEnds.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (index < (this.#fileEnds[middle] as number)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}
