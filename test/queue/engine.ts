import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { generateUsers, writeNdjson } from "../../tools/generate-users";
import { CONNECTION } from "../support/batch";
import { EmulatorProcess } from "../support/emulator";
import { type QueueServer, serversHere } from "../support/queueServers";
import { workerProcess } from "../support/queueTest";
import type { Running } from "../support/run";
import { Workspace } from "../support/workspace";

const USERS = 100_000;
const BATCHES = 16;
const LONGEST_RUN_MS = 1_200_000;
const LOOK_MS = 100;
const UP = ["up", "--yes", "--skip-preview"];
const SECRET = "the-secret-of-the-client";

for (const [kind, start] of serversHere) {
  describe(`the example workers, ${USERS} users in ${BATCHES} batches, with the real engine and three workers on ${kind}:`, function () {
    this.timeout(LONGEST_RUN_MS);
    let emulator: EmulatorProcess;
    let program: Workspace;
    let server: QueueServer;
    const workers: Running[] = [];

    before(async function () {
      this.timeout(0);
      await findPulumi(console.log);
      server = await start();
      // The tenant would take more: it is the queue that keeps to two.
      const flags = ["--max-active-jobs", "20", "--users-per-second", "2500", "--client-secret", SECRET];
      emulator = await EmulatorProcess.start(...flags);
      program = await Workspace.create({
        copyOf: path.resolve(__dirname, "../../../examples/workers"),
        config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator", connectionId: CONNECTION },
        secrets: { "auth0:clientSecret": SECRET, "auth0-user-import:queue": server.url },
      });
      mkdirSync(path.join(program.folder, "export"));
      await writeNdjson(path.join(program.folder, "export", "users.ndjson"), records());
    });
    after(async () => {
      for (const worker of workers) {
        worker.kill();
        await worker.finished.catch(() => {});
      }
      program?.remove();
      await emulator?.stop();
      await server?.stop();
    });

    it("two workers and the update killed: each user is in once, and the state is that of a run without a queue", async () => {
      const refused = await program.pulumi([...UP, "--parallel", "8"]);
      assert.match(refused.output, /Pulumi works on 8 resources at a time. Run it with --parallel 17/);

      const up = [...UP, "--parallel", String(BATCHES + 1)];
      for (let i = 0; i < 3; i++) workers.push(workerProcess(program.folder, server.url, emulator.url, SECRET));
      const first = program.start(up, LONGEST_RUN_MS);
      await tenantHas(0.1);
      workers[0]?.kill();
      await tenantHas(0.2);
      first.kill("all");
      await first.finished;
      await program.cancel();
      workers[1]?.kill();
      // Nobody waits, and one worker is left.
      await tenantHas(0.4);

      const second = await program.start(up, LONGEST_RUN_MS).finished;
      assert.equal(second.code, 0, second.output);
      const { summary } = await program.outputs<{ summary: Summary }>();
      assert.deepEqual(summary, {
        total: USERS,
        inserted: USERS,
        ...{ updated: 0, unchanged: 0, adopted: 0, failed: 0, outdated: 0, invalid: 0, conflicts: 0, notApplied: 0 },
        removed: 0,
      });
      const { users, jobs } = await emulator.stats();
      assert.equal(users, USERS);
      // Of a worker that died, a job may still be running when its batch goes on.
      assert.ok(jobs.maxActiveSeen <= 2 + 2, `${jobs.maxActiveSeen} jobs were active at a time`);
      assert.ok(existsSync(path.join(program.folder, ".user-import/test/everyone/report.html")));

      const looked = await program.succeed(["preview", "--parallel", String(BATCHES + 1)], LONGEST_RUN_MS);
      assert.match(looked.output, new RegExp(`${BATCHES + 4} unchanged`));
      await program.succeed(["config", "rm", "auth0-user-import:queue"]);
      const without = await program.succeed(UP, LONGEST_RUN_MS);
      assert.match(without.stdout, new RegExp(`${BATCHES + 4} unchanged`));
      assert.equal((await emulator.stats()).jobs.total, jobs.total);
    });

    async function tenantHas(part: number): Promise<void> {
      while ((await emulator.stats()).users < part * USERS) await sleep(LOOK_MS);
    }
  });
}

/** Without ids: those that are made up settle what a lost journal leaves open. */
function* records(): Generator<object> {
  for (const { user_id: _, ...user } of generateUsers({ users: USERS })) yield user;
}
