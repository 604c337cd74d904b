import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { CONNECTION } from "../support/batch";
import { EmulatorProcess } from "../support/emulator";
import { installNode } from "../support/installNode";
import { onEachServer, workerProcess } from "../support/queueTest";
import { Running } from "../support/run";
import { Workspace } from "../support/workspace";

const SECRET = "the-secret-of-the-client";
const UP = ["up", "--yes", "--skip-preview", "--parallel", "2"];
const USERS = 400;

const PROGRAM = `const { UserImport } = require("pulumi-auth0-user-import");
const everyone = new UserImport("everyone", { connectionId: "${CONNECTION}", users: "users.ndjson" });
exports.summary = everyone.summary;
`;

const users = Array.from({ length: USERS }, (_, i) => ({
  email: `person${i}@example.com`,
  email_verified: true,
  user_metadata: { text: "x".repeat(20_000) },
}));

describe("Ctrl-C to an update whose batch a worker has", function () {
  this.timeout(240_000);
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-node-"));
  let emulator: EmulatorProcess;
  let program: Workspace;
  let worker: Running;
  let newer = "";
  let older = "";

  before(async function () {
    this.timeout(0);
    newer = await installNode(path.join(folder, "22"), "22");
    older = await installNode(path.join(folder, "20"), "20");
  });
  after(() => rmSync(folder, { recursive: true }));

  onEachServer((at) => {
    beforeEach(async () => {
      emulator = await EmulatorProcess.start("--client-secret", SECRET, "--users-per-second", "50");
    });
    afterEach(async () => {
      worker.kill();
      await worker.finished.catch(() => {});
      program.remove();
      await emulator.stop();
    });

    async function halfWay(node: string): Promise<Running> {
      const { path: cliPath } = await findPulumi(console.log);
      program = await Workspace.create({
        files: { "index.js": PROGRAM, "users.ndjson": users.map((user) => `${JSON.stringify(user)}\n`).join("") },
        config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
        secrets: { "auth0:clientSecret": SECRET, "auth0-user-import:queue": at.server().url },
        env: { PATH: node + path.delimiter + cliPath },
      });
      worker = workerProcess(program.folder, at.server().url, emulator.url, SECRET);
      const { cli, folder: cwd, env } = program;
      const up = new Running(cli.command, [...UP, "--non-interactive"], { cwd, env });
      await Promise.race([worker.printed(/everyone-00: begins/), up.finished]);
      return up;
    }

    async function collect(): Promise<void> {
      await worker.printed(/everyone-00: done/);
      const jobs = (await emulator.stats()).jobs.total;
      const { code, output } = await program.start(UP).finished;
      assert.equal(code, 0, output);
      const { summary } = await program.outputs<{ summary: Summary }>();
      assert.deepEqual([summary.inserted, summary.failed], [USERS, 0]);
      const after = await emulator.stats();
      assert.deepEqual([after.users, after.jobs.total], [USERS, jobs]);
    }

    it("ends the waiting on Node 22, the batch goes on, and the next update collects", async () => {
      const up = await halfWay(newer);
      up.interrupt();
      const { code, output, leftBehind } = await up.finished;
      assert.notEqual(code, 0, output);
      assert.match(output, /The run was asked to stop.*The batch goes on at the workers/);
      assert.deepEqual(leftBehind, []);
      await collect();
    });

    it("is not seen on Node 20: a second one ends it, and the next update collects", async () => {
      const up = await halfWay(older);
      up.interrupt();
      await up.printed(/press \^C again/);
      up.interrupt();
      const { code, output, leftBehind } = await up.finished;
      assert.notEqual(code, 0, output);
      assert.deepEqual(leftBehind, []);
      await program.cancel();
      await collect();
    });
  });
});
