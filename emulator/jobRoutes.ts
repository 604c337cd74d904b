import type { Hono } from "hono";
import { ApiError } from "./apiError";
import { findConnection } from "./connectionRoutes";
import type { Connection } from "./connections";
import { authorise, type Env } from "./http";
import { parseImportForm } from "./importForm";
import { announce, describe, errorsOf } from "./importJob";
import type { Tenant } from "./tenant";

const largestImport = 512_000;

export function addJobs(app: Hono<Env>, tenant: Tenant): void {
  const read = authorise(tenant, "create:users", "read:users");

  app.post("/api/v2/jobs/users-imports", authorise(tenant, "create:users"), async (c) => {
    // 413 only when the whole body has come in: a client that is still sending could not read the answer.
    const body = await c.req.arrayBuffer();
    if (body.byteLength > largestImport) {
      throw new ApiError(413, `Payload content length greater than maximum allowed: ${largestImport}`);
    }
    const form = await parseImportForm(body, c.req.header("content-type") ?? "");
    const connection = findConnection(tenant, form.connectionId);
    requireImportable(connection);
    const job = tenant.jobs.create({ ...form, connection, bytes: body.byteLength });
    return c.json(announce(job), 202);
  });
  app.get("/api/v2/jobs/:id", read, (c) =>
    c.json(describe(tenant.jobs.get(c.req.param("id")), tenant.settings.usersPerSecond)),
  );
  app.get("/api/v2/jobs/:id/errors", read, (c) => {
    const errors = errorsOf(tenant.jobs.get(c.req.param("id")));
    return errors === undefined ? c.body(null, 204) : c.json(errors as object);
  });
}

function requireImportable({ strategy, options }: Connection): void {
  if (strategy !== "auth0") {
    throw new ApiError(400, "Connection must be a database connection", "operation_not_supported");
  }
  if (options.enabledDatabaseCustomization && !options.import_mode) {
    throw new ApiError(
      400,
      "Connection is a custom database that does not import users to Auth0 (options.import_mode)",
      "operation_not_supported",
    );
  }
}
