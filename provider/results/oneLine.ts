import { count, countOf } from "../progress/batchProgress";
import { fromRanges } from "./ranges";
import type { DifferenceCount, FailedAt, NotAppliedAt } from "./types";

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

const OF_MEMBERSHIPS: ReadonlySet<string> = new Set(["MEMBERSHIP_FAILED", "UNKNOWN_ROLE", "UNKNOWN_ORGANIZATION"]);

/** Whether a failure is of a role or a membership alone: the user is in Auth0. */
export function isOfMembership({ code }: { readonly code: string }): boolean {
  return OF_MEMBERSHIPS.has(code);
}

/** ` 2 of them are in Auth0, and lack a role or a membership.`; empty where nobody does. */
export function lackingTold(batches: readonly { readonly failedAt: readonly FailedAt[] }[]): string {
  const failed = batches.flatMap(({ failedAt }) => failedAt.filter(isOfMembership));
  const users = failed.reduce((sum, { at }) => sum + fromRanges(at).length, 0);
  if (users === 0) return "";
  return ` ${count(users)} of them ${users === 1 ? "is in Auth0, and lacks" : "are in Auth0, and lack"} a role or a membership.`;
}

/**
 * What can't be brought to the tenant, in one line; `undefined` where there is nothing but conflicts.
 *
 * @param list where it says of whom.
 */
export function differenceLine(differences: readonly DifferenceCount[], list: string): string | undefined {
  const attributes = attributesOf(differences.filter(({ conflict }) => !conflict));
  if (attributes.size === 0) return undefined;
  return `the file has changes that an import can't apply to users who exist (${listCodes(attributes)}): see ${list}`;
}

/** How many users have a conflict. */
export function usersInConflict(notAppliedAt: readonly NotAppliedAt[] = []): number {
  return new Set(notAppliedAt.flatMap(({ at, conflict }) => (conflict ? fromRanges(at) : []))).size;
}

/**
 * The conflicts after a run.
 *
 * @param users who have any.
 * @param list where it says of whom.
 */
export function conflictsTold(users: number, differences: readonly DifferenceCount[], list: string): string {
  const attributes = attributesOf(differences.filter(({ conflict }) => conflict));
  return `${countOf(users, "conflict")} (${listCodes(attributes)}): changed in the file and in Auth0, too, or of users who are not there as they were. They are left as they are in Auth0, and listed in ${list}`;
}

/** What a preview says of them: what there will be, the tenant knows. */
export function conflictsBefore(users: number): string {
  return `${countOf(users, "conflict")} from the last run`;
}

function attributesOf(differences: readonly DifferenceCount[]): ReadonlyMap<string, number> {
  const attributes = new Map<string, number>();
  for (const { attribute, users } of differences) attributes.set(attribute, (attributes.get(attribute) ?? 0) + users);
  return attributes;
}
