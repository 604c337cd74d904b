import { setTimeout as sleep } from "node:timers/promises";
import type { JobError, JobStatus, Tenant } from "./client";
import { NotMade, TenantError } from "./errors";
import type { JobRequest } from "./importRequest";
import { LONGEST_JOB_MS, type Watch } from "./pace";

/** What the caller wants to know while a job goes on. */
export interface JobEvents {
  /** Asked before each attempt to send it, and while it waits for the tenant. What this throws keeps it from being sent. */
  assertMaySend(): void;
  /** The job is about to be sent. */
  submitting(): void;
  /** The tenant has taken the job; `uncertain` where it may have taken it once before, and the answer was lost. */
  accepted(id: string, at: Date, uncertain: boolean): void;
  /** The tenant has refused it, or never got it, and it can't have taken it before. */
  refused(): void;
  /** The job has done this part of its users, 0 to 100. */
  progress(percentage: number): void;
  /** Nothing moves, for a reason of the tenant's; `undefined` when it moves again. */
  waiting(reason: string | undefined): void;
  /** A call is made again, because of this. */
  retry(reason: string): void;
}

/** A job that has come to its end. */
export interface FinishedJob {
  readonly id: string;
  /** `"vanished"`: the tenant does not know it any more. */
  readonly status: "completed" | "failed" | "expired" | "vanished";
  readonly started: Date;
  readonly finished: Date;
  /** An answer to its submission was lost: there may have been another job with the same users. */
  readonly uncertain: boolean;
  /** The service's reason, where the job failed as a whole. */
  readonly details?: string;
  /** The name of the connection. */
  readonly connection?: string;
  /** The service's own counts, where it gives them. */
  readonly inserted?: number;
  readonly failed?: number;
  /** The users that it refused. */
  readonly errors: readonly JobError[];
}

/** How long to wait before asking again for a slot that somebody else holds. */
const SLOT_WAIT_MS = { first: 500, longest: 10_000 };

/** How often a submission is sent again whose answer was lost. */
const LOST_ANSWERS = 5;

/** The tenant, as far as jobs need it. */
export type JobTenant = Pick<Tenant, "slot" | "pace" | "submit" | "job" | "jobErrors">;

/**
 * Sends one job, awaits its end and collects its errors. Holds one of the tenant's slots from before the submission
 * until the job has ended.
 *
 * @param stop keeps a job from being sent that waits for a slot; one that is sent is awaited.
 * @throws TenantError when the tenant refuses the job, or gives no answer any more.
 */
export async function importJob(
  tenant: JobTenant,
  request: JobRequest,
  payload: Buffer,
  users: number,
  events: JobEvents,
  stop: AbortSignal,
): Promise<FinishedJob> {
  const ended = await tenant.slot(async () => {
    const { job, uncertain } = await submit(tenant, request, payload, events, stop);
    const started = new Date();
    events.accepted(job.id, started, uncertain);
    return { ...(await awaitEnd(tenant, job, started, tenant.pace.watch(request.kind, users), events)), uncertain };
  });
  return withErrors(tenant, ended, events);
}

/** Goes on with a job that an earlier run had sent, to its end. */
export async function resumeJob(
  tenant: JobTenant,
  { id, started }: { readonly id: string; readonly started: Date },
  events: Pick<JobEvents, "retry">,
): Promise<FinishedJob> {
  const sent: JobStatus = { id, status: "processing" };
  const watched = { ...events, progress: () => {} };
  const ended = await tenant.slot(() => awaitEnd(tenant, sent, started, tenant.pace.resume(), watched));
  return withErrors(tenant, { ...ended, uncertain: false }, events);
}

/** Waits out the limit of jobs on the tenant: somebody else's jobs, or ours of a run that was killed, end some time. */
async function submit(
  tenant: JobTenant,
  request: JobRequest,
  payload: Buffer,
  events: JobEvents,
  stop: AbortSignal,
): Promise<{ readonly job: JobStatus; readonly uncertain: boolean }> {
  events.assertMaySend();
  events.submitting();
  let lostAnswers = 0;
  let wait = SLOT_WAIT_MS.first;
  for (;;) {
    try {
      const job = await tenant.submit(request, payload, events.retry);
      events.waiting(undefined);
      return { job, uncertain: lostAnswers > 0 };
    } catch (error) {
      if (error instanceof NotMade && lostAnswers === 0) events.refused();
      if (!(error instanceof TenantError)) throw error;
      if (error.isJobLimit) {
        events.waiting("other import jobs on the tenant to finish");
        await sleep(wait, undefined, { signal: stop }).catch(() => {});
        wait = Math.min(SLOT_WAIT_MS.longest, wait * 1.5);
      } else if (error.mayHaveBeenDone && lostAnswers < LOST_ANSWERS) {
        lostAnswers++;
        events.retry(error.brief);
        await sleep(500 * 2 ** lostAnswers * (0.5 + Math.random()), undefined, { signal: stop }).catch(() => {});
      } else {
        if (lostAnswers === 0 && !error.mayHaveBeenDone) events.refused();
        throw error;
      }
      try {
        events.assertMaySend();
      } catch (reason) {
        if (lostAnswers === 0) events.refused();
        throw reason;
      }
    }
  }
}

type Ended = Omit<FinishedJob, "errors" | "uncertain">;

async function awaitEnd(
  tenant: JobTenant,
  sent: JobStatus,
  started: Date,
  watch: Watch,
  events: Pick<JobEvents, "progress" | "retry">,
): Promise<Ended> {
  const elapsed = () => Date.now() - started.getTime();
  const end = (status: FinishedJob["status"], job: JobStatus): Ended => ({
    id: sent.id,
    status,
    started,
    finished: new Date(),
    ...(job.status_details === undefined ? {} : { details: job.status_details }),
    ...(job.connection === undefined ? {} : { connection: job.connection }),
    ...(job.summary === undefined ? {} : { inserted: job.summary.inserted, failed: job.summary.failed }),
  });
  if (isOver(sent.status)) return end(sent.status, sent);
  for (;;) {
    await sleep(watch.untilNextLook(elapsed()));
    const askedMs = elapsed();
    const seen = await tenant.job(sent.id, events.retry);
    if (seen === undefined) return end("vanished", sent);
    if (isOver(seen.status)) {
      if (seen.status === "completed") watch.ended(elapsed());
      return end(seen.status, seen);
    }
    if (elapsed() > LONGEST_JOB_MS) return end("expired", seen);
    watch.saw({ status: seen, askedMs, answeredMs: elapsed() });
    events.progress(seen.percentage_done ?? 0);
  }
}

function isOver(status: JobStatus["status"]): status is "completed" | "failed" | "expired" {
  return status !== "pending" && status !== "processing";
}

/** Where the service says that nobody failed, there is nothing to ask. */
async function withErrors(
  tenant: JobTenant,
  ended: Omit<FinishedJob, "errors">,
  events: Pick<JobEvents, "retry">,
): Promise<FinishedJob> {
  if (ended.status !== "completed" || ended.failed === 0) return { ...ended, errors: [] };
  const errors = await tenant.jobErrors(ended.id, events.retry);
  return errors === undefined ? { ...ended, status: "vanished", errors: [] } : { ...ended, errors };
}
