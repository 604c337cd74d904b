import { type Fingerprint, NO_RECORD } from "../ledger/fingerprint";
import type { FingerprintTable } from "../ledger/fingerprintTable";
import { failureCode, type Ledger, type LedgerEntry, neverIn } from "../ledger/ledger";
import { JOB_FAILED } from "./codes";
import type { Doubt } from "./doubts";

// What is entered into the ledger at the end of a run.

/** Who may have been brought, and was not settled: no sound record of theirs is in the source any more. */
export function keepDoubts(ledger: Ledger, doubts: Iterable<[Fingerprint, Doubt]>): void {
  for (const [identity, { attributes }] of doubts) {
    if (ledger.has(identity)) continue;
    ledger.set(identity, { record: NO_RECORD, attributes, differs: false, state: `failed:${JOB_FAILED}` });
  }
}

/** @returns how many are in the tenant, and no longer in the source. */
export function setRemoved(ledger: Ledger, seen: Pick<FingerprintTable, "get">): number {
  let removed = 0;
  for (const identity of ledger.identities()) {
    if (seen.get(identity) !== undefined) continue;
    const { attempt, ...known } = ledger.get(identity) as LedgerEntry;
    if (neverIn(known.state)) {
      // Of a job that failed as a whole they may have come in all the same.
      if (failureCode(known.state) !== JOB_FAILED) ledger.delete(identity);
      continue;
    }
    // Should a record come back whose update failed, it is to be looked at.
    const record = failureCode(known.state) === undefined ? known.record : NO_RECORD;
    ledger.set(identity, { ...known, record, state: "removed" });
    removed++;
  }
  return removed;
}

/** When each of the batch's runs ended that last wrote some user: ISO 8601, UTC, by its number. */
export function runEnds(
  ledger: Ledger,
  before: Readonly<Record<string, string>> = {},
  run: number,
): Record<string, string> {
  const ends: Record<string, string> = {};
  for (const number of ledger.runs()) {
    const end = number === run ? new Date().toISOString() : before[number];
    if (end !== undefined) ends[number] = end;
  }
  return ends;
}
