import path from "node:path";
import { z } from "zod";
import { failureCode, isBrought, Ledger, type UserState } from "../ledger/ledger";
import type { ReadSource } from "../plan/readSource";
import { count, countOf } from "../progress/batchProgress";
import type { BatchReview } from "../resources/finalizer";
import { type ReportVerification, readBackSentence, remarks } from "../results/report/verification";
import { asGiven, VERIFICATION_CSV, VERIFICATION_JSON } from "../results/resultsFolder";
import { type FailedRecord, MAX_LISTED_RECORDS } from "../results/types";
import { identityOf, normalizeUser } from "../schema/identity";
import { unpackPrints } from "../verification/prints";
import type { Verification, VerificationDetails, VerifiedBatch } from "../verification/types";
import { sameJson } from "./batch";
import { log } from "./engine";
import type { BatchToVerify } from "./toVerify";

const MAX_MISSING = 'maxMissing must be a whole number, 0 or more, or a percentage such as "0.1%"';

/** A number of users, or a share of them. */
export function isLimit(value: unknown): boolean {
  return typeof value === "number"
    ? Number.isInteger(value) && value >= 0
    : typeof value === "string" && /^(100|\d{1,2})(\.\d+)?%$/.test(value);
}

/** Whether so many are more than the limit allows. */
export function exceeds(users: number, limit: number | string, all: number): boolean {
  return users > (typeof limit === "number" ? limit : (Number.parseFloat(limit) / 100) * all);
}

/** What the Finalizer is told of a verification; see `UserImportArgs`. */
export const VerifyInputs = z.object({
  verify: z.boolean("verify must be true or false").optional(),
  maxMissing: z.custom<number | string>(isLimit, MAX_MISSING).optional(),
  verifyTriggers: z.array(z.unknown(), "verifyTriggers must be an array").optional(),
});
export type VerifyInputs = z.infer<typeof VerifyInputs>;

/** What the Finalizer's outputs keep of verifications. */
export interface VerifyOutputs {
  readonly verification?: Verification;
  /** The first {@link MAX_LISTED_RECORDS} of the users who are missing. */
  readonly missingRecords?: readonly FailedRecord[];
  /** For the next one: kept also while `verify` is off. */
  readonly verified?: LastVerification;
  /** What is not verified, though it is to be: the last one has failed, or could not be made. */
  readonly verifyDue?: "failed" | "notRead";
  readonly maxMissing?: number | string;
  readonly verifyTriggers?: readonly unknown[];
}

export interface LastVerification {
  readonly batches: readonly VerifiedBatch[];
  readonly verification: Verification;
  readonly details: VerificationDetails;
  /** SHA-256 of `verification.json`, in hex. */
  readonly evidence: string;
}

/** The arguments by which it was judged. */
export type Asked = Pick<VerifyOutputs, "maxMissing" | "verifyTriggers">;

/** What the outputs keep of a verification. */
export function keptOf(
  verified: LastVerification,
  asked: Asked,
  missingRecords: readonly FailedRecord[],
): VerifyOutputs {
  const { verification } = verified;
  return { ...asked, verification, verified, ...(missingRecords.length === 0 ? {} : { missingRecords }) };
}

/** Whether there is something for the Finalizer to do, though no batch has done anything. */
export function wantsVerification(olds: VerifyOutputs, news: VerifyInputs): boolean {
  if (news.verify !== true) return olds.verification !== undefined || olds.verifyDue !== undefined;
  return olds.verified === undefined || olds.verifyDue !== undefined || hasOtherArguments(olds, news);
}

function hasOtherArguments(olds: VerifyOutputs, news: VerifyInputs): boolean {
  return hasOtherTriggers(olds, news) || limitOf(olds) !== limitOf(news);
}

function hasOtherTriggers({ verifyTriggers: before = [] }: VerifyOutputs, { verifyTriggers: now = [] }: VerifyInputs) {
  return !sameJson(before, now);
}

function limitOf({ maxMissing = 0 }: VerifyOutputs | VerifyInputs): number | string {
  return maxMissing;
}

/** Whether the connection is to be read back. */
export function isDue(olds: VerifyOutputs, news: VerifyInputs, batches: readonly BatchToVerify[]): boolean {
  const { verified, verifyDue } = olds;
  if (verified === undefined || verifyDue === "notRead" || hasOtherTriggers(olds, news)) return true;
  // After one that failed, unless all that is new is how many may be missing.
  if (verifyDue === "failed" && limitOf(olds) === limitOf(news)) return true;
  return batches.some(({ ledger, runNumber }, i) => {
    const run = verified.batches[i]?.run ?? -1;
    return runNumber > run && Math.max(...Ledger.runsIn(ledger)) > run;
  });
}

/** What a review is to know of a verification, made now or in an earlier run. */
export interface Checked {
  /** The outputs. */
  readonly kept: VerifyOutputs;
  /** For the report, where there is a verification. */
  readonly report?: ReportVerification;
  /** The batches' reviews, in which who is missing has failed. */
  readonly reviews: readonly BatchReview[];
  /** Of the batches, for the results: where those lie, and the first of them. */
  readonly missing?: { readonly at: string; readonly records: readonly FailedRecord[] };
  /** Why there is no verification, though there is to be one; `fails` the update. */
  readonly problem?: { readonly reason: string; readonly fails: boolean };
  /** Whether the connection was read back in this run. */
  readonly isNew: boolean;
}

/** Tells what was found, and judges it. @returns why the update fails, if it does. */
export async function tellVerification(
  {
    maxMissing = 0,
    resultsDir,
    resourceUrn,
  }: VerifyInputs & { readonly resultsDir: string; readonly resourceUrn: string },
  { kept, problem, isNew }: Checked,
): Promise<string | undefined> {
  if (problem?.fails) return problem.reason;
  if (problem !== undefined) await log.warn(resourceUrn, problem.reason);
  const { verification, verified, missingRecords = [] } = kept;
  if (verification === undefined || verified === undefined) return undefined;
  if (isNew) for (const warning of warningsOf(verified, resultsDir)) await log.warn(resourceUrn, warning);
  const missing = missingSentence(verification, missingRecords, resultsDir);
  if (exceeds(verification.missing, maxMissing, verification.expected)) {
    return `${missing} That is more than maxMissing (${maxMissing}). All that was imported is saved. ${SEND_AGAIN}`;
  }
  if (verification.missing > 0) await log.warn(resourceUrn, `${missing} ${SEND_AGAIN}`);
  if (isNew) await log.info(resourceUrn, goodLine(verified, resultsDir));
  return undefined;
}

const SEND_AGAIN = "Change `triggers` and run `pulumi up`: who is missing is looked up once more, and sent again.";

/** So many are named in a message. */
const NAMED = 10;

/** Who is missing, by file and line: an update that fails writes no outputs. */
function missingSentence(verification: Verification, records: readonly FailedRecord[], resultsDir: string): string {
  const places = records.slice(0, NAMED).map(({ file, line }) => `${file}:${line}`);
  const more = verification.missing > places.length ? " …" : "";
  const list = asGiven(path.posix.join(resultsDir, VERIFICATION_CSV));
  const at = places.length === 0 ? "" : ` The first of them: ${places.join(", ")}${more}.`;
  return `${readBackSentence({ verification })}${at} All of them are in ${list}.`;
}

/** What was found, with the digest of the evidence. */
function goodLine({ verification, evidence }: LastVerification, resultsDir: string): string {
  const { present, linked, gone, others } = verification;
  const parts = [
    `${count(present)} present`,
    ...(linked > 0 ? [`${count(linked)} linked to another account`] : []),
    ...(gone > 0 ? [`${count(gone)} deleted since an earlier verification`] : []),
    ...(others > 0 ? [`${count(others)} in no file`] : []),
  ];
  const file = asGiven(path.posix.join(resultsDir, VERIFICATION_JSON));
  return `${readBackSentence({ verification })} ${parts.join(", ")}. SHA-256 of ${file}: ${evidence}`;
}

/** What else is to be told, loudly. */
function warningsOf({ verification, details }: LastVerification, resultsDir: string): string[] {
  const { notAsWritten, attributes } = verification;
  const list = asGiven(path.posix.join(resultsDir, VERIFICATION_CSV));
  const names = attributes.map(({ attribute, users }) => `${attribute} ${count(users)}`).join(", ");
  const faults = [
    ...(notAsWritten === 0
      ? []
      : [
          `${countOf(notAsWritten, "user")} ${notAsWritten === 1 ? "is" : "are"} not as written, though nobody has updated them since (users who differ: ${names}). They are in ${list}.`,
        ]),
    ...(details.notLookedUp === 0
      ? []
      : [`${count(details.notLookedUp)} of those who are not there were not looked up singly: they are too many.`]),
  ];
  return [...faults, ...remarks({ ...details, sample: { read: 0, there: 0 } })];
}

/** Users of a batch who are missing count as failed, since they are not there, and no more as what they were until now. */
export function withMissing(review: BatchReview, states: readonly UserState[]): BatchReview {
  const summary = { ...review.summary };
  for (const state of states) {
    const known = isBrought(state)
      ? [state, "unchanged" as const]
      : (["unchanged", "notApplied", "conflicts"] as const);
    const candidates = failureCode(state) === undefined ? [...known, "inserted" as const] : (["outdated"] as const);
    const key = candidates.find((each) => summary[each] > 0);
    if (key === undefined) continue;
    summary[key]--;
    summary.failed++;
  }
  return { ...review, summary };
}

export const MISSING = "MISSING";

/** The first of the users who are missing, as failed records. */
export async function missingRecords({ source }: ReadSource, missing: readonly number[]): Promise<FailedRecord[]> {
  const records: FailedRecord[] = [];
  for await (const { file, line, user } of source.records(missing.slice(0, MAX_LISTED_RECORDS))) {
    const identity = identityOf(normalizeUser(user));
    const message = "Brought by this import, and not in the connection when it was read back";
    records.push({ ...(identity === undefined ? {} : { identity }), code: MISSING, message, file, line });
  }
  return records;
}

/** The numbers of the records whose users were missing at the last verification, of each batch. */
export async function stillMissing(
  { batches }: Pick<LastVerification, "batches">,
  imported: readonly BatchToVerify[],
  read: ReadSource,
): Promise<number[][]> {
  const all = imported.map((): number[] => []);
  for (const [i, { inputs }] of imported.entries()) {
    const prints = unpackPrints(batches[i]?.missing ?? "");
    if (prints.size === 0) continue;
    const printed = await read.withPrints(inputs.key, inputs.share);
    for (const index of printed.indicesOf(inputs.share)) if (prints.has(printed.identity(index))) all[i]?.push(index);
  }
  return all;
}
