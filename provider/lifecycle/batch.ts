import path from "node:path";
import { z } from "zod";
import type { BatchResult } from "../import/types";
import type { SavedRun } from "../journal/left";
import { contentFingerprint, RECORD_BITS } from "../ledger/fingerprint";
import { MEMBERSHIP_GROUPS, type MembershipGroup, type MembershipMaps, sameMaps } from "../plan/memberships";
import type { ReadSource } from "../plan/readSource";
import type { Share } from "../plan/share";
import { asGiven } from "../results/resultsFolder";
import type { SourceInfo } from "../results/types";
import type { UnsupportedPasswordHash } from "../schema/prepare";
import type { Source } from "../source";
import { type SourceArgs, sharedSource } from "./sources";
import { hasUnknown, isUnknown } from "./unknown";

const DEADLINE = 'deadline must be a duration such as "5h", "90m" or "1h30m"';

const CENSUS_TIMEOUT = 'censusTimeout must be a duration such as "1h", "90m" or "1h30m"';

const USERS = "users must be one or more paths or globs, relative to the program's folder";
const filePath = z.string(USERS).regex(/^[^\0]+$/, USERS);

const NULL_TEXT = 'nullText must be one or more texts, such as "NULL"';

const MAX_MEMBERS = "maxMembers must give names of roles or organizations a number each";

function mapOf(id: RegExp, message: string) {
  return z.record(z.string(), z.string(message).regex(id, message), message);
}

/** The inputs of a batch as they come over the wire; see `UserBatchArgs`. */
export const Inputs = z.object({
  connectionId: z
    .string("connectionId is required: the id of a database connection")
    .regex(/^con_[A-Za-z0-9]{16}$/, "connectionId must be the id of a connection: con_ and 16 letters or digits"),
  users: z.array(filePath, USERS).optional(),
  transform: filePath.optional(),
  nullText: z.array(z.string(NULL_TEXT), NULL_TEXT).optional(),
  merge: z.boolean("merge must be true or false").optional(),
  unsupportedPasswordHash: z.enum(["fail", "omit"], { error: 'unsupportedPasswordHash must be "fail" or "omit"' }),
  key: z.string("key is required: the key of an ImportKey"),
  created: z.iso.datetime("created must be the time at which the ImportKey was made: its output `created`").optional(),
  share: z
    .object({ index: z.int().min(0), count: z.int().min(1) }, "share must be { index, count }")
    .refine(({ index, count }) => index < count, "share: index must be below count"),
  onExisting: z.enum(["fail", "adopt", "overwrite"], { error: 'onExisting must be "fail", "adopt" or "overwrite"' }),
  onConflict: z
    .enum(["keep", "merge", "overwrite"], { error: 'onConflict must be "keep", "merge" or "overwrite"' })
    .optional(),
  generateUserIds: z.boolean("generateUserIds must be true or false"),
  roles: mapOf(/^rol_[A-Za-z0-9]+$/, "roles must give each name the id of a role, rol_…").optional(),
  organizations: mapOf(
    /^org_[A-Za-z0-9]+$/,
    "organizations must give each name the id of an organization, org_…",
  ).optional(),
  maxMembers: z.record(z.string(), z.int(MAX_MEMBERS).min(0, MAX_MEMBERS), MAX_MEMBERS).optional(),
  triggers: z.array(z.unknown(), "triggers must be an array"),
  sealed: z.boolean("sealed must be true or false"),
  externalId: z.string("externalId must be a text"),
  sendCompletionEmail: z.boolean("sendCompletionEmail must be true or false"),
  configNamespace: z
    .string("configNamespace must be a text")
    .regex(/^[A-Za-z0-9_-]+$/, 'configNamespace must be a name of letters, digits, - and _, such as "auth0-eu"'),
  resultsDir: z.string("resultsDir must be a path").min(1, "resultsDir must not be empty"),
  deadline: z.custom<string>((value) => durationMs(value) !== undefined, DEADLINE).optional(),
  censusTimeout: z.custom<string>((value) => durationMs(value) !== undefined, CENSUS_TIMEOUT).optional(),
  resourceUrn: z.string(),
  /** Added by `check`. */
  source: z.custom<BatchSource>().optional(),
});
export type Inputs = z.infer<typeof Inputs>;

/**
 * What `check` found in the source for a batch: that a source of this digest says so to its share. Where an edit is none
 * of the share, it stays in the inputs as it is, so that the engine has nothing to save.
 */
export interface BatchSource extends SourceInfo {
  /** Digest of what the source says to the share; absent where one batch has it all, or an early 0.1 wrote it. */
  readonly share?: string;
}

/** The outputs of a batch, as they are kept in the state and come back with the next run. */
export interface Outputs extends BatchResult, SavedRun {
  readonly connectionId: string;
  readonly resourceUrn: string;
  readonly share: Share;
  readonly triggers: readonly unknown[];
  readonly onExisting: string;
  /** Absent where the program says nothing of it, and in states of 0.1. */
  readonly onConflict?: string;
  readonly unsupportedPasswordHash: UnsupportedPasswordHash;
  /** As the last run read it. */
  readonly source: SourceInfo;
  /** The digest of its share, or where it has none of the source, that the tenant reflects. */
  readonly applied?: string;
  /** Where its journal lies. */
  readonly journalFile: string;
}

/** Whether records that failed are to be sent once more, though they did not change. */
export function wantsFailedAgain(olds: Outputs, news: Inputs): boolean {
  return !sameJson(termsIn(news), termsIn(olds));
}

/** The same for a journal, which keeps them: keyed, since anything may stand in `triggers`. */
export function termsOf(inputs: Inputs): string {
  return contentFingerprint(inputs.key, "terms", termsIn(inputs), RECORD_BITS).toString(36);
}

/** What decides whether a failure stands: a record that failed on other terms is sent again. */
function termsIn({ triggers, onExisting }: Pick<Outputs, "triggers" | "onExisting">): readonly unknown[] {
  return [triggers, onExisting];
}

/** Auth0's ids by name; `undefined` where the program gives none. */
export function membershipMaps({
  roles,
  organizations,
}: Pick<Inputs, "roles" | "organizations">): MembershipMaps | undefined {
  if (roles === undefined && organizations === undefined) return undefined;
  return { ...(roles && { roles }), ...(organizations && { organizations }) };
}

/** The arguments of the two that the program does not give: what records say of them is not sent. */
export function lackingIn(inputs: Pick<Inputs, "roles" | "organizations">): MembershipGroup[] {
  return MEMBERSHIP_GROUPS.filter((group) => inputs[group] === undefined);
}

/**
 * The same for a preview, which counts by name: a role that the program is about to make has no id yet, and gets one that
 * nobody has. `undefined` where not even the names are known.
 */
export function namedMaps(inputs: Pick<Inputs, "roles" | "organizations">): MembershipMaps | undefined {
  if (isUnknown(inputs.roles) || isUnknown(inputs.organizations)) return undefined;
  const named = (ids: Readonly<Record<string, string>> | undefined, prefix: string) =>
    ids &&
    Object.fromEntries(Object.entries(ids).map(([name, id], i) => [name, isUnknown(id) ? `${prefix}(new${i})` : id]));
  return membershipMaps({ roles: named(inputs.roles, "rol_"), organizations: named(inputs.organizations, "org_") });
}

/** Whether there is something to do about roles or organizations, though the files are the same. */
export function wantsMemberships(saved: Outputs, news: Inputs): boolean {
  if (hasUnknown([news.roles, news.organizations])) return true;
  return saved.membershipsFailed === true || !sameMaps(saved.membershipMaps, membershipMaps(news));
}

/** Whether records are sound now that were invalid before, or the other way round, though the files are the same. */
export function takesOtherHashes({ unsupportedPasswordHash }: Outputs, news: Inputs): boolean {
  return news.unsupportedPasswordHash !== unsupportedPasswordHash;
}

/** Whether the tenant reflects the source that `check` found. Never asked of the last run's inputs: it may have been killed. */
export function isApplied({ applied, source: last }: Outputs, { source: found }: Inputs): boolean {
  if (applied === undefined || found === undefined || isUnknown(found)) return false;
  return applied === found.share || last.digest === found.digest;
}

export function sourceArgsOf({ users = [], share, ...inputs }: Inputs): SourceArgs {
  const { transform, nullText, merge, unsupportedPasswordHash } = inputs;
  return { patterns: users, transform, nullText, merge, unsupportedPasswordHash, batches: share.count };
}

/**
 * The source, with fingerprints of the batch's records where the key is known.
 *
 * @param validate whether every record is checked, as a first preview does. An update checks each before it is sent.
 */
export async function readSource(inputs: Inputs, validate: boolean): Promise<ReadSource> {
  const key = isUnknown(inputs.key) ? undefined : inputs.key;
  const read = await sharedSource({ ...sourceArgsOf(inputs), key, validate });
  return key === undefined ? read : read.withPrints(key, inputs.share);
}

export function sourceInfo({ digest, users, bytes }: Source): SourceInfo {
  return { digest, users, bytes };
}

/** What a source that was read says to a batch. */
export function batchSource(read: ReadSource, { index, count }: Share): BatchSource {
  return { ...sourceInfo(read.source), ...(count === 1 ? {} : { share: read.shareDigest(index) }) };
}

/** Whether two sources say the same to a batch. */
export function saysTheSame(a: BatchSource, b: BatchSource): boolean {
  return a.share === undefined ? a.digest === b.digest : a.share === b.share;
}

/** Whether the batch is one of a `UserImport`; else it stands alone, and no Finalizer comes after it. */
export function isOfImport({ resourceUrn }: Pick<Inputs, "resourceUrn">): boolean {
  return resourceUrn.includes("auth0import:UserImport$");
}

export function batchName(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** The batches of an import are numbered. */
export function importName(urn: string): string {
  return batchName(urn).replace(/-\d\d$/, "");
}

/** Where a batch keeps its journal, relative to the program: by the resource's name, which ends its URN. */
export function journalFileOf({ resultsDir, resourceUrn }: Pick<Inputs, "resultsDir" | "resourceUrn">): string {
  const name = batchName(resourceUrn).replace(/[^A-Za-z0-9._-]/g, "_");
  return path.posix.join(resultsDir, "journal", `${name}.ndjson`);
}

/** Where its journal may lie: there, where the state says, and where 0.1 kept it, of whose first run no state tells. */
export function journalFilesOf(inputs: Inputs, saved: Outputs | undefined): readonly string[] {
  const { resultsDir, resourceUrn } = inputs;
  const former = journalFileOf({ resultsDir: asGiven(resultsDir), resourceUrn });
  const all = [...(saved === undefined ? [] : [saved.journalFile]), journalFileOf(inputs), former];
  return [...new Set(all)];
}

/** How long a reading back may take, where the program says nothing of it. */
export const USUAL_CENSUS_TIMEOUT = "1h";

const UNITS_MS = { h: 3_600_000, m: 60_000, s: 1_000 } as const;

/** `"1h30m"` in milliseconds; `undefined` where it is not a duration. */
export function durationMs(value: unknown): number | undefined {
  if (typeof value !== "string" || !/^(\d+h)?(\d+m)?(\d+s)?$/.test(value) || value === "") return undefined;
  return [...value.matchAll(/(\d+)([hms])/g)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS],
    0,
  );
}

export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
