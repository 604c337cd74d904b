import { jsonText } from "../json/exactNumber";
import { FingerprintTable } from "../ledger/fingerprintTable";
import { failureCode, type Ledger, neverIn } from "../ledger/ledger";
import { type Change, type ChunkKind, changedAttributes, type Difference, decide } from "../plan/delta";
import { describe } from "../plan/describe";
import { JobCount, TOO_LARGE } from "../plan/pack";
import type { ReadSource } from "../plan/readSource";
import type { Share } from "../plan/share";
import { count, countOf } from "../progress/batchProgress";
import { conflictsBefore, listCodes } from "../results/oneLine";
import { deskProblems } from "../schema/desk";
import { identityOf } from "../schema/identity";
import { prepareUser, refusalBy, refusalOf, type UnsupportedPasswordHash } from "../schema/prepare";
import { type Tallied, Tally } from "../schema/tally";
import { EMAIL_UNVERIFIED, problemsOf } from "../schema/validate";
import type { SourceRecord } from "../source";
import { requestOverhead } from "../tenant/importRequest";
import { addTo, sumOf } from "./counts";

/** What an update would do, in users. */
export interface Plan {
  readonly new: number;
  /** Users of whom something is to be sent, and how many of them for each change. */
  readonly changed: number;
  readonly changes: ReadonlyMap<string, number>;
  readonly unchanged: number;
  readonly removed: number;
  /** Records that failed before, and are not sent again. */
  readonly failedBefore: number;
  /** By code. */
  readonly invalid: ReadonlyMap<string, number>;
  /** Their places in the source. */
  readonly invalidAt: readonly number[];
  /** Users of whom the file says what can't be brought to the tenant, and how many for each attribute. */
  readonly notApplicable: number;
  readonly differences: ReadonlyMap<string, number>;
  /** Users of whom the last run has left something alone for what it found in the tenant. */
  readonly conflicts: number;
  readonly jobs: number;
  /**
   * What is to be said of the records that would be sent, besides their errors. Of a first import nothing: there each
   * record is sent, and the source's own notes say it.
   */
  readonly notes: Tallied;
}

/** What a plan is made of, besides the source. */
export interface PlanSettings {
  /** Not known at the first preview. */
  readonly key: string | undefined;
  readonly connectionId: string;
  readonly externalId: string;
  readonly sendCompletionEmail: boolean;
  readonly generateUserIds: boolean;
  readonly unsupportedPasswordHash: UnsupportedPasswordHash;
  /** Whether what the last run has left alone is looked at anew, since `onConflict` is another one. */
  readonly looksAgain?: boolean;
  /** Whether the last run could send no changes at all, since the connection's emails are not unique. */
  readonly takesNoChanges?: boolean;
}

/**
 * What an update would do about a batch, by the rules that the update goes by. Opens no connection.
 *
 * @param ledger what the last run knew; records that failed are marked in it where they are to be sent again
 * @param see is shown each record that has to be looked at, and told whether its user is or comes into the tenant
 */
export async function planBatch(
  read: ReadSource,
  share: Share,
  ledger: Ledger | undefined,
  settings: PlanSettings,
  see: (record: SourceRecord, isIn: boolean) => void = () => {},
): Promise<Plan> {
  const { key, generateUserIds } = settings;
  const total = { new: 0, changed: 0, unchanged: 0, failedBefore: 0, notApplicable: 0, conflicts: 0 };
  const changes = new Map<string, number>();
  const differences = new Map<string, number>();
  const invalid = new Map<string, number>();
  const invalidAt: number[] = [];
  const jobs = {
    insert: await jobCount("insert", settings),
    upsert: await jobCount("upsert", settings),
    hash: await jobCount("hash", settings),
  };
  const seen = new FingerprintTable(ledger?.size);
  const notes = new Tally();

  const needs = (index: number): boolean => {
    if (ledger === undefined) {
      if (read.doubleAt(index) !== undefined || read.isInvalid(index) !== false) return true;
      const bytes = read.insertBytes(index, generateUserIds);
      if (!jobs.insert.fits(bytes)) return true;
      total.new++;
      jobs.insert.add(bytes);
      return false;
    }
    const identity = read.identity(index);
    const standing = ledger.standing(identity, read.record(index));
    if (
      standing === undefined ||
      standing.differs ||
      failureCode(standing.state) !== undefined ||
      read.doubleAt(index) !== undefined
    ) {
      return true;
    }
    seen.set(identity, index);
    total.unchanged++;
    return false;
  };

  const differ = (found: readonly Difference[]) => {
    if (found.length === 0) return;
    total.notApplicable++;
    for (const attribute of new Set(found.map((each) => each.attribute))) addTo(differences, attribute);
  };

  /** Whether the record's user is in the tenant, or comes in. */
  const look = ({ index, user: asItStands, problem }: SourceRecord): boolean => {
    const prepared = prepareUser(asItStands, settings.unsupportedPasswordHash);
    const { user, passwordOmitted } = prepared;
    const refuse = (code: string) => {
      addTo(invalid, code);
      invalidAt.push(index);
      return false;
    };
    const isNobody = problem !== undefined || identityOf(user) === undefined;
    if (ledger !== undefined && !isNobody) seen.set(read.identity(index), index);
    const isDouble = read.doubleAt(index) !== undefined;
    if (isNobody || isDouble) {
      const own = () => refusalOf(user, asItStands)?.code ?? "ANY_OF_MISSING";
      return refuse(problem?.code ?? (isDouble ? "DUPLICATED_USER" : own()));
    }
    if (ledger === undefined || key === undefined) {
      return refuse(refusalOf(user, asItStands)?.code ?? TOO_LARGE.code);
    }
    const identity = read.identity(index);
    const known = ledger.get(identity);
    const step = decide(describe(key, user, read.record(index), passwordOmitted), known);
    const isAsItWas = known?.record === read.record(index) && failureCode(known.state) === undefined;
    if (isAsItWas && !settings.looksAgain && step.do === "update" && step.kind === "upsert") {
      // The last run has left it alone, for what it found in the tenant.
      if (settings.takesNoChanges || step.changes.length === 0) {
        differ([
          ...step.differences,
          ...step.changes.map((attribute): Difference => ({ attribute, reason: "emailNotUnique" })),
        ]);
      } else {
        total.conflicts++;
      }
      return true;
    }
    if (step.do === "listFailure") {
      total.failedBefore++;
      differ(step.differences);
      return known !== undefined && !neverIn(known.state);
    }
    if (step.do === "nothing" && step.differences.length === 0) {
      total.unchanged++;
      return true;
    }
    const whole = Buffer.byteLength(jsonText(user));
    const problems = [...problemsOf(user, asItStands), ...deskProblems(user, whole, asItStands)];
    if (step.do === "insert") {
      notes.note(prepared, asItStands, problems);
    } else if (step.do === "update") {
      // An upsert sends what Auth0 has of `email_verified` now, and leaves the password alone.
      const others = problems.filter(({ code }) => code !== EMAIL_UNVERIFIED);
      notes.note({ user, passwordOmitted: false }, asItStands, others);
    }
    const refusal = refusalBy(problems);
    if (refusal !== undefined) return refuse(refusal.code);
    if (step.do === "insert") {
      const bytes = whole + (generateUserIds && !user.user_id ? 37 : 0);
      if (!jobs.insert.fits(bytes)) return refuse(TOO_LARGE.code);
      total.new++;
      jobs.insert.add(bytes);
      return true;
    }
    differ(step.differences);
    if (step.do === "nothing" || step.changes.length === 0) return true;
    const bytesOf = (sent: readonly Change[]) =>
      Buffer.byteLength(jsonText({ email: user.email, ...changedAttributes(user, sent), email_verified: true }));
    const bytes = bytesOf(step.changes);
    if (!jobs[step.kind].fits(bytes)) {
      refuse(TOO_LARGE.code);
      return true;
    }
    total.changed++;
    for (const change of step.changes) addTo(changes, change satisfies Change);
    jobs[step.kind].add(bytes);
    if (step.hashFollows) {
      addTo(changes, "custom_password_hash");
      jobs.hash.add(bytesOf(["custom_password_hash"]));
    }
    return true;
  };
  for await (const record of read.source.records(read.indicesOf(share).filter(needs))) see(record, look(record));

  return {
    ...total,
    changes,
    differences,
    invalid,
    invalidAt,
    removed: ledger === undefined ? 0 : removedUsers(ledger, seen),
    jobs: jobs.insert.count + jobs.upsert.count + jobs.hash.count,
    notes,
  };
}

function removedUsers(ledger: Ledger, seen: FingerprintTable): number {
  let removed = 0;
  for (const identity of ledger.identities()) {
    if (seen.get(identity) === undefined && !neverIn(ledger.stateOf(identity))) removed++;
  }
  return removed;
}

async function jobCount(kind: ChunkKind, { connectionId, externalId, sendCompletionEmail }: PlanSettings) {
  return new JobCount(
    await requestOverhead({ connectionId, kind, externalId: `${externalId}#1`, sendCompletionEmail }),
  );
}

/** The sum over batches. */
export function mergePlans(plans: readonly Plan[]): Plan {
  const sum = (of: (plan: Plan) => number) => plans.reduce((total, plan) => total + of(plan), 0);
  const merged = (of: (plan: Plan) => ReadonlyMap<string, number>) => sumOf(plans.map(of));
  return {
    new: sum((plan) => plan.new),
    changed: sum((plan) => plan.changed),
    changes: merged((plan) => plan.changes),
    unchanged: sum((plan) => plan.unchanged),
    removed: sum((plan) => plan.removed),
    failedBefore: sum((plan) => plan.failedBefore),
    invalid: merged((plan) => plan.invalid),
    invalidAt: plans.flatMap((plan) => plan.invalidAt),
    notApplicable: sum((plan) => plan.notApplicable),
    differences: merged((plan) => plan.differences),
    conflicts: sum((plan) => plan.conflicts),
    jobs: sum((plan) => plan.jobs),
    notes: plans.reduce((all, { notes }) => all.add(notes), new Tally()),
  };
}

/** A plan in one line: `1,000 new, 15 changed (profile 10, user_metadata 5), 2 invalid (FORMAT 2): 3 jobs`. */
export function planLine(plan: Plan): string {
  const invalid = [...plan.invalid.values()].reduce((sum, users) => sum + users, 0);
  const part = (users: number, word: string, details?: ReadonlyMap<string, number>) =>
    users === 0
      ? []
      : [`${count(users)} ${word}${details === undefined || details.size === 0 ? "" : ` (${listCodes(details)})`}`];
  const parts = [
    ...part(plan.new, "new"),
    ...part(plan.changed, "changed", plan.changes),
    ...part(plan.unchanged, "unchanged"),
    ...part(plan.removed, "no longer in the file"),
    ...part(plan.failedBefore, "failed before"),
    ...part(invalid, "invalid", plan.invalid),
    ...part(plan.notApplicable, "with changes that can't be applied", plan.differences),
    ...(plan.conflicts === 0 ? [] : [conflictsBefore(plan.conflicts)]),
  ];
  return `${parts.join(", ") || "no users"}: ${plan.jobs === 0 ? "no jobs" : countOf(plan.jobs, "job")}`;
}
