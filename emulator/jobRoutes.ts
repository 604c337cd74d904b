import type { Hono } from "hono";
import { ApiError } from "./apiError";
import { findJobConnection } from "./connectionRoutes";
import { type Connection, identifierRules } from "./connections";
import type { ExportJob } from "./exportJobs";
import { showExport } from "./exportRoutes";
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
  app.get("/api/v2/jobs/:id", read, (c) => {
    const id = c.req.param("id");
    const exported = tenant.exports.find(id);
    return exported
      ? showExport(exported, c, tenant)
      : c.json(describe(tenant.jobs.get(id), tenant.settings.usersPerSecond));
  });
  app.get("/api/v2/jobs/:id/errors", read, (c) => {
    const id = c.req.param("id");
    const exported = tenant.exports.find(id);
    const errors = exported ? exportErrors(exported, tenant.exports.describe(exported)) : errorsOf(tenant.jobs.get(id));
    return errors === undefined ? c.body(null, 204) : c.json(errors as object);
  });
}

/** An export has none but its own failure. */
function exportErrors({ id }: ExportJob, { status, status_details }: Record<string, unknown>): unknown {
  if (status !== "failed" || status_details === undefined) return undefined;
  return { status, type: "users_export", id, status_details };
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
