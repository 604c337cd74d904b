import { count } from "../progress/batchProgress";
import { fromRanges } from "./ranges";
import type { DifferenceCount, FailedAt } from "./types";

// What results come to, in one line.

/** The codes of failures and how often each occurs: `DUPLICATED_USER 12, FORMAT 3`. */
export function listCodes(codes: ReadonlyMap<string, number>): string {
  return [...codes]
    .sort(([, a], [, b]) => b - a)
    .map(([code, users]) => `${code} ${count(users)}`)
    .join(", ");
}

/** The same of batches. */
export function listFailures(batches: readonly { readonly failedAt: readonly FailedAt[] }[]): string {
  const codes = new Map<string, number>();
  for (const { code, at } of batches.flatMap(({ failedAt }) => failedAt)) {
    codes.set(code, (codes.get(code) ?? 0) + fromRanges(at).length);
  }
  return listCodes(codes);
}

/**
 * What can't be brought to the tenant, in one line.
 *
 * @param list where it says of whom.
 */
export function differenceLine(differences: readonly DifferenceCount[], list: string): string {
  const attributes = new Map<string, number>();
  for (const { attribute, users } of differences) attributes.set(attribute, (attributes.get(attribute) ?? 0) + users);
  return `the file has changes that an import can't apply to users who exist (${listCodes(attributes)}): see ${list}`;
}
