import type { Attributes } from "../../ledger/attributes";
import { type KnownRecord, type PackedRecord, unpackRecord } from "../../ledger/entry";
import { type Fingerprint, NO_RECORD } from "../../ledger/fingerprint";
import { failureCode, type LedgerEntry, neverIn } from "../../ledger/ledger";
import { MEMBERSHIP_GROUPS, type MembershipGroup } from "../../plan/memberships";

// What the ledger says of a user whose roles and memberships are given and taken.

/**
 * It is not known yet what comes of it, or nothing came of it: what the record says in these groups is to be looked at
 * again, whatever becomes of the run, and whatever the file says then.
 */
export function unsettled(
  known: LedgerEntry,
  given: readonly number[],
  groups: readonly MembershipGroup[],
): LedgerEntry {
  const { attributes } = known;
  const prints = { ...attributes.prints };
  for (const group of groups) delete prints[group];
  return { ...withGiven(known, given), record: NO_RECORD, attributes: { ...attributes, prints } };
}

/**
 * @param prints of what the record said of them
 * @param record where all else that it says is dealt with, too; `undefined` where that is not known
 */
export function granted(
  known: LedgerEntry,
  given: readonly number[],
  prints: Attributes["prints"],
  record: Fingerprint | undefined,
): LedgerEntry {
  const { attributes } = known;
  const isDealtWith = record !== undefined && known.record === NO_RECORD && failureCode(known.state) === undefined;
  return {
    ...withGiven(known, given),
    attributes: { ...attributes, prints: { ...attributes.prints, ...prints } },
    ...(isDealtWith ? { record } : {}),
  };
}

/** After a run whose state was not saved. @param isDone or only about to be */
export function recalled(known: LedgerEntry, after: PackedRecord, isDone: boolean): LedgerEntry {
  if (neverIn(known.state)) return known;
  const { given = [], attributes } = unpackRecord(after);
  if (!isDone) {
    const all = [...new Set([...(known.given ?? []), ...given])].sort((a, b) => a - b);
    return unsettled(
      known,
      all,
      MEMBERSHIP_GROUPS.filter((group) => attributes.prints[group] === undefined),
    );
  }
  const { roles, organizations } = attributes.prints;
  const prints = { ...(roles !== undefined && { roles }), ...(organizations !== undefined && { organizations }) };
  return granted(known, given, prints, undefined);
}

function withGiven<T extends KnownRecord>({ given: _, ...known }: T, given: readonly number[]) {
  return { ...known, ...(given.length === 0 ? {} : { given }) };
}
