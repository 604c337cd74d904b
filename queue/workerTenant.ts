import { Tenant } from "../provider/tenant/client";
import type { Credentials, TenantLimits } from "../provider/tenant/credentials";
import { SharedTenant } from "../provider/tenant/shared";
import type { Task } from "./task";

/**
 * A tenant of a worker's, with a pace of its own. A batch is one of the tenant's slots: the queue sees to it how many are
 * carried out.
 *
 * @param assertMayChange throws where nothing in the tenant may be changed any more.
 */
export function tenantFor(
  { requestsPerSecond }: Pick<Task, "requestsPerSecond">,
  credentials: Credentials,
  assertMayChange?: () => void,
): Tenant {
  const limits: TenantLimits = { maxActiveJobs: 1, ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }) };
  return new Tenant(credentials, limits, new SharedTenant(limits), assertMayChange);
}
