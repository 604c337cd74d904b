/**
 * Where each record's bytes lie: 16 bytes a record, so that a million users cost 16 MB and not a gigabyte of objects.
 * Records are numbered from 0 across all files, in the order of the source.
 */
export class RecordIndex {
  #offsets = new Float64Array(1024);
  #lengths = new Uint32Array(1024);
  #lines = new Uint32Array(1024);
  #count = 0;
  /** The number of the first record that is not in the file any more, for each file. */
  readonly #fileEnds: number[] = [];

  get count(): number {
    return this.#count;
  }

  /** @returns the record's number */
  add(offset: number, length: number, line: number): number {
    const index = this.#count++;
    if (index === this.#offsets.length) {
      this.#offsets = grown(this.#offsets, new Float64Array(index * 2));
      this.#lengths = grown(this.#lengths, new Uint32Array(index * 2));
      this.#lines = grown(this.#lines, new Uint32Array(index * 2));
    }
    this.#offsets[index] = offset;
    this.#lengths[index] = length;
    this.#lines[index] = line;
    return index;
  }

  /** All records of a file are added; the next one is the next file's. */
  endFile(): void {
    this.#fileEnds.push(this.#count);
  }

  /** Byte offset in the unpacked text of the record's file. */
  offset(index: number): number {
    return this.#offsets[index] as number;
  }

  /** In bytes. */
  length(index: number): number {
    return this.#lengths[index] as number;
  }

  /** The 1-based line on which the record starts. */
  line(index: number): number {
    return this.#lines[index] as number;
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

function grown<Column extends Float64Array | Uint32Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
