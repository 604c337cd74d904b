import { createHash } from "node:crypto";
import path from "node:path";
import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import { count, countOf } from "../progress/batchProgress";
import type { BatchReview, ReviewedBatch } from "../resources/finalizer";
import { typeToken } from "../resources/shim";
import { firstConflicts, firstFailures, secondAccounts } from "../results/firstFailures";
import { conflictsTold, differenceLine, lackingTold, listFailures } from "../results/oneLine";
import {
  asGiven,
  CONFLICTS_CSV,
  FAILED_RECORDS_CSV,
  NOT_APPLIED_CSV,
  PASSWORD_RESET_CSV,
  REPORT,
  RESULT_FILES,
} from "../results/resultsFolder";
import { failuresIn, mergeSummaries, type SourceInfo, type Summary } from "../results/types";
import { removeWholeFile } from "../results/wholeFile";
import { conflictUsers, mergeDifferences, type Results, writeResults } from "../results/writeResults";
import { systemReason } from "../source/systemReason";
import { resolveLimits } from "../tenant/credentials";
import { sourceInfo } from "./batch";
import { config, configure, failures, hasUnknown, log, type Properties, partialFailure, UNKNOWN } from "./engine";
import { listedIn } from "./failedRun";
import { listsPlaces, partInRun, reviewRuns } from "./lastRun";
import { notedSource, type SourceArgs, sharedSource } from "./sources";
import {
  exceeds,
  isLimit,
  tellVerification,
  VerifyInputs,
  type VerifyOutputs,
  wantsVerification,
} from "./verification";
import { verifyWhereDue } from "./verifyWhereDue";

const MAX_FAILURES = 'maxFailures must be a whole number, 0 or more, or a percentage such as "5%"';

/** The inputs of the Finalizer as they come over the wire; see `FinalizerArgs`. */
const Inputs = z.object({
  connectionId: z.string(),
  users: z.array(z.string()).optional(),
  transform: z.string().optional(),
  nullText: z.array(z.string()).optional(),
  merge: z.boolean().optional(),
  unsupportedPasswordHash: z.enum(["fail", "omit"]),
  sealed: z.boolean(),
  resultsDir: z.string("resultsDir must be a path").min(1, "resultsDir must not be empty"),
  maxFailures: z.custom<number | string>(isLimit, MAX_FAILURES).optional(),
  ...VerifyInputs.shape,
  /** Put by `check` in the place of what the batches tell. */
  reviewed: z.string(),
  resourceUrn: z.string(),
});
type Inputs = z.infer<typeof Inputs>;

interface Outputs extends VerifyOutputs {
  readonly summary: Summary;
  readonly reportFile: string;
  readonly failedRecordsFile?: string;
  /** The files as they were then; an early 0.1 kept neither. */
  readonly source?: SourceInfo;
  readonly reviewedBatches?: readonly ReviewedBatch[];
  /** What was reviewed and how, so that the next run sees whether there is anything new. */
  readonly review: string;
  readonly complete: boolean;
}

export const finalizer: dynamic.ResourceProvider<Properties, Properties> = {
  configure: async (request) => configure(request),

  async check(olds, program) {
    const { preview, batches, ...rest } = program;
    const news = { ...rest, reviewed: hasUnknown(batches) ? UNKNOWN : keep(String(rest.resourceUrn), batches) };
    const known = Object.fromEntries(Object.entries(news).filter(([, value]) => !hasUnknown(value)));
    const parsed = Inputs.partial().safeParse(known);
    const reasons = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.message}.`);
    const urn = String(rest.resourceUrn);
    if (preview === true) {
      inPreview.add(urn);
      await (await import("./plans.js")).tellSum(importUrn(urn), String(rest.resultsDir));
    }
    if (rest.verify === true && rest.sealed === true && preview !== true) await log.info(urn, SEALED);
    // The engine asks for no difference where there is nothing yet.
    if (rest.verify === true && rest.sealed !== true && preview === true && isNew(olds))
      await log.info(urn, WILL_VERIFY);
    return { inputs: news, failures: failures([...new Set(reasons)]) };
  },

  async diff(_id, olds, news) {
    if (news.sealed === true) return { changes: false };
    const changes = isToReview(olds as Partial<Outputs>, news);
    if (changes && news.verify === true && inPreview.has(String(news.resourceUrn))) {
      await log.info(String(news.resourceUrn), WILL_VERIFY);
    }
    return { changes };
  },

  async create(inputs) {
    const id = createHash("sha256").update(String(inputs.resourceUrn)).digest("hex").slice(0, 16);
    return { id, outs: await review(id, inputs, {}) };
  },

  async update(id, olds, news) {
    // After a failure the engine updates whatever `diff` says.
    if (news.sealed === true) return { outs: olds };
    const outs = await review(id, news, olds);
    // In another folder: the old files would hold personal data for good.
    if (olds.reportFile !== outs.reportFile) await removeResults(olds.reportFile);
    return { outs };
  },

  read: async (id, props = {}) => ({ id, props }),

  async delete(_id, { reportFile }) {
    try {
      await removeResults(reportFile);
    } catch (error) {
      // What `delete` throws is shown with a stack trace, and keeps the resource in the state.
      await log.warn(
        NO_URN,
        `The results beside ${asGiven(String(reportFile))} could not be removed (${systemReason(error)}). They hold personal data. Remove them yourself.`,
      );
    }
  },
};

/** The outputs do not tell the URN, and `delete` gets nothing else: Pulumi shows it on the stack's line. */
const NO_URN = "";

/** Finalizers of which the program says that this is a preview. */
const inPreview = new Set<string>();

const WILL_VERIFY =
  "where something was sent or is still to be verified: reads the connection back by an export job, and compares it with what was sent";

const SEALED =
  "A sealed import reads nothing back. `npx pulumi-auth0-user-import verify FILES… --export EXPORT…` compares users files with a downloaded export.";

function isNew(olds: Properties): boolean {
  return Object.keys(olds).length === 0;
}

function isToReview(olds: Partial<Outputs>, news: Properties): boolean {
  const { review, complete, source } = olds;
  if (complete !== true || hasUnknown(news)) return true;
  const inputs = news as unknown as Inputs;
  // That 0.1 had the results elsewhere is no change: they move with the next review.
  const former = { ...inputs, resultsDir: asGiven(inputs.resultsDir) };
  if (![inputs, former].some((each) => fingerprint(each) === review)) return true;
  if (wantsVerification(olds, inputs)) return true;
  // An edit that is about nobody, such as a blank line: no batch has run, and yet the files are others.
  const noted = notedSource(sourceArgsOf(inputs));
  return source !== undefined && noted !== undefined && noted.digest !== source.digest;
}

/** The import is the parent, and its name the start of the Finalizer's. */
function importUrn(urn: string): string {
  return urn.replace(`$${typeToken("Finalizer")}::`, "::").replace(/-results$/, "");
}

async function removeResults(reportFile: unknown): Promise<void> {
  if (typeof reportFile !== "string") return;
  const directory = path.dirname(path.resolve(reportFile));
  for (const name of RESULT_FILES) {
    await removeWholeFile(directory, name);
  }
}

/** What the review depends on: how the batches ended, where the results go, and the limit. */
function fingerprint({ reviewed, resultsDir, maxFailures }: Inputs): string {
  return digestOf([reviewed, resultsDir, maxFailures ?? null]);
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** What the batches have told in this run, by the Finalizer's URN: the engine checks before it creates or updates. */
const told = new Map<string, readonly BatchReview[]>();

/** Keeps what the batches tell out of the state, where their own outputs are, and returns its digest. */
function keep(urn: string, batches: unknown): string {
  told.set(urn, batches as BatchReview[]);
  return digestOf((batches as BatchReview[]).map(({ applied: _, ...review }) => review));
}

function sourceArgsOf({ users = [], resourceUrn, ...inputs }: Inputs): SourceArgs {
  const { transform, nullText, merge, unsupportedPasswordHash } = inputs;
  const batches = told.get(resourceUrn)?.length ?? 1;
  return { patterns: users, transform, nullText, merge, unsupportedPasswordHash, batches };
}

function readSource(args: SourceArgs) {
  return sharedSource({ ...args, key: undefined, validate: false });
}

/** The files as they are. What the batches know of them may be older, where an edit was not about their users. */
async function currentSource(args: SourceArgs, reviews: readonly BatchReview[]): Promise<SourceInfo> {
  const noted = notedSource(args);
  const digests = new Set(reviews.map(({ source }) => source.digest));
  const digest = noted?.digest ?? (digests.size === 1 ? [...digests][0] : undefined);
  const known = reviews.find(({ source }) => source.digest === digest)?.source;
  if (known !== undefined) return known;
  if (noted?.files === undefined) return sourceInfo((await readSource(args)).source);
  const { bytes, files } = noted;
  return { digest: noted.digest, users: files.reduce((sum, { users }) => sum + users, 0), bytes };
}

async function review(id: string, properties: Properties, olds: Partial<Outputs>): Promise<Properties> {
  const inputs = Inputs.parse(properties);
  const { connectionId, transform, unsupportedPasswordHash, resultsDir, maxFailures, resourceUrn } = inputs;
  const reviews = told.get(resourceUrn) ?? [];
  const args = sourceArgsOf(inputs);
  const source = await currentSource(args, reviews);
  const reviewedBatches = reviewRuns(reviews, source, olds.reviewedBatches);
  const parts = reviews.map((batch, i) => partInRun(batch, reviewedBatches[i]?.isOfLastRun === true));
  const name = importName(resourceUrn);
  const checked = await verifyWhereDue({ inputs, olds, reviews: parts, name, readSource: () => readSource(args) });
  const { reviews: batches, missing, report, problem } = checked;
  const summary = mergeSummaries(batches.map((batch) => batch.summary));
  const openSource = async () => {
    const read = await readSource(args);
    // Where a batch lists nothing by its place, it is enough that the files say the same of its users.
    const isOfIt = (batch: BatchReview, i: number) =>
      batch.source.digest === read.source.digest || (!listsPlaces(batch) && batch.applied === read.shareDigest(i));
    if (reviews.every(isOfIt)) return read.source;
    throw new Error(
      "The batches were not all imported from the users files as they are now, so the failed records can't be gathered from them. All batches are saved. Run `pulumi up` again, without --target.",
    );
  };
  const results: Results = {
    resultsDir,
    name,
    connectionId,
    batches,
    missing,
    verification: report,
    unverified: problem?.reason,
    listed: listedIn(resultsDir, batches.length),
    transform,
    unsupportedPasswordHash,
    maxActiveJobs: resolveLimits(config).maxActiveJobs,
  };
  const written = await writeResults(results, openSource).catch((error: unknown) => {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new Error(
      `The results can't be written to resultsDir "${asGiven(resultsDir)}" (${code}). All batches are saved. Choose another folder and run \`pulumi up\` again.`,
    );
  });
  const former = path.posix.join(asGiven(resultsDir), REPORT);
  if (former !== written.reportFile) await removeResults(former);
  const done = {
    summary,
    source,
    reviewedBatches,
    review: fingerprint(inputs),
    complete: true,
    ...written,
    ...checked.kept,
  };
  const differences = mergeDifferences(batches);
  const list = (name: string) => asGiven(path.posix.join(resultsDir, name));
  const left = differenceLine(differences, list(NOT_APPLIED_CSV));
  if (left !== undefined) await log.info(resourceUrn, `${left}.`);
  const inConflict = conflictUsers(results);
  const conflicts = inConflict === 0 ? undefined : conflictsTold(inConflict, differences, list(CONFLICTS_CSV));
  const resets = batches.reduce((sum, { passwordResets }) => sum + passwordResets, 0);
  if (resets > 0) {
    await log.info(
      resourceUrn,
      `${countOf(resets, "user")} without a password: all of them are in ${list(PASSWORD_RESET_CSV)}.`,
    );
  }
  const verdict = await tellVerification(inputs, checked);
  const failed = parts.reduce((sum, { summary }) => sum + failuresIn(summary), 0);
  const { failedRecordsFile } = written;
  const outcome =
    failed === 0 || failedRecordsFile === undefined
      ? undefined
      : `${count(failed)} of ${countOf(summary.total, "user")} failed (${listFailures(parts)}). They are, whole, in ${asGiven(failedRecordsFile)}; ${asGiven(written.reportFile)} says what each code means. Correct them in the users file and run \`pulumi up\`: only they are sent.${lackingTold(parts)}`;
  const excess =
    maxFailures !== undefined && exceeds(failed, maxFailures, summary.total)
      ? `That is more than maxFailures (${maxFailures}). All that was imported is saved.`
      : undefined;
  const anew = secondAccounts(parts, list(FAILED_RECORDS_CSV));
  if (excess !== undefined || verdict !== undefined || anew !== undefined) {
    const first = firstFailures(
      parts.flatMap(({ failedRecords }) => failedRecords),
      failed,
    );
    const tooMany = excess === undefined ? undefined : `${excess}${first}`;
    const alsoConflicts =
      conflicts &&
      `\n${conflicts}:${firstConflicts(
        (results.listed ?? []).flatMap(({ conflicts = [] }) => conflicts),
        inConflict,
      )}`;
    const reasons = [verdict, outcome, tooMany, anew, alsoConflicts].filter((reason) => reason !== undefined);
    const due = verdict === undefined || problem !== undefined ? {} : { verifyDue: "failed" };
    throw partialFailure(id, properties, { ...done, ...due, complete: false }, reasons.join(" "));
  }
  if (outcome !== undefined) await log.warn(resourceUrn, outcome);
  if (conflicts !== undefined) await log.warn(resourceUrn, `${conflicts}.`);
  return done;
}

/** The Finalizer's URN ends with the import's name and `-results`. */
function importName(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2).replace(/-results$/, "");
}
