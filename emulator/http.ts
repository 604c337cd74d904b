import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import type { z } from "zod";
import { ApiError, invalidBody } from "./apiError";
import type { Tenant } from "./tenant";

/** `c.env` holds Node's own request and answer. */
export type Env = { Bindings: HttpBindings };

/** Lets tokens with any of the scopes through. */
export function authorise(tenant: Tenant, ...scopes: string[]): MiddlewareHandler<Env> {
  return async (c, next) => {
    requireScope(c, tenant, ...scopes);
    await next();
  };
}

/** Lets tokens through that have all of the scopes. */
export function authoriseAll(tenant: Tenant, ...scopes: string[]): MiddlewareHandler<Env> {
  return async (c, next) => {
    for (const scope of scopes) requireScope(c, tenant, scope);
    await next();
  };
}

/** Any of the scopes. @throws ApiError 401 or 403 */
export function requireScope(c: Context<Env>, tenant: Tenant, ...scopes: string[]): void {
  const token = /^Bearer (.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (token === undefined) throw new ApiError(401, "Missing authentication");
  const granted = tenant.tokens.verify(token);
  if (!scopes.some((scope) => granted.has(scope))) {
    throw new ApiError(403, `Insufficient scope, expected any of: ${scopes.join(",")}`, "insufficient_scope");
  }
}

/** Nobody gets further by pages. */
const mostPaged = 1000;

/** A page of the items by `page`, `per_page` and `include_totals`. @throws ApiError 400 */
export function paged<T>(items: T[], c: Context<Env>, name: string, show: (item: T) => unknown = (item) => item) {
  const page = countOf(c, "page", 0, Number.MAX_SAFE_INTEGER);
  const perPage = countOf(c, "per_page", 50, 100);
  const start = page * perPage;
  if (start + perPage > mostPaged) {
    throw new ApiError(400, `You can only page through the first ${mostPaged} records.`, "invalid_paging");
  }
  const shown = items.slice(start, start + perPage).map(show);
  if (c.req.query("include_totals") !== "true") return shown;
  return { start, limit: perPage, length: shown.length, total: items.length, [name]: shown };
}

/** @throws ApiError 400 */
export function countOf(c: Context<Env>, name: string, fallback: number, max: number): number {
  const text = c.req.query(name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw invalidQuery(`Expected an integer up to ${max} as ${name}`);
  return value;
}

/** 400 as the API words it when a query string does not fit. */
export function invalidQuery(problem: string): ApiError {
  return new ApiError(400, `Query validation error: '${problem}'`, "invalid_query_string");
}

/** @throws ApiError 400 */
export async function readJson(c: Context<Env>): Promise<unknown> {
  try {
    return await c.req.json();
  } catch {
    throw new ApiError(400, "Invalid request payload JSON format");
  }
}

/**
 * A body that fits the schema.
 *
 * @throws ApiError 400
 */
export async function readBody<T>(c: Context<Env>, schema: z.ZodType<T>): Promise<T> {
  const { data, error } = schema.safeParse(await readJson(c));
  if (error) throw invalidBody(error.issues[0]?.message ?? "Invalid body", error.issues[0]?.path.join("."));
  return data;
}
