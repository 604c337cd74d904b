import type { Hono } from "hono";
import type { Env } from "./http";
import type { Tenant } from "./tenant";
import { type Attributes, toProfile } from "./userStore";

/** What a real tenant doesn't have: a look behind the scenes, for tests and benchmarks. */
export function addControls(app: Hono<Env>, tenant: Tenant): void {
  app.get("/emulator/stats", (c) => {
    const stats = tenant.stats();
    if (c.req.query("users") === undefined) return c.json(stats);
    return c.json({ ...stats, tallies: tenant.tallies(c.req.query("connection_id")) });
  });
  app.post("/emulator/reset", (c) => {
    tenant.reset();
    return c.body(null, 204);
  });
  app.get("/emulator/users/:id", (c) => {
    const user = tenant.users.get(c.req.param("id"));
    return user
      ? c.json({ ...toProfile(user, tenant.connections.get(user.connectionId)), ...JSON.parse(user.attributes) })
      : c.notFound();
  });
  app.post("/emulator/users/:id/sign-in", (c) => {
    const user = tenant.users.get(c.req.param("id"));
    if (!user) return c.notFound();
    const now = tenant.clock.now();
    const attributes = JSON.parse(user.attributes) as Attributes;
    attributes.logins_count = Number(attributes.logins_count ?? 0) + 1;
    attributes.last_login = new Date(now).toISOString();
    tenant.users.put({ ...user, updatedAt: now, attributes: JSON.stringify(attributes) });
    return c.body(null, 204);
  });
}
