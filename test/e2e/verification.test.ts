import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { type Emulator, startEmulator } from "../../emulator";
import type { FailedRecord, Summary, Verification } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { addUser } from "../support/tenantUsers";
import { Workspace } from "../support/workspace";

const USERS = 20_000;
const EXPORTS = "POST /api/v2/jobs/users-exports";

const PROGRAM = `const { Config } = require("@pulumi/pulumi");
const { UserImport } = require("pulumi-auth0-user-import");
const config = new Config();
const users = new UserImport("everyone", {
  connectionId: "con_0000000000000001",
  users: "users.ndjson",
  batches: 2,
  verify: config.getBoolean("verify"),
  maxMissing: config.getNumber("maxMissing"),
  verifyTriggers: [config.get("when") ?? ""],
  triggers: [config.get("again") ?? ""],
});
exports.summary = users.summary;
exports.verification = users.verification;
exports.failedRecords = users.failedRecords;
`;

const person = (i: number) => ({
  user_id: `u${i}`,
  email: `person${i}@example.com`,
  email_verified: true,
  name: `Person ${i}`,
  app_metadata: { plan: "a" },
});

interface Outputs {
  readonly summary: Summary;
  readonly verification?: Verification;
  readonly failedRecords: FailedRecord[];
}

describe("a verification, with the real engine", function () {
  this.timeout(600_000);
  let emulator: Emulator;
  let program: Workspace;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
    emulator = await startEmulator({ usersPerSecond: 0 });
  });
  after(async () => {
    program.remove();
    await emulator.stop();
  });

  const exports = () => emulator.tenant.stats().requests[EXPORTS] ?? 0;

  async function up(config: Record<string, string> = {}): Promise<string> {
    await program.configure(config);
    const { code, output } = await program.up();
    assert.equal(code, 0, output);
    return output;
  }

  /** What is not 0. */
  async function words(): Promise<Record<string, number>> {
    const { checkedAt: _, attributes: __, ...counts } = (await program.outputs<Outputs>()).verification as Verification;
    return Object.fromEntries(Object.entries(counts).filter(([, users]) => users > 0));
  }

  function inTenant(id: string) {
    const user = emulator.tenant.users.get(`auth0|${id}`);
    assert.ok(user);
    return user;
  }

  function change(id: string, attributes: object, updatedAt: number): void {
    const user = inTenant(id);
    const all = JSON.stringify({ ...JSON.parse(user.attributes), ...attributes });
    emulator.tenant.users.put({ ...user, updatedAt, attributes: all });
  }

  it(`of ${USERS} users: who is missing, gone, linked, changed; and nothing is read where nothing changed`, async () => {
    const users = Array.from({ length: USERS }, (_, i) => person(i));
    program = await Workspace.create({
      files: { "index.js": PROGRAM, "users.ndjson": users.map((user) => `${JSON.stringify(user)}\n`).join("") },
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": "emulator" },
    });
    await up();
    assert.equal((await program.outputs<Outputs>()).verification, undefined);
    emulator.tenant.users.delete(inTenant("u6"));

    await program.configure({ verify: "true" });
    const failed = await program.up();
    assert.notEqual(failed.code, 0);
    assert.match(
      failed.output,
      /1 of 20,000 users is missing\. The first of them: users\.ndjson:7\. All of them are in/,
    );
    assert.match(failed.output, /more than maxMissing \(0\)/);
    assert.equal((await program.outputs<Outputs>()).verification, undefined, "a failed update writes no outputs");

    await up({ maxMissing: "1" });
    assert.equal(exports(), 1, "judged anew without a reading");
    assert.deepEqual(await words(), { expected: USERS, present: USERS - 1, missing: 1 });
    const { summary, failedRecords } = await program.outputs<Outputs>();
    assert.equal(summary.failed, 1);
    assert.deepEqual(
      failedRecords.map(({ code, line }) => [code, line]),
      [["MISSING", 7]],
    );

    await up({ again: "1" });
    assert.deepEqual(await words(), { expected: USERS, present: USERS });
    assert.equal(exports(), 2);
    assert.match(await up(), /6 unchanged/);
    assert.equal(exports(), 2);

    // Behind our back.
    emulator.tenant.users.delete(inTenant("u1"));
    change("u2", { name: "Renamed" }, Date.now() + 60_000);
    change("u3", { app_metadata: { plan: "z" } }, 0);
    addUser(emulator, "primary@example.com", {}, "primary");
    emulator.tenant.users.link(inTenant("primary"), inTenant("u4"));
    addUser(emulator, "other@example.com", {}, "other");
    const output = await up({ when: "later" });
    assert.match(output, /1 user is not as written, though nobody has updated them since/);
    assert.deepEqual(await words(), {
      ...{ expected: USERS, present: USERS - 2, linked: 1, gone: 1, notAsWritten: 1, changedThere: 1, others: 1 },
    });
    assert.equal(exports(), 3);
    const table = readFileSync(path.join(program.folder, ".user-import/test/everyone/verification.csv"), "utf8");
    const rows = table.trimEnd().split("\r\n").slice(1);
    assert.deepEqual(
      rows.map((row) =>
        row
          .replace(/"/g, "")
          .split(",")
          .filter((_, i) => i !== 2)
          .join(" ")
          .trim(),
      ),
      [
        "users.ndjson 2 gone",
        "users.ndjson 3 changedThere name",
        "users.ndjson 4 notAsWritten app_metadata",
        "users.ndjson 5 linked",
      ],
    );
    assert.equal((await program.destroy()).code, 0);
  });
});
