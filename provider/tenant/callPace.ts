/** Calls of the Management API that Auth0 limits together (rate limit policy), as far as memberships and changes of single users are made of them. */
export type CallGroup =
  /** Roles of the tenant, with all that has no group of its own. */
  | "roles"
  | "writeUsers"
  | "readMembers"
  | "writeMembers"
  | "readMemberRoles"
  | "writeMemberRoles"
  /** With a limit of its own on enterprise plans; on others it has none, or goes with the roles: that is not documented. */
  | "readUserOrganizations";

/** `undefined` for calls that `RateGate` alone paces. */
export function callGroupOf(method: string, pathname: string): CallGroup | undefined {
  const isRead = method === "GET";
  if (/\/organizations\/[^/]+\/members\/[^/]+\/roles$/.test(pathname)) {
    return isRead ? "readMemberRoles" : "writeMemberRoles";
  }
  if (/\/organizations\/[^/]+\/members$/.test(pathname)) return isRead ? "readMembers" : "writeMembers";
  if (isRead && /\/users\/[^/]+\/organizations$/.test(pathname)) return "readUserOrganizations";
  if (method === "PATCH" && /\/users\/[^/]+$/.test(pathname)) return "writeUsers";
  if (/\/roles\/[^/]+\/users$|\/users\/[^/]+\/roles$/.test(pathname)) return "roles";
  return undefined;
}

/**
 * What plans allow of all calls together: how many at once, and a second. Where plans with the same burst have different
 * rates, it is the least (Auth0's documentation).
 */
const OF_ALL: ReadonlyMap<number, number> = new Map([
  [2, 2],
  [10, 2],
  [50, 16],
  [250, 250],
]);

/** What has no group of its own on some plans. */
const WITH_THE_REST: ReadonlySet<CallGroup> = new Set(["roles", "readUserOrganizations"]);

/** A tenant that refuses and says no limit is taken for the smallest. */
const SMALLEST = 2;

/** The longest that one answer can make us wait. A reset further away is a clock that is wrong. */
const LONGEST_WAIT_MS = 120_000;

/** What an answer says of a limit. */
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
  /** @returns what calls it off */
  after(milliseconds: number, then: () => void): () => void;
}

const REAL: Timer = {
  now: () => performance.now(),
  after: (milliseconds, then) => {
    const timeout = setTimeout(then, milliseconds);
    return () => clearTimeout(timeout);
  },
};

/**
 * How many calls one limit of the tenant has left for sure. What an answer says was true when the call was processed:
 * calls on their way count as still to come, and what came back since is reckoned at the lowest rate that goes with such
 * a limit. Too low a rate costs little, since the next answer tells how many there are; too high a one is refused. So the
 * plan need not be known.
 */
class Limit {
  /** How many calls may come at once; unknown until an answer says it. */
  burst: number | undefined;
  /** Until the first answer nobody knows more than that one call may come. */
  isHeard = false;
  notBefore = 0;
  #left = Number.NEGATIVE_INFINITY;
  #at = 0;
  #onTheirWay = 0;
  /** The last call whose answer counted. */
  #told = 0;

  constructor(private readonly timer: Timer) {}

  /** Milliseconds until the next call may go. */
  get wait(): number {
    if (this.burst === undefined) return this.isHeard || this.#onTheirWay === 0 ? 0 : Number.POSITIVE_INFINITY;
    const closed = this.notBefore - this.timer.now();
    if (closed > 0) return closed;
    this.#reckon();
    return Math.max(0, ((1 + this.#reserve - this.#left) / this.#rate) * 1_000);
  }

  goes(): void {
    this.#reckon();
    this.#left--;
    this.#onTheirWay++;
  }

  isBack(): void {
    this.#reckon();
    this.#onTheirWay--;
  }

  says(call: number, burst: number, remaining: number): void {
    this.burst = burst;
    // One that was overtaken by a later one's knows of less.
    if (call < this.#told) return;
    this.#told = call;
    // Whole ones, of which a part more may be there. If there are fewer than reckoned, somebody else calls the tenant.
    const least = remaining - this.#onTheirWay;
    if (this.#left < least || this.#left >= least + 1) this.#left = least;
  }

  refuses(call: number, burst: number | undefined, resetMs: number): void {
    this.burst = burst ?? this.burst ?? SMALLEST;
    this.#told = Math.max(call, this.#told);
    this.#left = -this.#onTheirWay;
    this.#at = this.notBefore = Math.max(this.notBefore, this.timer.now() + Math.min(resetMs, LONGEST_WAIT_MS));
  }

  /** What comes back while the limit is full is lost; it is as full as can be without those on their way. */
  #reckon(): void {
    const now = Math.max(this.timer.now(), this.notBefore);
    const back = ((now - this.#at) / 1_000) * this.#rate;
    this.#left = Math.min((this.burst ?? 0) - this.#onTheirWay, this.#left + back);
    this.#at = now;
  }

  /** Calls a second. What is by the minute gives back a sixth of its burst at least. */
  get #rate(): number {
    const burst = this.burst ?? SMALLEST;
    return OF_ALL.get(burst) ?? burst / 6;
  }

  /** Stays for others who call the tenant. And what is by the minute comes back by the second: up to a second late. */
  get #reserve(): number {
    const { burst = 0 } = this;
    return Math.min(burst / 4, burst - 1, Math.max(5, OF_ALL.has(burst) ? burst / 10 : this.#rate));
  }
}

/** A call that was let through, to be given back with its answer. */
export interface Turn {
  readonly group: CallGroup;
  readonly call: number;
}

/**
 * Lets calls through as fast as the tenant allows, and not faster: each group within its own limit, and all within that
 * of all calls, where the plan has one. An answer tells of one of the two.
 */
export class CallPace {
  readonly #ofAll: Limit;
  readonly #ofGroups = new Map<CallGroup, Limit>();
  /** In the order in which they came. One whose group has to wait keeps no other from going. */
  #waiting: { readonly group: CallGroup; readonly go: (turn: Turn) => void }[] = [];
  #calls = 0;
  #stopTimer = () => {};

  constructor(private readonly timer: Timer = REAL) {
    this.#ofAll = new Limit(timer);
  }

  /** Whether the tenant has named a time before which it wants no more calls, of some or all. */
  get isClosed(): boolean {
    return [this.#ofAll, ...this.#ofGroups.values()].some(({ notBefore }) => this.timer.now() < notBefore);
  }

  pass(group: CallGroup): Promise<Turn> {
    return new Promise((go) => {
      this.#waiting.push({ group, go });
      this.#letThrough();
    });
  }

  /** @param answer none where none came. */
  answered({ group, call }: Turn, answer?: RateAnswer): void {
    const own = this.#ofGroup(group);
    for (const limit of [this.#ofAll, own]) limit.isBack();
    if (answer !== undefined) {
      const { status, limit: burst, remaining, resetMs = 0 } = answer;
      this.#ofAll.isHeard = own.isHeard = true;
      const limit = this.#isOfAll(group, burst) ? this.#ofAll : own;
      if (status === 429) limit.refuses(call, burst, resetMs);
      else if (burst !== undefined && remaining !== undefined) limit.says(call, burst, remaining);
    }
    this.#letThrough();
  }

  #letThrough(): void {
    this.#stopTimer();
    let soonest = Number.POSITIVE_INFINITY;
    this.#waiting = this.#waiting.filter(({ group, go }) => {
      const limits = [this.#ofAll, this.#ofGroup(group)];
      const wait = Math.max(...limits.map((limit) => limit.wait));
      if (wait > 0) {
        soonest = Math.min(soonest, wait);
        return true;
      }
      for (const limit of limits) limit.goes();
      go({ group, call: ++this.#calls });
      return false;
    });
    // Where nobody knows when, an answer tells.
    if (Number.isFinite(soonest)) this.#stopTimer = this.timer.after(Math.ceil(soonest), () => this.#letThrough());
  }

  #ofGroup(group: CallGroup): Limit {
    const limit = this.#ofGroups.get(group) ?? new Limit(this.timer);
    this.#ofGroups.set(group, limit);
    return limit;
  }

  /** Ten at once are also what some plans allow of all that has no group of its own: that goes by the answers to itself. */
  #isOfAll(group: CallGroup, burst: number | undefined): boolean {
    if (burst === undefined) return this.#ofGroup(group).burst === undefined;
    return OF_ALL.has(burst) && (burst !== 10 || !WITH_THE_REST.has(group));
  }
}
