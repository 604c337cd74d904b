import type { Connection } from "./connections";
import type { ListedError } from "./importRecord";

/** An import job as it stands. `ImportJobs` moves it on; here is what the API says of it. */
export interface ImportJob {
  readonly id: string;
  readonly connection: Connection;
  readonly upsert: boolean | undefined;
  readonly externalId: string | undefined;
  readonly sendCompletionEmail: boolean | undefined;
  readonly bytes: number;
  /** Milliseconds since the epoch, like the other times. */
  readonly createdAt: number;
  readonly total: number;
  /** How many records have had their turn, good or bad. */
  done: number;
  inserted: number;
  updated: number;
  startedAt: number | undefined;
  finishedAt: number | undefined;
  outcome: JobOutcome | undefined;
  /** Why the job failed as a whole. */
  statusDetails: string | undefined;
  failures: FailedRecord[];
  /** The users file while the job is active, then empty. */
  records: unknown[];
  /** Identifiers of the records that have had their turn. */
  readonly provided: Set<string>;
}

/** The last two are for faults to come to. Of a job that vanished the tenant denies that it ever was. */
export type JobOutcome = "completed" | "failed" | "expired" | "vanished";

export interface FailedRecord {
  user: unknown;
  errors: ListedError[];
}

export type JobStatus = "pending" | "processing" | JobOutcome;

/** How many of its records have failed so far. */
export function failedIn(job: ImportJob): number {
  return job.done - job.inserted - job.updated;
}

export function statusOf(job: ImportJob): JobStatus {
  return job.outcome ?? (job.done === 0 ? "pending" : "processing");
}

/** The answer to the request that made the job. It says `pending` even of a job that is done by then. */
export function announce(job: ImportJob): Record<string, unknown> {
  return {
    type: "users_import",
    status: "pending",
    connection_id: job.connection.id,
    connection: job.connection.name,
    created_at: new Date(job.createdAt).toISOString(),
    id: job.id,
    ...(job.externalId !== undefined && { external_id: job.externalId }),
    ...(job.upsert !== undefined && { upsert: job.upsert }),
    ...(job.sendCompletionEmail !== undefined && { send_completion_email: job.sendCompletionEmail }),
  };
}

/** What `GET /api/v2/jobs/{id}` says of a job that imports so many users in a second. */
export function describe(job: ImportJob, usersPerSecond: number): Record<string, unknown> {
  return {
    ...announce(job),
    status: statusOf(job),
    ...progress(job, usersPerSecond),
    ...(job.outcome === "completed" && {
      summary: { failed: failedIn(job), updated: job.updated, inserted: job.inserted, total: job.total },
    }),
  };
}

function progress(job: ImportJob, usersPerSecond: number): Record<string, number> {
  if (statusOf(job) !== "processing") return {};
  return {
    percentage_done: Math.floor((job.done / job.total) * 100),
    // A job that takes no time is still there only if it is stalled.
    time_left_seconds: usersPerSecond === 0 ? 0 : Math.ceil((job.total - job.done) / usersPerSecond),
  };
}

/**
 * What `GET /api/v2/jobs/{id}/errors` says: the failed records as they were provided but for their secrets, an object
 * when the job failed as a whole and says why, nothing when there is nothing to say (yet).
 */
export function errorsOf(job: ImportJob): unknown {
  if (job.outcome === "failed" && job.statusDetails !== undefined) {
    return { status: "failed", type: "users_import", id: job.id, status_details: job.statusDetails };
  }
  if (job.outcome !== "completed" || job.failures.length === 0) return undefined;
  return job.failures.map(({ user, errors }) => ({ user: masked(user), errors }));
}

const mask = "*****";

function masked(record: unknown): unknown {
  const copy = structuredClone(record);
  maskText(copy, ["password_hash"]);
  maskText(copy, ["custom_password_hash", "hash", "value"]);
  maskText(copy, ["custom_password_hash", "hash", "key", "value"]);
  maskText(copy, ["custom_password_hash", "salt", "value"]);
  const factors = isObject(copy) ? copy.mfa_factors : undefined;
  if (Array.isArray(factors)) for (const factor of factors) maskText(factor, ["totp", "secret"]);
  return copy;
}

function maskText(target: unknown, path: string[]): void {
  const [key, ...rest] = path;
  if (!isObject(target) || key === undefined || !(key in target)) return;
  if (rest.length === 0) target[key] = mask;
  else maskText(target[key], rest);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
