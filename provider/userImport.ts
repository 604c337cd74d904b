import * as pulumi from "@pulumi/pulumi";
import { Finalizer } from "./resources/finalizer";
import { ImportKey } from "./resources/importKey";
import { refuseImport } from "./resources/shim";
import { type ImportArgs, UserBatch } from "./resources/userBatch";
import { type FailedRecord, type Job, MAX_LISTED_RECORDS, type SourceInfo, type Summary } from "./results/types";

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
   * The folder for the failed records, relative to the program. It holds personal data: keep it out of version control.
   *
   * @default ".user-import/STACK/NAME"
   */
  resultsDir?: pulumi.Input<string>;
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
  /** The first 1,000 records that failed, batch by batch; a secret. Never a password hash. */
  readonly failedRecords: pulumi.Output<FailedRecord[]>;
  /** The file with all failed records, whole, which can itself be imported; absent where none failed. */
  readonly failedRecordsFile: pulumi.Output<string | undefined>;
  /** The users files, as they were when they were read. */
  readonly source: pulumi.Output<SourceInfo>;

  constructor(name: string, args: UserImportArgs, opts: pulumi.ComponentResourceOptions = {}) {
    refuseImport("UserImport", name, opts);
    super("auth0import:UserImport", name, {}, opts);
    const { batches = 1, maxFailures, resultsDir, ...shared } = args;
    if (!Number.isInteger(batches) || batches < 1 || batches > MAX_BATCHES) {
      throw new pulumi.RunError(
        `UserImport "${name}": batches must be a whole number from 1 to ${MAX_BATCHES}, not ${String(batches)}.`,
      );
    }
    const child = { parent: this };
    const { key } = new ImportKey(`${name}-key`, child);
    const all = Array.from(
      { length: batches },
      (_, index) =>
        new UserBatch(
          `${name}-${String(index).padStart(2, "0")}`,
          {
            ...shared,
            key,
            share: { index, count: batches },
            externalId: pulumi
              .output(args.externalId)
              .apply((prefix) => prefix ?? `${pulumi.getProject()}/${pulumi.getStack()}/${name}`)
              .apply((prefix) => (batches === 1 ? prefix : `${prefix}/${String(index).padStart(2, "0")}`)),
          },
          child,
        ),
    );
    const finalizer = new Finalizer(
      `${name}-results`,
      {
        users: pulumi.output(args.users).apply((users) => (typeof users === "string" ? [users] : users)),
        sealed: args.sealed ?? false,
        resultsDir: resultsDir ?? `.user-import/${fileName(pulumi.getStack())}/${fileName(name)}`,
        maxFailures,
        batches: all.map(({ summary, jobs, failedAt, source }) => pulumi.output({ summary, jobs, failedAt, source })),
      },
      child,
    );
    this.summary = finalizer.summary;
    this.jobs = pulumi.all(all.map((batch) => batch.jobs)).apply((jobs) => jobs.flat());
    this.failedRecords = pulumi.secret(
      pulumi
        .all(all.map((batch) => batch.failedRecords))
        .apply((records) => records.flat().slice(0, MAX_LISTED_RECORDS)),
    );
    this.failedRecordsFile = finalizer.failedRecordsFile;
    this.source = (all[0] as UserBatch).source;
    const { summary, failedRecords, failedRecordsFile, source } = this;
    this.registerOutputs({ summary, jobs: this.jobs, failedRecords, failedRecordsFile, source });
  }
}

/** A name as part of a path. */
function fileName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, "_");
}
