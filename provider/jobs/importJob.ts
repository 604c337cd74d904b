import { setTimeout as sleep } from "node:timers/promises";
import { TenantError } from "./errors";
import { Pace } from "./pace";
import type { JobError, JobRequest, JobStatus, Tenant } from "./tenant";

/** What the caller wants to know while a job goes on. */
export interface JobEvents {
  /** A slot is free: the job is about to be sent. What this throws keeps it from being sent. */
  submitting?(): void;
  /** The tenant has taken the job. */
  accepted?(id: string): void;
  /** The job has done this part of its users, 0 to 100. */
  progress?(percentage: number): void;
  /** Nothing moves for a reason of the tenant's; `undefined` when it moves again. */
  waiting?(reason: string | undefined): void;
}

/** A job that reached its end. */
export interface FinishedJob {
  readonly id: string;
  readonly status: "completed" | "failed" | "expired";
  readonly started: Date;
  readonly finished: Date;
  /** The service's reason, where the job failed as a whole. */
  readonly details?: string;
  /** The service's own counts, where it gives them. */
  readonly inserted?: number;
  readonly failed?: number;
  /** The users that it refused. */
  readonly errors: readonly JobError[];
}

/** How long to wait before asking again for a slot that somebody else holds. */
const SLOT_WAIT_MS = { first: 500, longest: 10_000 };

const paces = new WeakMap<Tenant, Pace>();

/**
 * Sends one job, awaits its end and collects its errors. Holds one of the tenant's slots from before the submission
 * until the job has ended.
 *
 * @throws TenantError when the tenant refuses the job, or can't be asked any more how it went.
 */
export async function importJob(
  tenant: Tenant,
  request: JobRequest,
  payload: Buffer,
  users: number,
  events: JobEvents = {},
): Promise<FinishedJob> {
  const ended = await tenant.slot(async () => {
    events.submitting?.();
    const { id } = await submit(tenant, request, payload, events);
    const started = new Date();
    events.accepted?.(id);
    const job = await awaitEnd(tenant, request, id, users, started, events);
    return { id, job, started, finished: new Date() };
  });
  const status = ended.job.status as FinishedJob["status"];
  return {
    id: ended.id,
    status,
    started: ended.started,
    finished: ended.finished,
    ...(ended.job.status_details === undefined ? {} : { details: ended.job.status_details }),
    ...(ended.job.summary === undefined
      ? {}
      : { inserted: ended.job.summary.inserted, failed: ended.job.summary.failed }),
    errors: status === "completed" ? await tenant.jobErrors(ended.id) : [],
  };
}

/** Waits out the limit of jobs on the tenant: somebody else's jobs, or ours of a run that was killed, end some time. */
async function submit(tenant: Tenant, request: JobRequest, payload: Buffer, events: JobEvents): Promise<JobStatus> {
  for (let wait = SLOT_WAIT_MS.first; ; wait = Math.min(SLOT_WAIT_MS.longest, wait * 1.5)) {
    try {
      const job = await tenant.submit(request, payload);
      events.waiting?.(undefined);
      return job;
    } catch (error) {
      if (!(error instanceof TenantError && error.isJobLimit)) throw error;
      events.waiting?.("other import jobs on the tenant to finish");
      await sleep(wait);
    }
  }
}

async function awaitEnd(
  tenant: Tenant,
  { kind }: JobRequest,
  id: string,
  users: number,
  started: Date,
  events: JobEvents,
): Promise<JobStatus> {
  let pace = paces.get(tenant);
  if (pace === undefined) {
    pace = new Pace();
    paces.set(tenant, pace);
  }
  const elapsed = () => Date.now() - started.getTime();
  let job: JobStatus | undefined;
  for (;;) {
    await sleep(pace.untilNextLook(kind, users, elapsed(), job));
    job = await tenant.job(id);
    if (job.status !== "pending" && job.status !== "processing") break;
    events.progress?.(job.percentage_done ?? 0);
  }
  if (job.status === "completed") pace.finished(kind, users, elapsed());
  return job;
}
