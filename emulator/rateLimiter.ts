import type { Clock } from "./clock";

export interface RateLimit {
  allowed: boolean;
  /** `x-ratelimit-limit`, `-remaining` and `-reset`. */
  headers: Record<string, string>;
}

/** The Management API's rate limiter: a bucket of `burst` requests that refills at `requestsPerSecond`. */
export class RateLimiter {
  private available: number;
  private refilledAt: number;

  constructor(
    private readonly requestsPerSecond: number,
    private readonly burst: number,
    private readonly clock: Clock,
  ) {
    this.available = burst;
    this.refilledAt = clock.now();
  }

  take(): RateLimit {
    const now = this.clock.now();
    const refill = ((now - this.refilledAt) / 1000) * this.requestsPerSecond;
    this.available = Math.min(this.burst, this.available + refill);
    this.refilledAt = now;

    const allowed = this.available >= 1;
    if (allowed) this.available -= 1;
    // The reset counts whole seconds: rounded up, so that whoever waits for it finds a request available.
    const missing = Math.max(0, 1 - this.available);
    const reset = Math.ceil((now + (missing / this.requestsPerSecond) * 1000) / 1000);
    return {
      allowed,
      headers: {
        "x-ratelimit-limit": String(this.burst),
        "x-ratelimit-remaining": String(Math.floor(this.available)),
        "x-ratelimit-reset": String(reset),
      },
    };
  }
}
