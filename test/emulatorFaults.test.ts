import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Fault, type FaultPlan, startEmulator, VirtualClock } from "../emulator/index";
import { connections, type FailedRecord, importForm, ManualClock, TestTenant, usersNamed } from "./emulatorClient";

const submitPath = "/api/v2/jobs/users-imports";

describe("emulator: faults", () => {
  let tenant: TestTenant;
  let clock: ManualClock;
  let lines: string[];
  let onLine: () => void;

  async function start(options: Parameters<typeof TestTenant.start>[0] = {}): Promise<void> {
    clock = new ManualClock();
    lines = [];
    onLine = () => {};
    const log = (line: string) => {
      lines.push(line);
      onLine();
    };
    tenant = await TestTenant.start({ clock, log, ...options });
  }

  /** Waits until the emulator has logged such a line. */
  async function logged(pattern: RegExp): Promise<void> {
    while (!lines.some((line) => pattern.test(line))) {
      await new Promise<void>((resolve) => {
        onLine = resolve;
      });
    }
  }

  const plan = (...faults: FaultPlan) => tenant.emulator.tenant.faults.replace(faults);
  const counts = () => tenant.emulator.tenant.faults.report().map(({ matched, struck }) => ({ matched, struck }));
  const stats = () => tenant.emulator.tenant.stats();
  const jobsMade = () => stats().jobs.total;
  const postOne = (init: RequestInit = {}) =>
    tenant.request("POST", submitPath, { body: importForm([{ email: "a@example.com" }]), ...init });

  afterEach(() => tenant.stop());

  describe("at calls", () => {
    const requests = {
      token: () => tenant.request("POST", "/oauth/token"),
      submit: () => postOne(),
      status: () => tenant.request("GET", "/api/v2/jobs/job_1"),
      errors: () => tenant.request("GET", "/api/v2/jobs/job_1/errors"),
      user: () => tenant.request("GET", "/api/v2/users/auth0%7C1"),
      "user by email": () => tenant.request("GET", "/api/v2/users-by-email?email=a"),
      connection: () => tenant.request("GET", `/api/v2/connections/${connections.database}`),
      "anything else": () => tenant.request("GET", "/api/v2/tickets"),
    };
    for (const on of ["token", "submit", "status", "errors", "user", "connection", "any"] as const) {
      it(`strike ${on}, and nothing else`, async () => {
        await start();
        plan({ on, nth: { from: 1 }, kind: "status", code: 599 });
        for (const [name, send] of Object.entries(requests)) {
          const struck = on === "any" || name.startsWith(on);
          assert.equal((await send()).status === 599, struck, name);
        }
        assert.equal((await tenant.send("GET", "/emulator/stats")).status, 200);
      });
    }

    const selections: [selection: Pick<Fault, "nth" | "times">, struck: number[]][] = [
      [{}, [1]],
      [{ nth: 3 }, [3]],
      [{ nth: [2, 5] }, [2, 5]],
      [{ nth: {} }, [1, 2, 3, 4, 5, 6, 7, 8]],
      [{ nth: { from: 3, to: 7, every: 2 } }, [3, 5, 7]],
      [{ nth: { every: 3 }, times: 2 }, [1, 4]],
      [{ times: 2 }, [1, 2]],
    ];
    for (const [selection, expected] of selections) {
      it(`strike those that ${JSON.stringify(selection)} names`, async () => {
        await start();
        plan({ on: "connection", kind: "status", code: 500, ...selection });
        const struck: number[] = [];
        for (let nth = 1; nth <= 8; nth += 1) {
          const { status } = await tenant.request("GET", "/api/v2/connections");
          if (status === 500) struck.push(nth);
        }
        assert.deepEqual(struck, expected);
        assert.deepEqual(counts(), [{ matched: 8, struck: expected.length }]);
      });
    }

    it("go together, the first one outermost", async () => {
      await start();
      plan(
        { on: "submit", kind: "delay", ms: 1 },
        { on: "submit", kind: "resetAfter" },
        { on: "submit", kind: "status", code: 500, processed: true },
        { on: "submit", kind: "reset" },
        { on: "submit", kind: "malformedJson" },
      );
      await assert.rejects(postOne(), isReset);
      assert.equal(jobsMade(), 0);
      assert.deepEqual(
        counts().map(({ struck }) => struck),
        [1, 1, 1, 1, 0],
      );
    });

    it("reset: nothing is done", async () => {
      await start();
      plan({ on: "submit", kind: "reset" });
      await assert.rejects(postOne(), isReset);
      assert.equal(jobsMade(), 0);
      assert.equal((await postOne()).status, 202);
      assert.deepEqual(stats().answers[`POST ${submitPath}`], { "0": 1, "202": 1 });
    });

    it("resetAfter: the job is made, its answer lost", async () => {
      await start();
      plan({ on: "submit", kind: "resetAfter" });
      await assert.rejects(postOne(), isReset);
      assert.equal(jobsMade(), 1);
      assert.deepEqual(tenant.emulator.tenant.tallies(), { "a@example.com": { sent: 1, inserted: 1, updated: 0 } });
      assert.deepEqual(stats().answers[`POST ${submitPath}`], { "0": 1 });
    });

    it("hang: until the client gives up, or the time is over", async () => {
      await start();
      plan({ on: "submit", kind: "hang" });
      const client = new AbortController();
      const lost = assert.rejects(postOne({ signal: client.signal }), { name: "AbortError" });
      await logged(/^fault 1 \(hang\) strikes submit 1$/);
      client.abort();
      await lost;
      await logged(/^POST \/api\/v2\/jobs\/users-imports 0 /);
      assert.equal(jobsMade(), 0);

      plan({ on: "submit", kind: "hang", ms: 1 });
      await assert.rejects(postOne(), isReset);
      assert.equal(jobsMade(), 0);
      plan({ on: "submit", kind: "hang", ms: 1, processed: true });
      await assert.rejects(postOne(), isReset);
      assert.equal(jobsMade(), 1);
    });

    it("hang: ends with the emulator", async () => {
      await start();
      plan({ on: "submit", kind: "hang" });
      const lost = assert.rejects(postOne(), isReset);
      await logged(/strikes/);
      await tenant.stop();
      await lost;
      await start();
    });

    it("delay: processed late, even for a client that is gone", async () => {
      await start();
      plan({ on: "submit", nth: [1, 2], kind: "delay", ms: 50 });
      const answer = postOne();
      await logged(/strikes submit 1/);
      assert.equal(jobsMade(), 0);
      assert.equal((await answer).status, 202);
      assert.equal(jobsMade(), 1);

      // One write, so that the request is there whole when the fault strikes.
      const { headers, method, body } = await wholeRequest(tenant, importForm([{ email: "b@example.com" }]));
      const socket = connect(tenant.emulator.port, "127.0.0.1");
      socket.write(`${method} ${submitPath} HTTP/1.1\r\n${headers}\r\n\r\n${body}`);
      await logged(/strikes submit 2/);
      socket.destroy();
      lines = [];
      await logged(/^POST \/api\/v2\/jobs\/users-imports/);
      assert.equal(jobsMade(), 2);
    });

    it("delay: processed at once, and the answer late", async () => {
      await start();
      plan({ on: "submit", kind: "delay", ms: 1, processed: true });
      assert.equal((await postOne()).status, 202);
      plan({ on: "submit", kind: "delay", ms: 2 ** 31 - 1, processed: true });
      const client = new AbortController();
      const lost = assert.rejects(postOne({ signal: client.signal }), { name: "AbortError" });
      while (((await tenant.send("GET", "/emulator/stats")).body as ReturnType<typeof stats>).jobs.total < 2);
      client.abort();
      await lost;
    });

    for (const code of [408, 500, 502, 503, 504]) {
      it(`status ${code}: as JSON, HTML or nothing, the job made or not`, async () => {
        await start();
        plan(
          { on: "submit", nth: 1, kind: "status", code },
          { on: "submit", nth: 2, kind: "status", code, body: "html" },
          { on: "submit", nth: 3, kind: "status", code, body: "empty", processed: true },
        );
        const json = await postOne();
        assert.equal(json.status, code);
        assert.equal(((await json.json()) as { statusCode: number }).statusCode, code);
        const html = await postOne();
        assert.equal(html.status, code);
        assert.equal(html.headers.get("content-type"), "text/html");
        assert.match(await html.text(), /^<html>/);
        assert.equal(jobsMade(), 0);
        const empty = await postOne();
        assert.equal(empty.status, code);
        assert.equal(await empty.text(), "");
        assert.equal(empty.headers.get("content-type"), null);
        assert.equal(jobsMade(), 1);
      });
    }

    it("status: an upload that is still under way gets its answer", async () => {
      await start();
      plan({ on: "submit", kind: "status", code: 503 });
      assert.equal((await postOne({ body: importForm(`[${" ".repeat(400_000)}]`) })).status, 503);
    });

    it("truncatedJson: with a length like the JSON's", async () => {
      await start();
      plan({ on: "submit", kind: "truncatedJson" });
      const answer = await postOne();
      assert.equal(answer.status, 202);
      assert.match(String(answer.headers.get("content-type")), /json/);
      const text = await answer.text();
      assert.match(text, /^\{"type":"users_import"/);
      assert.throws(() => JSON.parse(text));
      assert.equal(jobsMade(), 1);
    });

    it("truncatedJson: with the length of the whole", async () => {
      await start();
      plan({ on: "submit", kind: "truncatedJson", contentLength: "whole" });
      const answer = await postOne();
      assert.equal(answer.status, 202);
      await assert.rejects(answer.text(), { message: "terminated" });
      assert.equal(jobsMade(), 1);
      assert.deepEqual(stats().answers[`POST ${submitPath}`], { "0": 1 });
    });

    it("malformedJson", async () => {
      await start();
      plan({ on: "submit", kind: "malformedJson" });
      const answer = await postOne();
      assert.equal(answer.status, 202);
      assert.match(String(answer.headers.get("content-type")), /json/);
      await assert.rejects(answer.json(), SyntaxError);
      assert.equal(jobsMade(), 1);
    });

    it("truncatedJson, malformedJson: leave an answer without a body", async () => {
      await start();
      const id = await tenant.submit(usersNamed(1));
      plan({ on: "errors", kind: "truncatedJson" }, { on: "errors", nth: 2, kind: "malformedJson" });
      assert.equal((await tenant.errors(id)).status, 204);
      assert.equal((await tenant.errors(id)).status, 204);
    });

    it("rateLimit: until its time has come", async () => {
      await start({ burst: 7 });
      plan(
        { on: "status", kind: "rateLimit", resetInSeconds: 1.5 },
        { on: "submit", kind: "rateLimit", retryAfterSeconds: 3 },
        { on: "user", kind: "rateLimit" },
      );
      const { status, user } = requests;
      const refused = await status();
      assert.equal(refused.status, 429);
      assert.equal(refused.headers.get("retry-after"), null);
      assert.equal(refused.headers.get("x-ratelimit-limit"), "7");
      assert.equal(refused.headers.get("x-ratelimit-remaining"), "0");
      assert.equal(refused.headers.get("x-ratelimit-reset"), String(clock.now() / 1000 + 2));
      assert.deepEqual(await refused.json(), {
        statusCode: 429,
        error: "Too Many Requests",
        message: "Global limit has been reached",
        errorCode: "too_many_requests",
      });
      const { headers } = await postOne();
      assert.equal(headers.get("retry-after"), "3");
      assert.equal(headers.get("x-ratelimit-reset"), null);
      assert.equal((await user()).status, 429);
      assert.equal((await user()).status, 404);

      clock.advance(1.9);
      assert.equal((await status()).headers.get("x-ratelimit-reset"), refused.headers.get("x-ratelimit-reset"));
      clock.advance(0.1);
      assert.equal((await status()).status, 404);
      assert.equal((await postOne()).headers.get("retry-after"), "1");
      assert.equal(jobsMade(), 0);
      clock.advance(1);
      assert.equal((await postOne()).status, 202);
      assert.deepEqual(counts(), [
        { matched: 3, struck: 2 },
        { matched: 3, struck: 2 },
        { matched: 2, struck: 1 },
      ]);
    });

    it("unauthorized: as for an expired token, or for a wrong secret", async () => {
      await start();
      plan({ on: "any", nth: { from: 1 }, kind: "unauthorized" });
      const submit = await postOne();
      assert.equal(submit.status, 401);
      assert.deepEqual(await submit.json(), {
        statusCode: 401,
        error: "Unauthorized",
        message: "Expired token received for JSON Web Token validation",
      });
      assert.equal(jobsMade(), 0);
      const { status, body } = await tenant.signIn();
      assert.equal(status, 401);
      assert.deepEqual(body, { error: "access_denied", error_description: "Unauthorized" });
    });

    it("foreignJobs: take slots before the call", async () => {
      await start();
      plan({ on: "submit", nth: 2, kind: "foreignJobs", seconds: 10 });
      assert.equal((await postOne()).status, 202);
      assert.equal((await postOne()).status, 429);
      assert.equal(stats().jobs.foreign, 2);
      clock.advance(10);
      assert.equal((await postOne()).status, 202);
    });
  });

  describe("in jobs", () => {
    beforeEach(() => start({ usersPerSecond: 1, maxActiveJobs: 4 }));

    /** What came of a job, by the API and behind it. */
    async function outcomeOf(id: string) {
      const status = await tenant.call("GET", `/api/v2/jobs/${id}`);
      const errors = await tenant.errors(id);
      const job = stats().jobs.list.find((each) => each.id === id);
      const { status: stage, summary } = status.body as { status?: string; summary?: unknown };
      return { call: status.status, status: stage, summary, errors, inTenant: job?.status, inserted: job?.inserted };
    }
    const total = (event: "sent" | "inserted" | "updated") =>
      Object.values(tenant.emulator.tenant.tallies()).reduce((sum, tally) => sum + tally[event], 0);

    it("strike the nth job that was made", async () => {
      plan({ on: "job", nth: 2, kind: "fail" });
      assert.equal((await tenant.postUsers("x", { connection_id: "wrong" })).status, 400);
      const ids = [];
      for (const name of ["a", "b", "c"]) ids.push(await tenant.submit(usersNamed(1, name)));
      clock.advance(1);
      const statuses = [];
      for (const id of ids) statuses.push((await outcomeOf(id)).status);
      assert.deepEqual(statuses, ["completed", "failed", "completed"]);
      assert.deepEqual(counts(), [{ matched: 3, struck: 1 }]);
    });

    it("strike jobs by external id and by user", async () => {
      plan({ on: "job", external_id: "^shop/", email: "JANE@", kind: "fail" });
      const jane = [{ email: "Jane@example.com" }];
      const ids = [
        await tenant.submit(jane, { external_id: "web/1" }),
        await tenant.submit(usersNamed(1), { external_id: "shop/1" }),
        await tenant.submit([...usersNamed(1), ...jane], { external_id: "shop/2" }),
        await tenant.submit(jane, { external_id: "shop/3" }),
      ];
      clock.advance(1);
      const statuses = [];
      for (const id of ids) statuses.push((await outcomeOf(id)).status);
      assert.deepEqual(statuses, ["completed", "completed", "failed", "failed"]);
      assert.deepEqual(counts(), [{ matched: 2, struck: 2 }]);
    });

    it("fail: at the start, with nobody imported and its slot free", async () => {
      plan({ on: "job", kind: "fail" });
      const id = await tenant.submit(usersNamed(4));
      const { status, summary, errors, inserted } = await outcomeOf(id);
      assert.deepEqual([status, summary, inserted], ["failed", undefined, 0]);
      assert.deepEqual(errors.body, {
        status: "failed",
        type: "users_import",
        id,
        status_details: "Failed to import users: internal error",
      });
      assert.equal(stats().jobs.active, 0);
      clock.advance(10);
      assert.deepEqual([total("sent"), total("inserted")], [4, 0]);
    });

    it("fail: half-way, at its end, with details or none", async () => {
      plan(
        { on: "job", nth: 1, kind: "fail", afterPercent: 50, details: "Out of order" },
        { on: "job", nth: 2, kind: "fail", afterPercent: 100, details: null },
      );
      const half = await tenant.submit(usersNamed(4));
      const whole = await tenant.submit(usersNamed(4, "other"));
      clock.advance(1.999);
      assert.equal((await outcomeOf(half)).status, "processing");
      clock.advance(0.001);
      const { status, errors, inserted } = await outcomeOf(half);
      assert.deepEqual([status, inserted], ["failed", 2]);
      assert.equal((errors.body as { status_details: string }).status_details, "Out of order");
      assert.equal(stats().jobs.list[0]?.finished, "2025-01-01T00:00:02.000Z");

      clock.advance(10);
      const late = await outcomeOf(whole);
      assert.deepEqual([late.status, late.errors.status, late.inserted], ["failed", 204, 4]);
      assert.deepEqual([total("sent"), total("inserted")], [8, 6]);
    });

    it("expire", async () => {
      plan({ on: "job", kind: "expire", afterPercent: 50 });
      const id = await tenant.submit(usersNamed(4));
      clock.advance(10);
      const { status, summary, errors, inserted } = await outcomeOf(id);
      assert.deepEqual([status, summary, errors.status, inserted], ["expired", undefined, 204, 2]);
      assert.equal(stats().jobs.active, 0);
    });

    it("vanish: the users stay", async () => {
      plan({ on: "job", kind: "vanish", afterPercent: 50 });
      const id = await tenant.submit(usersNamed(4));
      clock.advance(1);
      assert.equal((await outcomeOf(id)).status, "processing");
      clock.advance(1);
      const { call, errors, inTenant, inserted } = await outcomeOf(id);
      assert.deepEqual([call, errors.status, inTenant, inserted], [404, 404, "vanished", 2]);
      clock.advance(10);
      assert.deepEqual([stats().users, stats().jobs.active], [2, 0]);
    });

    it("stall: until two hours are over", async () => {
      plan({ on: "job", nth: [1, 2], kind: "stall", afterPercent: 25 }, { on: "job", nth: 3, kind: "stall" });
      const ids = [
        await tenant.submit(usersNamed(4)),
        await tenant.submit([]),
        await tenant.submit(usersNamed(4, "b")),
      ];
      clock.advance(7199);
      const statuses = [];
      for (const id of ids) statuses.push((await outcomeOf(id)).status);
      assert.deepEqual(statuses, ["processing", "pending", "pending"]);
      assert.equal((await tenant.job(ids[0] as string)).percentage_done, 25);
      assert.equal(stats().jobs.active, 3);
      clock.advance(1);
      for (const id of ids) {
        const { status, errors } = await outcomeOf(id);
        assert.equal(status, "failed");
        assert.match((errors.body as { status_details: string }).status_details, /timed out/);
      }
      assert.equal(stats().users, 1);
    });

    it("poison: every job with the user fails, at the start or when it comes to the user", async () => {
      const users = usersNamed(4);
      for (const [at, inserted] of [
        ["start", 0],
        ["user", 2],
      ] as const) {
        await tenant.send("POST", "/emulator/reset");
        plan({ on: "job", kind: "poison", email: "^user2@", at });
        const ids = [await tenant.submit(users), await tenant.submit(users), await tenant.submit(users.slice(0, 2))];
        clock.advance(10);
        const statuses = [];
        for (const id of ids) statuses.push((await outcomeOf(id)).status);
        assert.deepEqual(statuses, ["failed", "failed", "completed"]);
        assert.equal((await outcomeOf(ids[0] as string)).inserted, inserted);
        assert.equal(await tenant.userByEmail("user2@example.com"), undefined);
        assert.deepEqual(tenant.emulator.tenant.tallies()["user2@example.com"], { sent: 2, inserted: 0, updated: 0 });
        assert.deepEqual(counts(), [{ matched: 2, struck: 2 }]);
      }
    });

    it("unlistedErrors: the summary counts more than are listed", async () => {
      plan({ on: "job", nth: 1, kind: "unlistedErrors", listed: 1 }, { on: "job", nth: 2, kind: "unlistedErrors" });
      const bad = [{ email: "bad" }, { email: "a@example.com" }, { email: "worse" }];
      const ids = [await tenant.submit(bad), await tenant.submit(bad)];
      clock.advance(10);
      const first = await outcomeOf(ids[0] as string);
      assert.deepEqual(first.summary, { failed: 2, updated: 0, inserted: 1, total: 3 });
      assert.deepEqual(
        (first.errors.body as FailedRecord[]).map(({ user }) => user),
        [{ email: "bad" }],
      );
      const second = await outcomeOf(ids[1] as string);
      assert.deepEqual(second.summary, { failed: 3, updated: 0, inserted: 0, total: 3 });
      assert.equal(second.errors.status, 204);
      assert.deepEqual(
        stats().jobs.list.map(({ failed }) => failed),
        [2, 3],
      );
    });

    it("error: any for the users that fit, and nobody else", async () => {
      plan(
        { on: "job", kind: "error", email: "^a@", code: "CONFLICT", message: "Conflict" },
        { on: "job", kind: "error", email: "^b@", code: "NEVER_HEARD_OF" },
        { on: "job", kind: "error", email: "^c@" },
      );
      const ids = [];
      for (let i = 0; i < 2; i += 1) ids.push(await tenant.submit(["a", "b", "c", "d"].map(at)));
      clock.advance(10);
      const { summary, errors } = await outcomeOf(ids[0] as string);
      assert.deepEqual(summary, { failed: 3, updated: 0, inserted: 1, total: 4 });
      assert.deepEqual(errors.body, [
        { user: at("a"), errors: [{ code: "CONFLICT", message: "Conflict" }] },
        { user: at("b"), errors: [{ code: "NEVER_HEARD_OF" }] },
        { user: at("c"), errors: [{}] },
      ]);
      assert.equal(((await outcomeOf(ids[1] as string)).errors.body as unknown[]).length, 4);
      assert.equal(stats().users, 1);
      assert.deepEqual(tenant.emulator.tenant.tallies()["a@example.com"], { sent: 2, inserted: 0, updated: 0 });
    });

    it("error: with the rest of the profile applied", async () => {
      await tenant.submit([{ ...at("a"), name: "Ann" }]);
      clock.advance(1);
      plan({ on: "job", kind: "error", email: "^a@", code: "MFA_FACTORS_FAILED", applied: true });
      const record = { ...at("a"), name: "Anna", mfa_factors: [{ phone: { value: "+15551234567" } }] };
      const id = await tenant.submit([record, { email: "bad" }], { upsert: "true" });
      clock.advance(2);
      const { summary, errors } = await outcomeOf(id);
      assert.deepEqual(summary, { failed: 2, updated: 0, inserted: 0, total: 2 });
      assert.deepEqual((errors.body as FailedRecord[])[0]?.errors, [{ code: "MFA_FACTORS_FAILED" }]);
      assert.deepEqual(tenant.emulator.tenant.tallies()["a@example.com"], { sent: 2, inserted: 1, updated: 1 });
      const user = (await tenant.userByEmail("a@example.com")) as { user_id: string; name: string };
      assert.equal(user.name, "Anna");
      const behind = (await tenant.send("GET", `/emulator/users/${encodeURIComponent(user.user_id)}`)).body as object;
      assert.equal("mfa_factors" in behind, false);
    });

    it("end a job but once, by whichever comes first", async () => {
      plan(
        { on: "job", kind: "fail", afterPercent: 75 },
        { on: "job", kind: "vanish", afterPercent: 25 },
        { on: "job", kind: "poison", email: "^user1@", at: "user" },
      );
      const id = await tenant.submit(usersNamed(4));
      clock.advance(10);
      assert.equal((await outcomeOf(id)).inTenant, "vanished");
      assert.equal(stats().users, 1);
    });
  });

  describe("other people's jobs", () => {
    beforeEach(() => start());

    it("take the slots that are free, for their time", async () => {
      const post = (body: unknown) => tenant.send("POST", "/emulator/foreign-jobs", { body: JSON.stringify(body) });
      assert.deepEqual((await post({ count: 1, seconds: 60 })).body, { taken: 1 });
      assert.deepEqual((await post({ count: 5, seconds: 30 })).body, { taken: 1 });
      const refused = await tenant.postUsers(usersNamed(1));
      assert.equal(refused.status, 429);
      assert.match((refused.body as Error).message, /^There are 2 active import users jobs/);
      assert.equal(refused.headers.get("x-ratelimit-reset"), null);
      clock.advance(30);
      await tenant.submit(usersNamed(1));
      assert.deepEqual([stats().jobs.foreign, stats().jobs.total, stats().jobs.maxActiveSeen], [1, 1, 1]);
      clock.advance(30);
      assert.equal(stats().jobs.foreign, 0);
      assert.equal((await post({ count: 0, seconds: 30 })).status, 400);
    });

    it("can be told to go", async () => {
      tenant.emulator.tenant.jobs.occupy(2, 3600);
      assert.equal((await tenant.postUsers(usersNamed(1))).status, 429);
      assert.equal((await tenant.send("DELETE", "/emulator/foreign-jobs")).status, 204);
      await tenant.submit(usersNamed(1));
    });
  });

  describe("the plan", () => {
    it("is replaced, shown and cleared over HTTP", async () => {
      await start({ faults: [{ on: "token", kind: "delay", ms: 1 }] });
      const first = await tenant.send("GET", "/emulator/faults");
      assert.deepEqual(first.body, [{ fault: { on: "token", kind: "delay", ms: 1 }, matched: 1, struck: 1 }]);
      const faults: FaultPlan = [
        { on: "status", nth: [1, 2], kind: "status", code: 500 },
        { on: "job", kind: "stall" },
      ];
      const replaced = await tenant.send("POST", "/emulator/faults", { body: JSON.stringify(faults) });
      assert.equal(replaced.status, 200);
      assert.deepEqual(
        replaced.body,
        faults.map((fault) => ({ fault, matched: 0, struck: 0 })),
      );
      assert.equal((await tenant.call("GET", "/api/v2/jobs/job_1")).status, 500);
      assert.deepEqual(counts(), [
        { matched: 1, struck: 1 },
        { matched: 0, struck: 0 },
      ]);
      await tenant.send("POST", "/emulator/reset");
      assert.equal((await tenant.call("GET", "/api/v2/jobs/job_1")).status, 500);
      assert.deepEqual(counts()[0], { matched: 1, struck: 1 });

      assert.equal((await tenant.send("DELETE", "/emulator/faults")).status, 204);
      assert.deepEqual((await tenant.send("GET", "/emulator/faults")).body, []);
      assert.equal((await tenant.call("GET", "/api/v2/jobs/job_1")).status, 404);
    });

    const invalid: [fault: unknown, message: string][] = [
      ["reset", "Invalid input: expected object, received string"],
      [{ on: "submit" }, "kind: Invalid discriminator value. Expected 'reset'"],
      [{ on: "submit", kind: "explode" }, "kind: Invalid discriminator value. Expected 'reset'"],
      [{ on: "post", kind: "reset" }, 'on: Invalid option: expected one of "submit"|"status"'],
      [{ on: "job", kind: "reset" }, 'on: Invalid option: expected one of "submit"|"status"'],
      [{ on: "submit", kind: "fail" }, "on: Invalid discriminator value. Expected 'job' | 'exportJob'"],
      [{ on: "submit", kind: "reset", proccessed: true }, 'Unrecognized key: "proccessed"'],
      [{ on: "submit", kind: "reset", email: "a" }, 'Unrecognized key: "email"'],
      [{ on: "submit", kind: "reset", nth: 0 }, "nth: Too small: expected number to be >=1"],
      [{ on: "submit", kind: "reset", nth: [] }, "nth: Too small: expected array to have >=1 items"],
      [
        { on: "submit", kind: "reset", nth: "1" },
        "nth: Expected a number from 1, an array of them, or {from, to, every}",
      ],
      [{ on: "submit", kind: "reset", nth: { form: 1 } }, 'nth: Unrecognized key: "form"'],
      [{ on: "submit", kind: "reset", nth: { from: 3, to: 2 } }, "nth: Expected from <= to"],
      [{ on: "submit", kind: "reset", times: 0 }, "times: Too small: expected number to be >=1"],
      [{ on: "submit", kind: "delay" }, "ms: Invalid input: expected number, received undefined"],
      [{ on: "submit", kind: "status", code: 200 }, "code: Too small: expected number to be >=400"],
      [{ on: "job", kind: "fail", afterPercent: 101 }, "afterPercent: Too big: expected number to be <=100"],
      [{ on: "submit", kind: "cutFile" }, 'on: Invalid input: expected "download"'],
      [{ on: "exportJob", kind: "fail", afterPercent: 1 }, 'Unrecognized key: "afterPercent"'],
      [{ on: "job", kind: "poison" }, "email: Invalid input: expected string, received undefined"],
      [{ on: "job", kind: "poison", email: "(" }, "email: Not a regular expression"],
    ];
    for (const [fault, message] of invalid) {
      it(`is refused for ${JSON.stringify(fault)}`, async () => {
        await start();
        plan({ on: "any", kind: "reset" });
        const faults = [{ on: "submit", kind: "reset" }, fault];
        const { status, body } = await tenant.send("POST", "/emulator/faults", { body: JSON.stringify(faults) });
        assert.equal(status, 400);
        const said = (body as Error).message;
        assert.ok(said.startsWith(`Invalid fault plan: fault 2: ${message}`), said);
        assert.equal(counts().length, 1);
        await assert.rejects(startEmulator({ faults: faults as FaultPlan }), { message: said });
      });
    }

    it("is an array", async () => {
      await start();
      const { status, body } = await tenant.send("POST", "/emulator/faults", { body: "{}" });
      assert.equal(status, 400);
      assert.equal(
        (body as Error).message,
        "Invalid fault plan: the plan: Invalid input: expected array, received object",
      );
    });

    it("is not in the data file; what it did is", async () => {
      const folder = mkdtempSync(join(tmpdir(), "auth0-emulator-"));
      try {
        const options = { dataFile: join(folder, "data.ndjson"), usersPerSecond: 1 };
        await start(options);
        plan(
          { on: "job", nth: 1, kind: "vanish", afterPercent: 50 },
          { on: "job", nth: 2, kind: "fail", afterPercent: 50, details: "Poisonous" },
          { on: "any", nth: 1000, kind: "unauthorized" },
        );
        const vanished = await tenant.submit(usersNamed(2));
        const running = await tenant.submit(usersNamed(10, "other"));
        clock.advance(1);
        await tenant.stop();
        assert.doesNotMatch(readFileSync(options.dataFile, "utf8"), /poisonous|unauthorized|percent|fault/i);

        tenant = await tenant.restart({ ...options, clock });
        clock.advance(10);
        assert.equal((await tenant.call("GET", `/api/v2/jobs/${vanished}`)).status, 404);
        assert.equal((await tenant.job(running)).status, "completed");
        assert.deepEqual(tenant.emulator.tenant.faults.report(), []);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  describe("the clock", () => {
    const advance = (advanceSeconds: unknown) =>
      tenant.send("POST", "/emulator/clock", { body: JSON.stringify({ advanceSeconds }) });

    it("is moved on: jobs, their limits and tokens follow", async () => {
      await start({ usersPerSecond: 1, tokenLifetimeSeconds: 3 * 3600 });
      plan({ on: "job", nth: 2, kind: "stall" });
      const id = await tenant.submit(usersNamed(10));
      const stalled = await tenant.submit(usersNamed(1, "other"));
      assert.deepEqual((await advance(9.5)).body, { now: "2025-01-01T00:00:09.500Z" });
      const { percentage_done, time_left_seconds } = await tenant.job(id);
      assert.deepEqual([percentage_done, time_left_seconds], [90, 1]);
      await advance(0.5);
      assert.equal((await tenant.job(id)).status, "completed");
      assert.equal(stats().jobs.list[0]?.finished, "2025-01-01T00:00:10.000Z");
      await advance(7190);
      assert.equal((await tenant.job(stalled)).status, "failed");
      await advance(3600);
      assert.equal((await tenant.call("GET", `/api/v2/jobs/${id}`)).status, 401);
      assert.deepEqual((await tenant.send("GET", "/emulator/clock")).body, { now: "2025-01-01T03:00:00.000Z" });
    });

    it("goes on by itself", () => {
      const virtual = new VirtualClock();
      const before = Date.now();
      virtual.advance(3600.5);
      assert.ok(virtual.now() >= before + 3_600_500);
      assert.ok(virtual.now() <= Date.now() + 3_600_500);
      return start();
    });

    it("is not moved when it is the real one, nor backwards", async () => {
      await start({ clock: { now: () => Date.now() } });
      const { status, body } = await advance(1);
      assert.equal(status, 409);
      assert.match((body as Error).message, /--virtual-clock/);
      await tenant.stop();
      await start();
      for (const seconds of [0, -1, "1", undefined]) assert.equal((await advance(seconds)).status, 400);
    });
  });
});

function at(name: string): { email: string } {
  return { email: `${name}@example.com` };
}

/** Whether a fetch failed for its socket's end. */
function isReset(error: unknown): boolean {
  const { code } = (error as { cause?: { code?: string } }).cause ?? {};
  return code === "ECONNRESET" || code === "EPIPE" || code === "UND_ERR_SOCKET";
}

/** The parts of a signed-in submission, as text. */
async function wholeRequest(tenant: TestTenant, form: FormData) {
  const request = new Request(tenant.emulator.url, { method: "POST", body: form });
  const body = await request.text();
  const { access_token } = (await tenant.signIn()).body as { access_token: string };
  const headers = [
    "Host: emulator",
    `Authorization: Bearer ${access_token}`,
    `Content-Type: ${request.headers.get("content-type")}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ].join("\r\n");
  return { method: "POST", headers, body };
}
