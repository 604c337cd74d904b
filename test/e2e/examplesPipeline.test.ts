import assert from "node:assert/strict";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { TenantStats } from "../../emulator";
import { findPulumi, type PulumiCli } from "../../tools/findPulumi";
import { EmulatorProcess } from "../support/emulator";
import { run } from "../support/run";
import { Workspace } from "../support/workspace";

const EXAMPLE = path.resolve(__dirname, "../../../examples/pipeline");
const JOURNAL = ".user-import/prod/everyone/journal";
const REPORTS = [".user-import/prod/everyone/report.html", ".user-import/prod/everyone/failed-records.csv"];

interface Step {
  uses?: string;
  run?: string;
  if?: string;
  with?: Record<string, string>;
}

interface Job {
  "timeout-minutes"?: number;
  steps: Step[];
}

interface GitlabJob {
  timeout?: string;
  script: string[];
  retry?: { exit_codes: number[] };
  cache?: { when: string; paths: string[] };
  artifacts?: { when: string; paths: string[] };
}

const read = (file: string) => readFileSync(path.join(EXAMPLE, file), "utf8");
const github = parse(read(".github/workflows/users.yml")) as { jobs: Record<string, Job> };
const gitlab = parse(read(".gitlab-ci.yml")) as Record<string, GitlabJob> & { default: { before_script: string[] } };

describe("the pipeline example", function () {
  this.timeout(180_000);
  let cli: PulumiCli;

  before(async function () {
    this.timeout(0);
    cli = await findPulumi(console.log);
  });

  it("runs only scripts that there are, and flags that Pulumi has", async () => {
    const commands = [
      ...Object.values(github.jobs).flatMap(({ steps }) => steps.flatMap((step) => step.run?.split("\n") ?? [])),
      ...gitlab.default.before_script,
      ...["preview", "import"].flatMap((job) => (gitlab[job] as GitlabJob).script),
    ];
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const npmScripts = commands.flatMap((line) => /npm run (\S+)/.exec(line)?.[1] ?? []);
    const files = commands.flatMap((line) => /(?:^|\s)\.\/(\S+)/.exec(line)?.[1] ?? []);
    assert.deepEqual(npmScripts, ["preview", "preview"]);
    for (const script of npmScripts) assert.ok(script in scripts, script);
    assert.deepEqual(files, ["import.sh", "import.sh"]);
    for (const file of files) accessSync(path.join(EXAMPLE, file), constants.X_OK);
    for (const [, workflow] of commands.join("\n").matchAll(/gh workflow run (\S+)/g)) {
      assert.ok(existsSync(path.join(EXAMPLE, ".github/workflows", workflow ?? "")), workflow);
    }

    const pulumi = [...Object.values(scripts), ...read("import.sh").split("\n")].flatMap(
      (line) => (/\bpulumi (\w+) (--.*)/.exec(line)?.slice(1, 3) as [string, string] | undefined) ?? [],
    );
    assert.equal(pulumi.length, 4);
    for (const [command, flags] of [pulumi.slice(0, 2), pulumi.slice(2)] as [string, string][]) {
      const { stdout } = await run(cli.command, [command, "--help"], { env: { ...process.env, PATH: cli.path } });
      for (const [flag] of flags.matchAll(/--[a-z-]+/g)) assert.ok(stdout.includes(flag), `${command} ${flag}`);
    }
  });

  it("ends before the pipeline does, keeps the journal, and publishes nothing but what is masked", () => {
    const [, hours] = /\?\? "(\d+)h"/.exec(read("index.ts")) ?? [];
    const deadline = Number(hours) * 60;
    const { steps, "timeout-minutes": githubLimit = 0 } = github.jobs.import as Job;
    assert.ok(deadline < githubLimit && githubLimit < 6 * 60);
    const { timeout = "", cache, artifacts, retry } = gitlab.import as GitlabJob;
    const [, gitlabHours, gitlabMinutes] = /^(\d+) hours (\d+) minutes$/.exec(timeout) ?? [];
    assert.ok(deadline < Number(gitlabHours) * 60 + Number(gitlabMinutes));
    assert.deepEqual(retry?.exit_codes, [75]);

    const using = (action: string) => steps.filter(({ uses }) => uses?.startsWith(action)).map((step) => step.with);
    assert.deepEqual(
      [...using("actions/cache/restore@"), ...using("actions/cache/save@")].map((step) => step?.path),
      [JOURNAL, JOURNAL],
    );
    assert.deepEqual(using("actions/upload-artifact@")[0]?.path?.trim().split("\n"), REPORTS);
    assert.deepEqual(cache?.paths, [JOURNAL]);
    assert.deepEqual(artifacts?.paths, REPORTS);
    // An import that failed is the one whose journal and report are needed.
    assert.deepEqual([cache?.when, artifacts?.when], ["always", "always"]);
    const afterImport = steps.slice(1 + steps.findIndex((step) => step.run?.includes("import.sh")));
    assert.deepEqual(
      afterImport.map((step) => step.if),
      ["always()", "always()"],
    );
  });

  it("ends with 75 when the deadline comes first, and goes on from there, nobody sent twice", async () => {
    // Six jobs of eleven users, two at a time, each three seconds: nine in all.
    const people = Array.from({ length: 66 }, (_, i) => ({
      email: `person${i}@example.com`,
      user_metadata: { text: "x".repeat(46_000) },
    }));
    const emulator = await EmulatorProcess.start("--users-per-second", "4");
    const program = await Workspace.create({
      copyOf: EXAMPLE,
      files: { "export/users.ndjson": people.map((user) => `${JSON.stringify(user)}\n`).join("") },
      config: {
        "auth0:domain": emulator.url,
        "auth0:clientId": "emulator",
        connectionId: "con_0000000000000001",
        deadline: "6s",
      },
      secrets: { "auth0:clientSecret": "emulator" },
    });
    try {
      const { folder, env } = program;
      const importOnce = () => run("./import.sh", ["test"], { cwd: folder, env });
      const first = await importOnce();
      assert.equal(first.code, 75, first.output);
      assert.ok(existsSync(path.join(folder, JOURNAL.replace("prod", "test"))));

      await program.configure({ deadline: "10m" });
      const second = await importOnce();
      assert.equal(second.code, 0, second.output);
      const response = await fetch(`${emulator.url}/emulator/stats?users=1`);
      const { tallies } = (await response.json()) as TenantStats & { tallies: Record<string, { sent: number }> };
      assert.deepEqual(
        Object.values(tallies).map(({ sent }) => sent),
        people.map(() => 1),
      );

      program.write("export/users.ndjson", "nobody");
      const failed = await importOnce();
      assert.ok(failed.code !== 0 && failed.code !== 75, failed.output);
    } finally {
      program.remove();
      await emulator.stop();
    }
  });
});
