import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TenantStats } from "../../emulator";
import type { Summary } from "../../provider";
import { lockFile, readOwner } from "../../provider/journal/lockOwner";
import { findPulumi } from "../../tools/findPulumi";
import { isRunning } from "../../tools/isRunning";
import { EmulatorProcess } from "../support/emulator";
import { installNode } from "../support/installNode";
import { type Finished, Running, run } from "../support/run";
import { Workspace } from "../support/workspace";

const SECRET = "the-client-secret-of-this-test";
const UP = ["up", "--yes", "--skip-preview"];
const LOOK_MS = 50;

/** More than it takes until the next run has met an orphan, and the orphan has ended. */
const ORPHAN_MS = 60_000;

const PROGRAM = `const { UserImport } = require("pulumi-auth0-user-import");
const everyone = new UserImport("everyone", { connectionId: "con_0000000000000001", users: "users.ndjson" });
exports.summary = everyone.summary;
`;

// Six jobs of eleven users, two at a time, each a second and a half.
const USERS = 66;
const USERS_A_JOB = 11;
const SLOTS = 2;
const USERS_PER_SECOND = 8;
const users = Array.from({ length: USERS }, (_, i) => ({
  email: `person${i}@example.com`,
  email_verified: true,
  user_metadata: { text: "x".repeat(46_000) },
}));

interface UserTally {
  readonly sent: number;
  readonly inserted: number;
  readonly updated: number;
}

describe("pulumi up, interrupted", function () {
  this.timeout(120_000);
  let emulator: EmulatorProcess;
  let program: Workspace;
  /** Folders with a `node` that sees the engine's call to stop (22 and newer), and one that does not (20). */
  const nodes: { newer: string; older: string } = { newer: "", older: "" };
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-node-"));

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
    const own = path.dirname(process.execPath);
    const ownIsNewer = Number(process.versions.node.split(".")[0]) >= 22;
    const other = await installNode(folder, ownIsNewer ? "20" : "24");
    Object.assign(nodes, ownIsNewer ? { newer: own, older: other } : { newer: other, older: own });
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(async () => {
    emulator = await EmulatorProcess.start(
      "--client-secret",
      SECRET,
      "--users-per-second",
      String(USERS_PER_SECOND),
      "--requests-per-second",
      "0",
    );
  });
  afterEach(async () => {
    program?.remove();
    await emulator.stop();
  });

  async function workspace(node: string): Promise<Workspace> {
    const { path: cliPath } = await findPulumi(console.log);
    program = await Workspace.create({
      files: { "index.js": PROGRAM, "users.ndjson": users.map((user) => `${JSON.stringify(user)}\n`).join("") },
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": SECRET },
      env: { PATH: node + path.delimiter + cliPath },
    });
    return program;
  }

  /** An update of which one job has ended, while others are on their way. */
  async function halfWay(outlivedMs?: number): Promise<Running> {
    const { cli, folder: cwd, env } = program;
    const options = { cwd, env, ...(outlivedMs !== undefined && { outlivedMs }) };
    const up = new Running(cli.command, [...UP, "--non-interactive"], options);
    let ended: Finished | undefined;
    up.finished.then(
      (finished) => {
        ended = finished;
      },
      () => {},
    );
    await eventually(async () => {
      if (ended !== undefined) throw new Error(`It ended before it could be interrupted:\n${ended.output}`);
      const { jobs } = await emulator.stats();
      return jobs.active > 0 && jobs.list.some(({ status }) => status === "completed");
    });
    return up;
  }

  async function tallies(): Promise<UserTally[]> {
    const response = await fetch(`${emulator.url}/emulator/stats?users=1`);
    return Object.values(((await response.json()) as TenantStats & { tallies: Record<string, UserTally> }).tallies);
  }

  /** All users are in the tenant, and nobody was inserted a second time or updated. */
  async function assertEachUserOnce(): Promise<void> {
    assert.equal((await emulator.stats()).users, USERS);
    assert.deepEqual(
      (await tallies()).map(({ inserted, updated }) => ({ inserted, updated })),
      users.map(() => ({ inserted: 1, updated: 0 })),
    );
  }

  /** @param jobs that the end may have found between their submission and the answer to it. */
  async function assertSentTwiceAtMost(jobs: number): Promise<void> {
    const again = (await tallies()).reduce((sum, { sent }) => sum + sent - 1, 0);
    assert.ok(again <= jobs * USERS_A_JOB, `${again} users were sent again`);
  }

  async function complete(): Promise<Finished> {
    const up = await program.up();
    assert.equal(up.code, 0, up.output);
    const { summary } = await program.outputs<{ summary: Summary }>();
    assert.deepEqual(
      { total: summary.total, inserted: summary.inserted, failed: summary.failed },
      { total: USERS, inserted: USERS, failed: 0 },
      up.output,
    );
    assert.match((await program.up()).stdout, /5 unchanged/);
    return up;
  }

  /** The process that does the work: the journal's lock names it. */
  function providerId(): number {
    const journals = path.join(program.folder, ".user-import/test/everyone/journal");
    const lock = readdirSync(journals).find((name) => name.endsWith(lockFile("")));
    const owner = readOwner(path.join(journals, lock ?? ""));
    assert.ok(owner, "nobody drives a journal");
    return owner.pid;
  }

  function assertSavedAndEnded({ code, output, leftBehind }: Finished): void {
    assert.notEqual(code, 0, output);
    const done = /(\d+) of 66 users are dealt with, and that is saved/.exec(output)?.[1];
    assert.ok(Number(done) >= USERS_A_JOB && Number(done) < USERS, output);
    assert.doesNotMatch(output, /^\s+at .*:\d+:\d+/m);
    assert.deepEqual(leftBehind, []);
  }

  for (const [what, interrupt] of [
    ["Ctrl-C", (up: Running) => up.interrupt()],
    ["SIGTERM", (up: Running) => process.kill(up.pid, "SIGTERM")],
  ] as const) {
    it(`${what}, on Node 22 and newer: sends no more, saves what runs, and goes on from there`, async () => {
      await workspace(nodes.newer);
      const up = await halfWay();
      interrupt(up);
      assertSavedAndEnded(await up.finished);
      assert.equal((await emulator.stats()).jobs.active, 0);
      await complete();
      await assertEachUserOnce();
      await assertSentTwiceAtMost(0);
    });
  }

  it("the command `stop`, on Node 20: does the same", async () => {
    await workspace(nodes.older);
    const up = await halfWay();
    const cli = path.join(program.folder, "node_modules/pulumi-auth0-user-import/dist/cli/main.js");
    const stopped = await run(process.execPath, [cli, "stop", "--wait"], { cwd: program.folder });
    assert.equal(stopped.code, 0, stopped.output);
    assert.match(stopped.stdout, /^Asked process \d+ on \S+ to stop \(everyone-00\)/);
    assert.equal((await emulator.stats()).jobs.active, 0);
    assertSavedAndEnded(await up.finished);
    await complete();
    await assertEachUserOnce();
    await assertSentTwiceAtMost(0);
  });

  it("Ctrl-C twice: nothing is saved, the journal knows", async () => {
    await workspace(nodes.newer);
    const up = await halfWay();
    up.interrupt();
    await up.printed(/press \^C again/);
    up.interrupt();
    const { code, output, leftBehind } = await up.finished;
    assert.notEqual(code, 0, output);
    assert.deepEqual(leftBehind, []);
    assert.doesNotMatch(output, /that is saved/);
    await complete();
    await assertEachUserOnce();
    await assertSentTwiceAtMost(SLOTS);
  });

  it("kill -9 of the CLI alone: the next run waits for the provider that lives on", async () => {
    await workspace(nodes.older);
    const killed = await halfWay(ORPHAN_MS);
    const orphan = providerId();
    killed.kill("alone");
    await killed.exited;
    // Asleep until the next run has met it. Not before the CLI has ended: its end would wake it, and hang it up.
    process.kill(orphan, "SIGSTOP");
    await program.cancel();
    const next = program.start(UP);
    await next.printed(new RegExp(`waiting for process ${orphan} to end`));
    process.kill(orphan, "SIGCONT");
    const { code, output } = await next.finished;
    assert.equal(code, 0, output);
    await complete();
    await assertEachUserOnce();
    await assertSentTwiceAtMost(0);
    await eventually(async () => !isRunning(orphan));
    // Pulumi's own language host notices only after minutes that it is alone.
    killed.kill("all");
    await killed.finished;
  });

  it("kill -9 of the CLI and the provider", async () => {
    await workspace(nodes.older);
    const killed = await halfWay();
    killed.kill("all");
    await killed.finished;
    await program.cancel();
    await complete();
    await assertEachUserOnce();
    await assertSentTwiceAtMost(SLOTS);

    // What Pulumi itself remembers of the interruption is harmless, and can be cleared.
    const refreshed = await program.refresh("--clear-pending-creates");
    assert.equal(refreshed.code, 0, refreshed.output);
    const again = await program.up();
    assert.match(again.stdout, /5 unchanged/);
    assert.doesNotMatch(again.output, /pending operations/);
  });
});

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(LOOK_MS);
}
