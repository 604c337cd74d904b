import type { Context, Hono } from "hono";
import { z } from "zod";
import { ApiError, invalidBody } from "./apiError";
import { findConnection } from "./connectionRoutes";
import { authorise, countOf, type Env, paged, readBody, requireScope } from "./http";
import { type Member, pageFrom } from "./members";
import type { Organization } from "./organizations";
import { findRole, MOST_ROLES, rolesIn, shownMember } from "./roleRoutes";
import type { Tenant } from "./tenant";
import { findUser } from "./userLookup";
import type { User } from "./userStore";

/** Auth0's entity limits, and what a call takes. */
const MOST_MEMBERS = 100_000;
const MOST_MEMBERS_OF_CALL = 10;
const MOST_CONNECTIONS = 10;
/** How many a total may stop at, of lists that show no more. */
const MOST_COUNTED = 1_000;

/** Organizations, their connections, their members and the roles of these. */
export function addOrganizations(app: Hono<Env>, tenant: Tenant): void {
  const { organizations } = tenant;
  const find = (c: Context<Env>) => findOrganization(tenant, c.req.param("id"));
  const read = authorise(tenant, "read:organizations");

  app.get("/api/v2/organizations", read, (c) =>
    c.json(paged(organizations.all(), c, "organizations", shownOrganization)),
  );
  app.post("/api/v2/organizations", authorise(tenant, "create:organizations"), async (c) => {
    const { name, display_name, enabled_connections = [] } = await readBody(c, newOrganization);
    if (organizations.find(name)) throw new ApiError(409, "An organization with this name already exists.");
    for (const { connection_id } of enabled_connections) findConnection(tenant, connection_id);
    const made = organizations.create(name, display_name ?? name, enabled_connections);
    return c.json(shownOrganization(made), 201);
  });
  app.get("/api/v2/organizations/:id", read, (c) => c.json(shownOrganization(find(c))));
  app.delete("/api/v2/organizations/:id", authorise(tenant, "delete:organizations"), (c) => {
    organizations.delete(find(c).id);
    return c.body(null, 204);
  });
  addConnections(app, tenant);
  addMembers(app, tenant);
  addMemberRoles(app, tenant);
  app.get("/api/v2/users/:id/organizations", read, (c) => {
    const user = findUser(tenant, c.req.param("id"));
    return c.json(paged(organizations.organizationsOf(user), c, "organizations", shownOrganization));
  });
}

function addConnections(app: Hono<Env>, tenant: Tenant): void {
  const path = "/api/v2/organizations/:id/enabled_connections";
  const find = (c: Context<Env>) => findOrganization(tenant, c.req.param("id"));
  app.get(path, authorise(tenant, "read:organization_connections"), (c) =>
    c.json(paged([...find(c).connections], c, "enabled_connections")),
  );
  app.post(path, authorise(tenant, "create:organization_connections"), async (c) => {
    const organization = find(c);
    const enabled = await readBody(c, enabledConnection);
    findConnection(tenant, enabled.connection_id);
    const others = organization.connections.filter((each) => each.connection_id !== enabled.connection_id);
    if (others.length >= MOST_CONNECTIONS) throw invalidBody("Too many connections");
    tenant.organizations.put({ ...organization, connections: [...others, enabled] });
    return c.json(enabled, 201);
  });
  app.delete(`${path}/:connection`, authorise(tenant, "delete:organization_connections"), (c) => {
    const organization = find(c);
    const connections = organization.connections.filter((each) => each.connection_id !== c.req.param("connection"));
    tenant.organizations.put({ ...organization, connections });
    return c.body(null, 204);
  });
}

function addMembers(app: Hono<Env>, tenant: Tenant): void {
  const { organizations } = tenant;
  const path = "/api/v2/organizations/:id/members";
  const find = (c: Context<Env>) => findOrganization(tenant, c.req.param("id"));

  app.get(path, authorise(tenant, "read:organization_members"), (c) => {
    const fields = c.req.query("fields")?.split(",");
    const hasRoles = fields?.includes("roles") ?? false;
    if (hasRoles) requireScope(c, tenant, "read:organization_member_roles");
    const { memberLagSeconds, deletionLagSeconds } = tenant.assumptions;
    const members = organizations.membersOf(find(c).id, memberLagSeconds * 1000, deletionLagSeconds * 1000);
    const show = (member: Member) => {
      const shown = { ...shownMember(member, tenant), ...(hasRoles && { roles: rolesOf(member, tenant) }) };
      if (fields === undefined) return shown;
      return Object.fromEntries(Object.entries(shown).filter(([field]) => fields.includes(field)));
    };
    if (c.req.query("take") === undefined && c.req.query("from") === undefined) {
      const shown = paged([...members], c, "members", show);
      const isCapped = tenant.assumptions.memberTotals === "capped" && !Array.isArray(shown);
      return c.json(isCapped ? { ...shown, total: Math.min(members.length, MOST_COUNTED) } : shown);
    }
    const { page, ...next } = pageFrom(members, c.req.query("from"), countOf(c, "take", 50, 100));
    return c.json({ members: page.map(show), ...next });
  });
  app.post(path, authorise(tenant, "create:organization_members"), async (c) => {
    const { id } = find(c);
    const users = usersIn(await readBody(c, membersOfCall), tenant);
    const isMember = (user: User) => organizations.memberOf(id, user) !== undefined;
    if (tenant.assumptions.assignedTwice === "refused" && users.some(isMember)) {
      throw new ApiError(409, "The user is already a member of the organization.");
    }
    if (organizations.count(id) + users.filter((user) => !isMember(user)).length > MOST_MEMBERS) {
      throw new ApiError(409, `No more than ${MOST_MEMBERS} members can be in this organization.`);
    }
    for (const user of users) organizations.add(id, user);
    return c.body(null, 204);
  });
  app.delete(path, authorise(tenant, "delete:organization_members"), async (c) => {
    const { id } = find(c);
    const { members } = await readBody(c, membersOfCall);
    for (const user of members.flatMap((each) => tenant.users.get(each) ?? [])) organizations.remove(id, user);
    return c.body(null, 204);
  });
}

function addMemberRoles(app: Hono<Env>, tenant: Tenant): void {
  const { organizations } = tenant;
  const path = "/api/v2/organizations/:id/members/:user/roles";
  const find = (c: Context<Env>) => {
    const organization = findOrganization(tenant, c.req.param("id"));
    return organizations.memberOf(organization.id, findUser(tenant, c.req.param("user")));
  };

  app.get(path, authorise(tenant, "read:organization_member_roles"), (c) => {
    const member = find(c);
    return c.json(paged(member ? rolesOf(member, tenant) : [], c, "roles"));
  });
  app.post(path, authorise(tenant, "create:organization_member_roles"), async (c) => {
    const member = find(c);
    const roles = (await rolesIn(c, tenant)).map(({ id }) => id);
    if (!member) {
      if (tenant.assumptions.nonMemberRoles === "ignored") return c.body(null, 204);
      throw invalidBody("The user is not a member of the organization");
    }
    if (tenant.assumptions.assignedTwice === "refused" && roles.some((role) => member.roles.has(role))) {
      throw new ApiError(409, "The member already has the role.");
    }
    if (new Set([...member.roles, ...roles]).size > MOST_ROLES) {
      throw new ApiError(409, "No more roles can be assigned to this organization member.");
    }
    organizations.giveRoles(member, roles);
    return c.body(null, 204);
  });
  app.delete(path, authorise(tenant, "delete:organization_member_roles"), async (c) => {
    const member = find(c);
    const roles = (await rolesIn(c, tenant)).map(({ id }) => id);
    if (member) organizations.takeRoles(member, roles);
    return c.body(null, 204);
  });
}

const enabledConnection = z
  .strictObject({
    connection_id: z.string(),
    assign_membership_on_login: z.boolean().default(false),
    is_signup_enabled: z.boolean().default(false),
    show_as_button: z.boolean().default(true),
  })
  .refine(
    ({ assign_membership_on_login, is_signup_enabled }) => assign_membership_on_login || !is_signup_enabled,
    "Only database connections with assign_membership_on_login = true support is_signup_enabled = true.",
  );

const newOrganization = z.strictObject({
  name: z
    .string()
    .max(50)
    .regex(/^[a-z0-9][a-z0-9_-]*$/),
  display_name: z.string().optional(),
  enabled_connections: z.array(enabledConnection).max(MOST_CONNECTIONS).optional(),
});

const membersOfCall = z.strictObject({ members: z.array(z.string()).min(1).max(MOST_MEMBERS_OF_CALL) });

/** Those who exist; or what the service says of those who don't. @throws ApiError 400 or 404 */
function usersIn({ members }: z.output<typeof membersOfCall>, { users, assumptions }: Tenant): User[] {
  const found = members.flatMap((id) => users.get(id) ?? []);
  if (found.length === members.length || assumptions.unknownMembers === "ignored") return found;
  if (assumptions.unknownMembers === "404") throw new ApiError(404, "One or more of the users do not exist.");
  throw invalidBody("One or more of the users do not exist", "members");
}

function rolesOf({ roles }: Member, tenant: Tenant): { id: string; name: string }[] {
  return [...roles].map((id) => findRole(tenant, id)).map(({ id, name }) => ({ id, name }));
}

/** @throws ApiError 404 */
function findOrganization({ organizations }: Tenant, idOrName: string | undefined): Organization {
  const organization = organizations.find(idOrName ?? "");
  if (!organization) throw new ApiError(404, "No organization found by that id or name");
  return organization;
}

function shownOrganization({ connections: _, ...shown }: Organization) {
  return shown;
}
