import type { Context } from "hono";
import { type Env, readJson } from "./http";
import { passwordGrant, passwordRealm } from "./passwordGrant";
import type { Tenant } from "./tenant";
import { isValidAssertion } from "./tokens";

/** `POST /oauth/token`, as JSON or as a form: client credentials, by secret or by assertion; or a user's password. */
export async function signIn(c: Context<Env>, tenant: Tenant): Promise<Response> {
  const { settings } = tenant;
  const form = await readSignIn(c);
  const refuse = (status: 400 | 401 | 403, error: string, description: string) =>
    c.json({ error, error_description: description }, status);

  if (form.grant_type === passwordRealm) return passwordGrant(form, c, tenant);
  if (form.grant_type !== "client_credentials") {
    return refuse(403, "unsupported_grant_type", `Unsupported grant type: ${form.grant_type}`);
  }
  if (!isClient(form, c, tenant)) return refuse(401, "access_denied", "Unauthorized");
  if (form.audience === undefined)
    return refuse(403, "access_denied", "Non-global clients are not allowed access to APIv1");
  if (!isOwnUrl(form.audience, "/api/v2/", c, tenant)) {
    return refuse(403, "access_denied", `Service not enabled within domain: ${form.audience}`);
  }
  return c.json({
    access_token: tenant.tokens.issue(settings.clientId, settings.scopes, settings.tokenLifetimeSeconds),
    scope: settings.scopes.join(" "),
    expires_in: settings.tokenLifetimeSeconds,
    token_type: "Bearer",
  });
}

async function readSignIn(c: Context<Env>): Promise<Partial<Record<string, string>>> {
  const body: unknown = c.req.header("content-type")?.startsWith("application/json")
    ? await readJson(c)
    : await c.req.parseBody();
  const texts = Object.entries(body ?? {}).filter(([, value]) => typeof value === "string");
  return Object.fromEntries(texts);
}

function isClient(form: Partial<Record<string, string>>, c: Context<Env>, tenant: Tenant): boolean {
  const { clientId, clientSecret, clientPublicKey } = tenant.settings;
  if (form.client_assertion !== undefined) {
    if (clientPublicKey === undefined) return false;
    const client = { id: clientId, publicKey: clientPublicKey };
    return isValidAssertion(form.client_assertion, client, (url) => isOwnUrl(url, "/", c, tenant), tenant.clock.now());
  }
  return form.client_id === clientId && form.client_secret === clientSecret;
}

/** The tenant goes by its domain, and by the address that it was reached at, which an SDK takes for an https one. */
function isOwnUrl(url: string, path: string, c: Context<Env>, tenant: Tenant): boolean {
  const host = c.req.header("host");
  return [`https://${tenant.settings.domain}`, `http://${host}`, `https://${host}`].some(
    (origin) => url === `${origin}${path}`,
  );
}
