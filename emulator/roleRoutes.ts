import type { Context, Hono } from "hono";
import { z } from "zod";
import { ApiError, invalidBody } from "./apiError";
import { authorise, authoriseAll, countOf, type Env, paged, readBody } from "./http";
import { type Member, pageFrom } from "./members";
import { profileOf } from "./profile";
import type { Role } from "./roles";
import type { Tenant } from "./tenant";
import { findUser } from "./userLookup";
import type { User } from "./userStore";

/** Of one user; Auth0's entity limits. */
export const MOST_ROLES = 50;

/** Roles of the tenant, and who has them. */
export function addRoles(app: Hono<Env>, tenant: Tenant): void {
  const { roles } = tenant;
  const find = (c: Context<Env>) => findRole(tenant, c.req.param("id"));
  const readMembers = authoriseAll(tenant, "read:users", "read:roles", "read:role_members");

  app.get("/api/v2/roles", authorise(tenant, "read:roles"), (c) => c.json(paged(roles.all(), c, "roles")));
  app.post("/api/v2/roles", authorise(tenant, "create:roles"), async (c) => {
    const { name, description } = await readBody(c, newRole);
    return c.json(roles.create(name, description ?? name));
  });
  app.get("/api/v2/roles/:id", authorise(tenant, "read:roles"), (c) => c.json(find(c)));
  app.patch("/api/v2/roles/:id", authorise(tenant, "update:roles"), async (c) => {
    const role = { ...find(c), ...(await readBody(c, changedRole)) };
    roles.put(role);
    return c.json(role);
  });
  app.delete("/api/v2/roles/:id", authorise(tenant, "delete:roles"), (c) => {
    const { id } = find(c);
    roles.delete(id);
    tenant.organizations.forgetRole(id);
    return c.json({});
  });

  app.get("/api/v2/roles/:id/users", readMembers, (c) => {
    const members = roles.membersOf(find(c).id);
    const show = (member: Member) => shownMember(member, tenant);
    if (c.req.query("take") === undefined && c.req.query("from") === undefined) {
      return c.json(paged([...members], c, "users", show));
    }
    const { page, ...next } = pageFrom(members, c.req.query("from"), countOf(c, "take", 50, 100));
    return c.json({ users: page.map(show), ...next });
  });
  app.post("/api/v2/roles/:id/users", authoriseAll(tenant, "update:roles", "create:role_members"), async (c) => {
    const role = roles.get(c.req.param("id"));
    if (!role) throw new ApiError(404, "Role not found.");
    const { users: ids } = await readBody(c, usersOfRole);
    const { mostRoleUsers, someUnknown } = tenant.assumptions;
    if (mostRoleUsers > 0 && ids.length > mostRoleUsers) throw invalidBody("Too many items", "users");
    const users = ids.flatMap((id) => tenant.users.get(id) ?? []);
    if (users.length === ids.length || someUnknown === "others") giveAll(users, [role], tenant);
    if (users.length < ids.length) throw new ApiError(404, "One or more of the users do not exist.");
    return c.json({});
  });

  app.get("/api/v2/users/:id/roles", readMembers, (c) => {
    const user = findUser(tenant, c.req.param("id"));
    return c.json(paged(roles.rolesOf(user), c, "roles"));
  });
  app.post("/api/v2/users/:id/roles", authoriseAll(tenant, "update:users", "create:role_members"), async (c) => {
    const user = findUser(tenant, c.req.param("id"));
    giveAll([user], await rolesIn(c, tenant), tenant);
    return c.body(null, 204);
  });
  app.delete("/api/v2/users/:id/roles", authoriseAll(tenant, "update:users", "delete:role_members"), async (c) => {
    const user = findUser(tenant, c.req.param("id"));
    for (const { id } of await rolesIn(c, tenant)) roles.take(id, user);
    return c.body(null, 204);
  });
}

const newRole = z.strictObject({ name: z.string().min(1), description: z.string().optional() });
const changedRole = z.strictObject({
  name: z.string().min(1).exactOptional(),
  description: z.string().exactOptional(),
});
const usersOfRole = z.strictObject({ users: z.array(z.string()).min(1) });
const rolesOfUser = z.strictObject({ roles: z.array(z.string()).min(1) });

/** @throws ApiError 404 */
export function findRole(tenant: Tenant, id: string | undefined): Role {
  const role = tenant.roles.get(id ?? "");
  if (!role) throw new ApiError(404, "The role does not exist.");
  return role;
}

/** @throws ApiError 400 or 404 */
export async function rolesIn(c: Context<Env>, tenant: Tenant): Promise<Role[]> {
  const { roles } = await readBody(c, rolesOfUser);
  return roles.map((id) => findRole(tenant, id));
}

/** All, or nothing. @throws ApiError 400 or 409 */
function giveAll(users: readonly User[], given: readonly Role[], { roles, assumptions }: Tenant): void {
  for (const user of users) {
    const isNew = ({ id }: Role) => !roles.has(id, user);
    if (assumptions.assignedTwice === "refused" && !given.every(isNew)) {
      throw new ApiError(409, "The user already has the role.");
    }
    if (roles.rolesOf(user).length + given.filter(isNew).length > MOST_ROLES) {
      throw new ApiError(400, `No more than ${MOST_ROLES} roles can be assigned to a user.`);
    }
  }
  for (const user of users) for (const { id } of given) roles.give(id, user);
}

/** As lists of members show a user. */
export function shownMember({ connectionId, id }: Member, tenant: Tenant): Record<string, unknown> {
  const user = tenant.users.getIn(connectionId, id);
  const { email, name, picture } = user ? profileOf(user, tenant) : ({} as Record<string, unknown>);
  return { user_id: id, ...Object.fromEntries(Object.entries({ email, name, picture }).filter(([, value]) => value)) };
}
