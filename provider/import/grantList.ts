import type { GrantText } from "../plan/memberships";

/**
 * All that was ever given, in a list that only grows: what the ledger says of a user are positions in it. So a name that
 * the program renamed or removed can still be taken away.
 */
export class GrantList {
  readonly #grants: GrantText[];
  readonly #positions = new Map<GrantText, number>();

  /** @param note is told of each that is new, before anybody is said to have it. */
  constructor(
    before: readonly GrantText[] | undefined,
    private readonly note: (position: number, grant: GrantText) => void,
  ) {
    this.#grants = [...(before ?? [])];
    for (const [position, grant] of this.#grants.entries()) this.#positions.set(grant, position);
  }

  get all(): readonly GrantText[] {
    return this.#grants;
  }

  /** Of a run whose state was not saved. */
  restore(position: number, grant: GrantText): void {
    this.#grants[position] = grant;
    this.#positions.set(grant, position);
  }

  /** Ascending. */
  positionsOf(grants: readonly GrantText[]): number[] {
    return grants.map((grant) => this.#positionOf(grant)).sort((a, b) => a - b);
  }

  at(positions: readonly number[]): GrantText[] {
    return positions.map((position) => this.#grants[position] as GrantText);
  }

  #positionOf(grant: GrantText): number {
    const known = this.#positions.get(grant);
    if (known !== undefined) return known;
    const position = this.#grants.push(grant) - 1;
    this.#positions.set(grant, position);
    this.note(position, grant);
    return position;
  }
}
