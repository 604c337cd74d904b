import pLimit from "p-limit";
import type { BatchResult } from "../import/types";
import type { BatchReview } from "../resources/finalizer";
import type { Listed } from "../results/completeLists";
import { asGiven } from "../results/resultsFolder";
import type { Source } from "../source";
import { resolveLimits } from "../tenant/credentials";
import { batchName, type Inputs, importName, type Outputs } from "./batch";
import { config, log } from "./engine";
import { partInRun } from "./lastRun";

/** What a batch has come to, with what the Finalizer takes from here. */
type Reviewed = BatchReview & Listed & Pick<BatchResult, "conflicts">;

/**
 * What the batches of an import have come to, in this run or in an earlier one that left nothing to do, by their URNs:
 * for the results of a run that fails.
 */
const reviewed = new Map<string, { readonly resultsDir: string; readonly review: Reviewed }>();

export function keepReview({ resourceUrn, resultsDir }: Inputs, outputs: Outputs): void {
  const { ledger: _, ...known } = outputs;
  reviewed.set(resourceUrn, { resultsDir, review: { ...known, batch: batchName(resourceUrn) } });
}

/**
 * Where all lie whom the complete lists are about, and the conflicts. The Finalizer takes it from here: a new output of the batches would
 * be unknown to it at the preview of a state of 0.1. `undefined` where not all batches are in this run.
 */
export function listedIn(resultsDir: string, batches: number): readonly Reviewed[] | undefined {
  const known = reviewsIn(resultsDir);
  return known.length < batches ? undefined : known;
}

/** Batches can fail at one time, and write the same files. The last to do so knows of them all. */
const oneAtATime = pLimit(1);

/** A run that fails never comes to the Finalizer: what is known by then is written here. */
export async function writeResultsOfFailure(inputs: Inputs, source: Source, problem: string): Promise<void> {
  const { resultsDir, resourceUrn, connectionId, transform, unsupportedPasswordHash } = inputs;
  const { writeResults } = await import("../results/writeResults.js");
  const results = {
    resultsDir,
    name: importName(resourceUrn),
    connectionId,
    transform,
    unsupportedPasswordHash,
    maxActiveJobs: resolveLimits(config).maxActiveJobs,
    problem,
  };
  try {
    await oneAtATime(() => {
      const listed = reviewsIn(resultsDir);
      const batches = listed.map((review) => partInRun(review, review.source.digest === source.digest));
      return writeResults({ ...results, batches, listed }, async () => source);
    });
  } catch (error) {
    // The failure itself is what the user has to know of.
    const { code } = error as NodeJS.ErrnoException;
    await log.warn(
      resourceUrn,
      `The report on this run can't be written to "${asGiven(resultsDir)}" (${code ?? "unknown error"}). What the run has done is saved all the same. Choose another folder, or make room.`,
    );
  }
}

/** What is known so far of the batches of an import, by its results folder: of those alone that are done, or had nothing to do. */
export function reviewsIn(resultsDir: string): Reviewed[] {
  return [...reviewed.values()].filter((each) => each.resultsDir === resultsDir).map(({ review }) => review);
}
