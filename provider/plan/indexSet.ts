/** A set of records, by their numbers: a byte for each record of the source, where a `Set` takes forty for each member. */
export class IndexSet {
  #members = new Uint8Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(index: number): boolean {
    return this.#members[index] === 1;
  }

  delete(index: number): void {
    if (!this.has(index)) return;
    this.#members[index] = 0;
    this.#size--;
  }

  add(index: number): this {
    if (this.has(index)) return this;
    if (index >= this.#members.length) {
      const longer = new Uint8Array(2 * index);
      longer.set(this.#members);
      this.#members = longer;
    }
    this.#members[index] = 1;
    this.#size++;
    return this;
  }
}
