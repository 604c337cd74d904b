import assert from "node:assert/strict";
import { readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { type Emulator, startEmulator } from "../../emulator";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import type { Finished } from "../support/run";
import { Workspace } from "../support/workspace";

const FIRST = "con_0000000000000001";
const SECOND = "con_0000000000000005";

const person = (i: number, attributes: object = {}) => ({
  email: `person${i}@example.com`,
  email_verified: true,
  given_name: `Person${i}`,
  ...attributes,
});
const people = (count: number, attributes: (i: number) => object = () => ({})) =>
  Array.from({ length: count }, (_, i) => person(i, attributes(i)));
const ndjson = (users: readonly object[]) => users.map((user) => `${JSON.stringify(user)}\n`).join("");

/** A program with one import of two batches. */
function userImport(args = "", options = "", name = "everyone", connection = FIRST): string {
  return `const { UserImport } = require("pulumi-auth0-user-import");
const users = new UserImport("${name}", { connectionId: "${connection}", users: "users.ndjson", batches: 2, ${args} }, { ${options} });
exports.summary = users.summary;
`;
}

/** A program with a batch of its own. */
function userBatch(options = "", users = "users.ndjson"): string {
  return `const { ImportKey, UserBatch } = require("pulumi-auth0-user-import");
const { key } = new ImportKey("key");
const users = new UserBatch("staff", { key, connectionId: "${FIRST}", users: "${users}" }, { ${options} });
exports.summary = users.summary;
`;
}

describe("options of Pulumi's engine", function () {
  this.timeout(300_000);
  let emulator: Emulator;
  let program: Workspace;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
    emulator = await startEmulator({ usersPerSecond: 0 });
  });
  after(() => emulator.stop());
  beforeEach(() => emulator.tenant.reset());
  afterEach(() => {
    emulator.tenant.faults.clear();
    program.remove();
  });

  async function start(source: string, users: readonly object[]): Promise<void> {
    program = await Workspace.create({
      files: { "index.js": source, "users.ndjson": ndjson(users) },
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": "emulator" },
    });
  }

  const write = (users: readonly object[]) => program.write("users.ndjson", ndjson(users));
  const jobs = () => emulator.tenant.stats().jobs.total;
  const requests = () => emulator.tenant.stats().requests;

  /** The command succeeds, and makes so many jobs. */
  async function makes(count: number, command: () => Promise<Finished>): Promise<string> {
    const before = jobs();
    const { code, output } = await command();
    assert.equal(code, 0, output);
    assert.equal(jobs() - before, count, output);
    return output;
  }

  const up = (...flags: string[]) => program.up(...flags);
  const summary = async () => (await program.outputs<{ summary: Summary }>()).summary;

  interface Resource {
    readonly urn: string;
    readonly id: string | undefined;
    readonly inputs: unknown;
    readonly outputs: unknown;
  }

  /** The resources of the stack, secrets in clear: encrypted anew they are another text each time. */
  async function state(): Promise<Resource[]> {
    const { stdout } = await program.succeed(["stack", "export", "--show-secrets"]);
    const { deployment } = JSON.parse(stdout) as { deployment: { resources: Resource[] } };
    return deployment.resources.map(({ urn, id, inputs, outputs }) => ({ urn, id, inputs, outputs }));
  }

  /** The files that an import leaves. */
  function results(): string[] {
    const folder = path.join(program.folder, ".user-import/test");
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    return names.filter((name) => statSync(path.join(folder, name)).isFile()).sort();
  }

  it("refresh, up --refresh and --target: the state stays what it is, and each batch is updated by itself", async () => {
    await start(userImport(), people(20));
    await makes(2, up);
    const before = await state();
    const asked = requests();
    await makes(0, () => program.refresh());
    assert.deepEqual(await state(), before);
    assert.deepEqual(requests(), asked);
    assert.match(await makes(0, () => up("--refresh")), /6 unchanged/);

    write(people(20, () => ({ nickname: "Nick" })));
    const target = before.map(({ urn }) => urn).find((urn) => urn.endsWith("::everyone-01")) ?? "";
    await makes(1, () => up("--target", target));
    const ofTarget = [...emulator.tenant.users.all()].filter(({ attributes }) => attributes.includes("Nick")).length;
    assert.ok(ofTarget > 0 && ofTarget < 20, `${ofTarget} users`);
    await makes(1, () => up("--refresh"));
    const { updated, unchanged, total } = await summary();
    assert.deepEqual({ updated, unchanged, total }, { updated: 20, unchanged: 0, total: 20 });
    for (const { sent } of Object.values(emulator.tenant.tallies())) assert.equal(sent, 2);
  });

  it("protect, a rename with an alias, another connection, destroy", async () => {
    await start(userImport("", "protect: true"), people(20));
    await makes(2, up);
    const before = await summary();
    const refused = await program.destroy();
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /protected/);

    program.write("index.js", userImport("", 'aliases: [{ name: "everyone" }]', "customers"));
    await makes(0, up);
    assert.deepEqual(await summary(), before);
    write(people(21));
    await makes(1, up);
    assert.deepEqual(results(), ["customers/journal/customers-01.ndjson", "customers/report.html"]);
    for (const { sent } of Object.values(emulator.tenant.tallies())) assert.equal(sent, 1);

    program.write("index.js", userImport("", "", "customers", SECOND));
    const replaced = await makes(2, up);
    assert.match(replaced, /\+-2 replaced/);
    assert.match(replaced, /9 users stay in the connection con_0000000000000001/);
    assert.equal(emulator.tenant.stats().users, 42);
    assert.equal((await summary()).inserted, 21);

    const destroyed = await makes(0, () => program.destroy());
    assert.match(destroyed, /9 users stay in the connection con_0000000000000005/);
    assert.equal(emulator.tenant.stats().users, 42);
    assert.deepEqual(results(), []);
  });

  it("sealed, and unsealed again", async () => {
    await start(userImport(), people(20));
    await makes(2, up);
    rmSync(path.join(program.folder, "users.ndjson"));
    program.write("index.js", userImport("sealed: true"));
    const asked = requests();
    assert.match(await makes(0, () => program.preview()), /6 unchanged/);
    assert.match(await makes(0, up), /6 unchanged/);
    assert.equal((await summary()).inserted, 20);
    assert.deepEqual(requests(), asked);

    write(people(20, (i) => (i === 3 ? { given_name: "Changed" } : {})));
    assert.match(await makes(0, up), /6 unchanged/);
    program.write("index.js", userImport());
    await makes(1, up);
    const { updated, unchanged } = await summary();
    assert.deepEqual({ updated, unchanged }, { updated: 1, unchanged: 19 });
  });

  it("--continue-on-error: the other batches are done, and the next run goes on with what failed", async () => {
    await start(userImport(), people(60));
    emulator.tenant.faults.replace([{ on: "job", nth: {}, kind: "fail", external_id: "/00#" }]);
    const { code, output } = await up("--parallel", "1", "--continue-on-error");
    assert.notEqual(code, 0);
    assert.match(output, /12 import jobs in a row failed as a whole/);
    const done = emulator.tenant.stats().users;
    assert.ok(done > 0 && done < 60, `${done} users`);
    emulator.tenant.faults.clear();
    await makes(1, up);
    assert.equal(emulator.tenant.stats().users, 60);
    assert.equal((await summary()).inserted, 60);
  });

  it("ignoreChanges and retainOnDelete of a batch", async () => {
    await start(userBatch(), people(10));
    await makes(1, up);
    program.write("index.js", userBatch('ignoreChanges: ["users"], retainOnDelete: true', "others.ndjson"));
    program.write("others.ndjson", ndjson([...people(10), person(10)]));
    await makes(0, up);
    write(people(10, (i) => (i === 0 ? { given_name: "Changed" } : {})));
    await makes(1, up);
    program.write("index.js", userBatch('ignoreChanges: ["source"], retainOnDelete: true'));
    write(people(10, (i) => (i === 1 ? { given_name: "Changed" } : {})));
    assert.match(await makes(0, () => program.preview()), /3 unchanged/);
    assert.match(await makes(0, up), /3 unchanged/);
    program.write("index.js", userBatch("retainOnDelete: true"));
    await makes(1, up);
    await makes(0, () => program.destroy());
    assert.equal(emulator.tenant.stats().users, 10);
  });
});
