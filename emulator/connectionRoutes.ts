import type { Context, Hono } from "hono";
import { z } from "zod";
import { ApiError } from "./apiError";
import { findClient } from "./clientRoutes";
import type { Connection } from "./connections";
import { authorise, type Env, invalidQuery, paged, readBody } from "./http";
import { randomId } from "./ids";
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
  app.post("/api/v2/connections", authorise(tenant, "create:connections"), async (c) => {
    const { realms, ...attributes } = await readBody(c, newConnection);
    if ([...tenant.connections.values()].some(({ name }) => name === attributes.name)) {
      throw new ApiError(409, "A connection with the same name already exists", "connection_conflict");
    }
    const id = `con_${randomId(16)}`;
    const connection = { ...attributes, id, realms: realms ?? [attributes.name], enabled_clients: [] };
    tenant.putConnection(connection);
    return c.json(connection, 201);
  });
  app.get("/api/v2/connections/:id", read, (c) => c.json(find(c)));
  app.get("/api/v2/connections/:id/clients", read, (c) =>
    c.json({ clients: find(c).enabled_clients.map((client_id) => ({ client_id })) }),
  );
  app.patch("/api/v2/connections/:id/clients", authorise(tenant, "update:connections"), async (c) => {
    const connection = find(c);
    const changes = await readBody(c, enabledClients);
    const enabled = new Set(connection.enabled_clients);
    for (const { client_id, status } of changes) {
      if (status) enabled.add(findClient(tenant, client_id).client_id);
      else enabled.delete(client_id);
    }
    tenant.putConnection({ ...connection, enabled_clients: [...enabled] });
    return c.body(null, 204);
  });
  app.delete("/api/v2/connections/:id/users", authorise(tenant, "delete:users"), (c) => {
    const connection = find(c);
    const email = c.req.query("email");
    if (email === undefined) throw invalidQuery("Missing required property: email");
    const user = tenant.users.findByEmail(connection.id, email.toLowerCase());
    if (user) tenant.users.delete(user);
    return c.body(null, 204);
  });
}

const newConnection = z.strictObject({
  name: z
    .string()
    .max(128)
    .regex(/^[A-Za-z0-9](-?[A-Za-z0-9])*$/),
  strategy: z.string(),
  display_name: z.string().optional(),
  options: z.looseObject({}).default({}),
  realms: z.array(z.string()).optional(),
  is_domain_connection: z.boolean().default(false),
  show_as_button: z.boolean().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});

/** At most 50 in a request. */
const enabledClients = z
  .array(z.strictObject({ client_id: z.string(), status: z.boolean() }))
  .min(1)
  .max(50);

/** @throws ApiError 404 */
export function findConnection(tenant: Tenant, id: string | undefined): Connection {
  const connection = tenant.connections.get(id ?? "");
  if (!connection) throw new ApiError(404, "The connection does not exist", "inexistent_connection");
  return connection;
}
