import type { JournalMember } from "../journal/format";
import { type KnownRecord, type PackedRecord, packRecord, unpackRecord } from "../ledger/entry";
import type { Fingerprint } from "../ledger/fingerprint";
import type { LedgerEntry } from "../ledger/ledger";
import { entryInDoubt } from "./entryAfter";

/**
 * Users who are in the tenant, and to whom something was sent of which nobody knows whether it has arrived. The ledger
 * knows less of them then; but as long as the run lasts, what was known before, and what is if it has arrived, are here:
 * what the tenant has tells which of them it is.
 */
export class Unanswered {
  readonly #states = new Map<Fingerprint, readonly PackedRecord[]>();

  /** @returns what is certain of the user now. */
  add({ identity, after }: JournalMember, known: LedgerEntry): LedgerEntry {
    const states = this.#states.get(identity) ?? [packRecord(known)];
    this.#states.set(identity, [...states, after]);
    return entryInDoubt(unpackRecord(after), known);
  }

  /** An answer has come. */
  settle(identity: Fingerprint): void {
    this.#states.delete(identity);
  }

  /** What may be known of a user; empty where no answer is missing. */
  statesOf(identity: Fingerprint): readonly KnownRecord[] {
    return (this.#states.get(identity) ?? []).map(unpackRecord);
  }
}
