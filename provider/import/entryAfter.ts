import { withUnknownHad } from "../census/written";
import type { Outcome } from "../journal/format";
import type { Attributes } from "../ledger/attributes";
import { type KnownRecord, lastingOf, unknownHad } from "../ledger/entry";
import { NO_RECORD } from "../ledger/fingerprint";
import { failureCode, type LedgerEntry, neverIn, type UserState } from "../ledger/ledger";
import { type ChunkKind, commonAttributes, withoutFactors } from "../plan/delta";
import { FACTORS_FAILED } from "./codes";

/**
 * What the ledger says of a user after a job. Who is in the tenant stays there when an update of them fails.
 *
 * @param after what the tenant has if all went well; the `attempt` is what is to be remembered if not.
 * @param earlier what they have for certain, should an earlier job have brought them without our being told.
 * @returns `undefined` where it says nothing of them.
 */
export function entryAfter(
  kind: ChunkKind,
  { attempt, ...reached }: KnownRecord,
  outcome: Exclude<Outcome, "existing">,
  before: LedgerEntry | undefined,
  earlier: Attributes | undefined,
): LedgerEntry | undefined {
  if (outcome === "passwordSet") return before === undefined ? undefined : withRefusedHash(before, reached);
  const code = failureCode(outcome);
  if (code === undefined) return { ...originOf(outcome, reached, before), state: outcome };
  const tried = attempt === undefined ? {} : { attempt };
  if (before !== undefined && !neverIn(before.state)) {
    const { attributes, had, ...rest } =
      code === FACTORS_FAILED
        ? { ...before, attributes: withoutFactors(reached.attributes, before.attributes), had: reached.had }
        : before;
    const other = had === undefined ? {} : { had };
    return { ...rest, attributes, ...other, record: reached.record, ...tried, state: `outdated:${code}` };
  }
  // Who was there before, and got all but the factors.
  if (kind === "upsert" && code === FACTORS_FAILED) {
    const attributes = withoutFactors(reached.attributes);
    return { ...reached, attributes, ...tried, origin: "adopted", state: `outdated:${code}` };
  }
  // Should they be in the tenant all the same, it is with this record or with an earlier one.
  const attributes = earlier === undefined ? reached.attributes : commonAttributes(earlier, reached.attributes);
  return { ...reached, attributes, ...tried, state: `failed:${code}` };
}

/** What is known for certain of a user who was in the tenant before, after a job of which no answer tells. */
export function entryInDoubt(after: KnownRecord, { had: before, ...known }: LedgerEntry): LedgerEntry {
  const attributes = commonAttributes(known.attributes, after.attributes);
  const had = unknownHad(before, after.had, attributes.unknown ?? []);
  return { ...known, record: NO_RECORD, attributes, ...(had === undefined ? {} : { had }) };
}

/** A user whom a run has brought with an earlier version of the record. */
export function entryOfEarlier(attributes: LedgerEntry["attributes"], broughtHash: boolean, run: number): LedgerEntry {
  const known = { record: NO_RECORD, attributes, differs: false, run } as const;
  return { ...known, state: "inserted", origin: "inserted", ...(broughtHash ? { broughtHash } : {}) };
}

/** A user whom a run has written. Of whom something is unknown, that was last written by an earlier one. */
export function writtenBy(run: number, entry: LedgerEntry, before: LedgerEntry | undefined): LedgerEntry {
  const isUnknown = Object.values(entry.attributes.booleans).includes("unknown");
  return isUnknown && before !== undefined ? entry : { ...entry, run };
}

/** A user whom an import brought or found, with what is known of them for good. */
function originOf(state: UserState, reached: KnownRecord, before: LedgerEntry | undefined): KnownRecord {
  if (state === "inserted") {
    const hasHash = reached.attributes.prints.custom_password_hash !== undefined;
    return { ...reached, origin: "inserted", ...(hasHash ? { broughtHash: true } : {}) };
  }
  // Unseen: nobody knows what the tenant has.
  if (state === "adopted") return { ...withUnknownHad(reached), origin: "adopted" };
  if (before === undefined || neverIn(before.state)) return { origin: "adopted", ...reached };
  // A journal of 0.1 says nothing of it.
  const { passwordSet: _, ...lasting } = lastingOf(before);
  return { ...lasting, ...reached };
}

/** A user who keeps their password: the record's hash is not sent again until it changes. */
function withRefusedHash(before: LedgerEntry, { record, attributes: { prints } }: KnownRecord): LedgerEntry {
  const hash = prints.custom_password_hash;
  const { attributes } = before;
  return {
    ...{ ...before, record, differs: true, passwordSet: true },
    attributes: {
      ...attributes,
      prints: { ...attributes.prints, ...(hash === undefined ? {} : { custom_password_hash: hash }) },
    },
  };
}
