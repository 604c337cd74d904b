import { z } from "zod";

/** A tenant and the right to import users into it. */
export interface Credentials {
  /** Where the tenant answers: `https://example.eu.auth0.com`, or a loopback origin such as `http://127.0.0.1:4010`. */
  readonly origin: string;
  /** The API identifier that a token is asked for; the tenant's Management API where it is not given. */
  readonly audience?: string;
  /** What the settings are called, without their last part; `auth0:` where it is not given. */
  readonly settings?: string;
  readonly auth:
    | { readonly apiToken: string }
    | { readonly clientId: string; readonly clientSecret: string }
    | {
        readonly clientId: string;
        readonly clientAssertionPrivateKey: string;
        readonly clientAssertionSigningAlg?: string;
      };
}

/** One setting of `@pulumi/auth0`: its name in the stack configuration and its environment variable. */
const SETTINGS = {
  domain: "AUTH0_DOMAIN",
  clientId: "AUTH0_CLIENT_ID",
  clientSecret: "AUTH0_CLIENT_SECRET",
  apiToken: "AUTH0_API_TOKEN",
  audience: "AUTH0_AUDIENCE",
  clientAssertionPrivateKey: "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY",
  clientAssertionSigningAlg: "AUTH0_CLIENT_ASSERTION_SIGNING_ALG",
} as const;
type Setting = keyof typeof SETTINGS;

/** Reads the stack configuration by full key: `auth0:domain`. */
export type StackConfig = (key: string) => string | undefined;

/** A setting that is missing or can't be used. The message names the setting and never its value if that is a secret. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/**
 * The tenant that the stack's configuration names: `<namespace>:domain` and so on, as `@pulumi/auth0` reads them, or
 * else its environment variables. The environment speaks for the namespace `auth0` only: with two tenants in one
 * program it could not say which one it means.
 *
 * @throws {@link CredentialsError}
 */
export function resolveCredentials(
  config: StackConfig,
  namespace: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Credentials {
  const inEnvironment = (variable: string) => (namespace === "auth0" ? environment[variable] : undefined);
  const signsInByCli = /^(true|1)$/i.test(config(`${namespace}:cliLogin`) ?? inEnvironment("AUTH0_CLI_LOGIN") ?? "");
  return credentialsOf({
    prefix: `${namespace}:`,
    read: (name) => config(`${namespace}:${name}`) ?? inEnvironment(SETTINGS[name]),
    how: (name, secret) =>
      `pulumi config set ${secret ? "--secret " : ""}${namespace}:${name}` +
      (namespace === "auth0" ? ` (or the environment variable ${SETTINGS[name]})` : ""),
    hint: signsInByCli
      ? ` ${namespace}:cliLogin signs in @pulumi/auth0 alone: it takes the token of the Auth0 CLI out of the system's keyring, where this package does not look.`
      : " What the program gives to an auth0.Provider of its own, give to the argument `credentials` as well.",
  });
}

/**
 * The tenant that the argument `credentials` gives.
 *
 * @throws {@link CredentialsError}
 */
export function givenCredentials(given: Readonly<Record<string, unknown>>): Credentials {
  const unknown = Object.keys(given).find((name) => !(name in SETTINGS));
  if (unknown !== undefined) {
    throw new CredentialsError(`credentials has no ${unknown}. It takes ${Object.keys(SETTINGS).join(", ")}.`);
  }
  return credentialsOf({
    prefix: "credentials.",
    read: (name) => {
      const value = given[name];
      if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
      throw new CredentialsError(`credentials.${name} must be a text.`);
    },
    how: (name) => `credentials.${name}`,
    hint: "",
  });
}

/** Where settings are found, and how people are told of them. */
interface Settings {
  readonly prefix: string;
  read(name: Setting): string | undefined;
  how(name: Setting, secret?: boolean): string;
  readonly hint: string;
}

function credentialsOf({ prefix, how, hint, ...settings }: Settings): Credentials {
  const read = (name: Setting): string | undefined => settings.read(name)?.trim() || undefined;
  const domain = read("domain");
  if (domain === undefined) {
    throw new CredentialsError(`No Auth0 tenant is configured. Set it: ${how("domain")}.${hint}`);
  }
  const origin = parseDomain(domain, `${prefix}domain`);

  const audience = read("audience");
  const common = {
    origin,
    ...(audience === undefined ? {} : { audience }),
    ...(prefix === "auth0:" ? {} : { settings: prefix }),
  };
  const apiToken = read("apiToken");
  if (apiToken !== undefined) return { ...common, auth: { apiToken } };

  const clientId = read("clientId");
  if (clientId === undefined) {
    throw new CredentialsError(
      `No credentials for ${domain}. Set ${how("clientId")} and ${how("clientSecret", true)}, or ${how("apiToken", true)}.${hint}`,
    );
  }
  const clientSecret = read("clientSecret");
  if (clientSecret !== undefined) return { ...common, auth: { clientId, clientSecret } };
  const clientAssertionPrivateKey = read("clientAssertionPrivateKey");
  if (clientAssertionPrivateKey !== undefined) {
    const clientAssertionSigningAlg = read("clientAssertionSigningAlg");
    return {
      ...common,
      auth: {
        clientId,
        clientAssertionPrivateKey,
        ...(clientAssertionSigningAlg === undefined ? {} : { clientAssertionSigningAlg }),
      },
    };
  }
  throw new CredentialsError(
    `${prefix}clientId is set, but no secret for it. Set ${how("clientSecret", true)} or ${how("clientAssertionPrivateKey", true)}.`,
  );
}

/** The loopback hosts as `URL` spells them. Nothing that is sent to them leaves the machine. */
export const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** @param hostname as `URL` spells it. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/** `example.eu.auth0.com`, or a whole origin for loopback hosts. Plain http to any other host would send hashes in the clear. */
function parseDomain(domain: string, setting: string): string {
  const bare = !domain.includes("://");
  let url: URL;
  try {
    url = new URL(bare ? `https://${domain}` : domain);
  } catch {
    throw new CredentialsError(
      `${setting} is not a host name: "${domain}". Give the tenant's domain: example.eu.auth0.com.`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new CredentialsError(`${setting} holds a user name or password. Give the host name alone: ${url.hostname}.`);
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw new CredentialsError(`${setting} is more than a host name: "${domain}". Give ${url.host} alone.`);
  }
  const loopback = isLoopback(url.hostname);
  if (!bare && !loopback) {
    throw new CredentialsError(
      url.protocol === "http:"
        ? `${setting} is "${domain}": plain http would send users and password hashes unencrypted. Give the host name alone: ${url.host}.`
        : `${setting} is a host name, not an address: give "${url.host}" instead of "${domain}".`,
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new CredentialsError(`${setting} must be a host name: "${domain}" has the protocol ${url.protocol}`);
  }
  return url.origin;
}

/** The namespace of our own settings. */
const OWN = "auth0-user-import";

/** Where the queue is that workers take batches from; a secret. Without it, batches are carried out in the provider. */
export const QUEUE = `${OWN}:queue`;

/** How a tenant is to be treated. */
export interface TenantLimits {
  /** Import jobs in flight at a time. Auth0 takes 2, and up to 20 on private cloud. */
  readonly maxActiveJobs: number;
  /** Requests a second; no limit of our own where it is not given. Auth0's own limits are always obeyed. */
  readonly requestsPerSecond?: number;
}

const maxActiveJobs = z.coerce.number().int().min(1).max(20).default(2);
const requestsPerSecond = z.coerce.number().positive().optional();

/** @throws {@link CredentialsError} when a setting of ours is out of its range. */
export function resolveLimits(config: StackConfig): TenantLimits {
  const jobs = maxActiveJobs.safeParse(config(`${OWN}:maxActiveJobs`));
  if (!jobs.success) {
    throw new CredentialsError(
      `${OWN}:maxActiveJobs must be a whole number from 1 to 20 (Auth0 runs 2 import jobs at a time, up to 20 on private cloud).`,
    );
  }
  const requests = requestsPerSecond.safeParse(config(`${OWN}:requestsPerSecond`));
  if (!requests.success) throw new CredentialsError(`${OWN}:requestsPerSecond must be a number above 0.`);
  return {
    maxActiveJobs: jobs.data,
    ...(requests.data === undefined ? {} : { requestsPerSecond: requests.data }),
  };
}
