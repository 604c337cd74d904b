import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Lock } from "../../provider/journal/lock";
import { lockFile } from "../../provider/journal/lockOwner";
import { type Finished, Running, run } from "../support/run";

const cli = path.resolve(__dirname, "../../cli/main.js");

const KEPT = ["failed-records.csv", "report.html", "journal/everyone-00.ndjson"];

describe("pulumi-auth0-user-import purge", () => {
  let folder: string;
  /** The number of a process that has ended. */
  let dead: number;

  before(async () => {
    const died = new Running(process.execPath, ["--version"]);
    await died.finished;
    dead = died.pid;
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-purge-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const purge = (...args: string[]) => run(process.execPath, [cli, "purge", ...args], { cwd: folder });
  const at = (name: string) => path.join(folder, name);

  function write(...names: string[]): void {
    for (const name of names) {
      mkdirSync(path.dirname(at(name)), { recursive: true });
      writeFileSync(at(name), "[]");
    }
  }

  /** The files of a results folder. */
  function results(resultsDir: string): { kept: string[]; personal: string[] } {
    const inDir = (name: string) => `${resultsDir}/${name}`;
    const kept = KEPT.map(inDir);
    const personal = ["failed-records.json", `failed-records.json.${dead}.0a1b2c3d.tmp`].map(inDir);
    write(...kept, ...personal);
    return { kept, personal };
  }

  function assertRefused({ code, stdout, stderr }: Finished, message: RegExp): void {
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  }

  it("removes the records of all imports of a program, says which, and keeps report, CSV and journal", async () => {
    const all = [results(".user-import/dev/everyone"), results(".user-import/prod/staff")];
    const { code, stdout } = await purge(".user-import");
    assert.equal(code, 0);
    const personal = all.flatMap((each) => each.personal);
    assert.deepEqual(stdout.trim().split("\n").sort(), personal.map((name) => `Removed ${name}`).sort());
    for (const name of personal) assert.equal(existsSync(at(name)), false, name);
    for (const name of all.flatMap((each) => each.kept)) assert.ok(existsSync(at(name)), name);
    const again = await purge(".user-import");
    assert.deepEqual([again.code, again.stdout], [0, "There is no personal data to remove below .user-import.\n"]);
  });

  it("takes one results folder, wherever it is", async () => {
    const one = results(".user-import/dev/everyone");
    const other = results(".user-import/dev/staff");
    const elsewhere = results("results");
    assert.equal((await purge(".user-import/dev/everyone")).code, 0);
    assert.equal((await purge("results")).code, 0);
    for (const name of [...one.personal, ...elsewhere.personal]) assert.equal(existsSync(at(name)), false, name);
    for (const name of [...other.personal, ...other.kept]) assert.ok(existsSync(at(name)), name);
  });

  it("leaves files of the same name in other folders, such as corrections that are a source", async () => {
    results(".user-import/dev/everyone");
    write("corrections/failed-records.json", "results/journal/everyone.ndjson", "results/mine/failed-records.json");
    for (const dir of [".", "corrections"]) {
      assertRefused(
        await purge(dir),
        /is not a results folder: it has neither a journal nor a report\. Give the folder/,
      );
    }
    assert.equal((await purge("results")).code, 0);
    assert.ok(existsSync(at("corrections/failed-records.json")));
    assert.ok(existsSync(at("results/mine/failed-records.json")));
    assert.ok(existsSync(at(".user-import/dev/everyone/failed-records.json")));
  });

  it("follows no link: neither to a folder nor to a file, which it names", async () => {
    const { personal } = results(".user-import/dev/everyone");
    results("elsewhere/dev/everyone");
    write("corrections.json");
    symlinkSync(at("elsewhere"), at(".user-import/linked"));
    results(".user-import/dev/staff");
    rmSync(at(".user-import/dev/staff/failed-records.json"));
    symlinkSync(at("corrections.json"), at(".user-import/dev/staff/failed-records.json"));
    const { code, stderr } = await purge(".user-import");
    assert.equal(code, 1);
    assert.match(stderr, /^Left \.user-import\/dev\/staff\/failed-records\.json: not a file but a link/);
    assert.ok(existsSync(at("corrections.json")));
    assert.ok(existsSync(at("elsewhere/dev/everyone/failed-records.json")));
    assert.equal(existsSync(at(personal[0] as string)), false);
  });

  it("refuses while an import is at work, and says which", async () => {
    const { personal } = results(".user-import/dev/everyone");
    const journal = at(".user-import/dev/everyone/journal/everyone-00.ndjson");
    const lock = await Lock.acquire(
      lockFile(journal),
      () => assert.fail("nobody has it"),
      new AbortController().signal,
    );
    try {
      assertRefused(
        await purge(".user-import"),
        new RegExp(
          `^process ${process.pid} on \\S+ is at work on an import below .* \\(everyone-00\\)\\. Nothing was removed`,
        ),
      );
    } finally {
      lock.release();
    }
    for (const name of personal) assert.ok(existsSync(at(name)), name);
    assert.equal((await purge(".user-import")).code, 0);
  });

  it("refuses while the records are being written", async () => {
    const { personal } = results(".user-import/dev/everyone");
    const writing = `.user-import/dev/everyone/failed-records.json.${process.pid}.0a1b2c3d.tmp`;
    write(writing);
    assertRefused(await purge(".user-import"), /\.tmp is being written by process \d+\. Nothing was removed/);
    for (const name of [...personal, writing]) assert.ok(existsSync(at(name)), name);
  });

  it("is run in a folder below that of Pulumi.yaml, to which resultsDir is relative", async () => {
    write("Pulumi.yaml", "dist/results/others.json");
    const all = [".user-import/dev/everyone", "dist/.user-import/dev/everyone", "results"].map(results);
    for (const name of [".user-import", "results"]) {
      const { code, output } = await run(process.execPath, [cli, "purge", name], { cwd: at("dist") });
      assert.equal(code, 0, output);
    }
    for (const name of all.flatMap(({ personal }) => personal)) assert.equal(existsSync(at(name)), false, name);
    for (const name of all.flatMap(({ kept }) => kept)) assert.ok(existsSync(at(name)), name);
  });

  it("refuses what is no folder", async () => {
    write("file");
    for (const name of ["file", "nowhere"])
      assertRefused(await purge(name), new RegExp(`^There is no folder ${name}\\. `));
  });
});
