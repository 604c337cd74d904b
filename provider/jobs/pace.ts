import type { JobKind } from "../plan/delta";
import type { JobStatus } from "./tenant";

const FIRST_LOOK_MS = 250;
const SHORTEST_MS = 100;
const LONGEST_MS = 15_000;

/** A smaller job tells little: most of its time is not spent on its users. */
const TELLING_USERS = 100;

/**
 * When to look at a job again: when it should be done, judged by what it says of itself, else by what earlier jobs of
 * its kind took. So that a freed slot is filled again at once, on few calls.
 */
export class Pace {
  /** Milliseconds a user, of the last finished job of each kind. Upserts are slower than inserts. */
  readonly #pace = new Map<JobKind, number>();

  finished(kind: JobKind, users: number, elapsedMs: number): void {
    if (users >= TELLING_USERS) this.#pace.set(kind, elapsedMs / users);
  }

  /** Milliseconds until the next look at a job. `status` is what the last look said, if there was one. */
  untilNextLook(kind: JobKind, users: number, elapsedMs: number, status: JobStatus | undefined): number {
    const left = this.#timeLeft(kind, users, elapsedMs, status);
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, left ?? Math.max(FIRST_LOOK_MS, elapsedMs)));
  }

  #timeLeft(kind: JobKind, users: number, elapsedMs: number, status: JobStatus | undefined): number | undefined {
    const done = status?.percentage_done;
    if (done !== undefined && done > 0 && done < 100) return (elapsedMs * (100 - done)) / done;
    if (status?.time_left_seconds) return status.time_left_seconds * 1000;
    const pace = this.#pace.get(kind);
    if (pace === undefined) return undefined;
    const expected = pace * users - elapsedMs;
    // An overdue job that says nothing of itself is looked at in growing steps.
    return expected > 0 ? expected : elapsedMs / 10;
  }
}
