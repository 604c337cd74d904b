import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Writable } from "node:stream";
import { gzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { ProgressLine } from "../cli/progressLine";
import { type Finished, run } from "./support/run";

const cli = path.resolve(__dirname, "../cli/main.js");

describe("pulumi-auth0-user-import validate", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-validate-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const validate = (...args: string[]) => run(process.execPath, [cli, "validate", ...args], { cwd: folder });

  function write(name: string, users: readonly object[]): string {
    writeFileSync(path.join(folder, name), users.map((each) => `${JSON.stringify(each)}\n`).join(""));
    return name;
  }

  const user = (name: string, more: object = {}) => ({ email: `${name}@example.com`, email_verified: true, ...more });

  it("ends with 0 where all is well", async () => {
    writeFileSync(path.join(folder, "a.json"), JSON.stringify([user("a"), user("b")]));
    writeFileSync(path.join(folder, "c.gz"), gzipSync(JSON.stringify(user("c"))));
    const { code, stdout, stderr } = await validate("*.json", "c.gz");
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "3 users in 2 files, no errors.\n", stderr: "" });
  });

  it("ends with 0 where there is nothing but warnings", async () => {
    const { code, stdout } = await validate(write("users.ndjson", [{ email: "a@example.com" }]));
    assert.equal(code, 0);
    assert.match(stdout, /^1 user in 1 file, no errors, 1 with warnings only\.\n/);
  });

  it("names roles and organizations that the program does not know, where it is told which it knows", async () => {
    const users = [
      user("a", { roles: ["admin", "owner"] }),
      user("b", { organizations: ["acme"] }),
      user("c", { roles: ["admin"], organizations: [{ name: "globex", roles: ["editor"] }] }),
    ];
    const file = write("users.ndjson", users);
    const unchecked = await validate(file);
    assert.equal(unchecked.code, 0);
    assert.deepEqual(unchecked.stdout.split("\n"), [
      "3 users in 1 file, no errors.",
      "",
      "2 records with `roles`, the first at users.ndjson:1. They are sent only if the program has the argument `roles`. --roles checks their names.",
      "2 records with `organizations`, the first at users.ndjson:2. They are sent only if the program has the argument `organizations`. --organizations checks their names.",
      "",
    ]);
    const asJson = await validate(file, "--json", "--roles", "admin");
    assert.deepEqual(JSON.parse(asJson.stdout).unchecked, [
      { argument: "organizations", records: 2, file: "users.ndjson", line: 2 },
    ]);
    const { code, stdout } = await validate(file, "--roles", "admin, editor", "--organizations", "globex");
    assert.equal(code, 1);
    assert.match(stdout, /^3 users in 1 file, 2 with errors\./);
    assert.doesNotMatch(stdout, /checks their names/);
    assert.match(
      stdout,
      /ndjson:1: error: roles names the role owner, which the argument `roles` does not have\. The user comes in without it\. Add it to the argument, or correct the record \(UNKNOWN_ROLE/,
    );
    assert.match(stdout, /ndjson:2: error: organizations names the organization acme, which .*\(UNKNOWN_ORGANIZATION/);
  });

  it("ends with 1 where users have errors, and tells how many and the first ones", async () => {
    const users = [
      user("jane", { email_verified: undefined }),
      user("sound"),
      user("john", { nick: "Jo", phone_number: "123" }),
      ...Array.from({ length: 9 }, (_, i) => user(`user${i}`, { blocked: "no" })),
    ];
    const { code, stdout, stderr } = await validate(write("users.ndjson", users));
    assert.deepEqual({ code, stderr }, { code: 1, stderr: "" });
    assert.deepEqual(stdout.split("\n").slice(0, 9), [
      "12 users in 1 file, 10 with errors, 1 with warnings only.",
      "",
      "users           code",
      "    9  error    INVALID_TYPE",
      "    1  error    NOT_PASSED",
      "    1  error    PATTERN",
      "    1  warning  EMAIL_VERIFIED_MISSING",
      "",
      "users.ndjson:3: error: nick is no attribute that an import takes (NOT_PASSED, email:j***@ex***)",
    ]);
    assert.equal(stdout.match(/^users\.ndjson:\d+: error: /gm)?.length, 10);
    assert.match(
      stdout,
      /\n…\n--csv FILE writes all of them into a table\.\n\nWhat to do about each code: docs\/failure-codes\.md\n$/,
    );
  });

  it("maps each record first, with --transform", async () => {
    writeFileSync(
      path.join(folder, "to-user.cjs"),
      "module.exports = ({ mail }) => ({ email: mail, email_verified: true });",
    );
    const users = write("users.ndjson", [{ mail: "a@example.com" }, { mail: "b" }]);
    const { code, stdout } = await validate(users, "--transform", "to-user.cjs");
    assert.equal(code, 1);
    assert.match(stdout, /^2 users in 1 file, 1 with errors/);
    assert.match(stdout, /users\.ndjson:2: error: email/);
  });

  it("says how it has understood a file", async () => {
    writeFileSync(path.join(folder, "a.csv"), "sep=;\nemail;email_verified;name\na@b.co;t;NULL\nc@d.eu;f;\\N\n");
    const { code, stdout } = await validate("a.csv");
    assert.deepEqual(stdout.split("\n"), [
      "2 users in 1 file, no errors.",
      "",
      "a.csv: note: its first line names the delimiter, and is no row (SEPARATOR_LINE)",
      "a.csv: warning: 2 cells of column 3 (name) say NULL, \\N, and are texts like others: name what means nothing in nullText (--null-text), or leave such cells empty in the export (NULL_TEXTS)",
      "",
    ]);
    assert.equal(code, 0);
  });

  it("takes texts for nothing, with --null-text", async () => {
    writeFileSync(path.join(folder, "a.csv"), "email,email_verified,name\na@b.co,t,NULL\nc@d.eu,NULL,\\N\n");
    const { code, stdout } = await validate("--null-text", "NULL", "--null-text", "\\N", "a.csv");
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^2 users in 1 file, no errors, 1 with warnings only\.\n\nusers {11}code\n {4}1 {2}warning {2}EMAIL_VERIFIED/,
    );
    assert.equal((await validate("a.csv", "--null-text", "NULL")).stdout.match(/NULL_TEXTS/g)?.length, 1);
  });

  it("puts the records of a user together, with --merge", async () => {
    const profiles = write("profiles.ndjson", [user("a", { name: "A" }), user("b", { nick: "wrong" })]);
    const hash = "$2b$10$astfI2WINyR.78ZZafV.G/GpTkJTQnmPlMI4iO1buwTFf14bWYR62";
    const hashes = write("hashes.ndjson", [
      { email: "a@example.com", password_hash: hash },
      { email: "b@example.com", password_hash: "wrong" },
    ]);
    const alone = await validate(profiles, hashes);
    assert.match(
      alone.stdout,
      /^4 users in 2 files, 2 of them overridden by later files, 1 with errors, 1 with warnings/,
    );
    assert.match(
      alone.stdout,
      /hashes\.ndjson: warning: 2 records lack what an earlier file says of the same users, and count alone: email_verified 2, name 1\. .* \(LESS_THAN_BEFORE\)/,
    );
    const merged = await validate(profiles, hashes, "--merge");
    assert.equal(merged.code, 1);
    assert.deepEqual(merged.stdout.split("\n").slice(0, 8), [
      "4 users in 2 files, 2 of them merged into records of later files, 1 with errors.",
      "",
      "users           code",
      "    1  error    NOT_PASSED",
      "    1  error    PATTERN",
      "",
      "hashes.ndjson:2: error: nick is no attribute that an import takes (NOT_PASSED, email:***@ex***)",
      "hashes.ndjson:2: error: password_hash must be a bcrypt hash of 60 characters that starts with $2a$10$ or $2b$10$; other hashes go into custom_password_hash (PATTERN, email:***@ex***)",
    ]);
  });

  it("says which recipe the files look like, and what one leaves out", async () => {
    const fields = {
      username: "jane",
      email: "jane@example.com",
      password: "argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
    };
    const objects = [
      { model: "auth.group", pk: 1, fields: { name: "editors" } },
      { model: "auth.user", pk: 1, fields },
    ];
    const recipe = "pulumi-auth0-user-import/recipes/django";
    const hint = `This looks like an export that the recipe django is for: try --transform ${recipe}\n`;
    const users = write("users.ndjson", objects);
    const plain = await validate(users);
    assert.equal(plain.code, 2);
    assert.ok(plain.stderr.endsWith(hint), plain.stderr);
    const { code, stdout } = await validate(users, "--transform", recipe);
    assert.equal(code, 0);
    assert.match(stdout, /^1 user in 1 file, no errors/);
    assert.match(
      stdout,
      /^users\.ndjson: note: the transform leaves out 1 record, which is no user to it \(LEFT_OUT\)$/m,
    );

    const rows = write("rows.ndjson", [{ ...fields, id: 1 }]);
    const asText = await validate(rows);
    assert.equal(asText.code, 1);
    assert.ok(asText.stdout.endsWith(`\n\n${hint}`), asText.stdout);
    assert.equal(JSON.parse((await validate(rows, "--json")).stdout).recipe, recipe);
  });

  it("shows an error before the warnings that stand before it", async () => {
    const users = [...Array(20).keys()].map((i) => ({ email: `user${i}@example.com` }));
    const { stdout } = await validate(write("users.ndjson", [...users, user("jane", { name: 5 })]));
    assert.match(stdout, /\n\nusers\.ndjson:21: error: name must be a string .*\nusers\.ndjson:1: warning: /);
  });

  it("tells of a user who stands twice, with both lines", async () => {
    const { code, stdout } = await validate(
      write("users.ndjson", [user("jane"), user("x"), user("y", { email: "JANE@example.com" })]),
    );
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^users\.ndjson:3: error: email is that of the record at users\.ndjson:1, which counts \(DUPL/m,
    );
  });

  it("lets later files override earlier ones, with all that is wrong with those", async () => {
    write("1.ndjson", [user("jane", { blocked: "no", user_id: "1" }), user("john")]);
    write("2.ndjson", [user("jane", { user_id: "1", blocked: true })]);
    const { code, stdout } = await validate("1.ndjson", "2.ndjson");
    assert.deepEqual(
      { code, stdout },
      { code: 0, stdout: "3 users in 2 files, 1 of them overridden by later files, no errors.\n" },
    );
    assert.equal((await validate("2.ndjson", "1.ndjson")).code, 1);
  });

  it("tells of a record that is larger than a request may be", async () => {
    const large = (bytes: number) => {
      const empty = user("jane", { user_metadata: { notes: "" } });
      return { ...empty, user_metadata: { notes: "x".repeat(bytes - JSON.stringify([empty]).length) } };
    };
    assert.equal((await validate(write("users.ndjson", [large(512_000)]))).code, 0);
    const { code, stdout } = await validate(write("users.ndjson", [large(512_001)]));
    assert.equal(code, 1);
    assert.match(
      stdout,
      /error: the record is larger than a request to Auth0 may be, which is 512,000 bytes \(MAX_LENGTH/,
    );
  });

  describe("ends with 2", () => {
    function assertFailed({ code, stdout, stderr }: Finished, message: RegExp): void {
      assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
      assert.match(stderr, message);
    }

    it("where a file can't be read", async () => {
      assertFailed(await validate("nowhere.json"), /^nowhere\.json: no such file or directory\n$/);
      assertFailed(await validate("*.json"), /^\*\.json: no file matches this pattern\n$/);
    });

    it("where a file is malformed, which is not quoted", async () => {
      writeFileSync(path.join(folder, "users.json"), `${JSON.stringify(user("a"))}\n{"email":SECRET}\n`);
      const result = await validate("users.json");
      assertFailed(result, /^users\.json:2:10: not valid JSON: unexpected word or character\n$/);
      assert.doesNotMatch(result.output, /SECRET/);
    });

    it("where the table can't be written", async () => {
      write("users.ndjson", [user("a")]);
      assertFailed(await validate("users.ndjson", "--csv", "users.ndjson/x.csv"), /ENOTDIR|EEXIST/);
    });

    it("where it is called wrongly", async () => {
      assertFailed(await validate(), /^error: missing required argument 'files'/);
      assertFailed(await validate("users.ndjson", "--wrong"), /^error: unknown option '--wrong'/);
    });
  });

  describe("--json", () => {
    it("prints the result", async () => {
      const { code, stdout } = await validate(write("users.ndjson", [user("a", { nick: 1 }), user("b")]), "--json");
      assert.equal(code, 1);
      assert.deepEqual(JSON.parse(stdout), {
        files: ["users.ndjson"],
        users: 2,
        invalid: 1,
        warned: 0,
        overridden: 0,
        merged: 0,
        counts: [{ code: "NOT_PASSED", severity: "error", users: 1 }],
        remarks: [],
        leftOut: { readOnly: {}, empty: {} },
        unchecked: [],
        problems: [
          {
            file: "users.ndjson",
            line: 1,
            identity: "email:***@ex***",
            severity: "error",
            code: "NOT_PASSED",
            path: "nick",
            message: "is no attribute that an import takes",
          },
        ],
      });
    });

    it("prints the first 1,000 problems", async () => {
      const users = [...Array(1_500).keys()].map((i) => user(`user${i}`, { nick: 1 }));
      const { stdout } = await validate(write("users.ndjson", users), "--json");
      const { invalid, problems } = JSON.parse(stdout) as { invalid: number; problems: unknown[] };
      assert.deepEqual([invalid, problems.length], [1_500, 1_000]);
    });

    it("prints what is wrong with the files", async () => {
      writeFileSync(path.join(folder, "users.json"), "{]\n");
      const { code, stdout } = await validate("users.json", "--json");
      assert.equal(code, 2);
      assert.deepEqual(JSON.parse(stdout), {
        error: "users.json:1:2: not valid JSON: property name expected",
        fileProblems: [{ file: "users.json", line: 1, column: 2, message: "not valid JSON: property name expected" }],
      });
    });
  });

  describe("--csv", () => {
    it("writes all problems, for the owner only, and tells where", async () => {
      const users = [...Array(50).keys()].map((i) => user(`user${i}`, { nick: 1, blocked: "no" }));
      writeFileSync(path.join(folder, "problems.csv"), "an old one", { mode: 0o644 });
      const { stdout } = await validate(write("users.ndjson", users), "--csv", "problems.csv");
      assert.match(stdout, /\n…\nAll of them are in problems\.csv\.\n\nWhat to do/);
      const file = path.join(folder, "problems.csv");
      assert.equal(statSync(file).mode & 0o777, 0o600);
      const [header, ...rows] = parse(readFileSync(file), { bom: true });
      assert.deepEqual(header, ["file", "line", "identity", "code", "severity", "path", "message"]);
      assert.equal(rows.length, 100);
      assert.deepEqual(rows[1], [
        ...["users.ndjson", "1", "email:u***@ex***", "INVALID_TYPE", "error", "blocked", "must be true or false"],
      ]);
      assert.deepEqual(readdirSync(folder).sort(), ["problems.csv", "users.ndjson"]);
    });

    it("holds nothing that a spreadsheet takes for a formula", async () => {
      const formula = '=HYPERLINK("https://example.com")';
      const file = write("=1+1.ndjson", [
        user("a", { [formula]: 1, [`x;${formula}`]: 1, user_metadata: { [`$"${formula}`]: 1, "a,@SUM(1).": 1 } }),
        { username: "+1+1", nick: 1 },
      ]);
      await validate(file, "--csv", "problems.csv");
      const text = readFileSync(path.join(folder, "problems.csv"), "utf8");
      for (const delimiter of [",", ";", "\t"]) {
        for (const row of parse(text, { bom: true, delimiter, relax_quotes: true, relax_column_count: true })) {
          for (const cell of row) assert.doesNotMatch(cell, /^["\s]*[=+\-@]/);
        }
      }
    });
  });

  it("prints and writes nothing of what the records say", async () => {
    const secret = {
      email: "SECRET.person@SECRET.example",
      user_id: "SECRET id",
      name: "SECRET".repeat(100),
      password_hash: "$2y$10$SECRET",
      user_metadata: { "SECRET.person@example.com": 1, $note: "SECRET" },
      mfa_factors: [{ totp: { secret: "SECRET!" } }],
    };
    const file = write("users.ndjson", [secret, secret]);
    for (const flags of [[], ["--json"], ["--csv", "problems.csv"]]) {
      const { code, output } = await validate(file, ...flags);
      assert.equal(code, 1);
      assert.match(output, /PATTERN/);
      assert.doesNotMatch(output, /SECRET/);
    }
    assert.doesNotMatch(readFileSync(path.join(folder, "problems.csv"), "utf8"), /SECRET/);
  });
});

describe("ProgressLine", () => {
  function terminal(isTTY: boolean): { readonly stream: NodeJS.WriteStream; readonly written: string[] } {
    const written: string[] = [];
    const stream = new Writable({
      decodeStrings: false,
      write(text: string, _, done) {
        written.push(text);
        done();
      },
    });
    return { stream: Object.assign(stream, { isTTY, columns: 10 }) as unknown as NodeJS.WriteStream, written };
  }

  it("writes one line over and over, no wider than the terminal, and removes it", () => {
    const { stream, written } = terminal(true);
    const line = new ProgressLine(stream);
    line.show(() => "12%, 1,000 users");
    line.clear();
    assert.deepEqual(written, ["\r\u{1b}[K12%, 1,00", "\r\u{1b}[K"]);
  });

  it("writes nothing where there is no terminal", () => {
    const { stream, written } = terminal(false);
    const line = new ProgressLine(stream);
    line.show(() => "12%");
    line.clear();
    assert.deepEqual(written, []);
  });
});
