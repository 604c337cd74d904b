import type { Tenant } from "../tenant/client";

/** What the tenant's rate allows in this time is what single reads may cost: an export takes about as long. */
const SECONDS = 5 * 60;

/** So many are never too many. */
const AT_LEAST = 200;

/**
 * Whether users are read one by one, or all together by a census. The batches of a process share one budget of single
 * reads, and spend it as they come: they begin one after another, and nobody knows what the others will need.
 */
export class ReadBudget {
  #left: number;

  /** @param perSecond requests that the tenant allows. */
  constructor(perSecond: number) {
    this.#left = Math.max(AT_LEAST, Math.floor(SECONDS * perSecond));
  }

  get left(): number {
    return this.#left;
  }

  /** Spends so many reads. `false`, and nothing spent, where there are not so many left: then a census is cheaper. */
  spend(reads: number): boolean {
    if (reads > this.#left) return false;
    this.#left -= reads;
    return true;
  }
}

const budgets = new WeakMap<Tenant, ReadBudget>();

/** The budget of this process for a tenant. Made when first asked for: by then the tenant has told its limits. */
export function readBudgetOf(tenant: Tenant): ReadBudget {
  const budget = budgets.get(tenant) ?? new ReadBudget(tenant.requestsPerSecond);
  budgets.set(tenant, budget);
  return budget;
}
