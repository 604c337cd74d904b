import { explain } from "./errors";
import { dispatcherOf, proxyTo } from "./proxy";

const TIMEOUT_MS = 60_000;

/** An answer, whatever its status. */
export interface Asked {
  readonly status: number;
  /** `undefined` where it is no JSON. */
  readonly answer: unknown;
}

/**
 * One request for what must not be done twice, through the proxy where there is one. A redirect is not followed: it would carry a password to somebody else.
 *
 * @param doing as for `explain`: "signing a user in"
 * @throws {@link TenantError} where no answer comes
 */
export async function askOnce(origin: string, path: string, doing: string, init: RequestInit): Promise<Asked> {
  const proxy = proxyTo(origin);
  try {
    const dispatcher = proxy && (await dispatcherOf(proxy));
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(origin + path, {
      ...init,
      ...(dispatcher && { dispatcher }),
      redirect: "manual",
      signal,
    });
    return { status: response.status, answer: parsed(await response.text()) };
  } catch (error) {
    throw explain(error, doing, origin, proxy);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
