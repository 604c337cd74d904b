import type { Clock } from "./clock";
import { groupOf, type Plan, type RateGroup, type RatePlan, ratePlans } from "./ratePlans";

export interface RateLimit {
  allowed: boolean;
  /** `x-ratelimit-limit`, `-remaining` and `-reset`, and the `date` that the last is told by. */
  headers: Record<string, string>;
}

/** A bucket of tokens that refills. */
export class Bucket {
  private available: number;
  private refilledAt: number;

  /** @param stepMs what it refills by: per-minute limits of the service do by the second, others all the time */
  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly clock: Clock,
    private readonly stepMs = 0,
  ) {
    this.available = burst;
    this.refilledAt = clock.now();
  }

  /** Whole tokens that there are. */
  get remaining(): number {
    const elapsed = this.clock.now() - this.refilledAt;
    const counted = this.stepMs === 0 ? elapsed : Math.floor(elapsed / this.stepMs) * this.stepMs;
    this.available = Math.min(this.burst, this.available + (counted / 1000) * this.perSecond);
    this.refilledAt += counted;
    // Sums of parts may fall short by what a number can't hold.
    return Math.floor(this.available + 1e-9);
  }

  /** Takes one where there is one. */
  take(): RateLimit {
    const allowed = this.remaining >= 1;
    if (allowed) this.available -= 1;
    return { allowed, headers: this.headers };
  }

  get headers(): Record<string, string> {
    const { remaining } = this;
    const missing = remaining >= 1 ? 0 : 1 - this.available;
    const refill = (missing / this.perSecond) * 1000;
    const wait = this.stepMs === 0 ? refill : Math.ceil(refill / this.stepMs - 1e-9) * this.stepMs;
    // The reset counts whole seconds: rounded up, so that whoever waits for it finds a request available.
    const reset = Math.ceil((this.refilledAt + wait) / 1000 - 1e-9);
    return {
      "x-ratelimit-limit": String(this.burst),
      "x-ratelimit-remaining": String(remaining),
      "x-ratelimit-reset": String(reset),
      date: new Date(this.clock.now()).toUTCString(),
    };
  }
}

/** The Management API's rate limits: one for all calls, and those of a plan for groups of them. */
export class RateLimiter {
  readonly #global: Bucket | undefined;
  readonly #groups = new Map<RateGroup, Bucket>();

  constructor({ global, groups }: RatePlan, clock: Clock) {
    if (global) this.#global = new Bucket(global.perSecond, global.burst, clock);
    for (const [group, { perMinute, burst }] of Object.entries(groups)) {
      this.#groups.set(group as RateGroup, new Bucket(perMinute / 60, burst, clock, 1000));
    }
  }

  static of({ plan, requestsPerSecond, burst }: LimitSettings, clock: Clock): RateLimiter | undefined {
    if (plan !== undefined) return new RateLimiter(ratePlans[plan], clock);
    if (requestsPerSecond === 0) return undefined;
    return new RateLimiter({ global: { perSecond: requestsPerSecond, burst }, groups: {} }, clock);
  }

  /** Every bucket that the call is of must have room. The headers tell of the one that has the least. */
  take(method: string, route: string): RateLimit | undefined {
    const buckets = [this.#global, this.#groups.get(groupOf(method, route))].filter((each) => each !== undefined);
    const [first] = buckets;
    if (first === undefined) return undefined;
    const allowed = buckets.every(({ remaining }) => remaining >= 1);
    if (allowed) for (const bucket of buckets) bucket.take();
    const scarcest = buckets.reduce((a, b) => (b.remaining < a.remaining ? b : a), first);
    return { allowed, headers: scarcest.headers };
  }
}

interface LimitSettings {
  readonly plan: Plan | undefined;
  readonly requestsPerSecond: number;
  readonly burst: number;
}
