import { type Given, givenOf, keptText } from "../../plan/memberships";

/**
 * All that was ever given, by the names that records had for it, in a list that only grows: what the ledger says of a user
 * are positions in it. So a name that the program renamed or removed can still be taken away.
 */
export class GrantList {
  readonly #kept: string[];
  readonly #positions = new Map<string, number>();

  /** @param note is told of each that is new, before anybody is said to have it. */
  constructor(
    before: readonly string[] | undefined,
    private readonly note: (position: number, kept: string) => void,
  ) {
    this.#kept = [...(before ?? [])];
    for (const [position, kept] of this.#kept.entries()) this.#positions.set(kept, position);
  }

  /** As the outputs keep them. */
  get all(): readonly string[] {
    return this.#kept;
  }

  /** Of a run whose state was not saved. */
  restore(position: number, kept: string): void {
    this.#kept[position] = kept;
    this.#positions.set(kept, position);
  }

  /** Ascending, each once. */
  positionsOf(given: readonly Given[]): number[] {
    return [...new Set(given.map((each) => this.#positionOf(keptText(each))))].sort((a, b) => a - b);
  }

  at(positions: readonly number[] = []): Given[] {
    return givenAt(this.#kept, positions);
  }

  #positionOf(kept: string): number {
    const known = this.#positions.get(kept);
    if (known !== undefined) return known;
    const position = this.#kept.push(kept) - 1;
    this.#positions.set(kept, position);
    this.note(position, kept);
    return position;
  }
}

export function givenAt(kept: readonly string[] | undefined, positions: readonly number[] | undefined): Given[] {
  return (positions ?? []).map((position) => givenOf(kept?.[position] ?? ""));
}
