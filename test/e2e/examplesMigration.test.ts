import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import type { TenantStats } from "../../emulator";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { EmulatorProcess } from "../support/emulator";
import { run } from "../support/run";
import { Workspace } from "../support/workspace";

const EXAMPLE = path.resolve(__dirname, "../../../examples/migration");
const USERS = 100_000;

describe("the migration example", function () {
  this.timeout(300_000);

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
  });

  it(`imports an export of ${USERS} in parts, transformed, each once, among 16 batches`, async () => {
    const emulator = await EmulatorProcess.start("--users-per-second", "0");
    const program = await Workspace.create({
      copyOf: EXAMPLE,
      config: {
        "auth0:domain": emulator.url,
        "auth0:clientId": "emulator",
        connectionId: "con_0000000000000001",
      },
      secrets: { "auth0:clientSecret": "emulator" },
    });
    try {
      const { code, output } = await run("npm", ["run", "export"], { cwd: program.folder });
      assert.equal(code, 0, output);
      const parts = readdirSync(path.join(program.folder, "export"));
      assert.equal(parts.length, 10);
      const closed = parts
        .map((part) => gunzipSync(readFileSync(path.join(program.folder, "export", part))).toString())
        .reduce((sum, text) => sum + text.split('"status":"closed"').length - 1, 0);
      assert.ok(closed > 0);
      const kept = USERS - closed;

      const up = await program.start(["up", "--yes", "--skip-preview"], 300_000).finished;
      assert.equal(up.code, 0, up.output);
      assert.match(up.output, /everyone-15/);
      const { summary } = await program.outputs<{ summary: Summary }>();
      assert.deepEqual({ total: summary.total, inserted: summary.inserted }, { total: kept, inserted: kept });
      const response = await fetch(`${emulator.url}/emulator/stats?users=1`);
      const { users, tallies } = (await response.json()) as TenantStats & { tallies: Record<string, { sent: number }> };
      assert.equal(users, kept);
      assert.ok(Object.values(tallies).every(({ sent }) => sent === 1));
    } finally {
      program.remove();
      await emulator.stop();
    }
  });

  it("turns a record of the old system into a user, and leaves out closed accounts", async () => {
    const file = pathToFileURL(path.join(EXAMPLE, "to-user.mjs")).href;
    const { default: toUser } = (await import(file)) as { default: (record: object) => object | undefined };
    const record = (status: string) => ({ email: "jane@example.com", app_metadata: { customer: 1, status } });
    assert.deepEqual(toUser(record("open")), { email: "jane@example.com", app_metadata: { customer: 1 } });
    assert.equal(toUser(record("closed")), undefined);
  });
});
