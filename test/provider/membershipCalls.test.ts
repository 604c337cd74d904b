import assert from "node:assert/strict";
import { type EmulatorOptions, startEmulator } from "../../emulator";
import { Tenant } from "../../provider/tenant/client";
import { TenantError } from "../../provider/tenant/errors";

const scopes = [
  ...["read:users", "update:users", "read:roles", "update:roles"],
  ...["create:role_members", "read:role_members", "delete:role_members"],
  ...["read:organizations", "create:organization_members", "read:organization_members", "delete:organization_members"],
  ...["create:organization_member_roles", "read:organization_member_roles", "delete:organization_member_roles"],
  "read:organization_connections",
];

describe("calls for roles and organizations", () => {
  let emulator: Awaited<ReturnType<typeof startEmulator>>;
  let tenant: Tenant;
  let role: string;
  let organization: string;
  const retries: string[] = [];
  const onRetry = (reason: string) => void retries.push(reason);
  afterEach(() => emulator.stop());

  async function start(users: number, options: EmulatorOptions = {}): Promise<void> {
    retries.length = 0;
    emulator = await startEmulator({ scopes, ...options });
    for (let i = 0; i < users; i++) {
      const body = JSON.stringify({ connection: "Username-Password-Authentication", user_id: `u${i}` });
      await fetch(`${emulator.url}/emulator/users`, { method: "POST", body });
    }
    const auth = { clientId: "emulator", clientSecret: "emulator" };
    tenant = new Tenant({ origin: emulator.url, auth }, { maxActiveJobs: 2 });
    role = emulator.tenant.roles.create("admin", "").id;
    organization = emulator.tenant.organizations.create("acme", "Acme", [
      {
        connection_id: "con_0000000000000001",
        assign_membership_on_login: true,
        is_signup_enabled: false,
        show_as_button: true,
      },
    ]).id;
  }

  const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `auth0|u${from + i}`);
  async function all<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
    const items: T[] = [];
    for await (const page of pages) items.push(...page);
    return items;
  }
  const isRefusal = (status: number) => (error: unknown) => error instanceof TenantError && error.status === status;

  it("give, take and read roles, page by page", async () => {
    await start(200);
    for (let i = 0; i < 200; i += 50) await tenant.roles.give(role, ids(i, i + 50), onRetry);
    assert.deepEqual((await all(tenant.roles.holders(role, onRetry))).sort(), ids(0, 200).sort());
    await tenant.roles.take("auth0|u1", [role], onRetry);
    await tenant.roles.take("auth0|u1", [role], onRetry);
    assert.deepEqual(await tenant.roles.of("auth0|u1", onRetry), []);
    assert.deepEqual(await tenant.roles.of("auth0|u2", onRetry), [role]);
    await assert.rejects(tenant.roles.give(role, ["auth0|u1", "auth0|x"], onRetry), isRefusal(404));
    assert.deepEqual(retries, []);
  });

  it("add, remove and read members and their roles", async () => {
    await start(120);
    for (let i = 0; i < 120; i += 10) await tenant.organizations.add(organization, ids(i, i + 10), onRetry);
    await tenant.organizations.giveRoles(organization, "auth0|u3", [role], onRetry);
    const members = await all(tenant.organizations.members(organization, onRetry));
    assert.deepEqual(members.sort(), ids(0, 120).sort());
    assert.equal(await tenant.organizations.count(organization, onRetry), 120);
    assert.deepEqual(await tenant.organizations.rolesOf(organization, "auth0|u3", onRetry), [role]);
    assert.deepEqual(await tenant.organizations.of("auth0|u3", onRetry), [organization]);
    await tenant.organizations.takeRoles(organization, "auth0|u3", [role], onRetry);
    assert.deepEqual(await tenant.organizations.rolesOf(organization, "auth0|u3", onRetry), []);
    await tenant.organizations.remove(organization, ids(0, 10), onRetry);
    assert.equal((await all(tenant.organizations.members(organization, onRetry))).length, 110);
    const [connection] = await tenant.organizations.connections(organization, onRetry);
    assert.deepEqual(connection, { connection_id: "con_0000000000000001", assign_membership_on_login: true });
  });

  it("are made again where the answer is lost, and wait where the tenant says so", async () => {
    await start(2, {
      faults: [
        { on: "role", kind: "resetAfter" },
        { on: "role", nth: 2, kind: "status", code: 503 },
        { on: "organization", kind: "rateLimit", resetInSeconds: 1 },
      ],
    });
    await tenant.roles.give(role, ids(0, 2), onRetry);
    assert.deepEqual(await tenant.roles.of("auth0|u1", onRetry), [role]);
    const began = Date.now();
    await tenant.organizations.add(organization, ids(0, 2), onRetry);
    assert.ok(Date.now() > began);
    assert.deepEqual(retries.slice(1), ["HTTP 503", "HTTP 429"]);
    assert.equal((await all(tenant.organizations.members(organization, onRetry))).length, 2);
  });

  it("say which scope is missing", async () => {
    await start(1, { scopes: ["read:users"] });
    await assert.rejects(tenant.roles.give(role, ids(0, 1), onRetry), {
      message: /refused giving users a role: Insufficient scope, expected any of: update:roles\. Grant it to the appl/,
    });
  });
});
