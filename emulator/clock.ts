/** What the tenant takes for the time. Everything it does by itself (job progress, expiry) is computed from this. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Moves the time on; of a clock that can be moved. */
  advance?(seconds: number): void;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Runs like the system's clock, ahead of it by all that it was advanced: hours pass at once, and jobs go on. */
export class VirtualClock implements Clock {
  private ahead = 0;

  now(): number {
    return Date.now() + this.ahead;
  }

  advance(seconds: number): void {
    this.ahead += Math.round(seconds * 1000);
  }
}
