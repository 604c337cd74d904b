import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Emulator, startEmulator } from "../../emulator";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { Workspace } from "../support/workspace";

const LOOK_MS = 50;

/** With `WAITS`, of a file whose name is not known before another resource is made. */
const PROGRAM = `const pulumi = require("@pulumi/pulumi");
const { UserImport } = require("pulumi-auth0-user-import");
class Export extends pulumi.dynamic.Resource {
  constructor() {
    super({ create: async () => ({ id: "export", outs: { file: "users.ndjson" } }) }, "export", { file: undefined });
  }
}
const users = process.env.WAITS ? new Export().file : "users.ndjson";
const everyone = new UserImport("everyone", { connectionId: "con_0000000000000001", users, batches: Number(process.env.BATCHES) });
exports.summary = everyone.summary;
exports.jobs = everyone.jobs;
exports.source = everyone.source;
`;

const people = (count: number, names: Record<number, string> = {}) =>
  Array.from({ length: count }, (_, i) => ({
    user_id: `p${i}`,
    email: `person${i}@example.com`,
    email_verified: true,
    given_name: names[i] ?? `Person${i}`,
  }));
const ndjson = (users: readonly object[]) => users.map((user) => `${JSON.stringify(user)}\n`).join("");

describe("an edit, with the real engine", function () {
  this.timeout(300_000);
  let emulator: Emulator;
  let program: Workspace;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
    emulator = await startEmulator({ usersPerSecond: 0 });
  });
  after(() => emulator.stop());
  beforeEach(() => emulator.tenant.reset());
  afterEach(() => {
    emulator.tenant.faults.clear();
    program.remove();
  });

  async function start(env: Record<string, string> = {}, batches = 4): Promise<void> {
    program = await Workspace.create({
      files: { "index.js": PROGRAM, "users.ndjson": ndjson(people(160)) },
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": "emulator" },
      env: { ...env, BATCHES: String(batches) },
    });
  }

  async function up(...flags: string[]): Promise<string> {
    const { code, output } = await program.up(...flags);
    assert.equal(code, 0, output);
    return output;
  }

  const summary = async () => (await program.outputs<{ summary: Summary }>()).summary;
  const sentTo = (i: number) => emulator.tenant.tallies()[`person${i}@example.com`]?.sent;

  it("of one user in 16 batches writes the state at most 8 times, and none writes it once", async () => {
    await start({ PULUMI_RETAIN_CHECKPOINTS: "true" }, 16);
    /** How often the state is written meanwhile: the backend keeps each. */
    const writes = async (work: () => Promise<unknown>) => {
      const kept = () =>
        readdirSync(path.join(program.folder, ".pulumi-state/.pulumi/stacks"), {
          recursive: true,
          encoding: "utf8",
        }).filter((name) => /\.json\.\d+$/.test(name)).length;
      const before = kept();
      await work();
      return kept() - before;
    };
    const first = await writes(up);
    assert.ok(first > 2 * 16, `${first} writes of a first run: they are counted`);
    assert.equal(await writes(up), 1);

    program.write("users.ndjson", ndjson(people(160, { 7: "Edited" })));
    const edit = await writes(async () => assert.match(await up(), /~ 2 updated/));
    assert.ok(edit <= 8, `${edit} writes`);
    assert.equal(sentTo(7), 2);
    const { updated, unchanged, inserted } = await summary();
    assert.deepEqual({ updated, unchanged, inserted }, { updated: 1, unchanged: 159, inserted: 0 });
    const { jobs } = await program.outputs<{ jobs: { users: number }[] }>();
    assert.deepEqual(
      jobs.map(({ users }) => users),
      [1],
    );
    assert.equal(await writes(up), 1);
  });

  it("is not lost where the run is killed when the key has noted it, and the journal with it", async () => {
    await start();
    await up();
    program.write("users.ndjson", ndjson(people(160, { 7: "Edited" })));
    emulator.tenant.faults.replace([{ on: "submit", kind: "hang" }]);
    const running = program.start(["up", "--yes", "--skip-preview"]);
    while (emulator.tenant.faults.report()[0]?.struck !== 1) await sleep(LOOK_MS);
    running.kill("all");
    await running.finished;
    rmSync(path.join(program.folder, ".user-import"), { recursive: true });
    emulator.tenant.faults.clear();
    await program.cancel();
    assert.match(await up(), /~ 2 updated/);
    const { updated, unchanged } = await summary();
    assert.deepEqual({ updated, unchanged }, { updated: 1, unchanged: 159 });
    assert.match(await up(), /8 unchanged/);
  });

  for (const [what, env] of [
    ["", {}],
    [", also where the file's name is not known yet", { WAITS: "1" }],
  ] as const) {
    it(`is held to by a plan that was saved before the first run${what}`, async () => {
      await start({ ...env, PULUMI_EXPERIMENTAL: "true" });
      await program.succeed(["preview", "--save-plan", "plan.json"]);
      await up("--plan", "plan.json");
      assert.equal((await summary()).inserted, 160);
      program.write("users.ndjson", ndjson(people(160, { 7: "Edited" })));
      await program.succeed(["preview", "--save-plan", "plan.json"]);
      await up("--plan", "plan.json");
      assert.equal(sentTo(7), 2);
      assert.equal((await summary()).updated, 1);
    });
  }

  it("may skip checkpoints, where the first run has not", async () => {
    await start({ PULUMI_SKIP_CHECKPOINTS: "true" });
    const refused = await program.up();
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /PULUMI_SKIP_CHECKPOINTS is set, and this is the import's first run/);
    assert.equal(emulator.tenant.stats().jobs.total, 0);
    program.env.PULUMI_SKIP_CHECKPOINTS = "false";
    await up();
    program.env.PULUMI_SKIP_CHECKPOINTS = "true";
    program.write("users.ndjson", ndjson(people(160, { 7: "Edited" })));
    await up();
    assert.equal((await summary()).updated, 1);
  });
});
