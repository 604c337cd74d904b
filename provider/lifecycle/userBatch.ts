import { createHash } from "node:crypto";
import path from "node:path";
import type { dynamic } from "@pulumi/pulumi";
import { REASONS } from "../import/findings";
import type { PlanSettings } from "../import/preview";
import { hasUnsavedJournal, JournalError, removeSavedJournal } from "../journal/left";
import { keyId } from "../ledger/fingerprint";
import { type EncodedLedger, Ledger } from "../ledger/ledger";
import type { ReadSource } from "../plan/readSource";
import { countOf } from "../progress/batchProgress";
import { conflictsBefore, differenceLine, usersInConflict } from "../results/oneLine";
import { asGiven, CONFLICTS_CSV, NOT_APPLIED_CSV } from "../results/resultsFolder";
import { SourceError } from "../source";
import { systemReason } from "../source/systemReason";
import { CredentialsError, QUEUE, resolveLimits } from "../tenant/credentials";
import { proxyTo } from "../tenant/proxy";
import {
  type BatchSource,
  batchSource,
  Inputs,
  importName,
  isApplied,
  isOfImport,
  journalFilesOf,
  lackingIn,
  namedMaps,
  type Outputs,
  readSource,
  sameJson,
  sourceArgsOf,
  takesOtherHashes,
  wantsFailedAgain,
  wantsMemberships,
} from "./batch";
import { credentialProblem, credentialsFor, keepCredentials, originFor } from "./credentials";
import { config, configure, failures, hasUnknown, isUnknown, log, optional, type Properties, UNKNOWN } from "./engine";
import { keepReview } from "./failedRun";
import { listsPlaces } from "./lastRun";
import { withMissing } from "./missingUsers";
import { refuseSharedUserIds, SharedUserIdError } from "./sharedUserIds";
import { isUnchanged, notedSource } from "./sources";
import { keepToVerify, noteVerifies } from "./toVerify";

/** Batches of which the program says that this is a preview: the engine does not. */
const inPreview = new Set<string>();

export const userBatch: dynamic.ResourceProvider<Properties, Properties> = {
  configure: async (request) => configure(request),

  async check(olds, program) {
    const { preview, verifies, ...given } = withoutMissing(keepCredentials(program));
    noteVerifies(String(program.resourceUrn), verifies);
    const old = olds as Partial<Inputs>;
    const news = await keepKey(old, given);
    const reasons = [...argumentProblems(news), ...changeProblems(old, news as Partial<Inputs>)];
    if (news.sealed !== true && reasons.length === 0) reasons.push(...(await configProblems(news as Partial<Inputs>)));
    if (reasons.length > 0) return { inputs: news, failures: failures([...new Set(reasons)]) };
    if (news.sealed === true) return { inputs: { ...news, source: olds.source } };
    if (hasUnknown([news.users, news.transform, news.nullText, news.merge, news.unsupportedPasswordHash])) {
      return { inputs: { ...news, source: UNKNOWN } };
    }
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
    const { connectionId, complete } = olds as Partial<Outputs>;
    if (isUnknown(news.connectionId) || news.connectionId !== connectionId) {
      return { changes: true, replaces: ["connectionId"] };
    }
    if (news.sealed === true) return { changes: false };
    const inputs = news as unknown as Inputs;
    const outputs = olds as unknown as Outputs;
    const atWorkers = await isAtWorkers(outputs, inputs);
    const changes =
      complete !== true ||
      !isApplied(outputs, inputs) ||
      placesMoved(outputs, inputs) ||
      wantsFailedAgain(outputs, inputs) ||
      takesOtherHashes(outputs, inputs) ||
      outputs.onConflict !== inputs.onConflict ||
      wantsMemberships(outputs, inputs) ||
      leftUnsaved(outputs, inputs) ||
      atWorkers;
    if (inPreview.has(inputs.resourceUrn)) await tell(inputs, outputs, changes);
    if (!changes) {
      keepReview(inputs, outputs);
      keepToVerify(inputs, outputs);
    }
    return { changes };
  },

  async create(inputs) {
    const id = createHash("sha256").update(String(inputs.resourceUrn)).digest("hex").slice(0, 16);
    return { id, outs: await apply(id, inputs, undefined) };
  },

  async update(id, olds, news) {
    // After a failure the engine updates whatever `diff` says.
    if (news.sealed === true) return { outs: olds };
    return { outs: await apply(id, news, olds as unknown as Outputs) };
  },

  read: async (id, props = {}) => ({ id, props }),

  // The users stay: they belong to their connection, and only with it do they go.
  async delete(_id, props) {
    const { journalFile, run, resourceUrn, ledger, connectionId } = props as unknown as Partial<Outputs>;
    if (resourceUrn !== undefined && ledger !== undefined) {
      await log.info(
        resourceUrn,
        `The import is forgotten. ${usersIn(ledger)} stay in the connection ${connectionId}, for as long as the connection does.`,
      );
    }
    if (journalFile !== undefined && run !== undefined && connectionId !== undefined) {
      try {
        removeSavedJournal(path.resolve(journalFile), run, connectionId);
      } catch (error) {
        // What `delete` throws is shown with a stack trace, and keeps the resource in the state.
        await log.warn(
          String(resourceUrn),
          `The journal ${asGiven(journalFile)} could not be removed (${error instanceof JournalError ? "it is damaged" : systemReason(error)}). It holds no personal data. Remove it yourself.`,
        );
      }
    }
  },
};

/** How many users a batch has brought. A ledger that can't be read, of a newer version say, is no reason not to forget it. */
function usersIn(ledger: EncodedLedger): string {
  try {
    return countOf(Ledger.decode(ledger).usersInTenant(), "user");
  } catch {
    return "Its users";
  }
}

/** Loaded where there is something to send: Auth0's SDK costs more time than a preview of files that did not change. */
async function apply(id: string, properties: Properties, old: Outputs | undefined): Promise<Properties> {
  const { applyBatch } = await import("./applyBatch.js");
  return applyBatch(id, properties, old);
}

/** Rules that one set of arguments can break by itself. Values that are not known yet break none. */
function argumentProblems(news: Properties): string[] {
  const parsed = Inputs.safeParse(news);
  const broken = parsed.success
    ? []
    : parsed.error.issues.filter(({ path: [name] }) => !hasUnknown(news[String(name)]));
  const problems = broken.map((issue) => `${issue.message}.`);
  const { users, sealed, maxMembers = {}, roles = {}, organizations = {} } = news as Partial<Inputs>;
  const isKnown = parsed.success && !hasUnknown(news.roles) && !hasUnknown(news.organizations);
  for (const name of isKnown ? Object.keys(maxMembers) : []) {
    if (Object.hasOwn(roles, name) || Object.hasOwn(organizations, name)) continue;
    problems.push(`maxMembers names ${name}, which neither roles nor organizations has.`);
  }
  if (sealed !== true && (users === undefined || (Array.isArray(users) && users.length === 0))) {
    problems.push("users is required: one or more files or globs, relative to the program's folder.");
  }
  return problems;
}

/** What is missing or wrong for sending anything, besides the batch's own arguments. */
async function configProblems(news: Partial<Inputs>): Promise<string[]> {
  const problem = credentialProblem(news);
  if (problem !== undefined) return [problem];
  try {
    const origin = originFor(news);
    if (origin !== undefined) proxyTo(origin);
    resolveLimits(config);
    const queue = config(QUEUE);
    if (queue === undefined) return [];
    const { queueProblem } = await import("../../queue/problem.js");
    const wrong = queueProblem(queue, origin === undefined ? undefined : credentialsFor(news));
    return wrong === undefined ? [] : [wrong];
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
  if (news.sealed === true && olds.source === undefined) {
    problems.push("sealed can't be set before the first import: there is nothing to keep. Leave it out until then.");
  }
  if (news.sealed === true && olds.connectionId !== undefined && news.connectionId !== olds.connectionId) {
    problems.push(
      "connectionId can't change while the import is sealed: its users would have to be sent again. Set sealed to false, or connectionId back.",
    );
  }
  return problems;
}

/**
 * Without the time of a key that is there and tells none: in a preview, Pulumi's SDK takes an output that a resource does
 * not have for one that is not known yet.
 */
function withoutMissing({ created, ...news }: Properties): Properties {
  return created === undefined || (isUnknown(created) && !isUnknown(news.key)) ? news : { ...news, created };
}

/** Imports of which it was said that they keep an earlier key. */
const keepers = new Set<string>();

/**
 * The inputs with the key that the batch has had from the start. Pulumi replaces an ImportKey where it is told to
 * (`--replace`, `taint`), and the new one is in the state before any batch can refuse it. But the ledger is keyed by the
 * first, which is among the batch's inputs. Another connection begins anew.
 */
async function keepKey(old: Partial<Inputs>, news: Properties): Promise<Properties> {
  if (old.key === undefined || news.key === undefined || news.key === old.key) return news;
  if (news.connectionId !== old.connectionId) return news;
  const name = importName(String(news.resourceUrn));
  if (!keepers.has(name)) {
    keepers.add(name);
    await log.info(
      String(news.resourceUrn),
      "The import's key was replaced, and its batches keep the earlier one: what is known of their users is keyed by it.",
    );
  }
  const { created: _, ...others } = news;
  return { ...others, key: old.key, ...optional({ created: old.created }) };
}

/**
 * What the files say to the batch. Where they are as they were that is known without a parse, and where its import's key
 * has found out about them before it, from that.
 */
async function describeSource(inputs: Inputs, old: BatchSource | undefined): Promise<BatchSource> {
  const args = sourceArgsOf(inputs);
  const noted = notedSource(args);
  if (old !== undefined) {
    const share = noted?.shares?.[inputs.share.index];
    if (noted !== undefined && share !== undefined) {
      if (noted.read !== undefined) await refuseSharedIds(inputs, noted.read);
      if (share === old.share) return old;
      const { digest, bytes, files = [] } = noted;
      return { digest, users: files.reduce((sum, file) => sum + file.users, 0), bytes, share };
    }
    if (noted === undefined ? await isUnchanged(args, old) : noted.digest === old.digest) return old;
  }
  const isFirstPreview = old === undefined && inPreview.has(inputs.resourceUrn);
  const read = await readSource(inputs, isFirstPreview);
  await refuseSharedIds(inputs, read);
  // The engine asks for no difference where there is nothing yet.
  if (isFirstPreview) {
    await isAtWorkers(undefined, inputs);
    await tell(inputs, undefined, true, read);
  }
  return batchSource(read, inputs.share);
}

async function refuseSharedIds(inputs: Inputs, read: ReadSource): Promise<void> {
  const origin = originFor(inputs);
  if (origin === undefined) return;
  await refuseSharedUserIds({ ...inputs, read, origin, name: importName(inputs.resourceUrn) });
}

/**
 * Whether the batch lists records by their places, which have moved since: the files are others, though not to its users.
 */
function placesMoved(outputs: Outputs, inputs: Inputs): boolean {
  const { source: found } = inputs;
  if (found === undefined || isUnknown(found)) return false;
  const noted = notedSource(sourceArgsOf(inputs));
  const share = noted?.shares?.[inputs.share.index];
  // `ignoreChanges` may have put there what the files said earlier.
  const isCurrent =
    noted === undefined || (share === undefined ? found.digest === noted.digest : found.share === share);
  if (!isCurrent || (noted ?? found).digest === outputs.source.digest) return false;
  return listsPlaces(outputs);
}

/** Where a user finds of whom a list tells: those of an import are written by its Finalizer. */
function listOf(inputs: Inputs, output: string, file: string): string {
  if (!isOfImport(inputs)) return `the output ${output}`;
  return asGiven(path.posix.join(inputs.resultsDir, file));
}

/** Says what an update would do. */
async function tell(inputs: Inputs, old: Outputs | undefined, changes: boolean, known?: ReadSource): Promise<void> {
  const { resourceUrn, share, resultsDir, unsupportedPasswordHash } = inputs;
  if (!changes) {
    const { differences = [], notAppliedAt } = old ?? {};
    const conflicts = usersInConflict(notAppliedAt);
    const left = differenceLine(differences, listOf(inputs, "notApplied", NOT_APPLIED_CSV));
    const parts = [
      ...(conflicts === 0 ? [] : [`${conflictsBefore(conflicts)}: see ${listOf(inputs, "conflicts", CONFLICTS_CSV)}`]),
      ...(left === undefined ? [] : [left]),
    ];
    if (parts.length > 0) await log.info(resourceUrn, `no change; ${parts.join("; ")}`);
    return;
  }
  if ((inputs.source === undefined || isUnknown(inputs.source)) && known === undefined) return;
  const settings: PlanSettings = {
    key: isUnknown(inputs.key) ? undefined : inputs.key,
    connectionId: inputs.connectionId,
    externalId: inputs.externalId,
    sendCompletionEmail: inputs.sendCompletionEmail,
    generateUserIds: inputs.generateUserIds,
    unsupportedPasswordHash,
    looksAgain: old?.onConflict !== inputs.onConflict,
    takesNoChanges: old?.differences.some(({ reason }) => reason === REASONS.emailNotUnique) ?? false,
  };
  try {
    const { planBatch } = await import("../import/preview.js");
    const { tellPlan } = await import("./plans.js");
    const read = known ?? (await readSource(inputs, false));
    const sendsAgain = old !== undefined && wantsFailedAgain(old, inputs);
    const encoded = sendsAgain ? withMissing(old, inputs) : old?.ledger;
    const ledger = encoded === undefined ? undefined : Ledger.decode(encoded);
    if (sendsAgain) ledger?.resendFailed();
    const takesExisting = inputs.onExisting !== "fail";
    const maps = namedMaps(inputs);
    const memberships =
      maps === undefined || read.statements.isEmpty
        ? undefined
        : new (await import("../import/memberships/preview.js")).MembershipPreview(
            ...([read, share, settings.key, maps, { ...old, ledger }, takesExisting] as const),
          );
    const plan = await planBatch(read, share, ledger, settings, (record, isIn) => memberships?.see(record, isIn));
    await tellPlan(resourceUrn, resultsDir, share, {
      ...{ plan, read, unsupportedPasswordHash, takesExisting },
      ...optional({ memberships: await memberships?.end() }),
      lacking: lackingIn(inputs),
      isFirst: old === undefined,
    });
  } catch (error) {
    // The update will meet the same, and tell it; `diff` must not throw.
    await log.warn(resourceUrn, error instanceof Error ? error.message : String(error));
  }
}

/** Imports of which it was said that workers could not be asked. */
const unasked = new Set<string>();

/** Whether workers have something of the batch that this state does not know; where a queue is configured. */
async function isAtWorkers(saved: Outputs | undefined, news: Inputs): Promise<boolean> {
  const queue = config(QUEUE);
  if (queue === undefined || hasUnknown(news) || originFor(news) === undefined) return false;
  const { askWorkers } = await import("../../queue/index.js");
  try {
    const state = await askWorkers(queue, credentialsFor(news), news, saved);
    if (state !== undefined && inPreview.has(news.resourceUrn)) await log.info(news.resourceUrn, state);
    return state !== undefined;
  } catch (error) {
    const name = importName(news.resourceUrn);
    if (unasked.has(name)) return false;
    unasked.add(name);
    const reason = error instanceof Error ? error.message : String(error);
    await log.warn(
      news.resourceUrn,
      `Whether workers have something of the batches of ${name} could not be asked. ${reason} Run again when it answers.`,
    );
    return false;
  }
}

/** Whether an interrupted run has sent something that this state does not know. */
function leftUnsaved(saved: Outputs, news: Inputs): boolean {
  if (hasUnknown(news)) return false;
  const identity = { keyId: keyId(news.key), connectionId: news.connectionId };
  try {
    return journalFilesOf(news, saved).some((name) => {
      const file = path.resolve(name);
      if (hasUnsavedJournal(file, identity, saved)) return true;
      removeSavedJournal(file, saved.run, saved.connectionId);
      return false;
    });
  } catch (error) {
    // An update will meet the same, and can tell it; `diff` must not throw.
    if (error instanceof JournalError || (error as NodeJS.ErrnoException).syscall !== undefined) return true;
    throw error;
  }
}
