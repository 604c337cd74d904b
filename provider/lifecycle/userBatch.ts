import { createHash } from "node:crypto";
import path from "node:path";
import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import { CredentialsError, resolveCredentials, resolveLimits } from "../jobs/credentials";
import { type Preflight, preflight } from "../jobs/preflight";
import { type Tenant, tenantOf } from "../jobs/tenant";
import {
  hasUnsavedJournal,
  Journal,
  JournalError,
  moveJournal,
  removeSavedJournal,
  type SavedRun,
} from "../journal/journal";
import { keyId } from "../ledger/fingerprint";
import { Ledger } from "../ledger/ledger";
import type { Share } from "../plan/share";
import { BatchProgress, count, countOf } from "../progress/batchProgress";
import type { BatchReview } from "../resources/finalizer";
import type { SourceInfo } from "../results/types";
import { type Source, SourceError } from "../source";
import { applySource, type BatchRecords, type BatchResult, type ImportSettings } from "./applySource";
import { config, configure, failures, hasUnknown, isUnknown, log, type Properties, partialFailure } from "./engine";
import { tellPlan } from "./plans";
import { differenceLine, type PlanSettings, planBatch } from "./preview";
import { refuseSharedUserIds, SharedUserIdError } from "./sharedUserIds";
import { type ReadSource, sharedDigest, sharedSource } from "./sources";
import { endWithoutEngine, stop, whileWatched } from "./stop";
import { writeResults } from "./writeResults";

const DEADLINE = 'deadline must be a duration such as "5h", "90m" or "1h30m"';

const USERS = "users must be one or more paths or globs, relative to the program's folder";
const filePath = z.string(USERS).regex(/^[^\0]+$/, USERS);

/** The inputs of a batch as they come over the wire; see `UserBatchArgs`. */
const Inputs = z.object({
  connectionId: z
    .string("connectionId is required: the id of a database connection")
    .regex(/^con_[A-Za-z0-9]{16}$/, "connectionId must be the id of a connection: con_ and 16 letters or digits"),
  users: z.array(filePath, USERS).optional(),
  transform: filePath.optional(),
  unsupportedPasswordHash: z.enum(["fail", "omit"], { error: 'unsupportedPasswordHash must be "fail" or "omit"' }),
  key: z.string("key is required: the key of an ImportKey"),
  share: z
    .object({ index: z.int().min(0), count: z.int().min(1) }, "share must be { index, count }")
    .refine(({ index, count }) => index < count, "share: index must be below count"),
  onExisting: z.enum(["fail", "adopt", "overwrite"], { error: 'onExisting must be "fail", "adopt" or "overwrite"' }),
  generateUserIds: z.boolean("generateUserIds must be true or false"),
  triggers: z.array(z.unknown(), "triggers must be an array"),
  sealed: z.boolean("sealed must be true or false"),
  externalId: z.string("externalId must be a text"),
  sendCompletionEmail: z.boolean("sendCompletionEmail must be true or false"),
  configNamespace: z
    .string("configNamespace must be a text")
    .regex(/^[A-Za-z0-9_-]+$/, 'configNamespace must be a name of letters, digits, - and _, such as "auth0-eu"'),
  resultsDir: z.string("resultsDir must be a path").min(1, "resultsDir must not be empty"),
  deadline: z.custom<string>((value) => durationMs(value) !== undefined, DEADLINE).optional(),
  resourceUrn: z.string(),
  /** Added by `check`. */
  source: z.custom<SourceInfo>().optional(),
});
type Inputs = z.infer<typeof Inputs>;

/** The outputs of a batch, as they are kept in the state and come back with the next run. */
interface Outputs extends BatchResult, SavedRun {
  readonly connectionId: string;
  readonly resourceUrn: string;
  readonly share: Share;
  readonly triggers: readonly unknown[];
  readonly onExisting: string;
  readonly source: SourceInfo;
  readonly applied?: string;
  /** Where its journal lies. */
  readonly journalFile: string;
}

/** Batches of which the program says that this is a preview: the engine does not. */
const inPreview = new Set<string>();

export const userBatch: dynamic.ResourceProvider<Properties, Properties> = {
  configure: async (request) => configure(request),

  async check(olds, program) {
    const { preview, ...news } = program;
    const old = olds as Partial<Inputs>;
    const reasons = [...argumentProblems(news), ...changeProblems(old, news as Partial<Inputs>)];
    if (news.sealed !== true && reasons.length === 0) reasons.push(...configProblems(news.configNamespace));
    if (reasons.length > 0) return { inputs: news, failures: failures([...new Set(reasons)]) };
    if (news.sealed === true) return { inputs: { ...news, source: olds.source } };
    if (hasUnknown(news.users)) return { inputs: news };
    const inputs = news as unknown as Inputs;
    if (preview === true) inPreview.add(inputs.resourceUrn);
    // No program gives a source: it is the old one, which `ignoreChanges` keeps.
    if (news.source !== undefined) return { inputs: news };
    try {
      return { inputs: { ...news, source: await describeSource(inputs, old.source) } };
    } catch (error) {
      if (!(error instanceof SourceError || error instanceof SharedUserIdError)) throw error;
      return { inputs: news, failures: failures([error.message]) };
    }
  },

  async diff(_id, olds, news) {
    const { connectionId, applied, complete } = olds as Partial<Outputs>;
    if (isUnknown(news.connectionId) || news.connectionId !== connectionId) {
      return { changes: true, replaces: ["connectionId"] };
    }
    if (news.sealed === true) return { changes: false };
    const inputs = news as unknown as Inputs;
    const outputs = olds as unknown as Outputs;
    const changes =
      complete !== true ||
      inputs.source?.digest !== applied ||
      wantsFailedAgain(outputs, inputs) ||
      leftUnsaved(outputs, inputs);
    if (inPreview.has(inputs.resourceUrn)) await tell(inputs, outputs, changes);
    return { changes };
  },

  async create(inputs) {
    const id = createHash("sha256").update(String(inputs.resourceUrn)).digest("hex").slice(0, 16);
    return { id, outs: await apply(id, inputs, undefined) };
  },

  async update(id, olds, news) {
    return { outs: await apply(id, news, olds as unknown as Outputs) };
  },

  read: async (id, props = {}) => ({ id, props }),

  // The users stay: they belong to their connection, and only with it do they go.
  async delete(_id, props) {
    const { journalFile, run, resourceUrn, ledger, connectionId } = props as unknown as Partial<Outputs>;
    if (resourceUrn !== undefined && ledger !== undefined) {
      const users = Ledger.decode(ledger).usersInTenant();
      await log.info(
        resourceUrn,
        `The import is forgotten. ${countOf(users, "user")} that it brought or updated stay in the connection ${connectionId}, for as long as the connection does.`,
      );
    }
    if (journalFile !== undefined && run !== undefined) removeSavedJournal(path.resolve(journalFile), run);
  },
};

/** Rules that one set of arguments can break by itself. Values that are not known yet break none. */
function argumentProblems(news: Properties): string[] {
  const parsed = Inputs.safeParse(news);
  const broken = parsed.success
    ? []
    : parsed.error.issues.filter(({ path: [name] }) => !hasUnknown(news[String(name)]));
  const problems = broken.map((issue) => `${issue.message}.`);
  const { users, sealed } = news as Partial<Inputs>;
  if (sealed !== true && (users === undefined || (Array.isArray(users) && users.length === 0))) {
    problems.push("users is required: one or more files or globs, relative to the program's folder.");
  }
  return problems;
}

/** What the stack configuration lacks for sending anything. */
function configProblems(namespace: unknown): string[] {
  try {
    if (!isUnknown(namespace)) resolveCredentials(config, String(namespace));
    resolveLimits(config);
    return [];
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    return [error.message];
  }
}

/** Rules about what may change after the first import. */
function changeProblems(olds: Partial<Inputs>, news: Partial<Inputs>): string[] {
  const problems: string[] = [];
  if (olds.share !== undefined && news.share !== undefined && !sameJson(olds.share, news.share)) {
    problems.push(
      `batches can't change from ${olds.share.count} to ${news.share.count}: which users each batch has imported is in its state, and other batches would send them again. Set batches back to ${olds.share.count}.`,
    );
  }
  if (isKnownChange(olds.key, news.key) && !isKnownChange(olds.connectionId, news.connectionId)) {
    problems.push(
      "key can't change: what is known of the users is keyed by it, and all of them would be sent again. Keep the ImportKey, or make a new import under another name.",
    );
  }
  if (news.sealed === true && olds.source === undefined) {
    problems.push("sealed can't be set before the first import: there is nothing to keep. Leave it out until then.");
  }
  if (news.sealed === true && olds.connectionId !== undefined && news.connectionId !== olds.connectionId) {
    problems.push("connectionId can't change while the import is sealed: its users would have to be sent again.");
  }
  return problems;
}

function isKnownChange(old: unknown, now: unknown): boolean {
  return old !== undefined && now !== undefined && !isUnknown(now) && old !== now;
}

/** Whether records that failed are to be sent once more, though they did not change. */
function wantsFailedAgain(olds: Outputs, news: Inputs): boolean {
  return !sameJson(news.triggers, olds.triggers) || news.onExisting !== olds.onExisting;
}

/** What the files hold. Where they are as they were, that is known without a parse. */
async function describeSource(inputs: Inputs, old: SourceInfo | undefined): Promise<SourceInfo> {
  if (old !== undefined) {
    const { digest } = await sharedDigest(inputs.users ?? [], inputs.transform);
    if (digest === old.digest) return old;
  }
  const read = await readSource(inputs, old === undefined);
  if (!isUnknown(inputs.configNamespace)) {
    const { origin } = resolveCredentials(config, inputs.configNamespace);
    await refuseSharedUserIds({ ...inputs, read, origin, name: importName(inputs.resourceUrn) });
  }
  // The engine asks for no difference where there is nothing yet.
  if (old === undefined && inPreview.has(inputs.resourceUrn)) await tell(inputs, undefined, true, read);
  return sourceInfo(read.source);
}

/** @param validate whether every record is checked: before the first import, when all of them are sent. */
function readSource(
  { users: patterns = [], transform, key, unsupportedPasswordHash }: Inputs,
  validate: boolean,
): Promise<ReadSource> {
  return sharedSource({
    patterns,
    transform,
    key: isUnknown(key) ? undefined : key,
    unsupportedPasswordHash,
    validate,
  });
}

/** Says what an update would do. */
async function tell(inputs: Inputs, old: Outputs | undefined, changes: boolean, known?: ReadSource): Promise<void> {
  const { resourceUrn, share, resultsDir, unsupportedPasswordHash } = inputs;
  if (!changes) {
    const { differences = [] } = old ?? {};
    if (differences.length > 0) await log.info(resourceUrn, `no change; ${differenceLine(differences)}`);
    return;
  }
  if (inputs.source === undefined && known === undefined) return;
  const settings: PlanSettings = {
    key: isUnknown(inputs.key) ? undefined : inputs.key,
    connectionId: inputs.connectionId,
    externalId: inputs.externalId,
    sendCompletionEmail: inputs.sendCompletionEmail,
    generateUserIds: inputs.generateUserIds,
    unsupportedPasswordHash,
    resendFailed: old !== undefined && wantsFailedAgain(old, inputs),
  };
  try {
    const read = known ?? (await readSource(inputs, false));
    const plan = await planBatch(read, share, old?.ledger, settings);
    await tellPlan(resourceUrn, resultsDir, share.count === 1, { plan, read, unsupportedPasswordHash });
  } catch (error) {
    // The update will meet the same, and tell it; `diff` must not throw.
    await log.warn(resourceUrn, error instanceof Error ? error.message : String(error));
  }
}

function sourceInfo({ digest, users, bytes }: Source): SourceInfo {
  return { digest, users, bytes };
}

/** Imports, and returns the outputs. What was achieved before something went wrong is kept in the error it throws. */
async function apply(id: string, properties: Properties, old: Outputs | undefined): Promise<Properties> {
  const inputs = Inputs.parse(properties);
  const { connectionId, key, share, resourceUrn } = inputs;
  const tenant = tenantOf(resolveCredentials(config, inputs.configNamespace), resolveLimits(config));
  const read = await readSource(inputs, false);
  const source = sourceInfo(read.source);
  let users = 0;
  for (let index = 0; index < source.users; index++) if (read.isOf(index, share)) users++;
  if (inputs.source !== undefined && inputs.source.digest !== source.digest) {
    await log.warn(resourceUrn, "The users files changed after they were checked. They are imported as they are now.");
  }
  const deadline = durationMs(inputs.deadline);
  const settings: ImportSettings = {
    connectionId,
    key,
    externalId: inputs.externalId,
    onExisting: inputs.onExisting,
    unsupportedPasswordHash: inputs.unsupportedPasswordHash,
    generateUserIds: inputs.generateUserIds,
    sendCompletionEmail: inputs.sendCompletionEmail,
    resendFailed: old !== undefined && wantsFailedAgain(old, inputs),
    // Counted from the start of the process, which is the start of the run.
    ...(deadline === undefined ? {} : { deadline: new Date(performance.timeOrigin + deadline) }),
  };
  const records: BatchRecords = {
    ...read,
    select: (needs) => read.source.records((index) => read.isOf(index, share) && needs(index)),
  };
  const warn = (message: string) => void log.warn(resourceUrn, message);
  const show = (line: string) => void log.live(resourceUrn, line);
  const progress = new BatchProgress(users, tenant.limits.maxActiveJobs, show);
  const journalFile = journalFileOf(inputs);
  const journal = await openJournal(inputs, journalFile, old, (owner) =>
    show(`waiting for ${owner} to end, which still works on this import`),
  );
  try {
    const { result, achieved, problem } = await whileWatched(
      path.resolve(journalFile),
      () => progress.print(),
      () =>
        applySource(records, settings, old, {
          ...{ tenant, journal, progress, stop, warn },
          preflight: () => beforeFirstJob(tenant, connectionId, resourceUrn),
        }),
    );
    await log.live(resourceUrn, progress.line, true);
    // Without `applied`, not even a file that is put back to what it was looks unchanged: part of another one was sent.
    const applied = result.complete ? { applied: source.digest } : {};
    // What was asked for by a change of these is still asked for where not everything was done.
    const asked = result.complete || old === undefined ? inputs : old;
    const outputs = {
      ...result,
      connectionId,
      resourceUrn,
      share,
      triggers: asked.triggers,
      onExisting: asked.onExisting,
      source,
      ...applied,
      run: journal.run,
      runNumber: journal.runNumber,
      journalFile,
    };
    const review = { ...outputs, batch: batchName(resourceUrn) };
    if (problem === undefined) {
      reviewed.set(resourceUrn, { resultsDir: inputs.resultsDir, review });
      return outputs;
    }
    if (!achieved) throw problem;
    reviewed.set(resourceUrn, { resultsDir: inputs.resultsDir, review });
    await writeResultsOfFailure(inputs, read.source, problem.message);
    const { inserted, updated, unchanged, adopted, failed, invalid, notApplied } = result.summary;
    throw partialFailure(
      id,
      properties,
      outputs,
      `${problem.message} ${count(inserted + updated + unchanged + adopted + failed + invalid + notApplied)} of ${count(users)} users are dealt with, and that is saved. Run \`pulumi up\` again: it goes on with the rest.`,
    );
  } finally {
    journal.close();
    endWithoutEngine();
  }
}

const told = new WeakSet<Preflight>();

/** What the tenant says of the import, told once: the batches of an import share it. Returns the connection's name. */
async function beforeFirstJob(tenant: Tenant, connectionId: string, urn: string): Promise<string | undefined> {
  const said = await preflight(tenant, connectionId);
  if (!told.has(said)) {
    told.add(said);
    for (const warning of said.warnings) await log.warn(urn, warning);
    for (const note of said.notes) await log.info(urn, note);
  }
  if (said.problem !== undefined) throw new Error(said.problem);
  return said.connection;
}

/** What the batches of an import have come to in this process, for the results of a run that fails. */
const reviewed = new Map<string, { readonly resultsDir: string; readonly review: BatchReview }>();

/** A run that fails never comes to the Finalizer: what is known by then is written here. */
async function writeResultsOfFailure(inputs: Inputs, source: Source, problem: string): Promise<void> {
  const { resultsDir, resourceUrn, connectionId, transform, unsupportedPasswordHash } = inputs;
  const batches = [...reviewed.values()].filter((each) => each.resultsDir === resultsDir).map(({ review }) => review);
  const name = importName(resourceUrn);
  const { maxActiveJobs } = resolveLimits(config);
  try {
    const results = {
      resultsDir,
      name,
      connectionId,
      batches,
      transform,
      unsupportedPasswordHash,
      maxActiveJobs,
      problem,
    };
    await writeResults(results, async () => source);
  } catch (error) {
    // The failure itself is what the user has to know of.
    const { code } = error as NodeJS.ErrnoException;
    await log.warn(
      resourceUrn,
      `The report on this run can't be written to "${resultsDir}" (${code ?? "unknown error"}).`,
    );
  }
}

function batchName(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** The batches of an import are numbered. */
function importName(urn: string): string {
  return batchName(urn).replace(/-\d\d$/, "");
}

/** @throws Error when the journal can't be kept: without it nothing is sent. */
async function openJournal(
  { key, connectionId, resultsDir }: Inputs,
  file: string,
  old: Outputs | undefined,
  waiting: (owner: string) => void,
): Promise<Journal> {
  try {
    const target = path.resolve(file);
    if (old !== undefined) await moveJournal(path.resolve(old.journalFile), target, waiting, stop);
    return await Journal.open(target, { keyId: keyId(key), connectionId }, old, waiting, stop);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new Error(
      `resultsDir "${resultsDir}" can't be written to (${code}). Nothing was sent. Choose another folder.`,
    );
  }
}

/** Where a batch keeps its journal, relative to the program: by the resource's name, which ends its URN. */
function journalFileOf({ resultsDir, resourceUrn }: Inputs): string {
  const name = batchName(resourceUrn).replace(/[^A-Za-z0-9._-]/g, "_");
  return path.posix.join(resultsDir, "journal", `${name}.ndjson`);
}

/** Whether an interrupted run has sent something that this state does not know. */
function leftUnsaved(saved: Outputs, news: Inputs): boolean {
  if (hasUnknown(news)) return false;
  const identity = { keyId: keyId(news.key), connectionId: news.connectionId };
  try {
    return [...new Set([saved.journalFile, journalFileOf(news)])].some((name) => {
      const file = path.resolve(name);
      if (hasUnsavedJournal(file, identity, saved)) return true;
      removeSavedJournal(file, saved.run);
      return false;
    });
  } catch (error) {
    // An update will meet the same, and can tell it.
    if (error instanceof JournalError) return true;
    throw error;
  }
}

const UNITS_MS = { h: 3_600_000, m: 60_000, s: 1_000 } as const;

/** `"1h30m"` in milliseconds; `undefined` where it is not a duration. */
function durationMs(value: unknown): number | undefined {
  if (typeof value !== "string" || !/^(\d+h)?(\d+m)?(\d+s)?$/.test(value) || value === "") return undefined;
  return [...value.matchAll(/(\d+)([hms])/g)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS],
    0,
  );
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
