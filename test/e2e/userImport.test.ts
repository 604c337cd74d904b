import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { FailedRecord, Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { EmulatorProcess } from "../support/emulator";
import { Workspace, type WorkspaceOptions } from "../support/workspace";

const HASH = "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";
const SECRET = "the-client-secret-of-this-test";
const RESULTS = ".user-import/test/everyone";

const PROGRAM = `import { UserImport } from "pulumi-auth0-user-import";

const everyone = new UserImport("everyone", { connectionId: "con_0000000000000001", users: "users.ndjson", batches: 2 });

export const summary = everyone.summary;
export const failedRecords = everyone.failedRecords;
`;

interface StackOutputs {
  summary: Summary;
  failedRecords: FailedRecord[];
}

const person = (i: number, attributes: object = {}) => ({
  email: `person${i}@example.com`,
  email_verified: true,
  name: `Person Number${i}`,
  custom_password_hash: { algorithm: "bcrypt", hash: { value: HASH } },
  ...attributes,
});
const people = (count: number) => Array.from({ length: count }, (_, i) => person(i));
const ndjson = (users: readonly object[]) => users.map((user) => `${JSON.stringify(user)}\n`).join("");

describe("pulumi up, with the real engine", function () {
  this.timeout(180_000);
  let emulator: EmulatorProcess;
  const workspaces: Workspace[] = [];

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
    emulator = await EmulatorProcess.start("--client-secret", SECRET, "--users-per-second", "5000");
  });
  after(() => emulator.stop());
  beforeEach(async () => {
    await fetch(`${emulator.url}/emulator/reset`, { method: "POST" });
    await fetch(`${emulator.url}/emulator/faults`, { method: "DELETE" });
  });
  afterEach(() => {
    for (const workspace of workspaces.splice(0)) workspace.remove();
  });

  async function workspace(users: readonly object[], options: Partial<WorkspaceOptions> = {}): Promise<Workspace> {
    const made = await Workspace.create({
      files: { "index.ts": PROGRAM, "users.ndjson": ndjson(users) },
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": SECRET },
      ...options,
    });
    workspaces.push(made);
    return made;
  }

  it("imports from an empty folder with the packed package, says so again, and sends what changes", async () => {
    const program = await workspace(people(50), { ownInstall: true });
    const preview = await program.preview();
    assert.equal(preview.code, 0, preview.output);
    assert.equal((await emulator.stats()).users, 0);

    const first = await program.up();
    assert.equal(first.code, 0, first.output);
    assert.equal((await emulator.stats()).users, 50);
    assert.equal((await program.outputs<StackOutputs>()).summary.inserted, 50);

    const before = await emulator.stats();
    const again = await program.up();
    assert.match(again.stdout, /6 unchanged/);
    assert.deepEqual((await emulator.stats()).requests, before.requests);

    program.write("users.ndjson", ndjson([...people(49), person(49, { given_name: "Changed" }), person(50)]));
    const edited = await program.up();
    assert.equal(edited.code, 0, edited.output);
    const { summary } = await program.outputs<StackOutputs>();
    assert.deepEqual(
      { inserted: summary.inserted, updated: summary.updated, unchanged: summary.unchanged },
      { inserted: 1, updated: 1, unchanged: 49 },
    );

    const destroyed = await program.destroy();
    assert.equal(destroyed.code, 0, destroyed.output);
    assert.equal((await emulator.stats()).users, 51);
  });

  it("imports from an ES module", async () => {
    const program = await workspace(people(10), {
      type: "module",
      files: { "index.mjs": PROGRAM, "users.ndjson": ndjson(people(10)) },
    });
    const { code, output } = await program.up();
    assert.equal(code, 0, output);
    assert.equal((await emulator.stats()).users, 10);
  });

  it("goes on after records failed: refresh, up, correct, up, destroy", async () => {
    const users = [
      ...people(20),
      person(20, { email: "no address" }),
      person(21, { email: person(1).email, user_id: "x1" }),
    ];
    // In one batch, so that it is the later of two records of one person that fails.
    const program = await workspace(users, {
      files: { "index.ts": PROGRAM.replace("batches: 2", "batches: 1"), "users.ndjson": ndjson(users) },
    });
    const first = await program.up();
    assert.equal(first.code, 0, first.output);
    assert.match(
      first.stdout,
      /warning: 2 of 22 users failed \(DUPLICATED_USER 1, FORMAT 1\)\. They are, whole, in \S+failed-records\.json; \S+report\.html says/,
    );
    const { summary, failedRecords } = await program.outputs<StackOutputs>();
    assert.deepEqual({ inserted: summary.inserted, invalid: summary.invalid }, { inserted: 20, invalid: 2 });
    assert.deepEqual(failedRecords.map(({ code, line }) => [code, line]).sort(), [
      ["DUPLICATED_USER", 22],
      ["FORMAT", 21],
    ]);

    const file = path.join(program.folder, RESULTS, "failed-records.json");
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), users.slice(20));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(path.dirname(file)).mode & 0o777, 0o700);

    const refreshed = await program.refresh();
    assert.equal(refreshed.code, 0, refreshed.output);
    assert.match((await program.up()).stdout, /5 unchanged/);

    program.write("users.ndjson", ndjson([...people(20), person(20)]));
    const corrected = await program.up();
    assert.equal(corrected.code, 0, corrected.output);
    assert.equal((await program.outputs<StackOutputs>()).summary.inserted, 1);
    assert.equal(existsSync(file), false);
    assert.equal((await program.destroy()).code, 0);
  });

  it("goes on after the tenant failed half-way: refresh, up, destroy", async () => {
    // Slow enough for the second job to be submitted to a tenant that is gone.
    const own = await EmulatorProcess.start("--client-secret", SECRET, "--users-per-second", "4000");
    const filler = { user_metadata: { text: "x".repeat(400) } };
    const users = Array.from({ length: 6000 }, (_, i) => person(i, filler));
    const program = await workspace(users, {
      config: { "auth0:domain": own.url, "auth0:clientId": "emulator" },
      env: { USER_IMPORT_TEST_RETRIES: "1" },
    });
    const running = program.start(["up", "--yes", "--skip-preview"]);
    while ((await own.stats()).users < 500) await new Promise((resolve) => setTimeout(resolve, 50));
    await own.stop();
    const failed = await running.finished;
    assert.notEqual(failed.code, 0);
    assert.match(failed.output, /could not be reached.*ECONNREFUSED/);

    await program.configure({ "auth0:domain": emulator.url });
    const refreshed = await program.refresh();
    assert.equal(refreshed.code, 0, refreshed.output);
    const again = await program.up();
    assert.equal(again.code, 0, again.output);
    assert.equal((await program.destroy()).code, 0);
  });

  it("leaves no secret, no hash and nobody's data in the state, in what it prints, or in other files", async () => {
    const users = [...people(5), person(5, { email: "failing address" })];
    const program = await workspace(users);
    const up = await program.up();
    assert.equal(up.code, 0, up.output);
    const state = await program.exportStack();
    for (const [where, text] of [
      ["the state", state],
      ["the output", up.output],
    ] as const) {
      for (const trace of [SECRET, HASH, "person1@", "Number1", "failing address", "eyJhbGciOi"]) {
        assert.ok(!text.includes(trace), `${trace} is in ${where}`);
      }
    }
    const withTraces = readdirSync(program.folder, { recursive: true, encoding: "utf8" })
      .filter((name) => !name.startsWith("node_modules") && statSync(path.join(program.folder, name)).isFile())
      .filter((name) => /Number\d|person\d@/.test(readFileSync(path.join(program.folder, name), "latin1")))
      .sort();
    assert.deepEqual(withTraces, [`${RESULTS}/failed-records.json`, "users.ndjson"]);
  });

  describe("answers bad input with one clear message, and sends nothing:", () => {
    const program = (args: string, opts = "") =>
      `import { UserImport } from "pulumi-auth0-user-import";
new UserImport("everyone", { connectionId: "con_0000000000000001", users: "users.ndjson", ${args} }${opts});`;

    for (const [what, files, expected] of [
      ["a missing file", { "index.ts": program("").replace("users.ndjson", "nowhere.json") }, /nowhere\.json/],
      [
        "malformed JSON",
        { "index.ts": program(""), "users.ndjson": '{"email":"jane@example.com"}\n{"email":"joe@example.com"\n' },
        /users\.ndjson:2:\d+/,
      ],
      ["a limit that is none", { "index.ts": program('maxFailures: "many"') }, /maxFailures must be/],
      ["opts.import", { "index.ts": program("", ', { import: "x" } as object') }, /import` can't be used/],
    ] as const) {
      it(what, async () => {
        const { preview } = await workspace(people(1), {
          files: { "users.ndjson": ndjson(people(1)), ...files },
        }).then(async (made) => ({ preview: await made.preview() }));
        assert.notEqual(preview.code, 0);
        assert.match(preview.output, expected);
        assert.doesNotMatch(preview.output, /^\s+at .*:\d+:\d+/m);
        assert.doesNotMatch(preview.output, /joe@example\.com|jane@example\.com/);
        assert.equal((await emulator.stats()).jobs.total, 0);
      });
    }

    it("arguments that are none, which a program can catch", async () => {
      const tries = [
        ["batches: 65", 'UserImport "import0": batches must be a whole number from 1 to 64, not 65'],
        ['resultsDir: "results"', ""],
        ['resultsDir: "./results/"', 'UserImport "import2": resultsDir "./results/" is that of "import1" already'],
      ] as const;
      const one = (args: string, i: number) =>
        `try { new UserImport("import${i}", { connectionId, users: "users.ndjson", ${args} }); console.log("${i}:"); }
catch (error) { console.log("${i}: " + (error as Error).message); }`;
      const text = `import { UserImport } from "pulumi-auth0-user-import";
const connectionId = "con_0000000000000001";
${tries.map(([args], i) => one(args, i)).join("\n")}
`;
      const made = await workspace(people(1), { files: { "index.ts": text, "users.ndjson": ndjson(people(1)) } });
      const { code, output } = await made.preview();
      for (const [i, [, message]] of tries.entries()) assert.ok(output.includes(`${i}: ${message}`.trimEnd()), output);
      assert.equal(code, 0, output);
    });
  });

  it("fails the update where more records failed than maxFailures, after all is saved", async () => {
    const users = [...people(8), { email: "no address" }, { email: "no address either" }];
    const limited = PROGRAM.replace("batches: 2", 'batches: 2, maxFailures: "10%"');
    const program = await workspace(users, { files: { "index.ts": limited, "users.ndjson": ndjson(users) } });
    const failed = await program.up();
    assert.notEqual(failed.code, 0);
    assert.match(failed.output, /more than maxFailures \(10%\)\. All that was imported is saved/);
    assert.equal((await emulator.stats()).users, 8);

    const before = (await emulator.stats()).jobs.total;
    program.write("index.ts", limited.replace("10%", "20%"));
    const passed = await program.up();
    assert.equal(passed.code, 0, passed.output);
    assert.equal((await emulator.stats()).jobs.total, before);
  });

  it("stops early where most of the first records fail, saves what it has, and goes on when they are corrected", async () => {
    const filler = { user_metadata: { filler: "x".repeat(15_000) } };
    const users = (mark: string) => [
      ...Array.from({ length: 300 }, (_, i) => person(i, { email: `${mark}${i}@example.com`, ...filler })),
      ...Array.from({ length: 600 }, (_, i) => person(i, { email: `right${i}@example.com`, ...filler })),
    ];
    const one = PROGRAM.replace("batches: 2", "batches: 1");
    const program = await workspace([], { files: { "index.ts": one, "users.ndjson": ndjson(users("wrong")) } });
    const refused = { on: "job", kind: "error", email: "^wrong", code: "CONFLICT" };
    await fetch(`${emulator.url}/emulator/faults`, { method: "POST", body: JSON.stringify([refused]) });
    const failed = await program.up();
    assert.notEqual(failed.code, 0);
    assert.match(failed.output, /users failed \(CONFLICT \d+\): that looks like a mistake in all of them/);
    assert.match(failed.output, /of 900 users are dealt with, and that is saved/);
    // The mistake shows in the first seven; how many more are on their way by then, the load of the machine decides.
    const { jobs } = await emulator.stats();
    assert.ok(jobs.total <= 22, `${jobs.total} jobs of about 27`);
    const report = readFileSync(path.join(program.folder, RESULTS, "report.html"), "utf8");
    assert.match(report, /looks like a mistake in all of them/, "the report on a run that failed");

    program.write("users.ndjson", ndjson(users("other")));
    const corrected = await program.up();
    assert.equal(corrected.code, 0, corrected.output);
    const { inserted, removed } = (await program.outputs<StackOutputs>()).summary;
    assert.deepEqual({ inserted, removed }, { inserted: 900, removed: 0 });
    assert.equal((await emulator.stats()).users, 900);
  });

  it("warns of a client secret in the clear", async () => {
    const program = await workspace(people(1), {
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator", "auth0:clientSecret": SECRET },
      secrets: {},
    });
    const { output } = await program.preview();
    assert.match(output, /auth0:clientSecret is set in the clear.*pulumi config set --secret auth0:clientSecret/);
  });
});
