import type { Hono } from "hono";
import { ApiError } from "./apiError";
import { type Connection, identifierRules } from "./connections";
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
    const connection = findJobConnection(tenant, form.connectionId);
    requireImportable(connection, form.upsert ?? false, tenant);
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

/** @throws ApiError 400 or 404 */
function findJobConnection({ connections, assumptions }: Tenant, id: string): Connection {
  const connection = connections.get(id);
  if (connection) return connection;
  throw new ApiError(assumptions.unknownConnection, "The connection does not exist.", "inexistent_connection");
}

/** @throws ApiError 400 */
function requireImportable(connection: Connection, upsert: boolean, { assumptions }: Tenant): void {
  const { strategy, options, enabled_clients } = connection;
  if (strategy !== "auth0") {
    throw new ApiError(400, "Connection must be a database connection", "operation_not_supported");
  }
  if (options.enabledDatabaseCustomization && !options.import_mode) {
    throw new ApiError(
      400,
      "Custom Database Connections without import mode are not allowed.",
      "operation_not_supported",
    );
  }
  if (assumptions.jobsNeedClients && enabled_clients.length === 0) {
    throw new ApiError(400, "Connection must be enabled.", "operation_not_supported");
  }
  if (upsert && !identifierRules(options).uniqueEmails && assumptions.nonUniqueUpserts === "refused") {
    throw new ApiError(400, "Upsert is not supported where emails are not unique.", "operation_not_supported");
  }
}
