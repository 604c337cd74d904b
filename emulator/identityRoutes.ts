import type { Hono } from "hono";
import { z } from "zod";
import { ApiError } from "./apiError";
import { authorise, type Env, readBody } from "./http";
import { identitiesOf } from "./profile";
import type { Tenant } from "./tenant";
import { findUser } from "./userLookup";
import type { User } from "./userStore";

/** Linking: one user becomes an identity of another. */
export function addIdentities(app: Hono<Env>, tenant: Tenant): void {
  app.post("/api/v2/users/:id/identities", authorise(tenant, "update:users"), async (c) => {
    const primary = findUser(tenant, c.req.param("id"));
    const secondary = secondaryIn(await readBody(c, link), tenant);
    if (secondary === primary) throw new ApiError(400, "Main identity and the new one are the same.", "invalid_body");
    tenant.users.link(primary, secondary);
    return c.json(identitiesOf(primary, tenant), 201);
  });
}

const link = z.strictObject({
  provider: z.string(),
  user_id: z.string(),
  connection_id: z.string().optional(),
});

/** @throws ApiError 400 or 409 */
function secondaryIn({ provider, user_id, connection_id }: z.output<typeof link>, { users }: Tenant): User {
  const id = `${provider}|${user_id}`;
  const holders = users.holdersOf(id);
  if (holders.length === 0) throw new ApiError(400, "Linking to an inexistent identity is not allowed.");
  const holder = holders.find(({ connectionId }) => connection_id === undefined || connectionId === connection_id);
  if (!holder) throw new ApiError(400, "Provided secondary account not found.");
  if (users.isLinked(holder)) throw new ApiError(409, "Specified identity already exists.");
  return holder;
}
