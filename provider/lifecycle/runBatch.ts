import path from "node:path";
import { type IdsElsewhere, idsElsewhere, SAMPLED_IDS } from "../import/idsElsewhere";
import { unsentLines } from "../import/memberships/lines";
import { SharedMembers } from "../import/memberships/maxMembers";
import type { ReadBack } from "../import/readings";
import { runImport } from "../import/run";
import type { BatchRecords, ImportSettings, Workplace } from "../import/types";
import { Journal } from "../journal/journal";
import { moveJournal } from "../journal/left";
import { keyId } from "../ledger/fingerprint";
import type { ReadSource } from "../plan/readSource";
import { BatchProgress } from "../progress/batchProgress";
import { asGiven } from "../results/resultsFolder";
import type { ConnectionRules } from "../schema/connectionRules";
import { normalizeUser } from "../schema/identity";
import type { Source } from "../source";
import type { Tenant } from "../tenant/client";
import { checkOrganizations } from "../tenant/organizationsCheck";
import { PerTenant } from "../tenant/perTenant";
import { type Preflight, preflight } from "../tenant/preflight";
import {
  batchSource,
  type Inputs,
  journalFileOf,
  journalFilesOf,
  lackingIn,
  membershipMaps,
  type Outputs,
  sourceInfo,
  termsOf,
  wantsFailedAgain,
} from "./batch";
import { readBackOf } from "./sharedReadBack";

/** Who carries a batch out: the provider process that an engine has started, or a worker. */
export interface BatchHost {
  readonly tenant: Tenant;
  /** Aborted when no more is to be sent; its reason is an error that says why. */
  readonly stop: AbortSignal;
  /** How the connection is read back; by default with all batches of the process. */
  readonly readBack?: ReadBack;
  /** When no job may be running any more. */
  readonly deadline?: Date;
  /** The `created` of the import's key, where an earlier run may have sent something. */
  readonly created?: Date;
  /** Whether a verification follows, whose scopes are asked for before anything is sent. */
  readonly verifies: boolean;
  /** On the batch's line, replaced by the next one. */
  show(line: string, last?: boolean): Promise<void>;
  inform(message: string): Promise<void>;
  warn(message: string): Promise<void>;
  /** Of the whole import: its batches say the same, and it is told once. */
  warnOnce(message: string): Promise<void>;
  /** Does the work, and looks about once a second whether somebody asks it to stop. */
  watch<T>(journalFile: string, tick: () => void, work: () => Promise<T>): Promise<T>;
}

/** How a batch's run has ended. */
export interface BatchRun {
  readonly outputs: Outputs;
  /** Whether anything was sent, now or by a run whose journal was found. */
  readonly achieved: boolean;
  /** Whether it is known of each job that was offered whether the tenant has it. */
  readonly isSettled: boolean;
  /** Why it ended before all was done. */
  readonly problem?: Error;
}

/**
 * One run of a batch, whoever carries it out: from its inputs and what was known before to its outputs. Knows no engine.
 *
 * @param read the source, with the batch's fingerprints.
 * @param old what is known from earlier runs.
 * @throws Error when the journal can't be kept: without it nothing is sent.
 */
export async function runBatch(
  inputs: Inputs,
  read: ReadSource,
  old: Outputs | undefined,
  host: BatchHost,
): Promise<BatchRun> {
  const { connectionId, share, resourceUrn } = inputs;
  const { tenant, stop } = host;
  const { source } = read;
  const indices = read.indicesOf(share);
  const users = indices.length;
  const settings = settingsOf(inputs, old, host);
  const records: BatchRecords = {
    ...read,
    count: users,
    select: (needs) => source.records(filtered(indices, needs)),
    place: (index) => source.place(index),
    statesMemberships: (index) => read.statements.numberAt(index) !== 0,
  };
  const progress = new BatchProgress(users, tenant.limits.maxActiveJobs, (line) => void host.show(line));
  for (const line of unsentLines(read, share.count, lackingIn(inputs))) await host.warnOnce(line);
  const journalFile = journalFileOf(inputs);
  const journal = await openJournal(
    inputs,
    journalFile,
    old,
    (owner) => void host.show(`waiting for ${owner} to end, which still works on this import`),
    stop,
  );
  try {
    const { result, achieved, isSettled, problem } = await host.watch(
      path.resolve(journalFile),
      () => progress.print(),
      () =>
        runImport(records, settings, old, {
          ...{ tenant, journal, progress, stop },
          warn: (message) => void host.warn(message),
          inform: (message) => void host.inform(message),
          readBack: host.readBack ?? readBackOf(tenant, inputs, source.users, stop),
          ...sharedMembers(inputs, read, host),
          preflight: () => beforeFirstJob(inputs, old === undefined ? read : undefined, host),
        }),
    );
    await host.show(progress.line, true);
    // Without `applied`, not even a file that is put back to what it was looks unchanged: part of another one was sent.
    const found = batchSource(read, share);
    const applied = result.complete ? { applied: found.share ?? found.digest } : {};
    const outputs: Outputs = {
      ...result,
      connectionId,
      resourceUrn,
      share,
      // What a change of these asks to be sent again is marked in the ledger until it was.
      triggers: inputs.triggers,
      onExisting: inputs.onExisting,
      ...(inputs.onConflict === undefined ? {} : { onConflict: inputs.onConflict }),
      unsupportedPasswordHash: inputs.unsupportedPasswordHash,
      source: sourceInfo(source),
      ...applied,
      run: journal.run,
      runNumber: journal.runNumber,
      journalEntries: journal.size,
      journalFile,
    };
    return { outputs, achieved, isSettled, ...(problem === undefined ? {} : { problem }) };
  } finally {
    journal.close();
  }
}

function settingsOf(inputs: Inputs, old: Outputs | undefined, { deadline, created }: BatchHost): ImportSettings {
  const memberships = membershipMaps(inputs);
  return {
    connectionId: inputs.connectionId,
    key: inputs.key,
    externalId: inputs.externalId,
    onExisting: inputs.onExisting,
    onConflict: inputs.onConflict ?? "keep",
    unsupportedPasswordHash: inputs.unsupportedPasswordHash,
    generateUserIds: inputs.generateUserIds,
    sendCompletionEmail: inputs.sendCompletionEmail,
    resendFailed: old !== undefined && wantsFailedAgain(old, inputs),
    ...(created && { created }),
    ...(memberships && { memberships }),
    ...(inputs.maxMembers && { maxMembers: inputs.maxMembers }),
    ...(deadline && { deadline }),
  };
}

const membersOfImports = new PerTenant<SharedMembers>();

/** What the batches of an import have to tell each other of roles and organizations with limits. */
function sharedMembers(
  { resultsDir, created, share: { count } }: Inputs,
  read: ReadSource,
  host: BatchHost,
): Pick<Workplace, "members" | "everybody"> {
  const members = membersOfImports.getOrMake(host.tenant, resultsDir, () => new SharedMembers());
  // A key by which nobody was sent before: whoever is in the files is still to come in.
  if (created === undefined || host.created !== undefined) return { members };
  const states = (index: number) => read.statements.numberAt(index) !== 0;
  const shares = () => Array.from({ length: count }, (_, index) => read.indicesOf({ index, count }).filter(states));
  return { members, everybody: { records: () => read.source.records(inOrder(shares())), said } };

  function* said() {
    for (const share of shares()) {
      for (const index of share) {
        if (read.doubleAt(index) === undefined) yield read.statements.statement(read.statements.numberAt(index));
      }
    }
  }
}

/** All of them, ascending: a file is read once. */
function inOrder(shares: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(shares.reduce((sum, share) => sum + share.length, 0));
  let at = 0;
  for (const share of shares) {
    all.set(share, at);
    at += share.length;
  }
  return all.sort();
}

type Said = Pick<Preflight, "warnings" | "notes">;

const told = new WeakSet<Said>();

async function tellOnce(said: Said, { warn, inform }: BatchHost): Promise<void> {
  if (told.has(said)) return;
  told.add(said);
  for (const warning of said.warnings) await warn(warning);
  for (const note of said.notes) await inform(note);
}

/** Asked once for a source that several batches share, each with prints of its own. */
const idsAsked = new PerTenant<WeakMap<Source, Promise<IdsElsewhere>>>();

/**
 * What the tenant says of the import, told once: the batches of an import share it.
 *
 * @param first the source, where nothing of it was imported into this connection yet.
 */
async function beforeFirstJob(
  { connectionId, roles, organizations }: Inputs,
  first: ReadSource | undefined,
  host: BatchHost,
): Promise<ConnectionRules | undefined> {
  const { tenant, verifies, inform } = host;
  const needs = { verifies, roles: roles !== undefined, organizations: organizations !== undefined };
  const said = await preflight(tenant, connectionId, needs);
  await tellOnce(said, host);
  if (said.problem !== undefined) throw new Error(said.problem);
  if (said.rules !== undefined && organizations !== undefined) {
    await tellOnce(await checkOrganizations(tenant, organizations, connectionId, said.rules.connection), host);
  }
  if (said.rules !== undefined && first !== undefined) {
    const { connection } = said.rules;
    const ofSources = idsAsked.getOrMake(tenant, connectionId, () => new WeakMap());
    const isFirst = !ofSources.has(first.source);
    const asked = ofSources.get(first.source) ?? sampleIds(first).then((ids) => idsElsewhere(tenant, ids, connection));
    ofSources.set(first.source, asked);
    const { problem, note } = await asked;
    if (problem !== undefined) throw new Error(problem);
    if (note !== undefined && isFirst) await inform(note);
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

async function openJournal(
  inputs: Inputs,
  file: string,
  old: Outputs | undefined,
  waiting: (owner: string) => void,
  stop: AbortSignal,
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
