import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { signInUsers } from "../cli/signInUsers";
import { type GeneratedUser, generateUsers, WRONG, writeUsers } from "../tools/generate-users";
import { TestTenant } from "./emulatorClient";
import { run } from "./support/run";

const MAX_REQUEST_BYTES = 512_000;

describe("generate-users", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "generate-users-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("makes the same users of the same seed, and others of another", () => {
    const first = [...generateUsers({ users: 100, seed: 7 })];
    assert.deepEqual([...generateUsers({ users: 100, seed: 7 })], first);
    assert.notDeepEqual([...generateUsers({ users: 100, seed: 8 })], first);
  });

  it("begins with the same users however many are asked for", () => {
    assert.deepEqual([...generateUsers({ users: 200 })].slice(0, 100), [...generateUsers({ users: 100 })]);
  });

  it("makes users whom the service takes, each with an email and an id of its own, for any seed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
        const users = [...generateUsers({ users: 50, seed })];
        assert.equal(new Set(users.map((user) => user.email)).size, 50);
        assert.equal(new Set(users.map((user) => user.user_id)).size, 50);
        for (const user of users) {
          assert.match(user.user_id, /^auth0\|[0-9a-f]{24}$/);
          assert.match(user.email ?? "", /^[a-z]+\.[a-z]+\.\d+@example\.(com|org)$/);
          const hash = user.password_hash ?? user.custom_password_hash?.hash.value ?? "";
          assert.match(hash, /^\$2b\$10\$[./A-Za-z0-9]{53}$/);
          assert.notEqual(user.password_hash === undefined, user.custom_password_hash === undefined);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("makes one record wrong in each way, and leaves the others as they were", () => {
    const good = [...generateUsers({ users: 60 })];
    const users = [...generateUsers({ users: 60, wrong: true })];
    const wrong = users.filter((user, index) => JSON.stringify(user) !== JSON.stringify(good[index]));
    assert.equal(users.length, 60);
    assert.equal(wrong.length, Object.keys(WRONG).length);

    const [duplicate, badHash, missingIdentifier, oversized, longName] = wrong as GeneratedUser[];
    assert.equal(duplicate?.email?.toLowerCase(), users[0]?.email);
    assert.notEqual(duplicate?.user_id, users[0]?.user_id);
    assert.match(badHash?.password_hash ?? "", /^\$2y\$/);
    assert.equal(missingIdentifier?.email, undefined);
    assert.ok(JSON.stringify(oversized).length > MAX_REQUEST_BYTES);
    assert.ok((longName?.name.length ?? 0) > 150);
  });

  it("refuses to make wrong ones where there is no room for them", () => {
    assert.throws(() => [...generateUsers({ users: 9, wrong: true })], /9 users leave no room for 5 wrong ones/);
  });

  it("writes a line for each user, and nothing else into the folder", async () => {
    const file = path.join(folder, "new", "users.ndjson");
    await writeUsers(file, { users: 2_000 });
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [...generateUsers({ users: 2_000 })],
    );
    assert.deepEqual(readdirSync(path.dirname(file)), ["users.ndjson"]);
  });

  it("gives users passwords by every algorithm, with a key for its owner alone, and all of them sign in", async () => {
    const [file, key] = ["known.ndjson", "key.csv"].map((name) => path.join(folder, name)) as [string, string];
    const { code, output } = await generate("--users", "40", "--passwords", key, "--out", file);
    assert.deepEqual([code, output], [0, ""]);
    assert.equal(statSync(key).mode & 0o777, 0o600);

    const users = readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as GeneratedUser);
    const algorithms = users.flatMap(({ custom_password_hash }) => custom_password_hash?.algorithm ?? []);
    const all = ["argon2", "bcrypt", "hmac", "ldap", "md4", "md5", "pbkdf2", "scrypt", "sha1", "sha256", "sha512"];
    assert.deepEqual([...new Set(algorithms)].sort(), all);
    const tenant = await TestTenant.start({ passwordRounds: 4 });
    try {
      assert.deepEqual((await tenant.importUsers(users)).failed, []);
      const printed: string[] = [];
      const ended = await signInUsers(
        key,
        { connection: "Username-Password-Authentication" },
        {
          environment: {
            AUTH0_DOMAIN: tenant.emulator.url,
            AUTH0_CLIENT_ID: "EmulatedApplication0000000000001",
            AUTH0_CLIENT_SECRET: "emulated",
          },
          pace: { now: () => 0, sleep: () => assert.fail("the emulator is not waited for") },
          print: (line) => printed.push(line),
          warn: assert.fail,
        },
      );
      assert.equal(printed.at(-1), "40 users: 40 right.", printed.join("\n"));
      assert.equal(ended, 0);
    } finally {
      await tenant.stop();
    }
  });

  it("runs as a command of the package", async () => {
    const file = path.join(folder, "command.ndjson");
    const { code, output } = await generate("--users", "20", "--seed", "3", "--out", file);
    assert.equal(output, "");
    assert.equal(code, 0);
    assert.equal(readFileSync(file, "utf8"), [...generateUsers({ users: 20, seed: 3 })].map(toLine).join(""));

    for (const [flags, message] of [
      [["--users", "many"], /'many' is invalid. Expected a whole number\./],
      [["--passwords", file], /^--out and --passwords name the same file\.$/m],
      [["--passwords", "key.csv", "--wrong"], /^--passwords and --wrong exclude each other\.$/m],
    ] as const) {
      const refused = await generate(...flags, "--out", file);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, message);
    }
  });
});

function generate(...flags: string[]) {
  return run(process.execPath, [path.resolve(__dirname, "../cli/main.js"), "generate-users", ...flags]);
}

function toLine(user: GeneratedUser): string {
  return `${JSON.stringify(user)}\n`;
}
