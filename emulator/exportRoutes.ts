import { createHmac, timingSafeEqual } from "node:crypto";
import { Readable } from "node:stream";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { invalidBody } from "./apiError";
import { findJobConnection } from "./connectionRoutes";
import type { ExportFormat } from "./exportFields";
import { announceExport, type ExportJob } from "./exportJobs";
import { authorise, type Env, readBody } from "./http";
import type { Tenant } from "./tenant";

const linkLifetimeSeconds = 60;
/** Up to so many users a file is waited for rather than that the job is told to go on. */
const fewUsers = 20_000;

export function addExports(app: Hono<Env>, tenant: Tenant): void {
  app.post("/api/v2/jobs/users-exports", authorise(tenant, "read:users"), async (c) => {
    const { connection_id, format = "json", limit, fields } = await readBody(c, exportRequest);
    if (fields) checkFields(fields, format, tenant);
    const connection = connection_id === undefined ? undefined : findJobConnection(tenant, connection_id);
    return c.json(announceExport(tenant.exports.create({ connection, format, limit, fields })));
  });
  // Stands for another host, which knows nothing of the tenant's tokens.
  app.get("/user-exports/:job/:file", (c) => {
    if (tenant.assumptions.exportLinkWithToken === "refused" && c.req.header("authorization") !== undefined) {
      return refuse(c, 400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    const job = tenant.exports.find(c.req.param("job"));
    if (!isSigned(c, tenant)) return refuse(c, 403, "AccessDenied", "Access denied");
    if (!job || tenant.exports.statusOf(job) !== "completed") return refuse(c, 403, "AccessDenied", "Access denied");
    return c.body(Readable.toWeb(job.file.read()) as ReadableStream, 200, {
      "content-type": "application/gzip",
      "content-length": String(job.file.bytes),
    });
  });
}

const fieldName = z.string().min(1).max(100);
const exportRequest = z.strictObject({
  connection_id: z
    .string()
    .regex(/^con_[A-Za-z0-9]{16}$/, "String does not match pattern ^con_[A-Za-z0-9]{16}$")
    .optional(),
  format: z.enum(["json", "csv"]).optional(),
  limit: z.int().min(1).optional(),
  fields: z.array(z.strictObject({ name: fieldName, export_as: fieldName.exactOptional() })).optional(),
});

const mostFields = 30;
const wholeObjects = ["app_metadata", "user_metadata", "identities"];

/** @throws ApiError 400 */
function checkFields(fields: readonly { name: string }[], format: ExportFormat, { assumptions }: Tenant): void {
  const isLimited = format === "csv" || assumptions.exportFieldLimit === "all";
  if (isLimited && fields.length > mostFields) throw invalidBody(`Array is too long (${fields.length})`, "fields");
  const whole = format === "csv" && fields.find((field) => wholeObjects.includes(field.name));
  if (whole) throw invalidBody(`CSV takes no whole objects: ${whole.name}`, "fields");
}

/** What `GET /api/v2/jobs/{id}` says, with a link of its own. */
export async function showExport(job: ExportJob, c: Context<Env>, tenant: Tenant): Promise<Response> {
  if (job.total <= fewUsers) await job.file.settled;
  const shown = tenant.exports.describe(job);
  return c.json(shown.status === "completed" ? { ...shown, location: linkTo(job, c, tenant) } : shown);
}

/** In the manner of a CDN's signed links. */
function linkTo(job: ExportJob, c: Context<Env>, tenant: Tenant): string {
  const { origin } = new URL(c.req.url);
  const file = `${tenant.settings.domain.split(".")[0]}.${job.format}.gz`;
  const expires = Math.floor(tenant.clock.now() / 1000) + linkLifetimeSeconds;
  const path = `/user-exports/${job.id}/${file}`;
  const query = { Expires: String(expires), "Key-Pair-Id": "EMULATOR", Signature: sign(path, expires, tenant) };
  return `${origin}${path}?${new URLSearchParams(query)}`;
}

function isSigned(c: Context<Env>, tenant: Tenant): boolean {
  const { Expires, Signature } = c.req.query();
  const expected = Buffer.from(sign(c.req.path, Number(Expires), tenant));
  const given = Buffer.from(Signature ?? "");
  const isOurs = given.length === expected.length && timingSafeEqual(given, expected);
  return isOurs && tenant.clock.now() < Number(Expires) * 1000;
}

function sign(path: string, expires: number, { signingKey }: Tenant): string {
  return createHmac("sha256", signingKey).update(`${path} ${expires}`).digest("base64url");
}

function refuse(c: Context<Env>, status: 400 | 403, code: string, message: string): Response {
  const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return c.body(xml, status, { "content-type": "application/xml" });
}
