import assert from "node:assert/strict";
import { connections, TestTenant } from "./emulatorClient";

const bcrypt = `$2b$10$${"a".repeat(53)}`;
const phc = "J6Q/82PCyaNpYKRELJyTZg$m04qUAB8rexWDR4+/0f";

function hashed(algorithm: string, hash: object, rest: object = {}) {
  return { custom_password_hash: { algorithm, hash, ...rest } };
}

describe("emulator: records", () => {
  let tenant: TestTenant;

  beforeEach(async () => {
    tenant = await TestTenant.start();
  });
  afterEach(() => tenant.stop());

  async function userOf(email: string): Promise<Record<string, unknown>> {
    const user = await tenant.userByEmail(email);
    assert.ok(user, email);
    return user;
  }

  /** Everything kept of a user, secrets included. */
  async function recordOf(email: string): Promise<Record<string, unknown>> {
    const { user_id } = await userOf(email);
    return (await tenant.send("GET", `/emulator/users/${user_id}`)).body as Record<string, unknown>;
  }

  describe("that fail", () => {
    const cases: [what: string, record: object, code: string, path?: string, alsoCode?: string][] = [
      ["no identifier", { name: "Jane" }, "ANY_OF_MISSING"],
      ["no email", { username: "jane", email: undefined }, "OBJECT_REQUIRED", "email"],
      ["a bad email", { email: "nobody" }, "FORMAT", "email"],
      ["an email of another type", { email: 5 }, "INVALID_TYPE", "email"],
      [
        "an email too long",
        { email: `a@${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.${"e".repeat(60)}.${"f".repeat(10)}.com` },
        "FORMAT",
        "email",
        "MAX_LENGTH",
      ],
      ["a local part too long", { email: `${"a".repeat(65)}@example.com` }, "FORMAT", "email", "MAX_LENGTH"],
      ...["c", "123", "co1"].map((label): [string, object, string, string] => [
        `an email whose last label is ${label}`,
        { email: `jane@example.${label}` },
        "FORMAT",
        "email",
      ]),
      ["an email at an IP address", { email: "jane@192.0.2.1" }, "FORMAT", "email"],
      ["an email at a label of 64", { email: `jane@${"a".repeat(64)}.example.com` }, "FORMAT", "email"],
      ["an underscore in an email's domain", { email: "jane@ex_ample.com" }, "FORMAT", "email"],
      [
        "a factor's email at an IP address",
        { mfa_factors: [{ email: { value: "a@192.0.2.1" } }] },
        "FORMAT",
        "mfa_factors[0].email.value",
      ],
      ["an unknown attribute", { nick: "J" }, "NOT_PASSED"],
      ["a name too long", { name: "x".repeat(151) }, "MAX_LENGTH", "name"],
      ["a given name too long", { given_name: "x".repeat(151) }, "MAX_LENGTH", "given_name"],
      ["a family name too long", { family_name: "x".repeat(151) }, "MAX_LENGTH", "family_name"],
      ["a nickname too long", { nickname: "x".repeat(301) }, "MAX_LENGTH", "nickname"],
      ["a user id too long", { user_id: "x".repeat(256) }, "MAX_LENGTH", "user_id"],
      ["white space in the user id", { user_id: "a b" }, "PATTERN", "user_id"],
      ["a phone number without a country", { phone_number: "0123456" }, "PATTERN", "phone_number"],
      ["an empty username", { username: "" }, "MIN_LENGTH", "username"],
      ["a username too long", { username: "x".repeat(16) }, "MAX_LENGTH", "username"],
      ["a letter that no username has", { username: "jäne" }, "PATTERN", "username"],
      ["an email address as username", { username: "j@doe.com" }, "NOT_PASSED", "username"],
      ["a reserved key in app_metadata", { app_metadata: { user_id: 1 } }, "NOT_PASSED", "app_metadata"],
      ["a dot in a metadata key", { user_metadata: { a: { "b.c": 1 } } }, "PATTERN", "user_metadata"],
      ["a dollar before a metadata key", { app_metadata: { list: [{ $a: 1 }] } }, "PATTERN", "app_metadata"],
      ["metadata that is no object", { user_metadata: "dark" }, "INVALID_TYPE", "user_metadata"],
      ["no factor", { mfa_factors: [] }, "ARRAY_LENGTH_SHORT", "mfa_factors"],
      [
        "too many factors",
        { mfa_factors: Array(11).fill({ phone: { value: "+1" } }) },
        "ARRAY_LENGTH_LONG",
        "mfa_factors",
      ],
      [
        "two factors in one",
        { mfa_factors: [{ phone: { value: "+1" }, totp: { secret: "A" } }] },
        "NOT_PASSED",
        "mfa_factors[0]",
      ],
      ["a bad TOTP secret", { mfa_factors: [{ totp: { secret: "a=" } }] }, "PATTERN", "mfa_factors[0].totp.secret"],
      ["a factor without its value", { mfa_factors: [{ email: {} }] }, "OBJECT_REQUIRED", "mfa_factors[0].email.value"],
      ["bcrypt with other rounds", { password_hash: bcrypt.replace("10", "12") }, "PATTERN", "password_hash"],
      ["bcrypt $2y$ as password_hash", { password_hash: bcrypt.replace("2b", "2y") }, "PATTERN", "password_hash"],
      ["both kinds of hash", { password_hash: bcrypt, ...hashed("bcrypt", { value: bcrypt }) }, "NOT_PASSED"],
      ["an unknown algorithm", hashed("crypt", { value: "x" }), "ENUM_MISMATCH", "custom_password_hash.algorithm"],
      ["no hash", { custom_password_hash: { algorithm: "md5" } }, "OBJECT_REQUIRED", "custom_password_hash.hash"],
      ["no value", hashed("md5", { encoding: "hex" }), "OBJECT_REQUIRED", "custom_password_hash.hash.value"],
      ["no encoding", hashed("md5", { value: "00" }), "OBJECT_REQUIRED", "custom_password_hash.hash.encoding"],
      [
        "md5 in utf8",
        hashed("md5", { value: "00", encoding: "utf8" }),
        "ENUM_MISMATCH",
        "custom_password_hash.hash.encoding",
      ],
      [
        "hex that is none",
        hashed("md5", { value: "0g", encoding: "hex" }),
        "PATTERN",
        "custom_password_hash.hash.value",
      ],
      ["half a byte", hashed("md5", { value: "000", encoding: "hex" }), "PATTERN", "custom_password_hash.hash.value"],
      [
        "base64 that is none",
        hashed("sha1", { value: "*", encoding: "base64" }),
        "PATTERN",
        "custom_password_hash.hash.value",
      ],
      [
        "a salt that is not as encoded",
        hashed("sha1", { value: "00", encoding: "hex" }, { salt: { value: "x", encoding: "hex" } }),
        "PATTERN",
        "custom_password_hash.salt.value",
      ],
      [
        "a salt without its value",
        hashed("sha1", { value: "00", encoding: "hex" }, { salt: {} }),
        "OBJECT_REQUIRED",
        "custom_password_hash.salt.value",
      ],
      [
        "a salt beside argon2",
        hashed("argon2", { value: `$argon2id$v=19$m=65536,t=2,p=1$${phc}` }, { salt: { value: "x" } }),
        "NOT_PASSED",
        "custom_password_hash.salt",
      ],
      [
        "argon2 without parameters",
        hashed("argon2", { value: `$argon2id$${phc}` }),
        "PATTERN",
        "custom_password_hash.hash.value",
      ],
      [
        "bcrypt in hex",
        hashed("bcrypt", { value: bcrypt, encoding: "hex" }),
        "ENUM_MISMATCH",
        "custom_password_hash.hash.encoding",
      ],
      [
        "bcrypt $2x$",
        hashed("bcrypt", { value: bcrypt.replace("2b", "2x") }),
        "PATTERN",
        "custom_password_hash.hash.value",
      ],
      ["LDAP's {CRYPT}", hashed("ldap", { value: "{CRYPT}abc" }), "PATTERN", "custom_password_hash.hash.value"],
      [
        "a salt beside ldap",
        hashed("ldap", { value: "{MD5}abcd" }, { salt: { value: "x" } }),
        "NOT_PASSED",
        "custom_password_hash.salt",
      ],
      [
        "padded pbkdf2",
        hashed("pbkdf2", { value: "$pbkdf2-sha1$i=1,l=2$YQ==$YQ==" }),
        "PATTERN",
        "custom_password_hash.hash.value",
      ],
      [
        "a salt beside pbkdf2",
        hashed("pbkdf2", { value: "$pbkdf2-sha1$YQ$YQ" }, { salt: { value: "x" } }),
        "NOT_PASSED",
        "custom_password_hash.salt",
      ],
      [
        "hmac without digest",
        hashed("hmac", { value: "00", encoding: "hex", key: { value: "k" } }),
        "OBJECT_REQUIRED",
        "custom_password_hash.hash.digest",
      ],
      [
        "hmac without key",
        hashed("hmac", { value: "00", encoding: "hex", digest: "sha1" }),
        "OBJECT_REQUIRED",
        "custom_password_hash.hash.key",
      ],
      [
        "hmac with a key without value",
        hashed("hmac", { value: "00", encoding: "hex", digest: "sha1", key: {} }),
        "OBJECT_REQUIRED",
        "custom_password_hash.hash.key.value",
      ],
      [
        "hmac with a key not as encoded",
        hashed("hmac", { value: "00", encoding: "hex", digest: "sha1", key: { value: "k", encoding: "hex" } }),
        "PATTERN",
        "custom_password_hash.hash.key.value",
      ],
      [
        "hmac by an unknown digest",
        hashed("hmac", { value: "00", encoding: "hex", digest: "sha3", key: { value: "k" } }),
        "ENUM_MISMATCH",
        "custom_password_hash.hash.digest",
      ],
      [
        "scrypt without keylen",
        hashed("scrypt", { value: "00", encoding: "hex" }),
        "OBJECT_REQUIRED",
        "custom_password_hash.keylen",
      ],
      [
        "scrypt with keylen 0",
        hashed("scrypt", { value: "00", encoding: "hex" }, { keylen: 0 }),
        "MINIMUM",
        "custom_password_hash.keylen",
      ],
      [
        "scrypt with half a keylen",
        hashed("scrypt", { value: "00", encoding: "hex" }, { keylen: 0.5 }),
        "INVALID_TYPE",
        "custom_password_hash.keylen",
      ],
      [
        "scrypt with cost 1",
        hashed("scrypt", { value: "00", encoding: "hex" }, { keylen: 1, cost: 1 }),
        "MINIMUM",
        "custom_password_hash.cost",
      ],
      [
        "scrypt with cost 1000",
        hashed("scrypt", { value: "00", encoding: "hex" }, { keylen: 1, cost: 1000 }),
        "NOT_PASSED",
        "custom_password_hash.cost",
      ],
      [
        "scrypt with blockSize 0",
        hashed("scrypt", { value: "00", encoding: "hex" }, { keylen: 1, blockSize: 0 }),
        "MINIMUM",
        "custom_password_hash.blockSize",
      ],
      [
        "scrypt with parallelization 0",
        hashed("scrypt", { value: "00", encoding: "hex" }, { keylen: 1, parallelization: 0 }),
        "MINIMUM",
        "custom_password_hash.parallelization",
      ],
    ];
    for (const [what, record, code, path, alsoCode] of cases) {
      it(`${what}: ${code}`, async () => {
        const whole = what === "no identifier" ? record : { email: "jane@example.com", ...record };
        const { summary, failed } = await tenant.importUsers([whole]);
        assert.equal(summary.failed, 1);
        const [error, ...others] = failed[0]?.errors ?? [];
        assert.deepEqual([error?.code, error?.path], [code, path]);
        assert.deepEqual(
          others.map((other) => other.code),
          alsoCode ? [alsoCode] : [],
        );
      });
    }

    it("what is not an object: INVALID_TYPE", async () => {
      const { failed } = await tenant.importUsers('[5, null, "x", []]');
      assert.deepEqual(
        failed.map(({ user, errors }) => [user, errors[0]?.code]),
        [5, null, "x", []].map((user) => [user, "INVALID_TYPE"]),
      );
    });

    it("list all that is wrong with them", async () => {
      const { failed } = await tenant.importUsers([{ email: "x", email_verified: "yes", nick: 1 }]);
      assert.deepEqual(failed[0]?.errors.map(({ code }) => code).sort(), ["FORMAT", "INVALID_TYPE", "NOT_PASSED"]);
    });

    it("come back as they were provided, secrets masked", async () => {
      const secret = "736563726574";
      const records = [
        { email: "A@Example.com", password_hash: secret, nick: 1, user_metadata: { deep: ["kept"] } },
        {
          email: "b@example.com",
          custom_password_hash: {
            algorithm: "hmac",
            hash: { value: secret, encoding: "hex", digest: "sha1", key: { value: secret } },
            salt: { value: secret },
          },
          mfa_factors: [{ totp: { secret: "SECRET" } }],
          nick: 1,
        },
      ];
      const { failed } = await tenant.importUsers(records);
      assert.deepEqual(
        failed.map(({ user }) => user),
        [
          { email: "A@Example.com", password_hash: "*****", nick: 1, user_metadata: { deep: ["kept"] } },
          {
            email: "b@example.com",
            custom_password_hash: {
              algorithm: "hmac",
              hash: { value: "*****", encoding: "hex", digest: "sha1", key: { value: "*****" } },
              salt: { value: "*****" },
            },
            mfa_factors: [{ totp: { secret: "*****" } }],
            nick: 1,
          },
        ],
      );
      assert.doesNotMatch(JSON.stringify(failed), new RegExp(secret));
    });
  });

  describe("that pass", () => {
    const cases: [what: string, record: object][] = [
      [
        "everything at its longest",
        {
          name: "x".repeat(150),
          nickname: "x".repeat(300),
          user_id: "x".repeat(255),
          username: "x".repeat(15),
          phone_number: "+123456789012345",
        },
      ],
      ...[
        "jane@example.museum",
        "o'brien+x@sub.example.co.uk",
        "jane@xn--exmple-cua.com",
        '"jane doe"@exämple.com',
      ].map((email): [string, object] => [`the email ${email}`, { email }]),
      ["all letters of a username", { username: "aZ9_+-.!#$'^`~@" }],
      ["password_hash $2a$", { password_hash: bcrypt.replace("2b", "2a") }],
      [
        "bcrypt $2y$ with a salt",
        hashed("bcrypt", { value: bcrypt.replace("2b$10", "2y$12") }, { salt: { value: "x" } }),
      ],
      ["argon2i without a version", hashed("argon2", { value: `$argon2i$m=16,t=2,p=1$${phc}`, encoding: "utf8" })],
      ["LDAP schemes", hashed("ldap", { value: "{SMD5}YWJjZA==" })],
      ["pbkdf2 by default parameters", hashed("pbkdf2", { value: "$pbkdf2-sha256$YWJj$YWJj" })],
      ["upper case hex", hashed("md5", { value: "AB0F", encoding: "hex" })],
      [
        "url-encoded base64",
        hashed("sha512", { value: "ab-_", encoding: "base64" }, { salt: { value: "s", position: "suffix" } }),
      ],
      [
        "scrypt with all parameters",
        hashed("scrypt", { value: "00", encoding: "hex" }, { keylen: 1, cost: 2, blockSize: 1, parallelization: 1 }),
      ],
      ["dots and dollars in values", { user_metadata: { a: "b.c", list: ["$x", "y.z"] } }],
      ["a password's encoding", hashed("md5", { value: "00", encoding: "hex" }, { password: { encoding: "ucs2" } })],
    ];
    for (const [what, record] of cases) {
      it(what, async () => {
        const { failed, summary } = await tenant.importUsers([{ email: "jane@example.com", ...record }]);
        assert.deepEqual(failed, []);
        assert.equal(summary.inserted, 1);
      });
    }

    it("a long username, where the connection says so; none, where it says that one is required", async () => {
      const fields = { connection_id: connections.withUsernames };
      const { failed } = await tenant.importUsers(
        [
          { email: "a@example.com", username: "x".repeat(20) },
          { email: "b@example.com", username: "x".repeat(21) },
          { email: "c@example.com" },
        ],
        fields,
      );
      assert.deepEqual(
        failed.map(({ user, errors }) => [user.email, errors[0]?.code]),
        [
          ["b@example.com", "MAX_LENGTH"],
          ["c@example.com", "OBJECT_REQUIRED"],
        ],
      );
    });
  });

  describe("inserted", () => {
    it("get a user id of 24 hex digits, or their own behind auth0|", async () => {
      await tenant.importUsers([
        { email: "a@example.com" },
        { email: "b@example.com", user_id: "42" },
        { email: "c@example.com", user_id: "auth0|43" },
      ]);
      assert.match(String((await userOf("a@example.com")).user_id), /^auth0\|[0-9a-f]{24}$/);
      assert.equal((await userOf("b@example.com")).user_id, "auth0|42");
      assert.equal((await userOf("c@example.com")).user_id, "auth0|auth0|43");
    });

    it("fail when a user with an identifier of theirs is there", async () => {
      const jane = { email: "jane@example.com", user_id: "1", username: "jane", phone_number: "+12125550001" };
      await tenant.importUsers([jane]);
      const { failed, summary } = await tenant.importUsers([
        { email: "JANE@example.com" },
        { email: "b@example.com", user_id: "1" },
        { email: "c@example.com", username: "JANE" },
        { email: "d@example.com", phone_number: "+12125550001" },
        { email: "e@example.com", user_id: "2", username: "other", phone_number: "+12125550002" },
      ]);
      assert.equal(summary.inserted, 1);
      for (const { errors } of failed) {
        assert.deepEqual(errors, [
          { code: "DUPLICATED_USER", message: "The user already exist and upsert parameter is false" },
        ]);
      }
      assert.equal(failed.length, 4);
    });

    it("may share all with a user of another connection, or all but the user id", async () => {
      await tenant.importUsers([{ email: "jane@example.com", user_id: "1", username: "jane" }]);
      const other = { connection_id: connections.secondDatabase };
      await tenant.assume({ sharedUserIds: false });
      const sameId = await tenant.importUsers([{ email: "other@example.com", user_id: "1" }], other);
      assert.equal(sameId.failed[0]?.errors[0]?.code, "DUPLICATED_USER");
      const rest = await tenant.importUsers([{ email: "jane@example.com", username: "jane" }], other);
      assert.equal(rest.summary.inserted, 1);

      await tenant.assume({ sharedUserIds: true });
      const shared = await tenant.importUsers([{ email: "other@example.com", user_id: "1" }], other);
      assert.equal(shared.summary.inserted, 1);
      assert.equal(tenant.emulator.tenant.users.size, 3);
      const byId = async () => (await tenant.call("GET", "/api/v2/users/auth0%7C1")).body as { email?: string };
      assert.equal((await byId()).email, "jane@example.com");
      // Calls by id act on the first that there is.
      await tenant.call("PATCH", "/api/v2/users/auth0%7C1", { name: "First" });
      assert.equal((await userOf("jane@example.com")).name, "First");
      assert.equal((await userOf("other@example.com")).name, undefined);
      await tenant.call("DELETE", "/api/v2/users/auth0%7C1");
      assert.equal((await byId()).email, "other@example.com");
    });

    it("fail when an earlier record of the file is the same user, with upsert too", async () => {
      const jane = { email: "jane@example.com", user_id: "1", username: "jane" };
      const users = [
        jane,
        { email: "Jane@example.com", name: "second" },
        { email: "b@example.com", user_id: "1" },
        { email: "c@example.com", username: "JANE" },
      ];
      for (const upsert of ["false", "true"]) {
        await tenant.send("POST", "/emulator/reset");
        const { failed, summary } = await tenant.importUsers(users, { upsert });
        assert.equal(summary.inserted, 1);
        assert.deepEqual(
          failed.map(({ errors }) => errors[0]),
          ["email", "user_id", "username"].map((identifier) => ({
            code: "DUPLICATED_USER",
            message: `A user with this ${identifier} was already provided.`,
          })),
        );
        assert.equal((await userOf("jane@example.com")).name, undefined);
      }
    });
  });

  describe("upserted", () => {
    const upsert = { upsert: "true" };

    it("insert a user whose email is not there", async () => {
      const { summary } = await tenant.importUsers([{ email: "a@example.com", username: "ann" }], upsert);
      assert.deepEqual(summary, { failed: 0, updated: 0, inserted: 1, total: 1 });
      assert.equal((await userOf("a@example.com")).username, "ann");
    });

    it("set the upsertable attributes and leave the others", async () => {
      const email = "jane@example.com";
      await tenant.importUsers([
        {
          email,
          user_id: "1",
          username: "jane",
          phone_number: "+12125550001",
          password_hash: bcrypt,
          blocked: true,
          picture: "old",
          name: "Old",
        },
      ]);
      const sent = {
        app_metadata: { plan: "pro" },
        user_metadata: { theme: "dark" },
        email_verified: true,
        family_name: "Doe",
        given_name: "Jane",
        name: "Jane Doe",
        nickname: "J",
        mfa_factors: [{ phone: { value: "+12125550001" } }],
      };
      const notUpsertable = {
        user_id: "2",
        username: "other",
        phone_number: "+12125550009",
        phone_verified: true,
        blocked: false,
        password_hash: bcrypt.replaceAll("a", "b"),
      };
      const { summary } = await tenant.importUsers([{ email: "JANE@example.com", ...sent, ...notUpsertable }], upsert);
      assert.deepEqual(summary, { failed: 0, updated: 1, inserted: 0, total: 1 });
      const { identities: _, created_at: __, updated_at: ___, ...record } = await recordOf(email);
      assert.deepEqual(record, {
        user_id: "auth0|1",
        email,
        username: "jane",
        phone_number: "+12125550001",
        password_hash: bcrypt,
        blocked: true,
        picture: "old",
        ...sent,
      });
    });

    it("replace metadata whole, or not at all", async () => {
      await tenant.importUsers([{ email: "a@example.com", user_metadata: { a: 1, b: 2 }, app_metadata: { c: 3 } }]);
      await tenant.importUsers([{ email: "a@example.com", user_metadata: { b: 4 } }], upsert);
      const { user_metadata, app_metadata } = await userOf("a@example.com");
      assert.deepEqual([user_metadata, app_metadata], [{ b: 4 }, { c: 3 }]);
    });

    it("take back email_verified unless they state it", async () => {
      await tenant.importUsers([{ email: "a@example.com", email_verified: true }]);
      await tenant.importUsers([{ email: "a@example.com", name: "Ann" }], upsert);
      assert.equal((await userOf("a@example.com")).email_verified, false);
      await tenant.importUsers([{ email: "a@example.com", email_verified: true }], upsert);
      assert.equal((await userOf("a@example.com")).email_verified, true);
    });

    it("set a custom password hash until the user has signed in", async () => {
      const record = (value: string) => ({ email: "a@example.com", ...hashed("md5", { value, encoding: "hex" }) });
      await tenant.importUsers([record("01")]);
      await tenant.importUsers([record("02")], upsert);
      assert.deepEqual((await recordOf("a@example.com")).custom_password_hash, record("02").custom_password_hash);
      const { user_id } = await userOf("a@example.com");
      assert.equal((await tenant.send("POST", `/emulator/users/${user_id}/sign-in`)).status, 204);
      const { summary } = await tenant.importUsers([record("03")], upsert);
      assert.deepEqual(summary, { failed: 1, updated: 0, inserted: 0, total: 1 });
      assert.deepEqual((await recordOf("a@example.com")).custom_password_hash, record("02").custom_password_hash);
      const { logins_count, last_login, last_ip } = await userOf("a@example.com");
      assert.deepEqual([logins_count, typeof last_login, last_ip], [1, "string", "127.0.0.1"]);
    });

    it("are refused whole with a hash for who has none or a password_hash, by a code that is not known", async () => {
      await tenant.importUsers([{ email: "a@example.com" }, { email: "b@example.com", password_hash: bcrypt }]);
      const users = ["a", "b"].map((name) => ({
        email: `${name}@example.com`,
        name: "New",
        ...hashed("md5", { value: "01", encoding: "hex" }),
      }));
      for (const hashConflictCode of ["CONFLICT", "NOT_PASSED"]) {
        await tenant.assume({ hashConflictCode });
        const { failed } = await tenant.importUsers(users, upsert);
        const message = "A custom_password_hash was provided, but the user already has password hash defined";
        assert.deepEqual(
          failed.map(({ errors }) => errors),
          users.map(() => [{ code: hashConflictCode, message }]),
        );
        assert.equal((await userOf("a@example.com")).name, undefined);
      }
      const withoutHash = users.map(({ custom_password_hash: _, ...user }) => user);
      assert.equal((await tenant.importUsers(withoutHash, upsert)).summary.updated, 2);
      await tenant.assume({ hashUpserts: "taken" });
      assert.equal((await tenant.importUsers(users, upsert)).summary.updated, 2);
      const { custom_password_hash, password_hash } = await recordOf("b@example.com");
      assert.deepEqual([custom_password_hash, password_hash], [users[1]?.custom_password_hash, undefined]);
    });

    it("set factors, or leave them", async () => {
      const factors = (value: string) => ({ email: "a@example.com", mfa_factors: [{ phone: { value } }] });
      await tenant.importUsers([factors("+1")]);
      for (const [factorsUpserted, kept] of [
        [true, "+2"],
        [false, "+2"],
      ] as const) {
        await tenant.assume({ factorsUpserted });
        const { summary } = await tenant.importUsers([factors(factorsUpserted ? "+2" : "+3")], upsert);
        assert.equal(summary.updated, 1);
        assert.deepEqual((await recordOf("a@example.com")).mfa_factors, factors(kept).mfa_factors);
      }
    });

    it("fail when a new user's id or username is somebody else's", async () => {
      await tenant.importUsers([{ email: "a@example.com", user_id: "1", username: "ann" }]);
      const { failed } = await tenant.importUsers(
        [
          { email: "b@example.com", user_id: "1" },
          { email: "c@example.com", username: "ann" },
        ],
        upsert,
      );
      assert.deepEqual(
        failed.map(({ errors }) => errors[0]?.code),
        ["DUPLICATED_USER", "DUPLICATED_USER"],
      );
    });
  });
});
