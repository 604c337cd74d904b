import { once } from "node:events";
import { STATUS_CODES } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ApiError } from "./apiError";
import type { FaultyCall } from "./faultPlan";
import type { DueFault } from "./faults";
import type { Env } from "./http";
import type { Tenant } from "./tenant";
import { expiredToken } from "./tokens";

type Process = () => Promise<Response>;

/** What a call was left with when its client got no answer, or not all of it. */
const noAnswer = RESPONSE_ALREADY_SENT;

/** Whether the client got this answer whole. */
export function isAnswered(response: Response): boolean {
  return response !== noAnswer;
}

/** Lets the faults of the plan strike the calls that they are about. */
export function strikeCalls(tenant: Tenant): MiddlewareHandler<Env> {
  return async (c, next) => {
    const path = routePath(c, -1);
    const due = path.startsWith("/emulator") ? [] : tenant.faults.atCall(callAt(c.req.method, path));
    if (due.length === 0) return next();

    const process = due.reduceRight<Process>(
      (inner, fault) => () => strike(fault, c, tenant, inner),
      async () => {
        await next();
        return c.res;
      },
    );
    const answer = await process();
    // Set over another answer, it would take on that one's headers.
    c.res = undefined;
    c.res = answer;
  };
}

function callAt(method: string, path: string): FaultyCall | undefined {
  const route = `${method} ${path}`;
  if (route === "POST /oauth/token") return "token";
  if (route === "POST /api/v2/jobs/users-imports") return "submit";
  if (route === "POST /api/v2/jobs/users-exports") return "export";
  if (path.startsWith("/user-exports")) return "download";
  if (route === "GET /api/v2/jobs/:id") return "status";
  if (route === "GET /api/v2/jobs/:id/errors") return "errors";
  if (path.startsWith("/api/v2/roles") || path === "/api/v2/users/:id/roles") return "role";
  if (path.startsWith("/api/v2/organizations") || path.endsWith("/:id/organizations")) return "organization";
  if (path.startsWith("/api/v2/users")) return "user";
  if (path.startsWith("/api/v2/connections")) return "connection";
  return undefined;
}

async function strike(due: DueFault, c: Context<Env>, tenant: Tenant, process: Process): Promise<Response> {
  const { fault } = due;
  if (fault.kind === "rateLimit") return refuseForNow(fault, due, tenant);
  due.strike();
  switch (fault.kind) {
    case "reset":
      return reset(c);
    case "resetAfter":
      await process();
      return reset(c);
    case "hang":
      if (fault.processed) await process();
      // Unread, an upload would stop half-way, and nobody would see its client leave.
      else c.env.incoming.resume();
      await clientGivesUp(c, fault.ms);
      return reset(c);
    case "delay": {
      const answer = fault.processed ? await process() : undefined;
      // Read (and cached by Hono) while the client is there; late processing does not depend on that.
      await c.req.arrayBuffer();
      await wait(fault.ms, undefined, { ref: false });
      return answer ?? process();
    }
    case "status":
      if (fault.processed) await process();
      return failure(fault.code, fault.body ?? "json");
    case "truncatedJson":
      return truncate(await process(), fault.contentLength ?? "cut", c);
    case "malformedJson": {
      const answer = await process();
      const text = await answer.text();
      return text === "" ? answer : new Response(text.replace(/^./, "="), withoutLength(answer));
    }
    case "linkExpired":
      return new Response("<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>", {
        status: 403,
        headers: { "content-type": "application/xml" },
      });
    case "cutFile":
      return cutFile(await process(), fault.percent ?? 50, fault.contentLength ?? "cut", c);
    case "stuckFile":
      return stickFile(await process(), fault.percent ?? 50, fault.ms, c);
    case "unauthorized":
      if (c.req.path === "/oauth/token") {
        return Response.json({ error: "access_denied", error_description: "Unauthorized" }, { status: 401 });
      }
      return answerWith(expiredToken());
    case "foreignJobs":
      tenant.jobs.occupy(fault.count ?? Number.POSITIVE_INFINITY, fault.seconds);
      return process();
  }
}

function reset(c: Context<Env>): Response {
  c.env.incoming.socket.resetAndDestroy();
  return noAnswer;
}

/** Waits for the client to hang up, for `ms` at most. */
async function clientGivesUp({ env: { outgoing } }: Context<Env>, ms?: number): Promise<void> {
  if (outgoing.destroyed) return;
  const closed = once(outgoing, "close");
  await (ms === undefined ? closed : Promise.race([closed, wait(ms, undefined, { ref: false })]));
}

function failure(code: number, body: "json" | "html" | "empty"): Response {
  const reason = STATUS_CODES[code] ?? "Error";
  if (body === "empty") return new Response(null, { status: code });
  if (body === "json") return answerWith(new ApiError(code as ContentfulStatusCode, reason));
  const html = `<html>\r\n<head><title>${code} ${reason}</title></head>\r\n<body>\r\n<center><h1>${code} ${reason}</h1></center>\r\n</body>\r\n</html>\r\n`;
  return new Response(html, { status: code, headers: { "content-type": "text/html" } });
}

async function truncate(answer: Response, contentLength: "cut" | "whole", c: Context<Env>): Promise<Response> {
  const text = await answer.text();
  const cut = text.slice(0, Math.floor(text.length / 2));
  if (cut === "") return answer;
  if (contentLength === "cut") return new Response(cut, withoutLength(answer));
  const { outgoing } = c.env;
  outgoing.writeHead(answer.status, {
    ...Object.fromEntries(answer.headers),
    "content-length": Buffer.byteLength(text),
  });
  outgoing.write(cut, () => outgoing.socket?.destroySoon());
  return noAnswer;
}

async function cutFile(
  answer: Response,
  percent: number,
  contentLength: "cut" | "whole",
  { env: { outgoing } }: Context<Env>,
): Promise<Response> {
  const { body, status, headers } = answer;
  if (!body || !answer.ok) return answer;
  const whole = Number(headers.get("content-length"));
  const cut = Math.floor((whole * percent) / 100);
  const start = Readable.from(firstOf(body, cut), { objectMode: false });
  if (contentLength === "cut") {
    const others = new Headers(headers);
    others.set("content-length", String(cut));
    return new Response(Readable.toWeb(start) as ReadableStream, { status, headers: others });
  }
  outgoing.writeHead(status, Object.fromEntries(headers));
  for await (const chunk of start) if (!outgoing.write(chunk)) await once(outgoing, "drain");
  outgoing.socket?.destroySoon();
  return noAnswer;
}

function stickFile(answer: Response, percent: number, ms: number | undefined, c: Context<Env>): Response {
  const { body, status, headers } = answer;
  if (!body || !answer.ok) return answer;
  const stop = Math.floor((Number(headers.get("content-length")) * percent) / 100);
  async function* inTwo(): AsyncIterable<Uint8Array> {
    let given = 0;
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      const isPast = given <= stop && given + chunk.length > stop;
      if (!isPast) yield chunk;
      else {
        if (stop > given) yield chunk.subarray(0, stop - given);
        await clientGivesUp(c, ms);
        yield chunk.subarray(stop - given);
      }
      given += chunk.length;
    }
  }
  return new Response(Readable.toWeb(Readable.from(inTwo(), { objectMode: false })) as ReadableStream, {
    status,
    headers,
  });
}

async function* firstOf(body: ReadableStream<Uint8Array>, bytes: number): AsyncIterable<Uint8Array> {
  let left = bytes;
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    if (left > 0) yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

function withoutLength({ status, headers }: Response): ResponseInit {
  const others = new Headers(headers);
  others.delete("content-length");
  return { status, headers: others };
}

function refuseForNow(
  { resetInSeconds, retryAfterSeconds }: { resetInSeconds?: number; retryAfterSeconds?: number },
  due: DueFault,
  tenant: Tenant,
): Response {
  // Whole seconds, like the service's.
  const resetAt = resetInSeconds === undefined ? undefined : Math.ceil(due.since / 1000 + resetInSeconds);
  const until = Math.max((resetAt ?? 0) * 1000, due.since + (retryAfterSeconds ?? 0) * 1000);
  due.strike(until);
  const secondsLeft = Math.ceil((until - tenant.clock.now()) / 1000);
  return answerWith(new ApiError(429, "Global limit has been reached", "too_many_requests"), {
    ...(resetAt !== undefined && {
      "x-ratelimit-limit": String(tenant.settings.burst),
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(resetAt),
    }),
    ...(retryAfterSeconds !== undefined && { "retry-after": String(secondsLeft) }),
  });
}

function answerWith(error: ApiError, headers: Record<string, string> = {}): Response {
  return Response.json(error.body(), { status: error.status, headers });
}
