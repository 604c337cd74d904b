import { ApiError } from "./apiError";
import type { Clock } from "./clock";
import { type Connection, identifierRules } from "./connections";
import type { Faults } from "./faults";
import { randomId } from "./ids";
import type { ImportJob, JobOutcome } from "./importJob";
import {
  type ImportTarget,
  identityOf,
  importRecord,
  type ListedError,
  type RecordOutcome,
  repeatedIdentifier,
} from "./importRecord";
import { fateOf, type JobFate } from "./jobFaults";
import type { RecordError } from "./recordErrors";

const timeLimit = 2 * 60 * 60 * 1000;
const dataLifetime = 24 * 60 * 60 * 1000;

/** What a `POST /api/v2/jobs/users-imports` asks for. */
export interface ImportRequest {
  connection: Connection;
  /** The users file as sent. */
  users: string;
  /** Size of the whole request's body. */
  bytes: number;
  upsert?: boolean;
  externalId?: string;
  sendCompletionEmail?: boolean;
}

/**
 * The tenant's import jobs. Nothing here runs by itself: {@link advance} works off what was due by now, each record
 * at its own time, so a job is as far as the clock says whenever it is looked at.
 */
export class ImportJobs {
  private readonly jobs = new Map<string, ImportJob>();
  private readonly active = new Set<ImportJob>();
  /** Those that can still be asked for, oldest first. */
  private readonly available = new Set<ImportJob>();
  /** Outside of the jobs, so that no data file ever holds them. */
  private readonly fates = new Map<ImportJob, JobFate>();
  /** When each of somebody else's jobs is finished. */
  private foreign: number[] = [];
  /** The highest number of jobs that were active at once. */
  maxActiveSeen = 0;
  private changes = 0;

  constructor(
    private readonly target: ImportTarget & { readonly connections: ReadonlyMap<string, Connection> },
    private readonly clock: Clock,
    private readonly limits: { maxActiveJobs: number; usersPerSecond: number },
    private readonly faults: Faults,
  ) {}

  /** Grows with every change. */
  get revision(): number {
    return this.changes;
  }

  get activeCount(): number {
    return this.active.size;
  }

  /** How many slots {@link occupy} has taken and not given back yet. */
  get foreignCount(): number {
    const now = this.clock.now();
    return this.foreign.filter((finishedAt) => finishedAt > now).length;
  }

  all(): IterableIterator<ImportJob> {
    return this.jobs.values();
  }

  /** @throws ApiError 429 when the tenant's slots are taken. */
  create(request: ImportRequest): ImportJob {
    this.advance();
    if (this.freeSlots() === 0) throw this.slotsTaken();

    const now = this.clock.now();
    const records = parseUsers(request.users);
    const job: ImportJob = {
      id: `job_${randomId(16)}`,
      connection: request.connection,
      upsert: request.upsert,
      externalId: request.externalId,
      sendCompletionEmail: request.sendCompletionEmail,
      bytes: request.bytes,
      createdAt: now,
      total: records?.length ?? 0,
      done: 0,
      inserted: 0,
      updated: 0,
      startedAt: undefined,
      finishedAt: undefined,
      outcome: undefined,
      statusDetails: undefined,
      failures: [],
      records: records ?? [],
      provided: new Set(),
    };
    this.changes += 1;
    this.jobs.set(job.id, job);
    this.available.add(job);
    this.active.add(job);
    this.maxActiveSeen = Math.max(this.maxActiveSeen, this.active.size);
    for (const record of job.records) {
      const identity = identityOf(record);
      if (identity !== undefined) this.target.users.tally(job.connection.id, identity, "sent");
    }
    const fate = fateOf(job.records, this.faults.atJob(job));
    if (fate) this.fates.set(job, fate);
    if (!records) {
      const details = "Failed to parse users file JSON when importing users. Make sure it is valid JSON.";
      this.finish(job, "failed", now, details);
    } else {
      this.endIfDue(job, now);
    }
    this.advance();
    return job;
  }

  /**
   * Somebody else's jobs take slots.
   * @param count at most so many, and no more than are free
   * @returns how many they took
   */
  occupy(count: number, seconds: number): number {
    this.advance();
    const taken = Math.min(count, this.freeSlots());
    const finishedAt = this.clock.now() + seconds * 1000;
    for (let i = 0; i < taken; i += 1) this.foreign.push(finishedAt);
    return taken;
  }

  /** Gives back all that {@link occupy} took. */
  vacate(): void {
    this.foreign = [];
  }

  private freeSlots(): number {
    return Math.max(0, this.limits.maxActiveJobs - this.active.size - this.foreignCount);
  }

  /** @throws ApiError 404 for a job that never was, and for one whose data is deleted. */
  get(id: string): ImportJob {
    this.advance();
    const job = this.jobs.get(id);
    if (!job || !this.available.has(job)) throw new ApiError(404, "The job does not exist", "inexistent_job");
    return job;
  }

  /** Works off all records that are due by now, across the jobs in the order of their times. */
  advance(): void {
    const now = this.clock.now();
    this.importWhatIsDue(now);
    this.deleteOldData(now);
  }

  /** Takes a job over from a data file. */
  restore(job: ImportJob): void {
    this.jobs.set(job.id, job);
    if (job.outcome !== "vanished") this.available.add(job);
    if (!job.outcome) this.active.add(job);
  }

  clear(): void {
    this.changes += 1;
    this.jobs.clear();
    this.available.clear();
    this.active.clear();
    this.fates.clear();
    this.vacate();
    this.maxActiveSeen = 0;
  }

  private importWhatIsDue(now: number): void {
    for (;;) {
      let next: ImportJob | undefined;
      let dueAt = Number.POSITIVE_INFINITY;
      for (const job of this.active) {
        const due = this.nextDue(job);
        if (due < dueAt) {
          next = job;
          dueAt = due;
        }
      }
      if (!next || dueAt > now) return;
      if (dueAt >= next.createdAt + timeLimit) {
        this.finish(next, "failed", next.createdAt + timeLimit, "The job timed out after 2 hours");
      } else {
        this.importNext(next, dueAt);
      }
    }
  }

  /** When the next record's turn comes, or the time limit strikes. */
  private nextDue(job: ImportJob): number {
    const { usersPerSecond } = this.limits;
    const end = this.fates.get(job)?.end;
    if (end?.how === "stall" && job.done >= end.after) return job.createdAt + timeLimit;
    if (usersPerSecond === 0) return job.createdAt;
    // Multiplied first: a whole number of milliseconds comes out as one.
    return job.createdAt + Math.min(((job.done + 1) * 1000) / usersPerSecond, timeLimit);
  }

  private importNext(job: ImportJob, now: number): void {
    const record = job.records[job.done];
    this.changes += 1;
    job.startedAt ??= now;
    job.done += 1;
    const outcome = this.importOne(record, job, now);
    if (Array.isArray(outcome)) job.failures.push({ user: record, errors: outcome });
    else job[outcome] += 1;
    this.endIfDue(job, now);
  }

  private importOne(record: unknown, job: ImportJob, now: number): "inserted" | "updated" | ListedError[] {
    const { id, options } = job.connection;
    if (!this.target.connections.has(id)) {
      const error: RecordError = { code: "CONNECTION_NOT_FOUND", message: "The connection does not exist" };
      return [error];
    }
    const repeated = repeatedIdentifier(record, job.provided, identifierRules(options));
    if (repeated) {
      const error: RecordError = {
        code: "DUPLICATED_USER",
        message: `A user with this ${repeated} was already provided.`,
      };
      return [error];
    }
    const fault = this.fates.get(job)?.errorFor(record);
    if (!fault) return this.store(record, job, now);
    if (fault.applied) {
      const { mfa_factors: _, ...others } = record as Record<string, unknown>;
      this.store(others, job, now);
    }
    const { code, message, path } = fault;
    return [
      {
        ...(code !== undefined && { code }),
        ...(message !== undefined && { message }),
        ...(path !== undefined && { path }),
      },
    ];
  }

  private store(record: unknown, job: ImportJob, now: number): RecordOutcome {
    const settings = { connection: job.connection, upsert: job.upsert ?? false };
    const outcome = importRecord(record, settings, this.target, now);
    const identity = identityOf(record);
    if (!Array.isArray(outcome) && identity !== undefined)
      this.target.users.tally(job.connection.id, identity, outcome);
    return outcome;
  }

  /** Finishes a job that has come to its end, be it a fault's. */
  private endIfDue(job: ImportJob, now: number): void {
    const end = this.fates.get(job)?.end;
    if (!end || job.done < end.after) {
      if (job.done === job.total) this.finish(job, "completed", now);
      return;
    }
    if (end.how === "fail") this.finish(job, "failed", now, end.details);
    if (end.how === "expire") this.finish(job, "expired", now);
    if (end.how === "vanish") {
      this.finish(job, "vanished", now);
      this.available.delete(job);
    }
  }

  private finish(job: ImportJob, outcome: JobOutcome, now: number, details?: string): void {
    this.changes += 1;
    job.outcome = outcome;
    job.finishedAt = now;
    job.statusDetails = details;
    job.records = [];
    job.failures.splice(this.fates.get(job)?.listed ?? job.failures.length);
    this.fates.delete(job);
    job.provided.clear();
    this.active.delete(job);
  }

  private deleteOldData(now: number): void {
    for (const job of this.available) {
      if (now < job.createdAt + dataLifetime) return;
      this.available.delete(job);
      job.failures = [];
    }
  }

  private slotsTaken(): ApiError {
    return new ApiError(
      429,
      `There are ${this.active.size + this.foreignCount} active import users jobs, please wait until some of them are finished and try again`,
      "too_many_requests",
    );
  }
}

/** The records, or nothing for a file that is not a JSON array. */
function parseUsers(text: string): unknown[] | undefined {
  try {
    const users: unknown = JSON.parse(text);
    return Array.isArray(users) ? users : undefined;
  } catch {
    return undefined;
  }
}
