import path from "node:path";
import { REASONS } from "../import/findings";
import type { BatchResult } from "../import/types";
import type { BatchReview } from "../resources/finalizer";
import { identityOf, normalizeUser, type User } from "../schema/identity";
import { prepareUser, refusalOf, type UnsupportedPasswordHash } from "../schema/prepare";
import type { Source, SourceRecord } from "../source";
import { type Listed, writeCompleteLists } from "./completeLists";
import { type FailedRow, removeFailedRecordsCsv, writeFailedRecordsCsv } from "./failedRecordsCsv";
import { removeFailedRecords, writeFailedRecords } from "./failedRecordsFile";
import { usersInConflict } from "./oneLine";
import { fromRanges } from "./ranges";
import type { ReportData } from "./report";
import type { ReportVerification } from "./report/verification";
import { FAILED_RECORDS, INVALID_RECORDS_CSV, REPORT } from "./resultsFolder";
import { type DifferenceCount, type FailedAt, type FailedRecord, mergeSummaries, type NotAppliedAt } from "./types";
import { removeWholeFile } from "./wholeFile";

/** What the results are written from. */
export interface Results {
  /** Relative to the program. */
  readonly resultsDir: string;
  /** Of the import. */
  readonly name: string;
  readonly connectionId: string;
  readonly batches: readonly BatchReview[];
  /** For the complete lists; absent where not all batches are at hand: then the lists stay as they are. */
  readonly listed: readonly (Listed & Pick<BatchResult, "conflicts">)[] | undefined;
  readonly transform: string | undefined;
  readonly unsupportedPasswordHash: UnsupportedPasswordHash;
  readonly maxActiveJobs: number;
  /** Why the run ended before all was done. */
  readonly problem?: string;
  /** Where workers write, and nobody has collected: how many batches this is about, and how many the import has. */
  readonly byWorkers?: ReportData["byWorkers"];
  /** Who is there, as the connection was read back; or why it could not be. */
  readonly verification?: ReportVerification | undefined;
  readonly unverified?: string | undefined;
  /** Where the records lie whose users were brought and are missing, and the first of them. */
  readonly missing?: { readonly at: string; readonly records: readonly FailedRecord[] } | undefined;
}

/** The files that were written, relative to the program. */
export interface WrittenResults {
  readonly reportFile: string;
  readonly failedRecordsFile?: string;
}

/**
 * Writes what people act on: the failed records whole, rebuilt from the source since the service masks their secrets; a
 * table of them; complete lists of what was not applied and who has no password; and the report.
 *
 * @param openSource is called where there is something to list.
 */
export async function writeResults(results: Results, openSource: () => Promise<Source>): Promise<WrittenResults> {
  const { resultsDir, transform } = results;
  const directory = path.resolve(resultsDir);
  const failures = failuresOf(failedAtOf(results));
  // What a preview found is among the failed records now.
  await removeWholeFile(directory, INVALID_RECORDS_CSV);
  if (failures.size === 0) {
    await removeFailedRecords(directory);
    await removeFailedRecordsCsv(directory);
  } else {
    const source = await openSource();
    const failed = () => source.records((index) => failures.has(index));
    // What a transform has made is not what goes through it when the file is imported.
    const asWritten = ({ user, raw }: SourceRecord) => (transform === undefined ? normalizeUser(user) : raw);
    await writeFailedRecords(directory, mapped(failed(), asWritten));
    await writeFailedRecordsCsv(directory, rows(failed(), failures, results));
  }
  if (results.listed !== undefined) await writeCompleteLists(directory, results.listed, openSource);
  await writeReportOf(directory, results);
  return {
    reportFile: path.posix.join(resultsDir, REPORT),
    ...(failures.size === 0 ? {} : { failedRecordsFile: path.posix.join(resultsDir, FAILED_RECORDS) }),
  };
}

/** How the records failed, by their place in the source. */
function failuresOf(failedAt: readonly FailedAt[]): Map<number, Omit<FailedAt, "at">> {
  const failures = new Map<number, Omit<FailedAt, "at">>();
  for (const { at, ...failure } of failedAt) {
    for (const index of fromRanges(at)) failures.set(index, failure);
  }
  return failures;
}

/** Of the batches, and of the verification. */
function failedAtOf({ batches, missing }: Results): FailedAt[] {
  const ofBatches = batches.flatMap(({ failedAt }) => failedAt);
  return missing === undefined ? ofBatches : [...ofBatches, { code: "MISSING", at: missing.at }];
}

function failedRecordsOf({ batches, missing }: Results): FailedRecord[] {
  return [...batches.flatMap(({ failedRecords }) => failedRecords), ...(missing?.records ?? [])];
}

async function* mapped(records: AsyncIterable<SourceRecord>, to: (record: SourceRecord) => User): AsyncIterable<User> {
  for await (const record of records) yield to(record);
}

async function* rows(
  records: AsyncIterable<SourceRecord>,
  failures: ReadonlyMap<number, Omit<FailedAt, "at">>,
  results: Results,
): AsyncIterable<FailedRow> {
  const listed = new Map(failedRecordsOf(results).map((record) => [`${record.file}:${record.line}`, record]));
  for await (const { index, file, line, user: asItStands } of records) {
    const failure = failures.get(index) as Omit<FailedAt, "at">;
    const { user } = prepareUser(asItStands, results.unsupportedPasswordHash);
    const identity = identityOf(user);
    // Of those beyond the list only the code is known any more, and what our own rules say.
    const reason =
      listed.get(`${file}:${line}`) ?? (failure.kind === undefined ? refusalOf(user, asItStands) : undefined);
    yield {
      ...failure,
      file,
      line,
      user,
      ...(identity === undefined ? {} : { identity }),
      ...(reason === undefined ? {} : { message: reason.message }),
      ...(reason?.path === undefined ? {} : { path: reason.path }),
    };
  }
}

async function writeReportOf(directory: string, results: Results): Promise<void> {
  const { batches, name, connectionId, maxActiveJobs, problem, verification, unverified, listed, byWorkers } = results;
  const differences = mergeDifferences(batches);
  // Loaded where there is something to draw: the charts' library costs more time than a preview.
  const { writeReport } = await import("./report.js");
  await writeReport(directory, {
    name,
    connectionId,
    started: undefined,
    finished: undefined,
    summary: mergeSummaries(batches.map(({ summary }) => summary)),
    jobs: batches.flatMap(({ jobs, batch }) => jobs.map((job) => ({ ...job, batch }))),
    failures: failureCounts(failedAtOf(results)),
    failedRecords: failedRecordsOf(results),
    notApplied: differences.filter(({ conflict }) => !conflict),
    conflicts: {
      differences: differences.filter(({ conflict }) => conflict),
      first: (listed ?? []).flatMap(({ conflicts = [] }) => conflicts),
      users: conflictUsers(results),
      deleted: conflictUsers(results, DELETED),
    },
    passwordResetRequired: batches.reduce((sum, { passwordResets }) => sum + passwordResets, 0),
    interruptions: batches
      .flatMap(({ interruptions }) => interruptions)
      .map(({ at, reason }) => ({ at: new Date(at), reason })),
    maxActiveJobs,
    ...(problem === undefined ? {} : { problem }),
    ...(byWorkers === undefined ? {} : { byWorkers }),
    ...(verification === undefined ? {} : { verification }),
    ...(unverified === undefined ? {} : { unverified }),
  });
}

function failureCounts(failedAt: readonly FailedAt[]) {
  const counts = new Map<string, Omit<FailedAt, "at"> & { users: number }>();
  for (const { at, ...failure } of failedAt) {
    const name = `${failure.code} ${failure.kind}`;
    counts.set(name, { ...failure, users: (counts.get(name)?.users ?? 0) + fromRanges(at).length });
  }
  return [...counts.values()];
}

/** Of users who are not in the connection any more. */
const DELETED: readonly string[] = [REASONS.deleted, REASONS.notFound];

/** How many users have a conflict, for one of these reasons or for any; where not all batches are at hand, at least. */
export function conflictUsers(
  { listed, batches }: Pick<Results, "listed" | "batches">,
  reasons?: readonly string[],
): number {
  const isMeant = ({ reason }: Pick<NotAppliedAt, "reason">) => reasons === undefined || reasons.includes(reason);
  if (listed === undefined) {
    const counts = mergeDifferences(batches).filter((each) => each.conflict && isMeant(each));
    return Math.max(0, ...counts.map(({ users }) => users));
  }
  return listed.reduce((sum, { notAppliedAt = [] }) => sum + usersInConflict(notAppliedAt.filter(isMeant)), 0);
}

/** The sum over batches. */
export function mergeDifferences(batches: readonly Pick<BatchReview, "differences">[]): DifferenceCount[] {
  const sums = new Map<string, DifferenceCount>();
  for (const each of batches.flatMap(({ differences }) => differences)) {
    const name = `${each.attribute} ${each.reason}`;
    sums.set(name, { ...each, users: (sums.get(name)?.users ?? 0) + each.users });
  }
  return [...sums.values()];
}
