import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import type { Context, Hono } from "hono";
import { ApiError, invalidBody } from "./apiError";
import { authorise, type Env, invalidQuery, paged, readJson } from "./http";
import { profileOf } from "./profile";
import { isTooLarge } from "./profileSize";
import type { Tenant } from "./tenant";
import { findUser } from "./userLookup";
import type { Attributes, User } from "./userStore";
import { usersImportSchema } from "./users-import.schema";

export function addUsers(app: Hono<Env>, tenant: Tenant): void {
  const read = authorise(tenant, "read:users");
  const find = (c: Context<Env>): User => findUser(tenant, c.req.param("id"));
  const show = (user: User, c: Context<Env>) => selectFields(profileOf(user, tenant), c);

  app.get("/api/v2/users", read, (c) => {
    if (c.req.query("q") !== undefined) throw invalidQuery("The emulator has no search: q is not supported");
    const page = paged([...tenant.users.all()], c, "users", (user) => show(user, c));
    return c.json(page);
  });
  // Case-sensitive, as on the service: the caller has to know that emails are kept in lower case.
  app.get("/api/v2/users-by-email", read, (c) => {
    const email = c.req.query("email");
    if (email === undefined) throw invalidQuery("Missing required property: email");
    return c.json(tenant.users.withEmail(email).map((user) => show(user, c)));
  });
  app.get("/api/v2/users/:id", read, (c) => c.json(show(find(c), c)));
  app.patch("/api/v2/users/:id", authorise(tenant, "update:users"), async (c) => {
    const patch = await readPatch(c);
    const changed = patchUser(find(c), patch, tenant);
    tenant.users.put(changed);
    return c.json(show(changed, c));
  });
  app.delete("/api/v2/users/:id", authorise(tenant, "delete:users"), (c) => {
    const user = tenant.users.get(c.req.param("id"));
    if (user) tenant.users.delete(user);
    return c.body(null, 204);
  });
}

const {
  user_id: _userId,
  password_hash: _hash,
  custom_password_hash: _customHash,
  mfa_factors: _factors,
  ...patchable
} = usersImportSchema.properties;
const isPatch = addFormats(new Ajv(), { formats: ["email"] }).compile<
  Attributes & { email?: string; username?: string; phone_number?: string }
>({
  type: "object",
  properties: patchable,
  additionalProperties: false,
});

async function readPatch(c: Context<Env>) {
  const body = await readJson(c);
  if (!isPatch(body)) {
    const error = isPatch.errors?.[0];
    const problem =
      error?.keyword === "additionalProperties"
        ? `Additional properties not allowed: ${error.params.additionalProperty}`
        : (error?.message ?? "Invalid body");
    throw invalidBody(problem, error?.instancePath.slice(1));
  }
  return body;
}

function patchUser(user: User, patch: Awaited<ReturnType<typeof readPatch>>, tenant: Tenant): User {
  const { email, username, phone_number, ...changes } = patch;
  const attributes = JSON.parse(user.attributes) as Attributes;
  for (const [attribute, value] of Object.entries(changes)) {
    attributes[attribute] =
      attribute === "user_metadata" || attribute === "app_metadata"
        ? mergeMetadata(attributes[attribute] as Attributes | undefined, value as Attributes)
        : value;
  }
  const changed: User = {
    ...user,
    email: email?.toLowerCase() ?? user.email,
    username: username?.toLowerCase() ?? user.username,
    phoneNumber: phone_number ?? user.phoneNumber,
    updatedAt: tenant.clock.now(),
    attributes: JSON.stringify(attributes),
  };
  if (isTooLarge(changed, tenant.assumptions, tenant.clock.now())) {
    throw new ApiError(400, "The user profile exceeds the maximum size of 10 KB", "invalid_body");
  }
  const { users } = tenant;
  const taken = {
    email: changed.email === undefined ? undefined : users.findByEmail(user.connectionId, changed.email),
    username: changed.username === undefined ? undefined : users.findByUsername(user.connectionId, changed.username),
    phone_number:
      changed.phoneNumber === undefined ? undefined : users.findByPhoneNumber(user.connectionId, changed.phoneNumber),
  };
  for (const [key, holder] of Object.entries(taken)) {
    if (holder && holder !== user) {
      throw new ApiError(400, `The specified new ${key} already exists`, "auth0_idp_error");
    }
  }
  return changed;
}

/** Merged on the first level only: null removes a key, an empty object all of them. */
function mergeMetadata(current: Attributes | undefined, patch: Attributes): Attributes {
  if (Object.keys(patch).length === 0) return {};
  const merged = Object.entries({ ...current, ...patch }).filter(([, value]) => value !== null);
  return Object.fromEntries(merged);
}

function selectFields(profile: Record<string, unknown>, c: Context<Env>): Record<string, unknown> {
  const fields = c.req.query("fields")?.split(",");
  if (!fields) return profile;
  const include = c.req.query("include_fields") !== "false";
  return Object.fromEntries(Object.entries(profile).filter(([field]) => fields.includes(field) === include));
}
