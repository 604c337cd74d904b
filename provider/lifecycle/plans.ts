import path from "node:path";
import { membershipLine, signInHints, unknownNameLines, unsentLines } from "../import/memberships/lines";
import { type MembershipPlan, mergeMembershipPlans } from "../import/memberships/preview";
import { planOfNothing } from "../import/planOfNothing";
import { mergePlans, type Plan, planLine } from "../import/preview";
import { readingLine } from "../import/readingPreview";
import { doubleFailure } from "../plan/doubles";
import type { MembershipGroup } from "../plan/memberships";
import { TOO_LARGE } from "../plan/pack";
import type { ReadSource } from "../plan/readSource";
import type { Share } from "../plan/share";
import { countOf } from "../progress/batchProgress";
import { type FailedRow, writeFailedRecordsCsv } from "../results/failedRecordsCsv";
import { FIRST_RECORDS } from "../results/firstFailures";
import { listCodes } from "../results/oneLine";
import { asGiven, INVALID_RECORDS_CSV } from "../results/resultsFolder";
import { removeWholeFile } from "../results/wholeFile";
import { identityOf } from "../schema/identity";
import { prepareUser, type UnsupportedPasswordHash } from "../schema/prepare";
import { EMAIL_UNVERIFIED, problemsOf } from "../schema/validate";
import { resolveLimits } from "../tenant/credentials";
import { config, log } from "./engine";
import { reviewsIn } from "./failedRun";

/** A batch's plan, and the source that it is about. */
export interface TellablePlan {
  readonly plan: Plan;
  readonly read: ReadSource;
  /** Absent where no record says anything of roles or organizations, or the program gives no argument for either. */
  readonly memberships?: MembershipPlan;
  /** The arguments for them that the program does not give. */
  readonly lacking: readonly MembershipGroup[];
  /** Whether nothing of it was imported yet. */
  readonly isFirst: boolean;
  /** Whether users who are there before the first import are taken or written over. */
  readonly takesExisting: boolean;
  readonly unsupportedPasswordHash: UnsupportedPasswordHash;
}

/** The plans of the batches of an import, by its results folder, until they are all there. */
const plans = new Map<string, TellablePlan[]>();

/** Says on a batch's line what an update would do. A batch that is the only one tells all; else the import does. */
export async function tellPlan(urn: string, resultsDir: string, { count }: Share, one: TellablePlan): Promise<void> {
  plans.set(resultsDir, [...(plans.get(resultsDir) ?? []), one]);
  await log.info(urn, planLine(one.plan));
  const line = one.memberships && membershipLine(one.memberships, requestsPerSecond());
  if (line !== undefined) await log.info(urn, line);
  if (count === 1) await tellRecords(urn, resultsDir, count, one);
}

/** Says on the import's line what an update would do, over all batches: they have been looked at by now. */
export async function tellSum(urn: string, resultsDir: string): Promise<void> {
  const changed = plans.get(resultsDir) ?? [];
  const unchanged = reviewsIn(resultsDir).map(planOfNothing);
  if (changed.length === 0 || changed.length + unchanged.length < 2) return;
  const sum = mergePlans([...changed.map(({ plan }) => plan), ...unchanged]);
  const one = changed.find(({ isFirst }) => isFirst) ?? (changed[0] as TellablePlan);
  await log.info(urn, planLine(sum));
  const memberships = mergeMembershipPlans(changed.flatMap((each) => each.memberships ?? []));
  const line = membershipLine(memberships, requestsPerSecond());
  if (line !== undefined) await log.info(urn, line);
  try {
    await tellRecords(urn, resultsDir, changed.length + unchanged.length, { ...one, plan: sum, memberships });
  } catch (error) {
    // `check` must not throw: the update will meet the same, and tell it.
    const { code, syscall } = error as NodeJS.ErrnoException;
    const message = error instanceof Error ? error.message : String(error);
    await log.warn(
      urn,
      syscall === undefined
        ? message
        : `The list of invalid records can't be written to "${asGiven(resultsDir)}" (${code}). The plan holds all the same. Choose another folder, or make room.`,
    );
  }
}

/** What to know of roles and organizations, and what is not sent of them. */
async function tellMemberships(
  urn: string,
  batches: number,
  { memberships, lacking, read }: TellablePlan,
): Promise<void> {
  if (memberships !== undefined) {
    for (const hint of signInHints(memberships, requestsPerSecond())) await log.info(urn, hint);
    for (const line of unknownNameLines(memberships.unknown, read.source)) await log.warn(urn, line);
  }
  for (const line of unsentLines(read, batches, lacking)) await log.warn(urn, line);
}

function requestsPerSecond(): number | undefined {
  return resolveLimits(config).requestsPerSecond;
}

/** Tells which records can't be sent, and what is to be said of the others. */
async function tellRecords(urn: string, resultsDir: string, batches: number, all: TellablePlan): Promise<void> {
  // A first import sends all that was read. Later ones send what is new or changed.
  const { warnings, dropped, empty, passwordsOmitted } = all.isFirst ? all.read.notes : all.plan.notes;
  const invalidAt = new Set(all.plan.invalidAt);
  const directory = path.resolve(resultsDir);
  const reading = readingLine(all.plan, all.takesExisting);
  if (reading !== undefined) await log.info(urn, reading);
  await tellMemberships(urn, batches, all);
  if (invalidAt.size === 0) {
    await removeWholeFile(directory, INVALID_RECORDS_CSV);
  } else {
    const first: string[] = [];
    const rows = tapped(invalidRows(all, invalidAt), ({ file, line, code, path: at, message }) => {
      if (first.length < FIRST_RECORDS)
        first.push(`  ${file}:${line} ${code}: ${at && !message.startsWith(at) ? `${at} ` : ""}${message}`);
    });
    await writeFailedRecordsCsv(directory, rows, INVALID_RECORDS_CSV);
    const list = path.posix.join(asGiven(resultsDir), INVALID_RECORDS_CSV);
    const more = invalidAt.size > first.length ? `\n  …` : "";
    await log.warn(
      urn,
      `${countOf(invalidAt.size, "record")} can't be sent. All that is wrong with them is in ${list}:\n${first.join("\n")}${more}`,
    );
  }
  if (passwordsOmitted > 0) {
    await log.warn(
      urn,
      `${countOf(passwordsOmitted, "user")} will come in without a password: Auth0 can't take the hash.`,
    );
  }
  for (const { severity, file, message, code } of all.read.remarks) {
    await (severity === "warning" ? log.warn : log.info)(urn, `${file}: ${message} (${code}).`);
  }
  const unverified = warnings.get(EMAIL_UNVERIFIED) ?? 0;
  const others = new Map([...warnings].filter(([code]) => code !== EMAIL_UNVERIFIED));
  if (unverified > 0) {
    await log.warn(urn, `${countOf(unverified, "record")} without email_verified: these people have to verify again.`);
  }
  if (others.size > 0) {
    await log.warn(
      urn,
      `Auth0 may refuse, or take otherwise than meant: ${listCodes(others)} (\`npx pulumi-auth0-user-import validate\` lists them).`,
    );
  }
  if (dropped.size > 0) await log.info(urn, `Left out, since only Auth0 sets them: ${listCodes(dropped)}.`);
  if (empty.size > 0) await log.info(urn, `Left out, since they are empty texts: ${listCodes(empty)}.`);
}

/** One row for each thing that is wrong with a record. */
async function* invalidRows(
  { read, unsupportedPasswordHash }: TellablePlan,
  invalidAt: ReadonlySet<number>,
): AsyncIterable<FailedRow & { message: string }> {
  for await (const { index, file, line, user: asItStands, problem } of read.source.records((i) => invalidAt.has(i))) {
    const { user } = prepareUser(asItStands, unsupportedPasswordHash);
    const identity = identityOf(user);
    const place = { file, line, user, ...(identity === undefined ? {} : { identity }) };
    const double = read.doubleAt(index);
    if (problem !== undefined || double !== undefined) {
      yield { ...place, ...(problem ?? doubleFailure(double as NonNullable<typeof double>)) };
      continue;
    }
    const errors = problemsOf(user, asItStands).filter(({ severity }) => severity === "error");
    for (const { code, path, message } of errors) yield { ...place, code, message, ...(path === "" ? {} : { path }) };
    if (errors.length === 0) yield { ...place, ...TOO_LARGE };
  }
}

async function* tapped<T>(items: AsyncIterable<T>, see: (item: T) => void): AsyncIterable<T> {
  for await (const item of items) {
    see(item);
    yield item;
  }
}
