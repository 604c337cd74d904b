import { count } from "../progress/batchProgress";
import type { DifferenceCount } from "./types";

// What results come to, in one line.

/** The codes of failures and how often each occurs: `DUPLICATED_USER 12, FORMAT 3`. */
export function listCodes(codes: ReadonlyMap<string, number>): string {
  return [...codes]
    .sort(([, a], [, b]) => b - a)
    .map(([code, users]) => `${code} ${count(users)}`)
    .join(", ");
}

/** What can't be brought to the tenant, in one line. */
export function differenceLine(differences: readonly DifferenceCount[]): string {
  const attributes = new Map<string, number>();
  for (const { attribute, users } of differences) attributes.set(attribute, (attributes.get(attribute) ?? 0) + users);
  return `the file has changes that an import can't apply to users who exist (${listCodes(attributes)}): see the output notApplied`;
}
