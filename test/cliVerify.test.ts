import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { exported, ndjson } from "./support/exportServer";
import { type Finished, run } from "./support/run";

const cli = path.resolve(__dirname, "../cli/main.js");

describe("pulumi-auth0-user-import verify", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-verify-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const verify = (...args: string[]) => run(process.execPath, [cli, "verify", ...args], { cwd: folder });

  function write(name: string, users: readonly object[]): string {
    writeFileSync(path.join(folder, name), ndjson(users));
    return name;
  }

  const user = (id: string, more: object = {}) => ({
    ...{ user_id: id, email: `${id}@example.com`, email_verified: true, name: `Name of ${id}` },
    ...more,
  });
  const there = (id: string, more: object = {}) =>
    exported(id, { email_verified: true, name: `Name of ${id}`, nickname: id, ...more });

  it("ends with 0 where everybody is there as the files say, in whatever form", async () => {
    write("a.ndjson", [user("a", { password_hash: "$2a$10$x", user_metadata: { b: null, c: 1 }, blocked: false })]);
    writeFileSync(
      path.join(folder, "b.json"),
      JSON.stringify([user("b", { user_id: "auth0|b", email: "B@Example.com" })]),
    );
    const lines = [there("b", { email: "b@example.com" }), there("a", { user_metadata: { c: 1 } })];
    writeFileSync(path.join(folder, "export.json.gz"), gzipSync(ndjson(lines)));
    const { code, stdout, stderr } = await verify("a.ndjson", "b.json", "--export", "export.json.gz");
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.equal(stdout, "2 users in 2 files; 2 users in the export.\n\n2  present\n0  missing\n");
  });

  it("reads the files as a program does, with --null-text", async () => {
    writeFileSync(path.join(folder, "a.csv"), "user_id,email,name,nickname\na,a@example.com,NULL,a\n");
    const file = write("export.ndjson", [there("a")]);
    assert.equal((await verify("a.csv", "--export", file)).code, 1);
    const { code, stdout } = await verify("a.csv", "--export", file, "--null-text", "NULL");
    assert.equal(stdout, "1 user in 1 file; 1 user in the export.\n\n1  present\n0  missing\n");
    assert.equal(code, 0);
  });

  it("compares what the files say together, with --merge", async () => {
    const profiles = write("profiles.ndjson", [user("a", { name: "Other" }), user("b")]);
    const plans = write("plans.ndjson", [{ user_id: "a", app_metadata: { plan: "gold" } }]);
    const file = write("export.ndjson", [there("a", { app_metadata: { plan: "gold" } }), there("b")]);
    assert.equal((await verify(profiles, plans, "--export", file)).code, 0);
    const { code, stdout } = await verify(profiles, plans, "--export", file, "--merge");
    assert.equal(code, 1);
    assert.match(stdout, /^3 users in 2 files, 1 of them merged into records of later files; 2 users in the export/);
    assert.match(stdout, /\nplans\.ndjson:1: differs in name /);
  });

  const many = [...Array(40).keys()].map((i) => `user${i}`);

  it("ends with 1 where somebody is missing or different, and shows who is missing first", async () => {
    const users = write(
      "users.ndjson",
      many.map((id) => user(id)),
    );
    const file = write("export.ndjson", [
      ...many.slice(0, 20).map((id, i) => there(id, i % 2 ? { name: "Other", email_verified: undefined } : {})),
      ...many.slice(21).map((id) => there(id)),
      there("somebody"),
    ]);
    const { code, stdout } = await verify(users, "--export", file);
    assert.equal(code, 1);
    assert.deepEqual(stdout.split("\n").slice(0, 10), [
      "40 users in 1 file; 40 users in the export.",
      "",
      "39  present",
      "10  of them different: email_verified 10, name 10",
      " 1  missing",
      " 1  others, who are in the export alone",
      "",
      "users.ndjson:21: missing (user_id:u***)",
      "users.ndjson:2: differs in name, email_verified (user_id:u***)",
      "users.ndjson:4: differs in name, email_verified (user_id:u***)",
    ]);
    assert.match(stdout, /\n…\n--csv FILE writes all of them into a table\.\n$/);
  });

  it("tells where so many differ that it is hardly a matter of single users", async () => {
    const ids = [...Array(200).keys()].map((i) => `user${i}`);
    const users = write(
      "users.ndjson",
      ids.map((id) => user(id)),
    );
    const file = write(
      "export.ndjson",
      ids.map((id, i) => there(id, i < 3 ? { name: "Other" } : {})),
    );
    const { stdout } = await verify(users, "--export", file);
    assert.match(
      stdout,
      /\nMore than 1 % differ in name: unless these users were updated since, that looks like a form/,
    );
  });

  it("finds users by id, else by email, and each line for one user", async () => {
    const users = write("users.ndjson", [
      user("1"),
      user("2", { email: "two@example.com" }),
      user("3"),
      { email: "NOID@example.com" },
      { username: "Jane" },
      { phone_number: "+12125550001" },
      user("4", { email: "1@example.org" }),
    ]);
    const file = write("export.ndjson", [
      there("1", { email: "1@example.org" }),
      there("other", { email: "two@example.com", name: "Name of 2" }),
      there("noid", { email: "noid@example.com" }),
      there("jane", { username: "jane" }),
      there("phone", { phone_number: "+12125550001" }),
    ]);
    const { stdout, code } = await verify(users, "--export", file, "--json");
    assert.equal(code, 1);
    const { present, missing, otherIds, different, others, exceptions } = JSON.parse(stdout);
    assert.deepEqual(
      { present, missing, otherIds, different, others },
      {
        ...{ present: 5, missing: 2, otherIds: 1, different: 1, others: 0 },
      },
    );
    // 1 has another email there; 3 is nowhere; 4 has the email that 1 has there.
    assert.deepEqual(
      exceptions.map(({ line, what, attributes }: { line: number; what: string; attributes: string[] }) =>
        [line, what, ...attributes].join(" "),
      ),
      ["3 missing", "7 missing", "1 different email"],
    );
  });

  it("does not compare who is linked to another account, and finds nobody outside of databases", async () => {
    const users = write("users.ndjson", [user("1"), user("2"), user("3")]);
    const google = { provider: "google-oauth2", connection: "google-oauth2", user_id: "117" };
    const own = { provider: "auth0", connection: "customers", user_id: "1" };
    const file = write("export.ndjson", [
      { ...there("x", { name: "Google's" }), user_id: "google-oauth2|117", identities: [google, own] },
      { ...there("2"), user_id: "google-oauth2|2", identities: [{ ...google, user_id: "2" }] },
      {
        ...there("3"),
        identities: [
          { ...own, user_id: "3" },
          { ...own, user_id: "9" },
        ],
      },
    ]);
    const { stdout, code } = await verify(users, "--export", file);
    assert.equal(code, 1);
    assert.match(stdout, /\n1 {2}present\n1 {2}linked to another account, and not compared\n1 {2}missing\n1 {2}others/);
    assert.match(stdout, /\nusers\.ndjson:2: missing /);
    assert.match(stdout, /\nexport\.ndjson:2: in the export alone \(/);
  });

  it("counts overridden records as if they were not there, and tells what an import leaves out", async () => {
    write("1.ndjson", [user("a", { name: "Old" }), user("b")]);
    write("2.ndjson", [user("a"), user("a2", { email: "b@example.com" }), { name: "Nobody" }]);
    const file = write("export.ndjson", [there("a"), there("b")]);
    const { stdout, code } = await verify("1.ndjson", "2.ndjson", "--export", file);
    assert.equal(code, 1);
    assert.match(stdout, /^5 users in 2 files, 1 of them overridden by later files; 2 users in the export\.\n/);
    assert.match(stdout, /\n2 {2}present\n0 {2}missing\n2 {2}that an import leaves out\n\n/);
    assert.match(stdout, /2\.ndjson:2: left out: email is that of the record at 1\.ndjson:2, which counts/);
    assert.match(stdout, /2\.ndjson:3: left out: names no user\n/);
  });

  it("maps each record first, with --transform", async () => {
    writeFileSync(
      path.join(folder, "to-user.cjs"),
      "module.exports = ({ mail, broken }) => { if (broken) throw new Error(mail); return { email: mail }; };",
    );
    const users = write("users.ndjson", [{ mail: "a@example.com" }, { mail: "SECRET@example.com", broken: true }]);
    const { stdout, code } = await verify(
      users,
      "--export",
      write("e.ndjson", [there("a")]),
      "--transform",
      "to-user.cjs",
    );
    assert.equal(code, 1);
    assert.match(stdout, /users\.ndjson:2: left out: The transform to-user\.cjs threw Error\n/);
  });

  it("tells spelling from a difference, and what can't be compared", async () => {
    const users = write("users.ndjson", [user("a", { name: "Ame\u0301lie", app_metadata: { id: 2 ** 60 } })]);
    const file = write("export.ndjson", [there("a", { name: "Amélie", app_metadata: { id: 2 ** 60 } })]);
    const { code, stdout } = await verify(users, "--export", file);
    assert.equal(code, 0);
    assert.match(stdout, /\nThe same in another spelling of Unicode: name 1\.\n/);
    assert.match(stdout, /\nNot compared, because of numbers that no double keeps: app_metadata 1\.\n/);
  });

  it("reads the CSV and the default fields of Auth0's exports", async () => {
    const users = write("users.ndjson", [user("a"), user("b")]);
    const defaults = ["a", "b"].map((id) => ({
      ...{ Id: `auth0|${id}`, Name: `Name of ${id}`, Email: `${id}@example.com`, "Email Verified": true },
      ...{ Connection: "customers", "Created At": "2026-01-01" },
    }));
    assert.equal((await verify(users, "--export", write("export.ndjson", defaults))).code, 0);
    const csv = [
      "user_id,email,email_verified,name",
      ...["a", "b"].map((id) => `'auth0|${id},'${id}@example.com,true,'Name of ${id}`),
    ];
    writeFileSync(path.join(folder, "export.csv"), `${csv.join("\n")}\n`);
    assert.equal((await verify(users, "--export", "export.csv")).code, 0);
  });

  describe("ends with 2", () => {
    function assertFailed({ code, stdout, stderr }: Finished, message: RegExp): void {
      assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
      assert.match(stderr, message);
    }

    it("where the export lacks an attribute of a hundred users, which is no difference of theirs", async () => {
      const ids = [...Array(120).keys()].map((i) => `user${i}`);
      const users = write(
        "users.ndjson",
        ids.map((id) => user(id, { user_metadata: { plan: "free" } })),
      );
      const file = write(
        "export.ndjson",
        ids.map((id) => there(id, id === "user7" ? { name: "Other" } : {})),
      );
      const { code, stdout } = await verify(users, "--export", file);
      assert.equal(code, 2);
      assert.match(stdout, /\n {2}1 {2}of them different: name 1\n {2}0 {2}missing\n/);
      assert.match(stdout, /\nNo user of the export has user_metadata, which the files have: .* Export it, too\.\n/);
      assert.match(stdout, /\nusers\.ndjson:8: differs in name /);
    });

    it("where a file can't be read, is cut off, or has nobody in it", async () => {
      const users = write("users.ndjson", [user("a")]);
      assertFailed(await verify(users, "--export", "nowhere.json"), /^nowhere\.json: no such file or directory\n$/);
      writeFileSync(path.join(folder, "cut.gz"), gzipSync(ndjson([there("a")])).subarray(0, -8));
      assertFailed(await verify(users, "--export", "cut.gz"), /^cut\.gz: gzip data is cut off\n$/);
      writeFileSync(path.join(folder, "empty.json"), "");
      assertFailed(await verify(users, "--export", "empty.json"), /^empty\.json: there is nothing in this file\n$/);
      assertFailed(await verify("no.json", "--export", users), /^no\.json: no such file/);
      const result = await verify("no.json", "--export", users, "--json");
      assert.equal(result.code, 2);
      assert.match(JSON.parse(result.stdout).error, /no\.json/);
    });

    it("where it is called wrongly", async () => {
      assertFailed(await verify("users.ndjson"), /^error: required option '--export <files...>' not specified/);
      assertFailed(await verify("--export", "a.json"), /^error: missing required argument 'files'/);
    });
  });

  it("writes all exceptions into a table for the owner only, and nothing of what the records say anywhere", async () => {
    const secret = (i: number) => ({
      ...{ email: `SECRET.person${i}@SECRET.example`, user_id: `SECRET id ${i}`, name: "SECRET".repeat(i) },
      ...{ user_metadata: { "SECRET.person@example.com": i } },
    });
    const users = write(
      "users.ndjson",
      [...Array(30).keys()].map((i) => secret(i)),
    );
    const file = write(
      "export.ndjson",
      [...Array(30).keys()].map((i) => exported(`SECRET id ${i + 15}`, { name: "SECRET other" })),
    );
    for (const flags of [[], ["--json"], ["--csv", "exceptions.csv"]]) {
      const { code, output } = await verify(users, "--export", file, ...flags);
      assert.equal(code, 1);
      assert.match(output, /missing/);
      assert.doesNotMatch(output, /SECRET/);
    }
    const table = path.join(folder, "exceptions.csv");
    assert.equal(statSync(table).mode & 0o777, 0o600);
    const text = readFileSync(table, "utf8");
    assert.doesNotMatch(text, /SECRET/);
    const [header, ...rows] = parse(text, { bom: true });
    assert.deepEqual(header, ["file", "line", "identity", "what", "attributes", "message"]);
    const kinds = (rows as string[][]).map(([, , , what]) => what);
    assert.deepEqual(kinds, [...Array(15).fill("missing"), ...Array(15).fill("different"), ...Array(15).fill("other")]);
    assert.deepEqual((rows as string[][])[15]?.slice(0, 5), [
      ...["users.ndjson", "16", "user_id:SE***", "different"],
      "email user_metadata name",
    ]);
    assert.deepEqual(readdirSync(folder).sort(), ["exceptions.csv", "export.ndjson", "users.ndjson"]);
  });
});
