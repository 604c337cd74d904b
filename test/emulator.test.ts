import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { ManagementClient } from "auth0";
import { connections, importForm, ManualClock, TestTenant, usersNamed } from "./emulatorClient";

// Compiled tests live in an output folder; their fixtures are read where they are in the repository.
const fixtures = join(process.cwd(), "test", "fixtures", "auth0");

describe("emulator", () => {
  let tenant: TestTenant;
  let clock: ManualClock;

  async function start(options: Parameters<typeof TestTenant.start>[0] = {}): Promise<void> {
    clock = new ManualClock();
    tenant = await TestTenant.start({ clock, ...options });
  }

  afterEach(() => tenant.stop());

  describe("sign-in", () => {
    it("takes JSON and forms, and its own address or the tenant's domain as the audience", async () => {
      await start({ domain: "acme.eu.auth0.com" });
      for (const audience of [
        `${tenant.emulator.url}/api/v2/`,
        `https://127.0.0.1:${tenant.emulator.port}/api/v2/`,
        "https://acme.eu.auth0.com/api/v2/",
      ]) {
        const { status, body } = await tenant.signIn({ audience });
        assert.equal(status, 200, audience);
        const { access_token: _, ...rest } = body as Record<string, unknown>;
        assert.deepEqual(rest, {
          scope: "create:users read:users delete:users read:connections update:users",
          expires_in: 86_400,
          token_type: "Bearer",
        });
      }
      const form = await tenant.send("POST", "/oauth/token", {
        body: new URLSearchParams({
          grant_type: "client_credentials",
          client_id: "emulator",
          client_secret: "emulator",
          audience: `${tenant.emulator.url}/api/v2/`,
        }),
      });
      assert.equal(form.status, 200);
    });

    it("refuses a wrong secret, client, audience or grant", async () => {
      await start();
      const unauthorized = { error: "access_denied", error_description: "Unauthorized" };
      for (const wrong of [{ client_secret: "x" }, { client_id: "x" }, { client_assertion: "a.b.c" }]) {
        const { status, body } = await tenant.signIn(wrong);
        assert.equal(status, 401);
        assert.deepEqual(body, unauthorized);
      }
      assert.equal((await tenant.signIn({ audience: "https://other.auth0.com/api/v2/" })).status, 403);
      assert.equal((await tenant.signIn({ audience: undefined })).status, 403);
      assert.equal((await tenant.signIn({ grant_type: "password" })).status, 403);
    });

    it("refuses calls without a token, with a foreign one, an expired one, and one without the scope", async () => {
      await start({ tokenLifetimeSeconds: 60, scopes: ["read:users"] });
      assert.equal((await tenant.send("GET", "/api/v2/users")).status, 401);

      const foreign = await tenant.send("GET", "/api/v2/users", { headers: { authorization: "Bearer x.y.z" } });
      assert.deepEqual(foreign.body, { statusCode: 401, error: "Unauthorized", message: "Invalid token" });

      const denied = await tenant.postUsers([{ email: "a@example.com" }]);
      assert.equal(denied.status, 403);
      assert.deepEqual(denied.body, {
        statusCode: 403,
        error: "Forbidden",
        message: "Insufficient scope, expected any of: create:users",
        errorCode: "insufficient_scope",
      });

      assert.equal((await tenant.call("GET", "/api/v2/users")).status, 200);
      clock.advance(60);
      assert.deepEqual((await tenant.call("GET", "/api/v2/users")).body, {
        statusCode: 401,
        error: "Unauthorized",
        message: "Expired token received for JSON Web Token validation",
      });
    });

    it("asks every endpoint for its scope", async () => {
      await start({ scopes: ["none"] });
      const endpoints: [string, string, string][] = [
        ["GET", "/api/v2/connections", "read:connections"],
        ["GET", "/api/v2/connections/con_0000000000000001", "read:connections"],
        ["GET", "/api/v2/connections/con_0000000000000001/clients", "read:connections"],
        ["DELETE", "/api/v2/connections/con_0000000000000001/users?email=a", "delete:users"],
        ["POST", "/api/v2/jobs/users-imports", "create:users"],
        ["GET", "/api/v2/jobs/job_1", "create:users,read:users"],
        ["GET", "/api/v2/jobs/job_1/errors", "create:users,read:users"],
        ["GET", "/api/v2/users", "read:users"],
        ["GET", "/api/v2/users-by-email?email=a", "read:users"],
        ["GET", "/api/v2/users/a", "read:users"],
        ["POST", "/api/v2/jobs/users-exports", "read:users"],
        ["POST", "/api/v2/users", "create:users"],
        ["POST", "/api/v2/users/a/identities", "update:users"],
        ["PATCH", "/api/v2/users/a", "update:users,update:users_app_metadata"],
        ["DELETE", "/api/v2/users/a", "delete:users"],
      ];
      for (const [method, path, scopes] of endpoints) {
        const { status, body } = await tenant.call(method, path);
        assert.equal(status, 403, `${method} ${path}`);
        assert.equal((body as Error).message, `Insufficient scope, expected any of: ${scopes}`);
      }
    });

    it("answers a refused upload that the client is still sending", async () => {
      await start();
      const form = new FormData();
      form.append("users", new Blob(["x".repeat(400_000)]), "users.json");
      const { status } = await tenant.send("POST", "/api/v2/jobs/users-imports", {
        headers: { authorization: "Bearer wrong" },
        body: form,
      });
      assert.equal(status, 401);
    });
  });

  describe("through the auth0 SDK", () => {
    // The SDK speaks https only.
    const plainFetch: typeof fetch = (url, init) => fetch(String(url).replace(/^https:/, "http:"), init);

    it("signs in with a secret, imports a file and reads it back", async () => {
      await start();
      const { host } = new URL(tenant.emulator.url);
      const client = new ManagementClient({
        domain: host,
        clientId: "emulator",
        clientSecret: "emulator",
        fetch: plainFetch,
      });
      const connection = await client.connections.get(connections.database);
      assert.equal(connection.strategy, "auth0");
      assert.equal((await client.connections.list({ strategy: ["auth0"] })).data.length, 4);
      const clients = await client.connections.clients.get(connections.database);
      assert.equal(clients.data.length, 1);

      const created = await client.jobs.usersImports.create({
        users: new Blob([JSON.stringify([{ email: "jane@example.com" }, { email: "nobody" }])]),
        connection_id: connections.database,
        external_id: "shop/prod/everyone-1",
        send_completion_email: false,
      });
      const job = await client.jobs.get(created.id);
      assert.equal(job.status, "completed");
      assert.equal(job.external_id, "shop/prod/everyone-1");
      const errors = await client.jobs.errors.get(created.id);
      assert.ok(Array.isArray(errors));
      assert.equal(errors[0]?.errors?.[0]?.code, "FORMAT");
      const [user] = await client.users.listUsersByEmail({ email: "jane@example.com" });
      assert.equal((await client.users.get(String(user?.user_id))).email, "jane@example.com");
    });

    it("signs in with a client assertion", async () => {
      const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const pem = (key: typeof publicKey, type: "spki" | "pkcs8") => key.export({ type, format: "pem" }).toString();
      // Assertions carry the real time, which the SDK takes from the system.
      await start({ clientPublicKey: pem(publicKey, "spki"), clock: { now: () => Date.now() } });
      const { host } = new URL(tenant.emulator.url);
      const clientWith = (key: typeof privateKey) =>
        new ManagementClient({
          domain: host,
          clientId: "emulator",
          clientAssertionSigningKey: pem(key, "pkcs8"),
          fetch: plainFetch,
        });
      assert.equal((await clientWith(privateKey).connections.get(connections.database)).id, connections.database);
      const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
      await assert.rejects(clientWith(stranger).connections.get(connections.database));
    });
  });

  describe("connections", () => {
    beforeEach(() => start());

    it("are listed plain, with totals, and by checkpoint", async () => {
      const plain = (await tenant.call("GET", "/api/v2/connections")).body as { id: string }[];
      assert.deepEqual(
        plain.map(({ id }) => id),
        Object.values(connections),
      );
      const totals = (await tenant.call("GET", "/api/v2/connections?include_totals=true&per_page=2&page=1")).body;
      assert.deepEqual(
        { ...(totals as object), connections: undefined },
        {
          start: 2,
          limit: 2,
          length: 2,
          total: 6,
          connections: undefined,
        },
      );
      const byName = (await tenant.call("GET", "/api/v2/connections?take=50&name=sms")).body;
      assert.equal((byName as { connections: { id: string }[] }).connections[0]?.id, connections.passwordless);
    });

    it("say 404 for one that is not there", async () => {
      const { status, body } = await tenant.call("GET", "/api/v2/connections/con_AAAAAAAAAAAAAAAA");
      assert.equal(status, 404);
      assert.equal((body as { errorCode: string }).errorCode, "inexistent_connection");
    });
  });

  describe("POST users-imports", () => {
    const one = [{ email: "a@example.com" }];

    it("answers as the service does", async () => {
      await start();
      const { status, body } = await tenant.postUsers(one);
      const { id, ...rest } = body as { id: string };
      assert.equal(status, 202);
      assert.match(id, /^job_[A-Za-z0-9]{16}$/);
      assert.deepEqual(rest, {
        type: "users_import",
        status: "pending",
        connection_id: connections.database,
        connection: "Username-Password-Authentication",
        created_at: "2025-01-01T00:00:00.000Z",
      });
      const more = await tenant.postUsers(one, { external_id: "x/1", upsert: "true", send_completion_email: "false" });
      const { external_id, upsert, send_completion_email } = more.body as Record<string, unknown>;
      assert.deepEqual([external_id, upsert, send_completion_email], ["x/1", true, false]);
    });

    it("refuses a connection that takes no imports", async () => {
      await start();
      const refusal = async (connection_id: string) => (await tenant.postUsers(one, { connection_id })).body;
      assert.deepEqual(await refusal("con_1"), {
        statusCode: 400,
        error: "Bad Request",
        message:
          "Payload validation error: 'String does not match pattern ^con_[A-Za-z0-9]{16}$' on property connection_id",
        errorCode: "invalid_body",
      });
      for (const connection of [connections.social, connections.passwordless]) {
        assert.deepEqual(await refusal(connection), {
          statusCode: 400,
          error: "Bad Request",
          message: "Connection must be a database connection",
          errorCode: "operation_not_supported",
        });
      }
      const custom = (await refusal(connections.customDatabase)) as { statusCode: number; message: string };
      assert.equal(custom.statusCode, 400);
      assert.equal(custom.message, "Custom Database Connections without import mode are not allowed.");
      for (const unknownConnection of [400, 404] as const) {
        await tenant.assume({ unknownConnection });
        const { statusCode, message } = (await refusal("con_AAAAAAAAAAAAAAAA")) as { statusCode: number } & Error;
        assert.deepEqual([statusCode, message], [unknownConnection, "The connection does not exist."]);
      }
      const unused = { connection_id: connections.withUsernames };
      await tenant.assume({ jobsNeedClients: true });
      assert.equal(((await tenant.postUsers(one, unused)).body as Error).message, "Connection must be enabled.");
      assert.equal(tenant.emulator.tenant.stats().jobs.total, 0);
      await tenant.assume({ jobsNeedClients: false });
      assert.equal((await tenant.postUsers(one, unused)).status, 202);
    });

    it("refuses a form that is not the endpoint's", async () => {
      await start();
      const message = async (fields: Record<string, string>) =>
        ((await tenant.postUsers(one, fields)).body as Error).message;
      assert.match(await message({ upsert: "yes" }), /Expected type boolean .* on property upsert/);
      assert.match(await message({ other: "x" }), /Additional properties not allowed: other/);
      const { access_token } = (await tenant.signIn()).body as { access_token: string };
      const authorization = `Bearer ${access_token}`;
      const messageTo = async (init: RequestInit) =>
        ((await tenant.send("POST", "/api/v2/jobs/users-imports", init)).body as Error).message;
      const without = async (part: string) => {
        const form = importForm(one);
        form.delete(part);
        return messageTo({ headers: { authorization }, body: form });
      };
      assert.equal(await without("users"), "Must provide 'users' file as multipart part.");
      assert.equal(await without("connection_id"), "Must provide 'connection_id' as multipart part.");
      assert.equal(((await tenant.postUsers("")).body as Error).message, "Users file must not be empty.");
      assert.equal(
        await messageTo({ headers: { authorization, "content-type": "multipart/form-data; boundary=x" }, body: "--y" }),
        "Payload validation error: 'Invalid multipart payload format'.",
      );
      assert.equal((await tenant.call("POST", "/api/v2/jobs/users-imports", {})).status, 415);
    });

    it("takes 512,000 bytes, all of the request counted, and not one more", async () => {
      await start();
      const { access_token } = (await tenant.signIn()).body as { access_token: string };
      const post = (body: Buffer | ReadableStream) =>
        tenant.send("POST", "/api/v2/jobs/users-imports", {
          headers: { authorization: `Bearer ${access_token}`, "content-type": "multipart/form-data; boundary=cut" },
          body,
          duplex: "half",
        } as RequestInit);

      assert.equal((await post(multipart(512_000))).status, 202);
      assert.equal(tenant.emulator.tenant.stats().jobs.list[0]?.bytes, 512_000);
      const tooLong = [multipart(512_001), new Blob([multipart(512_001)]).stream()];
      for (const body of tooLong) {
        const answer = await post(body);
        assert.equal(answer.status, 413);
        assert.deepEqual(answer.body, {
          statusCode: 413,
          error: "Request Entity Too Large",
          message: "Payload content length greater than maximum allowed: 512000",
        });
      }
    });

    it("makes no job of a request that breaks off", async () => {
      let onAnswer: (line: string) => void = () => {};
      const answered = new Promise<string>((resolve) => {
        onAnswer = resolve;
      });
      await start({ log: (line) => line.includes("users-imports") && onAnswer(line) });
      const { access_token } = (await tenant.signIn()).body as { access_token: string };
      const body = multipart(10_000);
      const half = request(`${tenant.emulator.url}/api/v2/jobs/users-imports`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${access_token}`,
          "content-type": "multipart/form-data; boundary=cut",
          "content-length": body.length,
        },
      });
      half.on("error", () => {});
      half.write(body.subarray(0, 5000), () => half.destroy());
      await answered;
      assert.equal(tenant.emulator.tenant.stats().jobs.total, 0);
    });

    it("refuses a job when the tenant's slots are taken, with no reset to wait for", async () => {
      await start({ usersPerSecond: 1, requestsPerSecond: 100, burst: 100 });
      await tenant.submit(usersNamed(10, "a"));
      await tenant.submit(usersNamed(20, "b"));
      const third = await tenant.postUsers(usersNamed(1, "c"));
      assert.equal(third.status, 429);
      assert.deepEqual(third.body, {
        statusCode: 429,
        error: "Too Many Requests",
        message: "There are 2 active import users jobs, please wait until some of them are finished and try again",
        errorCode: "too_many_requests",
      });
      assert.equal(third.headers.get("x-ratelimit-reset"), null);
      clock.advance(10);
      await tenant.submit(usersNamed(1, "c"));
      assert.equal(tenant.emulator.tenant.stats().jobs.maxActiveSeen, 2);
    });

    it("has as many slots as it is told", async () => {
      await start({ usersPerSecond: 1, maxActiveJobs: 3 });
      for (const name of ["a", "b", "c"]) await tenant.submit(usersNamed(10, name));
      const { body } = await tenant.postUsers(usersNamed(1, "d"));
      assert.match((body as Error).message, /^There are 3 active import users jobs/);
    });
  });

  describe("a job", () => {
    it("imports each user when its turn comes", async () => {
      await start({ usersPerSecond: 2 });
      const id = await tenant.submit(usersNamed(10));
      assert.equal((await tenant.job(id)).status, "pending");
      assert.equal((await tenant.errors(id)).status, 204);

      clock.advance(2);
      const { status, percentage_done, time_left_seconds, summary } = await tenant.job(id);
      assert.deepEqual([status, percentage_done, time_left_seconds, summary], ["processing", 40, 3, undefined]);
      assert.ok(await tenant.userByEmail("user3@example.com"));
      assert.equal(await tenant.userByEmail("user4@example.com"), undefined);

      clock.advance(3);
      const done = await tenant.job(id);
      assert.equal(done.status, "completed");
      assert.deepEqual(done.summary, { failed: 0, updated: 0, inserted: 10, total: 10 });
      assert.equal((await tenant.errors(id)).status, 204);
      assert.equal((await tenant.userByEmail("user9@example.com"))?.created_at, "2025-01-01T00:00:05.000Z");
    });

    it("runs beside another, each at its own speed, in the order of time", async () => {
      await start({ usersPerSecond: 1 });
      const first = await tenant.submit([...usersNamed(3, "a"), { email: "both@example.com" }]);
      clock.advance(1);
      const second = await tenant.submit([{ email: "both@example.com" }]);
      clock.advance(60);
      const summaries = [await tenant.job(first), await tenant.job(second)].map(({ summary }) => summary);
      assert.deepEqual(summaries, [
        { failed: 1, updated: 0, inserted: 3, total: 4 },
        { failed: 0, updated: 0, inserted: 1, total: 1 },
      ]);
    });

    it("fails whole for a file that is not a JSON array", async () => {
      await start();
      for (const file of ["[{", '{"email":"a@example.com"}', '{"email":"a@example.com"}\n{"email":"b@example.com"}']) {
        const id = await tenant.submit(file);
        assert.equal((await tenant.job(id)).status, "failed");
        const { status, body } = await tenant.errors(id);
        assert.equal(status, 200);
        assert.deepEqual(body, {
          status: "failed",
          type: "users_import",
          id,
          status_details: "Failed to parse users file JSON when importing users. Make sure it is valid JSON.",
        });
      }
    });

    it("fails after two hours and keeps what it has imported", async () => {
      await start({ usersPerSecond: 0.5 });
      const id = await tenant.submit(usersNamed(4000));
      clock.advance(7200 - 1);
      assert.equal((await tenant.job(id)).status, "processing");
      clock.advance(1);
      assert.equal((await tenant.job(id)).status, "failed");
      assert.equal(((await tenant.errors(id)).body as { status: string }).status, "failed");
      clock.advance(1000);
      assert.equal(tenant.emulator.tenant.users.size, 3599);
      assert.equal(tenant.emulator.tenant.stats().jobs.list[0]?.finished, "2025-01-01T02:00:00.000Z");
    });

    it("is gone after 24 hours", async () => {
      await start({ tokenLifetimeSeconds: 48 * 3600 });
      const { id } = await tenant.importUsers([{ email: "not an email" }]);
      clock.advance(24 * 3600 - 1);
      assert.equal((await tenant.errors(id)).status, 200);
      clock.advance(1);
      assert.equal((await tenant.call("GET", `/api/v2/jobs/${id}`)).status, 404);
      assert.equal((await tenant.errors(id)).status, 404);
      assert.equal(tenant.emulator.tenant.stats().jobs.list[0]?.status, "completed");
    });
  });

  describe("users", () => {
    beforeEach(() => start());

    it("are read by id and by email, without their secrets", async () => {
      await tenant.importUsers([
        {
          email: "Jane@Example.com",
          user_id: "1",
          username: "JaneD",
          password_hash: `$2b$10$${"a".repeat(53)}`,
          user_metadata: { theme: "dark" },
          mfa_factors: [{ email: { value: "jane@example.org" } }],
        },
      ]);
      const { body } = await tenant.call("GET", "/api/v2/users/auth0%7C1");
      assert.deepEqual(body, {
        user_id: "auth0|1",
        email: "jane@example.com",
        username: "janed",
        email_verified: false,
        user_metadata: { theme: "dark" },
        identities: [
          { connection: "Username-Password-Authentication", provider: "auth0", user_id: "1", isSocial: false },
        ],
        created_at: "2025-01-01T00:00:00.000Z",
        updated_at: "2025-01-01T00:00:00.000Z",
      });
      assert.deepEqual(await tenant.userByEmail("jane@example.com"), body);
      const fields = await tenant.call("GET", "/api/v2/users/auth0%7C1?fields=email,user_id&include_fields=true");
      assert.deepEqual(fields.body, { user_id: "auth0|1", email: "jane@example.com" });
      assert.equal((await tenant.call("GET", "/api/v2/users/auth0%7C2")).status, 404);
    });

    it("are listed in pages", async () => {
      await tenant.importUsers(usersNamed(5));
      const page = (await tenant.call("GET", "/api/v2/users?page=1&per_page=2&include_totals=true")).body as {
        users: { email: string }[];
      };
      assert.deepEqual(
        { ...page, users: page.users.map(({ email }) => email) },
        { start: 2, limit: 2, length: 2, total: 5, users: ["user2@example.com", "user3@example.com"] },
      );
      assert.equal(((await tenant.call("GET", "/api/v2/users")).body as unknown[]).length, 5);
      assert.equal((await tenant.call("GET", "/api/v2/users?per_page=101")).status, 400);
    });

    it("take metadata merged on the first level", async () => {
      await tenant.importUsers([
        { email: "a@example.com", user_id: "1", user_metadata: { keep: 1, nested: { a: 1 }, drop: 1 } },
      ]);
      const user_metadata = { nested: { b: 2 }, drop: null, added: true };
      const { body } = await tenant.call("PATCH", "/api/v2/users/auth0%7C1", { user_metadata, name: "Ann" });
      const user = body as Record<string, unknown>;
      assert.deepEqual(user.user_metadata, { keep: 1, nested: { b: 2 }, added: true });
      assert.equal(user.name, "Ann");
      const emptied = await tenant.call("PATCH", "/api/v2/users/auth0%7C1", { user_metadata: {} });
      assert.deepEqual((emptied.body as Record<string, unknown>).user_metadata, {});
    });

    it("can change their email, and are then found by the new one only", async () => {
      await tenant.importUsers([{ email: "old@example.com", user_id: "1" }, { email: "other@example.com" }]);
      const taken = await tenant.call("PATCH", "/api/v2/users/auth0%7C1", { email: "other@example.com" });
      assert.equal(taken.status, 400);
      await tenant.call("PATCH", "/api/v2/users/auth0%7C1", { email: "New@example.com" });
      assert.equal((await tenant.userByEmail("new@example.com"))?.user_id, "auth0|1");
      assert.equal(await tenant.userByEmail("old@example.com"), undefined);
      const again = await tenant.importUsers([{ email: "old@example.com" }], { upsert: "true" });
      assert.equal(again.summary.inserted, 1);
    });

    it("refuse a change of what is not theirs to change", async () => {
      await tenant.importUsers([{ email: "a@example.com", user_id: "1" }]);
      for (const patch of [{ user_id: "2" }, { password_hash: "x" }, { email: "nobody" }, { email_verified: "yes" }]) {
        assert.equal((await tenant.call("PATCH", "/api/v2/users/auth0%7C1", patch)).status, 400);
      }
    });

    it("can be deleted by id, and by email from their connection", async () => {
      await tenant.importUsers([{ email: "a@example.com", user_id: "1" }, { email: "b@example.com" }]);
      assert.equal((await tenant.call("DELETE", "/api/v2/users/auth0%7C1")).status, 204);
      const path = `/api/v2/connections/${connections.database}/users?email=b%40example.com`;
      assert.equal((await tenant.call("DELETE", path)).status, 204);
      assert.equal(tenant.emulator.tenant.users.size, 0);
      const again = await tenant.importUsers([{ email: "a@example.com", user_id: "1" }]);
      assert.equal(again.summary.inserted, 1);
    });
  });

  describe("the rate limiter", () => {
    it("counts, refuses, and says when to come back", async () => {
      await start({ requestsPerSecond: 1, burst: 2 });
      const get = () => tenant.call("GET", "/api/v2/connections");
      assert.equal((await get()).headers.get("x-ratelimit-remaining"), "1");
      assert.equal((await get()).status, 200);
      const refused = await get();
      assert.equal(refused.status, 429);
      assert.deepEqual(refused.body, {
        statusCode: 429,
        error: "Too Many Requests",
        message: "Global limit has been reached",
        errorCode: "too_many_requests",
      });
      assert.equal(refused.headers.get("x-ratelimit-limit"), "2");
      const reset = Number(refused.headers.get("x-ratelimit-reset"));
      assert.equal(reset, clock.now() / 1000 + 1);
      clock.advance(1);
      assert.equal((await get()).status, 200);
    });

    it("is off unless asked for", async () => {
      await start();
      assert.equal((await tenant.call("GET", "/api/v2/connections")).headers.get("x-ratelimit-limit"), null);
    });
  });

  describe("Auth0's example files", () => {
    for (const file of readdirSync(fixtures).filter((name) => name.startsWith("example-"))) {
      it(`imports ${file}`, async () => {
        await start();
        const users = readFileSync(join(fixtures, file), "utf8");
        const { summary, failed } = await tenant.importUsers(users);
        assert.deepEqual(failed, []);
        assert.equal(summary.inserted, JSON.parse(users).length);
      });
    }
  });

  describe("/emulator", () => {
    it("tells what happened to jobs, requests and users", async () => {
      await start();
      await tenant.importUsers([{ email: "A@example.com" }, { email: "bad" }], { external_id: "x/1" });
      await tenant.importUsers([{ email: "a@example.com" }], { upsert: "true" });
      await tenant.importUsers([{ email: "a@example.com" }], { connection_id: connections.secondDatabase });
      const stats = (await tenant.send("GET", "/emulator/stats")).body as ReturnType<
        typeof tenant.emulator.tenant.stats
      >;
      const [first] = stats.jobs.list;
      assert.deepEqual(
        { ...first, id: undefined, bytes: undefined },
        {
          id: undefined,
          connection_id: connections.database,
          external_id: "x/1",
          upsert: false,
          users: 2,
          bytes: undefined,
          status: "completed",
          inserted: 1,
          updated: 0,
          failed: 1,
          created: "2025-01-01T00:00:00.000Z",
          started: "2025-01-01T00:00:00.000Z",
          finished: "2025-01-01T00:00:00.000Z",
        },
      );
      assert.equal(stats.jobs.total, 3);
      assert.equal(stats.users, 2);
      assert.equal(stats.requests["POST /api/v2/jobs/users-imports"], 3);
      assert.deepEqual(stats.answers["GET /api/v2/jobs/:id/errors"], { "200": 1, "204": 2 });

      const tallies = async (query: string) =>
        ((await tenant.send("GET", `/emulator/stats?users=1${query}`)).body as { tallies: unknown }).tallies;
      assert.deepEqual(await tallies(""), {
        "a@example.com": { sent: 3, inserted: 2, updated: 1 },
        bad: { sent: 1, inserted: 0, updated: 0 },
      });
      assert.deepEqual(await tallies(`&connection_id=${connections.secondDatabase}`), {
        "a@example.com": { sent: 1, inserted: 1, updated: 0 },
      });
    });

    it("counts what it doesn't know, without its path", async () => {
      await start();
      assert.equal((await tenant.call("GET", "/api/v2/tickets/jane@example.com")).status, 404);
      assert.equal((await tenant.send("GET", "/jane@example.com")).status, 404);
      const { requests } = tenant.emulator.tenant.stats();
      assert.equal(requests["GET (unknown)"], 2);
    });

    it("resets users, jobs and counts", async () => {
      await start();
      const { id } = await tenant.importUsers(usersNamed(3));
      assert.equal((await tenant.send("POST", "/emulator/reset")).status, 204);
      assert.equal((await tenant.call("GET", `/api/v2/jobs/${id}`)).status, 404);
      const stats = tenant.emulator.tenant.stats();
      assert.deepEqual([stats.users, stats.jobs.total, stats.jobs.maxActiveSeen], [0, 0, 0]);
      assert.deepEqual(tenant.emulator.tenant.tallies(), {});
    });
  });
});

/** A users file padded with white space until the request has this many bytes. */
function multipart(bytes: number): Buffer {
  const head = [
    "--cut",
    'Content-Disposition: form-data; name="connection_id"',
    "",
    connections.database,
    "--cut",
    'Content-Disposition: form-data; name="users"; filename="users.json"',
    "Content-Type: application/json",
    "",
    "[]",
  ].join("\r\n");
  const tail = "\r\n--cut--\r\n";
  return Buffer.from(head + " ".repeat(bytes - head.length - tail.length) + tail);
}
