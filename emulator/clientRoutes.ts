import { randomBytes } from "node:crypto";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { ApiError } from "./apiError";
import type { Client } from "./clients";
import { authorise, type Env, readBody } from "./http";
import { randomId } from "./ids";
import type { Tenant } from "./tenant";

/** Applications, so far as a program needs them that makes a connection and enables it for one. */
export function addClients(app: Hono<Env>, tenant: Tenant): void {
  const find = (c: Context<Env>) => findClient(tenant, c.req.param("id"));

  app.post("/api/v2/clients", authorise(tenant, "create:clients"), async (c) => {
    const attributes = await readBody(c, newClient);
    const client = { ...attributes, client_id: randomId(32), client_secret: randomBytes(48).toString("base64url") };
    tenant.putClient(client);
    return c.json(client, 201);
  });
  app.get("/api/v2/clients/:id", authorise(tenant, "read:clients"), (c) => c.json(find(c)));
  app.delete("/api/v2/clients/:id", authorise(tenant, "delete:clients"), (c) => {
    tenant.deleteClient(c.req.param("id"));
    return c.body(null, 204);
  });
}

/** Other attributes are kept as they come: they mean nothing here. */
const newClient = z.looseObject({ name: z.string().regex(/^[^<>]+$/) });

/** @throws ApiError 404 */
export function findClient(tenant: Tenant, id: string | undefined): Client {
  const client = tenant.clients.get(id ?? "");
  if (!client) throw new ApiError(404, "The client does not exist", "inexistent_client");
  return client;
}
