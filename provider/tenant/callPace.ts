import { setTimeout as sleepFor } from "node:timers/promises";

/** Calls of the Management API that Auth0 limits together (rate limit policy), as far as memberships and changes of single users are made of them. */
export type CallGroup =
  /** Roles of the tenant, with all that has no group of its own. */
  "roles" | "writeUsers" | "readMembers" | "writeMembers" | "readMemberRoles" | "writeMemberRoles";

/** `undefined` for calls that `RateGate` alone paces. */
export function callGroupOf(method: string, pathname: string): CallGroup | undefined {
  const isRead = method === "GET";
  if (/\/organizations\/[^/]+\/members\/[^/]+\/roles$/.test(pathname)) {
    return isRead ? "readMemberRoles" : "writeMemberRoles";
  }
  if (/\/organizations\/[^/]+\/members$/.test(pathname)) return isRead ? "readMembers" : "writeMembers";
  if (method === "PATCH" && /\/users\/[^/]+$/.test(pathname)) return "writeUsers";
  if (/\/roles\/[^/]+\/users$|\/users\/[^/]+\/roles$/.test(pathname)) return "roles";
  return undefined;
}

/**
 * How many calls a second go with a burst of so many, at most: Auth0's documentation, plan by plan. Where plans have the
 * same burst and another rate, the higher one: what the answers say brings it down.
 */
const RATES: Readonly<Record<"roles" | "others", Readonly<Record<number, number>>>> = {
  roles: { 2: 2, 10: 2.5, 50: 50, 250: 250 },
  others: { 2: 2, 10: 2, 20: 200 / 60, 40: 500 / 60, 50: 50, 100: 1_000 / 60, 200: 2_500 / 60, 250: 250 },
};

/** The longest that one answer can make us wait. A reset further away is a clock that is wrong. */
const LONGEST_WAIT_MS = 120_000;

/** What an answer says of the limit of its group. */
export interface RateAnswer {
  readonly status: number;
  /** How many calls may come at once, and how many of them are left; absent where the tenant has no limit. */
  readonly limit?: number;
  readonly remaining?: number;
  /** Milliseconds until there is one again. */
  readonly resetMs?: number;
}

export interface Timer {
  /** Milliseconds from any moment on. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

const REAL: Timer = { now: () => performance.now(), sleep: (milliseconds) => sleepFor(milliseconds) };

/**
 * Lets the calls of one group through as fast as the tenant allows, and not faster: by what its answers say is left,
 * less what is on its way since, plus what the limit's rate has given back. A reserve stays: a limit that refills by the
 * second lags behind the rate by up to a second, and others call the tenant, too. A rate that is too high eats into the
 * reserve, which makes the next call wait, so that nothing has to be known of the plan.
 */
export class CallPace {
  #limit: number | undefined;
  #tokens = 1;
  #at: number;
  /** Calls that were let through, and the last one that told how many are left. */
  #sent = 0;
  #told = 0;
  #inFlight = 0;
  #isUnlimited = false;
  #notBefore = 0;
  /** Calls wait one behind the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    private readonly group: CallGroup,
    private readonly timer: Timer = REAL,
  ) {
    this.#at = timer.now();
  }

  /** Whether the tenant has named a time before which it wants no more of these. */
  get isClosed(): boolean {
    return this.timer.now() < this.#notBefore;
  }

  /** @returns the call's number, to be given back with its answer. */
  pass(): Promise<number> {
    const passed = this.#last.then(() => this.#wait());
    this.#last = passed.then(() => {});
    return passed;
  }

  /** @param answer none where none came. */
  answered(call: number, answer?: RateAnswer): void {
    this.#inFlight--;
    if (answer === undefined) return;
    const { status, limit, remaining, resetMs = 0 } = answer;
    const now = this.timer.now();
    if (status === 429) {
      this.#tokens = -this.#inFlight;
      this.#at = this.#notBefore = Math.max(this.#notBefore, now + Math.min(resetMs, LONGEST_WAIT_MS));
      this.#limit = limit ?? this.#limit;
      return;
    }
    if (limit === undefined || remaining === undefined) {
      this.#isUnlimited = this.#limit === undefined;
      return;
    }
    this.#limit = limit;
    // One that was overtaken by a later one's knows of less.
    if (call < this.#told) return;
    this.#told = call;
    // Told are whole ones, of which a part more may be there.
    const least = remaining - this.#inFlight;
    this.#tokens = Math.min(Math.max(least, this.#left()), least + 1);
    this.#at = Math.max(now, this.#notBefore);
  }

  async #wait(): Promise<number> {
    for (;;) {
      const wait = this.#untilNext();
      if (wait <= 0) break;
      await this.timer.sleep(wait);
    }
    this.#tokens = this.#left() - 1;
    this.#at = Math.max(this.timer.now(), this.#notBefore);
    this.#inFlight++;
    return ++this.#sent;
  }

  #untilNext(): number {
    if (this.#isUnlimited) return 0;
    const now = this.timer.now();
    if (now < this.#notBefore) return Math.ceil(this.#notBefore - now);
    // Until the first answer nobody knows more than that one call may come.
    if (this.#limit === undefined) return this.#inFlight === 0 ? 0 : 10;
    const missing = 1 + this.#reserve - this.#left();
    return missing <= 0 ? 0 : Math.ceil((missing / this.#rate) * 1_000);
  }

  #left(): number {
    const given = (Math.max(0, this.timer.now() - this.#at) / 1_000) * this.#rate;
    return Math.min(this.#limit ?? 1, this.#tokens + given);
  }

  /** Calls a second. */
  get #rate(): number {
    const limit = this.#limit ?? 1;
    return RATES[this.group === "roles" ? "roles" : "others"][limit] ?? Math.max(1, limit / 4);
  }

  /** Of large bursts a smaller part: they go with rates by the second, which don't lag. */
  get #reserve(): number {
    const limit = this.#limit ?? 0;
    return Math.min(this.#rate, limit < 50 ? limit / 4 : limit / 6);
  }
}
