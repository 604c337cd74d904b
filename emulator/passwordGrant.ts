import { createHmac, randomBytes } from "node:crypto";
import type { Context } from "hono";
import type { Client } from "./clients";
import type { Connection } from "./connections";
import type { Env } from "./http";
import { isPasswordOf, recordSignIn, rehash } from "./passwords";
import type { Tenant } from "./tenant";
import type { User } from "./userStore";

/** The grant that signs a user of a named connection in. */
export const passwordRealm = "http://auth0.com/oauth/grant-type/password-realm";

/** An answer other than success, in the form of OAuth 2. */
class Refusal extends Error {
  constructor(
    readonly status: 400 | 401 | 403 | 429,
    readonly code: string,
    description: string,
    readonly more: Record<string, string> = {},
  ) {
    super(description);
  }
}

/** `POST /oauth/token` with {@link passwordRealm}. */
export async function passwordGrant(
  form: Partial<Record<string, string>>,
  c: Context<Env>,
  tenant: Tenant,
): Promise<Response> {
  try {
    const client = clientOf(form, tenant);
    const { realm, username, password } = required(form);
    const connection = connectionOf(realm, client, tenant);
    const user = await signIn(connection, username, password, addressOf(client, c), tenant);
    return c.json(tokensFor(user, client, form.scope ?? "", tenant));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return c.json({ error: error.code, error_description: error.message, ...error.more }, error.status);
  }
}

const notAllowed = new Refusal(403, "unauthorized_client", `Grant type '${passwordRealm}' not allowed for the client.`);

function clientOf({ client_id, client_secret }: Partial<Record<string, string>>, tenant: Tenant): Client {
  const { settings } = tenant;
  if (client_id === settings.clientId && client_secret === settings.clientSecret) throw notAllowed;
  const client = tenant.clients.get(client_id ?? "");
  const isPublic = client?.token_endpoint_auth_method === "none";
  if (!client || (!isPublic && client.client_secret !== client_secret)) {
    throw new Refusal(401, "invalid_client", "Unauthorized");
  }
  if (!Array.isArray(client.grant_types) || !client.grant_types.includes(passwordRealm)) {
    throw notAllowed;
  }
  return client;
}

function required({ realm, username, password }: Partial<Record<string, string>>) {
  const missing = (name: string) => new Refusal(400, "invalid_request", `Missing required parameter: ${name}`);
  if (!realm) throw missing("realm");
  if (!username) throw missing("username");
  if (!password) throw missing("password");
  return { realm, username, password };
}

function connectionOf(realm: string, client: Client, tenant: Tenant): Connection {
  const connection = [...tenant.connections.values()].find(({ name }) => name === realm);
  if (connection?.strategy !== "auth0") throw new Refusal(400, "invalid_request", "Unknown or invalid realm");
  if (!connection.enabled_clients.includes(client.client_id)) {
    throw new Refusal(403, "unauthorized_client", "The connection is not enabled for the client.");
  }
  return connection;
}

/** Whom the client acts for, where it is trusted to say so. */
function addressOf(client: Client, c: Context<Env>): string {
  const forwarded = c.req.header("auth0-forwarded-for");
  if (forwarded !== undefined && client.is_token_endpoint_ip_header_trusted === true) return forwarded;
  return c.env.incoming.socket.remoteAddress ?? "";
}

async function signIn(
  { id: connectionId }: Connection,
  username: string,
  password: string,
  ip: string,
  tenant: Tenant,
): Promise<User> {
  const { users, signInAttempts, settings } = tenant;
  const identifier = username.toLowerCase();
  const who = JSON.stringify([connectionId, identifier, ip]);
  if (signInAttempts.isLockedOut(who)) {
    const description = "Your account has been blocked after multiple consecutive login attempts.";
    throw new Refusal(429, "too_many_attempts", description);
  }
  if (signInAttempts.isTooSoon(who)) throw new Refusal(429, "too_many_requests", "Global limit has been reached");

  const user =
    users.findByEmail(connectionId, identifier) ??
    users.findByUsername(connectionId, identifier) ??
    users.findByPhoneNumber(connectionId, identifier);
  const { blocked, mfa_factors } = JSON.parse(user?.attributes ?? "{}") as { blocked?: boolean; mfa_factors?: unknown };
  // Whether this comes before the password is looked at is not documented: it proves none [assumed].
  if (blocked) throw new Refusal(401, "unauthorized", "user is blocked");
  if (!user || !(await isPasswordOf(user, password, settings))) {
    signInAttempts.fail(who);
    throw new Refusal(403, "invalid_grant", "Wrong email or password.");
  }
  signInAttempts.succeed(who);
  // The store of passwords does this before the second factor is asked for [assumed].
  await rehash(user, password, users, settings);
  if (mfa_factors !== undefined) {
    const mfa_token = `Fe26.2*${randomBytes(48).toString("base64url")}`;
    throw new Refusal(403, "mfa_required", "Multifactor authentication required", { mfa_token });
  }
  recordSignIn(user, users, tenant.clock.now(), ip);
  return user;
}

const userScopes = ["openid", "profile", "email"];

/** None of these tokens opens the Management API. */
function tokensFor(user: User, client: Client, wanted: string, tenant: Tenant): Record<string, unknown> {
  const scope = wanted.split(" ").filter((each) => userScopes.includes(each));
  const lifetime = tenant.settings.tokenLifetimeSeconds;
  return {
    access_token: randomBytes(24).toString("base64url"),
    ...(scope.includes("openid") && { id_token: idToken(user, client, lifetime, tenant) }),
    scope: scope.join(" "),
    expires_in: lifetime,
    token_type: "Bearer",
  };
}

/** Signed with the client's secret, one of the two ways that a client can choose. */
function idToken(user: User, client: Client, lifetime: number, tenant: Tenant): string {
  const iat = Math.floor(tenant.clock.now() / 1000);
  const claims = {
    iss: `https://${tenant.settings.domain}/`,
    sub: user.id,
    aud: client.client_id,
    iat,
    exp: iat + lifetime,
  };
  const content = [{ alg: "HS256", typ: "JWT" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${content}.${createHmac("sha256", client.client_secret).update(content).digest("base64url")}`;
}
