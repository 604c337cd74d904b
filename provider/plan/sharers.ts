import { type Fingerprint, NO_IDENTITY } from "../ledger/fingerprint";

/**
 * The records whose fingerprint of identity an earlier record has, too. Where they are of other users, and not of the
 * same one, the ledger would take two users for one.
 *
 * @param identities the fingerprints, by the records' numbers.
 * @param counts whether a record counts: not one that another record of the same user overrides or keeps out.
 */
export function sharersOf(identities: Float64Array, counts: (index: number) => boolean): number[] {
  // A million numbers sort in a tenth of a second, and hardly ever are two of them the same.
  const sorted = identities.slice().sort();
  const shared = new Set<Fingerprint>();
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) shared.add(sorted[i] as Fingerprint);
  shared.delete(NO_IDENTITY);
  if (shared.size === 0) return [];
  const taken = new Set<Fingerprint>();
  const sharers: number[] = [];
  for (const [index, identity] of identities.entries()) {
    if (!shared.has(identity) || !counts(index)) continue;
    if (taken.has(identity)) sharers.push(index);
    taken.add(identity);
  }
  return sharers;
}
