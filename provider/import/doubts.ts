import type { JournalMember } from "../journal/format";
import type { Attributes } from "../ledger/attributes";
import { unpackRecord } from "../ledger/entry";
import type { Fingerprint } from "../ledger/fingerprint";
import { commonAttributes } from "../plan/delta";

/** A user whom we may have brought. */
export interface Doubt {
  /** What the tenant has of the user then, as far as is certain: each time it may have been another record. */
  readonly attributes: Attributes;
  /** When the first of these jobs was sent. */
  readonly since: Date;
}

/**
 * Whom we may have brought without being told: users of insert jobs of which nobody knows what came. A job is doubtful
 * whose answer was lost, that failed as a whole, or that vanished. A user stays here until an answer settles it: they
 * came in with a later job, or they are found in the tenant (`Duplicates`).
 */
export class Doubts implements Iterable<[Fingerprint, Doubt]> {
  readonly #doubts = new Map<Fingerprint, Doubt>();

  /** An insert job with this record was sent, and no answer says what came of it. */
  add({ identity, after }: JournalMember, sentAt: Date): void {
    const { attributes } = unpackRecord(after);
    const earlier = this.#doubts.get(identity);
    this.#doubts.set(
      identity,
      earlier === undefined
        ? { attributes, since: sentAt }
        : { attributes: commonAttributes(earlier.attributes, attributes), since: earlier.since },
    );
  }

  get size(): number {
    return this.#doubts.size;
  }

  get(identity: Fingerprint): Doubt | undefined {
    return this.#doubts.get(identity);
  }

  settle(identity: Fingerprint): void {
    this.#doubts.delete(identity);
  }

  [Symbol.iterator](): Iterator<[Fingerprint, Doubt]> {
    return this.#doubts[Symbol.iterator]();
  }
}
