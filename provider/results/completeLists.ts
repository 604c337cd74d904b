import { pipeline } from "node:stream/promises";
import type { BatchResult } from "../import/types";
import { identityOf, normalizeUser } from "../schema/identity";
import type { Source } from "../source";
import { csvTable } from "./csvTable";
import { maskIdentity } from "./maskIdentity";
import { fromRanges } from "./ranges";
import { CONFLICTS_CSV, NOT_APPLIED_CSV, PASSWORD_RESET_CSV } from "./resultsFolder";
import type { NotAppliedAt } from "./types";
import { removeWholeFile, writeWholeFile } from "./wholeFile";

// The outputs list the first 1,000 of what is told of users; these files list all of them.

/** Where they lie of a batch; of one that 0.1 has imported it is not known until its next run. */
export type Listed = Pick<BatchResult, "notAppliedAt" | "passwordResetsAt">;

/**
 * Writes the lists, and removes one that would be empty. `not-applied.csv` and `conflicts.csv` hold no personal data:
 * identities are masked. `password-reset-required.csv` is there to write to people, so it has their identifiers whole.
 *
 * @param openSource is called where there is something to list.
 */
export async function writeCompleteLists(
  directory: string,
  batches: readonly Listed[],
  openSource: () => Promise<Source>,
): Promise<void> {
  const all = batches.flatMap(({ notAppliedAt = [] }) => notAppliedAt);
  const withoutPassword = new Set(batches.flatMap(({ passwordResetsAt = "" }) => fromRanges(passwordResetsAt)));
  for (const [name, isIn] of [
    [NOT_APPLIED_CSV, ({ conflict }: NotAppliedAt) => conflict !== true],
    [CONFLICTS_CSV, ({ conflict }: NotAppliedAt) => conflict === true],
  ] as const) {
    const differences = byRecord(all.filter(isIn));
    await write(directory, name, differences.size, async () =>
      csvTable(["file", "line", "identity", "attribute", "reason"], notApplied(await openSource(), differences)),
    );
  }
  await write(directory, PASSWORD_RESET_CSV, withoutPassword.size, async () =>
    csvTable(["file", "line", ...IDENTIFIERS], identifiers(await openSource(), withoutPassword)),
  );
}

const IDENTIFIERS = ["user_id", "email", "username", "phone_number"];

async function write(
  directory: string,
  name: string,
  size: number,
  table: () => Promise<AsyncIterable<string>>,
): Promise<void> {
  if (size === 0) await removeWholeFile(directory, name);
  else await writeWholeFile(directory, name, async (file) => pipeline(await table(), file));
}

/** What differs, by the record's place in the source. */
function byRecord(
  all: readonly NotAppliedAt[],
): Map<number, { readonly attribute: string; readonly reason: string }[]> {
  const differences = new Map<number, { readonly attribute: string; readonly reason: string }[]>();
  for (const { at, attribute, reason } of all) {
    for (const index of fromRanges(at)) {
      const known = differences.get(index);
      if (known === undefined) differences.set(index, [{ attribute, reason }]);
      else known.push({ attribute, reason });
    }
  }
  return differences;
}

async function* notApplied(
  source: Source,
  differences: ReturnType<typeof byRecord>,
): AsyncIterable<(string | number)[]> {
  for await (const { index, file, line, user } of source.records((index) => differences.has(index))) {
    const identity = maskIdentity(identityOf(normalizeUser(user)) ?? "");
    for (const { attribute, reason } of differences.get(index) ?? []) yield [file, line, identity, attribute, reason];
  }
}

async function* identifiers(source: Source, indices: ReadonlySet<number>): AsyncIterable<(string | number)[]> {
  for await (const { index: _, file, line, user } of source.records((index) => indices.has(index))) {
    const normal = normalizeUser(user);
    yield [file, line, ...IDENTIFIERS.map((name) => String(normal[name] ?? ""))];
  }
}
