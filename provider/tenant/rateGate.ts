import { setTimeout as sleep } from "node:timers/promises";

/** The longest that one answer can make us wait. A reset further away is a clock that is wrong. */
const LONGEST_WAIT_MS = 120_000;

/**
 * Lets requests through at the pace that the tenant allows: no more than the user's own limit a second, and none before
 * the time that the last answer named. The limit is shared with the tenant's sign-ins, so it is obeyed before it is hit.
 */
export class RateGate {
  #notBefore = 0;
  #next = 0;
  /** What the tenant calls its limit: how many requests may come at once. */
  #burst = 0;

  /** @param perSecond requests a second; no limit of our own where it is not given. */
  constructor(private readonly perSecond: number | undefined) {}

  /** Whether the tenant has named a time before which it wants no more requests. */
  get isClosed(): boolean {
    return Date.now() < this.#notBefore;
  }

  /**
   * Requests a second that may be counted on: our own limit, else what goes with the burst that the tenant's answers name.
   * That is 16 for a burst of 50, on production tenants of enterprise customers, and 2 below (Auth0's documentation).
   */
  get rate(): number {
    return this.perSecond ?? (this.#burst >= 50 ? 16 : 2);
  }

  async pass(): Promise<void> {
    if (this.perSecond !== undefined) {
      const turn = Math.max(Date.now(), this.#next);
      this.#next = turn + 1000 / this.perSecond;
      await sleep(turn - Date.now());
    }
    while (this.isClosed) await sleep(this.#notBefore - Date.now());
  }

  /** Learns from an answer. Times are compared with the server's own clock, which its `date` tells. */
  obey({ status, headers }: Response): void {
    this.#burst = Number(headers.get("x-ratelimit-limit")) || this.#burst;
    const wait = status === 429 || headers.get("x-ratelimit-remaining") === "0" ? waitOf(headers) : 0;
    if (wait > 0) this.#notBefore = Math.max(this.#notBefore, Date.now() + Math.min(wait, LONGEST_WAIT_MS));
  }
}

/** Milliseconds that an answer asks to wait: `x-ratelimit-reset` (UTC, epoch seconds) or `retry-after` (seconds). */
export function waitOf(headers: Headers): number {
  const retryAfter = Number(headers.get("retry-after"));
  if (retryAfter > 0) return retryAfter * 1000;
  const reset = Number(headers.get("x-ratelimit-reset"));
  const serverNow = Date.parse(headers.get("date") ?? "");
  return reset > 0 ? reset * 1000 - (Number.isNaN(serverNow) ? Date.now() : serverNow) : 0;
}
