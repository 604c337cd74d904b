/** Pieces of work on their way. */
export class Works {
  readonly #works = new Set<Promise<void>>();

  /** @param fail is told what goes wrong in one of them. */
  constructor(private readonly fail: (error: unknown) => void) {}

  get size(): number {
    return this.#works.size;
  }

  add(work: Promise<void>): void {
    const settled = work.catch(this.fail);
    this.#works.add(settled);
    void settled.finally(() => this.#works.delete(settled));
  }

  /** Resolves when fewer than so many are on their way. */
  async fewerThan(limit: number): Promise<void> {
    while (this.size >= limit) await Promise.race(this.#works);
  }

  /** Resolves when none is on its way any more, also of those that have joined meanwhile. */
  async ended(): Promise<void> {
    while (this.size > 0) await Promise.all(this.#works);
  }
}
