import { countOf } from "../progress/batchProgress";
import { fromRanges } from "./ranges";
import { mask } from "./redact";
import type { Conflict, FailedAt, FailedRecord } from "./types";

/** So many records are told one by one. */
export const FIRST_RECORDS = 10;

/**
 * Where the first records that failed stand, and why by its code, a line for each: for messages, of which the state keeps
 * some in the clear. What Auth0 says of a record may quote it, so that is left to the files.
 *
 * @param users who failed, those included who are not listed.
 */
export function firstFailures(records: readonly FailedRecord[], users: number): string {
  return first(records, users, ({ code, path }) => `${code}${path === undefined ? "" : ` (${mask(path)})`}`);
}

/** The same of conflicts: which attributes, and why. */
export function firstConflicts(conflicts: readonly Conflict[], users: number): string {
  return first(conflicts, users, ({ attributes, reason }) => `${attributes.join(", ")}: ${reason}`);
}

/** The code of a user whom an update has made a second time. */
const MADE_ANEW = "MADE_ANEW";

/**
 * What is told of users whom an update has made a second time: it fails the update, when all is saved. `undefined` where
 * there are none.
 *
 * @param list where all of them are.
 */
export function secondAccounts(
  batches: readonly { readonly failedAt: readonly FailedAt[]; readonly failedRecords: readonly FailedRecord[] }[],
  list: string,
): string | undefined {
  const isOne = ({ code }: { readonly code: string }) => code === MADE_ANEW;
  const all = batches.flatMap(({ failedAt }) => failedAt.filter(isOne).flatMap(({ at }) => fromRanges(at)));
  if (all.length === 0) return undefined;
  const records = batches.flatMap(({ failedRecords }) => failedRecords.filter(isOne));
  return `A second account was made in Auth0 for ${countOf(all.length, "user")} (${MADE_ANEW}): each was deleted, or had another email, by the time when the job came to them. All else is saved. Delete the second accounts, and take the emails that these users have in Auth0 over into the file, or remove their records. They are in ${list}:${firstFailures(records, all.length)}`;
}

function first<T extends { readonly file: string; readonly line: number }>(
  records: readonly T[],
  users: number,
  why: (record: T) => string,
): string {
  const inOrder = records.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
  const lines = inOrder.slice(0, FIRST_RECORDS).map((record) => `\n  ${record.file}:${record.line} ${why(record)}`);
  return `${lines.join("")}${users > lines.length ? "\n  …" : ""}`;
}
