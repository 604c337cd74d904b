import type { Replay } from "../../journal/replay";
import { unpackRecord } from "../../ledger/entry";
import type { Fingerprint } from "../../ledger/fingerprint";
import { neverIn } from "../../ledger/ledger";
import { MEMBERSHIP_GROUPS } from "../../plan/memberships";
import type { Books } from "../books";
import type { BatchResult } from "../types";
import { recalled, unsettled } from "./granted";
import type { GrantList } from "./grantList";

/**
 * What runs gave, or were about to, that ended before it was saved: afterwards it could not be told from what somebody had
 * before us.
 */
export class EarlierGrants {
  /** To users of whom nothing else is known yet, as positions. */
  readonly #inDoubt: Map<Fingerprint, readonly number[]>;

  constructor(
    private readonly books: Books,
    private readonly grants: GrantList,
    before: Pick<BatchResult, "grantsInDoubt"> | undefined,
  ) {
    this.#inDoubt = new Map((before?.grantsInDoubt ?? []).map(([identity, ...positions]) => [identity, positions]));
  }

  /** What the next run has to know, where this one does not come to it. */
  get result(): Pick<BatchResult, "grantsInDoubt"> {
    if (this.#inDoubt.size === 0) return {};
    return { grantsInDoubt: [...this.#inDoubt].map(([identity, positions]) => [identity, ...positions] as const) };
  }

  takeUp({ grants, memberships }: Pick<Replay, "grants" | "memberships">): void {
    for (const { position, grant } of grants) this.grants.restore(position, grant);
    for (const { members, isDone } of memberships) {
      for (const { identity, after } of members) {
        if (this.books.ledger.has(identity)) this.books.change(identity, (known) => recalled(known, after, isDone));
        else this.#inDoubt.set(identity, unpackRecord(after).given ?? []);
      }
    }
  }

  /** Once this run has found who is there: users who are adopted are in no journal. */
  settle(): void {
    const { ledger } = this.books;
    for (const [identity, positions] of this.#inDoubt) {
      if (!ledger.has(identity) || neverIn(ledger.stateOf(identity))) continue;
      this.books.change(identity, (known) => {
        const all = new Set([...(known.given ?? []), ...positions]);
        return unsettled(
          known,
          [...all].sort((a, b) => a - b),
          MEMBERSHIP_GROUPS,
        );
      });
      this.#inDoubt.delete(identity);
    }
  }
}
