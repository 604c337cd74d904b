import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Emulator, startEmulator } from "../../emulator";
import type { Summary } from "../../provider";
import { CONNECTION } from "../support/batch";
import { type Properties, ProviderProcess, programFolder } from "../support/providerProcess";

const FORMER = ".user-import/dev/everyone";
const PLACE = `../${FORMER}`;
const KEY = "0123456789abcdef";
const SEAT = "urn:pulumi:dev::test::auth0import:UserImport$pulumi-nodejs:dynamic/auth0import";

const people = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ email: `person${i}@example.com`, email_verified: true }));

describe("a program below the folder of its Pulumi.yaml", () => {
  let emulator: Emulator;
  let project: string;
  let program: string;
  let provider: ProviderProcess | undefined;

  beforeEach(async () => {
    emulator = await startEmulator({ usersPerSecond: 0 });
    project = programFolder();
    program = path.join(project, "dist");
    write("Pulumi.yaml", "name: program\nruntime: nodejs\nmain: dist/\n");
    build();
  });
  afterEach(async () => {
    await provider?.stop();
    provider = undefined;
    rmSync(project, { recursive: true });
    await emulator.stop();
  });

  function write(name: string, content: string): void {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
    writeFileSync(path.join(project, name), content);
  }

  /** As many builds do: empties the folder first. */
  function build(): void {
    rmSync(program, { recursive: true, force: true });
    mkdirSync(program);
    symlinkSync(path.join(project, "node_modules"), path.join(program, "node_modules"));
  }

  async function start(env: Record<string, string> = {}): Promise<ProviderProcess> {
    await provider?.stop();
    const config = { "auth0:domain": emulator.url, "auth0:clientId": "emulator", "auth0:clientSecret": "emulator" };
    provider = await ProviderProcess.start(config, program, env);
    return provider;
  }

  const batch = (overrides: Properties = {}): Properties => ({
    ...{ connectionId: CONNECTION, users: ["users.json"], key: KEY, share: { index: 0, count: 1 } },
    ...{ onExisting: "fail", unsupportedPasswordHash: "fail", generateUserIds: true, triggers: [], sealed: false },
    ...{ externalId: "test", sendCompletionEmail: false, configNamespace: "auth0", resultsDir: PLACE },
    resourceUrn: `${SEAT}:UserBatch::everyone-00`,
    ...overrides,
  });

  async function checked(at: ProviderProcess, overrides: Properties = {}, olds: Properties = {}): Promise<Properties> {
    const { inputs, failures } = await at.check("UserBatch", olds, batch(overrides));
    assert.deepEqual(failures, []);
    return inputs;
  }

  const tallies = () => Object.values(emulator.tenant.tallies()).map(({ sent }) => sent);

  it("has its files and its transform beside it, or beside the Pulumi.yaml; the former come first", async () => {
    write("users.json", JSON.stringify(people(3)));
    write("maps/same.cjs", "module.exports = (record) => record;");
    // A process reads the same files once: each reading here is of others.
    const at = await start();
    const users = async (overrides: Properties) => ((await checked(at, overrides)).source as { users: number }).users;
    assert.equal(await users({ transform: "maps/same.cjs" }), 3);
    assert.equal(await users({ users: ["./*.json"] }), 3);
    write("dist/users.json", JSON.stringify(people(2)));
    write("dist/maps/same.cjs", "module.exports = () => { throw new Error(); };");
    assert.equal(await users({}), 2);
    assert.equal(await users({ users: ["*.json", path.join(project, "users.json")] }), 5);

    const { outputs } = await at.create("UserBatch", await checked(at, { users: ["../users.json"] }));
    assert.equal((outputs.summary as Summary).inserted, 3);
  });

  it("is told both folders where a file is in neither", async () => {
    const both = `looked for in ${program}, the program's folder, and in ${project}, that of Pulumi.yaml`;
    const at = await start();
    const reasons = async (overrides: Properties) => (await at.check("UserBatch", {}, batch(overrides))).failures;
    assert.deepEqual(await reasons({}), [`users.json: no such file or directory: ${both}`]);
    assert.deepEqual(await reasons({ users: ["export/*.json"] }), [
      `export/*.json: no file matches this pattern: ${both}`,
    ]);
    write("export/users.json", "[]");
    assert.match((await reasons({ users: ["export"] }))[0] ?? "", /^export: is a directory: .*: looked for in /);
    write("others.json", JSON.stringify(people(1)));
    assert.deepEqual(await reasons({ users: ["others.json"], transform: "map.cjs" }), [
      `map.cjs: no such file or directory: ${both}`,
    ]);
  });

  it("keeps what it has sent out of the reach of a build that empties its folder", async () => {
    write("users.json", JSON.stringify(people(30)));
    const killed = await start({ USER_IMPORT_DIE_AFTER_LINE: "3" });
    await assert.rejects(killed.create("UserBatch", await checked(killed)));
    build();
    const again = await start();
    const { outputs } = await again.create("UserBatch", await checked(again));
    assert.equal((outputs.summary as Summary).inserted, 30);
    assert.deepEqual(tallies(), Array(30).fill(1));
    assert.equal(outputs.journalFile, `${PLACE}/journal/everyone-00.ndjson`);
    assert.deepEqual(readdirSync(program), ["node_modules"]);
    assert.ok(!JSON.stringify(outputs).includes(project));
  });

  it("goes on with a first run of 0.1 that was killed, whose journal lies below the program", async () => {
    write("users.json", JSON.stringify(people(30)));
    const killed = await start({ USER_IMPORT_DIE_AFTER_LINE: "3" });
    await assert.rejects(killed.create("UserBatch", await checked(killed, { resultsDir: FORMER })));
    assert.ok(existsSync(path.join(program, FORMER, "journal/everyone-00.ndjson")));
    const again = await start();
    const { outputs } = await again.create("UserBatch", await checked(again));
    assert.equal((outputs.summary as Summary).inserted, 30);
    assert.deepEqual(tallies(), Array(30).fill(1));
    assert.ok(!existsSync(path.join(program, FORMER, "journal/everyone-00.ndjson")));
  });

  it("finds no change in a state of 0.1, and with the next one its results move", async () => {
    write("users.json", JSON.stringify([...people(4), { email: "no address" }]));
    const first = await start();
    const inputs = await checked(first, { resultsDir: FORMER });
    const { outputs } = await first.create("UserBatch", inputs);
    const review = (resultsDir: string, outs: Properties) => ({
      ...{
        connectionId: CONNECTION,
        users: ["users.json"],
        unsupportedPasswordHash: "fail",
        sealed: false,
        resultsDir,
      },
      batches: [{ batch: "everyone-00", ...outs }],
      resourceUrn: `${SEAT}:Finalizer::everyone-results`,
    });
    const reviewed = (await first.check("Finalizer", {}, review(FORMER, outputs))).inputs;
    const results = (await first.create("Finalizer", reviewed)).outputs;
    assert.equal(results.failedRecordsFile, `${FORMER}/failed-records.json`);

    const second = await start();
    const unchanged = { changes: false, replaces: [] };
    const now = await checked(second, {}, inputs);
    assert.deepEqual(await second.diff("UserBatch", outputs, now), unchanged);
    const same = (await second.check("Finalizer", reviewed, review(PLACE, outputs))).inputs;
    assert.deepEqual(await second.diff("Finalizer", results, same), unchanged);

    write("users.json", JSON.stringify([...people(5), { email: "no address" }]));
    const third = await start();
    const edited = await checked(third, {}, now);
    const updated = await third.update("UserBatch", outputs, edited);
    const changed = (await third.check("Finalizer", same, review(PLACE, updated))).inputs;
    assert.equal((await third.diff("Finalizer", results, changed)).changes, true);
    const moved = await third.update("Finalizer", results, changed);
    assert.equal(moved.failedRecordsFile, `${PLACE}/failed-records.json`);
    const left = readdirSync(path.join(program, FORMER), { recursive: true, withFileTypes: true });
    assert.deepEqual(
      left.filter((entry) => entry.isFile()).map(({ name }) => name),
      [],
    );
    assert.deepEqual(tallies().sort(), Array(5).fill(1));
    const [failed] = JSON.parse(readFileSync(path.join(project, FORMER, "failed-records.json"), "utf8"));
    assert.equal(failed.email, "no address");
  });
});
