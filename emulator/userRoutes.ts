import type { Context, Hono } from "hono";
import { ApiError } from "./apiError";
import { authorise, type Env, invalidQuery, paged, readBody, requireScope } from "./http";
import { profileOf } from "./profile";
import type { Tenant } from "./tenant";
import { createUser, userCreation } from "./userCreation";
import { findUser, notThere } from "./userLookup";
import { patchUser, userPatch } from "./userPatch";
import { parseQuery, type UserQuery } from "./userSearch";
import type { User } from "./userStore";

export function addUsers(app: Hono<Env>, tenant: Tenant): void {
  const read = authorise(tenant, "read:users");
  const show = (user: User, c: Context<Env>) => selectFields(profileOf(user, tenant), c);

  app.get("/api/v2/users", read, (c) => {
    const users = search(c.req.query("q"), tenant);
    return c.json(paged(users, c, "users", (user) => show(user, c)));
  });
  // Case-sensitive, as on the service: the caller has to know that emails are kept in lower case.
  app.get("/api/v2/users-by-email", read, (c) => {
    const email = c.req.query("email");
    if (email === undefined) throw invalidQuery("Missing required property: email");
    return c.json(
      tenant
        .usersAsOf(0)
        .withEmail(email)
        .map((user) => show(user, c)),
    );
  });
  app.post("/api/v2/users", authorise(tenant, "create:users"), async (c) => {
    if (tenant.assumptions.customDomains && c.req.header("auth0-custom-domain") === undefined) {
      throw new ApiError(409, "The tenant has multiple verified custom domains.", "custom_domain_conflict");
    }
    return c.json(show(await createUser(await readBody(c, userCreation), tenant), c), 201);
  });
  app.get("/api/v2/users/:id", read, (c) => {
    const user = tenant.usersAsOf(0).get(c.req.param("id"));
    if (!user) throw notThere();
    return c.json(show(user, c));
  });
  app.patch("/api/v2/users/:id", authorise(tenant, "update:users", "update:users_app_metadata"), async (c) => {
    const patch = await readBody(c, userPatch);
    if (Object.keys(patch).some((attribute) => attribute !== "app_metadata")) requireScope(c, tenant, "update:users");
    return c.json(show(await patchUser(findUser(tenant, c.req.param("id")), patch, tenant), c));
  });
  app.delete("/api/v2/users/:id", authorise(tenant, "delete:users"), (c) => {
    const user = tenant.users.get(c.req.param("id"));
    if (user) tenant.users.delete(user);
    return c.body(null, 204);
  });
}

/** All users, or those who fit, as the search knows them by now. @throws ApiError 400 */
function search(q: string | undefined, tenant: Tenant): User[] {
  const view = tenant.usersAsOf(tenant.assumptions.searchLagSeconds);
  if (q === undefined) return [...view.all()];
  const query = parse(q);
  const found: User[] = [];
  for (const user of candidates(query, tenant) ?? view.all()) {
    if (query.fits(profileOf(user, tenant))) found.push(user);
  }
  return found;
}

function parse(q: string): UserQuery {
  try {
    return parseQuery(q);
  } catch (error) {
    throw invalidQuery(`${(error as Error).message} in q`);
  }
}

/** Whom a query that names them can mean, so that a million others need not be looked at. */
function candidates({ keys }: UserQuery, tenant: Tenant): Iterable<User> | undefined {
  if (!keys) return undefined;
  const view = tenant.usersAsOf(tenant.assumptions.searchLagSeconds);
  const strategies = new Set([...tenant.connections.values()].map(({ strategy }) => strategy));
  const users = keys.flatMap(({ field, value }) => {
    if (field === "email") return view.withEmail(value);
    if (field === "user_id") return view.withId(value);
    return [...strategies].flatMap((strategy) => {
      const id = `${strategy}|${value}`;
      const primaries = tenant.users.holdersOf(id).flatMap((holder) => tenant.users.primaryOf(holder) ?? []);
      return [...view.withId(id), ...primaries];
    });
  });
  return new Set(users);
}

function selectFields(profile: Record<string, unknown>, c: Context<Env>): Record<string, unknown> {
  const fields = c.req.query("fields")?.split(",");
  if (!fields) return profile;
  const include = c.req.query("include_fields") !== "false";
  return Object.fromEntries(Object.entries(profile).filter(([field]) => fields.includes(field) === include));
}
