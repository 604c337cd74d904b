import assert from "node:assert/strict";
import { type EmulatorOptions, startEmulator } from "../../emulator";
import { Holdings } from "../../provider/import/memberships/held";
import { MemberLists } from "../../provider/import/memberships/memberLists";
import { BatchProgress } from "../../provider/progress/batchProgress";
import { Tenant } from "../../provider/tenant/client";
import { TenantError } from "../../provider/tenant/errors";
import { checkOrganizations } from "../../provider/tenant/organizationsCheck";

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

  describe("that read what many users have", () => {
    const USERS = 120;
    const holdings = () =>
      new Holdings(
        tenant,
        new MemberLists(),
        { exists: (text) => tenant.roles.exists(text, onRetry) },
        { progress: new BatchProgress(0, 1, () => {}) },
        { assertGoesOn: () => {} },
      );
    const requests = () => {
      const { requests } = emulator.tenant.stats();
      const called = (route: string) => requests[`GET /api/v2/${route}`] ?? 0;
      return {
        lists: called("roles/:id/users") + called("organizations/:id/members"),
        singles: called("users/:id/roles") + called("users/:id/organizations"),
        memberRoles: called("organizations/:id/members/:user/roles"),
      };
    };
    async function held(): Promise<string[][]> {
      const asked = [role, organization, `${organization} ${role}`];
      const reading = holdings();
      await reading.prepare(
        ids(0, USERS).map(() => asked),
        0,
      );
      return Promise.all(ids(0, USERS).map(async (id) => [...(await reading.of(id, asked))].sort()));
    }
    const expected = () =>
      ids(0, USERS).map((_, i) => [
        ...(i < 3 ? [organization] : []),
        ...(i === 0 ? [`${organization} ${role}`] : []),
        ...(i < 103 ? [role] : []),
      ]);
    async function startWithMembers(options: EmulatorOptions = {}): Promise<void> {
      await start(USERS, options);
      const named = (id: string) => {
        const user = emulator.tenant.users.get(id);
        assert.ok(user);
        return user;
      };
      for (const id of ids(0, 103)) emulator.tenant.roles.give(role, named(id));
      for (const id of ids(0, 3)) emulator.tenant.organizations.add(organization, named(id));
      const first = emulator.tenant.organizations.memberOf(organization, named("auth0|u0"));
      assert.ok(first);
      emulator.tenant.organizations.giveRoles(first, [role]);
    }

    it("read lists of members, and roles in organizations of members alone", async () => {
      await startWithMembers();
      assert.deepEqual(await held(), expected());
      assert.deepEqual(requests(), { lists: 3, singles: 0, memberRoles: 3 });
    });

    it("read user by user where a list may not be read", async () => {
      await startWithMembers({ scopes: scopes.filter((scope) => scope !== "read:organization_members") });
      assert.deepEqual(await held(), expected());
      // One list is refused, the other one is read.
      assert.deepEqual(requests(), { lists: 3, singles: USERS, memberRoles: 3 });
    });
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

  it("look at 100 organizations before the first job, and say that there are more", async () => {
    await start(0);
    const { organizations } = emulator.tenant;
    const made = Array.from({ length: 102 }, (_, i) => [`o${i}`, organizations.create(`o${i}`, "", []).id] as const);
    const all = Object.fromEntries([["acme", organization], ...made]);
    const { warnings, notes } = await checkOrganizations(tenant, all, "con_0000000000000001", "users");
    assert.match(warnings.join(), /not enabled in the organization o0, o1, o2, o3, o4 and 94 more/);
    assert.match(notes.join("\n"), /^Of 103 organizations the first 100 were looked at: .* "users" .* not known\.$/m);
    const few = await checkOrganizations(tenant, { acme: organization }, "con_0000000000000001", "users");
    assert.doesNotMatch(few.notes.join(), /were looked at/);
  });

  it("say which scope is missing", async () => {
    await start(1, { scopes: ["read:users"] });
    await assert.rejects(tenant.roles.give(role, ids(0, 1), onRetry), {
      message: /refused giving users a role: Insufficient scope, expected any of: update:roles\. Grant it to the appl/,
    });
  });
});
