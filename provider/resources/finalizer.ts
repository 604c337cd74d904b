import type * as pulumi from "@pulumi/pulumi";
import type { Job, SourceInfo, Summary } from "../results/types";
import { ShimResource } from "./shim";

/** What the Finalizer is told of a batch. */
export interface BatchReview {
  readonly summary: Summary;
  readonly jobs: readonly Job[];
  readonly failedAt: string;
  readonly source: SourceInfo;
}

/** Arguments of the Finalizer; see `UserImportArgs`. */
export interface FinalizerArgs {
  users: pulumi.Input<string[] | undefined>;
  sealed: pulumi.Input<boolean>;
  resultsDir: pulumi.Input<string>;
  maxFailures: pulumi.Input<number | string | undefined>;
  batches: pulumi.Input<pulumi.Input<BatchReview>[]>;
}

/** Reviews all batches when they are done: gathers the failed records in one file that can be imported, and judges. */
export class Finalizer extends ShimResource {
  /** The sum over all batches. */
  declare readonly summary: pulumi.Output<Summary>;
  /** The file with the failed records, relative to the program; absent where none failed. */
  declare readonly failedRecordsFile: pulumi.Output<string | undefined>;

  constructor(name: string, args: FinalizerArgs, opts?: pulumi.CustomResourceOptions) {
    super("Finalizer", name, { ...args }, ["summary", "failedRecordsFile", "reviewed", "complete"], [], opts);
  }
}
