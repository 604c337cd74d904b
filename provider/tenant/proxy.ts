import { CredentialsError, isLoopback } from "./credentials";

/** The way to the tenant through a proxy. */
export interface ProxyServer {
  /** The environment variable that names it: `HTTPS_PROXY`. */
  readonly variable: string;
  readonly url: URL;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy to the tenant, by the environment variables that everything else in the same `pulumi up` obeys: HTTPS_PROXY
 * and NO_PROXY, in lower case first. `undefined` where there is none, and for loopback origins. Where HTTPS_PROXY is not
 * set, HTTP_PROXY is taken, as Node's own HTTP client has it (undici's `EnvHttpProxyAgent`).
 *
 * @throws {@link CredentialsError} where the variable holds no address
 */
export function proxyTo(origin: string, environment: Environment = process.env): ProxyServer | undefined {
  const { hostname, port } = new URL(origin);
  if (isLoopback(hostname) || isExcepted(hostname, port || "443", read(environment, "NO_PROXY")?.value))
    return undefined;
  const set = read(environment, "HTTPS_PROXY") ?? read(environment, "HTTP_PROXY");
  if (set === undefined) return undefined;
  const { variable, value } = set;
  const address = value.includes("://") ? value : `http://${value}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && /^(https?|socks5):$/.test(url.protocol)) return { variable, url };
  // Its value may hold a password.
  throw new CredentialsError(
    `The environment variable ${variable} is not the address of a proxy. Give one such as http://proxy.example.com:3128, or unset it.`,
  );
}

function read(environment: Environment, name: string) {
  for (const variable of [name.toLowerCase(), name]) {
    const value = environment[variable]?.trim();
    if (value !== undefined && value !== "") return { variable, value };
  }
  return undefined;
}

/** Each entry stands for a host and what is below it, with or without a port; `*` for all. */
function isExcepted(hostname: string, port: string, noProxy = ""): boolean {
  return noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .some((entry) => {
      const [, host = "", ofPort] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry) ?? [];
      if (host === "" || (ofPort !== undefined && ofPort !== port)) return false;
      return host === "*" || hostname === host || hostname.endsWith(`.${host}`);
    });
}

/** What `fetch` sends its requests by. Loaded where there is a proxy: that takes longer than an import of nobody. */
export async function dispatcherOf({ url }: ProxyServer): Promise<NonNullable<RequestInit["dispatcher"]>> {
  const { ProxyAgent } = await import("undici");
  // Node's types are those of another version of undici.
  return new ProxyAgent({ uri: url.href }) as unknown as NonNullable<RequestInit["dispatcher"]>;
}
