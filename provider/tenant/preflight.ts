import { type ConnectionRules, rulesOf } from "../schema/connectionRules";
import type { Connection, Tenant } from "./client";
import { GRANTED_AT, TenantError } from "./errors";

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

/** What the scopes of the Management API are for, in an import. Only the first one is required. */
const SCOPES = {
  "create:users": "required, to send import jobs",
  "read:users": "optional, to settle jobs whose answer was lost, to send what changed of users, and to adopt users",
  "read:connections": "optional, to check the connection before the first job, which is left out now",
} as const;
type Scope = keyof typeof SCOPES;

/** What a verification needs `read:users` for: then it is required. */
const TO_VERIFY = "required by `verify`, to read the connection back and to look users up";

const preflights = new WeakMap<Tenant, Map<string, Promise<Preflight>>>();

/**
 * Whether the tenant will take imports into the connection: by at most two calls, and once in a process.
 *
 * @param verifies whether the connection is to be read back, which takes a scope of its own.
 * @throws TenantError when the tenant refuses the credentials, or gives no answer.
 */
export function preflight(tenant: Tenant, connectionId: string, verifies = false): Promise<Preflight> {
  const known = preflights.get(tenant) ?? new Map<string, Promise<Preflight>>();
  preflights.set(tenant, known);
  const name = `${connectionId} ${verifies}`;
  const result = known.get(name) ?? ask(tenant, connectionId, verifies);
  known.set(name, result);
  return result;
}

async function ask(tenant: Tenant, connectionId: string, verifies: boolean): Promise<Preflight> {
  const connection = await orForbidden(tenant.connection(connectionId, () => {}));
  // The call has shown what the token grants, even where it was refused.
  const { scopes } = tenant;
  const missing = (Object.keys(SCOPES) as Scope[]).filter(
    (scope) => scopes?.has(scope) === false || (scope === "read:connections" && connection === FORBIDDEN),
  );
  const isStopped = missing.includes("create:users") || (verifies && missing.includes("read:users"));
  const lacking = missing.length > 0 ? [lackOf(missing, tenant, isStopped, verifies)] : [];
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
  missing: readonly Scope[],
  { credentials: { auth, settings = "auth0:" } }: Tenant,
  isStopped: boolean,
  verifies: boolean,
): string {
  const purpose = (scope: Scope) => (scope === "read:users" && verifies ? TO_VERIFY : SCOPES[scope]);
  const list = missing.map((scope) => `${scope} (${purpose(scope)})`).join("; ");
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
