import { type ChunkKind, type JobKind, jobKindOf } from "../plan/delta";
import type { JobStatus } from "./client";

/** What takes its time: imports of any kind, and exports. Upserts take the same whatever they carry. */
export type PacedKind = ChunkKind | "export";

/** Auth0 ends a job after two hours. One that still says otherwise later is not going to end. */
export const LONGEST_JOB_MS = 2.5 * 3_600_000;

const SHORTEST_MS = 10;
const LONGEST_MS = 20_000;

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

/**
 * What a single look has to show to be taken at its word: less is rounded down by a large part of itself, and a job that
 * waited before it began seems to be slower than it is. Where earlier jobs tell more, only the end is near enough.
 */
const TELLING_PERCENTAGE = { alone: 50, besidesEarlierJobs: 90 };

/** So much progress between two looks says how fast a job goes. */
const TELLING_PROGRESS = 10;

/** After a look that says little, the next one comes in the middle, and before the job has run so many times as long. */
const SOON = 4;

/** What a look at a running job saw, and the job's age when it was asked and when it answered. */
export interface Look {
  readonly status: JobStatus;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** Between which ages a job ends. */
interface End {
  readonly soonest: number;
  readonly latest: number;
}

/**
 * How long jobs take, by what earlier ones of their kind took, as far as somebody watched them. It times the looks at a
 * job, so that a freed slot is filled again at once on few calls, and says whether a job would end before a deadline.
 */
export class Pace {
  /** Milliseconds a user, of the last finished job of each kind that tells. Upserts are slower than inserts. */
  readonly #pace = new Map<JobKind | "export", number>();

  /** A job that begins. */
  watch(kind: PacedKind, users: number): Watch {
    return new Watch(
      () => this.#known(kind, users),
      (ms) => this.#learn(kind, users, ms),
    );
  }

  /**
   * A job that nobody has watched for a while. It may have ended long ago, so it is looked at first of all; and it
   * teaches nothing, since its age may be another machine's.
   */
  resume(): Watch {
    return new Watch(
      () => undefined,
      () => {},
      true,
    );
  }

  /** Milliseconds that a job is expected to take. */
  expected(kind: PacedKind, users: number): number {
    return this.#known(kind, users) ?? users * USUAL_MS_PER_USER;
  }

  #known(kind: PacedKind, users: number): number | undefined {
    const pace = this.#pace.get(asTimed(kind));
    return pace === undefined ? undefined : pace * users;
  }

  #learn(kind: PacedKind, users: number, ms: number): void {
    if (users >= TELLING_USERS) this.#pace.set(asTimed(kind), ms / users);
  }
}

function asTimed(kind: PacedKind): JobKind | "export" {
  return kind === "export" ? kind : jobKindOf(kind);
}

/** The looks at one job, by its age. */
export class Watch {
  /** The first look that saw it move. */
  #first: Look | undefined;
  #last: Look | undefined;
  /** Its age when it was last seen not to have begun. */
  #waited = 0;

  constructor(
    /** Milliseconds that it should take, going by earlier ones. */
    private readonly known: () => number | undefined,
    private readonly learn: (ms: number) => void,
    private readonly isResumed = false,
  ) {}

  /** A look saw it running. */
  saw(look: Look): void {
    this.#last = look;
    if (percentageOf(look) > 0) this.#first ??= look;
    else this.#waited = look.askedMs;
  }

  /**
   * It has come to its end. What it said of itself is the measure: when it is seen to have ended is always too late, and
   * taken for its end it would make every next look later still.
   *
   * @param seenMs its age when it was seen to have ended.
   */
  ended(seenMs: number): void {
    const end = this.#end();
    if (end !== undefined && percentageOf(this.#last) >= TELLING_PERCENTAGE.alone) {
      this.learn((end.soonest + Math.min(end.latest, seenMs)) / 2);
    } else {
      this.learn(Math.min(this.known() ?? Number.POSITIVE_INFINITY, EARLIER * seenMs));
    }
  }

  /** Milliseconds until the next look at it. */
  untilNextLook(elapsedMs: number): number {
    if (this.isResumed && this.#last === undefined) return 0;
    const shortest = Math.max(SHORTEST_MS, SHORTEST_SHARE * elapsedMs);
    return Math.min(LONGEST_MS, Math.max(shortest, this.#timeLeft(elapsedMs)));
  }

  #timeLeft(elapsedMs: number): number {
    const known = this.known();
    const end = this.#end();
    // What earlier jobs took is the finer measure between the bounds. Too early costs a call, too late the slot's time.
    if (end !== undefined && this.#isTelling(known)) {
      return Math.min(end.latest, Math.max(end.soonest, known ?? 0)) - elapsedMs;
    }
    for (const next of known === undefined ? [] : [FIRST_LOOK * known, known]) {
      if (next > elapsedMs) return next - elapsedMs;
    }
    if (end !== undefined) {
      return Math.min((end.soonest - elapsedMs) / 2, (SOON - 1) * (elapsedMs - this.#waited));
    }
    const seconds = this.#last?.status.time_left_seconds;
    if (seconds) return 1_000 * seconds;
    // Nothing is known: looks at growing distances, so that a job is seen to end within a third of its time.
    return Math.max(250, elapsedMs / 3);
  }

  get #progress(): number {
    return percentageOf(this.#last) - percentageOf(this.#first);
  }

  #isTelling(known: number | undefined): boolean {
    const { alone, besidesEarlierJobs } = TELLING_PERCENTAGE;
    const least = known === undefined ? alone : besidesEarlierJobs;
    return this.#progress >= TELLING_PROGRESS || percentageOf(this.#last) >= least;
  }

  /** By its percentage: a whole number, rounded down, of some time in the call. */
  #end(): End | undefined {
    const [first, last, progress] = [this.#first, this.#last, this.#progress];
    const done = percentageOf(last);
    if (first === undefined || last === undefined || done <= 0 || done >= 100) return undefined;
    if (progress < TELLING_PROGRESS) {
      const [shortest, longest] = [last.askedMs - this.#waited, last.answeredMs - this.#waited];
      return {
        soonest: last.askedMs + (shortest * (99 - done)) / (done + 1),
        latest: last.answeredMs + (longest * (100 - done)) / done,
      };
    }
    // Between two looks: what the job waited before it began is no part of its speed.
    const fastest = (progress + 1) / Math.max(1, last.askedMs - first.answeredMs);
    const slowest = (progress - 1) / (last.answeredMs - first.askedMs);
    return { soonest: last.askedMs + (99 - done) / fastest, latest: last.answeredMs + (100 - done) / slowest };
  }
}

function percentageOf(look: Look | undefined): number {
  return look?.status.percentage_done ?? 0;
}
