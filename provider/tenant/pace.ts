import { type ChunkKind, jobKindOf } from "../plan/delta";
import type { JobStatus } from "./client";

/** What takes its time: imports of any kind, and exports. Upserts take the same whatever they carry. */
export type PacedKind = ChunkKind | "export";

function asTimed(kind: PacedKind): PacedKind {
  return kind === "export" ? kind : jobKindOf(kind);
}

const SHORTEST_MS = 10;
const LONGEST_MS = 15_000;

/** A smaller job tells little of others: most of its time is not spent on its users. */
const TELLING_USERS = 100;

/** Auth0's own speed, told by people who ran it: about 55 users a second and job on an enterprise tenant. */
const USUAL_MS_PER_USER = 18;

/** Of a job's time, the least between two looks: what a freed slot may lie idle at its end. */
const SHORTEST_SHARE = 0.005;

/** A job that the first look found ended did so some time before: the next one is looked at that much earlier. */
const EARLIER = 0.98;

/** Where a job is first looked at, of the time that it should take: its own word then tells the end to a hair. */
const FIRST_LOOK = 0.96;

/** Less than this says little about a job's end: rounded down, it is a large part of itself. */
const TELLING_PERCENTAGE = 50;

/** What a look at a running job saw, and the job's age when it was asked and when it answered. */
export interface Look {
  readonly status: JobStatus;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** Between which ages a job ends, going by its percentage: a whole number, rounded down, of some time in the call. */
function endBy({
  status,
  askedMs,
  answeredMs,
}: Look): { readonly soonest: number; readonly latest: number } | undefined {
  const done = status.percentage_done ?? 0;
  if (done <= 0 || done >= 100) return undefined;
  return { soonest: (askedMs * 100) / (done + 1), latest: (answeredMs * 100) / done };
}

/**
 * How long jobs take, by what they say of themselves, else by what earlier ones of their kind took. It times the looks
 * at a job, so that a freed slot is filled again at once on few calls, and says whether a job would end before a
 * deadline.
 */
export class Pace {
  /** Milliseconds a user, of the last finished job of each kind that tells. Upserts are slower than inserts. */
  readonly #pace = new Map<PacedKind, number>();

  /**
   * What a job says of itself is the measure: when it is seen to have ended is always too late, and taken for its end
   * it would make every next look later still.
   *
   * @param last the last look that saw it running.
   * @param endedMs its age when it was seen to have ended.
   */
  finished(kind: PacedKind, users: number, last: Look | undefined, endedMs: number): void {
    if (users < TELLING_USERS) return;
    const end = last === undefined ? undefined : endBy(last);
    if (end !== undefined && (last?.status.percentage_done ?? 0) >= TELLING_PERCENTAGE) {
      this.#pace.set(asTimed(kind), (end.soonest + Math.min(end.latest, endedMs)) / 2 / users);
    } else {
      const known = this.#pace.get(asTimed(kind)) ?? Number.POSITIVE_INFINITY;
      this.#pace.set(asTimed(kind), Math.min(known, (EARLIER * endedMs) / users));
    }
  }

  /** Milliseconds that a job is expected to take. */
  expected(kind: PacedKind, users: number): number {
    return users * (this.#pace.get(asTimed(kind)) ?? USUAL_MS_PER_USER);
  }

  /** Milliseconds until the next look at a job of this age. */
  untilNextLook(kind: PacedKind, users: number, elapsedMs: number, last: Look | undefined): number {
    const shortest = Math.max(SHORTEST_MS, SHORTEST_SHARE * elapsedMs);
    return Math.min(LONGEST_MS, Math.max(shortest, this.#timeLeft(kind, users, elapsedMs, last)));
  }

  #timeLeft(kind: PacedKind, users: number, elapsedMs: number, last: Look | undefined): number {
    const pace = this.#pace.get(asTimed(kind));
    const known = pace === undefined ? undefined : pace * users;
    const end = last === undefined ? undefined : endBy(last);
    // What earlier jobs took is the finer measure between the bounds. Too early costs a call, too late the slot's time.
    if (end !== undefined) return Math.min(end.latest, Math.max(end.soonest, known ?? 0)) - elapsedMs;
    if (known !== undefined && last === undefined) return FIRST_LOOK * known - elapsedMs;
    if (last?.status.time_left_seconds) return last.status.time_left_seconds * 1000;
    // Nothing is known: looks at growing distances, so that a job is seen to end within a third of its time.
    return Math.max(250, elapsedMs / 3);
  }
}
