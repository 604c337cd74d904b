import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import type { FaultPlan } from "../emulator/index";
import { connections, ManualClock, TestTenant, usersNamed } from "./emulatorClient";

const path = "/api/v2/jobs/users-exports";

describe("emulator: exports", () => {
  let tenant: TestTenant;
  let clock: ManualClock;

  async function start(options: Parameters<typeof TestTenant.start>[0] = {}): Promise<void> {
    clock = new ManualClock();
    tenant = await TestTenant.start({ clock, exportUsersPerSecond: 0, tokenLifetimeSeconds: 1e9, ...options });
  }
  afterEach(() => tenant.stop());

  async function submit(body: object): Promise<string> {
    const { status, body: job } = await tenant.call("POST", path, body);
    assert.equal(status, 200, JSON.stringify(job));
    return (job as { id: string }).id;
  }

  /** A fresh link to the file of a job that is finished. */
  async function linkTo(id: string): Promise<string> {
    const { location } = await tenant.job(id);
    assert.equal(typeof location, "string");
    return String(location);
  }

  async function textAt(link: string): Promise<string> {
    const response = await fetch(link);
    assert.equal(response.status, 200);
    return gunzipSync(Buffer.from(await response.arrayBuffer())).toString();
  }

  async function linesOf(id: string): Promise<Record<string, unknown>[]> {
    const text = await textAt(await linkTo(id));
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
  }

  async function exported(body: object): Promise<Record<string, unknown>[]> {
    return linesOf(await submit(body));
  }

  const plan = (...faults: FaultPlan) => tenant.emulator.tenant.faults.replace(faults);
  const database = { connection_id: connections.database };
  const byEmail = [{ name: "email" }];

  describe("a job", () => {
    it("is announced, and told at the end by a link", async () => {
      await start();
      await tenant.importUsers(usersNamed(3));
      const body = { ...database, format: "json", limit: 5, fields: [{ name: "email", export_as: "Mail" }] };
      const { status, body: announced } = await tenant.call("POST", path, body);
      const { id, ...rest } = announced as { id: string };
      assert.match(id, /^job_[A-Za-z0-9]{16}$/);
      const expected = {
        type: "users_export",
        status: "pending",
        connection_id: connections.database,
        format: "json",
        limit: 5,
        fields: [{ name: "email", export_as: "Mail" }],
        connection: "Username-Password-Authentication",
        created_at: "2025-01-01T00:00:00.000Z",
      };
      assert.deepEqual([status, rest], [200, expected]);
      const { location, ...done } = await tenant.job(id);
      assert.deepEqual(done, { ...expected, id, status: "completed" });
      assert.match(String(location), /\/user-exports\/job_\w+\/emulator\.json\.gz\?Expires=\d+&Key-Pair-Id=/);
      assert.equal((await tenant.errors(id)).status, 204);
    });

    it("takes its time", async () => {
      await start({ exportUsersPerSecond: 2 });
      await tenant.importUsers(usersNamed(10));
      const id = await submit(database);
      assert.equal((await tenant.job(id)).status, "pending");
      clock.advance(2);
      const { status, percentage_done, time_left_seconds, location } = await tenant.job(id);
      assert.deepEqual([status, percentage_done, time_left_seconds, location], ["processing", 40, 3, undefined]);
      clock.advance(3);
      assert.equal((await linesOf(id)).length, 10);
    });

    it("shows the users as they were when it was asked for", async () => {
      await start({ exportUsersPerSecond: 1 });
      await tenant.importUsers([
        { email: "a@example.com", user_id: "a" },
        { email: "b@example.com", user_id: "b" },
      ]);
      const id = await submit({ ...database, fields: [...byEmail, { name: "name" }] });
      await tenant.call("PATCH", "/api/v2/users/auth0%7Ca", { name: "Ann" });
      await tenant.call("DELETE", "/api/v2/users/auth0%7Cb");
      await tenant.importUsers([{ email: "c@example.com" }]);
      clock.advance(2);
      assert.deepEqual((await linesOf(id)).map(({ email, name }) => [email, name]).sort(), [
        ["a@example.com", undefined],
        ["b@example.com", undefined],
      ]);
    });

    it("is gone after 24 hours, its file with it", async () => {
      await start();
      const id = await submit(database);
      clock.advance(24 * 3600 - 1);
      const link = await linkTo(id);
      clock.advance(1);
      assert.equal((await tenant.call("GET", `/api/v2/jobs/${id}`)).status, 404);
      assert.equal((await fetch(link)).status, 403);
    });

    it("is refused for what it can't export", async () => {
      await start();
      const message = async (body: object) => {
        const answer = await tenant.call("POST", path, body);
        return [answer.status, (answer.body as Error).message];
      };
      const unknown = { connection_id: "con_AAAAAAAAAAAAAAAA" };
      assert.deepEqual(await message(unknown), [400, "The connection does not exist."]);
      await tenant.assume({ unknownConnection: 404 });
      assert.deepEqual(await message(unknown), [404, "The connection does not exist."]);
      for (const [body, property] of [
        [{ connection_id: "con_1" }, "connection_id"],
        [{ format: "xml" }, "format"],
        [{ limit: 0 }, "limit"],
        [{ fields: [{ name: "x".repeat(101) }] }, "fields.0.name"],
        [{ fields: [{ name: "email", as: "x" }] }, "fields.0"],
        [{ format: "csv", fields: [{ name: "app_metadata" }] }, "fields"],
      ] as const) {
        const [status, text] = await message(body);
        assert.equal(status, 400);
        assert.ok(String(text).endsWith(` on property ${property}`), String(text));
      }
      const fields = Array.from({ length: 31 }, (_, index) => ({ name: `user_metadata.${index}` }));
      assert.equal((await message({ format: "csv", fields }))[0], 400);
      assert.equal((await message({ format: "json", fields }))[0], 200);
      await tenant.assume({ exportFieldLimit: "all" });
      assert.equal((await message({ format: "json", fields }))[0], 400);
    });

    it("asks for its scope", async () => {
      await start({ scopes: ["create:users"] });
      const { status, body } = await tenant.call("POST", path, database);
      assert.deepEqual([status, (body as Error).message], [403, "Insufficient scope, expected any of: read:users"]);
    });
  });

  describe("the lines", () => {
    it("have what is asked for, under the names asked for, in no order", async () => {
      await start();
      const jane = {
        email: "jane@example.com",
        user_id: "1",
        email_verified: true,
        name: "Jane",
        user_metadata: { a: { b: [1, 2] } },
        app_metadata: { plan: "pro" },
      };
      await tenant.importUsers([jane]);
      await tenant.send("POST", "/emulator/users/auth0%7C1/sign-in");
      const fields = [
        { name: "user_id" },
        { name: "email_verified", export_as: "verified" },
        { name: "user_metadata.a.b" },
        { name: "app_metadata" },
        { name: "identities[0].connection", export_as: "connection" },
        { name: "identities" },
        { name: "logins_count" },
        { name: "created_at" },
        { name: "nickname" },
        { name: "no_such_thing" },
      ];
      const line = {
        user_id: "auth0|1",
        verified: true,
        "user_metadata.a.b": [1, 2],
        app_metadata: { plan: "pro" },
        connection: "Username-Password-Authentication",
        identities: [
          { connection: "Username-Password-Authentication", provider: "auth0", user_id: "1", isSocial: false },
        ],
        logins_count: 1,
        created_at: "2025-01-01T00:00:00.000Z",
      };
      assert.deepEqual(await exported({ ...database, fields }), [line]);
      await tenant.assume({ exportAbsent: "null" });
      assert.deepEqual(await exported({ ...database, fields }), [{ ...line, nickname: null, no_such_thing: null }]);

      const [plain] = await exported(database);
      assert.deepEqual(Object.keys(plain ?? {}).sort(), [
        ...["Connection", "Created At", "Email", "Email Verified", "Family Name", "Given Name", "Id", "Name"],
        ...["Nickname", "Picture", "Updated At"],
      ]);

      await tenant.importUsers(usersNamed(100));
      const emails = async () => (await exported({ ...database, fields: byEmail })).map(({ email }) => email);
      const [once, again] = [await emails(), await emails()];
      assert.notDeepEqual(once, again);
      assert.deepEqual(once.sort(), again.sort());
      assert.equal((await exported({ limit: 7 })).length, 7);
    });

    it("are of one connection or of all, and never hold a secret", async () => {
      await start();
      const password_hash = `$2b$10$${"s".repeat(53)}`;
      await tenant.importUsers([{ email: "a@example.com", password_hash }]);
      await tenant.importUsers([{ email: "b@example.com" }], { connection_id: connections.secondDatabase });
      const fields = [...byEmail, { name: "password_hash" }];
      assert.deepEqual(await exported({ ...database, fields }), [{ email: "a@example.com" }]);
      assert.equal((await exported({ fields })).length, 2);
    });

    it("have users whose identity there is a secondary one, or not", async () => {
      await start();
      await tenant.importUsers([{ email: "jane@example.com", user_id: "1" }]);
      const social = { connection: "google-oauth2", user_id: "9", email: "jane@gmail.com" };
      assert.equal((await tenant.call("POST", "/emulator/users", social)).status, 201);
      const secondary = { provider: "auth0", user_id: "1" };
      assert.equal((await tenant.call("POST", "/api/v2/users/google-oauth2%7C9/identities", secondary)).status, 201);
      const ids = async (body: object) =>
        (await exported({ ...body, fields: [{ name: "user_id" }] })).map((line) => line.user_id);
      assert.deepEqual(await ids(database), ["google-oauth2|9"]);
      assert.deepEqual(await ids({}), ["google-oauth2|9"]);
      await tenant.assume({ exportLinked: false });
      assert.deepEqual(await ids(database), []);
      assert.deepEqual(await ids({}), ["google-oauth2|9"]);
    });

    it("are CSV with apostrophes", async () => {
      await start();
      await tenant.importUsers([
        { email: "jane@example.com", name: 'Jane "J", Doe', user_metadata: { age: 5, ok: false } },
      ]);
      const fields = [
        { name: "email", export_as: "E-Mail, first" },
        ...["name", "nickname", "user_metadata.age", "email_verified", "user_metadata.ok"].map((name) => ({ name })),
      ];
      assert.equal(
        await textAt(await linkTo(await submit({ format: "csv", fields }))),
        '"E-Mail, first",name,nickname,user_metadata.age,email_verified,user_metadata.ok\n' +
          '"\'jane@example.com","\'Jane ""J"", Doe",,5,false,false\n',
      );
    });
  });

  describe("the link", () => {
    beforeEach(async () => {
      await start();
      await tenant.importUsers(usersNamed(2));
    });

    it("lives 60 seconds, and there is a fresh one with each look", async () => {
      const id = await submit(database);
      const first = await linkTo(id);
      clock.advance(59);
      await textAt(first);
      const second = await linkTo(id);
      assert.notEqual(second, first);
      clock.advance(1);
      const late = await fetch(first);
      assert.equal(late.status, 403);
      assert.match(await late.text(), /<Code>AccessDenied<\/Code>/);
      await textAt(second);
    });

    it("is signed: for that file, and until then", async () => {
      const [one, other] = [await submit(database), await submit(database)];
      const link = await linkTo(one);
      for (const forged of [
        link.replace(one, other),
        link.replace(/Expires=\d+/, "Expires=9999999999"),
        link.replace(/Signature=.*/, ""),
      ]) {
        assert.equal((await fetch(forged)).status, 403);
      }
    });

    it("takes no Authorization header, or ignores it", async () => {
      const link = await linkTo(await submit(database));
      const headers = { authorization: "Bearer secret" };
      assert.equal((await fetch(link, { headers })).status, 400);
      await tenant.assume({ exportLinkWithToken: "ignored" });
      assert.equal((await fetch(link, { headers })).status, 200);
    });

    it("leads to a file of the told length, the same each time", async () => {
      const id = await submit(database);
      const get = async () => {
        const response = await fetch(await linkTo(id));
        return [Number(response.headers.get("content-length")), Buffer.from(await response.arrayBuffer())] as const;
      };
      const [length, bytes] = await get();
      assert.equal(length, bytes.length);
      assert.deepEqual((await get())[1], bytes);
    });
  });

  describe("faults", () => {
    beforeEach(() => start());

    it("fail: with details or without", async () => {
      plan(
        { on: "exportJob", kind: "fail", details: "No luck" },
        { on: "exportJob", nth: 2, kind: "fail", details: null },
      );
      const id = await submit(database);
      const { status, status_details, location } = await tenant.job(id);
      assert.deepEqual([status, status_details, location], ["failed", "No luck", undefined]);
      const told = { status: "failed", type: "users_export", id, status_details: "No luck" };
      assert.deepEqual((await tenant.errors(id)).body, told);
      const second = await submit(database);
      assert.equal((await tenant.job(second)).status_details, undefined);
      assert.equal((await tenant.errors(second)).status, 204);
      assert.equal((await tenant.job(await submit(database))).status, "completed");
    });

    it("vanish, stall, slow", async () => {
      plan(
        { on: "exportJob", nth: 1, kind: "vanish" },
        { on: "exportJob", nth: 2, kind: "stall" },
        { on: "exportJob", nth: 3, kind: "slow", seconds: 30 },
      );
      const [vanishes, stalls, slow] = [await submit(database), await submit(database), await submit(database)];
      assert.equal((await tenant.call("GET", `/api/v2/jobs/${vanishes}`)).status, 404);
      clock.advance(29);
      assert.deepEqual((await tenant.job(slow)).time_left_seconds, 1);
      clock.advance(3600);
      assert.equal((await tenant.job(slow)).status, "completed");
      assert.equal((await tenant.job(stalls)).status, "processing");
    });

    it("stale: what was there some seconds ago", async () => {
      plan({ on: "exportJob", nth: [1, 2], kind: "stale", seconds: 10 });
      await tenant.importUsers([
        { email: "a@example.com", user_id: "a" },
        { email: "b@example.com", user_id: "b" },
      ]);
      clock.advance(20);
      await tenant.call("PATCH", "/api/v2/users/auth0%7Ca", { name: "First" });
      clock.advance(1);
      await tenant.call("PATCH", "/api/v2/users/auth0%7Ca", { name: "Second" });
      await tenant.call("DELETE", "/api/v2/users/auth0%7Cb");
      await tenant.importUsers([{ email: "b@example.com", user_id: "b", name: "Another" }, { email: "c@example.com" }]);
      clock.advance(8.5);
      const fields = [{ name: "email" }, { name: "name" }];
      const shown = async () => (await exported({ fields })).map(({ email, name }) => [email, name]).sort();
      assert.deepEqual(await shown(), [
        ["a@example.com", undefined],
        ["b@example.com", undefined],
      ]);
      clock.advance(1);
      assert.deepEqual(await shown(), [
        ["a@example.com", "First"],
        ["b@example.com", undefined],
      ]);
      assert.deepEqual(await shown(), [
        ["a@example.com", "Second"],
        ["b@example.com", "Another"],
        ["c@example.com", undefined],
      ]);
    });

    it("brokenLine: one of them, in a whole file", async () => {
      await tenant.importUsers(usersNamed(3));
      plan({ on: "exportJob", kind: "brokenLine" });
      const lines = (await textAt(await linkTo(await submit(database)))).split("\n");
      const isWhole = (line: string) => line.startsWith("{") && line.endsWith("}");
      assert.deepEqual(lines.map(isWhole), [true, false, true, false]);
      assert.equal((await exported(database)).length, 3);
    });

    it("linkExpired, and other troubles of the download", async () => {
      plan({ on: "download", kind: "linkExpired" }, { on: "download", nth: 2, kind: "reset" });
      const id = await submit(database);
      assert.equal((await fetch(await linkTo(id))).status, 403);
      await assert.rejects(fetch(await linkTo(id)));
      await textAt(await linkTo(id));
    });

    it("cutFile: as told, or less than told", async () => {
      await tenant.importUsers(usersNamed(1000));
      plan(
        { on: "download", kind: "cutFile" },
        { on: "download", nth: 2, kind: "cutFile", percent: 10, contentLength: "whole" },
      );
      const id = await submit(database);
      const cut = await fetch(await linkTo(id));
      const bytes = Buffer.from(await cut.arrayBuffer());
      assert.equal(Number(cut.headers.get("content-length")), bytes.length);
      assert.throws(() => gunzipSync(bytes), /unexpected end of file/);
      const whole = await fetch(await linkTo(id));
      const length = Number(whole.headers.get("content-length"));
      await assert.rejects(whole.arrayBuffer());
      assert.ok(Math.abs(length / 2 - bytes.length) < 1);
    });

    it("stuckFile: whole in the end, or half of it for as long as the client waits", async () => {
      plan({ on: "download", kind: "stuckFile", ms: 1 }, { on: "download", nth: 2, kind: "stuckFile", percent: 10 });
      await tenant.importUsers(usersNamed(1000));
      const id = await submit(database);
      assert.equal((await textAt(await linkTo(id))).split("\n").length, 1001);
      const { headers, body } = await fetch(await linkTo(id));
      const reader = (body as ReadableStream<Uint8Array>).getReader();
      const tenth = Math.floor(Number(headers.get("content-length")) / 10);
      for (let bytes = 0; bytes < tenth; ) bytes += (await reader.read()).value?.length ?? Number.NaN;
      const rest = reader.read();
      assert.equal(await Promise.race([rest, tenant.call("GET", path).then(() => "nothing more")]), "nothing more");
      await reader.cancel();
    });

    it("at the call: export, and status", async () => {
      plan({ on: "export", kind: "status", code: 503 }, { on: "status", kind: "status", code: 502 });
      assert.equal((await tenant.call("POST", path, database)).status, 503);
      const id = await submit(database);
      assert.equal((await tenant.call("GET", `/api/v2/jobs/${id}`)).status, 502);
      assert.equal((await tenant.job(id)).status, "completed");
    });
  });

  it("needs no more memory for many users than for few", async function () {
    this.timeout(120_000);
    await start();
    const { users } = tenant.emulator.tenant;
    const text = "x".repeat(2000);
    for (let index = 0; index < 30_000; index += 1) {
      users.put({
        id: `auth0|${index}`,
        connectionId: connections.database,
        email: `user${index}@example.com`,
        username: undefined,
        phoneNumber: undefined,
        createdAt: 0,
        updatedAt: 0,
        attributes: JSON.stringify({ user_metadata: { text } }),
      });
    }
    const id = await submit({ ...database, fields: [{ name: "user_metadata" }] });
    let peak = 0;
    const look = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers);
    }, 5);
    await tenant.emulator.tenant.exports.find(id)?.file.settled;
    clearInterval(look);
    assert.equal((await tenant.job(id)).status, "completed");
    // The lines have 60 MB.
    assert.ok(peak > 0 && peak < 20e6, `${peak} bytes in buffers`);
  });
});
