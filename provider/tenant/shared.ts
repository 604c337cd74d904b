import pLimit, { type LimitFunction } from "p-limit";
import { CallPace } from "./callPace";
import type { TenantLimits } from "./credentials";
import { Pace } from "./pace";
import { RateGate } from "./rateGate";

/**
 * What all clients of a tenant share, whoever they sign in as: the slots for jobs, the rate of requests, the turn of the
 * batches, and what is known of the tenant's speed.
 */
export class SharedTenant {
  readonly pace = new Pace();
  /** Runs the preparation of a batch's jobs when those of the batches before it are prepared. */
  readonly turn = pLimit(1);
  readonly gate: RateGate;
  /** Of the calls that Auth0 limits by groups. */
  readonly calls = new CallPace();
  readonly #slots: LimitFunction;
  /** Who waits for `room`. */
  readonly #waiting: (() => void)[] = [];

  constructor(private readonly limits: TenantLimits) {
    this.#slots = pLimit(limits.maxActiveJobs);
    this.gate = new RateGate(limits.requestsPerSecond);
  }

  /** Whether the tenant has named a time before which it wants no more calls, of some or all. */
  get isClosed(): boolean {
    return this.gate.isClosed || this.calls.isClosed;
  }

  /** Runs a job within the tenant's limit of jobs at a time. */
  slot<T>(job: () => Promise<T>): Promise<T> {
    return this.#slots(() => {
      for (const goOn of this.#waiting.splice(0)) goOn();
      return job();
    });
  }

  /** Resolves when no more jobs wait for a slot than it takes to fill freed ones at once: each is half a megabyte. */
  async room(): Promise<void> {
    const enough = Math.max(2, Math.ceil(this.limits.maxActiveJobs / 4));
    while (this.#slots.pendingCount >= enough) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

const known = new Map<string, SharedTenant>();

/** The one of this process for a tenant. */
export function sharedTenant(origin: string, limits: TenantLimits): SharedTenant {
  const key = JSON.stringify([origin, limits]);
  const shared = known.get(key) ?? new SharedTenant(limits);
  known.set(key, shared);
  return shared;
}
