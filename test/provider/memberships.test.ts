import assert from "node:assert/strict";
import { BatchTest, CONNECTION } from "../support/batch";

const SCOPES = [
  ...["create:users", "read:users", "read:connections", "update:users", "read:roles", "update:roles"],
  ...["create:role_members", "read:role_members", "delete:role_members"],
  ...["read:organizations", "create:organization_members", "read:organization_members", "delete:organization_members"],
  "read:organization_connections",
  ...["create:organization_member_roles", "read:organization_member_roles", "delete:organization_member_roles"],
];

describe("roles and organizations of a batch, in the provider process", function () {
  this.timeout(180_000);
  const at = new BatchTest();
  beforeEach(() => at.start({ scopes: SCOPES }));
  afterEach(() => at.stop());

  it("are given and taken by the tenant's ids, and kept in the state", async () => {
    const { roles, organizations } = at.emulator.tenant;
    const [admin, owner] = [roles.create("admin", "").id, roles.create("owner", "").id];
    const acme = organizations.create("acme", "Acme", []).id;
    const args = { roles: { admin, owner }, organizations: { acme } };
    const holders = (role: string) => roles.membersOf(role).map(({ id }) => id);
    at.writeUsers([
      { user_id: "jane", email: "jane@example.com", email_verified: true, roles: ["admin"] },
      {
        ...{ user_id: "john", email: "john@example.com", email_verified: true },
        organizations: [{ name: "acme", roles: ["owner"] }],
      },
    ]);
    const first = await at.preview(undefined, args);
    assert.ok(
      first.includes("roles and organizations: admin 1, acme 1, acme/owner 1 given: 3 calls"),
      first.join("\n"),
    );
    const tooMany =
      /The role admin would have more than 0 members \(maxMembers\): it has 0, and 1 user of the files is to/;
    // At a first import each batch knows what the records of the others say.
    for (const index of [0, 1]) {
      const batch = { ...args, share: { index, count: 2 }, created: new Date().toISOString() };
      await assert.rejects(at.create({ ...batch, maxMembers: { admin: 0 } }), tooMany);
    }
    assert.equal(at.users().length, 0);
    await at.restart();
    const outputs = await at.create(args);
    const said = at.provider.logs.map(({ message }) => message).join("\n");
    assert.match(said, /The connection "Username-Password-Authentication" is not enabled in the organization acme/);
    assert.deepEqual(outputs.summary.memberships, { given: 3, taken: 0 });
    assert.deepEqual(holders(admin), ["auth0|jane"]);
    const members = () => organizations.membersOf(acme, 0, 0).map(({ id, roles }) => [id, ...roles]);
    assert.deepEqual(members(), [["auth0|john", owner]]);
    // The engine keeps maps in an order of its own.
    const { membershipMaps } = outputs as { membershipMaps?: object };
    const kept = { ...outputs, membershipMaps: Object.fromEntries(Object.entries(membershipMaps ?? {}).reverse()) };
    assert.equal(await at.update(kept, args), kept);

    at.writeUsers([
      { user_id: "jane", email: "jane@example.com", email_verified: true, roles: [] },
      { user_id: "john", email: "john@example.com", email_verified: true, organizations: [] },
    ]);
    const preview = await at.preview(outputs, args);
    const taken = "roles and organizations: admin 1, acme 1, acme/owner 1 taken: 3 calls";
    assert.ok(preview.includes(taken), preview.join("\n"));
    await at.restart();
    const { summary } = await at.update(outputs, args);
    assert.deepEqual(summary.memberships, { given: 0, taken: 3 });
    assert.deepEqual([holders(admin), members()], [[], []]);
  });

  it("send nothing where a scope is missing, and tell of organizations that make members by themselves", async () => {
    await at.stop();
    const scopes = ["create:users", "read:users", "read:connections", "read:organization_connections"];
    await at.start({ scopes });
    const connection = { connection_id: CONNECTION, is_signup_enabled: false, show_as_button: true };
    const jane = [{ email: "jane@example.com", email_verified: true }];
    at.writeUsers(jane);
    await assert.rejects(
      at.create({ roles: { admin: "rol_1" }, organizations: { acme: "org_1" } }),
      /update:roles \(required by `roles`[^;]*; create:role_members [^;]*; create:organization_members \(required by `org/,
    );
    assert.equal(at.users().length, 0);
    await at.stop();
    await at.start({ scopes: [...scopes, "create:organization_members"] });
    const joined = [{ ...connection, assign_membership_on_login: true }];
    const there = at.emulator.tenant.organizations.create("acme", "Acme", joined).id;
    at.writeUsers([{ ...jane[0], roles: ["admin"] }]);
    const unsent =
      "1 record with `roles`, the first at users.json:1, and the program has no argument `roles`: they are not sent, and their users come in without them. Add the argument, or leave `roles` out of the records.";
    const preview = await at.preview(undefined, {});
    assert.ok(preview.includes(unsent), preview.join("\n"));
    await at.restart();
    await at.create({ organizations: { acme: there, gone: "org_x" } });
    const said = at.provider.logs.map(({ message }) => message).join("\n");
    assert.match(said, /Who signs in to the organization acme through the connection becomes a member/);
    assert.match(said, /The tenant has no organization gone \(org_x\)/);
    assert.ok(said.includes(unsent), said);
  });
});
