import assert from "node:assert/strict";
import type { FaultPlan } from "../emulator/index";
import { connections, ManualClock, TestTenant, usersNamed } from "./emulatorClient";

const scopes = ["create:connections", "create:users", "read:users", "update:users", "delete:users"];

describe("emulator: what a connection and the tenant want of imports", () => {
  let tenant: TestTenant;
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock();
    tenant = await TestTenant.start({ clock, scopes, tokenLifetimeSeconds: 1e9 });
  });
  afterEach(() => tenant.stop());

  async function connectionWith(attributes: object): Promise<{ connection_id: string }> {
    const body = { name: "flexible", strategy: "auth0", options: { attributes } };
    const { id } = (await tenant.call("POST", "/api/v2/connections", body)).body as { id: string };
    return { connection_id: id };
  }

  /** Of each record: "ok", or the codes and paths of its errors. */
  async function outcomes(users: object[], fields: Record<string, string>): Promise<string[]> {
    const { failed } = await tenant.importUsers(users, fields);
    return users.map((user) => {
      const failure = failed.find(
        (each) => JSON.stringify(withoutHash(each.user)) === JSON.stringify(withoutHash(user)),
      );
      return failure?.errors.map(({ code, path }) => (path ? `${code} ${path}` : code)).join(", ") ?? "ok";
    });
  }

  /** It comes back masked. */
  function withoutHash(user: object): object {
    return { ...user, password_hash: undefined };
  }

  describe("options.attributes", () => {
    const active = { identifier: { active: true } };

    it("require what the profile requires", async () => {
      const fields = await connectionWith({
        email: { ...active, profile_required: true },
        username: { ...active, profile_required: true },
        phone_number: { profile_required: true },
      });
      const whole = { email: "a@example.com", username: "a", phone_number: "+12125550001" };
      assert.deepEqual(
        await outcomes([whole, { email: "b@example.com" }, { email: "c@example.com", username: "c" }], fields),
        ["ok", "OBJECT_REQUIRED username, OBJECT_REQUIRED phone_number", "OBJECT_REQUIRED phone_number"],
      );
    });

    it("say how long a username is, and whether it may be an email address or a phone number", async () => {
      const users = [
        { email: "a@example.com", username: "abc" },
        { email: "b@example.com", username: "abcd" },
        { email: "c@example.com", username: "x".repeat(31) },
        { email: "d@example.com", username: "d@example.org" },
        { email: "e@example.com", username: "+12125550001" },
      ];
      const strict = await connectionWith({
        email: active,
        username: { validation: { min_length: 4, max_length: 30 } },
      });
      assert.deepEqual(await outcomes(users, strict), [
        "MIN_LENGTH username",
        "ok",
        "MAX_LENGTH username",
        "NOT_PASSED username",
        "NOT_PASSED username",
      ]);
      await tenant.call("DELETE", `/api/v2/connections/${strict.connection_id}`);
    });

    it("let usernames be addresses or phone numbers", async () => {
      const allowed_types = { email: true, phone_number: true };
      const fields = await connectionWith({ email: active, username: { validation: { allowed_types } } });
      const users = [
        { email: "d@example.com", username: "d@example.org" },
        { email: "e@example.com", username: "+12125550001" },
      ];
      assert.deepEqual(await outcomes(users, fields), ["ok", "ok"]);
    });

    it("take users without email, or not, as the published schema says", async () => {
      const fields = await connectionWith({ email: active, username: active, phone_number: active });
      const users = [{ username: "a" }, { phone_number: "+12125550001" }, { user_id: "1" }];
      assert.deepEqual(await outcomes(users, fields), [
        "OBJECT_REQUIRED email",
        "OBJECT_REQUIRED email",
        "ANY_OF_MISSING",
      ]);
      await tenant.assume({ importsWithoutEmail: true });
      assert.deepEqual(await outcomes(users, fields), ["ok", "ok", "ANY_OF_MISSING"]);
      assert.deepEqual(await outcomes(users, { ...fields, upsert: "true" }), [
        "DUPLICATED_USER",
        "DUPLICATED_USER",
        "ANY_OF_MISSING",
      ]);
      // A connection of the usual kind always wants one.
      assert.deepEqual(await outcomes([{ username: "a" }], { connection_id: connections.database }), [
        "OBJECT_REQUIRED email",
      ]);
    });

    it("let several users have one email, where it is not unique", async () => {
      const fields = await connectionWith({ email: { unique: false }, username: active });
      const users = ["a", "b"].map((username) => ({ email: "family@example.com", username }));
      assert.deepEqual(await outcomes([...users, { email: "family@example.com" }], fields), [
        "ok",
        "ok",
        "ANY_OF_MISSING",
      ]);
      const found = await tenant.call("GET", "/api/v2/users-by-email?email=family%40example.com");
      assert.equal((found.body as object[]).length, 2);

      const path = `/api/v2/connections/${fields.connection_id}/users?email=family%40example.com`;
      assert.equal((await tenant.call("DELETE", path)).status, 400);
      const upsert = { ...fields, upsert: "true" };
      assert.equal((await tenant.postUsers(users, upsert)).status, 400);
      await tenant.assume({ nonUniqueUpserts: "first" });
      const { summary } = await tenant.importUsers([{ ...users[1], name: "Updated" }], upsert);
      assert.deepEqual(summary, { failed: 0, updated: 1, inserted: 0, total: 1 });
      const [first, second] = (await tenant.call("GET", "/api/v2/users-by-email?email=family%40example.com")).body as {
        name?: string;
      }[];
      assert.deepEqual([first?.name, second?.name], ["Updated", undefined]);
    });
  });

  it("matches by user_id where the tenant's flag is set", async () => {
    const people = [
      { email: "old@example.com", user_id: "1" },
      { email: "other@example.com", user_id: "2", username: "other" },
    ];
    await tenant.importUsers(people);
    const upsert = { upsert: "true" };
    const moved = { email: "new@example.com", user_id: "1", name: "Jane" };
    assert.deepEqual(await outcomes([moved], upsert), ["DUPLICATED_USER"]);

    await tenant.assume({ matchByUserId: true });
    assert.deepEqual(await outcomes([moved, { ...moved, user_id: "3", email: "third@example.com" }], upsert), [
      "ok",
      "ok",
    ]);
    assert.equal((await tenant.userByEmail("old@example.com"))?.name, "Jane");
    assert.ok(await tenant.userByEmail("third@example.com"), "nobody had its id");
    assert.deepEqual(
      await outcomes(
        [
          { ...moved, username: "other" },
          { ...moved, user_id: "2", email: "old@example.com" },
        ],
        upsert,
      ),
      ["CONFLICT_USERNAME", "CONFLICT_EMAIL"],
    );
  });

  it("takes profiles over 10 KB until 2027-03-04, if at all", async () => {
    const size = async (bytes: number, fields: Record<string, string> = {}) => {
      const user_metadata = { text: "ä".repeat(bytes / 2) };
      return (
        await outcomes(
          [{ email: "jane@example.com", user_metadata, password_hash: `$2b$10$${"a".repeat(53)}` }],
          fields,
        )
      )[0];
    };
    const upsert = { upsert: "true" };
    assert.equal(await size(20_000), "ok");
    await tenant.assume({ profileAllowance: false });
    assert.equal(await size(20_000, upsert), "PROFILE_SIZE_EXCEEDED");
    assert.equal(await size(10_000, upsert), "ok");
    const tooLong = { user_metadata: { more: "x".repeat(2000) } };
    const user = (await tenant.userByEmail("jane@example.com")) as { user_id: string };
    const patch = () => tenant.call("PATCH", `/api/v2/users/${encodeURIComponent(user.user_id)}`, tooLong);
    assert.equal((await patch()).status, 400);

    await tenant.assume({ profileAllowance: true });
    assert.equal((await patch()).status, 200);
    clock.advance((Date.parse("2027-03-04") - clock.now()) / 1000 - 1);
    assert.equal(await size(20_000, upsert), "ok");
    clock.advance(1);
    assert.equal(await size(20_000, upsert), "PROFILE_SIZE_EXCEEDED");
  });

  it("makes up name, nickname and picture, or does not", async () => {
    await tenant.importUsers([{ email: "Jane@example.com" }, { email: "bob@example.com", name: "Bob" }]);
    assert.equal((await tenant.userByEmail("jane@example.com"))?.name, undefined);
    await tenant.assume({ importDefaults: true });
    const { name, nickname, picture } = (await tenant.userByEmail("jane@example.com")) ?? {};
    assert.deepEqual([name, nickname], ["jane@example.com", "jane"]);
    assert.match(String(picture), /^https:\/\/s\.gravatar\.com\/avatar\/9e26471d35a78862c17e467d87cddedf\?/);
    assert.equal((await tenant.userByEmail("bob@example.com"))?.name, "Bob");
  });

  it("answers with codes and paths that no page lists, where a fault says so", async () => {
    const cases: FaultPlan = [
      {
        on: "job",
        kind: "error",
        email: "^a@",
        code: "OBJECT_ADDITIONAL_PROPERTIES",
        message: "Additional properties",
      },
      { on: "job", kind: "error", email: "^b@", code: "INVALID_FORMAT", path: "identities[0].profileData.email" },
    ];
    tenant.emulator.tenant.faults.replace(cases);
    const users = ["a", "b", "c"].map((name) => ({ email: `${name}@example.com` }));
    assert.deepEqual(await outcomes(users, {}), [
      "OBJECT_ADDITIONAL_PROPERTIES",
      "INVALID_FORMAT identities[0].profileData.email",
      "ok",
    ]);
  });

  it("counts each record of a file once, whatever becomes of it", async () => {
    await tenant.importUsers([{ email: "there@example.com" }]);
    const users = [
      { email: "there@example.com", name: "New" },
      { email: "THERE@example.com" },
      { email: "new@example.com" },
      { email: "bad" },
      5,
    ];
    const { summary, failed } = await tenant.importUsers(JSON.stringify(users), { upsert: "true" });
    assert.deepEqual(summary, { failed: 3, updated: 1, inserted: 1, total: 5 });
    assert.equal(failed.length, 3);
  });

  it("fails the rest of a job whose connection is deleted", async () => {
    await tenant.stop();
    tenant = await TestTenant.start({ clock, scopes: [...scopes, "delete:connections"], usersPerSecond: 1 });
    const id = await tenant.submit(usersNamed(4));
    clock.advance(2);
    assert.equal((await tenant.call("DELETE", `/api/v2/connections/${connections.database}`)).status, 202);
    clock.advance(2);
    assert.deepEqual((await tenant.job(id)).summary, { failed: 2, updated: 0, inserted: 2, total: 4 });
    const errors = (await tenant.errors(id)).body as { errors: { code: string }[] }[];
    assert.equal(errors[0]?.errors[0]?.code, "CONNECTION_NOT_FOUND");
  });
});
