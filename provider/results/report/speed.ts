import type { JobKind } from "../../plan/delta";
import { type PlacedJob, type Span, totalMs } from "./schedule";

/** How fast users were imported during a stretch of time. */
export interface Step extends Span {
  /** Users a second, by the kind of job. */
  readonly rate: Record<JobKind, number>;
}

/** Users of jobs that completed, for each second in which there was work. What failed as a whole was sent again. */
export function meanSpeed(placed: readonly PlacedJob[], spans: readonly Span[]): number {
  const users = placed.reduce((sum, { job }) => sum + usersDone(job), 0);
  return users / (totalMs(spans) / 1_000);
}

/**
 * The speed in a time of work, in steps of about that length. Only a job's beginning and end are known, so its users
 * count evenly over its time.
 */
export function toSteps({ from, to }: Span, placed: readonly PlacedJob[], lengthMs: number): Step[] {
  const many = Math.max(1, Math.round((to - from) / lengthMs));
  const ms = (to - from) / many;
  const steps = Array.from({ length: many }, (_, i) => ({
    from: from + i * ms,
    to: from + (i + 1) * ms,
    rate: { insert: 0, upsert: 0 },
  }));
  for (const { job, started, to: ended } of placed) {
    const usersAMs = usersDone(job) / (ended - started);
    const first = Math.max(0, Math.floor((started - from) / ms));
    const last = Math.max(-1, Math.floor((ended - from) / ms));
    for (const step of steps.slice(first, last + 1)) {
      const shared = Math.min(step.to, ended) - Math.max(step.from, started);
      if (shared > 0) step.rate[job.kind] += (usersAMs * shared) / (ms / 1_000);
    }
  }
  return steps;
}

function usersDone({ status, users }: PlacedJob["job"]): number {
  return status === "completed" ? users : 0;
}
