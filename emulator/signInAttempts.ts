import type { Clock } from "./clock";
import { Bucket } from "./rateLimiter";

/** What stops sign-ins that come too fast, or with too many wrong passwords. */
export interface SignInLimits {
  signInsPerMinute: number;
  maxFailedSignIns: number;
}

/** How long somebody stays out after too many wrong passwords. */
const lockout = 30 * 24 * 60 * 60 * 1000;

interface Attempts {
  limiter: Bucket | undefined;
  /** Since the last right password. */
  failures: number;
  lastFailure: number;
}

/** The attempts to sign in as one user from one address, whether there is such a user or not. */
export class SignInAttempts {
  readonly #attempts = new Map<string, Attempts>();

  constructor(
    private readonly limits: SignInLimits,
    private readonly clock: Clock,
  ) {}

  /** Counts one more, good or bad. Whether it comes too soon. */
  isTooSoon(who: string): boolean {
    const limiter = this.#of(who).limiter;
    return limiter !== undefined && !limiter.take().allowed;
  }

  /** Brute-force protection: also the right password is refused then. */
  isLockedOut(who: string): boolean {
    const { maxFailedSignIns } = this.limits;
    const { failures, lastFailure } = this.#of(who);
    return maxFailedSignIns > 0 && failures >= maxFailedSignIns && this.clock.now() < lastFailure + lockout;
  }

  fail(who: string): void {
    const attempts = this.#of(who);
    attempts.failures += 1;
    attempts.lastFailure = this.clock.now();
  }

  succeed(who: string): void {
    this.#of(who).failures = 0;
  }

  clear(): void {
    this.#attempts.clear();
  }

  #of(who: string): Attempts {
    let attempts = this.#attempts.get(who);
    if (!attempts) {
      const { signInsPerMinute: burst } = this.limits;
      // After the first minute half as many are taken.
      const limiter = burst > 0 ? new Bucket(burst / 2 / 60, burst, this.clock) : undefined;
      attempts = { limiter, failures: 0, lastFailure: 0 };
      this.#attempts.set(who, attempts);
    }
    return attempts;
  }
}
