import { type ConnectionRules, rulesOf } from "../schema/connectionRules";
import type { Connection, Tenant } from "./client";
import { GRANTED_AT, TenantError } from "./errors";
import { PerTenant } from "./perTenant";

/** What is to be said of an import before its first job. */
export interface Preflight {
  /** Everything that stops it, and what to do about that. */
  readonly problem?: string;
  /** What may go wrong. */
  readonly warnings: readonly string[];
  /** What goes without, for want of a scope. */
  readonly notes: readonly string[];
  /** What the connection wants of its users, and its name; where it may be read. */
  readonly rules?: ConnectionRules;
}

/** What an import is to do besides, which takes scopes of its own. */
export interface Needs {
  /** The connection is to be read back. */
  readonly verifies?: boolean;
  /** Users are to be given roles, or to belong to organizations. */
  readonly roles?: boolean;
  readonly organizations?: boolean;
}

/** What the scopes of the Management API are for, in an import. Only the first one is required of every import. */
const SCOPES = {
  "create:users": "required, to send import jobs",
  "read:users": "optional, to settle jobs whose answer was lost, to send what changed of users, and to adopt users",
  "read:connections": "optional, to check the connection before the first job, which is left out now",
} as const;

/** What a verification needs `read:users` for: then it is required. */
const TO_VERIFY = "required by `verify`, to read the connection back and to look users up";

const TO_GIVE_ROLES = "required by `roles`, to give them";
const TO_ADD_MEMBERS = "required by `organizations`, to add members";

/** What each scope is for that is wanted. */
function wantedScopes({ verifies, roles, organizations }: Needs): ReadonlyMap<string, string> {
  return new Map<string, string>([
    ...Object.entries(SCOPES),
    ...(verifies ? ([["read:users", TO_VERIFY]] as const) : []),
    ...(roles
      ? (["update:roles", "create:role_members"] as const).map((scope) => [scope, TO_GIVE_ROLES] as const)
      : []),
    ...(organizations ? ([["create:organization_members", TO_ADD_MEMBERS]] as const) : []),
  ]);
}

const preflights = new PerTenant<Promise<Preflight>>();

/**
 * Whether the tenant will take imports into the connection: by at most two calls, and once in a process.
 *
 * @throws TenantError when the tenant refuses the credentials, or gives no answer.
 */
export function preflight(tenant: Tenant, connectionId: string, needs: Needs): Promise<Preflight> {
  const wanted = wantedScopes(needs);
  const name = JSON.stringify([connectionId, ...wanted]);
  return preflights.getOrMake(tenant, name, () => ask(tenant, connectionId, wanted));
}

async function ask(tenant: Tenant, connectionId: string, wanted: ReadonlyMap<string, string>): Promise<Preflight> {
  const connection = await orForbidden(tenant.connection(connectionId, () => {}));
  // The call has shown what the token grants, even where it was refused.
  const { scopes } = tenant;
  const missing = [...wanted].filter(
    ([scope]) => scopes?.has(scope) === false || (scope === "read:connections" && connection === FORBIDDEN),
  );
  const isStopped = missing.some(([, purpose]) => purpose.startsWith("required"));
  const lacking = missing.length > 0 ? [lackOf(missing, tenant, isStopped)] : [];
  const problems = isStopped ? lacking : [];
  const notes = isStopped ? [] : lacking;
  if (connection === FORBIDDEN) return { ...joined(problems), warnings: [], notes };

  const refusal = refusalOf(connection, connectionId, tenant);
  if (refusal !== undefined) problems.push(refusal);
  if (connection === undefined || problems.length > 0) return { ...joined(problems), warnings: [], notes };

  const isEnabled = await orForbidden(tenant.isEnabled(connectionId, () => {}));
  return {
    warnings: isEnabled === false ? [disabled(connection)] : [],
    notes,
    rules: rulesOf(connection.name, connection.options),
  };
}

function joined(problems: readonly string[]): { readonly problem?: string } {
  return problems.length === 0 ? {} : { problem: problems.join(" ") };
}

const FORBIDDEN = "forbidden";

async function orForbidden<T>(call: Promise<T>): Promise<T | typeof FORBIDDEN> {
  return call.catch((error: unknown) => {
    if (error instanceof TenantError && error.status === 403) return FORBIDDEN;
    throw error;
  });
}

/** All at once: each round of granting takes a person, and another run. */
function lackOf(
  missing: readonly (readonly [scope: string, purpose: string])[],
  { credentials: { auth, settings = "auth0:" } }: Tenant,
  isStopped: boolean,
): string {
  const list = missing.map(([scope, purpose]) => `${scope} (${purpose})`).join("; ");
  const then = isStopped ? ", then run `pulumi up` again" : ", if you need that";
  return "apiToken" in auth
    ? `The token in ${settings}apiToken lacks scopes of the Management API: ${list}. Take one that has them${then}.`
    : `The application ${auth.clientId} lacks scopes of the Management API: ${list}. Grant them ${GRANTED_AT}${then}.`;
}

/** The strategies of connections without passwords (Auth0 staff: they take no imports). */
const PASSWORDLESS: ReadonlySet<string> = new Set(["email", "sms"]);

/** Why the connection takes no imports (Auth0 documentation). */
function refusalOf(connection: Connection | undefined, id: string, { credentials }: Tenant): string | undefined {
  const remedy = "Give the id of a database connection (strategy auth0).";
  if (connection === undefined) {
    return `The connection ${id} does not exist in ${new URL(credentials.origin).host}. ${remedy}`;
  }
  const { name, strategy, options } = connection;
  if (PASSWORDLESS.has(strategy)) {
    return `The connection "${name}" is passwordless (${strategy}), and takes no imports. ${remedy}`;
  }
  if (strategy !== "auth0") {
    return `The connection "${name}" is not a database connection (its strategy is ${strategy}), and takes no imports. ${remedy}`;
  }
  if (options.enabledDatabaseCustomization && !options.import_mode) {
    return `The connection "${name}" is a custom database, and takes imports only with options.import_mode. Turn on «Import Users to Auth0» in the Dashboard (options.importMode of an auth0.Connection).`;
  }
  return undefined;
}

function disabled({ name }: Connection): string {
  return `The connection "${name}" is enabled for no application: nobody can sign in through it, and Auth0 may refuse the import. Enable it for one, in the Dashboard or with auth0.ConnectionClients.`;
}
