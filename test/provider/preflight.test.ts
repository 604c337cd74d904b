import assert from "node:assert/strict";
import type { Connection, ConnectionOptions } from "../../emulator/connections";
import { shareHash } from "../../provider/plan/share";
import { BatchTest, CONNECTION, URN } from "../support/batch";
import { PartialFailure, type Properties, UNKNOWN } from "../support/providerProcess";

const CUSTOM = "con_0000000000000004";
const SECOND = "con_0000000000000005";
const ENABLED_FOR_NONE = "con_0000000000000006";
const CONNECTION_CALL = "GET /api/v2/connections/:id";
const CLIENTS_CALL = "GET /api/v2/connections/:id/clients";

const WARNING = 2;

const people = (count: number, attributes: (i: number) => object = () => ({})) =>
  Array.from({ length: count }, (_, i) => ({
    email: `person${i}@example.com`,
    email_verified: true,
    username: `person${i}`,
    ...attributes(i),
  }));

describe("before the first job", () => {
  const at = BatchTest.forEach();

  /** What was said for good, by how loud. */
  const said = (severity?: number) =>
    at.provider.logs
      .filter((log) => !log.ephemeral && (severity === undefined || log.severity === severity))
      .map(({ message }) => message);

  const asked = () => {
    const { requests } = at.emulator.tenant.stats();
    return [requests[CONNECTION_CALL] ?? 0, requests[CLIENTS_CALL] ?? 0];
  };

  async function refused(overrides: Properties = {}): Promise<string> {
    at.writeUsers(people(3));
    const { inputs } = await at.provider.check("UserBatch", {}, at.inputs(overrides));
    let message = "";
    await assert.rejects(at.provider.create("UserBatch", inputs), (error: Error) => {
      assert.ok(!(error instanceof PartialFailure), "nothing is to be kept");
      message = error.message;
      return true;
    });
    assert.match(message, /Nothing was sent\.$/);
    assert.equal(at.provider.output, "", "a stack trace is no answer");
    assert.equal(at.emulator.tenant.stats().requests["POST /api/v2/jobs/users-imports"], undefined);
    return message;
  }

  const setUp = (id: string, changes: Partial<Connection>) => {
    const { tenant } = at.emulator;
    tenant.putConnection({ ...(tenant.connections.get(id) as Connection), ...changes });
  };

  async function withScopes(...scopes: string[]): Promise<void> {
    await at.stop();
    await at.start({ scopes });
  }

  describe("looks up some ids of the source", () => {
    const ids = [..."abcdefgh"];
    const withIds = () => at.writeUsers(ids.map((user_id) => ({ user_id, email: `${user_id}@example.com` })));
    const put = (id: string, connectionId: string) =>
      at.emulator.tenant.users.put({
        ...{
          id: `auth0|${id}`,
          connectionId,
          email: `${id}@old.example.com`,
          username: undefined,
          phoneNumber: undefined,
        },
        ...{ createdAt: 0, updatedAt: 0, attributes: "{}" },
      });
    const create = async () => {
      withIds();
      const { inputs } = await at.provider.check("UserBatch", {}, at.inputs());
      return at.provider.create("UserBatch", inputs);
    };

    it("and sends nothing where they are another connection's", async () => {
      put("b", SECOND);
      await assert.rejects(
        create(),
        /1 belong to users of another connection \("second-database"\).*Nothing was sent\.$/s,
      );
      assert.equal(at.emulator.tenant.stats().requests["POST /api/v2/jobs/users-imports"], undefined);
    });

    it("once for all batches of an import", async () => {
      withIds();
      for (const index of [0, 1]) {
        const { inputs } = await at.provider.check("UserBatch", {}, at.inputs({ share: { index, count: 2 } }));
        await at.provider.create("UserBatch", inputs);
      }
      assert.equal(at.emulator.tenant.stats().requests["GET /api/v2/users/:id"], ids.length);
    });

    it("once, before a first import only", async () => {
      await create();
      assert.equal(at.emulator.tenant.stats().requests["GET /api/v2/users/:id"], ids.length);
    });
  });

  describe("refuses a connection", () => {
    it("that does not exist", async () => {
      assert.match(
        await refused({ connectionId: "con_AAAAAAAAAAAAAAAA" }),
        /con_AAAAAAAAAAAAAAAA does not exist in 127/,
      );
    });
    it("that is no database", async () => {
      const message = await refused({ connectionId: "con_0000000000000002" });
      assert.match(message, /"google-oauth2" is not a database connection \(its strategy is google-oauth2\)/);
    });
    for (const strategy of ["sms", "email"]) {
      it(`that is passwordless: ${strategy}`, async () => {
        setUp("con_0000000000000003", { strategy });
        const message = await refused({ connectionId: "con_0000000000000003" });
        assert.match(message, new RegExp(`passwordless \\(${strategy}\\)`));
      });
    }
    it("that is a custom database without import_mode", async () => {
      assert.match(await refused({ connectionId: CUSTOM }), /"custom-database" is a custom database.*import_mode/);
    });
  });

  it("takes a custom database with import_mode", async () => {
    setUp(CUSTOM, { options: { enabledDatabaseCustomization: true, import_mode: true } });
    at.writeUsers(people(3));
    assert.equal((await at.create({ connectionId: CUSTOM })).summary.inserted, 3);
  });

  it("takes a connection whose options are of no use", async () => {
    setUp(CONNECTION, {
      options: { enabledDatabaseCustomization: null, import_mode: "?" } as object as ConnectionOptions,
    });
    at.writeUsers(people(3));
    assert.equal((await at.create()).summary.inserted, 3);
  });

  it("says nothing where nothing is wrong", async () => {
    at.writeUsers(people(3));
    await at.create();
    assert.deepEqual(said(), []);
    assert.deepEqual(asked(), [1, 1]);
  });

  it("warns of a connection that no application uses, and imports", async () => {
    at.writeUsers(people(3));
    const { summary } = await at.create({ connectionId: ENABLED_FOR_NONE });
    assert.equal(summary.inserted, 3);
    const [warning, ...others] = at.provider.logs.filter(({ ephemeral }) => !ephemeral);
    assert.deepEqual(others, []);
    assert.equal(warning?.urn, URN);
    assert.equal(warning?.severity, WARNING);
    assert.match(warning?.message ?? "", /"username-database" is enabled for no application/);
  });

  it("asks and tells once for all batches, and again for another connection", async () => {
    at.writeUsers(people(40));
    const shares = [0, 1, 2, 3].map((index) => ({ index, count: 4 }));
    await Promise.all(shares.map((share) => at.create({ share, connectionId: ENABLED_FOR_NONE })));
    assert.deepEqual(asked(), [1, 1]);
    assert.equal(said(WARNING).length, 1);
    at.writeUsers(people(3), "others.json");
    await at.create({ users: ["others.json"], connectionId: SECOND });
    assert.deepEqual(asked(), [2, 2]);
  });

  it("asks nothing where nothing is sent", async () => {
    at.writeUsers(people(3));
    const old = await at.create();
    const { requests } = at.emulator.tenant.stats();
    assert.deepEqual(await at.preview(old), []);
    await at.restart();
    assert.equal(await at.update(old), old);
    at.writeUsers(people(2));
    assert.match((await at.preview(old)).join(), /1 no longer in the file: no jobs/);
    await at.restart();
    assert.equal((await at.update(old)).summary.removed, 1);
    assert.deepEqual(at.emulator.tenant.stats().requests, requests);
  });

  it("asks before it looks a user up, and looks in the right connection from the first one", async () => {
    at.writeUsers([{ email: "jane@example.com", email_verified: true }], "others.json");
    await at.create({ users: ["others.json"], connectionId: SECOND, key: "of another import" });
    at.writeUsers([{ email: "jane@example.com" }]);
    const { connection: _, ...old } = (await at.create()) as unknown as Record<string, unknown>;
    at.writeUsers([{ email: "jane@example.com", given_name: "Jane" }]);
    await at.restart();
    await at.update(old as never);
    const [inOther, inThis] = at.users();
    assert.deepEqual([inOther?.email_verified, inOther?.given_name], [true, undefined]);
    assert.deepEqual([inThis?.email_verified, inThis?.given_name], [false, "Jane"]);
  });

  describe("tells which scopes are missing", () => {
    it("all at once, where the required one is among them, and what else stops the import", async () => {
      await withScopes("delete:users");
      const message = await refused();
      assert.match(message, /: The application emulator lacks scopes of the Management API: create:users \(required/);
      assert.match(message, /create:users .*; read:users .*; read:connections .*Grant them.*auth0\.ClientGrant/);
      await withScopes("read:users", "read:connections");
      const both = await refused({ connectionId: CUSTOM });
      assert.match(both, /: create:users \([^;]*\)\. Grant them/);
      assert.match(both, /import_mode/);
      assert.equal(at.emulator.tenant.stats().requests[CLIENTS_CALL], undefined);
    });

    it("as a note where they are optional, once, and imports unchecked", async () => {
      await withScopes("create:users");
      at.writeUsers(people(10));
      const batches = [0, 1].map((index) => at.create({ share: { index, count: 2 } }));
      const inserted = (await Promise.all(batches)).reduce((sum, { summary }) => sum + summary.inserted, 0);
      assert.equal(inserted, 10);
      assert.deepEqual(said(WARNING), []);
      const [note, ...others] = said();
      assert.deepEqual(others, []);
      assert.match(note ?? "", /: read:users \(optional[^;]*; read:connections \(optional[^;]*Grant them/);
      assert.doesNotMatch(note ?? "", /create:users/);
      assert.deepEqual(asked(), [1, 0]);
    });

    it("of a token that is given, too", async () => {
      const issue = (...scopes: string[]) => at.emulator.tenant.tokens.issue("somebody", scopes, 3600);
      await at.restart({ "auth0:apiToken": issue("read:connections") });
      assert.match(await refused(), /token in auth0:apiToken lacks.*create:users.*read:users.*Take one/);
      await at.restart({ "auth0:apiToken": issue("create:users", "read:users") });
      assert.equal((await at.create()).summary.inserted, 3);
      assert.match(said().join(), /lacks scopes[^;]*: read:connections \(/);
    });
  });
});

describe("a user_id in two imports of one program", () => {
  const at = BatchTest.forEach();
  const withIds = (from: number, to: number) =>
    people(to)
      .map((user, i) => ({ ...user, user_id: `id-${i}` }))
      .slice(from);
  const writeLines = (users: readonly object[], name: string) =>
    at.write(name, users.map((user) => JSON.stringify(user)).join("\n"));
  const named = (name: string, overrides: Properties = {}): Properties =>
    at.inputs({ resultsDir: `.user-import/dev/${name}`, resourceUrn: URN.replace("everyone", name), ...overrides });
  const check = async (inputs: Properties) => (await at.provider.check("UserBatch", {}, inputs)).failures;

  it("is refused at preview, with both places, where the connections differ", async () => {
    writeLines([...people(3), ...withIds(3, 5)], "customers.ndjson");
    writeLines([...people(7).slice(6), ...withIds(4, 6)], "staff.ndjson");
    assert.deepEqual(await check(named("customers", { users: ["customers.ndjson"], preview: true })), []);
    const staff = { users: ["staff.ndjson"], connectionId: SECOND, preview: true };
    const [reason, ...others] = await check(named("staff", staff));
    assert.deepEqual(others, []);
    assert.match(reason ?? "", /^staff\.ndjson:2 has the user_id of customers\.ndjson:5, .*the import "customers"/);
    assert.doesNotMatch(reason ?? "", /id-|example\.com/);
    assert.equal(at.provider.output, "");
    assert.deepEqual(at.emulator.tenant.stats().requests, {});
  });

  it("is refused of the same file in two connections, in every batch, whatever the keys and the exports' prefix", async () => {
    const joe = { email: "joe@example.com", user_id: "auth0|5" };
    writeLines([...people(3), joe, ...withIds(6, 20)], "users.json");
    writeLines([{ ...joe, user_id: "5" }, ...withIds(20, 40)], "others.json");
    for (const index of [0, 1]) assert.deepEqual(await check(named("first", { share: { index, count: 2 } })), []);
    for (const index of [0, 1]) {
      const second = { share: { index, count: 2 }, connectionId: SECOND, key: "fedcba9876543210", onExisting: "adopt" };
      const [reason] = await check(named("second", second));
      assert.match(reason ?? "", /^users\.json:4 has the user_id of users\.json:4, .*the import "first"/);
      const [another] = await check(named("third", { ...second, users: ["others.json"] }));
      assert.match(another ?? "", /^others\.json:1 has the user_id of users\.json:4, .*the import "first"/);
    }
  });

  it("is refused while the connections are yet to be made", async () => {
    at.writeUsers(withIds(0, 3));
    const unknown = { connectionId: UNKNOWN, key: UNKNOWN, preview: true };
    assert.deepEqual(await check(named("first", unknown)), []);
    assert.match((await check(named("second", unknown))).join(), /has the user_id of/);
  });

  it("is refused among thousands of others", async () => {
    writeLines(withIds(0, 20_000), "customers.json");
    writeLines([...withIds(20_001, 40_000), ...withIds(7_000, 7_001)], "staff.json");
    assert.deepEqual(await check(named("customers", { users: ["customers.json"] })), []);
    const [reason] = await check(named("staff", { users: ["staff.json"], connectionId: SECOND }));
    assert.match(reason ?? "", /^staff\.json:20000 has the user_id of customers\.json:7001,/);
  });

  describe("is none", () => {
    const passes = async (first: Properties, second: Properties) => {
      assert.deepEqual(await check(named("first", first)), []);
      assert.deepEqual(await check(named("second", second)), []);
    };

    it("where the records have no user_id: each connection gets its own", async () => {
      at.writeUsers(people(5));
      await passes({}, { connectionId: SECOND });
    });

    it("where the same hash is another user's", async () => {
      const [one, other] = COLLISION;
      assert.equal(shareHash({ user_id: one }), shareHash({ user_id: other }));
      at.writeUsers([{ email: "one@example.com", user_id: one }], "one.json");
      at.writeUsers([{ email: "other@example.com", user_id: other }], "other.json");
      await passes({ users: ["one.json"] }, { users: ["other.json"], connectionId: SECOND });
    });

    it("where the tenants differ", async () => {
      at.writeUsers(withIds(0, 3));
      await at.restart({
        "auth0-us:domain": "us.example.com",
        "auth0-us:clientId": "american",
        "auth0-us:clientSecret": "secret",
      });
      await passes({}, { connectionId: SECOND, configNamespace: "auth0-us" });
    });

    it("where a later import is to overwrite the users of the same connection", async () => {
      at.writeUsers(withIds(0, 3));
      await passes({}, { onExisting: "overwrite" });
    });

    it("among batches that divide a source", async () => {
      at.writeUsers(withIds(0, 10));
      await passes({ share: { index: 0, count: 2 } }, { share: { index: 1, count: 2 } });
    });

    it("where only one of the imports has changed", async () => {
      at.writeUsers(withIds(0, 3));
      const first = named("first");
      const { inputs } = await at.provider.check("UserBatch", {}, first);
      await at.restart();
      assert.deepEqual((await at.provider.check("UserBatch", inputs, first)).failures, []);
      assert.deepEqual(await check(named("second", { connectionId: SECOND })), []);
    });
  });
});

/** Two of a million, with one hash. */
const COLLISION = ["user-56171", "user-985600"] as const;
