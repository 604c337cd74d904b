import assert from "node:assert/strict";
import { type Emulator, startEmulator } from "../../emulator";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { addUser, changeUser } from "../support/tenantUsers";
import { Workspace } from "../support/workspace";

const PROGRAM = `const { UserImport } = require("pulumi-auth0-user-import");
const everyone = new UserImport("everyone", {
  connectionId: "con_0000000000000001",
  users: "users.ndjson",
  batches: 4,
  onExisting: process.env.ON_EXISTING,
});
exports.summary = everyone.summary;
exports.jobs = everyone.jobs;
`;

const USERS = 20_000;
/** Of these the tenant has something else. */
const DIFFERENT = 100;

const person = (i: number) => ({
  user_id: `p${i}`,
  email: `person${i}@example.com`,
  email_verified: true,
  given_name: `Person${i}`,
  user_metadata: { plan: "a" },
});
const ndjson = (users: readonly object[]) => users.map((user) => `${JSON.stringify(user)}\n`).join("");

describe("a tenant that a script has filled, with the real engine", function () {
  this.timeout(300_000);
  let emulator: Emulator;
  let program: Workspace;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
  });
  beforeEach(async () => {
    emulator = await startEmulator({ usersPerSecond: 0 });
  });
  afterEach(async () => {
    program.remove();
    await emulator.stop();
  });

  async function start(onExisting: string): Promise<void> {
    for (let i = 0; i < USERS; i++) {
      const { user_id, email, ...attributes } = person(i);
      addUser(emulator, email, i < DIFFERENT ? { ...attributes, given_name: "Other" } : attributes, user_id);
    }
    program = await Workspace.create({
      files: { "index.js": PROGRAM, "users.ndjson": ndjson(Array.from({ length: USERS }, (_, i) => person(i))) },
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": "emulator" },
      env: { ON_EXISTING: onExisting },
    });
  }
  const up = async (): Promise<string> => {
    const { code, output } = await program.up();
    assert.equal(code, 0, output);
    return output;
  };
  const counts = async () => {
    const { summary } = await program.outputs<{ summary: Summary }>();
    return Object.fromEntries(Object.entries(summary).filter(([, users]) => users > 0));
  };
  const sent = () => Object.values(emulator.tenant.tallies()).filter((tally) => tally.sent > 0).length;
  const nameOf = (i: number) =>
    JSON.parse(
      [...emulator.tenant.users.all()].find(({ email }) => email === `person${i}@example.com`)?.attributes ?? "",
    );

  it("is taken over by adopt without a job; a column that is added later overwrites nobody in anything else", async () => {
    await start("adopt");
    assert.match(await up(), /just as the file says/);
    assert.deepEqual(await counts(), { total: USERS, adopted: USERS });
    assert.equal(emulator.tenant.stats().jobs.total, 0);
    assert.equal(emulator.tenant.stats().answers["POST /api/v2/jobs/users-exports"]?.[200], 1);

    changeUser(emulator, "person500@example.com", { user_metadata: { plan: "theirs" } });
    program.write(
      "users.ndjson",
      ndjson(Array.from({ length: USERS }, (_, i) => ({ ...person(i), nickname: `N${i}` }))),
    );
    await up();
    // A print of 24 bits takes one change in 16 million for none: with so many users, one run of this test in 840.
    const { updated = 0, unchanged = 0, ...others } = await counts();
    assert.deepEqual([updated + unchanged, others], [USERS, { total: USERS }]);
    assert.ok(unchanged <= 1, `${unchanged} unchanged`);
    assert.deepEqual([nameOf(7).given_name, nameOf(7).nickname], ["Other", "N7"]);
    assert.deepEqual(nameOf(500).user_metadata, { plan: "theirs" });
  });

  it("is written over by overwrite in those who differ, and nobody else is sent", async () => {
    await start("overwrite");
    await up();
    assert.deepEqual(await counts(), { total: USERS, updated: DIFFERENT, adopted: USERS - DIFFERENT });
    assert.equal(sent(), DIFFERENT);
    assert.equal(nameOf(7).given_name, "Person7");
  });
});
