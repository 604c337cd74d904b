import { mask } from "./redact";
import type { Conflict, FailedRecord } from "./types";

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

function first<T extends { readonly file: string; readonly line: number }>(
  records: readonly T[],
  users: number,
  why: (record: T) => string,
): string {
  const inOrder = records.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
  const lines = inOrder.slice(0, FIRST_RECORDS).map((record) => `\n  ${record.file}:${record.line} ${why(record)}`);
  return `${lines.join("")}${users > lines.length ? "\n  …" : ""}`;
}
