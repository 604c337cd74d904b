// `npm run test:matrix`: the package in every kind of program, installed by npm and by pnpm, on every Node that it
// supports, and installed by npm with the oldest Pulumi, CLI and SDK. Needs the npm registry, and a quarter of an hour.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Summary } from "../provider";
import { findPulumi, oldestPulumi, type PulumiCli } from "../tools/findPulumi";
import { EmulatorProcess } from "./support/emulator";
import { installNode } from "./support/installNode";
import { run } from "./support/run";
import { userPackages, Workspace, type WorkspaceOptions } from "./support/workspace";

const NODES = ["20", "22", "24"];
const PNPM = "pnpm@10.34.9";
const USERS = JSON.stringify(Array.from({ length: 20 }, (_, i) => ({ email: `person${i}@example.com` })));

const IMPORT = `new UserImport("everyone", { connectionId: "con_0000000000000001", users: "users.json", batches: 2 })`;
const ES_MODULE = `import { UserImport } from "pulumi-auth0-user-import";
export const summary = ${IMPORT}.summary;
export const node = process.versions.node;
`;
/** Needs no types of Node, which a program may not have installed. */
const TYPESCRIPT = `declare const process: { versions: { node: string } };
${ES_MODULE}`;
const COMMON_JS = `const { UserImport } = require("pulumi-auth0-user-import");
exports.summary = ${IMPORT}.summary;
exports.node = process.versions.node;
`;

const PROGRAMS: Record<string, Pick<WorkspaceOptions, "files" | "type" | "env">> = {
  TypeScript: { files: { "index.ts": TYPESCRIPT, "users.json": USERS } },
  "TypeScript as an ES module": {
    type: "module",
    // Pulumi itself loads TypeScript as CommonJS only. A program's `nodeargs` would say the same, but the language host
    // of our own build is older than the CLI, and is not told of them.
    env: { NODE_OPTIONS: "--import tsx" },
    files: { "index.ts": TYPESCRIPT, "users.json": USERS },
  },
  JavaScript: { files: { "index.js": COMMON_JS, "users.json": USERS } },
  "JavaScript as an ES module": { type: "module", files: { "index.js": ES_MODULE, "users.json": USERS } },
  "TypeScript in a subfolder": {
    files: {
      "Pulumi.yaml": "name: program\nruntime: nodejs\nmain: src/index.ts\n",
      "src/index.ts": TYPESCRIPT,
      "src/users.json": USERS,
    },
  },
};

/** How a package manager installs packages into the folder that it is run in. */
const NPM = ["npm", "install", "--no-audit", "--no-fund", "--prefer-offline"];
const PNPM_ADD = ["npm", "exec", "--yes", `--package=${PNPM}`, "--", "pnpm", "add", "--prefer-offline"];

interface Installation {
  readonly command: readonly string[];
  /** Of the SDK, and a TypeScript that it takes; those of the repository by default. */
  readonly sdk?: string;
  readonly typescript?: string;
  readonly findCli: (say: (line: string) => void) => Promise<PulumiCli>;
}

const INSTALLATIONS: Record<string, Installation> = {
  "installed by npm": { command: NPM, findCli: findPulumi },
  "installed by pnpm": { command: PNPM_ADD, findCli: findPulumi },
  // Where the peer range begins.
  "with Pulumi 3.200": { command: NPM, sdk: "3.200.0", typescript: "5", findCli: oldestPulumi },
};

const folder = mkdtempSync(path.join(tmpdir(), "user-import-matrix-"));
const nodes = new Map<string, string>();
let emulator: EmulatorProcess;
let program: Workspace | undefined;

before(async function () {
  this.timeout(0);
  await findPulumi(console.log);
  for (const major of NODES) nodes.set(major, await installNode(path.join(folder, `node-${major}`), major));
  emulator = await EmulatorProcess.start("--users-per-second", "5000");
});
after(async function () {
  // Three times Node, and their packages, are many files to remove.
  this.timeout(300_000);
  await emulator.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => fetch(`${emulator.url}/emulator/reset`, { method: "POST" }));
afterEach(() => program?.remove());

for (const [name, { command, sdk, typescript, findCli }] of Object.entries(INSTALLATIONS)) {
  describe(name, () => {
    const installed = path.join(folder, name.replaceAll(" ", "-"));
    let cli: PulumiCli;

    before(async function () {
      this.timeout(0);
      cli = await findCli(console.log);
      mkdirSync(installed);
      writeFileSync(path.join(installed, "package.json"), '{ "private": true }');
      const [program = "", ...args] = [...command, ...(await userPackages(sdk, typescript)), "tsx@4"];
      const { code, output } = await run(program, args, { cwd: installed, timeoutMs: 600_000 });
      assert.equal(code, 0, output);
    });

    for (const major of NODES) {
      for (const [kind, options] of Object.entries(PROGRAMS)) {
        it(`${kind}, on Node ${major}`, async () => {
          program = await Workspace.create({
            ...options,
            config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
            secrets: { "auth0:clientSecret": "emulator" },
            cli,
            env: { ...options.env, PATH: [nodes.get(major), cli.path].join(path.delimiter) },
            install: async (made) => symlinkSync(path.join(installed, "node_modules"), path.join(made, "node_modules")),
          });
          for (const act of [() => program?.up(), () => program?.preview("--expect-no-changes")]) {
            const finished = await act();
            assert.equal(finished?.code, 0, finished?.output);
          }
          const { summary, node } = await program.outputs<{ summary: Summary; node: string }>();
          assert.equal(summary.inserted, 20);
          assert.equal(node.split(".")[0], major);
          const destroyed = await program.destroy();
          assert.equal(destroyed.code, 0, destroyed.output);
          assert.equal((await emulator.stats()).users, 20);
        }).timeout(180_000);
      }
    }

    it("has its command at hand", async () => {
      const command = path.join(installed, "node_modules/.bin/pulumi-auth0-user-import");
      const { code, stdout, output } = await run(command, ["--help"]);
      assert.equal(code, 0, output);
      assert.match(stdout, /emulator/);
    });
  });
}
