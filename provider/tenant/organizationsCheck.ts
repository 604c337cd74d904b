import type { Tenant } from "./client";
import { TenantError } from "./errors";
import { PerTenant } from "./perTenant";

/** So many organizations are looked at: each is a call, and on no plan do these take over a minute. */
const MOST_ASKED = 100;

/** So many are named in a message. */
const MOST_NAMED = 5;

/** What is to be said of the organizations that users are to belong to. */
export interface OrganizationsCheck {
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

const checks = new PerTenant<Promise<OrganizationsCheck>>();

/**
 * Whether members can sign in to the organizations through the connection, and whether they become members by that; of the
 * first {@link MOST_ASKED}, and once in a process. Says nothing where the scope `read:organization_connections` is missing.
 *
 * @param organizations Auth0's ids by the names that records have for them
 * @param connection the name of the connection
 * @throws TenantError
 */
export function checkOrganizations(
  tenant: Tenant,
  organizations: Readonly<Record<string, string>>,
  connectionId: string,
  connection: string,
): Promise<OrganizationsCheck> {
  const name = JSON.stringify([connectionId, organizations]);
  return checks.getOrMake(tenant, name, () => ask(tenant, organizations, connectionId, connection));
}

async function ask(
  { organizations: api }: Pick<Tenant, "organizations">,
  organizations: Readonly<Record<string, string>>,
  connectionId: string,
  connection: string,
): Promise<OrganizationsCheck> {
  const missing: string[] = [];
  const closed: string[] = [];
  const joined: string[] = [];
  const all = Object.entries(organizations);
  for (const [name, id] of all.slice(0, MOST_ASKED)) {
    try {
      const enabled = (await api.connections(id, () => {})).find((each) => each.connection_id === connectionId);
      if (enabled === undefined) closed.push(name);
      else if (enabled.assign_membership_on_login) joined.push(name);
    } catch (error) {
      if (!(error instanceof TenantError)) throw error;
      if (error.status === 403) return { warnings: [], notes: [] };
      if (error.status !== 404) throw error;
      missing.push(`${name} (${id})`);
    }
  }
  const warnings = [
    ...(missing.length === 0 ? [] : [`The tenant has no organization ${listed(missing)}.`]),
    ...(closed.length === 0
      ? []
      : [
          `The connection "${connection}" is not enabled in the organization ${listed(closed)}: members can't sign in there through it. Enable it, in the Dashboard or with auth0.OrganizationConnection.`,
        ]),
  ];
  const rest = all.length - MOST_ASKED;
  const notes = [
    ...(rest <= 0
      ? []
      : [
          `Of ${all.length} organizations the first ${MOST_ASKED} were looked at: whether the connection "${connection}" is enabled in the others is not known.`,
        ]),
    ...(joined.length === 0
      ? []
      : [
          `Who signs in to the organization ${listed(joined)} through the connection becomes a member by that (assign_membership_on_login): memberships without roles need no calls, and may be left out of the records.`,
        ]),
  ];
  return { warnings, notes };
}

function listed(names: readonly string[]): string {
  const rest = names.length - MOST_NAMED;
  return `${names.slice(0, MOST_NAMED).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
