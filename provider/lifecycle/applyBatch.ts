import path from "node:path";
import type { BatchResult } from "../import/types";
import type { ReadSource } from "../plan/readSource";
import { count, countOf } from "../progress/batchProgress";
import { firstConflicts, firstFailures, secondAccounts } from "../results/firstFailures";
import { conflictsTold, listFailures, usersInConflict } from "../results/oneLine";
import { asGiven, CONFLICTS_CSV, FAILED_RECORDS_CSV } from "../results/resultsFolder";
import { type Tenant, tenantOf } from "../tenant/client";
import { type Credentials, QUEUE, resolveLimits } from "../tenant/credentials";
import {
  batchSource,
  durationMs,
  Inputs,
  importName,
  isOfImport,
  type Outputs,
  readSource,
  saysTheSame,
  wantsFailedAgain,
} from "./batch";
import { credentialsFor } from "./credentials";
import { config, log, optional, type Properties, partialFailure } from "./engine";
import { keepReview, writeResultsOfFailure } from "./failedRun";
import { markMissing } from "./missingUsers";
import { type BatchHost, type BatchRun, runBatch } from "./runBatch";
import { endWithoutEngine, stop, whileWatched } from "./stop";
import { isToVerify, keepToVerify } from "./toVerify";

/** Imports, and returns the outputs. What was achieved before something went wrong is kept in the error it throws. */
export async function applyBatch(id: string, properties: Properties, old: Outputs | undefined): Promise<Properties> {
  const inputs = Inputs.parse(properties);
  const credentials = credentialsFor(inputs);
  const queue = config(QUEUE);
  try {
    const ran =
      queue === undefined
        ? await runHere(inputs, credentials, old)
        : await runAtWorkers(queue, inputs, credentials, old);
    const { outputs, achieved, isSettled, problem } = ran;
    if (problem === undefined) {
      keepReview(inputs, outputs);
      keepToVerify(inputs, outputs);
      // Of an import its Finalizer tells it, when all batches are done.
      const anew = isOfImport(inputs) ? undefined : secondAccounts([outputs], "the output failedRecords");
      if (anew !== undefined) throw partialFailure(id, properties, { ...outputs }, anew);
      return { ...outputs };
    }
    if (!achieved) throw withOutcome(problem, isSettled);
    keepReview(inputs, outputs);
    await writeResultsOfFailure(inputs, (await readSource(inputs, false)).source, problem.message);
    throw partialFailure(id, properties, { ...outputs }, `${problem.message} ${progressOf(outputs, inputs)}`);
  } finally {
    endWithoutEngine();
  }
}

async function runHere(inputs: Inputs, credentials: Credentials, old: Outputs | undefined): Promise<BatchRun> {
  const { share, resourceUrn } = inputs;
  const tenant = tenantOf(credentials, resolveLimits(config));
  const read = await readSource(inputs, false);
  if (inputs.source !== undefined && !saysTheSame(inputs.source, batchSource(read, share))) {
    await log.warn(resourceUrn, "The users files changed after they were checked. They are imported as they are now.");
  }
  const before = await knownBefore(old, inputs, async () => ({ read, tenant }));
  return runBatch(inputs, read, before, { tenant, stop, ...dates(inputs), ...engineHost(inputs), watch: whileWatched });
}

/** The same by a worker that takes the batch from a queue. The code for that is loaded by nobody else. */
async function runAtWorkers(
  url: string,
  inputs: Inputs,
  credentials: Credentials,
  state: Outputs | undefined,
): Promise<BatchRun> {
  const { carryOutAtWorkers } = await import("../../queue/index.js");
  const limits = resolveLimits(config);
  const old = await knownBefore(state, inputs, async () => ({
    read: await readSource(inputs, false),
    tenant: tenantOf(credentials, limits),
  }));
  const { maxActiveJobs, requestsPerSecond } = limits;
  const { deadline, created } = dates(inputs);
  const { show, inform, warn, warnOnce, verifies } = engineHost(inputs);
  const task = {
    ...{ inputs, verifies, mayHaveSent: created !== undefined },
    ...optional({ old, requestsPerSecond: requestsPerSecond && requestsPerSecond / maxActiveJobs }),
  };
  const waiting = {
    ...{ since: new Date(performance.timeOrigin), stop, show: (line: string, last?: boolean) => void show(line, last) },
    ...optional({ deadline }),
  };
  const { outputs, achieved, isSettled, problem, notes } = await whileWatched(
    undefined,
    () => {},
    () => carryOutAtWorkers(url, credentials, { task, state, maxActiveJobs }, waiting),
  );
  for (const { severity, message, once } of notes) {
    await (severity === "info" ? inform : once ? warnOnce : warn)(message);
  }
  if (outputs === undefined) throw new Error(problem);
  return { outputs, achieved, isSettled, ...(problem === undefined ? {} : { problem: new Error(problem) }) };
}

/** What is known of a batch: where failed records are sent again, who is missing as one who never came in. */
async function knownBefore(
  old: Outputs | undefined,
  inputs: Inputs,
  open: () => Promise<{ readonly read: ReadSource; readonly tenant: Tenant }>,
): Promise<Outputs | undefined> {
  if (old === undefined || !wantsFailedAgain(old, inputs)) return old;
  const { read, tenant } = await open();
  return markMissing(old, inputs, read, read.indicesOf(inputs.share), tenant);
}

/** What the line of the resource has, and what the program has said. */
function engineHost({ resourceUrn }: Inputs): Pick<BatchHost, "show" | "inform" | "warn" | "warnOnce" | "verifies"> {
  return {
    verifies: isToVerify(resourceUrn),
    show: (line, last) => log.live(resourceUrn, line, last),
    inform: (message) => log.info(resourceUrn, message),
    warn: (message) => log.warn(resourceUrn, message),
    warnOnce: async (message) => {
      const what = `${importName(resourceUrn)} ${message}`;
      if (saidOnce.has(what)) return;
      saidOnce.add(what);
      await log.warn(resourceUrn, message);
    },
  };
}

/** What this process has said of imports, whose batches would all say it. */
const saidOnce = new Set<string>();

function dates(inputs: Inputs): Pick<BatchHost, "deadline" | "created"> {
  const deadline = durationMs(inputs.deadline);
  return {
    ...beforeThisRun(inputs.created),
    // Counted from the start of the process, which is the start of the run.
    ...(deadline === undefined ? {} : { deadline: new Date(performance.timeOrigin + deadline) }),
  };
}

/** A key that was made by this run was never used by another. */
function beforeThisRun(created: string | undefined): Pick<BatchHost, "created"> {
  if (created === undefined || Date.parse(created) >= performance.timeOrigin) return {};
  return { created: new Date(created) };
}

/** Says of a run that has achieved nothing what became of the users, where the problem itself does not. */
function withOutcome({ message }: Error, isSettled: boolean): Error {
  if (!isSettled) {
    return new Error(
      `${message} Whether Auth0 took the job that was sent is not known. It is in the journal. Run \`pulumi up\` again, which finds it out.`,
    );
  }
  if (message.includes("Nothing was sent.")) return new Error(message);
  return new Error(`${message} Nothing was sent. Run \`pulumi up\` again when the cause is gone.`);
}

/** How far a run came that has ended early, and who failed in it: a failed update leaves the stack's outputs as they were. */
function progressOf(result: BatchResult, { resultsDir }: Inputs): string {
  const { summary, failedRecords, failedAt, conflicts = [], differences, notAppliedAt } = result;
  const { total, inserted, updated, unchanged, adopted, failed, outdated, invalid, notApplied } = summary;
  const wrong = failed + outdated + invalid;
  const done = inserted + updated + unchanged + adopted + wrong + notApplied + summary.conflicts;
  const saved =
    done < total
      ? `${count(done)} of ${countOf(total, "user")} are dealt with, and that is saved. Run \`pulumi up\` again: it goes on with the rest.`
      : `All ${countOf(total, "user")} are dealt with, and that is saved. Run \`pulumi up\` again: nothing is left to be sent.`;
  const list = (name: string) => asGiven(path.posix.join(resultsDir, name));
  const inConflict = usersInConflict(notAppliedAt);
  const failures = `${countOf(wrong, "user")} failed (${listFailures([{ failedAt }])}), all of them in ${list(FAILED_RECORDS_CSV)}:${firstFailures(failedRecords, wrong)}`;
  const told = `${conflictsTold(inConflict, differences, list(CONFLICTS_CSV))}:${firstConflicts(conflicts, inConflict)}`;
  return [saved + (wrong === 0 ? "" : ` ${failures}`), ...(inConflict === 0 ? [] : [told])].join(
    wrong === 0 ? " " : "\n",
  );
}
