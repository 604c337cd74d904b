import type { Tenant } from "../tenant/client";

/** What the tenant's rate allows in this time is what single reads may cost: an export takes about as long. */
const SECONDS = 5 * 60;

/** So many are never too many. */
const AT_LEAST = 200;

/** Calls that the batches of a process share, and spend as they come: nobody knows what the others will need. */
export class CallBudget {
  #left: number;

  constructor(calls: number) {
    this.#left = calls;
  }

  get left(): number {
    return this.#left;
  }

  /** Spends so many. `false`, and nothing spent, where there are not so many left. */
  spend(calls: number): boolean {
    if (calls > this.#left) return false;
    this.#left -= calls;
    return true;
  }
}

/**
 * Whether users are read one by one, or all together by a census, which is cheaper where more are left to be read than
 * the budget has.
 */
export class ReadBudget extends CallBudget {
  /** @param perSecond requests that the tenant allows. */
  constructor(perSecond: number) {
    super(Math.max(AT_LEAST, Math.floor(SECONDS * perSecond)));
  }
}

const budgets = new WeakMap<Tenant, ReadBudget>();

/** The budget of this process for a tenant. Made when first asked for: by then the tenant has told its limits. */
export function readBudgetOf(tenant: Tenant): ReadBudget {
  const budget = budgets.get(tenant) ?? new ReadBudget(tenant.requestsPerSecond);
  budgets.set(tenant, budget);
  return budget;
}
