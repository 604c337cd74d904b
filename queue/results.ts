import { batchName, importName, type Outputs } from "../provider/lifecycle/batch";
import type { ReadSource } from "../provider/plan/readSource";
import { type Results, writeResults } from "../provider/results/writeResults";
import type { Connected } from "./connect";
import type { Ended, Task } from "./task";

/** A batch that is at rest, without its ledger: that of a million users takes 40 MB. */
type Came = Pick<Ended, "problem"> & { readonly outputs?: Omit<Outputs, "ledger"> };

/**
 * How all batches of an import have ended that the queue has; `undefined` while one of them is still to be carried out.
 * A worker asks when it has saved how its own batch ended, and before that leaves its hands: so whoever is last sees that
 * all are at rest, and where it dies, its batch is the next worker's, who asks again.
 *
 * @param id the asking worker's own batch, which is at rest.
 */
export async function atRest(at: Connected, importId: string, id: string): Promise<Came[] | undefined> {
  const jobs = await at.batchesOf(importId);
  for (const job of jobs) {
    const isAtRest = job.id === id || job.data.ended !== undefined || (await job.isFailed());
    if (!isAtRest) return undefined;
  }
  const all: Came[] = [];
  for (const { id: name = "", data, failedReason } of jobs) {
    const ended = data.ended && ((await at.blobs.get(data.ended, name)) as Ended | undefined);
    // How an earlier run has ended, whose outputs the store has no more, is no news.
    const problem = data.ended === undefined ? failedReason : ended?.problem;
    const { ledger: _, ...outputs } = ended?.outputs ?? {};
    all.push({
      ...(problem === undefined ? {} : { problem }),
      ...(ended?.outputs === undefined ? {} : { outputs: outputs as Omit<Outputs, "ledger"> }),
    });
  }
  return all;
}

/**
 * Writes what the Finalizer writes, also while nobody waits: of the batches that came from these users files, so that the
 * places hold where failed records lie.
 *
 * @returns the report's path, relative to the program; `undefined` where no batch came from these files.
 */
export async function writeResultsOf(
  came: readonly Came[],
  { inputs, verifies }: Task,
  { source }: ReadSource,
  maxActiveJobs: number,
): Promise<string | undefined> {
  const { resultsDir, resourceUrn, connectionId, transform, unsupportedPasswordHash } = inputs;
  const batches = came.flatMap(({ outputs }) =>
    outputs?.source.digest === source.digest ? [{ ...outputs, batch: batchName(outputs.resourceUrn) }] : [],
  );
  if (batches.length === 0) return undefined;
  batches.sort((a, b) => a.share.index - b.share.index);
  const problem = came.find((each) => each.problem !== undefined)?.problem;
  const all = inputs.share.count;
  const results: Results = {
    ...{ resultsDir, connectionId, transform, unsupportedPasswordHash, maxActiveJobs, batches },
    name: importName(resourceUrn),
    listed: batches.length < all ? undefined : batches,
    byWorkers: { batches: batches.length, of: all },
    ...(problem === undefined ? {} : { problem }),
    ...(verifies ? { unverified: "The next update reads the connection back, when it collects the batches." } : {}),
  };
  return (await writeResults(results, async () => source)).reportFile;
}
