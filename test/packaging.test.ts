import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import ts from "typescript";
import { findPulumi } from "../tools/findPulumi";
import { EmulatorProcess } from "./support/emulator";
import { run } from "./support/run";
import { sharedInstall, Workspace, type WorkspaceOptions } from "./support/workspace";

const ROOT = path.resolve(__dirname, "../..");
const NAME = "pulumi-auth0-user-import";
const CONNECTION = "con_0000000000000001";

interface PackageJson {
  main: string;
  types: string;
  bin: Record<string, string>;
  exports: Record<string, string | null | { types: string; default: string }>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

interface PackedFile {
  path: string;
  mode: number;
}

const manifest = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as PackageJson;

describe("the package", function () {
  this.timeout(120_000);

  describe("as packed", () => {
    let files: PackedFile[];
    let paths: Set<string>;

    before(async () => {
      const args = ["pack", "--ignore-scripts", "--dry-run", "--json"];
      const { code, stdout, output } = await run("npm", args, { cwd: ROOT });
      assert.equal(code, 0, output);
      [{ files }] = JSON.parse(stdout) as [{ files: PackedFile[] }];
      paths = new Set(files.map((file) => file.path));
    });

    it("holds what its entry points load, and nothing else", () => {
      const entries = Object.values(manifest.exports).flatMap((entry) =>
        entry === null || typeof entry === "string" ? [] : entry.default.includes("*") ? recipes() : [entry],
      );
      const code = closure([...entries.map((entry) => entry.default), ...Object.values(manifest.bin)]);
      const types = closure(entries.map((entry) => entry.types));
      for (const file of [...code.files, ...types.files]) assert.ok(paths.has(file), `${file} is missing`);

      const others = [...paths].filter((file) => !code.files.has(file) && !types.files.has(file));
      assert.deepEqual(
        others.filter((file) => !file.startsWith("dist/")).sort(),
        ["LICENSE", "README.md", "package.json"],
        "beside the code",
      );
      // A module of types alone is compiled all the same; maps belong to code that is there.
      const useless = others.filter((file) => file.startsWith("dist/") && !isTypesOnly(file) && !isMap(file, paths));
      assert.deepEqual(useless, []);
    });

    it("depends on what its code loads, and on nothing else", () => {
      const entries = [manifest.main, "dist/provider/dynamic.js", ...Object.values(manifest.bin)];
      assert.deepEqual(
        [...closure(entries).packages].sort(),
        [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)].sort(),
      );
    });

    it("has a command that can be run", () => {
      for (const file of Object.values(manifest.bin)) {
        assert.equal(files.find((packed) => packed.path === file)?.mode, 0o755, file);
        assert.match(readFileSync(path.join(ROOT, file), "utf8"), /^#!\/usr\/bin\/env node\n/);
      }
    });
  });

  it("is published without a correction by npm", async () => {
    const args = ["publish", "--dry-run", "--ignore-scripts", "--offline"];
    const { code, stderr } = await run("npm", args, { cwd: ROOT });
    assert.equal(code, 0, stderr);
    const warnings = stderr.split("\n").filter((line) => line.startsWith("npm warn publish"));
    assert.deepEqual(
      warnings.filter((line) => !line.includes("requires you to be logged in")),
      [],
    );
  });

  it("has types for CommonJS, for ES modules and for bundlers, without skipLibCheck for its own", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "user-import-types-"));
    try {
      symlinkSync(await sharedInstall(), path.join(folder, "node_modules"));
      const source = `import { UserImport, type Summary } from "${NAME}";
const everyone = new UserImport("everyone", { connectionId: "${CONNECTION}", users: "users.json" });
export const total = everyone.summary.apply((summary: Summary): number => summary.total);
// @ts-expect-error: there is no such argument
new UserImport("wrong", { connectionId: "${CONNECTION}", user: "users.json" });
`;
      const programs = ["program.cts", "program.mts"].map((name) => path.join(folder, name));
      for (const program of programs) writeFileSync(program, source);
      const { Node16, ESNext } = ts.ModuleKind;
      for (const [module, moduleResolution] of [
        [Node16, ts.ModuleResolutionKind.Node16],
        [ESNext, ts.ModuleResolutionKind.Bundler],
      ] as const) {
        const compiled = ts.createProgram(programs, {
          strict: true,
          noEmit: true,
          types: ["node"],
          typeRoots: [path.join(ROOT, "node_modules/@types")],
          target: ts.ScriptTarget.ES2022,
          module,
          moduleResolution,
        });
        // What other packages' declarations lack is theirs to mend.
        const own = compiled
          .getSourceFiles()
          .filter(({ fileName }) => fileName.includes(`/${NAME}/dist/`) || programs.includes(fileName));
        assert.ok(own.length > programs.length, "the package's own declarations are among those that are checked");
        const problems = own
          .flatMap((file) => [...compiled.getSyntacticDiagnostics(file), ...compiled.getSemanticDiagnostics(file)])
          .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
        assert.deepEqual(problems, []);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describe("in a program", () => {
    let emulator: EmulatorProcess;
    let program: Workspace | undefined;

    before(async function () {
      this.timeout(0);
      await findPulumi(console.log);
      emulator = await EmulatorProcess.start("--users-per-second", "5000");
    });
    after(() => emulator.stop());
    afterEach(() => program?.remove());

    async function workspace(options: WorkspaceOptions): Promise<Workspace> {
      program = await Workspace.create({
        config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
        secrets: { "auth0:clientSecret": "emulator" },
        ...options,
      });
      return program;
    }

    const programOf = (packageName: string) => `const { UserImport } = require("${packageName}");
const everyone = new UserImport("everyone", { connectionId: "${CONNECTION}", users: "users.json" });
exports.file = everyone.failedRecordsFile;
`;

    it("whose main lies in a subfolder: paths are relative to that", async () => {
      const made = await workspace({
        files: {
          "Pulumi.yaml": "name: program\nruntime: nodejs\nmain: infrastructure/\n",
          "infrastructure/package.json": '{ "private": true, "main": "main.js" }',
          "infrastructure/main.js": programOf(NAME),
          "infrastructure/users.json": '[{ "email": "jane@example.com" }, { "email": "nobody" }]',
        },
      });
      const { code, output } = await made.up();
      assert.equal(code, 0, output);
      const { file } = await made.outputs<{ file: string }>();
      const failed = readFileSync(path.join(made.folder, "infrastructure", file), "utf8");
      assert.deepEqual(JSON.parse(failed), [{ email: "nobody" }]);
    });

    it("that has it only through another package: says so before anything is sent", async () => {
      const made = await workspace({
        files: { "index.js": programOf("company-users"), "users.json": '[{ "email": "jane@example.com" }]' },
        install: async (folder) => {
          const modules = path.join(folder, "node_modules");
          const company = path.join(modules, "company-users");
          mkdirSync(path.join(company, "node_modules"), { recursive: true });
          writeFileSync(path.join(company, "index.js"), `module.exports = require("${NAME}");`);
          symlinkSync(path.join(await sharedInstall(), NAME), path.join(company, "node_modules", NAME));
          for (const name of ["@pulumi", "typescript"]) {
            symlinkSync(path.join(ROOT, "node_modules", name), path.join(modules, name));
          }
        },
      });
      const before = (await emulator.stats()).jobs.total;
      const { code, output } = await made.up();
      assert.notEqual(code, 0);
      assert.match(output, /can't be loaded from .* dependency of the program's own package\.json/);
      assert.doesNotMatch(output, /^\s+at .*:\d+:\d+/m);
      assert.equal((await emulator.stats()).jobs.total, before);
    });
  });
});

/** What the pattern of the recipes stands for. */
function recipes(): { types: string; default: string }[] {
  return readdirSync(path.join(ROOT, "recipes")).map((file) => {
    const name = `dist/recipes/${path.basename(file, ".ts")}`;
    return { types: `${name}.d.ts`, default: `${name}.js` };
  });
}

/** The files that these load, themselves included, and the packages, from what the compiler has written. */
function closure(entries: readonly string[]): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = entries.map((entry) => path.posix.normalize(entry));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const text = readFileSync(path.join(ROOT, file), "utf8");
    for (const { fileName: target } of ts.preProcessFile(text, true, true).importedFiles) {
      if (target.startsWith(".")) waiting.push(resolveIn(file, target));
      else if (!target.startsWith("node:")) packages.add(target.split("/", target.startsWith("@") ? 2 : 1).join("/"));
    }
    // What runs in a thread of its own, and what is a transform.
    for (const [, target] of text.matchAll(/require\.resolve\("(\.[^"]+)"\)/g)) {
      waiting.push(resolveIn(file, target as string));
    }
  }
  return { files, packages };
}

function resolveIn(file: string, target: string): string {
  const base = path.posix.join(path.posix.dirname(file), target.replace(/\.js$/, ""));
  const extension = file.endsWith(".d.ts") ? ".d.ts" : ".js";
  const candidates = [base + extension, `${base}/index${extension}`];
  const found = candidates.find((candidate) => ts.sys.fileExists(path.join(ROOT, candidate)));
  assert.ok(found, `${file} loads ${target}, which is not there`);
  return found;
}

/** A declaration, or the empty module that the compiler writes for one. */
function isTypesOnly(file: string): boolean {
  if (file.endsWith(".d.ts")) return /^dist\/(provider|recipes)\//.test(file);
  const text = readFileSync(path.join(ROOT, file), "utf8");
  return /^"use strict";\s*Object\.defineProperty\(exports, "__esModule", \{ value: true \}\);\s*(\/\/.*\s*)?$/.test(
    text,
  );
}

function isMap(file: string, paths: ReadonlySet<string>): boolean {
  return file.endsWith(".map") && paths.has(file.slice(0, -".map".length));
}
