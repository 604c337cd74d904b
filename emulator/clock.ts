/** What the tenant takes for the time. Everything it does by itself (job progress, expiry) is computed from this. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
