import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connections, ManualClock, TestTenant, usersNamed } from "./emulatorClient";

const scopes = [
  "create:users",
  "read:users",
  "update:users",
  "delete:users",
  "create:connections",
  "update:connections",
];
const jane = "/api/v2/users/auth0%7C1";

type Profile = Record<string, unknown>;

describe("emulator: single users", () => {
  let tenant: TestTenant;
  let clock: ManualClock;

  async function start(options: Parameters<typeof TestTenant.start>[0] = {}): Promise<void> {
    clock = new ManualClock();
    tenant = await TestTenant.start({ clock, scopes, passwordRounds: 4, ...options });
  }

  beforeEach(() => start());
  afterEach(() => tenant.stop());

  async function get(path = jane): Promise<Profile> {
    const { status, body } = await tenant.call("GET", path);
    assert.equal(status, 200);
    return body as Profile;
  }

  async function patched(patch: object, path = jane): Promise<Profile> {
    const { status, body } = await tenant.call("PATCH", path, patch);
    assert.equal(status, 200, JSON.stringify(body));
    return body as Profile;
  }

  /** What a refused call says. */
  async function refusal(method: string, path: string, body: object): Promise<[status: number, message: string]> {
    const answer = await tenant.call(method, path, body);
    return [answer.status, (answer.body as Error).message];
  }

  async function signUp(user: object): Promise<void> {
    assert.equal((await tenant.call("POST", "/emulator/users", user)).status, 201);
  }

  async function connect(name: string, options: object, enabled = true): Promise<string> {
    const { id } = (await tenant.call("POST", "/api/v2/connections", { name, strategy: "auth0", options })).body as {
      id: string;
    };
    const clients = [{ client_id: "EmulatedApplication0000000000001", status: true }];
    if (enabled) await tenant.call("PATCH", `/api/v2/connections/${id}/clients`, clients);
    return id;
  }

  describe("PATCH", () => {
    beforeEach(() =>
      tenant.importUsers([{ email: "jane@example.com", user_id: "1", email_verified: true, name: "Jane" }]),
    );

    const together: [patch: object, message: string][] = [
      [{ password: "x", email: "b@example.com" }, "Cannot update password and email simultaneously."],
      [{ password: "x", email_verified: true }, "Cannot update password and email_verified simultaneously."],
      [{ username: "x", email: "b@example.com" }, "Cannot update username and email simultaneously."],
      [{ username: "x", email_verified: true }, "Cannot update username and email_verified simultaneously."],
      [{ username: "x", password: "x" }, "Cannot update username and password simultaneously."],
      [{ connection: "nowhere", name: "x" }, "Connection does not exist."],
      [{ connection: "google-oauth2", name: "x" }, "Connection is not supported for this operation."],
      [{ phone_number: "+12125550001" }, "phone_number is not allowed for this connection."],
    ];
    for (const [patch, message] of together) {
      it(`refuses ${JSON.stringify(patch)}`, async () => {
        const before = await get();
        assert.deepEqual(await refusal("PATCH", jane, patch), [400, message]);
        assert.deepEqual(await get(), before);
      });
    }

    const invalid: [patch: object, property: string][] = [
      [{ name: "" }, "name"],
      [{ name: "x".repeat(301) }, "name"],
      [{ nickname: "x".repeat(301) }, "nickname"],
      [{ given_name: "x".repeat(151) }, "given_name"],
      [{ family_name: "x".repeat(151) }, "family_name"],
      [{ username: "x".repeat(129) }, "username"],
      [{ phone_number: "12" }, "phone_number"],
      [{ phone_number: null }, "phone_number"],
      [{ picture: "no uri" }, "picture"],
      [{ email: "jane@example.c" }, "email"],
      [{ email_verified: "yes" }, "email_verified"],
      [{ user_metadata: null }, "user_metadata"],
    ];
    for (const [patch, property] of invalid) {
      it(`takes no ${JSON.stringify(patch).slice(0, 40)}`, async () => {
        const [status, message] = await refusal("PATCH", jane, patch);
        assert.equal(status, 400);
        assert.ok(message.endsWith(`on property ${property}`), message);
      });
    }

    it("takes no hash, no id, and nothing that it does not know", async () => {
      for (const patch of [
        { password_hash: "x" },
        { custom_password_hash: {} },
        { mfa_factors: [] },
        { user_id: "2" },
      ]) {
        assert.equal((await refusal("PATCH", jane, patch))[0], 400);
      }
    });

    it("takes metadata for itself, all else with its scope", async () => {
      await tenant.stop();
      await start({ scopes: ["create:users", "read:users", "update:users_app_metadata"] });
      await tenant.importUsers([{ email: "jane@example.com", user_id: "1" }]);
      assert.deepEqual((await patched({ app_metadata: { a: 1 } })).app_metadata, { a: 1 });
      assert.equal((await refusal("PATCH", jane, { app_metadata: {}, name: "x" }))[0], 403);
    });

    it("merges metadata on the first level; null removes a key, {} all of them", async () => {
      const nested = { a: { x: 1, y: 2 }, b: 1, c: 1 };
      await patched({ user_metadata: nested, app_metadata: nested });
      const change = { a: { x: 3 }, b: null, d: 1 };
      const { user_metadata, app_metadata } = await patched({ user_metadata: change, app_metadata: change });
      for (const each of [user_metadata, app_metadata]) assert.deepEqual(each, { a: { x: 3 }, c: 1, d: 1 });
      const emptied = await patched({ user_metadata: {}, app_metadata: {} });
      assert.deepEqual([emptied.user_metadata, "app_metadata" in emptied], [{}, false]);
    });

    it("takes attributes, email with email_verified, and blocked as it is", async () => {
      clock.advance(5);
      const body = {
        email: "New@example.com",
        email_verified: true,
        nickname: "J",
        blocked: true,
        verify_email: false,
      };
      const user = await patched(body);
      const { email, email_verified, nickname, blocked, name, updated_at, created_at } = user;
      assert.deepEqual([email, email_verified, nickname, blocked, name], ["new@example.com", true, "J", true, "Jane"]);
      assert.deepEqual([created_at, updated_at], ["2025-01-01T00:00:00.000Z", "2025-01-01T00:00:05.000Z"]);
      assert.equal((await patched({ email: "other@example.com" })).email_verified, false);
      const unblocked = await patched({ blocked: false });
      assert.equal(unblocked.blocked, false);
      assert.equal("verify_email" in unblocked, false);
    });

    it("removes the five attributes only where it is assumed, or the users are their owner's", async () => {
      const patch = { name: null, picture: null };
      const [status, message] = await refusal("PATCH", jane, patch);
      assert.equal(status, 400);
      assert.match(
        message,
        /^The following user attributes cannot be removed: name, picture\. The connection \(Username-/,
      );
      await tenant.assume({ nullAttributes: "removed" });
      assert.equal("name" in (await patched(patch)), false);
      await tenant.assume({ nullAttributes: "refused" });
      await signUp({ connection: "google-oauth2", user_id: "9", name: "Jane" });
      assert.equal("name" in (await patched({ name: null }, "/api/v2/users/google-oauth2%7C9")), false);
    });

    it("says what is somebody else's already", async () => {
      const options = {
        attributes: Object.fromEntries(["email", "username", "phone_number"].map((name) => [name, {}])),
      };
      const connection_id = await connect("flexible", {
        attributes: { ...options.attributes, email: { identifier: { active: true } } },
      });
      const users = ["a", "b"].map((name, index) => ({
        email: `${name}@example.com`,
        user_id: name,
        username: name,
        phone_number: `+1212555000${index}`,
      }));
      await tenant.importUsers(users, { connection_id });
      const a = "/api/v2/users/auth0%7Ca";
      for (const takenEmail of [400, 409] as const) {
        await tenant.assume({ takenEmail });
        const answer = await tenant.call("PATCH", a, { email: "B@example.com" });
        const { errorCode, message } = answer.body as { errorCode: string; message: string };
        assert.deepEqual(
          [answer.status, errorCode, message],
          [takenEmail, "auth0_idp_error", "The specified new email already exists"],
        );
      }
      assert.deepEqual(await refusal("PATCH", a, { username: "B" }), [400, "The username provided is in use already."]);
      assert.equal((await refusal("PATCH", a, { phone_number: "+12125550001" }))[0], 400);
      assert.equal((await patched({ username: "c" }, a)).username, "c");
      assert.equal((await patched({ phone_number: "+12125550009" }, a)).phone_number, "+12125550009");
    });

    it("sets a password: it is dated, lifts a block, and no upsert can set a hash after it", async () => {
      const hash = { custom_password_hash: { algorithm: "md5", hash: { value: "00", encoding: "hex" } } };
      await tenant.importUsers([{ email: "bob@example.com", user_id: "2", blocked: true, ...hash }]);
      clock.advance(1);
      const user = await patched({ password: "secret", user_metadata: { a: 1 } }, "/api/v2/users/auth0%7C2");
      assert.deepEqual(
        [user.last_password_reset, user.blocked, user.user_metadata],
        ["2025-01-01T00:00:01.000Z", false, { a: 1 }],
      );
      assert.doesNotMatch(JSON.stringify(user), /secret|\$2b/);
      const { summary } = await tenant.importUsers([{ email: "bob@example.com", ...hash }], { upsert: "true" });
      assert.equal(summary.failed, 1);
      const kept = (await tenant.send("GET", "/emulator/users/auth0%7C2")).body as Profile;
      assert.match(String(kept.password_hash), /^\$2b\$/);
    });

    it("refuses weak passwords, and changes of email or password where no application is enabled", async () => {
      const policies: [policy: string, weak: string, strong: string][] = [
        ["low", "12345", "123456"],
        ["fair", "abcdefgh", "abcdEF12"],
        ["good", "abcdefG", "abcdefG1"],
        ["excellent", "aaabcdefG1", "abcdefghG1"],
      ];
      const id = await connect("strict", {});
      await tenant.importUsers([{ email: "bob@example.com", user_id: "2" }], { connection_id: id });
      const bob = "/api/v2/users/auth0%7C2";
      for (const [passwordPolicy, weak, strong] of policies) {
        await tenant.call("PATCH", `/api/v2/connections/${id}`, { options: { passwordPolicy } });
        assert.deepEqual(await refusal("PATCH", bob, { password: weak }), [
          400,
          "PasswordStrengthError: Password is too weak",
        ]);
        await patched({ password: strong }, bob);
      }
      const unused = await connect("unused", {}, false);
      await tenant.importUsers([{ email: "eve@example.com", user_id: "3" }], { connection_id: unused });
      for (const patch of [{ email: "new@example.com" }, { password: "secret" }]) {
        assert.deepEqual(await refusal("PATCH", "/api/v2/users/auth0%7C3", patch), [
          400,
          "Cannot change email or password for users in a disabled connection.",
        ]);
      }
      assert.equal((await patched({ name: "Eve" }, "/api/v2/users/auth0%7C3")).name, "Eve");
    });

    it("changes little of users of other connections", async () => {
      await signUp({ connection: "google-oauth2", user_id: "9", name: "Jane", email: "jane@gmail.com" });
      const path = "/api/v2/users/google-oauth2%7C9";
      const cases: [patch: object, message: string][] = [
        [{ email: "b@example.com" }, "Cannot update email for non-database user."],
        [{ email_verified: true }, "Email verification is not supported for enterprise users."],
        [{ name: "x", nickname: "y" }, "The following user attributes cannot be updated: name, nickname."],
      ];
      for (const [patch, message] of cases) assert.deepEqual(await refusal("PATCH", path, patch), [400, message]);
      const { app_metadata, blocked } = await patched({ app_metadata: { a: 1 }, blocked: true }, path);
      assert.deepEqual([app_metadata, blocked], [{ a: 1 }, true]);
    });

    it("means the user of the named connection, where two have the id", async () => {
      await tenant.importUsers([{ email: "other@example.com", user_id: "1" }], {
        connection_id: connections.secondDatabase,
      });
      assert.equal((await patched({ name: "First" })).email, "jane@example.com");
      assert.equal((await patched({ name: "Second", connection: "second-database" })).email, "other@example.com");
      assert.equal((await get()).name, "First");
    });

    it("keeps what was made up of the old email", async () => {
      await tenant.assume({ importDefaults: true, nullAttributes: "removed" });
      await tenant.importUsers([{ email: "bob@example.com", user_id: "2" }]);
      const bob = "/api/v2/users/auth0%7C2";
      const { name, nickname } = await patched({ email: "robert@example.com" }, bob);
      assert.deepEqual([name, nickname], ["bob@example.com", "bob"]);
      assert.equal("name" in (await patched({ name: null }, bob)), false);
    });
  });

  describe("POST", () => {
    const create = (body: object) => tenant.call("POST", "/api/v2/users", body);
    const database = { connection: "Username-Password-Authentication", password: "secret" };

    it("makes a user with name, nickname and picture", async () => {
      const { status, body } = await create({ ...database, email: "Jane@example.com", user_id: "1" });
      assert.equal(status, 201);
      const { picture, ...user } = body as Profile;
      assert.match(String(picture), /gravatar/);
      assert.deepEqual(user, {
        user_id: "auth0|1",
        email: "jane@example.com",
        email_verified: false,
        name: "jane@example.com",
        nickname: "jane",
        identities: [
          { connection: "Username-Password-Authentication", provider: "auth0", user_id: "1", isSocial: false },
        ],
        created_at: "2025-01-01T00:00:00.000Z",
        updated_at: "2025-01-01T00:00:00.000Z",
      });
    });

    it("refuses what the connection or others leave no room for", async () => {
      await create({ ...database, email: "jane@example.com", user_id: "1" });
      const cases: [body: object, status: number, message: string | RegExp][] = [
        [{ ...database, email: "Jane@example.com" }, 409, "The user already exists."],
        [{ ...database, email: "b@example.com", user_id: "1" }, 409, "The user already exists."],
        [{ ...database, connection: "nowhere", email: "b@example.com" }, 400, "Connection does not exist."],
        [
          { ...database, connection: "google-oauth2", email: "b@example.com" },
          400,
          "Connection is not supported for this operation.",
        ],
        [
          { ...database, email: "b@example.com", username: "b" },
          400,
          "Cannot set username for connection without requires_username.",
        ],
        [
          { ...database, email: "b@example.com", phone_number: "+12125550001" },
          400,
          "phone_number is not allowed for this connection.",
        ],
        [{ ...database, password: undefined, email: "b@example.com" }, 400, /Missing required property: password/],
        [{ ...database }, 400, /Missing required property: email/],
        [
          { ...database, connection: "username-database", email: "b@example.com" },
          400,
          /Missing required property: username/,
        ],
      ];
      for (const [body, status, message] of cases) {
        const answer = await create(body);
        assert.equal(answer.status, status, JSON.stringify(answer.body));
        const said = (answer.body as Error).message;
        if (typeof message === "string") assert.equal(said, message);
        else assert.match(said, message);
      }
      const named = { ...database, connection: "username-database", username: "b" };
      assert.equal((await create({ ...named, email: "b@example.com" })).status, 201);
      const taken = await create({ ...named, email: "c@example.com" });
      assert.deepEqual(
        [taken.status, (taken.body as Error).message],
        [400, "The username provided is in use already."],
      );
    });

    it("wants to know the domain, where there are several", async () => {
      await tenant.assume({ customDomains: true });
      const conflict = await create({ ...database, email: "jane@example.com" });
      assert.deepEqual(
        [conflict.status, (conflict.body as { errorCode: string }).errorCode],
        [409, "custom_domain_conflict"],
      );
    });
  });

  describe("are deleted", () => {
    it("with 204, whether they were there or not", async () => {
      await tenant.importUsers([{ email: "jane@example.com", user_id: "1" }]);
      for (const _ of ["there", "not there"]) assert.equal((await tenant.call("DELETE", jane)).status, 204);
      const again = await tenant.importUsers([{ email: "jane@example.com", user_id: "1" }]);
      assert.equal(again.summary.inserted, 1);
    });

    it("and seen for a while, where it is assumed", async () => {
      await tenant.assume({ deletionLagSeconds: 5 });
      await tenant.importUsers([{ email: "jane@example.com", user_id: "1", name: "Jane" }]);
      await patched({ name: "Changed" });
      await tenant.call("DELETE", jane);
      clock.advance(4);
      const everywhere = async () => [
        (await tenant.call("GET", jane)).status,
        ((await tenant.call("GET", "/api/v2/users-by-email?email=jane%40example.com")).body as object[]).length,
        ((await tenant.call("GET", "/api/v2/users?q=user_id:auth0|1")).body as object[]).length,
        ((await tenant.call("GET", "/api/v2/users")).body as object[]).length,
      ];
      assert.deepEqual(await everywhere(), [200, 1, 1, 1]);
      assert.equal((await get()).name, "Changed");
      assert.equal((await tenant.call("PATCH", jane, { name: "x" })).status, 404, "but it is gone");
      clock.advance(1);
      assert.deepEqual(await everywhere(), [404, 0, 0, 0]);

      await tenant.importUsers([{ email: "jane@example.com", user_id: "1", name: "Another" }]);
      await tenant.call("DELETE", jane);
      await tenant.importUsers([{ email: "jane@example.com", user_id: "1", name: "Third" }]);
      assert.deepEqual(await everywhere(), [200, 1, 1, 1]);
      assert.equal((await get()).name, "Third");
    });
  });

  describe("are searched", () => {
    async function found(q: string): Promise<unknown[]> {
      const { status, body } = await tenant.call("GET", `/api/v2/users?q=${encodeURIComponent(q)}&search_engine=v3`);
      assert.equal(status, 200, JSON.stringify(body));
      return (body as Profile[]).map(({ user_id }) => String(user_id).split("|")[1]).sort();
    }

    it("by what is asked for", async () => {
      await tenant.importUsers([
        { email: "a@example.com", user_id: "a", name: "Ann", user_metadata: { plan: "gold", empty: {} } },
        { email: "b@example.org", user_id: "b", name: "Bob", blocked: true, user_metadata: { plan: null } },
      ]);
      await tenant.importUsers([{ email: "a@example.com", user_id: "c" }], {
        connection_id: connections.secondDatabase,
      });
      await tenant.send("POST", "/emulator/users/auth0%7Ca/sign-in");
      const cases: [q: string, ids: string[]][] = [
        ['identities.user_id:"a"', ["a"]],
        ['identities.user_id:("a" OR "c" OR "nobody")', ["a", "c"]],
        ["user_id:auth0|a OR user_id:auth0|b", ["a", "b"]],
        ['email:"A@example.com"', ["a", "c"]],
        ['email:"a@example.com" AND identities.connection:"second-database"', ["c"]],
        ["email.domain:example.org", ["b"]],
        ["logins_count:[1 TO *]", ["a"]],
        ["NOT _exists_:logins_count", ["b", "c"]],
        ["_exists_:user_metadata.plan", ["a"]],
        ["_exists_:user_metadata.empty", []],
        ["blocked:true", ["b"]],
        ["name:an*", ["a"]],
        ["(name:Ann OR name:Bob) AND NOT blocked:true", ["a"]],
        ["created_at:[2025-01-01 TO 2025-01-02]", ["a", "b", "c"]],
        ["created_at:[2025-01-02 TO *]", []],
      ];
      for (const [q, ids] of cases) assert.deepEqual(await found(q), ids, q);
      for (const q of ["email:", '"', "name:a)", "user_metadata.plan:g*", "NOT"]) {
        assert.equal((await tenant.call("GET", `/api/v2/users?q=${encodeURIComponent(q)}`)).status, 400, q);
      }
    });

    it("late, and as they were", async () => {
      await tenant.assume({ searchLagSeconds: 10 });
      await tenant.importUsers([{ email: "a@example.com", user_id: "a" }]);
      assert.deepEqual(await found('email:"a@example.com"'), []);
      assert.ok(await tenant.userByEmail("a@example.com"));
      clock.advance(10);
      assert.deepEqual(await found('email:"a@example.com"'), ["a"]);
      await patched({ email: "b@example.com" }, "/api/v2/users/auth0%7Ca");
      assert.deepEqual(await found('email:"a@example.com"'), ["a"]);
      assert.deepEqual(await found('email:"b@example.com"'), []);
      clock.advance(10);
      assert.deepEqual(await found('email:"b@example.com"'), ["a"]);
      await tenant.call("DELETE", "/api/v2/users/auth0%7Ca");
      assert.deepEqual(await found('identities.user_id:"a"'), ["a"]);
      clock.advance(10);
      assert.deepEqual(await found('identities.user_id:"a"'), []);
    });

    it("up to the 1,000th", async () => {
      await tenant.importUsers(usersNamed(1001));
      const last = (await tenant.call("GET", "/api/v2/users?page=9&per_page=100")).body as object[];
      assert.equal(last.length, 100);
      const [status, message] = await refusal("GET", "/api/v2/users?page=10&per_page=100", undefined as never);
      assert.deepEqual([status, message], [400, "You can only page through the first 1000 records."]);
    });
  });

  describe("are linked", () => {
    const google = "/api/v2/users/google-oauth2%7C9";
    const secondary = { provider: "auth0", user_id: "1" };

    beforeEach(async () => {
      await tenant.importUsers([
        { email: "jane@example.com", user_id: "1", name: "Jane", user_metadata: { lost: true } },
      ]);
      await signUp({ connection: "google-oauth2", user_id: "9", email: "jane@gmail.com" });
    });

    it("the secondary one is no user any more, but an identity of the primary", async () => {
      const { status, body } = await tenant.call("POST", `${google}/identities`, secondary);
      assert.equal(status, 201);
      const identities = [
        { connection: "google-oauth2", provider: "google-oauth2", user_id: "9", isSocial: true },
        {
          connection: "Username-Password-Authentication",
          provider: "auth0",
          user_id: "1",
          isSocial: false,
          profileData: { email: "jane@example.com", email_verified: false, name: "Jane" },
        },
      ];
      assert.deepEqual(body, identities);
      assert.deepEqual((await get(google)).identities, identities);
      assert.equal((await tenant.call("GET", jane)).status, 404);
      assert.equal(await tenant.userByEmail("jane@example.com"), undefined);
      const q = encodeURIComponent('identities.user_id:"1"');
      const found = (await tenant.call("GET", `/api/v2/users?q=${q}`)).body as Profile[];
      assert.deepEqual(
        found.map(({ user_id }) => user_id),
        ["google-oauth2|9"],
      );
      assert.equal(tenant.emulator.tenant.users.size, 1);
    });

    it("and the email stays taken in its connection", async () => {
      await tenant.call("POST", `${google}/identities`, secondary);
      for (const upsert of ["false", "true"]) {
        const users = [{ email: "jane@example.com" }, { email: "b@example.com", user_id: "1" }];
        const { summary, failed } = await tenant.importUsers(users, { upsert });
        assert.equal(summary.failed, 2);
        for (const { errors } of failed) assert.equal(errors[0]?.code, "DUPLICATED_USER");
      }
      const email = { connection: "Username-Password-Authentication", email: "new@example.com" };
      const { identities, email: primaryEmail } = await patched(email, google);
      assert.equal(primaryEmail, "jane@gmail.com");
      assert.equal((identities as { profileData?: Profile }[])[1]?.profileData?.email, "new@example.com");
      await tenant.call("DELETE", google);
      assert.equal((await tenant.importUsers([{ email: "new@example.com", user_id: "1" }])).summary.inserted, 1);
    });

    it("but not twice, not to themselves, and nobody who is not there", async () => {
      const link = (body: object) => refusal("POST", `${google}/identities`, body);
      assert.deepEqual(await link({ provider: "google-oauth2", user_id: "9" }), [
        400,
        "Main identity and the new one are the same.",
      ]);
      assert.deepEqual(await link({ provider: "auth0", user_id: "2" }), [
        400,
        "Linking to an inexistent identity is not allowed.",
      ]);
      assert.deepEqual(await link({ ...secondary, connection_id: connections.secondDatabase }), [
        400,
        "Provided secondary account not found.",
      ]);
      assert.equal((await tenant.call("POST", `${google}/identities`, secondary)).status, 201);
      assert.deepEqual(await link(secondary), [409, "Specified identity already exists."]);
      assert.equal((await refusal("POST", `${jane}/identities`, secondary))[0], 404);
    });

    it("and stay so between runs, with their own identities", async () => {
      const folder = mkdtempSync(join(tmpdir(), "emulator-users-"));
      try {
        await tenant.stop();
        const options = { scopes, clock, dataFile: join(folder, "data.ndjson") };
        tenant = await TestTenant.start(options);
        await tenant.importUsers([{ email: "jane@example.com", user_id: "1" }]);
        for (const user_id of ["8", "9"])
          await signUp({ connection: "google-oauth2", user_id, email: `${user_id}@gmail.com` });
        await tenant.call("POST", "/api/v2/users/google-oauth2%7C8/identities", secondary);
        await tenant.call("POST", `${google}/identities`, { provider: "google-oauth2", user_id: "8" });
        const before = await get(google);
        assert.equal((before.identities as object[]).length, 3);
        await tenant.stop();
        tenant = await tenant.restart(options);
        assert.deepEqual(await get(google), before);
        assert.equal(tenant.emulator.tenant.users.size, 1);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});
