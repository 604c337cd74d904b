import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManagementClient } from "auth0";
import { connections, ManualClock, TestTenant, usersNamed } from "./emulatorClient";

const scopes = [
  "create:connections",
  "read:connections",
  "update:connections",
  "create:clients",
  "read:clients",
  "delete:clients",
  "create:users",
  "read:users",
];

describe("emulator: connections and applications that a program makes", () => {
  let tenant: TestTenant;
  afterEach(() => tenant.stop());

  /** The SDK speaks https only. */
  function sdk(): ManagementClient {
    const { host } = new URL(tenant.emulator.url);
    return new ManagementClient({
      domain: host,
      clientId: "emulator",
      clientSecret: "emulator",
      fetch: (url, init) => fetch(String(url).replace(/^https:/, "http:"), init),
    });
  }

  it("makes them, enables the one for the other and takes it back, through the auth0 SDK", async () => {
    tenant = await TestTenant.start({ scopes });
    const api = sdk();
    const options = { requires_username: true, validation: { username: { min: 1, max: 20 } } };
    const { id, realms } = await api.connections.create({ name: "customers", strategy: "auth0", options });
    const { client_id } = await api.clients.create({ name: "shop", app_type: "spa" });
    assert.match(String(id), /^con_[A-Za-z0-9]{16}$/);
    assert.deepEqual(realms, ["customers"]);
    assert.equal((await api.clients.get(String(client_id))).name, "shop");

    const enabled = async () => (await api.connections.clients.get(String(id))).data.map((client) => client.client_id);
    assert.deepEqual(await enabled(), []);
    await api.connections.clients.update(String(id), [{ client_id: String(client_id), status: true }]);
    assert.deepEqual(await enabled(), [client_id]);
    await api.clients.delete(String(client_id));
    assert.deepEqual(await enabled(), []);
  });

  it("imports users into a new connection, by its own rules, and keeps all of it between runs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "emulator-connections-"));
    try {
      const options = { scopes, dataFile: join(folder, "data.ndjson") };
      tenant = await TestTenant.start(options);
      const body = { name: "staff", strategy: "auth0", options: { requires_username: true } };
      const { id } = (await tenant.call("POST", "/api/v2/connections", body)).body as { id: string };
      const users = [{ email: "a@example.com", username: "a" }, { email: "b@example.com" }];
      const { summary } = await tenant.importUsers(users, { connection_id: id });
      assert.deepEqual({ inserted: summary.inserted, failed: summary.failed }, { inserted: 1, failed: 1 });

      await tenant.stop();
      tenant = await tenant.restart(options);
      assert.equal(((await tenant.call("GET", `/api/v2/connections/${id}`)).body as { name: string }).name, "staff");
      assert.equal((await tenant.call("GET", `/api/v2/connections/${connections.database}`)).status, 200);
      assert.equal((await tenant.importUsers(usersNamed(1), { connection_id: id })).summary.failed, 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("deletes a connection, its users one by one after it, and with the last of them its name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "emulator-connections-"));
    try {
      const clock = new ManualClock();
      const options = {
        scopes: [...scopes, "delete:connections"],
        clock,
        usersPerSecond: 2,
        dataFile: join(folder, "data.ndjson"),
      };
      tenant = await TestTenant.start(options);
      const job = await tenant.submit(usersNamed(4), { connection_id: connections.secondDatabase });
      await tenant.submit(usersNamed(1, "other"));
      clock.advance(2);
      assert.equal((await tenant.job(job)).status, "completed");

      const path = `/api/v2/connections/${connections.secondDatabase}`;
      const { status, body } = await tenant.call("DELETE", path);
      assert.deepEqual([status, body], [202, { deleted_at: "2025-01-01T00:00:02.000Z" }]);
      assert.equal((await tenant.call("GET", path)).status, 404);
      assert.equal((await tenant.postUsers(usersNamed(1), { connection_id: connections.secondDatabase })).status, 400);
      const create = () => tenant.call("POST", "/api/v2/connections", { name: "second-database", strategy: "auth0" });
      const left = async () => ((await tenant.call("GET", "/api/v2/users")).body as object[]).length;
      assert.equal(await left(), 5);
      clock.advance(1);
      assert.equal(await left(), 3);
      assert.equal((await create()).status, 409);

      await tenant.stop();
      tenant = await tenant.restart(options);
      assert.equal((await create()).status, 409);
      clock.advance(1);
      assert.equal((await create()).status, 201);
      assert.equal(await left(), 1);
      // Of one without users nothing is left to wait for.
      assert.equal((await tenant.call("DELETE", `/api/v2/connections/${connections.withUsernames}`)).status, 202);
      assert.equal(
        (await tenant.call("POST", "/api/v2/connections", { name: "username-database", strategy: "auth0" })).status,
        201,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("tells the enabled clients by their own call, in pages, and no longer with the connection", async () => {
    tenant = await TestTenant.start({ scopes });
    const path = `/api/v2/connections/${connections.database}`;
    const ids: string[] = [];
    for (const name of ["a", "b"]) {
      const { client_id } = (await tenant.call("POST", "/api/v2/clients", { name })).body as { client_id: string };
      await tenant.call("PATCH", `${path}/clients`, [{ client_id, status: true }]);
      ids.push(client_id);
    }
    const first = (await tenant.call("GET", `${path}/clients?take=2`)).body as { clients: object[]; next: string };
    assert.equal(first.clients.length, 2);
    const rest = await tenant.call("GET", `${path}/clients?take=2&from=${encodeURIComponent(first.next)}`);
    assert.deepEqual(rest.body, { clients: [{ client_id: ids[1] }] });

    for (const enabledClientsShown of [false, true]) {
      await tenant.assume({ enabledClientsShown });
      for (const list of ["/api/v2/connections", "/api/v2/connections?take=10"]) {
        const { body } = await tenant.call("GET", list);
        const [shown] = Array.isArray(body) ? body : (body as { connections: object[] }).connections;
        assert.equal("enabled_clients" in shown, enabledClientsShown);
      }
      assert.equal("enabled_clients" in ((await tenant.call("GET", path)).body as object), enabledClientsShown);
    }
  });

  it("changes options, and refuses the two ways of username together", async () => {
    tenant = await TestTenant.start({ scopes });
    const path = `/api/v2/connections/${connections.withUsernames}`;
    const attributes = { username: { identifier: { active: true } } };
    const both = { requires_username: true, attributes };
    for (const refused of [
      await tenant.call("POST", "/api/v2/connections", { name: "both", strategy: "auth0", options: both }),
      await tenant.call("PATCH", path, { options: both }),
    ]) {
      assert.equal(refused.status, 400);
      const { message } = refused.body as Error;
      assert.equal(message, "Cannot set both options.attributes and options.requires_username");
    }
    assert.equal((await tenant.call("PATCH", path, { name: "other" })).status, 400);
    await tenant.call("PATCH", path, { options: { attributes } });
    assert.deepEqual(((await tenant.call("GET", path)).body as { options: object }).options, { attributes });
  });

  it("refuses a name that is taken or not allowed, clients that don't exist, and a token without the scope", async () => {
    tenant = await TestTenant.start({ scopes });
    const create = (name: string) => tenant.call("POST", "/api/v2/connections", { name, strategy: "auth0" });
    assert.equal((await create("Username-Password-Authentication")).status, 409);
    assert.equal((await create("-customers")).status, 400);
    assert.equal((await tenant.call("POST", "/api/v2/clients", { name: "<shop>" })).status, 400);
    const enable = (clients: object[]) =>
      tenant.call("PATCH", `/api/v2/connections/${connections.database}/clients`, clients);
    assert.equal((await enable([{ client_id: "nobody", status: true }])).status, 404);
    assert.equal((await enable([])).status, 400);

    await tenant.stop();
    tenant = await TestTenant.start({ scopes: ["none"] });
    for (const [method, path, scope] of [
      ["POST", "/api/v2/connections", "create:connections"],
      ["PATCH", `/api/v2/connections/${connections.database}/clients`, "update:connections"],
      ["PATCH", `/api/v2/connections/${connections.database}`, "update:connections"],
      ["DELETE", `/api/v2/connections/${connections.database}`, "delete:connections"],
      ["POST", "/api/v2/clients", "create:clients"],
      ["GET", "/api/v2/clients/a", "read:clients"],
      ["DELETE", "/api/v2/clients/a", "delete:clients"],
    ] as const) {
      const { status, body } = await tenant.call(method, path);
      assert.equal(status, 403);
      assert.equal((body as Error).message, `Insufficient scope, expected any of: ${scope}`);
    }
  });
});
