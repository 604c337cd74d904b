import type { Context, Hono } from "hono";
import { ApiError } from "./apiError";
import type { Connection } from "./connections";
import { authorise, type Env, invalidQuery, paged } from "./http";
import type { Tenant } from "./tenant";

export function addConnections(app: Hono<Env>, tenant: Tenant): void {
  const read = authorise(tenant, "read:connections");
  const find = (c: Context<Env>) => findConnection(tenant, c.req.param("id"));

  app.get("/api/v2/connections", read, (c) => {
    const { strategy, name } = c.req.query();
    const connections = [...tenant.connections.values()].filter(
      (connection) =>
        (strategy === undefined || connection.strategy === strategy) &&
        (name === undefined || connection.name === name),
    );
    // Checkpoint pagination, which current SDKs ask for, answers an object; all connections fit one page.
    if (c.req.query("take") !== undefined || c.req.query("from") !== undefined) return c.json({ connections });
    return c.json(paged(connections, c, "connections"));
  });
  app.get("/api/v2/connections/:id", read, (c) => c.json(find(c)));
  app.get("/api/v2/connections/:id/clients", read, (c) =>
    c.json({ clients: find(c).enabled_clients.map((client_id) => ({ client_id })) }),
  );
  app.delete("/api/v2/connections/:id/users", authorise(tenant, "delete:users"), (c) => {
    const connection = find(c);
    const email = c.req.query("email");
    if (email === undefined) throw invalidQuery("Missing required property: email");
    const user = tenant.users.findByEmail(connection.id, email.toLowerCase());
    if (user) tenant.users.delete(user);
    return c.body(null, 204);
  });
}

/** @throws ApiError 404 */
export function findConnection(tenant: Tenant, id: string | undefined): Connection {
  const connection = tenant.connections.get(id ?? "");
  if (!connection) throw new ApiError(404, "The connection does not exist", "inexistent_connection");
  return connection;
}
