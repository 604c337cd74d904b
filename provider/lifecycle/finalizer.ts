import { createHash } from "node:crypto";
import path from "node:path";
import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import { count } from "../progress/batchProgress";
import type { BatchReview } from "../resources/finalizer";
import { typeToken } from "../resources/shim";
import { FAILED_RECORDS, removeFailedRecords, writeFailedRecords } from "../results/failedRecordsFile";
import { fromRanges } from "../results/ranges";
import { mergeSummaries, type Summary } from "../results/types";
import { normalizeUser, type User } from "../schema/identity";
import { configure, failures, hasUnknown, log, type Properties, partialFailure, UNKNOWN } from "./engine";
import { plansOf } from "./plans";
import { mergePlans, planLine } from "./preview";
import { anySource } from "./sources";

const MAX_FAILURES = 'maxFailures must be a whole number, 0 or more, or a percentage such as "5%"';

/** The inputs of the Finalizer as they come over the wire; see `FinalizerArgs`. */
const Inputs = z.object({
  users: z.array(z.string()).optional(),
  sealed: z.boolean(),
  resultsDir: z.string("resultsDir must be a path").min(1, "resultsDir must not be empty"),
  maxFailures: z.custom<number | string>(isLimit, MAX_FAILURES).optional(),
  /** Put by `check` in the place of what the batches tell. */
  reviewed: z.string(),
  resourceUrn: z.string(),
});
type Inputs = z.infer<typeof Inputs>;

/** A number of users, or a share of them. */
function isLimit(value: unknown): boolean {
  return typeof value === "number"
    ? Number.isInteger(value) && value >= 0
    : typeof value === "string" && /^(100|\d{1,2})(\.\d+)?%$/.test(value);
}

interface Outputs {
  readonly summary: Summary;
  readonly failedRecordsFile?: string;
  /** What was reviewed and how, so that the next run sees whether there is anything new. */
  readonly review: string;
  readonly complete: boolean;
}

export const finalizer: dynamic.ResourceProvider<Properties, Properties> = {
  configure: async (request) => configure(request),

  async check(_olds, program) {
    const { preview, batches, ...rest } = program;
    const news = { ...rest, reviewed: hasUnknown(batches) ? UNKNOWN : keep(String(rest.resourceUrn), batches) };
    const known = Object.fromEntries(Object.entries(news).filter(([, value]) => !hasUnknown(value)));
    const parsed = Inputs.partial().safeParse(known);
    const reasons = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.message}.`);
    if (preview === true) await tellSum(String(rest.resultsDir), String(rest.resourceUrn));
    return { inputs: news, failures: failures([...new Set(reasons)]) };
  },

  async diff(_id, olds, news) {
    const { review, complete } = olds as Partial<Outputs>;
    if (news.sealed === true) return { changes: false };
    return { changes: complete !== true || hasUnknown(news) || review !== fingerprint(news as unknown as Inputs) };
  },

  async create(inputs) {
    const id = createHash("sha256").update(String(inputs.resourceUrn)).digest("hex").slice(0, 16);
    return { id, outs: await review(id, inputs) };
  },

  async update(id, olds, news) {
    const outs = await review(id, news);
    // Under another name or in another folder: the old file would hold personal data for good.
    if (olds.failedRecordsFile !== outs.failedRecordsFile) await removeOldFile(olds);
    return { outs };
  },

  read: async (id, props = {}) => ({ id, props }),

  delete: (_id, props) => removeOldFile(props),
};

/** Says on the import's line what an update would do, over all batches: they have been looked at by now. */
async function tellSum(resultsDir: string, urn: string): Promise<void> {
  const plans = plansOf(resultsDir);
  if (plans.length < 2) return;
  const ofImport = urn.replace(`$${typeToken("Finalizer")}::`, "::").replace(/-results$/, "");
  await log.info(ofImport, planLine(mergePlans(plans)));
}

async function removeOldFile({ failedRecordsFile }: Properties): Promise<void> {
  if (typeof failedRecordsFile === "string") await removeFailedRecords(path.dirname(path.resolve(failedRecordsFile)));
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
  return digestOf(batches);
}

async function review(id: string, properties: Properties): Promise<Properties> {
  const inputs = Inputs.parse(properties);
  const { resultsDir, resourceUrn } = inputs;
  const batches = told.get(resourceUrn) ?? [];
  const summary = mergeSummaries(batches.map((batch) => batch.summary));
  const failedAt = new Set(batches.flatMap(({ failedAt }) => failedAt.flatMap(({ at }) => fromRanges(at))));
  const directory = path.resolve(resultsDir);
  const file = path.posix.join(resultsDir, FAILED_RECORDS);
  const outputs = { summary, review: fingerprint(inputs), complete: true };
  if (failedAt.size === 0) {
    await removeFailedRecords(directory);
    return outputs;
  }
  const source = await anySource(inputs.users ?? [], undefined);
  if (batches.some((batch) => batch.source.digest !== source.digest)) {
    throw new Error(
      "The batches were not all imported from the users files as they are now, so the failed records can't be gathered from them. All batches are saved. Run `pulumi up` again, without --target.",
    );
  }
  await writeFailedRecords(directory, records(source.records((index) => failedAt.has(index)))).catch(
    (error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(
        `The failed records can't be written to resultsDir "${resultsDir}" (${code ?? "unknown error"}). All batches are saved. Choose another folder and run \`pulumi up\` again.`,
      );
    },
  );
  const done = { ...outputs, failedRecordsFile: file };
  const excess = overLimit(inputs.maxFailures, summary);
  const outcome = `${count(failedAt.size)} of ${count(summary.total)} users failed. They are, whole, in ${file}. Correct them in the users file and run \`pulumi up\`: only they are sent.`;
  if (excess !== undefined) {
    throw partialFailure(id, properties, { ...done, complete: false }, `${outcome} ${excess}`);
  }
  await log.warn(resourceUrn, outcome);
  return done;
}

async function* records(source: AsyncIterable<{ readonly user: User }>): AsyncIterable<User> {
  for await (const { user } of source) yield normalizeUser(user);
}

/** The sentence that says by how much `maxFailures` is exceeded, if it is. */
function overLimit(maxFailures: number | string | undefined, { total, failed, invalid }: Summary): string | undefined {
  if (maxFailures === undefined) return undefined;
  const limit = typeof maxFailures === "number" ? maxFailures : (Number.parseFloat(maxFailures) / 100) * total;
  return failed + invalid > limit
    ? `That is more than maxFailures (${maxFailures}). All that was imported is saved.`
    : undefined;
}
