import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { Finalizer } from "./resources/finalizer";
import { ImportKey } from "./resources/importKey";
import { refuseLittleParallel } from "./resources/parallel";
import { refuseImport } from "./resources/shim";
import { ofThisRun } from "./resources/thisRun";
import { asList, defaultResultsDir, type ImportArgs, resultsPlace, UserBatch } from "./resources/userBatch";
import { placeOfResults } from "./results/resultsFolder";
import {
  type Conflict,
  type FailedRecord,
  type Job,
  MAX_LISTED_RECORDS,
  type NotApplied,
  type PasswordResetRequired,
  type SourceInfo,
  type Summary,
} from "./results/types";
import type { Verification } from "./verification/types";

/** The most batches of one import: each is a resource, and a run's own cost grows with them. */
const MAX_BATCHES = 64;

/** Arguments of {@link UserImport}. */
export interface UserImportArgs extends ImportArgs {
  /**
   * Among how many resources the users are divided, 1 to 64, by a hash of their identity. A batch that is finished is
   * saved in the state, whatever happens to the others. Fixed after the first import.
   *
   * @default 1
   */
  batches?: number;
  /**
   * When all is done and saved, more failed or invalid records than this fail the update: a number, or a share of all
   * users such as `"5%"`. No limit where it is not given.
   */
  maxFailures?: pulumi.Input<number | string>;
  /**
   * Reads the connection back by an export job when all batches are done, where something was sent or nothing is verified
   * yet, and compares it with what was sent: the output `verification`. Users who are missing fail the update, when all is
   * saved. Takes the scope `read:users`.
   *
   * @default false
   */
  verify?: pulumi.Input<boolean>;
  /**
   * So many missing users don't: a number, or a share of those expected such as `"0.1%"`. A change judges what was found
   * anew, without a reading.
   *
   * @default 0
   */
  maxMissing?: pulumi.Input<number | string>;
  /** A change verifies again, also where nothing was sent. Any values. */
  verifyTriggers?: pulumi.Input<pulumi.Input<unknown>[]>;
}

/**
 * Imports the users of a file into an Auth0 database connection, and keeps them in step: what is new in the file is
 * inserted at the next `pulumi up`, what changed is updated, the rest is not touched. Nobody is ever deleted.
 *
 * @example
 * ```ts
 * const everyone = new UserImport("everyone", {
 *   connectionId: "con_0000000000000001",
 *   users: ["export/*.ndjson.gz"],
 *   batches: 16,
 * });
 * export const summary = everyone.summary;
 * export const failedRecords = everyone.failedRecords;
 * ```
 */
export class UserImport extends pulumi.ComponentResource {
  /** How the last run that had something to do ended, over all batches. */
  readonly summary: pulumi.Output<Summary>;
  /** The import jobs of the last run that had something to do, over all batches. */
  readonly jobs: pulumi.Output<Job[]>;
  /** The first 1,000 records that failed, by file and line; a secret. Never a password hash. */
  readonly failedRecords: pulumi.Output<FailedRecord[]>;
  /**
   * The first 1,000 users of whom the file says something that the tenant does not have, because an import job can't
   * bring it there, with the attributes and the reason, by file and line; a secret. Listed for as long as they differ.
   */
  readonly notApplied: pulumi.Output<NotApplied[]>;
  /**
   * The first 1,000 users of whom something that changed in the file was not sent, because it was changed in Auth0, too,
   * or the user is not there any more: the attributes and the reason, by file and line; a secret. Listed for as long as
   * that is so. All of them are in `conflicts.csv`.
   */
  readonly conflicts: pulumi.Output<Conflict[]>;
  /**
   * The first 1,000 users who were imported without a password, by file and line; a secret. Only with
   * `unsupportedPasswordHash: "omit"`.
   */
  readonly passwordResetRequired: pulumi.Output<PasswordResetRequired[]>;
  /** The file with all failed records, whole, which can itself be imported; absent where none failed. */
  readonly failedRecordsFile: pulumi.Output<string | undefined>;
  /**
   * Who is there, as the connection was read back; absent where `verify` is off. All who are not simply there as written
   * are in `verification.csv`, the evidence in `verification.json`.
   */
  readonly verification: pulumi.Output<Verification | undefined>;
  /** The report on the import, a page for people without personal data, relative to the program. */
  readonly reportFile: pulumi.Output<string>;
  /** The users files, as they were when they were read. */
  readonly source: pulumi.Output<SourceInfo>;

  constructor(name: string, args: UserImportArgs, opts: pulumi.ComponentResourceOptions = {}) {
    refuseImport("UserImport", name, opts);
    checkArguments(name, args);
    super("auth0import:UserImport", name, {}, opts);
    const { batches = 1, maxFailures, verify, maxMissing, verifyTriggers, ...others } = args;
    refuseLittleParallel(name, batches);
    const { resultsDir = defaultResultsDir(name), ...shared } = others;
    const child = { parent: this };
    const [users, nullText] = [asList(args.users), asList(args.nullText)];
    const { transform, merge, unsupportedPasswordHash = "fail", sealed = false } = args;
    const divided =
      batches === 1 ? undefined : { users, transform, nullText, merge, unsupportedPasswordHash, sealed, batches };
    const { key, created } = new ImportKey(`${name}-key`, child, divided);
    const all = Array.from(
      { length: batches },
      (_, index) =>
        new UserBatch(
          `${name}-${String(index).padStart(2, "0")}`,
          {
            ...shared,
            resultsDir,
            key,
            created,
            share: { index, count: batches },
            externalId: pulumi
              .output(args.externalId)
              .apply((prefix) => prefix ?? `${pulumi.getProject()}/${pulumi.getStack()}/${name}`)
              .apply((prefix) => (batches === 1 ? prefix : `${prefix}/${String(index).padStart(2, "0")}`)),
          },
          child,
          { verifies: verify },
        ),
    );
    const finalizer = new Finalizer(
      `${name}-results`,
      {
        connectionId: args.connectionId,
        users,
        transform,
        nullText,
        merge,
        unsupportedPasswordHash,
        sealed,
        resultsDir: resultsPlace(resultsDir),
        maxFailures,
        verify,
        maxMissing,
        verifyTriggers,
        batches: all.map((batch) => pulumi.output(reviewOf(batch))),
      },
      child,
    );
    this.summary = finalizer.summary;
    this.jobs = pulumi
      .all([pulumi.all(all.map((batch) => batch.jobs)), finalizer.reviewedBatches])
      .apply(([jobs, reviewed]) => jobs.filter((_, batch) => reviewed?.[batch]?.isOfLastRun ?? true).flat());
    // Asked of the Finalizer only where there is a verification: in a preview, a state that has none knows of no answer.
    const none = pulumi.output<undefined>(undefined);
    const verifies = pulumi.output(verify).apply((is) => is === true);
    this.verification = verifies.apply(
      (is): pulumi.Output<Verification | undefined> => (is ? finalizer.verification : none),
    );
    const missing = verifies.apply(
      (is): pulumi.Output<FailedRecord[] | undefined> => (is ? finalizer.missingRecords : none),
    );
    this.failedRecords = pulumi.secret(
      pulumi
        .all([pulumi.all(all.map((batch) => batch.failedRecords)), missing])
        .apply(([records, missing = []]) => firstInSource([...records.flat(), ...missing])),
    );
    this.notApplied = pulumi.secret(
      pulumi.all(all.map((batch) => batch.notApplied)).apply((users) => firstInSource(users.flat())),
    );
    this.conflicts = pulumi.secret(
      pulumi.all(all.map((batch) => batch.conflicts)).apply((users) => firstInSource(users.flat())),
    );
    this.passwordResetRequired = pulumi.secret(
      pulumi.all(all.map((batch) => batch.passwordResetRequired)).apply((users) => firstInSource(users.flat())),
    );
    this.failedRecordsFile = finalizer.failedRecordsFile;
    this.reportFile = finalizer.reportFile;
    this.source = pulumi
      .all([finalizer.source, (all[0] as UserBatch).source])
      .apply(([source, ofFirstBatch]) => source ?? ofFirstBatch);
    const { summary, jobs, failedRecords, notApplied, passwordResetRequired, failedRecordsFile, reportFile, source } =
      this;
    const { verification, conflicts } = this;
    this.registerOutputs({
      summary,
      jobs,
      failedRecords,
      notApplied,
      conflicts,
      passwordResetRequired,
      failedRecordsFile,
      reportFile,
      source,
      verification,
    });
  }
}

/** What the Finalizer has to know of a batch. */
function reviewOf(batch: UserBatch) {
  const { summary, jobs, failedAt, failedRecords, differences, passwordResets, interruptions, source, applied } = batch;
  const name = batch.urn.apply((urn) => urn.slice(urn.lastIndexOf("::") + 2));
  const listed = { failedAt, failedRecords, differences, passwordResets };
  return { batch: name, summary, jobs, ...listed, interruptions, source, applied };
}

/** The first of what each batch has listed, in the order in which a person finds it. */
function firstInSource<T extends { readonly file: string; readonly line: number }>(items: T[]): T[] {
  const order = (a: T, b: T) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line);
  return items.sort(order).slice(0, MAX_LISTED_RECORDS);
}

/** The arguments that there are. A program in JavaScript is told of a misspelt one by nobody else. */
const ARGUMENTS: Record<keyof UserImportArgs, true> = {
  batches: true,
  censusTimeout: true,
  configNamespace: true,
  connectionId: true,
  credentials: true,
  deadline: true,
  externalId: true,
  generateUserIds: true,
  maxFailures: true,
  maxMembers: true,
  maxMissing: true,
  merge: true,
  nullText: true,
  onConflict: true,
  onExisting: true,
  organizations: true,
  resultsDir: true,
  roles: true,
  sealed: true,
  sendCompletionEmail: true,
  transform: true,
  triggers: true,
  unsupportedPasswordHash: true,
  users: true,
  verify: true,
  verifyTriggers: true,
};

/** The imports of this program by where their results go. */
const resultsDirs = ofThisRun(() => new Map<string, string>());

/** What must be right before there are children to check the rest. */
function checkArguments(name: string, args: UserImportArgs | undefined): void {
  const fail = (reason: string) => {
    throw new pulumi.RunError(`UserImport "${name}": ${reason}.`);
  };
  if (typeof args !== "object" || args === null) fail("connectionId and users are required");
  const { batches = 1, externalId, resultsDir, ...others } = args as UserImportArgs;
  const unknown = Object.keys(others).find((argument) => !(argument in ARGUMENTS));
  if (unknown !== undefined) fail(`there is no argument ${unknown}`);
  if (!Number.isInteger(batches) || batches < 1 || batches > MAX_BATCHES) {
    fail(`batches must be a whole number from 1 to ${MAX_BATCHES}, not ${JSON.stringify(batches)}`);
  }
  if (typeof externalId === "string" && externalId.length > 200) fail("externalId must have at most 200 characters");
  if (typeof resultsDir !== "string") return;
  const folder = path.resolve(placeOfResults(resultsDir));
  const other = resultsDirs().get(folder);
  if (other !== undefined && other !== name) {
    fail(`resultsDir "${resultsDir}" is that of "${other}" already, and each would remove the other's results`);
  }
  resultsDirs().set(folder, name);
}
