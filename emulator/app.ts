import { Hono, type MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { ApiError } from "./apiError";
import { isAnswered, strikeCalls } from "./callFaults";
import { addClients } from "./clientRoutes";
import { addConnections } from "./connectionRoutes";
import { addControls } from "./controlRoutes";
import { addExports } from "./exportRoutes";
import type { Env } from "./http";
import { addIdentities } from "./identityRoutes";
import { addJobs } from "./jobRoutes";
import { addOrganizations } from "./organizationRoutes";
import { addRoles } from "./roleRoutes";
import { signIn } from "./signIn";
import type { Tenant } from "./tenant";
import { addUsers } from "./userRoutes";

export interface AppHooks {
  /** After each request, when the tenant may have changed. */
  onAnswer(): void;
  /** One line for each request, without personal data. */
  log?: (line: string) => void;
}

/** The HTTP side of a tenant: sign-in of programs and users, the part of the Management API that imports need, and `/emulator`. */
export function createApp(tenant: Tenant, hooks: AppHooks): Hono<Env> {
  const app = new Hono<Env>();
  app.onError((error, c) => {
    if (error instanceof ApiError) return c.json(error.body(), error.status);
    // The client hung up while it was sending; there is nobody to answer.
    if (c.env.incoming.errored) return c.body(null, 400);
    console.error(error);
    return c.json(new ApiError(500, "Internal error of the emulator").body(), 500);
  });
  app.notFound((c) => c.json(new ApiError(404, "Not Found").body(), 404));
  app.use(observe(tenant, hooks));
  app.use(strikeCalls(tenant));
  app.use("/api/v2/*", limitRate(tenant));

  app.post("/oauth/token", (c) => signIn(c, tenant));
  addClients(app, tenant);
  addConnections(app, tenant);
  addExports(app, tenant);
  addJobs(app, tenant);
  addUsers(app, tenant);
  addIdentities(app, tenant);
  addRoles(app, tenant);
  addOrganizations(app, tenant);
  addControls(app, tenant);
  return app;
}

function observe(tenant: Tenant, hooks: AppHooks): MiddlewareHandler<Env> {
  return async (c, next) => {
    const began = performance.now();
    tenant.advance();
    await next();
    const path = routePath(c, -1);
    const route = `${c.req.method} ${path.includes("*") ? "(unknown)" : path}`;
    const status = isAnswered(c.res) ? c.res.status : 0;
    if (!path.startsWith("/emulator")) tenant.countAnswer(route, status);
    hooks.log?.(`${route} ${status} ${Math.round(performance.now() - began)} ms`);
    hooks.onAnswer();
  };
}

function limitRate(tenant: Tenant): MiddlewareHandler<Env> {
  return async (c, next) => {
    const limit = tenant.rateLimiter?.take(c.req.method, routePath(c, -1));
    if (limit && !limit.allowed) {
      const error = new ApiError(429, "Global limit has been reached", "too_many_requests");
      return c.json(error.body(), 429, limit.headers);
    }
    await next();
    // The 429 of the import slots is not the limiter's: it has no reset to wait for.
    if (limit && c.res.status !== 429) {
      for (const [name, value] of Object.entries(limit.headers)) c.res.headers.set(name, value);
    }
    return undefined;
  };
}
