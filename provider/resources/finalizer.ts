import type * as pulumi from "@pulumi/pulumi";
import type { FailedAt, FailedRecord, Job, NotApplied, SourceInfo, Summary } from "../results/types";
import { inPreview, ShimResource } from "./shim";

/** What the Finalizer is told of a batch. */
export interface BatchReview {
  readonly summary: Summary;
  readonly jobs: readonly Job[];
  readonly failedAt: readonly FailedAt[];
  readonly failedRecords: readonly FailedRecord[];
  readonly notApplied: readonly NotApplied[];
  readonly source: SourceInfo;
}

/** Arguments of the Finalizer; see `UserImportArgs`. */
export interface FinalizerArgs {
  users: pulumi.Input<string[] | undefined>;
  sealed: pulumi.Input<boolean>;
  resultsDir: pulumi.Input<string>;
  maxFailures: pulumi.Input<number | string | undefined>;
  /** `check` takes them out and leaves their digest, `reviewed`: they are in the state already, as the batches' outputs. */
  batches: pulumi.Input<pulumi.Input<BatchReview>[]>;
}

/** Reviews all batches when they are done: gathers the failed records in one file that can be imported, and judges. */
export class Finalizer extends ShimResource {
  /** The sum over all batches. */
  declare readonly summary: pulumi.Output<Summary>;
  /** The file with the failed records, relative to the program; absent where none failed. */
  declare readonly failedRecordsFile: pulumi.Output<string | undefined>;

  constructor(name: string, args: FinalizerArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, preview: inPreview() };
    super("Finalizer", name, inputs, ["summary", "failedRecordsFile", "review", "complete"], [], opts);
  }
}
