import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { on, once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type FaultPlan, startEmulator } from "../emulator/index";
import { ManualClock, TestTenant, usersNamed } from "./emulatorClient";

const main = join(__dirname, "..", "cli", "main.js");

describe("emulator: between runs", () => {
  let folder: string;
  let dataFile: string;
  const running: ChildProcess[] = [];
  const started: { stop(): Promise<void> }[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "auth0-emulator-"));
    dataFile = join(folder, "tenant", "data.ndjson");
  });
  afterEach(async () => {
    for (const child of running.splice(0)) child.kill("SIGKILL");
    for (const emulator of started.splice(0)) await emulator.stop();
    rmSync(folder, { recursive: true });
  });

  function run(...flags: string[]) {
    const child = spawn(process.execPath, [main, "emulator", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    running.push(child);
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (data) => {
      output.stdout += data;
    });
    child.stderr.on("data", (data) => {
      output.stderr += data;
    });
    return { child, output };
  }

  /** Stops it at the end of the test, whatever came of that. */
  function stopLater<T extends { stop(): Promise<void> }>(emulator: T): T {
    started.push(emulator);
    return emulator;
  }

  async function firstLine(child: ChildProcess): Promise<string> {
    assert.ok(child.stdout);
    const [line] = await once(createInterface(child.stdout), "line");
    return line;
  }

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`says where it listens, and no more; ends on ${signal} though a socket is open`, async () => {
      const { child, output } = run("--port", "0");
      const line = await firstLine(child);
      const url = /^Auth0 emulator listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
      assert.ok(url, line);

      const agent = new Agent({ keepAlive: true });
      const [response] = await once(get(`${url}/emulator/stats`, { agent }), "response");
      response.resume();
      await once(response, "end");
      const exited = once(child, "close");
      child.kill(signal);
      assert.deepEqual(await exited, [0, null]);
      agent.destroy();
      assert.deepEqual(output, { stdout: `${line}\n`, stderr: "" });
    });
  }

  it("writes a line for each request with --verbose, without query or ids", async () => {
    const { child, output } = run("--port", "0", "--verbose");
    const url = (await firstLine(child)).split(" ").at(-1);
    await fetch(`${url}/api/v2/users-by-email?email=jane@example.com`);
    await fetch(`${url}/api/v2/users/auth0%7Cjane`);
    child.kill();
    await once(child, "close");
    assert.match(output.stderr, /^GET \/api\/v2\/users-by-email 401 \d+ ms\nGET \/api\/v2\/users\/:id 401 \d+ ms\n$/);
  });

  it("takes a fault plan and says when a fault strikes; moves its clock on", async () => {
    const faults = join(folder, "plan.json");
    writeFileSync(faults, '[{ "on": "user", "nth": 2, "kind": "status", "code": 503 }]');
    const { child, output } = run("--port", "0", "--verbose", "--faults", faults, "--virtual-clock");
    const url = (await firstLine(child)).split(" ").at(-1);
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await fetch(`${url}/api/v2/users/auth0%7Cjane`)).status);
    assert.deepEqual(statuses, [401, 503, 401]);
    const before = Date.now();
    const moved = await fetch(`${url}/emulator/clock`, { method: "POST", body: '{"advanceSeconds":7200}' });
    const { now } = (await moved.json()) as { now: string };
    assert.ok(Date.parse(now) >= before + 7_200_000);
    child.kill();
    await once(child, "close");
    assert.match(output.stderr, /\nfault 1 \(status\) strikes user 2\nGET \/api\/v2\/users\/:id 503 /);
  });

  it("explains the fault plan in its help, with an example that is valid", async () => {
    const { child, output } = run("--help");
    assert.deepEqual(await once(child, "close"), [0, null]);
    const example = /^ {2}(\[\{[\s\S]*?\}\])$/m.exec(output.stdout)?.[1];
    assert.ok(example, output.stdout);
    stopLater(await startEmulator({ faults: JSON.parse(example) as FaultPlan }));
  });

  it("refuses what it can't do, in one line", async () => {
    const taken = stopLater(await startEmulator());
    const broken = join(folder, "broken");
    writeFileSync(broken, '{"format":"auth0-emulator/1","signingKey":""}\n{"user":["jane@example.com"\n');
    const wrongPlan = join(folder, "plan.json");
    writeFileSync(wrongPlan, '[{ "on": "submit", "kind": "fail" }]');
    const foreign = join(folder, "foreign");
    writeFileSync(foreign, '{"email":"jane@example.com"}');
    const cases: [flags: string[], message: RegExp][] = [
      [["--host", "0.0.0.0"], /^The emulator serves loopback only, and 0\.0\.0\.0 is not a loopback address\.\n$/],
      [["--port", String(taken.port)], /^Port \d+ is in use\.\n$/],
      [["--port", "70000"], /^error: option '--port <port>' argument '70000' is invalid\..*\n$/],
      [["--max-active-jobs", "0"], /^error: option '--max-active-jobs <count>' argument '0' is invalid\..*\n$/],
      [["--data", broken], /^Could not read .*broken: line 2 is not valid JSON\n$/],
      [["--client-public-key", foreign], /^.*foreign does not hold a public key in PEM\.\n$/],
      [["--faults", broken], /^.*broken is not valid JSON\.\n$/],
      [
        ["--faults", wrongPlan],
        /^Invalid fault plan: fault 1: on: Invalid discriminator value\. Expected 'job' \| 'exportJob'\n$/,
      ],
      [["--data", foreign], /^Could not read .*foreign: not a data file of this emulator .*\n$/],
    ];
    for (const [flags, message] of cases) {
      const { child, output } = run("--port", "0", ...flags);
      const [code] = await once(child, "close");
      assert.equal(code, 1);
      assert.match(output.stderr, message);
      assert.equal(output.stdout, "");
    }
  });

  it("keeps users, jobs, tallies and tokens in the data file, for the owner only", async () => {
    const clock = new ManualClock();
    const before = await TestTenant.start({ clock, dataFile });
    const records = [
      { email: "jane@example.com", user_id: "1", username: "jane", user_metadata: { quote: ',"attributes":' } },
      { email: "bad" },
    ];
    const { id, failed } = await before.importUsers(records, { external_id: "x/1" });
    const job = await before.job(id);
    const stats = before.emulator.tenant.stats();
    const user = await before.userByEmail("jane@example.com");
    await before.stop();
    assert.equal(statSync(dataFile).mode & 0o777, 0o600);

    const after = stopLater(await before.restart({ clock, dataFile }));
    assert.deepEqual(await after.job(id), job);
    assert.deepEqual((await after.errors(id)).body, failed);
    assert.deepEqual(await after.userByEmail("jane@example.com"), user);
    assert.deepEqual(after.emulator.tenant.stats().jobs, stats.jobs);
    assert.deepEqual(after.emulator.tenant.tallies(), {
      "jane@example.com": { sent: 1, inserted: 1, updated: 0 },
      bad: { sent: 1, inserted: 0, updated: 0 },
    });
    const again = await after.importUsers([{ email: "b@example.com", username: "jane" }]);
    assert.equal(again.summary.failed, 1);
  });

  it("reads a data file of 0.1", async () => {
    const path = join(folder, "old.ndjson");
    const lines = [
      '{"format":"auth0-emulator/1","signingKey":"c2VjcmV0","maxActiveSeen":1}',
      '{"job":{"id":"job_AAAAAAAAAAAAAAAA","bytes":100,"createdAt":1735689600000,"total":1,"done":1,"inserted":1,"updated":0,' +
        '"startedAt":1735689600000,"finishedAt":1735689600000,"outcome":"completed","failures":[],"records":[],' +
        '"connectionId":"con_0000000000000001","provided":[]}}',
      '{"user":["auth0|1","con_0000000000000001","jane@example.com",null,null,1735689600000,1735689600000],"attributes":{"name":"Jane"}}',
      '{"tally":["con_0000000000000001","jane@example.com",1,1,0]}',
    ];
    writeFileSync(path, `${lines.join("\n")}\n`);
    const tenant = stopLater(await TestTenant.start({ clock: new ManualClock(), dataFile: path }));
    assert.equal((await tenant.job("job_AAAAAAAAAAAAAAAA")).status, "completed");
    assert.equal((await tenant.userByEmail("jane@example.com"))?.name, "Jane");
    assert.deepEqual(tenant.emulator.tenant.tallies(), { "jane@example.com": { sent: 1, inserted: 1, updated: 0 } });
    const [first] = (await tenant.importUsers([{ email: "jane@example.com" }])).failed;
    assert.equal(first?.errors[0]?.code, "DUPLICATED_USER");
  });

  it("goes on with a job that was running", async () => {
    const clock = new ManualClock();
    const options = { clock, dataFile, usersPerSecond: 1 };
    const before = await TestTenant.start(options);
    const id = await before.submit([...usersNamed(9), { email: "user0@example.com" }]);
    clock.advance(4);
    await before.stop();

    const after = stopLater(await before.restart(options));
    assert.equal((await after.job(id)).percentage_done, 40);
    clock.advance(6);
    assert.deepEqual((await after.job(id)).summary, { failed: 1, updated: 0, inserted: 9, total: 10 });
    const [failure] = (await after.errors(id)).body as { errors: { message: string }[] }[];
    assert.equal(failure?.errors[0]?.message, "A user with this email was already provided.");
  });

  it("saves while it runs", async () => {
    const path = join(folder, "data.ndjson");
    const tenant = stopLater(await TestTenant.start({ dataFile: path }));
    const watcher = watch(folder);
    await tenant.importUsers([{ email: "jane@example.com" }]);
    for await (const [, name] of on(watcher, "change")) if (name === "data.ndjson") break;
    watcher.close();
    assert.match(readFileSync(path, "utf8"), /jane@example\.com/);
  });
});
