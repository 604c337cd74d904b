import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { TestTenant } from "../emulatorClient";
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

function hasNoAddress({ email }: Record): boolean {
  return !email.includes("@");
}
