import { callGroupOf, type RateAnswer } from "./callPace";
import { NotMade } from "./errors";
import { dispatcherOf, type ProxyServer } from "./proxy";
import { waitOf } from "./rateGate";
import type { SharedTenant } from "./shared";

/** The longest that one call may take, its answer read to the end; a submission carries half a megabyte. */
export const CALL_TIMEOUT_MS = Number(process.env.USER_IMPORT_TEST_TIMEOUT_MS ?? 60_000);

/**
 * `fetch` for the SDK, which knows https only and limits no more than the time to an answer's first byte: speaks plain
 * http to a loopback origin that says so, goes through the proxy where there is one, which Node's own does not, and
 * reads the answer to its end within the time of the call. Calls of a group that Auth0 limits by itself go at its pace.
 *
 * @param assertMayChange asked right before each call that is to change something in the tenant. What it throws keeps the
 * call from being made, as a `NotMade`.
 */
export function fetchFrom(
  origin: string,
  proxy: ProxyServer | undefined,
  { gate, calls }: Pick<SharedTenant, "gate" | "calls">,
  onAnswer: (authorization: string | null) => void,
  assertMayChange: () => void,
): typeof fetch {
  let dispatcher: ReturnType<typeof dispatcherOf> | undefined;
  return async (input, init) => {
    if (proxy !== undefined) dispatcher ??= dispatcherOf(proxy);
    const url = new URL(input instanceof Request ? input.url : input);
    url.protocol = new URL(origin).protocol;
    const { method = "GET" } = init ?? {};
    const group = callGroupOf(method, url.pathname);
    const turn = group && (await calls.pass(group));
    let told: RateAnswer | undefined;
    try {
      await gate.pass();
      // By now it has waited for its turn, for minutes maybe.
      if (method !== "GET" && url.pathname.startsWith(API)) orNotMade(assertMayChange);
      const through = dispatcher === undefined ? {} : { dispatcher: await dispatcher };
      const response = await fetch(url, { ...init, ...through, signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
      if (turn === undefined) gate.obey(response);
      told = rateIn(response);
      onAnswer(new Headers(init?.headers).get("authorization"));
      const body = await response.arrayBuffer();
      return new Response(NO_BODY.has(response.status) ? null : body, response);
    } finally {
      if (turn !== undefined) calls.answered(turn, told);
    }
  };
}

/** Signing in changes nothing. */
const API = "/api/v2/";

function orNotMade(assert: () => void): void {
  try {
    assert();
  } catch (error) {
    throw new NotMade(error as Error);
  }
}

function rateIn({ status, headers }: Response): RateAnswer {
  const told = (name: string) => Number(headers.get(`x-ratelimit-${name}`) ?? Number.NaN);
  const [limit, remaining] = [told("limit"), told("remaining")];
  return { status, ...(limit > 0 && remaining >= 0 && { limit, remaining }), resetMs: waitOf(headers) };
}

const NO_BODY = new Set([204, 205, 304]);
