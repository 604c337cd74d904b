import path from "node:path";
import { type IdsElsewhere, idsElsewhere, SAMPLED_IDS } from "../import/idsElsewhere";
import { runImport } from "../import/run";
import type { BatchRecords, BatchResult, ImportSettings } from "../import/types";
import { Journal } from "../journal/journal";
import { moveJournal } from "../journal/left";
import { keyId } from "../ledger/fingerprint";
import type { ReadSource } from "../plan/readSource";
import { BatchProgress, count, countOf } from "../progress/batchProgress";
import { firstFailures } from "../results/firstFailures";
import { listFailures } from "../results/oneLine";
import { asGiven, FAILED_RECORDS_CSV } from "../results/resultsFolder";
import type { ConnectionRules } from "../schema/connectionRules";
import { normalizeUser } from "../schema/identity";
import { type Tenant, tenantOf } from "../tenant/client";
import { resolveLimits } from "../tenant/credentials";
import { type Preflight, preflight } from "../tenant/preflight";
import {
  batchSource,
  durationMs,
  Inputs,
  journalFileOf,
  journalFilesOf,
  membershipMaps,
  type Outputs,
  readSource,
  saysTheSame,
  sourceInfo,
  termsOf,
  wantsFailedAgain,
} from "./batch";
import { credentialsFor } from "./credentials";
import { config, log, type Properties, partialFailure } from "./engine";
import { keepReview, writeResultsOfFailure } from "./failedRun";
import { markMissing } from "./missingUsers";
import { readBackOf } from "./sharedReadBack";
import { endWithoutEngine, stop, whileWatched } from "./stop";
import { isToVerify, keepToVerify } from "./toVerify";

/** Imports, and returns the outputs. What was achieved before something went wrong is kept in the error it throws. */
export async function applyBatch(id: string, properties: Properties, old: Outputs | undefined): Promise<Properties> {
  const inputs = Inputs.parse(properties);
  const { connectionId, key, share, resourceUrn } = inputs;
  const tenant = tenantOf(credentialsFor(inputs), resolveLimits(config));
  const read = await readSource(inputs, false);
  const source = batchSource(read, share);
  const indices = read.indicesOf(share);
  const users = indices.length;
  if (inputs.source !== undefined && !saysTheSame(inputs.source, source)) {
    await log.warn(resourceUrn, "The users files changed after they were checked. They are imported as they are now.");
  }
  const deadline = durationMs(inputs.deadline);
  const settings: ImportSettings = {
    connectionId,
    key,
    externalId: inputs.externalId,
    onExisting: inputs.onExisting,
    onConflict: inputs.onConflict ?? "keep",
    unsupportedPasswordHash: inputs.unsupportedPasswordHash,
    generateUserIds: inputs.generateUserIds,
    sendCompletionEmail: inputs.sendCompletionEmail,
    resendFailed: old !== undefined && wantsFailedAgain(old, inputs),
    ...beforeThisRun(inputs.created),
    ...membershipSettings(inputs),
    // Counted from the start of the process, which is the start of the run.
    ...(deadline === undefined ? {} : { deadline: new Date(performance.timeOrigin + deadline) }),
  };
  const records: BatchRecords = {
    ...read,
    count: users,
    select: (needs) => read.source.records(filtered(indices, needs)),
    place: (index) => read.source.place(index),
  };
  const before =
    old !== undefined && settings.resendFailed ? await markMissing(old, inputs, read, indices, tenant) : old;
  const warn = (message: string) => void log.warn(resourceUrn, message);
  const inform = (message: string) => void log.info(resourceUrn, message);
  const show = (line: string) => void log.live(resourceUrn, line);
  const progress = new BatchProgress(users, tenant.limits.maxActiveJobs, show);
  const journalFile = journalFileOf(inputs);
  const journal = await openJournal(inputs, journalFile, old, (owner) =>
    show(`waiting for ${owner} to end, which still works on this import`),
  );
  try {
    const { result, achieved, isSettled, problem } = await whileWatched(
      path.resolve(journalFile),
      () => progress.print(),
      () =>
        runImport(records, settings, before, {
          ...{ tenant, journal, progress, stop, warn, inform },
          readBack: readBackOf(tenant, inputs, read.source.users),
          preflight: () => beforeFirstJob(tenant, inputs, old === undefined ? read : undefined),
        }),
    );
    await log.live(resourceUrn, progress.line, true);
    // Without `applied`, not even a file that is put back to what it was looks unchanged: part of another one was sent.
    const applied = result.complete ? { applied: source.share ?? source.digest } : {};
    const outputs = {
      ...result,
      connectionId,
      resourceUrn,
      share,
      // What a change of these asks to be sent again is marked in the ledger until it was.
      triggers: inputs.triggers,
      onExisting: inputs.onExisting,
      ...(inputs.onConflict === undefined ? {} : { onConflict: inputs.onConflict }),
      unsupportedPasswordHash: inputs.unsupportedPasswordHash,
      source: sourceInfo(read.source),
      ...applied,
      run: journal.run,
      runNumber: journal.runNumber,
      journalEntries: journal.size,
      journalFile,
    };
    if (problem === undefined) {
      keepReview(inputs, outputs);
      keepToVerify(inputs, outputs);
      return outputs;
    }
    if (!achieved) throw withOutcome(problem, isSettled);
    keepReview(inputs, outputs);
    await writeResultsOfFailure(inputs, read.source, problem.message);
    throw partialFailure(id, properties, outputs, `${problem.message} ${progressOf(outputs, inputs)}`);
  } finally {
    journal.close();
    endWithoutEngine();
  }
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
function progressOf({ summary, failedRecords, failedAt }: BatchResult, { resultsDir }: Inputs): string {
  const { total, inserted, updated, unchanged, adopted, failed, invalid, notApplied } = summary;
  const wrong = failed + invalid;
  const done = inserted + updated + unchanged + adopted + wrong + notApplied;
  const saved =
    done < total
      ? `${count(done)} of ${countOf(total, "user")} are dealt with, and that is saved. Run \`pulumi up\` again: it goes on with the rest.`
      : `All ${countOf(total, "user")} are dealt with, and that is saved. Run \`pulumi up\` again: nothing is left to be sent.`;
  if (wrong === 0) return saved;
  const list = asGiven(path.posix.join(resultsDir, FAILED_RECORDS_CSV));
  return `${saved} ${countOf(wrong, "user")} failed (${listFailures([{ failedAt }])}), all of them in ${list}:${firstFailures(failedRecords, wrong)}`;
}

function membershipSettings(inputs: Inputs): Partial<ImportSettings> {
  const memberships = membershipMaps(inputs);
  return { ...(memberships && { memberships }), ...(inputs.maxMembers && { maxMembers: inputs.maxMembers }) };
}

/** A key that was made by this run was never used by another. */
function beforeThisRun(created: string | undefined): Pick<ImportSettings, "created"> {
  if (created === undefined || Date.parse(created) >= performance.timeOrigin) return {};
  return { created: new Date(created) };
}

const told = new WeakSet<Preflight>();

/** Asked once for a source that several batches share. */
const idsAsked = new WeakMap<ReadSource, Promise<IdsElsewhere>>();

/**
 * What the tenant says of the import, told once: the batches of an import share it.
 *
 * @param first the source, where nothing of it was imported into this connection yet.
 */
async function beforeFirstJob(
  tenant: Tenant,
  { connectionId, resourceUrn }: Inputs,
  first: ReadSource | undefined,
): Promise<ConnectionRules | undefined> {
  const said = await preflight(tenant, connectionId, isToVerify(resourceUrn));
  const isNew = !told.has(said);
  told.add(said);
  if (isNew) {
    for (const warning of said.warnings) await log.warn(resourceUrn, warning);
    for (const note of said.notes) await log.info(resourceUrn, note);
  }
  if (said.problem !== undefined) throw new Error(said.problem);
  if (said.rules !== undefined && first !== undefined) {
    const { connection } = said.rules;
    const asked = idsAsked.get(first) ?? sampleIds(first).then((ids) => idsElsewhere(tenant, ids, connection));
    const isFirst = !idsAsked.has(first);
    idsAsked.set(first, asked);
    const { problem, note } = await asked;
    if (problem !== undefined) throw new Error(problem);
    if (note !== undefined && isFirst) await log.info(resourceUrn, note);
  }
  return said.rules;
}

/** Some ids that the source gives its users, from all parts of it. */
async function sampleIds({ source, userIdHash }: ReadSource): Promise<string[]> {
  const withId: number[] = [];
  for (let index = 0; index < source.users; index++) if (userIdHash(index) !== undefined) withId.push(index);
  const step = Math.max(1, withId.length / SAMPLED_IDS);
  const chosen = Array.from(
    { length: Math.min(SAMPLED_IDS, withId.length) },
    (_, i) => withId[Math.floor(i * step)] as number,
  );
  const ids: string[] = [];
  for await (const { user } of source.records(chosen)) {
    const { user_id } = normalizeUser(user);
    if (typeof user_id === "string") ids.push(user_id);
  }
  return ids;
}

/** @throws Error when the journal can't be kept: without it nothing is sent. */
async function openJournal(
  inputs: Inputs,
  file: string,
  old: Outputs | undefined,
  waiting: (owner: string) => void,
): Promise<Journal> {
  const { key, connectionId, resultsDir } = inputs;
  try {
    const target = path.resolve(file);
    for (const earlier of journalFilesOf(inputs, old)) await moveJournal(path.resolve(earlier), target, waiting, stop);
    return await Journal.open(target, { keyId: keyId(key), connectionId }, termsOf(inputs), old, waiting, stop);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new Error(
      `resultsDir "${asGiven(resultsDir)}" can't be written to (${code}). Nothing was sent. Choose another folder.`,
    );
  }
}

/** Asks of each when its turn comes. */
function* filtered(indices: Iterable<number>, needs: (index: number) => boolean): Generator<number> {
  for (const index of indices) if (needs(index)) yield index;
}
