import type * as pulumi from "@pulumi/pulumi";
import type { DifferenceCount, FailedAt, FailedRecord, Interruption, Job, SourceInfo, Summary } from "../results/types";
import type { UnsupportedPasswordHash } from "../schema/prepare";
import type { Verification } from "../verification/types";
import { inPreview, ShimResource } from "./shim";

/** What the Finalizer is told of a batch. */
export interface BatchReview {
  /** Its name. */
  readonly batch: string;
  readonly summary: Summary;
  readonly jobs: readonly Job[];
  readonly failedAt: readonly FailedAt[];
  readonly failedRecords: readonly FailedRecord[];
  readonly differences: readonly DifferenceCount[];
  readonly passwordResets: number;
  readonly interruptions: readonly Interruption[];
  readonly source: SourceInfo;
  /** The digest of its share that the tenant reflects. */
  readonly applied?: string | undefined;
}

/** What the Finalizer keeps of a batch, to know at its next review which batches have run since. */
export interface ReviewedBatch {
  /** A digest of what it told. */
  readonly review: string;
  readonly isOfLastRun: boolean;
}

/** Arguments of the Finalizer; see `UserImportArgs`. */
export interface FinalizerArgs {
  connectionId: pulumi.Input<string>;
  users: pulumi.Input<string[] | undefined>;
  transform: pulumi.Input<string | undefined>;
  nullText: pulumi.Input<string[] | undefined>;
  merge: pulumi.Input<boolean | undefined>;
  unsupportedPasswordHash: pulumi.Input<UnsupportedPasswordHash>;
  sealed: pulumi.Input<boolean>;
  resultsDir: pulumi.Input<string>;
  maxFailures: pulumi.Input<number | string | undefined>;
  verify: pulumi.Input<boolean | undefined>;
  maxMissing: pulumi.Input<number | string | undefined>;
  verifyTriggers: pulumi.Input<pulumi.Input<unknown>[] | undefined>;
  /** `check` takes them out and leaves their digest, `reviewed`: they are in the state already, as the batches' outputs. */
  batches: pulumi.Input<pulumi.Input<BatchReview>[]>;
}

/** Reviews all batches when they are done: writes the results for people, and judges. */
export class Finalizer extends ShimResource {
  /** The sum over all batches. */
  declare readonly summary: pulumi.Output<Summary>;
  /** The file with the failed records, relative to the program; absent where none failed. */
  declare readonly failedRecordsFile: pulumi.Output<string | undefined>;
  /** What a verification has found; absent where there was none. */
  declare readonly verification: pulumi.Output<Verification | undefined>;
  /** The first 1,000 of the users who are missing by it; a secret. */
  declare readonly missingRecords: pulumi.Output<FailedRecord[] | undefined>;
  /** The report, relative to the program. */
  declare readonly reportFile: pulumi.Output<string>;
  /** The users files; absent where an early 0.1 reviewed the batches last. */
  declare readonly source: pulumi.Output<SourceInfo | undefined>;
  /** Which batches the last run was about, in their order; likewise. */
  declare readonly reviewedBatches: pulumi.Output<ReviewedBatch[] | undefined>;

  constructor(name: string, args: FinalizerArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, preview: inPreview() };
    const outputs = ["summary", "failedRecordsFile", "reportFile", "source", "reviewedBatches", "review", "complete"];
    const ofVerification = ["verification", "missingRecords"];
    super("Finalizer", name, inputs, [...outputs, ...ofVerification], ["missingRecords"], opts);
  }
}
