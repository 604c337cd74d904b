import assert from "node:assert/strict";
import { type Emulator, startEmulator, type TenantStats } from "../../emulator";
import type { Summary } from "../../provider";
import { Workspace } from "../support/workspace";

/*
 * `npm run test:conflicts`: 20,000 users with the real Pulumi, of whom an application has touched some in other keys and
 * some in the same, deleted some, and given some another email; the file is edited for all of these and for 500 others.
 */

const USERS = 20_000;
const TOUCHED = {
  elsewhere: [0, 300],
  alike: [300, 400],
  deleted: [400, 450],
  renamed: [450, 470],
  not: [470, 970],
} as const;
type Kind = keyof typeof TOUCHED;
const LONGEST_RUN_MS = 600_000;
const UP = ["up", "--yes", "--skip-preview"];

const SAID = { plan: "a", lang: "de" };
const SAYS = { plan: "b", lang: "de" };

describe(`${USERS} users whom an application has changed, too`, function () {
  this.timeout(LONGEST_RUN_MS);
  let emulator: Emulator;
  let program: Workspace;

  afterEach(async () => {
    program?.remove();
    await emulator?.stop();
  });

  for (const onConflict of ["keep", "merge", "overwrite"] as const) {
    it(`are as onConflict: "${onConflict}" says, with nobody made anew, and a second run sends nothing`, async () => {
      emulator = await startEmulator({ usersPerSecond: 0 });
      program = await Workspace.create({
        files: { "index.js": index(onConflict), "users.ndjson": file(() => SAID) },
        config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
        secrets: { "auth0:clientSecret": "emulator" },
      });
      await program.succeed(UP, LONGEST_RUN_MS);
      touch(emulator);
      program.write(
        "users.ndjson",
        file((i) => (i < TOUCHED.not[1] ? SAYS : SAID)),
      );
      const before = emulator.tenant.stats();
      const startedMs = Date.now();
      await program.succeed(UP, LONGEST_RUN_MS);
      const took = (Date.now() - startedMs) / 1_000;
      const after = emulator.tenant.stats();

      const users = new Map([...emulator.tenant.users.all()].map((user) => [user.id.replace("auth0|", ""), user]));
      assert.equal(users.size, USERS - count("deleted"), "somebody was made anew, or lost");
      const expected = {
        elsewhere: { ...SAYS, cart: 1 },
        alike: { keep: { plan: "c", lang: "de", cart: 1 }, merge: { ...SAYS, cart: 1 }, overwrite: SAYS }[onConflict],
        deleted: undefined,
        renamed: SAYS,
        not: SAYS,
      };
      for (let i = 0; i < USERS; i++) {
        const kind = kindOf(i);
        const user = users.get(`u${i}`);
        const { user_metadata, email_verified } = JSON.parse(user?.attributes ?? "{}");
        assert.deepEqual(user_metadata, kind === undefined ? SAID : expected[kind], `u${i}, ${kind}`);
        if (user === undefined) continue;
        assert.deepEqual(
          [user.email, email_verified],
          kind === "renamed" ? [`new${i}@example.com`, false] : [emailOf(i), true],
        );
      }
      const conflicts = count("deleted") + (onConflict === "keep" ? count("alike") : 0);
      const { summary } = await program.outputs<{ summary: Summary }>();
      const { updated, failed, outdated = 0 } = summary;
      assert.deepEqual(
        { updated, conflicts: summary.conflicts, failed, outdated },
        { updated: TOUCHED.not[1] - conflicts, conflicts, failed: 0, outdated: 0 },
      );
      console.log(
        `      ${took.toFixed(1)} s, ${callsOf(after) - callsOf(before)} calls, ${after.jobs.total - before.jobs.total} jobs`,
      );

      await program.succeed(UP, LONGEST_RUN_MS);
      assert.equal(emulator.tenant.stats().jobs.total, after.jobs.total);
      assert.equal(emulator.tenant.stats().users, after.users);
    });
  }
});

function index(onConflict: string): string {
  return `const { UserImport } = require("pulumi-auth0-user-import");
const everyone = new UserImport("everyone", {
  connectionId: "con_0000000000000001",
  users: "users.ndjson",
  batches: 4,
  onConflict: "${onConflict}",
});
exports.summary = everyone.summary;
`;
}

function file(metadata: (i: number) => object): string {
  const lines: string[] = [];
  for (let i = 0; i < USERS; i++) {
    const user = { user_id: `u${i}`, email: emailOf(i), email_verified: true, user_metadata: metadata(i) };
    lines.push(`${JSON.stringify(user)}\n`);
  }
  return lines.join("");
}

/** What the application, and users themselves, do. */
function touch({ tenant }: Emulator): void {
  for (const user of [...tenant.users.all()]) {
    const i = Number(user.id.replace("auth0|u", ""));
    const kind = kindOf(i);
    const write = (attributes: object, others: object = {}) =>
      tenant.users.put({
        ...{ ...user, ...others, updatedAt: tenant.clock.now() },
        attributes: JSON.stringify({ ...JSON.parse(user.attributes), ...attributes }),
      });
    if (kind === "elsewhere") write({ user_metadata: { ...SAID, cart: 1 } });
    else if (kind === "alike") write({ user_metadata: { plan: "c", lang: "de", cart: 1 } });
    else if (kind === "renamed") write({ email_verified: false }, { email: `new${i}@example.com` });
    else if (kind === "deleted") tenant.users.delete(user);
  }
}

function kindOf(i: number): Kind | undefined {
  return (Object.keys(TOUCHED) as Kind[]).find((kind) => TOUCHED[kind][0] <= i && i < TOUCHED[kind][1]);
}

function count(kind: Kind): number {
  return TOUCHED[kind][1] - TOUCHED[kind][0];
}

function callsOf({ requests }: TenantStats): number {
  return Object.values(requests).reduce((sum, each) => sum + each, 0);
}

function emailOf(i: number): string {
  return `user${i}@example.com`;
}
