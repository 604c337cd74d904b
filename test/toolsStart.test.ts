import assert from "node:assert/strict";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { findPulumi } from "../tools/findPulumi";
import { WRONG, writeUsers } from "../tools/generate-users";
import { type Finished, Running } from "./support/run";

const root = path.resolve(__dirname, "../..");
const USERS = 300;

/** As much of a clone of the repository as `npm start` needs, with a smaller users file. */
class Clone {
  readonly folder = mkdtempSync(path.join(tmpdir(), "quickstart-"));
  readonly usersFile = path.join(this.folder, "examples/quickstart/data/users.ndjson");

  constructor() {
    for (const name of ["package.json", "Pulumi.yaml", "tools", "dist", "examples"]) {
      cpSync(path.join(root, name), path.join(this.folder, name), {
        recursive: true,
        filter: (file) => !/[/\\](data|\.user-import)$/.test(file),
      });
    }
    symlinkSync(path.join(root, "node_modules"), path.join(this.folder, "node_modules"));
  }

  start(): Running {
    return this.run("start.js");
  }

  run(tool: string, ...args: string[]): Running {
    return new Running(process.execPath, [path.join(this.folder, "dist/tools", tool), ...args], { cwd: this.folder });
  }

  read(name: string): string {
    return readFileSync(path.join(this.folder, name), "utf8");
  }

  write(name: string, content: string): void {
    const file = path.join(this.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function succeeded(running: Running): Promise<Finished> {
  const finished = await running.finished;
  assert.equal(finished.code, 0, finished.output);
  assert.deepEqual(finished.leftBehind, []);
  return finished;
}

describe("npm start", function () {
  this.timeout(180_000);

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
  });

  describe("from a fresh clone", () => {
    let clone: Clone;
    before(async () => {
      clone = new Clone();
      await writeUsers(clone.usersFile, { users: USERS, wrong: true });
    });
    after(() => clone.remove());

    it("imports the users, ends with the outputs and where the failed records lie", async () => {
      const { stdout } = await succeeded(clone.start());
      assert.match(stdout, /^ {8}inserted +: 305$/m);
      assert.match(stdout, /^ {4}failedRecords +: \[secret\]$/m);
      const [, file] = /^Failed records: +(\S+)$/m.exec(stdout) ?? [];
      assert.equal((JSON.parse(clone.read(file ?? "")) as unknown[]).length, Object.keys(WRONG).length);
    });

    it("changes nothing when nothing changed", async () => {
      const { stdout } = await succeeded(clone.start());
      assert.match(stdout, /^ {4}\d+ unchanged$/m);
      assert.doesNotMatch(stdout, /\d+ (created|updated|deleted|replaced)/);
    });

    it("updates what was edited in the users file", async () => {
      // Not the first user: another record has that one's email, and either of the two may be the one that gets in.
      const [first, second, ...others] = readFileSync(clone.usersFile, "utf8").split("\n");
      const user = { ...JSON.parse(second ?? ""), nickname: "edited" };
      writeFileSync(clone.usersFile, [first, JSON.stringify(user), ...others].join("\n"));
      const { stdout } = await succeeded(clone.start());
      assert.match(stdout, /^ {6}~ updated +: 0 => 1$/m);
    });

    it("has the stack at hand for other commands, with nothing but their own output", async () => {
      const { stdout } = await succeeded(clone.run("pulumi.js", "stack", "output", "summary", "--json"));
      assert.equal((JSON.parse(stdout) as { updated: number }).updated, 1);
    });

    it("passes the exit code of a failed run on", async () => {
      writeFileSync(clone.usersFile, "no users at all");
      const { code, leftBehind } = await clone.start().finished;
      assert.notEqual(code, 0);
      assert.deepEqual(leftBehind, []);
    });
  });

  describe("interrupted", () => {
    let clone: Clone;
    let neighbour: Server;
    before(async () => {
      clone = new Clone();
      await writeUsers(clone.usersFile, { users: 5 * USERS });
      neighbour = createServer().listen(0, "127.0.0.1");
      await once(neighbour, "listening");
      // The port that this clone had the last time has been taken since.
      const { port } = neighbour.address() as AddressInfo;
      clone.write(".scratch/quickstart/run.json", JSON.stringify({ pid: 2 ** 30, port }));
    });
    after(() => {
      neighbour.close();
      clone.remove();
    });

    it("lets Pulumi finish what runs at Ctrl-C, and goes on the next time", async () => {
      const running = clone.start();
      await running.printed(/jobs? active/);

      running.interrupt();
      const { code, output, leftBehind } = await running.finished;
      assert.notEqual(code, 0);
      assert.match(output, /update canceled/);
      assert.deepEqual(leftBehind, []);
      await succeeded(clone.start());
    });

    it("waits for no run that was killed, only for one that is alive", async () => {
      await writeUsers(clone.usersFile, { users: 15 * USERS });
      const running = clone.start();
      await running.printed(/jobs? active/);

      const second = await clone.start().finished;
      assert.equal(second.code, 1);
      assert.match(second.stderr, new RegExp(`^Another run is under way here: process ${running.pid}\\.$`, "m"));

      running.kill("all");
      await running.finished;
      const { stdout } = await succeeded(clone.start());
      assert.match(stdout, /^An earlier run was killed: releasing its lock on the stack\.$/m);
    });
  });

  it("leaves the stack of another tenant alone", async () => {
    const clone = new Clone();
    try {
      const config = "config:\n  auth0:domain: acme.eu.auth0.com\n";
      clone.write("Pulumi.dev.yaml", config);
      await writeUsers(clone.usersFile, { users: 1 });
      const { code, stderr } = await clone.start().finished;
      assert.equal(code, 1);
      assert.match(stderr, /^Pulumi\.dev\.yaml is for the tenant acme\.eu\.auth0\.com\./m);
      assert.equal(clone.read("Pulumi.dev.yaml"), config);
    } finally {
      clone.remove();
    }
  });
});
