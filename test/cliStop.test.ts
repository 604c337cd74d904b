import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { Lock } from "../provider/journal/lock";
import { lockFile } from "../provider/journal/lockOwner";
import { stopFile } from "../provider/journal/stopFile";
import { type Finished, Running, run } from "./support/run";

const cli = path.resolve(__dirname, "../cli/main.js");

describe("pulumi-auth0-user-import stop", () => {
  let folder: string;
  const locks: Lock[] = [];

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-stop-"));
  });
  afterEach(() => {
    for (const lock of locks.splice(0)) lock.release();
    rmSync(folder, { recursive: true });
  });

  function journal(name: string, resultsDir = ".user-import/dev/everyone"): string {
    const file = path.join(folder, resultsDir, "journal", `${name}.ndjson`);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, "");
    return file;
  }

  /** A journal that this very process drives. */
  async function driven(name: string, resultsDir?: string): Promise<{ file: string; lock: Lock }> {
    const file = journal(name, resultsDir);
    const lock = await Lock.acquire(
      lockFile(file),
      () => assert.fail("nobody else has it"),
      new AbortController().signal,
    );
    locks.push(lock);
    return { file, lock };
  }

  const stop = (...args: string[]) => run(process.execPath, [cli, "stop", ...args], { cwd: folder });

  function assertRefused({ code, stdout, stderr }: Finished, message: RegExp): void {
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  }

  it("asks the process of each journal that is at work, by a file for the owner only", async () => {
    const { file: first } = await driven("everyone-00");
    const { file: second } = await driven("everyone-01");
    const idle = journal("everyone-02");
    const { code, stdout } = await stop();
    assert.equal(code, 0);
    assert.match(
      stdout,
      new RegExp(`^Asked process ${process.pid} on \\S+ to stop \\(everyone-00, everyone-01\\)\\. `),
    );
    assert.match(stdout, /sends no more jobs, awaits those that run, and saves; the next `pulumi up` goes on/);
    for (const file of [first, second]) assert.equal(statSync(stopFile(file)).mode & 0o777, 0o600);
    assert.equal(existsSync(stopFile(idle)), false);
  });

  it("takes another folder than .user-import", async () => {
    const { file } = await driven("staff", "results");
    assertRefused(await stop(), /^There is no folder \.user-import\. Run this in the program's folder, or give/);
    assert.equal((await stop("results")).code, 0);
    assert.ok(existsSync(stopFile(file)));
  });

  it("waits until the locks are gone", async () => {
    const { lock } = await driven("everyone");
    const waiting = new Running(process.execPath, [cli, "stop", "--wait"], { cwd: folder });
    await waiting.printed(/^Asked process/m);
    lock.release();
    const { code, stdout } = await waiting.finished;
    assert.equal(code, 0);
    assert.match(stdout, /\nIt has stopped\.\n$/);
  });

  it("says so when nothing is running: no lock, or one of a process that died", async () => {
    const abandoned = journal("everyone-00");
    journal("everyone-01");
    const died = new Running(process.execPath, ["--version"]);
    await died.finished;
    writeFileSync(lockFile(abandoned), JSON.stringify({ pid: died.pid, host: hostname(), token: "a" }));
    assertRefused(await stop(), /^No import is running whose journal is below \.user-import\.$/m);
    assert.equal(existsSync(stopFile(abandoned)), false);
  });

  it("tells by its heartbeat whether a process of another machine is at work", async () => {
    const file = journal("everyone");
    writeFileSync(lockFile(file), JSON.stringify({ pid: 1, host: "another.example", token: "a" }));
    const { stdout } = await stop();
    assert.match(stdout, /^Asked process 1 on another\.example to stop/);
    const twoMinutesAgo = new Date(Date.now() - 120_000);
    utimesSync(lockFile(file), twoMinutesAgo, twoMinutesAgo);
    assertRefused(await stop(), /^No import is running/);
  });

  it("is run in a folder below that of Pulumi.yaml, to which resultsDir is relative", async () => {
    const program = path.join(folder, "dist");
    mkdirSync(program);
    writeFileSync(path.join(folder, "Pulumi.yaml"), "main: dist/");
    const below = (...args: string[]) => run(process.execPath, [cli, "stop", ...args], { cwd: program });
    assertRefused(await below(), /^There is no folder \.user-import, and no \.\.\/\.user-import\. /);
    const { file } = await driven("everyone-00");
    const { file: former } = await driven("staff-00", "dist/.user-import/dev/staff");
    const { code, stdout } = await below();
    assert.equal(code, 0);
    assert.match(stdout, / to stop \((everyone-00, staff-00|staff-00, everyone-00)\)/);
    for (const each of [file, former]) assert.ok(existsSync(stopFile(each)));
  });

  it("refuses what is no folder", async () => {
    writeFileSync(path.join(folder, "file"), "");
    assertRefused(await stop("file"), /^There is no folder file\. /);
    assertRefused(await stop("nowhere"), /^There is no folder nowhere\. /);
  });
});
