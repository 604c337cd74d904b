import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { ManualClock, TestTenant } from "../emulatorClient";
import { type KilledFixture, killedFixtures } from "../support/killedFixture";
import { type StateFixture, stateFixtures } from "../support/stateFixture";
import { Workspace } from "../support/workspace";

type Record = { email: string; [attribute: string]: unknown };

describe("a stack that another version made", function () {
  this.timeout(180_000);
  let tenant: TestTenant;
  let program: Workspace;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
  });
  afterEach(async () => {
    program?.remove();
    await tenant.stop();
  });

  /** The program with that stack, and a tenant that has its users. */
  async function takeOver({ files, stack }: StateFixture): Promise<Record[]> {
    const users = (files["users.ndjson"] ?? "")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record);
    tenant = await TestTenant.start();
    const withoutPrefix = users.map(({ user_id, ...user }) =>
      typeof user_id === "string" ? { user_id: user_id.replace("auth0|", ""), ...user } : user,
    );
    const { summary } = await tenant.importUsers(withoutPrefix);
    assert.equal(summary.failed, users.filter(hasNoAddress).length);

    program = await Workspace.create({
      files: { ...files, "stack.json": JSON.stringify(stack) },
      config: { "auth0:domain": tenant.emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": "emulator" },
    });
    await program.succeed(["stack", "import", "--file", "stack.json"]);
    return users;
  }

  for (const [name, fixture] of stateFixtures()) {
    it(`${name}: previews without a change, refreshes, updates, and is destroyed`, async () => {
      const users = await takeOver(fixture);
      const calls = tenant.emulator.tenant.stats().requests;
      const preview = await program.preview("--expect-no-changes");
      assert.equal(preview.code, 0, preview.output);
      const refreshed = await program.refresh("--expect-no-changes");
      assert.equal(refreshed.code, 0, refreshed.output);
      assert.deepEqual(tenant.emulator.tenant.stats().requests, calls);

      const [first, ...others] = users;
      const corrected = others.map((user) =>
        hasNoAddress(user) ? { ...user, email: `${user.email}@example.com` } : user,
      );
      const edited = [{ ...first, given_name: "Edited" }, ...corrected, { email: "new@example.com" }];
      program.write("users.ndjson", edited.map((user) => `${JSON.stringify(user)}\n`).join(""));
      const up = await program.up();
      assert.equal(up.code, 0, up.output);
      const { summary } = await program.outputs<{ summary: Summary }>();
      const failedBefore = users.filter(hasNoAddress).length;
      assert.deepEqual(
        { inserted: summary.inserted, updated: summary.updated, unchanged: summary.unchanged, failed: summary.failed },
        { inserted: 1 + failedBefore, updated: 1, unchanged: users.length - failedBefore - 1, failed: 0 },
      );
      assert.equal((await tenant.userByEmail(first?.email ?? ""))?.given_name, "Edited");

      const destroyed = await program.destroy();
      assert.equal(destroyed.code, 0, destroyed.output);
      assert.equal(tenant.emulator.tenant.users.size, users.length + 1);
    });

    it(`${name}: is destroyed as it is`, async () => {
      await takeOver(fixture);
      const destroyed = await program.destroy();
      assert.equal(destroyed.code, 0, destroyed.output);
      assert.ok(!readdirSync(program.folder).includes(".user-import"));
    });
  }
});

describe("an import in which another version was killed", function () {
  this.timeout(600_000);
  let tenant: TestTenant;
  let program: Workspace;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
  });
  afterEach(async () => {
    program?.remove();
    await tenant.stop();
  });

  /** The program with that stack and those journals, at the time of the kill, and a tenant that has taken those jobs. */
  async function takeOver({ files, stack, journals, jobs }: KilledFixture): Promise<void> {
    const killedAt = (stack as { deployment: { manifest: { time: string } } }).deployment.manifest.time;
    tenant = await TestTenant.start({ clock: new ManualClock(Date.parse(killedAt) + 60_000) });
    const ids = new Map<string, string>();
    for (const { users, upsert, id } of jobs) {
      const taken = await tenant.importUsers([...users], { upsert: String(upsert) });
      assert.equal(taken.summary.failed, 0);
      if (id !== undefined) ids.set(id, taken.id);
    }
    program = await Workspace.create({
      files: { ...files, "stack.json": JSON.stringify(stack) },
      config: { "auth0:domain": tenant.emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": "emulator" },
    });
    for (const [name, text] of Object.entries(journals)) {
      program.write(
        name,
        text.replaceAll(/job_\w{16}/g, (id) => ids.get(id) ?? id),
      );
    }
    await program.succeed(["stack", "import", "--file", "stack.json"]);
  }

  for (const [name, fixture] of killedFixtures()) {
    it(`${name}: goes on, sends nobody twice whose end it can find out, and ends as if it had not been killed`, async () => {
      await takeOver(fixture);
      const before = tenant.emulator.tenant.stats().jobs.total;
      const up = await program.up();
      assert.equal(up.code, 0, up.output);
      assert.match(up.output, /Goes on where an interrupted run stopped/);

      const users = (fixture.files["users.ndjson"] ?? "")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record);
      const { summary } = await program.outputs<{ summary: Summary }>();
      const inserted = users.length - broughtBefore(fixture);
      const updated = users
        .slice(0, broughtBefore(fixture))
        .filter(({ given_name }) => given_name === "Renamed").length;
      const unchanged = users.length - inserted - updated;
      assert.deepEqual(summary, {
        ...{ total: users.length, inserted, updated, unchanged },
        ...{ adopted: 0, conflicts: 0, outdated: 0, failed: 0, invalid: 0, notApplied: 0, removed: 0 },
      });
      const tallies = Object.values(tenant.emulator.tenant.tallies());
      assert.ok(tallies.every((tally) => tally.inserted === 1));
      for (const user of users) assert.equal((await tenant.userByEmail(user.email))?.given_name, user.given_name);
      assert.ok(tenant.emulator.tenant.stats().jobs.total - before <= 2);

      const again = await program.preview("--expect-no-changes");
      assert.equal(again.code, 0, again.output);
      assert.equal((await program.destroy()).code, 0);
    });
  }
});

/** How many users an import had brought that was complete. They come first in the file. */
function broughtBefore({ stack }: KilledFixture): number {
  type Resource = { urn: string; outputs?: { summary?: Summary } };
  const { resources } = (stack as { deployment: { resources: Resource[] } }).deployment;
  return resources.find(({ urn }) => urn.endsWith("::everyone-results"))?.outputs?.summary?.total ?? 0;
}

function hasNoAddress({ email }: Record): boolean {
  return !email.includes("@");
}
