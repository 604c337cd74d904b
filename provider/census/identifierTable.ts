import { randomInt } from "node:crypto";
import { textHash } from "../plan/textHash";
import { Column } from "../source/column";

/** An entry: a hash in two, and the number. Side by side, since memory is what a look-up waits for. */
const ENTRY = 3;
const CHUNK_BITS = 14;
const CHUNK = 2 ** CHUNK_BITS;

const NONE: readonly number[] = [];

/**
 * Identifiers of users, and a number with each: 12 bytes an identifier, and 5 to 11 for the table. It keeps a 64-bit hash,
 * and not the identifier: that any of a million looked up seems to be there by another one's hash has odds of one in ten
 * million. The hash has a seed of its own, so that nobody can choose an identifier to be taken for somebody else's.
 */
export class IdentifierTable {
  readonly #seed = randomInt(2 ** 32);
  readonly #chunks: Uint32Array[] = [];
  /** The entry with the same identifier that came before, plus 1. */
  readonly #before = new Column((length) => new Uint32Array(length));
  #entries = 0;
  /** The number of an entry plus 1; 0 where there is none. */
  #slots: Uint32Array;

  /** @param expected about how many identifiers there will be, where that is known: it need not grow then. */
  constructor(expected = 0) {
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(4096, (4 * expected) / 3))));
  }

  /** @param kind tells identifiers of one kind from those of another: below 256. */
  add(kind: number, text: string, value: number): void {
    if (4 * (this.#entries + 1) > 3 * this.#slots.length) this.#grow();
    const entry = this.#entries++;
    if (entry % CHUNK === 0) this.#chunks.push(new Uint32Array(ENTRY * CHUNK));
    const [high, low] = this.#hash(kind, text);
    const chunk = this.#chunks[entry >>> CHUNK_BITS] as Uint32Array;
    const at = ENTRY * (entry & (CHUNK - 1));
    chunk[at] = low;
    chunk[at + 1] = high;
    chunk[at + 2] = value;
    const slot = this.#slotOf(high, low);
    const before = this.#slots[slot] as number;
    // However many there are of one, each is found in a step.
    if (before > 0) this.#before.set(entry, before);
    this.#slots[slot] = entry + 1;
  }

  /** The numbers with this identifier, in the order in which they were added. */
  find(kind: number, text: string): readonly number[] {
    const [high, low] = this.#hash(kind, text);
    let entry = this.#slots[this.#slotOf(high, low)] as number;
    if (entry === 0) return NONE;
    const found: number[] = [];
    for (; entry > 0; entry = this.#before.at(entry - 1)) found.push(this.#part(entry - 1, 2));
    return found.length > 1 ? found.reverse() : found;
  }

  #hash(kind: number, text: string): [high: number, low: number] {
    return textHash(Math.imul(this.#seed ^ kind, 0x9e3779b1), text);
  }

  #part(entry: number, part: 0 | 1 | 2): number {
    return (this.#chunks[entry >>> CHUNK_BITS] as Uint32Array)[ENTRY * (entry & (CHUNK - 1)) + part] as number;
  }

  /** Where the hash is, or would have its place. */
  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot] as number;
      if (entry === 0 || (this.#part(entry - 1, 0) === low && this.#part(entry - 1, 1) === high)) return slot;
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(2 * this.#slots.length);
    // In their own order, which is that of the memory: of several with one identifier the last one stays.
    for (let entry = 0; entry < this.#entries; entry++) {
      this.#slots[this.#slotOf(this.#part(entry, 1), this.#part(entry, 0))] = entry + 1;
    }
  }
}
