import { ManagementError, ManagementTimeoutError } from "auth0";
import { redact } from "../results/redact";
import type { ProxyServer } from "./proxy";

/** What went wrong with a call to the tenant, told so that a person knows what to do. Holds no user's data. */
export class TenantError extends Error {
  override readonly name = "TenantError";

  constructor(
    message: string,
    /** HTTP status; absent where no answer came. */
    readonly status?: number,
    /** Auth0's `errorCode`. */
    readonly code?: string,
    /** The service's own message. */
    readonly detail?: string,
    /** Whether the tenant may have done what it was asked for all the same: the answer was lost, not the request. */
    readonly mayHaveBeenDone = false,
  ) {
    super(message);
  }

  /** The limit of requests a second, as opposed to the limit of jobs. */
  get isRateLimit(): boolean {
    return this.status === 429 && !this.isJobLimit;
  }

  /** Worth asking again: the fault is the network's, or a passing one of the service. */
  get isTransient(): boolean {
    return this.status === undefined || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** In a few words, for counts and reports. */
  get brief(): string {
    return this.status === undefined ? (this.code ?? "no answer") : `HTTP ${this.status}`;
  }

  /**
   * The limit of jobs, as opposed to the limit of requests: it lasts as long as somebody's job does. That exports have one
   * is assumed.
   */
  get isJobLimit(): boolean {
    return this.status === 429 && /active (import|export) users jobs/.test(this.detail ?? "");
  }
}

/** A call was not made: who was about to make it may change nothing in the tenant any more. */
export class NotMade extends Error {
  constructor(override readonly cause: Error) {
    super(cause.message);
  }

  /** The SDK wraps what its `fetch` throws. */
  static in(error: unknown): NotMade | undefined {
    return causes(error).find((each) => each instanceof NotMade);
  }
}

/** Where a person grants an application a scope. */
export const GRANTED_AT =
  "in the Auth0 Dashboard under Applications > APIs > Auth0 Management API > Machine to Machine Applications (or with an auth0.ClientGrant)";

interface ErrorBody {
  readonly message?: unknown;
  readonly errorCode?: unknown;
  readonly error?: unknown;
  readonly error_description?: unknown;
}

/** Tells in one sentence what a failed call means. `doing` completes «Auth0 … while …»: "submitting an import job". */
export function explain(
  error: unknown,
  doing: string,
  origin: string,
  proxy?: ProxyServer,
  settings = "auth0:",
): TenantError {
  const host = new URL(origin).host;
  // Without the user name and password that the address may hold.
  const way = proxy === undefined ? "" : ` through the proxy ${proxy.url.host} (${proxy.variable})`;
  const proxyStatus = statusOfProxy(error);
  if (proxyStatus !== undefined) {
    const wants = proxyStatus === "407" ? ", it wants a user name and password" : "";
    return new TenantError(
      `${host} could not be reached${way} while ${doing}: the proxy answered ${proxyStatus}${wants}. Check ${proxy?.variable}, or name the host in NO_PROXY.`,
      undefined,
      `HTTP ${proxyStatus} of the proxy`,
    );
  }
  if (error instanceof TenantError) return error;
  if (error instanceof ManagementTimeoutError || isTimeout(error)) {
    return new TenantError(
      `${host} did not answer in time${way} while ${doing}.`,
      undefined,
      "no answer in time",
      undefined,
      true,
    );
  }
  if (!(error instanceof ManagementError) || error.statusCode === undefined) {
    const cause = networkCause(error);
    return new TenantError(
      `${host} could not be reached${way} while ${doing}: ${cause}. Check ${settings}domain${proxy === undefined ? "" : `, ${proxy.variable}`} and the network.`,
      undefined,
      cause,
      undefined,
      !NEVER_SENT.has(cause),
    );
  }
  const body = (typeof error.body === "object" && error.body !== null ? error.body : {}) as ErrorBody;
  const detail = redact(String(body.message ?? body.error_description ?? body.error ?? `HTTP ${error.statusCode}`));
  const code = typeof body.errorCode === "string" ? body.errorCode : undefined;
  const status = error.statusCode;
  const told = (text: string) => new TenantError(text, status, code, detail, status === 408 || status >= 500);

  if (/token request/.test(error.message) && status >= 400 && status < 429) {
    return told(
      `${host} refused the credentials (${detail}). Check ${settings}clientId, ${settings}clientSecret and ${settings}audience, and that the application may use the Management API.`,
    );
  }
  if (status === 401)
    return told(`${host} refused the token (${detail}). Check ${settings}apiToken, or let the package sign in.`);
  if (status === 403)
    return told(
      `${host} refused ${doing}: ${detail}. Grant it to the application ${GRANTED_AT}, then run \`pulumi up\` again.`,
    );
  return told(`${host} refused ${doing}: ${detail}${code === undefined ? "" : ` (${code})`}.`);
}

/** Faults from before the first byte of a request: nobody can have acted on it. */
const NEVER_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** What a proxy answered that opened no way to the tenant, as undici tells it. */
function statusOfProxy(error: unknown): string | undefined {
  return causes(error)
    .map(({ message }) => /^Proxy response \((\d{3})\)/.exec(message)?.[1])
    .find((status) => status !== undefined);
}

/** Also where the SDK has wrapped it, as it does for a token that is asked for. */
function isTimeout(error: unknown): boolean {
  return causes(error).some(({ name }) => name === "TimeoutError" || name === "AbortError");
}

/** The innermost cause with a code says what happened (`ENOTFOUND`); what wraps it says only «fetch failed». */
function networkCause(error: unknown): string {
  const all = causes(error);
  for (const { code } of all as NodeJS.ErrnoException[]) {
    // That of a `DOMException` is a number, and says nothing.
    if (typeof code === "string") return code;
  }
  const cause = all.at(-1);
  return cause === undefined ? "unknown error" : redact(cause.message);
}

/** An error and what it wraps. */
function causes(error: unknown): Error[] {
  const all: Error[] = [];
  for (let cause = error; cause instanceof Error && all.length < 6; cause = cause.cause) all.push(cause);
  return all;
}
