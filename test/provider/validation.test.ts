import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { BatchTest } from "../support/batch";

const BCRYPT = "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";
/** The prefix that PHP writes; `password_hash` takes `$2a$` and `$2b$`. */
const UNSUPPORTED = BCRYPT.replace("$2b$", "$2y$");

describe("records on their way", () => {
  const at = BatchTest.forEach();

  const inResults = (name: string) => path.join(at.provider.folder, ".user-import/dev/everyone", name);

  it("of a CSV file become users", async () => {
    at.write(
      "users.csv",
      "email,email_verified,user_metadata.plan\njane@example.com,TRUE,free\njoe@example.com,0,pro\n",
    );
    const { summary } = await at.create({ users: ["users.csv"] });
    assert.equal(summary.inserted, 2);
    const jane = at.user("jane@example.com");
    assert.deepEqual([jane?.email_verified, jane?.user_metadata], [true, { plan: "free" }]);
  });

  it("go through a transform, which may leave some out and fail at others", async () => {
    const source = `export default ({ mail, active }) => {
      if (mail === "broken") throw new TypeError("cannot read jane's secret");
      return active ? { email: mail, email_verified: true, name: "NAME" } : undefined;
    };`;
    at.write("to-user.mjs", source);
    at.writeUsers([
      { mail: "jane@example.com", active: true },
      { mail: "gone@example.com", active: false },
      { mail: "broken", active: true },
    ]);
    const old = await at.create({ transform: "to-user.mjs" });
    const { inserted, invalid, total } = old.summary;
    assert.deepEqual({ inserted, invalid, total }, { inserted: 1, invalid: 1, total: 2 });
    assert.deepEqual([old.failedRecords[0]?.code, old.failedRecords[0]?.line], ["TRANSFORM_FAILED", 1]);
    assert.doesNotMatch(JSON.stringify(old), /secret/);

    at.write("to-user.mjs", source.replace("NAME", "Another"));
    await at.restart();
    const now = await at.update(old, { transform: "to-user.mjs" });
    assert.equal(now.summary.updated, 1, "the module is part of the source");
    assert.equal(at.user("jane@example.com")?.name, "Another");
  });

  it("lose a hash that Auth0 can't take where the program says so, and those users stay listed", async () => {
    const users = [
      { email: "jane@example.com", email_verified: true, password_hash: UNSUPPORTED },
      { email: "joe@example.com", email_verified: true, password_hash: BCRYPT },
    ];
    at.writeUsers(users);
    const omit = { unsupportedPasswordHash: "omit" };
    assert.match((await at.preview(undefined, omit)).join(), /1 user will come in without a password/);
    await at.restart();
    const old = await at.create(omit);
    assert.equal(old.summary.inserted, 2);
    assert.deepEqual(at.user("jane@example.com")?.password_hash, undefined);
    assert.deepEqual(
      old.passwordResetRequired.map(({ identity, line }) => [identity, line]),
      [["email:jane@example.com", 1]],
    );
    at.writeUsers([...users, { email: "jim@example.com", email_verified: true }]);
    await at.restart();
    const now = await at.update(old, omit);
    assert.deepEqual([now.summary.inserted, now.summary.unchanged], [1, 2]);
    assert.equal(now.passwordResetRequired.length, 1);

    await at.restart();
    const strict = await at.create({ key: "of another import" });
    assert.equal(strict.summary.invalid, 1, "without it the record is invalid");
  });

  it("are listed as without a password where they come in, and only there", async () => {
    at.writeUsers([
      { email: "jane@example.com", email_verified: true, password_hash: UNSUPPORTED },
      { email: "no address", email_verified: true, password_hash: UNSUPPORTED },
      { email: "joe@example.com", email_verified: true, password_hash: UNSUPPORTED },
    ]);
    at.addToTenant("joe@example.com", {});
    const omit = { unsupportedPasswordHash: "omit" };
    assert.match((await at.preview(undefined, omit)).join(), /2 users will come in without a password/);
    await at.restart();
    const { summary, passwordResetRequired } = await at.create(omit);
    assert.deepEqual([summary.inserted, summary.failed, summary.invalid], [1, 1, 1]);
    assert.deepEqual(
      passwordResetRequired.map(({ identity }) => identity),
      ["email:jane@example.com"],
    );
  });

  it("without anybody are told with one code at preview and after", async () => {
    at.writeUsers([{ email: "jane@example.com" }, { nickname: "joe", nick: "jo" }, { nickname: "jim" }]);
    const [plan] = await at.preview();
    await at.restart();
    const { failedRecords } = await at.create();
    const codes = failedRecords.map(({ code }) => `${code} 1`);
    assert.equal(plan, `1 new, 2 invalid (${codes.join(", ")}): 1 job`);
    assert.equal(new Set(codes).size, 2);
  });

  it("that are wrong are told at preview: the first ten, all in a table, and what may surprise of the rest", async () => {
    const wrong = Array.from({ length: 12 }, (_, i) => ({ email: `person${i}@example.com`, blocked: "no", nick: i }));
    const exported = { email: "jane@example.com", identities: [], logins_count: 3 };
    at.write("users.ndjson", [...wrong, exported].map((user) => `${JSON.stringify(user)}\n`).join(""));
    const [plan, records, unverified, dropped, ...others] = await at.preview(undefined, { users: ["users.ndjson"] });
    assert.equal(plan, "1 new, 12 invalid (INVALID_TYPE 12): 1 job");
    const lines = records?.split("\n") ?? [];
    assert.match(lines[0] ?? "", /^12 records can't be sent/);
    assert.match(lines[1] ?? "", /^ {2}users\.ndjson:1 INVALID_TYPE: blocked must be/);
    assert.equal(lines.length, 12, "the heading, ten problems, and a sign of more");
    assert.match(unverified ?? "", /^13 records without email_verified/);
    assert.match(dropped ?? "", /identities 1, logins_count 1/);
    assert.deepEqual(others, []);

    const table = readFileSync(inResults("invalid-records.csv"), "utf8");
    assert.equal(table.trim().split("\n").length, 25, "a line for each problem");
    assert.doesNotMatch(table, /person\d|example\.com/);
    assert.equal(statSync(inResults("invalid-records.csv")).mode & 0o777, 0o600);
  });

  it("of an edit are told at its preview as at the first: of what would be sent, and of nothing else", async () => {
    const known = Array.from({ length: 5 }, (_, i) => ({ email: `person${i}@example.com` }));
    at.writeUsers(known);
    const omit = { unsupportedPasswordHash: "omit" };
    const old = await at.create(omit);
    at.writeUsers([
      { ...known[0], name: "n".repeat(160), identities: [] },
      ...known.slice(1),
      { email: "new@example.com", name: "n".repeat(170), nickname: "", password_hash: UNSUPPORTED },
      { email: "newer@example.com", email_verified: true },
    ]);
    const [plan, ...said] = await at.preview(old, omit);
    assert.equal(plan, "2 new, 1 changed (profile 1), 4 unchanged: 2 jobs");
    assert.deepEqual(said, [
      "Reads 1 user before it writes to them: 1 to 2 calls.",
      "1 user will come in without a password: Auth0 can't take the hash.",
      "1 record without email_verified: these people have to verify again.",
      "Auth0 may refuse, or take otherwise than meant: MAX_LENGTH 2 (`npx pulumi-auth0-user-import validate` lists them).",
      "Left out, since only Auth0 sets them: identities 1.",
      "Left out, since they are empty texts: nickname 1.",
    ]);
  });

  it("that can't be sent are never sent, and the results of a run that fails are written all the same", async () => {
    at.writeUsers([
      { email: "jane@example.com", email_verified: true },
      { email: "not an address", password_hash: BCRYPT },
    ]);
    at.emulator.tenant.faults.replace([{ on: "status", kind: "status", code: 400, nth: { from: 1 } }]);
    await assert.rejects(at.create());
    assert.equal(at.emulator.tenant.stats().jobs.list[0]?.users, 1);
    const report = readFileSync(inResults("report.html"), "utf8");
    assert.match(report, /FORMAT/);
    assert.doesNotMatch(report, /not an address|jane@|\$2b\$/);
    assert.deepEqual(JSON.parse(readFileSync(inResults("failed-records.json"), "utf8")), [
      { email: "not an address", password_hash: BCRYPT },
    ]);
    assert.ok(existsSync(inResults("failed-records.csv")));
  });
});
