import { setImmediate as nextTurn } from "node:timers/promises";
import pLimit from "p-limit";
import type { JournalMember, Outcome, Span } from "../journal/format";
import type { Journal } from "../journal/journal";
import type { EndedJob, OpenJob } from "../journal/replay";
import { type Attributes, wholeFingerprint } from "../ledger/attributes";
import { type KnownRecord, packRecord, unpackRecord } from "../ledger/entry";
import { type Fingerprint, generatedUserId, NO_RECORD } from "../ledger/fingerprint";
import { FingerprintTable } from "../ledger/fingerprintTable";
import {
  type EncodedLedger,
  failureCode,
  isBrought,
  Ledger,
  type LedgerEntry,
  neverIn,
  type UserState,
} from "../ledger/ledger";
import {
  changedAttributes,
  commonAttributes,
  type Difference,
  decide,
  type JobKind,
  type OnExisting,
  overwritten,
  type Step,
  sameAttributes,
  withoutFactors,
} from "../plan/delta";
import { describe } from "../plan/describe";
import { type Double, doubleFailure } from "../plan/doubles";
import { IndexSet } from "../plan/indexSet";
import { type Chunk, Packer, recordOf, split, TOO_LARGE } from "../plan/pack";
import { type BatchProgress, count, countOf } from "../progress/batchProgress";
import { listCodes } from "../results/oneLine";
import { redact } from "../results/redact";
import type {
  DifferenceCount,
  FailedAt,
  FailedRecord,
  Interruption,
  Job,
  MAX_LISTED_RECORDS,
  NotApplied,
  PasswordResetRequired,
  Summary,
} from "../results/types";
import { identityOf, type User } from "../schema/identity";
import { prepareUser, refusalOf, type UnsupportedPasswordHash } from "../schema/prepare";
import type { RecordPlace, SourceRecord } from "../source";
import type { Tenant, TenantUser } from "../tenant/client";
import { TenantError } from "../tenant/errors";
import { type FinishedJob, importJob, paceOf, resumeJob } from "../tenant/importJob";
import { type JobRequest, requestOverhead } from "../tenant/importRequest";
import { matchErrors, type RecordFailure } from "../tenant/matchErrors";
import { type Failure, Findings, type Place } from "./findings";

/** How the users of a batch are to be imported. */
export interface ImportSettings {
  readonly connectionId: string;
  readonly key: string;
  readonly externalId: string;
  readonly onExisting: OnExisting;
  readonly unsupportedPasswordHash: UnsupportedPasswordHash;
  readonly generateUserIds: boolean;
  readonly sendCompletionEmail: boolean;
  /** Send what failed before once more, though it did not change. */
  readonly resendFailed: boolean;
  /** When no job may be running any more. */
  readonly deadline?: Date;
}

/** What a batch knows after a run, and hands to the next one. */
export interface BatchResult {
  readonly summary: Summary;
  readonly jobs: readonly Job[];
  /** The first {@link MAX_LISTED_RECORDS}. */
  readonly failedRecords: readonly FailedRecord[];
  /** Where all failed records lie. */
  readonly failedAt: readonly FailedAt[];
  /** The first {@link MAX_LISTED_RECORDS}. */
  readonly notApplied: readonly NotApplied[];
  /** In what users differ from the source, and how many. */
  readonly differences: readonly DifferenceCount[];
  /** The first {@link MAX_LISTED_RECORDS}, and how many there are. */
  readonly passwordResetRequired: readonly PasswordResetRequired[];
  readonly passwordResets: number;
  /** Runs of this import that ended before all was done. */
  readonly interruptions: readonly Interruption[];
  readonly ledger: EncodedLedger;
  /** The name of the connection, as the jobs tell it. */
  readonly connection?: string;
  /** Whether every record of the source has been dealt with. */
  readonly complete: boolean;
}

/** The records of a batch. */
export interface BatchRecords {
  /** How many there are. */
  readonly count: number;
  /** Those that `needs` to be looked at, in the order of the source. */
  select(needs: (index: number) => boolean): AsyncIterable<SourceRecord>;
  place(index: number): RecordPlace;
  /** The fingerprint of who a record is about, and of its bytes. */
  identity(index: number): Fingerprint;
  record(index: number): Fingerprint;
  doubleAt(index: number): Double | undefined;
}

/** What a run works with. */
export interface Workplace {
  readonly tenant: Tenant;
  readonly journal: Journal;
  readonly progress: BatchProgress;
  /** Aborted when no more is to be sent; its reason is an error that says why. */
  readonly stop: AbortSignal;
  warn(message: string): void;
  inform(message: string): void;
  /**
   * Asked before anything is sent.
   *
   * @returns the name of the connection, where it is told.
   * @throws Error when the tenant won't take the import.
   */
  preflight(): Promise<string | undefined>;
}

/** A record of the source whose user is known by an identifier. */
interface Subject extends Place {
  readonly name: string;
  readonly identity: Fingerprint;
}

/** A record on its way: what is needed of it once it has been sent, in few bytes. Not its content. */
interface Member extends JournalMember {
  readonly index: number;
  readonly name: string;
}

/** A user whom we may have brought. */
interface Uncertainty {
  /** What the tenant has of the user then, as far as is certain: each time it may have been another record. */
  readonly attributes: Attributes;
  /** When the first of these jobs was sent. */
  readonly since: Date;
}

/** The tenant's clock may be so far from ours. */
const CLOCKS_APART_MS = 10 * 60_000;

/** An early look at the results: a mistake in the mapping should not run through a million users. */
const EARLY_LOOK = { records: 200, failedShare: 0.5 };

/** A job that fails as a whole is sent once more before it is split. */
const TRIES = 2;

/** So many jobs in a row that fail as a whole are the service's fault, not a record's. */
const WHOLE_FAILURES = 12;

/** So many in all are more than a person would want to wait for: some 15 records that make every job fail. */
const WHOLE_FAILURES_IN_ALL = 200;

/** Users looked up at a time, and how many may wait for it. */
const LOOKUPS = { active: 4, pending: 64 };

/** Our own code for a record that makes every job fail as a whole; the service has none for it. */
const JOB_FAILED = "JOB_FAILED";

/** Auth0's code for a record of which all but the factors was applied. Auth0 documentation says so of upserts. */
const FACTORS_FAILED = "MFA_FACTORS_FAILED";

/** Codes that a user gets who is there already, perhaps by our own doing. */
const ALREADY_THERE = new Set(["DUPLICATED_USER", "CONFLICT", "CONFLICT_EMAIL", "CONFLICT_USERNAME"]);

/** Records that are prepared before the process looks for answers: a millisecond or two of work. */
const RECORDS_A_TURN = 64;

/** Room for the number in the external id of any job. */
const LONGEST_JOB_NUMBER = 9_999_999;

/**
 * Makes the tenant hold what the source says: goes on where an interrupted run stopped, sends what is new in insert
 * jobs and what changed in upsert jobs, nothing else, and writes down how each record ended.
 *
 * What was achieved is in the result even where not everything was: then `problem` says what happened.
 */
export async function applySource(
  records: BatchRecords,
  settings: ImportSettings,
  before: BatchResult | undefined,
  workplace: Workplace,
): Promise<{ readonly result: BatchResult; readonly achieved: boolean; readonly problem?: Error }> {
  const run = new Run(records, settings, before, workplace);
  try {
    await run.goOn();
    await inTurn(workplace, async () => {
      let taken = 0;
      for await (const record of records.select((index) => run.needs(index))) {
        if (run.isStopped) break;
        await run.take(record);
        // Preparing a whole job at a stretch would keep the answers of others waiting, and their slots idle.
        if (++taken % RECORDS_A_TURN === 0) await nextTurn();
      }
    });
    await run.flush();
  } catch (error) {
    run.fail(error);
  }
  await run.drain();
  const { achieved, problem } = run;
  return { result: run.result(), achieved, ...(problem === undefined ? {} : { problem }) };
}

/** One batch after the other: side by side they would all end at the very end, and none be saved before. */
async function inTurn({ tenant, progress }: Workplace, work: () => Promise<void>): Promise<void> {
  if (tenant.turn.activeCount > 0) progress.waiting("its turn");
  await tenant.turn(() => {
    progress.waiting(undefined);
    return work();
  });
}

class Run {
  problem: Error | undefined;
  /** Whether anything was sent, now or by a run whose journal was found. */
  achieved = false;
  readonly #ledger: Ledger;
  readonly #findings = new Findings();
  readonly #jobs: Job[];
  readonly #interruptions: Interruption[];
  /** Users whom the source has. */
  readonly #seen: FingerprintTable;
  /** Users who were sent in insert jobs, though no answer says what came of it. */
  readonly #uncertain = new Map<Fingerprint, Uncertainty>();
  readonly #messages: ReadonlyMap<string, FailedRecord>;
  readonly #packers = new Map<JobKind, Packer<Member>>();
  /** Jobs on their way. */
  readonly #inFlight = new Set<Promise<void>>();
  /** Questions about users on their way. */
  readonly #asking = new Set<Promise<void>>();
  readonly #lookups = pLimit(LOOKUPS.active);
  /** Users brought by an earlier version of their record, and what they have of it. */
  readonly #cameInWith = new Map<Fingerprint, Attributes>();
  /** Records whose users have no password, should they be in the tenant. */
  readonly #withoutPassword = new IndexSet();
  /** Why records failed, from when it is learnt until it is listed. */
  readonly #failures = new Map<Fingerprint, RecordFailure>();
  /** The codes of the records that came back, but for those that had failed before: for the early look. */
  readonly #codes = new Map<string, number>();
  #connection: string | undefined;
  #preflight: Promise<void> | undefined;
  #cameBack = 0;
  #lookedEarly = false;
  #wholeFailures = 0;
  #wholeFailuresInAll = 0;
  #jobNumber: number;

  constructor(
    private readonly records: BatchRecords,
    private readonly settings: ImportSettings,
    before: BatchResult | undefined,
    private readonly at: Workplace,
  ) {
    const { replay } = at.journal;
    this.#findings.summary.total = records.count;
    this.#ledger = before === undefined ? new Ledger() : Ledger.decode(before.ledger);
    this.#seen = new FingerprintTable(this.#ledger.size);
    if (settings.resendFailed) this.#ledger.resendFailed();
    // A run that goes on where another had to stop is one import to the user: its jobs and counts go on, too.
    const goesOn = before?.complete === false;
    if (!goesOn) this.#ledger.beginImport();
    this.#jobs = goesOn ? [...before.jobs] : [];
    this.#interruptions = goesOn ? [...before.interruptions] : [];
    // What the state does not know of was killed before it could save.
    if (replay.lastHeard !== undefined && replay.lastHeard > (this.#jobs.at(-1)?.finished ?? "")) {
      this.#interruptions.push({ at: replay.lastHeard, reason: "The run was killed." });
    }
    this.#jobNumber = Math.max(this.#jobs.length, replay.lastNumber);
    this.#messages = new Map(before?.failedRecords.map((record) => [record.identity ?? "", record]));
    this.#connection = before?.connection;
  }

  get isStopped(): boolean {
    return this.problem !== undefined || this.at.stop.aborted;
  }

  /** Takes up what an interrupted run has left: how users ended, and jobs whose end it did not see. */
  async goOn(): Promise<void> {
    for (const kind of ["insert", "upsert"] as const) {
      this.#packers.set(kind, new Packer(await requestOverhead(this.#request(kind, LONGEST_JOB_NUMBER))));
    }
    const { ended, open } = this.at.journal.replay;
    for (const job of ended) {
      if (job.isSaved) this.#recall(job);
      else this.#takeOver(job);
    }
    this.achieved = open.length > 0 || ended.some(({ isSaved }) => !isSaved);
    if (open.length > 0) {
      this.at.inform(resumption(open));
      this.at.progress.waiting("the jobs of an interrupted run");
    }
    const resumed = await Promise.allSettled(open.map((job) => this.#resume(job)));
    this.at.progress.waiting(undefined);
    for (const job of resumed) if (job.status === "rejected") throw job.reason;
  }

  /** What came of a job is in the ledger. Who was in one that nobody knows the end of is not, unless a later one tells. */
  #recall({ kind, at, members, outcomes }: EndedJob): void {
    for (const [i, member] of members.entries()) {
      const outcome = outcomes?.[i];
      if (outcome === undefined) this.#mayHaveBrought(kind, member, at);
      else if (isBrought(outcome)) this.#uncertain.delete(member.identity);
    }
  }

  /** Enters what came of a job that an earlier run has sent, on whatever terms it had. */
  #takeOver({ kind, at, members, terms, outcomes }: Omit<EndedJob, "isSaved">): void {
    // Nobody has been told of a record that seems to make jobs fail: perhaps it is the service's fault, and gone by now.
    const isDoubtful = outcomes === undefined || outcomes.includes(`failed:${JOB_FAILED}`);
    if (isDoubtful) this.#doubt(kind, members, at);
    if (outcomes === undefined) return;
    for (const [i, member] of members.entries()) {
      this.#enter(kind, member, outcomes[i] as Outcome);
      if (isDoubtful || terms !== this.at.journal.terms) this.#ledger.resendFailed(member.identity);
    }
  }

  /** Whether a record has to be looked at. Those that stand in the file as they did are only counted. */
  needs(index: number): boolean {
    const identity = this.records.identity(index);
    const standing = this.#ledger.standing(identity, this.records.record(index));
    if (
      standing === undefined ||
      standing.differs ||
      failureCode(standing.state) !== undefined ||
      this.records.doubleAt(index) !== undefined
    ) {
      return true;
    }
    this.#seen.set(identity, index);
    this.#unchanged(identity, standing.state);
    return false;
  }

  /** Decides about one record, and sends a job where that makes one full. */
  async take({ index, file, line, user: asItStands, problem }: SourceRecord): Promise<void> {
    const { user, passwordOmitted } = prepareUser(asItStands, this.settings.unsupportedPasswordHash);
    const name = identityOf(user);
    const place: Place = { index, file, line, name };
    const double = this.records.doubleAt(index);
    const failure = problem ?? (double === undefined ? undefined : doubleFailure(double));
    const identity = this.records.identity(index);
    // Also where it can't be sent: its user is in the source.
    if (problem === undefined && name !== undefined) this.#seen.set(identity, index);
    if (failure !== undefined || name === undefined) {
      this.#refuse(place, failure ?? refusalOf(user) ?? NOBODY);
      return;
    }

    const { key } = this.settings;
    const known = this.#ledger.get(identity);
    const step = decide(describe(key, user, this.records.record(index), passwordOmitted), known);
    const saysNothingNew = step.do === "listFailure" || (step.do === "nothing" && step.differences.length === 0);
    if (!saysNothingNew) {
      const refusal = refusalOf(user);
      if (refusal !== undefined) {
        this.#refuse(place, refusal);
        return;
      }
    }
    if (passwordOmitted && !hasPassword(known?.attributes)) this.#withoutPassword.add(index);
    await this.#carryOut(step, { ...place, name, identity }, user);
  }

  async #carryOut(step: Step, subject: Subject, user: User): Promise<void> {
    const { identity, name } = subject;
    const { after } = step;
    if (step.do === "insert") {
      await this.#send("insert", subject, after, this.#withId(name, user));
      return;
    }
    if (step.do === "update") {
      await this.#update(subject, step, user);
      return;
    }
    const state = this.#ledger.stateOf(identity);
    this.#ledger.set(identity, { ...after, state });
    this.#differs(subject, step);
    if (step.do === "listFailure") {
      const earlier = this.#failures.get(identity) ?? this.#messages.get(name);
      const unknown = { code: step.code, message: "Failed before, and was not sent again since" };
      const failure = earlier?.code === step.code ? earlier : unknown;
      this.#findings.failed(subject, failure, neverIn(state) ? "insert" : "upsert");
      if (!neverIn(state) && this.#withoutPassword.has(subject.index)) this.#findings.withoutPassword(subject);
      this.at.progress.settled(1, 1);
      return;
    }
    if (this.#withoutPassword.has(subject.index)) this.#findings.withoutPassword(subject);
    if (step.differences.length === 0) this.#unchanged(identity, state);
    else this.#notApplied(identity, state);
  }

  /** Sends what is left over, also what turns up while the rest is on its way: users who exist and are written over. */
  async flush(): Promise<void> {
    do {
      while (this.#asking.size > 0) await Promise.all(this.#asking);
      for (const [kind, packer] of this.#packers) {
        if (this.isStopped) return;
        const rest = packer.flush();
        if (rest !== undefined) await this.#submit(kind, rest);
      }
      while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
    } while (this.#asking.size > 0 || [...this.#packers.values()].some((packer) => !packer.isEmpty));
  }

  /** Lets what is on its way come to its end. */
  async drain(): Promise<void> {
    while (this.#asking.size + this.#inFlight.size > 0) await Promise.all([...this.#asking, ...this.#inFlight]);
    if (this.at.stop.aborted) this.fail(this.at.stop.reason);
  }

  fail(error: unknown): void {
    this.problem ??= error instanceof Error ? error : new Error(String(error));
  }

  result(): BatchResult {
    const complete = this.problem === undefined;
    if (complete) {
      this.#keepUncertain();
      this.#forgetRemoved();
    }
    const { summary, failedRecords, failedAt, notApplied, differences, passwordResetRequired, passwordResets } =
      this.#findings;
    return {
      summary: { ...summary },
      jobs: this.#jobs,
      failedRecords,
      failedAt,
      notApplied,
      differences,
      passwordResetRequired,
      passwordResets,
      interruptions: complete ? this.#interruptions : [...this.#interruptions, interruption(this.problem)],
      ledger: this.#ledger.encode(),
      ...(this.#connection === undefined ? {} : { connection: this.#connection }),
      complete,
    };
  }

  /** Counts a user of whom there is nothing to send. Who came back is in the tenant as before. */
  #unchanged(identity: Fingerprint, state: UserState): void {
    const { summary } = this.#findings;
    summary[isBrought(state) ? state : "unchanged"]++;
    if (state === "removed") this.#ledger.setState(identity, "imported");
    this.at.progress.settled(1);
  }

  /** Counts a user of whom all that could be sent is in the tenant. */
  #notApplied(identity: Fingerprint, state: UserState): void {
    // Who was brought or changed by this import counts as that.
    if (isBrought(state)) {
      this.#unchanged(identity, state);
      return;
    }
    this.#findings.summary.notApplied++;
    if (state === "removed") this.#ledger.setState(identity, "imported");
    this.at.progress.settled(1);
  }

  #differs(place: Place, { differences }: { readonly differences: readonly Difference[] }): void {
    if (differences.length > 0) this.#findings.differs(place, differences);
  }

  /**
   * Sends what changed of a user. An upsert that does not state `email_verified` resets it, so it always does: as the
   * source has it where it says so now, else as the tenant has it.
   */
  async #update(subject: Subject, step: Extract<Step, { do: "update" }>, user: User): Promise<void> {
    const stated = user.email_verified;
    const send = async (email_verified: unknown) => {
      this.#differs(subject, step);
      const sent = { email: user.email, ...changedAttributes(user, step.changes), email_verified };
      await this.#send("upsert", subject, withAttempt(step.after, this.settings.key, user), sent);
    };
    if (typeof stated === "boolean" && (stated || step.changes.includes("email_verified"))) {
      await send(stated);
      return;
    }
    await this.#lookUp(user.email as string, async (found) => {
      if (found !== undefined) {
        await send(found.email_verified ?? false);
        return;
      }
      const missed = step.changes.map((attribute): Difference => ({ attribute, reason: "notFound" }));
      const known = this.#ledger.get(subject.identity) as LedgerEntry;
      this.#ledger.set(subject.identity, { ...known, record: step.after.record, differs: true });
      this.#findings.differs(subject, [...step.differences, ...missed]);
      this.#notApplied(subject.identity, known.state);
    });
  }

  /** Writes over a user who was there before us. The upsert leaves aside what it can't set. */
  async #overwrite(member: Member, user: User): Promise<void> {
    const subject = this.#subjectOf(member);
    const sentBefore = unpackRecord(member.after);
    const { has, differences } = overwritten(sentBefore.attributes);
    const after: KnownRecord = { ...sentBefore, attributes: has, differs: differences.length > 0 };
    const send = async (sent: User) => {
      this.#differs(subject, { differences });
      await this.#send("upsert", subject, withAttempt(after, this.settings.key, user), sent);
    };
    if (typeof user.email_verified === "boolean") {
      await send(user);
      return;
    }
    await this.#lookUp(user.email as string, (found) =>
      send({ ...user, email_verified: found?.email_verified ?? false }),
    );
  }

  /** Sends what changed of a record since it brought its user without our being told. */
  async #catchUp(member: Member, user: User, has: Attributes): Promise<void> {
    const { identity } = member;
    const after = unpackRecord(member.after);
    const known: LedgerEntry = { record: NO_RECORD, attributes: has, differs: false, state: "inserted" };
    this.#ledger.set(identity, known);
    const described = describe(this.settings.key, user, after.record, after.differs);
    await this.#carryOut(decide(described, known), this.#subjectOf(member), user);
  }

  /** Looks for the connection's user with this email, and goes on. Returns when not too many are being looked for. */
  async #lookUp(email: string, then: (found: TenantUser | undefined) => Promise<void>): Promise<void> {
    const lookup = async () => {
      await this.#mayBegin();
      const found = await this.#lookups(() => (this.isStopped ? undefined : this.#userByEmail(email)));
      if (!this.isStopped) await then(found);
    };
    track(
      this.#asking,
      lookup().catch((error: unknown) => this.fail(error)),
    );
    while (this.#asking.size >= LOOKUPS.pending) await Promise.race(this.#asking);
  }

  async #userByEmail(email: string): Promise<TenantUser | undefined> {
    try {
      const users = await this.at.tenant.usersByEmail(email.toLowerCase(), () => {});
      return users.find((user) => this.#isOfConnection(user));
    } catch (error) {
      if (!(error instanceof TenantError) || error.status !== 403) throw error;
      throw new Error(
        "The scope read:users is missing: without it there is no telling what a change would write over (docs/operations.md). What was sent is saved. Grant the application read:users, and run `pulumi up` again.",
      );
    }
  }

  #isOfConnection({ user_id, identities }: TenantUser): boolean {
    if (this.#connection === undefined || identities === undefined) return user_id.startsWith("auth0|");
    return identities.some(({ connection }) => connection === this.#connection);
  }

  /** @param after what the tenant has of the user if the job succeeds. */
  async #send(kind: JobKind, subject: Subject, after: KnownRecord, user: User): Promise<void> {
    const packer = this.#packers.get(kind) as Packer<Member>;
    const record = JSON.stringify(user);
    if (!packer.fits(record)) {
      this.#refuse(subject, TOO_LARGE);
      return;
    }
    const { index, name, identity } = subject;
    const full = packer.add({ index, name, identity, after: packRecord(after) }, record);
    if (full !== undefined) await this.#submit(kind, full);
  }

  #subjectOf({ index, name, identity }: Member): Subject {
    const { file, line } = this.records.place(index);
    return { index, file, line, name, identity };
  }

  /** Not before there is something to send: most runs have nothing. */
  #mayBegin(): Promise<void> {
    this.#preflight ??= this.at.preflight().then(
      (connection) => {
        this.#connection = connection ?? this.#connection;
      },
      (error: Error) => {
        throw new Error(`${error.message} Nothing ${this.achieved ? "more " : ""}was sent.`);
      },
    );
    return this.#preflight;
  }

  #withId(name: string, user: User): User {
    const { key, connectionId, generateUserIds } = this.settings;
    if (!generateUserIds || user.user_id !== undefined) return user;
    return { ...user, user_id: generatedUserId(key, connectionId, name) };
  }

  /** Starts a job. Returns when there is room for preparing the next one, so that few payloads are in memory. */
  async #submit(kind: JobKind, chunk: Chunk<Member>): Promise<void> {
    await this.#mayBegin();
    track(
      this.#inFlight,
      this.#deliver(kind, chunk).catch((error: unknown) => this.fail(error)),
    );
    await this.at.tenant.room();
  }

  /** Sends a job until all of its records are settled: once more where it fails as a whole, then in halves. */
  async #deliver(kind: JobKind, chunk: Chunk<Member>, triesBefore = 0): Promise<void> {
    const { members } = chunk;
    const { number, submitted, ...ran } = await this.#runJob(kind, chunk);
    const { job } = ran;
    const outcomes = await this.#outcomes(kind, members, job);
    const failed = outcomes?.filter((outcome) => outcome.startsWith("failed:")).length ?? 0;
    this.#jobs.push(toJob(kind, members.length, chunk.payload.length, { ...ran, submitted }, failed));
    if (outcomes !== undefined) {
      this.#wholeFailures = 0;
      await this.#settle(number, kind, chunk, outcomes, job.id);
      return;
    }

    this.#wholeFailures++;
    this.#doubt(kind, members, submitted);
    const reason = job.details === undefined ? "" : `: ${redact(job.details)}`;
    const tries = triesBefore + 1;
    if (members.length === 1 && tries >= TRIES) {
      const [member] = members as [Member];
      this.#failures.set(member.identity, {
        code: JOB_FAILED,
        message: `Every import job with this record fails as a whole${reason}`,
      });
      await this.#settle(number, kind, chunk, [`failed:${JOB_FAILED}`], job.id);
      return;
    }
    this.at.journal.abandoned(number);
    if (this.#wholeFailures >= WHOLE_FAILURES) {
      throw new Error(
        `${WHOLE_FAILURES} import jobs in a row failed as a whole, the last of them ${job.id} (${job.status}${reason}): that is a fault of the service rather than of a record.`,
      );
    }
    if (++this.#wholeFailuresInAll >= WHOLE_FAILURES_IN_ALL) {
      throw new Error(
        `${WHOLE_FAILURES_IN_ALL} import jobs failed as a whole, the last of them ${job.id} (${job.status}${reason}). The records that did it and were found are among the failed ones, with code ${JOB_FAILED}.`,
      );
    }
    if (this.isStopped) return;
    this.at.progress.retrying(
      tries < TRIES
        ? `a job that ${job.status === "vanished" ? "vanished" : "failed as a whole"} is sent again`
        : `a job of ${count(members.length)} users keeps failing: looking for the record in it`,
    );
    if (tries < TRIES) return this.#deliver(kind, chunk, tries);
    // A half is not tried twice before it is split again; a record that stands alone is.
    const halves = split(chunk).map((half) => this.#deliver(kind, half, half.members.length === 1 ? 0 : TRIES - 1));
    const ended = await Promise.allSettled(halves);
    for (const half of ended) if (half.status === "rejected") throw half.reason;
  }

  async #runJob(kind: JobKind, { members, payload }: Chunk<Member>) {
    const { tenant, journal, progress } = this.at;
    const number = ++this.#jobNumber;
    const request = this.#request(kind, number);
    const name = request.externalId;
    const retries: string[] = [];
    let submitted = new Date();
    const job = await importJob(
      tenant,
      request,
      payload,
      members.length,
      {
        assertMaySend: () => this.#assertMaySend(kind, members.length),
        submitting: () => {
          submitted = new Date();
          journal.intent(number, kind, payload.length, this.#spansOf(members), members, submitted);
        },
        accepted: (id, at, uncertain) => {
          this.achieved = true;
          journal.accepted(number, id, at, uncertain);
          progress.running(name, 0);
        },
        refused: () => journal.refused(number),
        progress: (percentage) => progress.running(name, (members.length * percentage) / 100),
        waiting: (reason) => progress.waiting(reason),
        retry: (reason) => {
          retries.push(reason);
          progress.retrying(`a call is made again: ${reason}`);
        },
      },
      this.at.stop,
    );
    progress.ended(name, members.length);
    if (job.uncertain) this.#doubt(kind, members, submitted);
    return { number, job, retries, submitted };
  }

  /** Where the records of a job lie, file by file. */
  #spansOf(members: readonly Member[]): Span[] {
    const spans = new Map<string, Span>();
    for (const { index } of members) {
      const { file, offset, byteLength } = this.records.place(index);
      const [, start, end] = spans.get(file) ?? [file, offset, offset];
      spans.set(file, [file, Math.min(start, offset), Math.max(end, offset + byteLength)]);
    }
    return [...spans.values()];
  }

  /** A job that waited for its slot is not sent any more once there is a reason to stop. */
  #assertMaySend(kind: JobKind, users: number): void {
    if (this.problem !== undefined) throw this.problem;
    this.at.stop.throwIfAborted();
    const { deadline } = this.settings;
    if (deadline !== undefined && Date.now() + paceOf(this.at.tenant).expected(kind, users) > deadline.getTime()) {
      throw new Error("The deadline is near, and another job would not end before it.");
    }
  }

  /** Goes on with a job that an interrupted run has sent, or may have sent. */
  async #resume(open: OpenJob): Promise<void> {
    const { number, kind, bytes, members, at, id, started, uncertain } = open;
    const { tenant, journal, progress } = this.at;
    const abandon = () => {
      journal.abandoned(number);
      this.#takeOver(open);
    };
    if (uncertain) this.#doubt(kind, members, at);
    if (id === undefined || started === undefined) {
      abandon();
      return;
    }
    const retries: string[] = [];
    const job = await resumeJob(tenant, { kind }, { id, started }, members.length, {
      progress: () => {},
      retry: (reason) => {
        retries.push(reason);
        progress.retrying(`a call is made again: ${reason}`);
      },
    });
    const outcomes = await this.#outcomes(kind, members, job);
    const failed = outcomes?.filter((outcome) => outcome.startsWith("failed:")).length ?? 0;
    this.#jobs.push(toJob(kind, members.length, bytes, { job, retries }, failed));
    if (outcomes === undefined) abandon();
    else {
      journal.finished(number, outcomes);
      this.#takeOver({ ...open, outcomes });
    }
  }

  /** How each record of a job ended; `undefined` where the service does not say it of all of them. */
  async #outcomes(kind: JobKind, members: readonly JournalMember[], job: FinishedJob): Promise<Outcome[] | undefined> {
    if (job.status !== "completed") return undefined;
    this.#connection ??= job.connection;
    const { failures, unmatched } = this.#failuresOf(members, job);
    if (unmatched > 0 || (job.failed !== undefined && job.failed > failures.size)) return undefined;
    if (kind === "upsert") this.#warnOfSecondAccounts(members, job);
    const success = kind === "insert" ? "inserted" : "updated";
    if (failures.size === 0) return members.map(() => success);
    return Promise.all(
      members.map(async (member): Promise<Outcome> => {
        const failure = failures.get(member.identity);
        if (failure === undefined) return success;
        if (kind === "insert" && ALREADY_THERE.has(failure.code)) {
          const found = await this.#lookups(() => this.#whoIsThere(member, failure, job));
          if ("outcome" in found) return found.outcome;
          this.#failures.set(member.identity, { ...failure, message: `${failure.message}${found.note}` });
        } else {
          this.#failures.set(member.identity, failure);
        }
        return `failed:${failure.code}`;
      }),
    );
  }

  #failuresOf(members: readonly JournalMember[], { errors }: FinishedJob): ReturnType<typeof matchErrors> {
    if (errors.length === 0) return { failures: new Map(), unmatched: 0 };
    const sent = new Set(members.map(({ identity }) => identity));
    const byEmail = new Map(
      members.flatMap(({ identity, after }) => {
        const { email } = unpackRecord(after).attributes.prints;
        return email === undefined ? [] : [[email, identity]];
      }),
    );
    return matchErrors(this.settings.key, sent, errors, byEmail);
  }

  /** Users whom an upsert did not find by their email, though they were in the tenant: their email was changed there. */
  #warnOfSecondAccounts(members: readonly JournalMember[], { id, inserted }: FinishedJob): void {
    if (!inserted || members.some(({ identity }) => !this.#ledger.has(identity))) return;
    this.at.warn(
      `${count(inserted)} of the ${count(members.length)} users updated by ${id} came in a second time: the email of a user was changed in Auth0 since, and an import job finds its user by email alone. Take the new email over into the users file, and remove the second account.`,
    );
  }

  /**
   * Settles who a user is who «already exists»: brought by ourselves, by a job whose answer was lost, or there before.
   *
   * @returns how the record ended; or what to add to the service's message where it failed.
   */
  async #whoIsThere(
    member: JournalMember,
    failure: RecordFailure,
    job: FinishedJob,
  ): Promise<{ readonly outcome: Outcome } | { readonly note: string }> {
    const { onExisting } = this.settings;
    const since = this.#sentSince(member, failure);
    let note = "";
    // An id that we made up proves that it was us. Where users who exist are taken or written over, it makes no difference
    // unless one was sent before, and a question about each would cost more calls than the jobs.
    if (since !== undefined || (onExisting === "fail" && failure.isGeneratedId)) {
      const verdict = await this.#isOurs(failure, job, since);
      if (verdict === true) return { outcome: this.#cameInAsItIs(member) ? "inserted" : "existing" };
      note = verdict;
    }
    if (onExisting === "fail" || failure.email === undefined) return { note };
    if (onExisting === "overwrite") return { outcome: "existing" };
    // By another identifier than the email, it may be about somebody else.
    if (failure.onlyEmail || (await this.#userByEmail(failure.email)) !== undefined) return { outcome: "adopted" };
    return { note: " (by another user, who has a different email)" };
  }

  /** Since when a record of this user was sent that may have brought them; of one that made jobs fail, at any time. */
  #sentSince({ identity }: JournalMember, failure: RecordFailure): Date | undefined {
    const uncertain = this.#uncertain.get(identity);
    if (uncertain !== undefined) return uncertain.since;
    const madeJobsFail = failureCode(this.#ledger.get(identity)?.state) === JOB_FAILED;
    return madeJobsFail && failure.isGeneratedId ? new Date(0) : undefined;
  }

  /** Whether a user whom we brought without being told has what the record says now: it may have changed since. */
  #cameInAsItIs({ identity, after: packed }: JournalMember): boolean {
    const after = unpackRecord(packed);
    const failed = this.#ledger.get(identity);
    const sent = this.#uncertain.get(identity)?.attributes ?? failed?.attributes ?? after.attributes;
    const has = failureCode(failed?.state) === FACTORS_FAILED ? withoutFactors(sent) : sent;
    if (sameAttributes(has, after.attributes)) return true;
    this.#cameInWith.set(identity, has);
    return false;
  }

  /**
   * Whether a user is there by our own doing; else what to add to the service's message. An id that the source has proves
   * it only where the user has come since we sent it.
   */
  async #isOurs(
    { userId, email, isGeneratedId }: RecordFailure,
    { connection }: FinishedJob,
    since: Date | undefined,
  ): Promise<true | string> {
    if (userId === undefined) {
      return since !== undefined ? " (perhaps by this import: a lost answer can't be settled without a user_id)" : "";
    }
    let user: TenantUser | undefined;
    try {
      user = await this.at.tenant.user(`auth0|${userId}`, () => {});
    } catch (error) {
      if (error instanceof TenantError && error.status === 403) {
        return " (perhaps by this import: the scope read:users is missing to tell)";
      }
      throw error;
    }
    if (user === undefined) return "";
    const elsewhere =
      connection !== undefined &&
      user.identities !== undefined &&
      !user.identities.some((identity) => identity.connection === connection);
    const other = email !== undefined && user.email !== undefined && user.email.toLowerCase() !== email;
    const created = Date.parse(user.created_at ?? "");
    const before = !isGeneratedId && since !== undefined && created < since.getTime() - CLOCKS_APART_MS;
    return !elsewhere && !other && !before ? true : "";
  }

  /** No answer says what a job did to these users. Of those who were in the tenant before, less is known now. */
  #doubt(kind: JobKind, members: readonly JournalMember[], sentAt: Date): void {
    for (const member of members) {
      this.#mayHaveBrought(kind, member, sentAt);
      const { identity, after } = member;
      const known = this.#ledger.get(identity);
      if (known === undefined || neverIn(known.state)) continue;
      const attributes = commonAttributes(known.attributes, unpackRecord(after).attributes);
      this.#ledger.set(identity, { ...known, record: NO_RECORD, attributes });
    }
  }

  /** An upsert is no sign of that: it is for users who are there. */
  #mayHaveBrought(kind: JobKind, { identity, after }: JournalMember, sentAt: Date): void {
    if (kind === "upsert") return;
    const { attributes } = unpackRecord(after);
    const earlier = this.#uncertain.get(identity);
    this.#uncertain.set(
      identity,
      earlier === undefined
        ? { attributes, since: sentAt }
        : { attributes: commonAttributes(earlier.attributes, attributes), since: earlier.since },
    );
  }

  /** Writes down how the records of a job ended, first on the disk. */
  async #settle(
    number: number,
    kind: JobKind,
    chunk: Chunk<Member>,
    outcomes: readonly Outcome[],
    job: string,
  ): Promise<void> {
    const { members } = chunk;
    this.at.journal.finished(number, outcomes);
    let failed = 0;
    let cameBack = 0;
    const existing: number[] = [];
    for (const [i, member] of members.entries()) {
      const outcome = outcomes[i] as Outcome;
      // That these fail again is no news: it would stop every run that sends them once more.
      const failedBefore = failureCode(this.#ledger.get(member.identity)?.state) !== undefined;
      if (!failedBefore) cameBack++;
      this.#enter(kind, member, outcome);
      if (outcome === "existing") {
        existing.push(i);
      } else if (isBrought(outcome)) {
        this.#findings.summary[outcome]++;
        if (this.#withoutPassword.has(member.index)) this.#findings.withoutPassword(this.#subjectOf(member));
      } else {
        failed++;
        const failure = this.#failures.get(member.identity) ?? { code: "UNKNOWN", message: `Failed in ${job}` };
        this.#failures.delete(member.identity);
        if (!failedBefore) this.#codes.set(failure.code, (this.#codes.get(failure.code) ?? 0) + 1);
        this.#findings.failed(this.#subjectOf(member), failure, kind);
      }
    }
    this.at.progress.settled(members.length - existing.length, failed);
    this.#lookEarly(cameBack);
    for (const i of existing) {
      if (this.isStopped) return;
      const member = members[i] as Member;
      const user = withoutGeneratedId(member, JSON.parse(recordOf(chunk, i).toString()) as User);
      const has = this.#cameInWith.get(member.identity);
      await (has === undefined ? this.#overwrite(member, user) : this.#catchUp(member, user, has));
    }
  }

  #lookEarly(cameBack: number): void {
    this.#cameBack += cameBack;
    if (this.#lookedEarly || this.#cameBack < EARLY_LOOK.records) return;
    this.#lookedEarly = true;
    const failed = [...this.#codes.values()].reduce((sum, users) => sum + users, 0);
    if (failed <= EARLY_LOOK.failedShare * this.#cameBack) return;
    this.fail(
      new Error(
        `${count(failed)} of the first ${count(this.#cameBack)} users failed (${listCodes(this.#codes)}): that looks like a mistake in all of them, so no more were sent. \`pulumi stack output failedRecords --show-secrets\` tells the reasons.`,
      ),
    );
  }

  /** Enters into the ledger how a user ended. Who is in the tenant stays there when an update of them fails. */
  #enter(kind: JobKind, { identity, after }: JournalMember, outcome: Outcome): void {
    if (outcome === "existing") return;
    const { attempt, ...reached } = unpackRecord(after);
    const tried = attempt === undefined ? {} : { attempt };
    const code = failureCode(outcome as UserState);
    if (code === undefined) {
      this.#uncertain.delete(identity);
      this.#ledger.set(identity, { ...reached, state: outcome as UserState });
      return;
    }
    const before = this.#ledger.get(identity);
    if (before === undefined || neverIn(before.state)) {
      // Who was there before, and got all but the factors.
      if (kind === "upsert" && code === FACTORS_FAILED) {
        const attributes = withoutFactors(reached.attributes);
        this.#ledger.set(identity, { ...reached, attributes, ...tried, state: `outdated:${code}` });
        return;
      }
      // Should they be in the tenant all the same, it is with this record or with an earlier one.
      const earlier = this.#uncertain.get(identity)?.attributes;
      const attributes = earlier === undefined ? reached.attributes : commonAttributes(earlier, reached.attributes);
      this.#ledger.set(identity, { ...reached, attributes, ...tried, state: `failed:${code}` });
      return;
    }
    const attributes =
      code === FACTORS_FAILED ? withoutFactors(reached.attributes, before.attributes) : before.attributes;
    this.#ledger.set(identity, { ...before, attributes, record: reached.record, ...tried, state: `outdated:${code}` });
  }

  #refuse(place: Place, failure: Failure): void {
    this.#findings.failed(place, failure);
    this.at.progress.settled(1, 1);
  }

  /** Who may have been brought, and was not settled: no sound record of theirs is in the source any more. */
  #keepUncertain(): void {
    for (const [identity, { attributes }] of this.#uncertain) {
      if (this.#ledger.has(identity)) continue;
      this.#ledger.set(identity, { record: NO_RECORD, attributes, differs: false, state: `failed:${JOB_FAILED}` });
    }
  }

  #forgetRemoved(): void {
    for (const identity of this.#ledger.identities()) {
      if (this.#seen.get(identity) !== undefined) continue;
      const { attempt, ...known } = this.#ledger.get(identity) as LedgerEntry;
      if (neverIn(known.state)) {
        // Of a job that failed as a whole they may have come in all the same.
        if (failureCode(known.state) !== JOB_FAILED) this.#ledger.delete(identity);
        continue;
      }
      // Should a record come back whose update failed, it is to be looked at.
      const record = failureCode(known.state) === undefined ? known.record : NO_RECORD;
      this.#ledger.set(identity, { ...known, record, state: "removed" });
      this.#findings.summary.removed++;
    }
  }

  #request(kind: JobKind, number: number): JobRequest {
    const { connectionId, externalId, sendCompletionEmail } = this.settings;
    return { connectionId, kind, externalId: `${externalId}#${number}`, sendCompletionEmail };
  }
}

/** Keeps a piece of work, which does not fail, in a set until it is done. */
function track(works: Set<Promise<void>>, work: Promise<void>): void {
  works.add(work);
  void work.finally(() => works.delete(work));
}

/** What a killed run had under way. */
function resumption(open: readonly OpenJob[]): string {
  const sent = open.filter(({ id }) => id !== undefined);
  const unknown = open.filter(({ id }) => id === undefined);
  return [
    "Goes on where an interrupted run stopped.",
    ...(sent.length === 0 ? [] : [`Awaits ${countOf(sent.length, "job")} that it sent: ${listed(sent)}.`]),
    ...(unknown.length === 0
      ? []
      : [
          `Of ${countOf(unknown.length, "job")} nobody knows whether the tenant took it, so its users are sent again: ${listed(unknown)}.`,
        ]),
  ].join(" ");
}

/** So many jobs are named in a message. */
const NAMED_JOBS = 3;

/** And so many files of each. */
const NAMED_FILES = 3;

function listed(jobs: readonly OpenJob[]): string {
  const named = jobs.slice(0, NAMED_JOBS).map(({ id, members, spans }) => {
    const places = spans
      .slice(0, NAMED_FILES)
      .map(([file, start, end]) => `${file}, bytes ${count(start)} to ${count(end)}`);
    const others = spans.length - places.length;
    return `${id === undefined ? "" : `${id} with `}${countOf(members.length, "user")} of ${places.join("; ")}${others > 0 ? `; and of ${countOf(others, "more file")}` : ""}`;
  });
  const rest = jobs.length - named.length;
  return `${named.join("; ")}${rest > 0 ? `; and ${countOf(rest, "more job")}` : ""}`;
}

/** A user of a job as the source has it. */
function withoutGeneratedId({ name }: Member, user: User): User {
  const { user_id: _, ...withoutId } = user;
  return name.startsWith("user_id:") ? user : withoutId;
}

/** Remembers all that a record says, in case its update fails. */
function withAttempt(known: KnownRecord, key: string, user: User): KnownRecord {
  return { ...known, attempt: wholeFingerprint(key, user) };
}

/** Why a record without any identifier is not sent. */
const NOBODY: Failure = {
  code: "ANY_OF_MISSING",
  message: "The record has none of email, phone_number, username and user_id",
};

function hasPassword(attributes: Attributes | undefined): boolean {
  const { password_hash, custom_password_hash } = attributes?.prints ?? {};
  return password_hash !== undefined || custom_password_hash !== undefined;
}

function interruption(problem: Error | undefined): Interruption {
  return { at: new Date().toISOString(), reason: redact(problem?.message ?? "") };
}

function toJob(
  kind: JobKind,
  users: number,
  bytes: number,
  {
    job: { id, status, started, finished },
    submitted,
    retries,
  }: { readonly job: FinishedJob; readonly submitted?: Date | undefined; readonly retries: readonly string[] },
  failed: number,
): Job {
  return {
    id,
    kind,
    users,
    bytes,
    failed,
    status,
    ...(submitted === undefined ? {} : { submitted: submitted.toISOString() }),
    started: started.toISOString(),
    finished: finished.toISOString(),
    retries,
  };
}
