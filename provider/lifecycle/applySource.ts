import { importJob } from "../jobs/importJob";
import { matchErrors, type RecordFailure } from "../jobs/matchErrors";
import { type JobRequest, requestOverhead, type Tenant } from "../jobs/tenant";
import { contentFingerprint, type Fingerprint, generatedUserId, identityFingerprint } from "../ledger/fingerprint";
import { failureCode, Ledger, type UserState } from "../ledger/ledger";
import { decide, type JobKind, type OnExisting } from "../plan/delta";
import { type Chunk, MAX_REQUEST_BYTES, Packer } from "../plan/pack";
import type { BatchProgress } from "../progress/batchProgress";
import { count } from "../progress/batchProgress";
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
}

/** What a batch knows after a run, and hands to the next one. */
export interface BatchResult {
  readonly summary: Summary;
  readonly jobs: readonly Job[];
  /** The first {@link MAX_LISTED_RECORDS}. */
  readonly failedRecords: readonly FailedRecord[];
  /** The places of all failed records in the source, counted from 0. */
  readonly failedAt: readonly number[];
  readonly ledger: string;
  /** Whether every record of the source has been dealt with. */
  readonly complete: boolean;
}

/** A record on its way: what is needed of it once it has been sent. Not its content. */
interface Member {
  readonly index: number;
  readonly file: string;
  readonly line: number;
  readonly identity: string | undefined;
  /** The identity as the service saw it, who may have been given a `user_id`. */
  readonly sentAs: string | undefined;
  readonly fingerprint: Fingerprint;
  readonly content: Fingerprint;
}

/**
 * Makes the tenant hold what the source says: sends what is new in insert jobs, what changed in upsert jobs, nothing
 * else, and writes down how each record ended.
 *
 * What was achieved is in the result even where not everything was: then `problem` says what happened.
 */
export async function applySource(
  records: AsyncIterable<SourceRecord>,
  settings: ImportSettings,
  before: BatchResult | undefined,
  tenant: Tenant,
  progress: BatchProgress,
): Promise<{ readonly result: BatchResult; readonly jobsSent: number; readonly problem?: Error }> {
  const run = new Run(settings, before, tenant, progress);
  try {
    for await (const record of records) {
      if (run.problem !== undefined) break;
      await run.take(record);
    }
    await run.flush();
  } catch (error) {
    run.stop(error);
  }
  await run.drain();
  const { jobsSent, problem } = run;
  return { result: run.result(), jobsSent, ...(problem === undefined ? {} : { problem }) };
}

class Run {
  problem: Error | undefined;
  /** Jobs that the tenant took in this run. */
  jobsSent = 0;
  readonly #ledger: Ledger;
  readonly #summary: { -readonly [K in keyof Summary]: number };
  readonly #jobs: Job[];
  readonly #failed: FailedRecord[] = [];
  readonly #failedAt: number[] = [];
  readonly #seen = new Set<Fingerprint>();
  readonly #messages: ReadonlyMap<string, FailedRecord>;
  readonly #packers = new Map<JobKind, Packer<Member>>();
  readonly #inFlight = new Set<Promise<void>>();
  #jobNumber: number;

  constructor(
    private readonly settings: ImportSettings,
    private readonly before: BatchResult | undefined,
    private readonly tenant: Tenant,
    private readonly progress: BatchProgress,
  ) {
    this.#ledger = before === undefined ? new Ledger() : Ledger.decode(before.ledger);
    // A run that goes on where another had to stop is one import to the user: its jobs and counts go on, too.
    const goesOn = before !== undefined && !before.complete;
    this.#jobs = goesOn ? [...before.jobs] : [];
    this.#summary = {
      ...EMPTY_SUMMARY,
      ...(goesOn ? { inserted: before.summary.inserted, updated: before.summary.updated } : {}),
    };
    this.#jobNumber = this.#jobs.length;
    this.#messages = new Map(before?.failedRecords.map((record) => [record.identity ?? "", record]));
  }

  /** Decides about one record, and sends a job where that makes one full. */
  async take(record: SourceRecord): Promise<void> {
    const { key, onExisting, resendFailed } = this.settings;
    const user = normalizeUser(record.user);
    const identity = identityOf(user);
    const fingerprint = identityFingerprint(key, user);
    const content = contentFingerprint(key, user);
    const { index, file, line } = record;
    const member = { index, file, line, identity, sentAs: identity, fingerprint, content };
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
    const step = decide(content, known, { onExisting, resendFailed });
    if (step.do === "send") {
      if (step.kind === "upsert" && known !== undefined && typeof user.email !== "string") {
        this.#summary.notApplied++;
        this.progress.settled(1);
        return;
      }
      await this.#send(step.kind, member, user);
      return;
    }
    if (step.because === "unchanged") {
      this.#summary.unchanged++;
      this.progress.settled(1);
      return;
    }
    const code = failureCode(known?.state) ?? "UNKNOWN";
    const earlier = this.#messages.get(identity ?? "");
    this.#list(
      member,
      earlier?.code === code ? earlier : { code, message: "Failed in an earlier run, not sent again" },
    );
    if (code === TOO_LARGE) this.#summary.invalid++;
    else this.#summary.failed++;
    this.progress.settled(1, 1);
  }

  /** Sends what is left over. */
  async flush(): Promise<void> {
    if (this.problem !== undefined) return;
    for (const [kind, packer] of this.#packers) {
      const rest = packer.flush();
      if (rest !== undefined) await this.#submit(kind, rest);
    }
  }

  /** Lets what is on its way come to its end. */
  async drain(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  stop(error: unknown): void {
    this.problem ??= error instanceof Error ? error : new Error(String(error));
  }

  result(): BatchResult {
    const complete = this.problem === undefined;
    if (complete) this.#forgetRemoved();
    const { inserted, updated, unchanged } = this.#summary;
    // Users whom an earlier part of this import brought in are unchanged by now; they count as what they were then.
    const carried = this.before?.complete === false ? this.before.summary.inserted + this.before.summary.updated : 0;
    return {
      summary: { ...this.#summary, inserted, updated, unchanged: Math.max(0, unchanged - carried) },
      jobs: this.#jobs,
      failedRecords: this.#failed
        .sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
        .slice(0, MAX_LISTED_RECORDS),
      failedAt: this.#failedAt.sort((a, b) => a - b),
      ledger: this.#ledger.encode(),
      complete,
    };
  }

  async #send(kind: JobKind, member: Member, user: User): Promise<void> {
    const { key, connectionId, generateUserIds } = this.settings;
    let packer = this.#packers.get(kind);
    if (packer === undefined) {
      packer = new Packer(await requestOverhead(this.#request(kind, LONGEST_JOB_NUMBER)));
      this.#packers.set(kind, packer);
    }
    const named =
      kind === "insert" && generateUserIds && member.identity !== undefined && user.user_id === undefined
        ? { ...user, user_id: generatedUserId(key, connectionId, member.identity) }
        : user;
    const record = Buffer.from(JSON.stringify(named));
    if (!packer.fits(record)) {
      this.#ledger.set(member.fingerprint, { content: member.content, state: `failed:${TOO_LARGE}` });
      this.#refuse(member, {
        code: TOO_LARGE,
        message: `The record is ${count(record.length)} bytes, and a request with it over the maximum allowed: ${count(MAX_REQUEST_BYTES)}`,
      });
      return;
    }
    const full = packer.add({ ...member, sentAs: identityOf(named) }, record);
    if (full !== undefined) await this.#submit(kind, full);
  }

  /** Starts a job. Returns when there is room for preparing the next one, so that few payloads wait in memory. */
  async #submit(kind: JobKind, chunk: Chunk<Member>): Promise<void> {
    const job = this.#job(kind, chunk).catch((error: unknown) => this.stop(error));
    this.#inFlight.add(job);
    void job.finally(() => this.#inFlight.delete(job));
    while (this.#inFlight.size > this.tenant.limits.maxActiveJobs) await Promise.race(this.#inFlight);
  }

  async #job(kind: JobKind, { members, payload }: Chunk<Member>): Promise<void> {
    const request = this.#request(kind, ++this.#jobNumber);
    const name = request.externalId;
    const job = await importJob(this.tenant, request, payload, members.length, {
      // A job that waited for its slot while another one met a problem is not sent any more.
      submitting: () => {
        if (this.problem !== undefined) throw this.problem;
      },
      accepted: () => {
        this.jobsSent++;
        this.progress.running(name, 0);
      },
      progress: (percentage) => this.progress.running(name, (members.length * percentage) / 100),
      waiting: (reason) => this.progress.waiting(reason),
    });
    const { failures, unmatched } = matchErrors(
      members.map(({ sentAs }) => sentAs),
      job.errors,
    );
    this.#jobs.push({
      id: job.id,
      kind,
      users: members.length,
      bytes: payload.length,
      failed: failures.size + unmatched,
      status: job.status,
      started: job.started.toISOString(),
      finished: job.finished.toISOString(),
    });
    this.progress.finished(name, members.length, failures.size);
    if (job.status !== "completed") {
      throw new Error(
        `Import job ${job.id} ${job.status}${job.details === undefined ? "" : `: ${redact(job.details)}`}. How its ${count(members.length)} users ended is not known.`,
      );
    }
    const unlisted = (job.failed ?? failures.size) - failures.size;
    if (unmatched > 0 || unlisted > 0) {
      throw new Error(
        `Import job ${job.id} refused ${count(Math.max(unmatched, unlisted))} users without saying which. How its ${count(members.length)} users ended is not known.`,
      );
    }
    const succeeded = members.length - failures.size;
    const inserted = kind === "insert" ? succeeded : Math.min(succeeded, job.inserted ?? 0);
    this.#summary.inserted += inserted;
    this.#summary.updated += succeeded - inserted;
    this.#summary.failed += failures.size;
    for (const [position, member] of members.entries()) {
      const failure = failures.get(position);
      if (failure !== undefined) this.#list(member, failure);
      this.#ledger.set(member.fingerprint, {
        content: member.content,
        state: failure === undefined ? "imported" : this.#stateAfter(member, failure),
      });
    }
  }

  /** A user who is in the tenant stays there when an update of them fails. */
  #stateAfter({ fingerprint }: Member, { code }: RecordFailure): UserState {
    const before = this.#ledger.get(fingerprint)?.state;
    return before === undefined || before.startsWith("failed:") ? `failed:${code}` : `outdated:${code}`;
  }

  #refuse(member: Member, failure: RecordFailure): void {
    this.#summary.invalid++;
    this.#list(member, failure);
    this.progress.settled(1, 1);
  }

  #list({ index, file, line, identity }: Member, { code, message, path }: RecordFailure): void {
    this.#failedAt.push(index);
    this.#failed.push({
      ...(identity === undefined ? {} : { identity }),
      code,
      message,
      ...(path === undefined ? {} : { path }),
      file,
      line,
    });
  }

  #forgetRemoved(): void {
    for (const [fingerprint, { content, state }] of this.#ledger.entries()) {
      if (this.#seen.has(fingerprint)) continue;
      if (state.startsWith("failed:")) this.#ledger.delete(fingerprint);
      else {
        this.#ledger.set(fingerprint, { content, state: "removed" });
        this.#summary.removed++;
      }
    }
  }

  #request(kind: JobKind, number: number): JobRequest {
    const { connectionId, externalId, sendCompletionEmail } = this.settings;
    return { connectionId, kind, externalId: `${externalId}#${number}`, sendCompletionEmail };
  }
}

/** Room for the number in the external id of any job. */
const LONGEST_JOB_NUMBER = 9_999_999;

/** Auth0's code for a value that is too long, said of a record that no job can carry. */
const TOO_LARGE = "MAX_LENGTH";
