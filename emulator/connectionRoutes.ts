import type { Context, Hono } from "hono";
import { z } from "zod";
import { ApiError } from "./apiError";
import { findClient } from "./clientRoutes";
import { type Connection, type ConnectionOptions, identifierRules } from "./connections";
import { authorise, countOf, type Env, invalidQuery, paged, readBody } from "./http";
import { randomId } from "./ids";
import type { Tenant } from "./tenant";

export function addConnections(app: Hono<Env>, tenant: Tenant): void {
  const read = authorise(tenant, "read:connections");
  const find = (c: Context<Env>) => findConnection(tenant, c.req.param("id"));
  const show = (connection: Connection) => {
    const { enabled_clients: _, ...shown } = connection;
    return tenant.assumptions.enabledClientsShown ? connection : shown;
  };

  app.get("/api/v2/connections", read, (c) => {
    const { strategy, name } = c.req.query();
    const connections = [...tenant.connections.values()].filter(
      (connection) =>
        (strategy === undefined || connection.strategy === strategy) &&
        (name === undefined || connection.name === name),
    );
    // Checkpoint pagination, which current SDKs ask for, answers an object; all connections fit one page.
    if (c.req.query("take") !== undefined || c.req.query("from") !== undefined) {
      return c.json({ connections: connections.map(show) });
    }
    return c.json(paged(connections, c, "connections", show));
  });
  app.post("/api/v2/connections", authorise(tenant, "create:connections"), async (c) => {
    const { realms, ...attributes } = await readBody(c, newConnection);
    checkOptions(attributes.options);
    if (!tenant.isNameFree(attributes.name)) {
      throw new ApiError(409, "A connection with the same name already exists", "connection_conflict");
    }
    const id = `con_${randomId(16)}`;
    const connection = { ...attributes, id, realms: realms ?? [attributes.name], enabled_clients: [] };
    tenant.putConnection(connection);
    return c.json(show(connection), 201);
  });
  app.get("/api/v2/connections/:id", read, (c) => c.json(show(find(c))));
  app.patch("/api/v2/connections/:id", authorise(tenant, "update:connections"), async (c) => {
    const connection = { ...find(c), ...(await readBody(c, changedConnection)) };
    checkOptions(connection.options);
    tenant.putConnection(connection);
    return c.json(show(connection));
  });
  app.delete("/api/v2/connections/:id", authorise(tenant, "delete:connections"), (c) => {
    tenant.deleteConnection(c.req.param("id"));
    return c.json({ deleted_at: new Date(tenant.clock.now()).toISOString() }, 202);
  });
  app.get("/api/v2/connections/:id/clients", read, (c) => {
    const clients = find(c).enabled_clients;
    const start = clients.indexOf(fromBase64(c.req.query("from"))) + 1;
    const end = start + countOf(c, "take", 50, 100);
    const next = end < clients.length && { next: toBase64(clients[end - 1] as string) };
    return c.json({ clients: clients.slice(start, end).map((client_id) => ({ client_id })), ...next });
  });
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
    const { id, strategy, options } = find(c);
    const email = c.req.query("email");
    if (email === undefined) throw invalidQuery("Missing required property: email");
    if (strategy !== "auth0") throw notSupported("Connection must be a database connection");
    if (!identifierRules(options).uniqueEmails) throw notSupported("The connection's emails are not unique");
    const user = tenant.users.findByEmail(id, email.toLowerCase());
    if (user && !tenant.users.isLinked(user)) tenant.users.delete(user);
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

/** Options are replaced whole. */
const changedConnection = z.strictObject({
  display_name: z.string().exactOptional(),
  options: z.looseObject({}).exactOptional(),
  realms: z.array(z.string()).exactOptional(),
  is_domain_connection: z.boolean().exactOptional(),
  show_as_button: z.boolean().exactOptional(),
  metadata: z.record(z.string(), z.string()).exactOptional(),
});

/** @throws ApiError 400 */
function checkOptions({ attributes, requires_username }: ConnectionOptions): void {
  if (attributes && requires_username) {
    throw new ApiError(400, "Cannot set both options.attributes and options.requires_username", "invalid_body");
  }
}

function notSupported(message: string): ApiError {
  return new ApiError(400, message, "operation_not_supported");
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function fromBase64(text: string | undefined): string {
  return Buffer.from(text ?? "", "base64").toString();
}

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

/** The same for a job. @throws ApiError 400 or 404 */
export function findJobConnection({ connections, assumptions }: Tenant, id: string): Connection {
  const connection = connections.get(id);
  if (connection) return connection;
  throw new ApiError(assumptions.unknownConnection, "The connection does not exist.", "inexistent_connection");
}
