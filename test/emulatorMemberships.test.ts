import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManagementClient } from "auth0";
import type { EmulatorOptions } from "../emulator";
import { connections, ManualClock, TestTenant, usersNamed } from "./emulatorClient";

const scopes = [
  ...["create:users", "read:users", "update:users", "delete:users"],
  ...["create:roles", "read:roles", "update:roles", "delete:roles"],
  ...["create:role_members", "read:role_members", "delete:role_members"],
  ...["create:organizations", "read:organizations", "delete:organizations"],
  ...["create:organization_members", "read:organization_members", "delete:organization_members"],
  ...["create:organization_member_roles", "read:organization_member_roles", "delete:organization_member_roles"],
  ...["create:organization_connections", "read:organization_connections", "delete:organization_connections"],
];

interface Listed {
  readonly next?: string;
  readonly users?: readonly { user_id: string; email?: string }[];
  readonly members?: readonly { user_id: string; roles?: readonly { name: string }[] }[];
}

describe("emulator: roles and organizations", () => {
  let tenant: TestTenant;
  let clock: ManualClock;
  let role: string;
  let organization: string;
  afterEach(() => tenant.stop());

  async function start(count: number, options: EmulatorOptions = {}): Promise<void> {
    clock = new ManualClock();
    tenant = await TestTenant.start({ scopes, clock, ...options });
    const users = usersNamed(count).map((user, i) => ({ ...user, user_id: `u${i}` }));
    assert.deepEqual((await tenant.importUsers(users)).failed, []);
    role = ((await post("/roles", { name: "admin" })) as { id: string }).id;
    organization = ((await post("/organizations", { name: "acme" }, 201)) as { id: string }).id;
  }

  const id = (number: number) => `auth0|u${number}`;
  const path = (number: number) => `/users/${encodeURIComponent(id(number))}`;
  const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => id(from + i));
  const call = (method: string, path: string, body?: unknown) => tenant.call(method, `/api/v2${path}`, body);

  async function post(path: string, body: unknown, status = 200): Promise<unknown> {
    const answer = await call("POST", path, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    return answer.body;
  }

  async function refused(method: string, path: string, body: unknown, status: number, text: RegExp): Promise<void> {
    const answer = await call(method, path, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match((answer.body as { message: string }).message, text);
  }

  const get = async (path: string) => (await call("GET", path)).body as Listed;
  const holders = async () => (await get(`/roles/${role}/users?take=100`)).users?.map(({ user_id }) => user_id).sort();
  const members = async () =>
    (await get(`/organizations/${organization}/members?take=100`)).members?.map(({ user_id }) => user_id).sort();

  it("does what the SDK asks", async () => {
    await start(3);
    const { host } = new URL(tenant.emulator.url);
    const api = new ManagementClient({
      domain: host,
      clientId: "emulator",
      clientSecret: "emulator",
      fetch: (url, init) => fetch(String(url).replace(/^https:/, "http:"), init),
    });
    await api.roles.users.assign(role, { users: [id(0), id(1)] });
    await api.users.roles.assign(id(2), { roles: [role] });
    await api.users.roles.delete(id(0), { roles: [role] });
    assert.deepEqual((await api.roles.users.list(role, { take: 10 })).data.map(({ user_id }) => user_id).sort(), [
      id(1),
      id(2),
    ]);
    assert.deepEqual(
      (await api.users.roles.list(id(2))).data.map(({ name }) => name),
      ["admin"],
    );
    await api.organizations.members.create(organization, { members: [id(0), id(1)] });
    await api.organizations.members.roles.assign(organization, id(0), { roles: [role] });
    const { data } = await api.organizations.members.list(organization, {
      take: 10,
      fields: "user_id,roles",
      include_fields: true,
    });
    assert.deepEqual(data.map(({ user_id, roles }) => [user_id, roles?.map(({ name }) => name)]).sort(), [
      [id(0), ["admin"]],
      [id(1), []],
    ]);
    await api.organizations.members.roles.delete(organization, id(0), { roles: [role] });
    await api.organizations.members.delete(organization, { members: [id(0), id(2)] });
    assert.deepEqual(await members(), [id(1)]);
    assert.deepEqual(
      (await api.users.organizations.list(id(1))).data.map(({ name }) => name),
      ["acme"],
    );
  });

  it("pages a list by checkpoint: each once, and an empty page after a full last one", async () => {
    await start(60);
    for (let i = 0; i < 60; i += 20) {
      await post(`/roles/${role}/users`, { users: ids(i, i + 20) });
      clock.advance(1);
    }
    const seen: string[] = [];
    const sizes: number[] = [];
    let from: string | undefined;
    do {
      const page = await get(`/roles/${role}/users?take=15${from ? `&from=${encodeURIComponent(from)}` : ""}`);
      sizes.push(page.users?.length ?? 0);
      seen.push(...(page.users ?? []).map(({ user_id }) => user_id));
      from = page.next;
    } while (from !== undefined);
    assert.deepEqual(sizes, [15, 15, 15, 15, 0]);
    assert.deepEqual([...seen].sort(), ids(0, 60).sort());
    assert.notDeepEqual(seen, [...seen].sort());
    await refused("GET", `/roles/${role}/users?page=20&per_page=50`, undefined, 400, /first 1000 records/);
    assert.equal((await get(`/roles/${role}/users?per_page=5&include_totals=true`)).users?.length, 5);
  });

  it("answers what is wrong with a role as the service does, and gives all or nobody", async () => {
    await start(4);
    await refused("POST", "/roles/rol_none/users", { users: [id(0)] }, 404, /^Role not found\.$/);
    await refused("GET", "/roles/rol_none/users", undefined, 404, /^The role does not exist\.$/);
    await refused("POST", `/roles/${role}/users`, { users: [id(0), "auth0|x"] }, 404, /^One or more of the users do/);
    assert.deepEqual(await holders(), []);
    await refused("POST", `/roles/${role}/users`, { users: [] }, 400, /^Payload validation error/);
    await refused("POST", "/users/auth0%7Cx/roles", { roles: [role] }, 404, /^The user does not exist\.$/);
    assert.equal((await call("DELETE", `${path(0)}/roles`, { roles: [role] })).status, 204);
    // By default a second time is as good as the first.
    await post(`/roles/${role}/users`, { users: [id(0)] });
    await post(`/roles/${role}/users`, { users: [id(0), id(1)] });
    assert.deepEqual(await holders(), [id(0), id(1)]);
    await tenant.assume({ someUnknown: "others", mostRoleUsers: 2 });
    await refused("POST", `/roles/${role}/users`, { users: [id(2), "auth0|x"] }, 404, /users do not exist/);
    assert.deepEqual(await holders(), [id(0), id(1), id(2)]);
    await refused("POST", `/roles/${role}/users`, { users: ids(1, 4) }, 400, /users/);
    await tenant.assume({ assignedTwice: "refused" });
    await refused("POST", `/roles/${role}/users`, { users: [id(2), id(3)] }, 409, /already/);
    assert.deepEqual(await holders(), [id(0), id(1), id(2)]);
  });

  it("answers what is wrong with an organization as the service does", async () => {
    await start(12);
    const at = `/organizations/${organization}`;
    await refused("POST", "/organizations/org_none/members", { members: [id(0)] }, 404, /^No organization found by/);
    await refused("POST", `${at}/members`, { members: ids(0, 11) }, 400, /^Payload validation error/);
    await refused("POST", `${at}/members`, { members: [id(0), "auth0|x"] }, 400, /do not exist/);
    assert.deepEqual(await members(), []);
    await tenant.assume({ unknownMembers: "404" });
    await refused("POST", `${at}/members`, { members: [id(0), "auth0|x"] }, 404, /do not exist/);
    await tenant.assume({ unknownMembers: "ignored" });
    await post(`${at}/members`, { members: [id(0), "auth0|x"] }, 204);
    await post(`${at}/members`, { members: [id(0)] }, 204);
    assert.deepEqual(await members(), [id(0)]);
    const rolesOf = (number: number) => `${at}/members/${encodeURIComponent(id(number))}/roles`;
    await refused("POST", rolesOf(1), { roles: [role] }, 400, /not a member/);
    await tenant.assume({ nonMemberRoles: "ignored" });
    await post(rolesOf(1), { roles: [role] }, 204);
    assert.deepEqual(await members(), [id(0)]);
    await post(rolesOf(0), { roles: [role] }, 204);
    await tenant.assume({ assignedTwice: "refused" });
    await refused("POST", rolesOf(0), { roles: [role] }, 409, /already/);
    await refused("POST", `${at}/members`, { members: [id(0), id(1)] }, 409, /already/);
    assert.equal((await call("DELETE", rolesOf(1), { roles: [role] })).status, 204);
    assert.equal((await call("DELETE", `${at}/members`, { members: [id(5)] })).status, 204);
    const connection = { connection_id: connections.database, is_signup_enabled: true };
    await refused("POST", `${at}/enabled_connections`, connection, 400, /assign_membership_on_login = true support/);
    await post(`${at}/enabled_connections`, { connection_id: connections.database }, 201);
    await refused("GET", `${at}/members?page=11&per_page=100`, undefined, 400, /first 1000 records/);
    const total = async () =>
      ((await get(`${at}/members?page=0&per_page=1&include_totals=true`)) as { total?: number }).total;
    assert.equal(await total(), 1);
    await tenant.assume({ memberTotals: "capped", assignedTwice: "quiet" });
    const { id: there } = tenant.emulator.tenant.organizations.create("large", "Large", []);
    for (let i = 0; i < 1_001; i++)
      tenant.emulator.tenant.organizations.add(there, { connectionId: "con_x", id: `u${i}` });
    const large = `/organizations/${there}/members?page=0&per_page=1&include_totals=true`;
    assert.equal(((await get(large)) as { total?: number }).total, 1_000);
  });

  it("gives nobody more than 50 roles, in the tenant or in an organization", async () => {
    await start(1);
    await post(`/organizations/${organization}/members`, { members: [id(0)] }, 204);
    const roles: string[] = [];
    for (let i = 0; i < 51; i++) roles.push(((await post("/roles", { name: `r${i}` })) as { id: string }).id);
    await post(`${path(0)}/roles`, { roles: roles.slice(0, 50) }, 204);
    await refused("POST", `${path(0)}/roles`, { roles: roles.slice(50) }, 400, /No more than 50/);
    const at = `/organizations/${organization}/members/${encodeURIComponent(id(0))}/roles`;
    await post(at, { roles: roles.slice(0, 50) }, 204);
    await refused("POST", at, { roles: roles.slice(50) }, 409, /^No more roles can be assigned to this organization/);
    // A role that is gone is nobody's.
    assert.equal((await call("DELETE", `/roles/${roles[0]}`)).status, 200);
    await post(at, { roles: roles.slice(50) }, 204);
  });

  it("lists members late, and those who are deleted for a while; nobody comes back with what they had", async () => {
    await start(2);
    await tenant.assume({ memberLagSeconds: 5, deletionLagSeconds: 10 });
    await post(`/roles/${role}/users`, { users: [id(0)] });
    await post(`/organizations/${organization}/members`, { members: [id(0)] }, 204);
    assert.deepEqual(await members(), []);
    clock.advance(5);
    assert.deepEqual(await members(), [id(0)]);
    await call("DELETE", path(0));
    assert.deepEqual(await members(), [id(0)]);
    assert.deepEqual(await holders(), []);
    clock.advance(10);
    assert.deepEqual(await members(), []);
    await tenant.importUsers([{ email: "user0@example.com", user_id: "u0" }]);
    assert.deepEqual([await holders(), await members()], [[], []]);
  });

  it("keeps them between runs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "emulator-memberships-"));
    try {
      const dataFile = join(folder, "data.ndjson");
      await start(3, { dataFile });
      await post(`/roles/${role}/users`, { users: [id(0), id(2)] });
      await post(`/organizations/${organization}/members`, { members: [id(1)] }, 204);
      await post(`/organizations/${organization}/members/${encodeURIComponent(id(1))}/roles`, { roles: [role] }, 204);
      await tenant.stop();
      tenant = await tenant.restart({ scopes, clock, dataFile });
      assert.deepEqual(await holders(), [id(0), id(2)]);
      const list = await get(`/organizations/${organization}/members?take=10&fields=user_id,roles`);
      assert.deepEqual(list.members, [{ user_id: id(1), roles: [{ id: role, name: "admin" }] }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("wants the scopes of each call", async () => {
    await start(1);
    await tenant.stop();
    for (const [method, url, body, missing] of [
      ["POST", `/roles/${role}/users`, { users: [id(0)] }, "create:role_members"],
      ["GET", `/roles/${role}/users?take=1`, undefined, "read:role_members"],
      ["DELETE", `${path(0)}/roles`, { roles: [role] }, "delete:role_members"],
      ["POST", `/organizations/${organization}/members`, { members: [id(0)] }, "create:organization_members"],
      ["GET", `/organizations/${organization}/members?fields=roles`, undefined, "read:organization_member_roles"],
    ] as const) {
      tenant = await TestTenant.start({ scopes: scopes.filter((scope) => scope !== missing) });
      const answer = await call(method, url, body);
      assert.equal(answer.status, 403, url);
      assert.match((answer.body as { message: string }).message, new RegExp(missing));
      await tenant.stop();
    }
    tenant = await TestTenant.start();
  });

  describe("limits calls as a plan does:", () => {
    const limits = async (method: string, url: string, body: unknown, calls: number) => {
      const answers = [];
      for (let i = 0; i < calls; i++) answers.push(await call(method, url, body));
      const taken = answers.filter(({ status }) => status !== 429).length;
      const last = answers.at(-1)?.headers;
      return [taken, ...["limit", "remaining"].map((name) => Number(last?.get(`x-ratelimit-${name}`)))];
    };
    const writeMembers = () => limits("POST", `/organizations/${organization}/members`, { members: [id(0)] }, 22);
    const giveRoles = (calls: number) => limits("POST", `/roles/${role}/users`, { users: [id(0)] }, calls);

    it("essentials, by groups alone", async () => {
      // One for the role and one for its first call are of the same group.
      await start(1, { plan: "essentials" });
      clock.advance(60);
      assert.deepEqual(await writeMembers(), [20, 20, 0]);
      assert.deepEqual(await giveRoles(11), [10, 10, 0]);
      // By the second: 3.3 more of the one, 2.5 of the other.
      clock.advance(1);
      assert.deepEqual(await giveRoles(5), [2, 10, 0]);
      assert.equal((await writeMembers())[0], 3);
      clock.advance(1);
      assert.deepEqual(await giveRoles(5), [3, 10, 0]);
    });

    it("enterprise, by both", async () => {
      await start(1, { plan: "enterprise" });
      clock.advance(60);
      assert.deepEqual(await writeMembers(), [20, 20, 0]);
      // What the group refuses is not counted by the other.
      assert.deepEqual(await giveRoles(31), [30, 50, 0]);
    });

    it("free, all together", async () => {
      clock = new ManualClock();
      tenant = await TestTenant.start({ scopes, clock, plan: "free" });
      assert.deepEqual(await limits("POST", "/roles", { name: "admin" }, 3), [2, 2, 0]);
      const { headers } = await call("GET", "/users");
      assert.equal(Number(headers.get("x-ratelimit-reset")) * 1000, clock.now() + 1000);
      assert.equal(Date.parse(headers.get("date") ?? ""), clock.now());
    });
  });
});
