import type { JobKind } from "../plan/delta";
import type { JobStatus } from "./tenant";

const SHORTEST_MS = 20;
const LONGEST_MS = 15_000;

/** A smaller job tells little of others: most of its time is not spent on its users. */
const TELLING_USERS = 100;

/** Auth0's own speed, told by people who ran it: about 55 users a second and job on an enterprise tenant. */
const USUAL_MS_PER_USER = 18;

/**
 * How long jobs take, by what they say of themselves, else by what earlier ones of their kind took. It times the looks
 * at a job, so that a freed slot is filled again at once on few calls, and says whether a job would end before a
 * deadline.
 */
export class Pace {
  /** Milliseconds a user, of the last finished job of each kind that tells. Upserts are slower than inserts. */
  readonly #pace = new Map<JobKind, number>();

  finished(kind: JobKind, users: number, elapsedMs: number): void {
    if (users >= TELLING_USERS) this.#pace.set(kind, elapsedMs / users);
  }

  /** Milliseconds that a job is expected to take. */
  expected(kind: JobKind, users: number): number {
    return users * (this.#pace.get(kind) ?? USUAL_MS_PER_USER);
  }

  /** Milliseconds until the next look at a job. `status` is what the last look said, if there was one. */
  untilNextLook(kind: JobKind, users: number, elapsedMs: number, status: JobStatus | undefined): number {
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, this.#timeLeft(kind, users, elapsedMs, status)));
  }

  #timeLeft(kind: JobKind, users: number, elapsedMs: number, status: JobStatus | undefined): number {
    const done = status?.percentage_done ?? 0;
    if (done > 0 && done < 100) return (elapsedMs * (100 - done)) / done;
    const pace = this.#pace.get(kind);
    if (pace !== undefined && status === undefined) return pace * users - elapsedMs;
    if (status?.time_left_seconds) return status.time_left_seconds * 1000;
    // Nothing is known: looks at growing distances, so that a job is seen to end within a third of its time.
    return Math.max(250, elapsedMs / 3);
  }
}
