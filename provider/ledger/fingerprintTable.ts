import type { Fingerprint } from "./fingerprint";

const EMPTY = -1;
const DELETED = -2;

/** A map from fingerprints to whole numbers of 0 and more, of some 20 bytes an entry: a `Map` takes five times that. */
export class FingerprintTable {
  #keys: Float64Array;
  #values: Int32Array;
  /** Slots that are not empty. */
  #used = 0;
  #size = 0;

  /** @param expected how many entries there will be, where that is known: it need not grow then. */
  constructor(expected = 0) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(64, 2 * expected)));
    this.#keys = new Float64Array(slots);
    this.#values = new Int32Array(slots).fill(EMPTY);
  }

  get size(): number {
    return this.#size;
  }

  get(key: Fingerprint): number | undefined {
    const value = this.#values[this.#slotOf(key)] as number;
    return value < 0 ? undefined : value;
  }

  set(key: Fingerprint, value: number): void {
    let slot = this.#slotOf(key);
    if (this.#values[slot] === EMPTY) {
      if (2 * (this.#used + 1) > this.#keys.length) {
        this.#grow();
        slot = this.#slotOf(key);
      }
      this.#used++;
      this.#keys[slot] = key;
    }
    if ((this.#values[slot] as number) < 0) this.#size++;
    this.#values[slot] = value;
  }

  delete(key: Fingerprint): void {
    const slot = this.#slotOf(key);
    if ((this.#values[slot] as number) < 0) return;
    this.#values[slot] = DELETED;
    this.#size--;
  }

  sortedKeys(): Float64Array {
    const keys = new Float64Array(this.#size);
    let next = 0;
    for (let slot = 0; slot < this.#keys.length; slot++) {
      if ((this.#values[slot] as number) >= 0) keys[next++] = this.#keys[slot] as number;
    }
    return keys.sort();
  }

  /** Where the key is, or would be. Fingerprints are hashes: their low bits are as good as any. */
  #slotOf(key: Fingerprint): number {
    const mask = this.#keys.length - 1;
    let slot = (key >>> 0) & mask;
    while (this.#values[slot] !== EMPTY && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Float64Array(2 * keys.length);
    this.#values = new Int32Array(2 * keys.length).fill(EMPTY);
    this.#used = 0;
    this.#size = 0;
    for (let slot = 0; slot < keys.length; slot++) {
      const value = values[slot] as number;
      if (value >= 0) this.set(keys[slot] as number, value);
    }
  }
}
