import { createHash } from "node:crypto";
import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import { CredentialsError, resolveCredentials, resolveLimits } from "../jobs/credentials";
import { tenantOf } from "../jobs/tenant";
import type { Share } from "../plan/share";
import { BatchProgress, count } from "../progress/batchProgress";
import type { SourceInfo } from "../results/types";
import { type Source, SourceError } from "../source";
import { applySource, type BatchResult, type ImportSettings } from "./applySource";
import { config, configure, failures, hasUnknown, isUnknown, log, type Properties, partialFailure } from "./engine";
import { sharedDigest, sharedSource, shareRecords } from "./sources";

/** The inputs of a batch as they come over the wire; see `UserBatchArgs`. */
const Inputs = z.object({
  connectionId: z.string().regex(/^con_[A-Za-z0-9]{16}$/, {
    error: ({ input }) =>
      `connectionId must be the id of a connection, con_ and 16 letters or digits, not ${JSON.stringify(input)}`,
  }),
  users: z.array(z.string().min(1, "users must not hold an empty path")).optional(),
  key: z.string(),
  share: z.object({ index: z.number(), count: z.number() }),
  onExisting: z.enum(["fail", "overwrite"], { error: 'onExisting must be "fail" or "overwrite"' }),
  generateUserIds: z.boolean("generateUserIds must be true or false"),
  triggers: z.array(z.unknown(), "triggers must be an array"),
  sealed: z.boolean("sealed must be true or false"),
  externalId: z.string("externalId must be a text").max(200, "externalId must have at most 200 characters"),
  sendCompletionEmail: z.boolean("sendCompletionEmail must be true or false"),
  configNamespace: z.string("configNamespace must be a text").min(1, "configNamespace must not be empty"),
  resourceUrn: z.string(),
  /** Added by `check`. */
  source: z.custom<SourceInfo>().optional(),
});
type Inputs = z.infer<typeof Inputs>;

/** The outputs of a batch, as they are kept in the state and come back with the next run. */
interface Outputs extends BatchResult {
  readonly connectionId: string;
  readonly share: Share;
  readonly triggers: readonly unknown[];
  readonly source: SourceInfo;
  readonly applied?: string;
}

export const userBatch: dynamic.ResourceProvider<Properties, Properties> = {
  configure: async (request) => configure(request),

  async check(olds, news) {
    const reasons = [...argumentProblems(news), ...changeProblems(olds as Partial<Inputs>, news as Partial<Inputs>)];
    if (news.sealed !== true) reasons.push(...configProblems(news.configNamespace));
    if (reasons.length > 0) return { inputs: news, failures: failures([...new Set(reasons)]) };
    if (news.sealed === true) return { inputs: { ...news, source: olds.source } };
    if (hasUnknown(news.users)) return { inputs: news };
    const { users, share } = news as unknown as Inputs;
    try {
      const source = await describe(users ?? [], share.count, olds.source as SourceInfo | undefined);
      return { inputs: { ...news, source } };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      return { inputs: news, failures: failures([error.message]) };
    }
  },

  async diff(_id, olds, news) {
    const { connectionId, applied, complete, triggers } = olds as Partial<Outputs>;
    if (isUnknown(news.connectionId) || news.connectionId !== connectionId) {
      return { changes: true, replaces: ["connectionId"] };
    }
    if (news.sealed === true) return { changes: false };
    const source = news.source as SourceInfo | undefined;
    return {
      changes: complete !== true || source?.digest !== applied || !sameJson(news.triggers, triggers),
    };
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
  delete: async () => {},
};

/** Rules that one set of arguments can break by itself. Values that are not known yet break none. */
function argumentProblems(news: Properties): string[] {
  const known = Object.fromEntries(Object.entries(news).filter(([, value]) => !hasUnknown(value)));
  const parsed = Inputs.partial().safeParse(known);
  const problems = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.message}.`);
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
  if (news.sealed === true && olds.source === undefined) {
    problems.push("sealed can't be set before the first import: there is nothing to keep. Leave it out until then.");
  }
  if (news.sealed === true && olds.connectionId !== undefined && news.connectionId !== olds.connectionId) {
    problems.push("connectionId can't change while the import is sealed: its users would have to be sent again.");
  }
  return problems;
}

/** What the files hold. Where they are as they were, that is known without a parse. */
async function describe(patterns: string[], shareCount: number, old: SourceInfo | undefined): Promise<SourceInfo> {
  if (old !== undefined) {
    const { digest } = await sharedDigest(patterns);
    if (digest === old.digest) return old;
  }
  return sourceInfo(await sharedSource(patterns, shareCount));
}

function sourceInfo({ digest, users, bytes }: Source): SourceInfo {
  return { digest, users, bytes };
}

/** Imports, and returns the outputs. What was achieved before something went wrong is kept in the error it throws. */
async function apply(id: string, properties: Properties, old: Outputs | undefined): Promise<Properties> {
  const inputs = Inputs.parse(properties);
  const { connectionId, users, key, share, triggers, resourceUrn } = inputs;
  const tenant = tenantOf(resolveCredentials(config, inputs.configNamespace), resolveLimits(config));
  const own = await shareRecords(users ?? [], share);
  const source = sourceInfo(own.source);
  if (inputs.source !== undefined && inputs.source.digest !== source.digest) {
    await log.warn(resourceUrn, "The users files changed after they were checked. They are imported as they are now.");
  }
  const settings: ImportSettings = {
    connectionId,
    key,
    externalId: inputs.externalId,
    onExisting: inputs.onExisting,
    generateUserIds: inputs.generateUserIds,
    sendCompletionEmail: inputs.sendCompletionEmail,
    resendFailed: old !== undefined && !sameJson(triggers, old.triggers),
  };
  const progress = new BatchProgress(own.users, (line) => log.live(resourceUrn, line));
  const { result, jobsSent, problem } = await applySource(own.records, settings, old, tenant, progress);
  // Without `applied`, not even a file that is put back to what it was looks unchanged: part of another one was sent.
  const applied = result.complete ? { applied: source.digest } : {};
  const outputs = { ...result, connectionId, share, triggers, source, ...applied };
  if (problem === undefined) return outputs;
  if (jobsSent === 0) throw problem;
  const { total, inserted, updated, failed } = result.summary;
  throw partialFailure(
    id,
    properties,
    outputs,
    `${problem.message} ${count(inserted + updated + failed)} of ${count(Math.max(own.users, total))} users were dealt with before, and that is saved. Run \`pulumi up\` again: it goes on with the rest.`,
  );
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
