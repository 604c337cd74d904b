import type { Job } from "../types";

/** A job with the batch that it belongs to. */
export interface BatchJob extends Job {
  readonly batch: string;
}

/** A job on the slot that it held: from when it was offered to the tenant to its end, in ms since 1970. */
export interface PlacedJob {
  readonly job: BatchJob;
  /** From 0. */
  readonly slot: number;
  readonly from: number;
  readonly started: number;
  readonly to: number;
}

/** A stretch of time in ms since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Says which slot each job held, in the order in which they began: the first that was free. Which one it was in truth
 * nobody knows, nor does it matter: slots are alike.
 */
export function placeJobs(jobs: readonly BatchJob[]): PlacedJob[] {
  const freeFrom: number[] = [];
  return jobs
    .map((job) => {
      const started = Date.parse(job.started);
      const from = Math.min(started, Date.parse(job.submitted ?? job.started));
      // Times are told to the millisecond, so one that took none took less than one.
      return { job, from, started, to: Math.max(started + 1, Date.parse(job.finished)) };
    })
    .sort((a, b) => a.from - b.from || a.to - b.to)
    .map((placed) => {
      const free = freeFrom.findIndex((time) => time <= placed.from);
      const slot = free < 0 ? freeFrom.length : free;
      freeFrom[slot] = placed.to;
      return { ...placed, slot };
    });
}

/** Pauses worth cutting out: what remains is still one picture. */
const PAUSES = { longerThanMs: 60_000, shareOfWork: 0.15, atMost: 11 };

/**
 * The times of work, without the long pauses between them, such as a night between two runs: those would make all the
 * rest too small to see.
 */
export function workSpans(placed: readonly PlacedJob[]): Span[] {
  const busy: { from: number; to: number }[] = [];
  for (const { from, to } of placed) {
    const last = busy.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else busy.push({ from, to });
  }
  const longEnough = Math.max(PAUSES.longerThanMs, PAUSES.shareOfWork * totalMs(busy));
  const pauses = busy
    .map(({ from }, i) => ({ at: i, ms: i === 0 ? 0 : from - (busy[i - 1] as Span).to }))
    .filter(({ ms }) => ms > longEnough)
    .sort((a, b) => b.ms - a.ms)
    .slice(0, PAUSES.atMost);
  const starts = new Set(pauses.map(({ at }) => at));
  const spans: { from: number; to: number }[] = [];
  for (const [i, { from, to }] of busy.entries()) {
    const last = spans.at(-1);
    if (last === undefined || starts.has(i)) spans.push({ from, to });
    else last.to = to;
  }
  return spans;
}

export function totalMs(spans: readonly Span[]): number {
  return spans.reduce((sum, { from, to }) => sum + to - from, 0);
}
