import { setImmediate as nextTurn } from "node:timers/promises";
import pLimit from "p-limit";
import { TenantError } from "../jobs/errors";
import { type FinishedJob, importJob, paceOf, resumeJob } from "../jobs/importJob";
import { matchErrors, type RecordFailure } from "../jobs/matchErrors";
import { type JobRequest, requestOverhead, type Tenant } from "../jobs/tenant";
import type { Journal, JournalMember, OpenJob, Outcome } from "../journal/journal";
import {
  contentFingerprint,
  emailFingerprint,
  type Fingerprint,
  generatedUserId,
  identityFingerprint,
  NOTHING,
} from "../ledger/fingerprint";
import { failureCode, Ledger, type UserState } from "../ledger/ledger";
import { decide, type JobKind, type OnExisting } from "../plan/delta";
import { type Chunk, MAX_REQUEST_BYTES, Packer, split } from "../plan/pack";
import { type BatchProgress, count } from "../progress/batchProgress";
import { toRanges } from "../results/ranges";
import { redact } from "../results/redact";
import { EMPTY_SUMMARY, type FailedRecord, type Job, MAX_LISTED_RECORDS, type Summary } from "../results/types";
import { identityOf, normalizeUser, type User } from "../schema/identity";
import type { SourceRecord } from "../source";

/** How the users of a batch are to be imported. */
export interface ImportSettings {
  readonly connectionId: string;
  readonly key: string;
  readonly externalId: string;
  readonly onExisting: OnExisting;
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
  /** The places of all failed records in the source, counted from 0, as ranges: `"3,17-19"`. */
  readonly failedAt: string;
  readonly ledger: string;
  /** Whether every record of the source has been dealt with. */
  readonly complete: boolean;
}

/** What a run works with. */
export interface Workplace {
  readonly tenant: Tenant;
  readonly journal: Journal;
  readonly progress: BatchProgress;
  /** Aborted when no more is to be sent; its reason is an error that says why. */
  readonly stop: AbortSignal;
}

/** A record on its way: what is needed of it once it has been sent. Not its content. */
interface Member extends JournalMember {
  readonly index: number;
  readonly file: string;
  readonly line: number;
  readonly identity: string | undefined;
}

/** An early look at the results: a mistake in the mapping should not run through a million users. */
const EARLY_LOOK = { records: 200, failedShare: 0.5 };

/** A job that fails as a whole is sent once more before it is split. */
const TRIES = 2;

/** So many jobs in a row that fail as a whole are the service's fault, not a record's. */
const WHOLE_FAILURES = 12;

/** So many in all are more than a person would want to wait for: some 15 records that make every job fail. */
const WHOLE_FAILURES_IN_ALL = 200;

/** Users looked up at a time, to settle whether they are ours. */
const LOOKUPS = 4;

/** Auth0's code for a value that is too long, said of a record that no job can carry. */
const TOO_LARGE = "MAX_LENGTH";

/** Our own code for a record that makes every job fail as a whole; the service has none for it. */
const JOB_FAILED = "JOB_FAILED";

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
  records: AsyncIterable<SourceRecord>,
  settings: ImportSettings,
  before: BatchResult | undefined,
  workplace: Workplace,
): Promise<{ readonly result: BatchResult; readonly achieved: boolean; readonly problem?: Error }> {
  const run = new Run(settings, before, workplace);
  try {
    await run.goOn();
    let taken = 0;
    for await (const record of records) {
      if (run.isStopped) break;
      await run.take(record);
      // Preparing a whole job at a stretch would keep the answers of others waiting, and their slots idle.
      if (++taken % RECORDS_A_TURN === 0) await nextTurn();
    }
    await run.flush();
  } catch (error) {
    run.fail(error);
  }
  await run.drain();
  const { achieved, problem } = run;
  return { result: run.result(), achieved, ...(problem === undefined ? {} : { problem }) };
}

class Run {
  problem: Error | undefined;
  /** Whether anything was sent, now or by a run whose journal was found. */
  achieved = false;
  readonly #ledger: Ledger;
  readonly #summary: { -readonly [K in keyof Summary]: number } = { ...EMPTY_SUMMARY };
  readonly #jobs: Job[];
  readonly #failed: { readonly index: number; readonly record: FailedRecord }[] = [];
  readonly #failedAt: number[] = [];
  readonly #seen = new Set<Fingerprint>();
  /** Users who were sent and may be in the tenant, though no answer says so. */
  readonly #uncertain = new Set<Fingerprint>();
  readonly #messages: ReadonlyMap<string, FailedRecord>;
  readonly #packers = new Map<JobKind, Packer<Member>>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #lookups = pLimit(LOOKUPS);
  /** Why records failed, from when it is learnt until it is listed. */
  readonly #failures = new Map<Fingerprint, RecordFailure>();
  readonly #codes = new Map<string, number>();
  #cameBack = 0;
  #lookedEarly = false;
  #wholeFailures = 0;
  #wholeFailuresInAll = 0;
  #jobNumber: number;

  constructor(
    private readonly settings: ImportSettings,
    before: BatchResult | undefined,
    private readonly at: Workplace,
  ) {
    const { replay } = at.journal;
    this.#ledger = before === undefined ? new Ledger() : Ledger.decode(before.ledger);
    // A run that goes on where another had to stop is one import to the user: its jobs and counts go on, too.
    const goesOn = before?.complete === false;
    if (!goesOn) this.#ledger.beginImport();
    this.#jobs = goesOn ? [...before.jobs] : [];
    this.#jobNumber = Math.max(this.#jobs.length, replay.lastNumber);
    this.#messages = new Map(before?.failedRecords.map((record) => [record.identity ?? "", record]));
  }

  get isStopped(): boolean {
    return this.problem !== undefined || this.at.stop.aborted;
  }

  /** Takes up what an interrupted run has left: how users ended, and jobs whose end it did not see. */
  async goOn(): Promise<void> {
    const { outcomes, open, uncertain } = this.at.journal.replay;
    for (const { member, outcome } of outcomes) this.#enter(member, outcome);
    for (const fingerprint of uncertain) this.#uncertain.add(fingerprint);
    this.achieved = outcomes.length > 0 || open.length > 0;
    if (open.length > 0) this.at.progress.waiting("the jobs of an interrupted run");
    await Promise.all(open.map((job) => this.#resume(job)));
    this.at.progress.waiting(undefined);
  }

  /** Decides about one record, and sends a job where that makes one full. */
  async take(record: SourceRecord): Promise<void> {
    const { key, onExisting, resendFailed } = this.settings;
    const user = normalizeUser(record.user);
    const identity = identityOf(user);
    const fingerprint = identityFingerprint(key, user);
    const content = contentFingerprint(key, user);
    const email = emailFingerprint(key, user);
    const { index, file, line } = record;
    const member: Member = { index, file, line, identity, fingerprint, content, email };
    this.#summary.total++;

    if (this.#seen.has(fingerprint)) {
      this.#refuse(member, {
        code: "DUPLICATED_USER",
        message: "The same user stands in the source before; the first record counts",
      });
      return;
    }
    this.#seen.add(fingerprint);

    const known = this.#ledger.get(fingerprint);
    const step = decide(member, known, { onExisting, resendFailed });
    if (step.do === "send") {
      await this.#send(step.kind, member, user);
      return;
    }
    if (step.because === "notApplied") {
      this.#summary.notApplied++;
      this.at.progress.settled(1);
      return;
    }
    if (step.because === "unchanged") {
      const { state } = known as { state: UserState };
      this.#summary[state === "inserted" || state === "updated" ? state : "unchanged"]++;
      if (state === "removed") this.#ledger.set(fingerprint, { content, email, state: "imported" });
      this.at.progress.settled(1);
      return;
    }
    const code = failureCode(known?.state) ?? "UNKNOWN";
    const earlier =
      this.#failures.get(fingerprint) ?? (identity === undefined ? undefined : this.#messages.get(identity));
    this.#list(
      member,
      earlier?.code === code ? earlier : { code, message: "Failed before, and was not sent again since" },
    );
    this.#summary.failed++;
    this.at.progress.settled(1, 1);
  }

  /** Sends what is left over. */
  async flush(): Promise<void> {
    for (const [kind, packer] of this.#packers) {
      if (this.isStopped) return;
      const rest = packer.flush();
      if (rest !== undefined) await this.#submit(kind, rest);
    }
  }

  /** Lets what is on its way come to its end. */
  async drain(): Promise<void> {
    await Promise.all(this.#inFlight);
    if (this.at.stop.aborted) this.fail(this.at.stop.reason);
  }

  fail(error: unknown): void {
    this.problem ??= error instanceof Error ? error : new Error(String(error));
  }

  result(): BatchResult {
    const complete = this.problem === undefined;
    if (complete) this.#forgetRemoved();
    this.#keepFirstFailures();
    return {
      summary: { ...this.#summary },
      jobs: this.#jobs,
      failedRecords: this.#failed.map(({ record }) => record),
      failedAt: toRanges(this.#failedAt),
      ledger: this.#ledger.encode(),
      complete,
    };
  }

  async #send(kind: JobKind, member: Member, user: User): Promise<void> {
    let packer = this.#packers.get(kind);
    if (packer === undefined) {
      packer = new Packer(await requestOverhead(this.#request(kind, LONGEST_JOB_NUMBER)));
      this.#packers.set(kind, packer);
    }
    const record = Buffer.from(JSON.stringify(kind === "insert" ? this.#withId(member, user) : user));
    if (!packer.fits(record)) {
      this.#refuse(member, {
        code: TOO_LARGE,
        message: `The record is ${count(record.length)} bytes, and a request with it over the maximum allowed: ${count(MAX_REQUEST_BYTES)}`,
      });
      return;
    }
    const full = packer.add(member, record);
    if (full !== undefined) await this.#submit(kind, full);
  }

  #withId({ identity }: Member, user: User): User {
    const { key, connectionId, generateUserIds } = this.settings;
    if (!generateUserIds || identity === undefined || user.user_id !== undefined) return user;
    return { ...user, user_id: generatedUserId(key, connectionId, identity) };
  }

  /**
   * Starts a job. Returns when there is room for preparing the next one: with one for each slot in waiting, over all
   * batches, a freed slot is filled at once, and few payloads are in memory.
   */
  async #submit(kind: JobKind, chunk: Chunk<Member>): Promise<void> {
    const { slot, limits } = this.at.tenant;
    const delivery = this.#deliver(kind, chunk).catch((error: unknown) => this.fail(error));
    this.#inFlight.add(delivery);
    void delivery.finally(() => this.#inFlight.delete(delivery));
    while (this.#inFlight.size > 0 && slot.pendingCount >= limits.maxActiveJobs) await Promise.race(this.#inFlight);
  }

  /** Sends a job until all of its records are settled: once more where it fails as a whole, then in halves. */
  async #deliver(kind: JobKind, chunk: Chunk<Member>, triesBefore = 0): Promise<void> {
    const { members } = chunk;
    const { number, job, retries } = await this.#runJob(kind, chunk);
    const outcomes = await this.#outcomes(kind, members, job);
    const failed = outcomes?.filter((outcome) => outcome.startsWith("failed:")).length ?? 0;
    this.#jobs.push(toJob(kind, chunk, job, retries, failed));
    if (outcomes !== undefined) {
      this.#wholeFailures = 0;
      this.#settle(number, members, outcomes, job.id);
      return;
    }

    this.#wholeFailures++;
    for (const { fingerprint } of members) this.#uncertain.add(fingerprint);
    const reason = job.details === undefined ? "" : `: ${redact(job.details)}`;
    const tries = triesBefore + 1;
    if (members.length === 1 && tries >= TRIES) {
      const [member] = members as [Member];
      this.#failures.set(member.fingerprint, {
        code: JOB_FAILED,
        message: `Every import job with this record fails as a whole${reason}`,
      });
      this.#settle(number, members, [`failed:${JOB_FAILED}`], job.id);
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
    const job = await importJob(
      tenant,
      request,
      payload,
      members.length,
      {
        assertMaySend: () => this.#assertMaySend(kind, members.length),
        submitting: () => journal.intent(number, kind, members),
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
    if (job.uncertain) for (const { fingerprint } of members) this.#uncertain.add(fingerprint);
    return { number, job, retries };
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
  async #resume({ number, kind, members, id, started, uncertain }: OpenJob): Promise<void> {
    const { tenant, journal, progress } = this.at;
    const doubt = () => {
      for (const { fingerprint } of members) this.#uncertain.add(fingerprint);
    };
    const abandon = () => {
      journal.abandoned(number);
      doubt();
    };
    if (uncertain) doubt();
    if (id === undefined || started === undefined) {
      abandon();
      return;
    }
    const job = await resumeJob(tenant, { kind }, { id, started }, members.length, {
      progress: () => {},
      retry: (reason) => progress.retrying(`a call is made again: ${reason}`),
    });
    const outcomes = await this.#outcomes(kind, members, job);
    if (outcomes === undefined) abandon();
    else {
      journal.finished(number, outcomes);
      for (const [i, member] of members.entries()) this.#enter(member, outcomes[i] as Outcome);
    }
  }

  /** How each record of a job ended; `undefined` where the service does not say it of all of them. */
  async #outcomes(kind: JobKind, members: readonly JournalMember[], job: FinishedJob): Promise<Outcome[] | undefined> {
    if (job.status !== "completed") return undefined;
    const sent = new Set(members.map(({ fingerprint }) => fingerprint));
    const { failures, unmatched } = matchErrors(this.settings.key, sent, job.errors);
    if (unmatched > 0 || (job.failed !== undefined && job.failed > failures.size)) return undefined;
    let insertedByUpsert = kind === "upsert" ? (job.inserted ?? 0) : 0;
    return Promise.all(
      members.map(async (member): Promise<Outcome> => {
        const failure = failures.get(member.fingerprint);
        if (failure !== undefined) {
          if (kind === "insert" && ALREADY_THERE.has(failure.code)) {
            const verdict = await this.#lookups(() => this.#isOurs(member, failure, job));
            if (verdict === true) return "inserted";
            this.#failures.set(member.fingerprint, { ...failure, message: `${failure.message}${verdict}` });
          } else {
            this.#failures.set(member.fingerprint, failure);
          }
          return `failed:${failure.code}`;
        }
        if (kind === "insert") return "inserted";
        // The service tells how many it inserted, not whom: those who were not known before.
        if (insertedByUpsert > 0 && this.#ledger.get(member.fingerprint) === undefined) {
          insertedByUpsert--;
          return "inserted";
        }
        return "updated";
      }),
    );
  }

  /**
   * Whether a user who «already exists» is there by our own doing. An id that we made up proves it always; one from the
   * source only where the user was sent before without a known end. Otherwise the user was there before us.
   *
   * @returns true, or what to add to the service's message.
   */
  async #isOurs(
    { fingerprint }: JournalMember,
    { userId, isGeneratedId, email }: RecordFailure,
    { connection }: FinishedJob,
  ): Promise<true | string> {
    const uncertain = this.#uncertain.has(fingerprint);
    if (userId === undefined) {
      return uncertain ? " (perhaps by this import: a lost answer can't be settled without a user_id)" : "";
    }
    if (!isGeneratedId && !uncertain) return "";
    let user: Awaited<ReturnType<Tenant["user"]>>;
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
    return !elsewhere && !other ? true : "";
  }

  /** Writes down how the records of a job ended, first on the disk. */
  #settle(number: number, members: readonly Member[], outcomes: readonly Outcome[], job: string): void {
    this.at.journal.finished(number, outcomes);
    let failed = 0;
    for (const [i, member] of members.entries()) {
      const outcome = outcomes[i] as Outcome;
      this.#enter(member, outcome);
      if (outcome === "inserted" || outcome === "updated") {
        this.#summary[outcome]++;
        continue;
      }
      failed++;
      this.#summary.failed++;
      const failure = this.#failures.get(member.fingerprint) ?? { code: "UNKNOWN", message: `Failed in ${job}` };
      this.#failures.delete(member.fingerprint);
      this.#codes.set(failure.code, (this.#codes.get(failure.code) ?? 0) + 1);
      this.#list(member, failure);
    }
    this.at.progress.settled(members.length, failed);
    this.#lookEarly(members.length);
  }

  #lookEarly(cameBack: number): void {
    this.#cameBack += cameBack;
    if (this.#lookedEarly || this.#cameBack < EARLY_LOOK.records) return;
    this.#lookedEarly = true;
    const failed = [...this.#codes.values()].reduce((sum, users) => sum + users, 0);
    if (failed <= EARLY_LOOK.failedShare * this.#cameBack) return;
    const codes = [...this.#codes].sort(([, a], [, b]) => b - a).map(([code, users]) => `${code} ${count(users)}`);
    this.fail(
      new Error(
        `${count(failed)} of the first ${count(this.#cameBack)} users failed (${codes.join(", ")}): that looks like a mistake in all of them, so no more were sent. \`pulumi stack output failedRecords --show-secrets\` tells the reasons.`,
      ),
    );
  }

  /** Enters into the ledger how a user ended. Who is in the tenant stays there when an update of them fails. */
  #enter({ fingerprint, content, email }: JournalMember, outcome: Outcome): void {
    const before = this.#ledger.get(fingerprint)?.state;
    const never = before === undefined || before.startsWith("failed:");
    const code = failureCode(outcome);
    const state: UserState =
      code === undefined ? (outcome as "inserted" | "updated") : never ? `failed:${code}` : `outdated:${code}`;
    this.#ledger.set(fingerprint, { content, email, state });
  }

  #refuse(member: Member, failure: RecordFailure): void {
    this.#summary.invalid++;
    this.#list(member, failure);
    this.at.progress.settled(1, 1);
  }

  #list({ index, file, line, identity }: Member, { code, message, path }: RecordFailure): void {
    this.#failedAt.push(index);
    this.#failed.push({
      index,
      record: {
        ...(identity === undefined ? {} : { identity }),
        code,
        message,
        ...(path === undefined ? {} : { path }),
        file,
        line,
      },
    });
    // Where everybody fails, they must not all be kept.
    if (this.#failed.length > 2 * MAX_LISTED_RECORDS) this.#keepFirstFailures();
  }

  #keepFirstFailures(): void {
    this.#failed.sort((a, b) => a.index - b.index).splice(MAX_LISTED_RECORDS);
  }

  #forgetRemoved(): void {
    for (const [fingerprint, { content, email, state }] of this.#ledger.entries()) {
      if (this.#seen.has(fingerprint)) continue;
      if (state.startsWith("failed:")) {
        this.#ledger.delete(fingerprint);
        continue;
      }
      // Whose last update failed is not in the tenant as that record says: should it come back, it is to be sent.
      const known = state.startsWith("outdated:") ? NOTHING : content;
      this.#ledger.set(fingerprint, { content: known, email, state: "removed" });
      this.#summary.removed++;
    }
  }

  #request(kind: JobKind, number: number): JobRequest {
    const { connectionId, externalId, sendCompletionEmail } = this.settings;
    return { connectionId, kind, externalId: `${externalId}#${number}`, sendCompletionEmail };
  }
}

function toJob(
  kind: JobKind,
  { members, payload }: Chunk<Member>,
  { id, status, started, finished }: FinishedJob,
  retries: readonly string[],
  failed: number,
): Job {
  return {
    id,
    kind,
    users: members.length,
    bytes: payload.length,
    failed,
    status,
    started: started.toISOString(),
    finished: finished.toISOString(),
    retries,
  };
}
