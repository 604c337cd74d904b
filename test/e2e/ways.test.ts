import assert from "node:assert/strict";
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { type Emulator, startEmulator } from "../../emulator";
import type { Summary } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { type Finished, run } from "../support/run";
import { sharedInstall, Workspace, type WorkspaceOptions } from "../support/workspace";

const TROUBLESHOOTING = readFileSync(path.resolve(__dirname, "../../../docs/troubleshooting.md"), "utf8");
const SECRET = "the-client-secret-of-this-test";

const people = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ email: `person${i}@example.com`, email_verified: true }));
const ndjson = (users: readonly object[]) => users.map((user) => `${JSON.stringify(user)}\n`).join("");

const importing = (args = "") => `const { UserImport } = require("pulumi-auth0-user-import");
const everyone = new UserImport("everyone", { connectionId: "con_0000000000000001", users: "users.ndjson", ${args} });
exports.summary = everyone.summary;
`;

/** Of the Automation API: a program within its own process, in which stacks are made one after the other. */
const inline = (stacks: string, settings: string) => `const { LocalWorkspace } = require("@pulumi/pulumi/automation");
const { UserImport } = require("pulumi-auth0-user-import");
const project = (name) => async () => ({
  summary: new UserImport(name, { connectionId: "con_0000000000000001", users: name + ".ndjson", resultsDir: "results" }).summary,
});
async function main() {
  for (const [stackName, name] of ${stacks}) {
    const args = { stackName, projectName: "inline", program: project(name) };
    const stack = await LocalWorkspace.createOrSelectStack(args, ${settings});
    await stack.setAllConfig({
      "auth0:domain": { value: process.env.TENANT },
      "auth0:clientId": { value: "emulator" },
      "auth0:clientSecret": { value: process.env.SECRET },
    });
    const { outputs } = await stack.up({ onOutput: (text) => process.stdout.write(text) });
    console.log(stackName + ": " + outputs.summary.value.inserted + " inserted");
    await stack.destroy();
  }
}
main().catch((error) => { console.log(error.message); process.exitCode = 1; });
`;

describe("ways to run it", function () {
  this.timeout(600_000);
  let emulator: Emulator;
  const programs: Workspace[] = [];
  const table: [way: string, outcome: string][] = [];

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
    emulator = await startEmulator({ usersPerSecond: 0, clientSecret: SECRET });
  });
  afterEach(() => {
    for (const program of programs.splice(0)) program.remove();
  });
  after(async () => {
    await emulator.stop();
    const width = Math.max(...table.map(([way]) => way.length));
    console.log(table.map(([way, outcome]) => `    ${way.padEnd(width)}  ${outcome}`).join("\n"));
  });

  /** One line of the table, once the test has shown it. */
  function way(name: string, outcome: string, test: () => Promise<void>): void {
    it(`${name}: ${outcome}`, async () => {
      const line: [string, string] = [name, "FAILED"];
      table.push(line);
      await test();
      line[1] = outcome;
    });
  }

  async function start(files: Record<string, string>, options: Partial<WorkspaceOptions> = {}): Promise<Workspace> {
    const program = await Workspace.create({
      files: { "users.ndjson": ndjson(people(20)), ...files },
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
      secrets: { "auth0:clientSecret": SECRET },
      ...options,
    });
    programs.push(program);
    emulator.tenant.reset();
    return program;
  }

  /** The command succeeds, and makes so many jobs. */
  async function makes(jobs: number, command: Promise<Finished>): Promise<string> {
    const before = emulator.tenant.stats().jobs.total;
    const { code, output } = await command;
    assert.equal(code, 0, output);
    assert.equal(emulator.tenant.stats().jobs.total - before, jobs, output);
    return output;
  }

  /** Each user once, whatever was done. */
  function assertOnce(users: number): void {
    const tallies = Object.values(emulator.tenant.tallies());
    assert.equal(tallies.length, users);
    assert.ok(tallies.every((tally) => tally.inserted === 1));
  }

  /** What the user reads is explained where the user looks it up. */
  function assertExplained(...said: string[]): void {
    for (const text of said) assert.ok(TROUBLESHOOTING.includes(text), `docs/troubleshooting.md is silent on: ${text}`);
  }

  function runProgram(program: Workspace, file: string): Promise<Finished> {
    const env = { ...program.env, TENANT: emulator.url, SECRET };
    return run(process.execPath, [file], { cwd: program.folder, env, timeoutMs: 300_000 });
  }

  way("Automation API, inline program, two stacks in one process", "works, nothing kept of the first", async () => {
    const program = await start({
      "users.ndjson": ndjson(people(20)),
      "others.ndjson": ndjson(people(7).map(({ email }) => ({ email: `other-${email}` }))),
      "inline.js": inline('[["one", "users"], ["two", "others"]]', "{}"),
      "index.js": "",
    });
    rmSync(path.join(program.folder, "Pulumi.yaml"));
    const { code, stdout, output } = await runProgram(program, "inline.js");
    assert.equal(code, 0, output);
    assert.match(stdout, /one: 20 inserted[\s\S]*two: 7 inserted/);
    const [first = "", second = ""] = stdout.split("one: 20 inserted");
    for (const each of [first, second]) assert.match(each, /warning: auth0:clientSecret is set in the clear/);
    assertOnce(27);
  });

  way("Automation API, inline program, settings without `main`", "can't work, explained", async () => {
    const settings = "{ projectSettings: { name: 'inline', runtime: 'nodejs' } }";
    const program = await start({ "inline.js": inline('[["one", "users"]]', settings), "index.js": "" });
    const { code, output } = await runProgram(program, "inline.js");
    assert.equal(code, 1, output);
    assert.match(output, /Cannot find module '@pulumi\/pulumi\/cmd\/dynamic-provider'/);
    assertExplained("Cannot find module '@pulumi/pulumi/cmd/dynamic-provider'", "main: process.cwd()");
    assertOnce(0);
    program.write("inline.js", inline('[["one", "users"]]', settings.replace("' }", "', main: process.cwd() }")));
    const { stdout } = await runProgram(program, "inline.js");
    assert.match(stdout, /one: 20 inserted/);
    table.push(["Automation API, inline program, settings with `main`", "works"]);
  });

  way("main: dist/, which each build empties", "works, the journal stays", async () => {
    const program = await start({
      "Pulumi.yaml": "name: program\nruntime: nodejs\nmain: dist/\n",
      "dist/index.js": importing("batches: 2"),
    });
    await makes(2, program.up());
    rmSync(path.join(program.folder, "dist"), { recursive: true });
    program.write("dist/index.js", importing("batches: 2"));
    await makes(0, program.preview("--expect-no-changes"));
    assert.ok(existsSync(path.join(program.folder, ".user-import/test/everyone/report.html")));
    const { deployment } = JSON.parse(await program.exportStack()) as { deployment: { resources: object[] } };
    assert.ok(!JSON.stringify(deployment.resources).includes(program.folder));
    await makes(0, program.destroy());
  });

  way("unit tests with setMocks, one after the other", "work", async () => {
    const program = await start({
      "index.js": "",
      "unit.js": `const pulumi = require("@pulumi/pulumi");
const { UserImport } = require("pulumi-auth0-user-import");
const summary = { total: 1, inserted: 1 };
const differences = [{ attribute: "user_metadata", reason: "changed", users: 1, conflict: true }];
const conflicts = [{ identity: "email:a@example.com", attributes: ["user_metadata"], reason: "changed", file: "users.ndjson", line: 1 }];
const found = { everyone: { differences, conflicts }, others: {} };
const stateOf = (name, inputs) => ({ ...inputs, summary, ...found[name.replace(/-0.$/, "")] });
const mocks = { newResource: ({ name, inputs }) => ({ id: name, state: stateOf(name, inputs) }), call: ({ inputs }) => inputs };
const valueOf = (output) => new Promise((resolve) => output.apply(resolve));
async function main() {
  for (const name of ["everyone", "others"]) {
    pulumi.runtime.setMocks(mocks, "project", "dev", false);
    const made = new UserImport(name, { connectionId: "con_0000000000000001", users: "users.ndjson", batches: 2, resultsDir: "results" });
    console.log(name, (await valueOf(made.summary)).inserted, (await valueOf(made.conflicts)).length, await valueOf(made.urn));
    for (const output of ["jobs", "failedRecords", "notApplied", "passwordResetRequired", "source", "reportFile"]) await valueOf(made[output]);
    await pulumi.runtime.disconnect();
  }
}
main().catch((error) => { console.log(error); process.exitCode = 1; });
`,
    });
    const { code, output } = await runProgram(program, "unit.js");
    assert.equal(code, 0, output);
    assert.match(output, /^everyone 1 2 urn:.*::auth0import:UserImport::everyone\nothers 1 0 urn:/);
  });

  way("bundled into the program, and not installed beside it", "can't work, explained", async () => {
    const program = await start(
      { "index.js": importing().replace("pulumi-auth0-user-import", "./bundled/provider/index.js") },
      {
        // As a bundler leaves it: the package's code in the program, and all else where it was.
        install: async (folder) => {
          const installed = await sharedInstall();
          cpSync(path.join(installed, "pulumi-auth0-user-import/dist"), path.join(folder, "bundled"), {
            recursive: true,
          });
          mkdirSync(path.join(folder, "node_modules"));
          for (const name of readdirSync(installed)) {
            const linked = path.join(folder, "node_modules", name);
            if (name !== "pulumi-auth0-user-import") symlinkSync(path.join(installed, name), linked);
          }
        },
      },
    );
    const { code, output } = await program.preview();
    assert.notEqual(code, 0);
    assert.match(output, /The package pulumi-auth0-user-import can't be loaded from .*dependency of the program's own/);
    assertExplained(
      "The package pulumi-auth0-user-import can't be loaded from …",
      "--external:pulumi-auth0-user-import",
    );
    symlinkSync(
      path.join(await sharedInstall(), "pulumi-auth0-user-import"),
      path.join(program.folder, "node_modules/pulumi-auth0-user-import"),
    );
    await makes(1, program.up());
  });

  way("without node_modules, as with Yarn PnP", "can't work, explained", async () => {
    const program = await start({ "index.js": importing() });
    const modules = path.join(program.folder, "node_modules");
    assert.ok(lstatSync(modules).isSymbolicLink());
    rmSync(modules);
    const { code, output } = await program.preview();
    assert.notEqual(code, 0);
    const said = "It looks like the Pulumi SDK has not been installed";
    assert.ok(output.includes(said), output);
    assertExplained(said, "nodeLinker: node-modules");
  });

  way("pulumi:disable-default-providers", "can't work, explained", async () => {
    const program = await start({ "index.js": importing() });
    await program.succeed(["config", "set", "--path", "pulumi:disable-default-providers[0]", "*"]);
    const { code, output } = await program.preview();
    assert.notEqual(code, 0);
    assert.match(output, /Default provider for 'pulumi-nodejs' disabled/);
    assertExplained("Default provider for 'pulumi-nodejs' disabled");
    await program.succeed(["config", "set", "--path", "pulumi:disable-default-providers[0]", "aws"]);
    await makes(1, program.up());
  });

  describe("on one stack, one after the other", () => {
    let program: Workspace;
    const urn = (name: string) =>
      `urn:pulumi:test::program::auth0import:UserImport$pulumi-nodejs:dynamic/auth0import:${name}`;

    before(async () => {
      program = await start(
        {
          "index.js": importing("batches: 2"),
          "users.ndjson": ndjson(people(20)),
          "local.js": `const { LocalWorkspace } = require("@pulumi/pulumi/automation");
LocalWorkspace.selectStack({ stackName: "test", workDir: process.cwd() })
  .then((stack) => stack.up({ plan: "plan.json" }))
  .then(({ outputs }) => console.log(outputs.summary.value.inserted + " inserted"));
`,
        },
        { env: { PULUMI_EXPERIMENTAL: "true" } },
      );
      programs.pop();
    });
    after(() => program.remove());
    const edit = (users: number, ...others: object[]) =>
      program.write("users.ndjson", ndjson([...people(users), ...others]));

    way("Automation API, local program; an update plan", "works", async () => {
      await makes(0, program.preview("--save-plan", "plan.json"));
      assert.ok(!readFileSync(path.join(program.folder, "plan.json"), "utf8").includes(SECRET));
      const { stdout, output } = await runProgram(program, "local.js");
      assert.match(stdout, /^20 inserted/, output);
      edit(21);
      await makes(0, program.preview("--save-plan", "plan.json"));
      await makes(1, program.up("--plan", "plan.json"));
      assertOnce(21);
    });

    way("up --replace and state taint of batches", "nobody comes in twice", async () => {
      await program.succeed(["state", "taint", urn("UserBatch::everyone-01"), "--yes"]);
      const replaced = await program.up("--replace", urn("UserBatch::everyone-00"));
      assert.equal(replaced.code, 0, replaced.output);
      assertOnce(21);
      assert.equal((await program.outputs<{ summary: Summary }>()).summary.failed, 0);
      await makes(0, program.preview("--expect-no-changes"));
    });

    way("up --replace of the key", "the batches keep the earlier one", async () => {
      const output = await makes(0, program.up("--replace", urn("ImportKey::everyone-key")));
      const said = "The import's key was replaced, and its batches keep the earlier one";
      assert.ok(output.includes(said), output);
      assertExplained(said);
      await makes(0, program.preview("--expect-no-changes"));
    });

    way("up --target", "one batch, and the next `up` the rest", async () => {
      edit(29, { email: "no address" });
      const targeted = await program.up("--target", urn("UserBatch::everyone-00"));
      assert.equal(targeted.code, 0, targeted.output);
      const brought = Object.keys(emulator.tenant.tallies()).length;
      assert.ok(brought > 21 && brought < 29, `${brought} users`);
      await makes(1, program.up());
      assertOnce(29);
    });

    way("pulumi stack rename", "works, the results go along", async () => {
      const results = (stack: string) =>
        path.join(program.folder, ".user-import", stack, "everyone/failed-records.json");
      assert.ok(existsSync(results("test")));
      await program.succeed(["stack", "rename", "production"]);
      await makes(0, program.up());
      assert.ok(existsSync(results("production")) && !existsSync(results("test")));
    });
  });

  // Other languages' hosts are not installed here, so that this is read, not run.
  way("a component from YAML, Python, …", "can't work without a plugin, explained", async () => {
    assertExplained("There is no plugin for other languages", "StackReference");
  });

  way("credentials that are made in the same program", "work, and are in no state", async () => {
    const program = await start(
      {
        "index.js": `const pulumi = require("@pulumi/pulumi");
${importing(
  'credentials: { domain: process.env.TENANT, clientId: "emulator", clientSecret: made.id.apply(() => process.env.SECRET) }',
).replace(
  "const everyone",
  `class Made extends pulumi.dynamic.Resource {}
const made = new Made({ create: async () => ({ id: "made", outs: {} }) }, "made", {});
const everyone`,
)}`,
      },
      { config: {}, secrets: {}, env: { TENANT: emulator.url, SECRET } },
    );
    const preview = await makes(0, program.preview());
    assert.match(preview, /20 new: 1 job/);
    const up = await makes(1, program.up());
    assertOnce(20);
    const state = (await program.succeed(["stack", "export", "--show-secrets"])).stdout;
    for (const text of [state, preview, up]) assert.ok(!text.includes(SECRET));
    const { deployment } = JSON.parse(state) as { deployment: { resources: { inputs?: object; outputs?: object }[] } };
    for (const { inputs = {}, outputs = {} } of deployment.resources) {
      assert.ok(!("credentials" in inputs) && !("credentials" in outputs));
    }
    await makes(0, program.preview("--expect-no-changes"));
    await makes(0, program.destroy());
  });
});
