import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { signInUsers } from "../cli/signInUsers";
import { TestTenant } from "./emulatorClient";
import { OtherHost } from "./support/otherHost";
import { type Finished, run } from "./support/run";

const cli = path.resolve(__dirname, "../cli/main.js");
const connection = "Username-Password-Authentication";
const application = { clientId: "EmulatedApplication0000000000001", clientSecret: "emulated" };

describe("pulumi-auth0-user-import sign-in", () => {
  let folder: string;
  let tenant: TestTenant;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-sign-in-"));
    tenant = await TestTenant.start({ passwordRounds: 4 });
  });
  beforeEach(() => tenant.send("POST", "/emulator/reset"));
  after(async () => {
    await tenant.stop();
    rmSync(folder, { recursive: true });
  });

  /** Users whose passwords are these, by email. */
  async function importUsers(passwords: Record<string, string>, more: object = {}): Promise<void> {
    const users = Object.entries(passwords).map(([email, password]) => {
      const value = createHash("sha256").update(password).digest("hex");
      return { email, custom_password_hash: { algorithm: "sha256", hash: { value, encoding: "hex" } }, ...more };
    });
    assert.deepEqual((await tenant.importUsers(users)).failed, []);
  }

  function logins(text: string | Buffer, mode = 0o600): string {
    const file = path.join(folder, "logins.csv");
    rmSync(file, { force: true, recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  const environment = (domain: string) => ({
    AUTH0_DOMAIN: domain,
    AUTH0_CLIENT_ID: application.clientId,
    AUTH0_CLIENT_SECRET: application.clientSecret,
  });

  /** The command in a process of its own. */
  async function command(file: string, ...flags: string[]): Promise<Finished> {
    return run(process.execPath, [cli, "sign-in", path.basename(file), "--connection", connection, ...flags], {
      cwd: folder,
      env: { ...process.env, ...environment(tenant.emulator.url) },
    });
  }

  it("says of each user, masked, what the tenant says of the password", async () => {
    await importUsers({ "jane.doe@example.com": "correct horse", "joe.bloggs@example.com": "battery" });
    await importUsers({ "blocked@example.com": "staple" }, { blocked: true });
    await importUsers({ "factor@example.com": "anvil" }, { mfa_factors: [{ phone: { value: "+15551234567" } }] });
    const file = logins(
      "username,password\njane.doe@example.com,correct horse\njoe.bloggs@example.com,Battery\nblocked@example.com,staple\nfactor@example.com,anvil\n",
    );
    const { code, stdout, stderr } = await command(file);
    assert.equal(
      stdout,
      `logins.csv:2: email:ja***@ex***: right
logins.csv:3: email:jo***@ex***: wrong; or there is no such user, or the hash fits no password
logins.csv:4: email:b***@ex***: blocked, which says nothing about the password
logins.csv:5: email:f***@ex***: right, and a second factor is asked for
4 users: 1 right, 1 right with a second factor to come, 1 wrong, 1 blocked.
`,
    );
    assert.deepEqual([code, stderr], [1, ""]);
  });

  it("ends with 0 where all passwords are right, however many and however often on the emulator", async () => {
    await importUsers(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`user${i}@example.com`, `right${i}`])));
    const rows = Array.from({ length: 30 }, (_, i) => `user${i}@example.com,right${i}`);
    const { code, stdout } = await command(logins(["username,password", ...rows, ...rows].join("\n")));
    assert.match(stdout, /^60 users: 60 right\.$/m);
    assert.equal(code, 0);
  });

  it("takes nothing away from a password, and nothing out of it", async () => {
    const passwords = [
      " space ",
      "'apostrophe",
      "=1+1",
      '"quoted"',
      "a,b",
      "two\r\nlines",
      "\ttab",
      "\uFEFFmark",
      "ü€😀",
    ];
    await importUsers(Object.fromEntries(passwords.map((password, i) => [`user${i}@example.com`, password])));
    const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const rows = passwords.map((password, i) => `${cell(password)},user${i}@example.com,note`);
    const csv = ["password,username,algorithm", ...rows].join("\r\n");
    for (const text of [csv, `\uFEFF${csv}\r\n`, csv.replaceAll("\r\n", "\n").replace("two\nlines", "two\r\nlines")]) {
      const { stdout, stderr } = await command(logins(text));
      assert.equal(stderr, "");
      assert.match(stdout, /^9 users: 9 right\.$/m);
    }
  });

  describe("refuses a file", () => {
    const header = "username,password\n";
    const files: Record<string, [text: string | Buffer, message: RegExp]> = {
      "without a header": ["jane@example.com,secret\n", /:1: the first line has to name the columns/],
      "with a header in other words": ["Username, Password\nj,secret\n", /:1: the first line has to name the columns/],
      "with a column twice": ["username,password,password\nj,a,b\n", /:1: the first line has to name the columns/],
      "that is empty": ["", /:1: the first line has to name the columns/],
      "without users": [header, /holds no users\./],
      "with a row that is too long": [`${header}jane,sec,ret\n`, /:2: there are 3 cells, the first line has 2\./],
      "with an empty line": [`${header}jane,secret\n\n`, /:3: there are 1 cells, the first line has 2\./],
      "with an empty password": [`${header}jane,\n`, /:2: the password is empty\./],
      "with an empty username": [`${header},secret\n`, /:2: the username is empty\./],
      "with a quote in a bare cell": [`${header}"a\nb",x\njane,sec"ret\n`, /:4: a quote has no counterpart/],
      "with a quote that is not closed": [`${header}jane,"secret\n`, /:2: a quote has no counterpart/],
      "with something after a quote": [`${header}jane,"secret" \n`, /:2: a quote has no counterpart/],
      "with carriage returns alone": ["username,password\rjane,secret\r", /:1: a quote has no counterpart/],
      "with a control character in a name": [`${header}ja\u001b[2Jne,secret\n`, /:2: the username holds a control/],
      "in another encoding": [Buffer.from(`${header}jane,sécret\n`, "latin1"), /is not UTF-8\./],
      "in UTF-16": [Buffer.from(`\uFEFF${header}jane,secret\n`, "utf16le"), /is not UTF-8\./],
    };
    for (const [which, [text, message]] of Object.entries(files)) {
      it(which, async () => {
        await assert.rejects(signInUsers(logins(text), { connection }), (error: Error) => {
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /jane|sec|\p{Cc}/u);
          return true;
        });
      });
    }

    it("that others may read, also behind a link", async () => {
      const file = logins(`${header}jane,secret\n`, 0o644);
      const link = path.join(folder, "link.csv");
      symlinkSync(file, link);
      for (const each of [file, link]) {
        await assert.rejects(signInUsers(each, { connection }), {
          message: `${each} holds passwords, and others may read it (its mode is 0644): chmod 600 ${each}`,
        });
      }
    });

    it("that is none", async () => {
      mkdirSync(path.join(folder, "folder"));
      await assert.rejects(signInUsers(path.join(folder, "folder"), { connection }), /folder is not a file\./);
      await assert.rejects(signInUsers(path.join(folder, "nowhere"), { connection }), /can't be read \(ENOENT\)\./);
    });
  });

  describe("on another host than the emulator", () => {
    let host: OtherHost;
    /** Of the Management API. */
    let apiToken: string;
    let printed: string[];
    let warned: string[];
    let slept: number[];

    beforeEach(async () => {
      host = await OtherHost.before(tenant.emulator.url);
      apiToken = ((await tenant.signIn()).body as { access_token: string }).access_token;
      printed = [];
      warned = [];
      slept = [];
    });
    afterEach(() => host.stop());

    /** In this process, by a clock on which every sign-in takes two seconds. */
    async function signInThere(file: string, flags: { yes?: true } = { yes: true }, more: object = {}) {
      let now = 0;
      const pace = {
        now: () => (now += 1_000),
        sleep: async (milliseconds: number) => {
          slept.push(milliseconds);
          now += milliseconds;
        },
      };
      return signInUsers(
        file,
        { connection, ...flags },
        {
          environment: { ...environment(host.url), AUTH0_API_TOKEN: apiToken, ...more },
          pace,
          print: (line) => printed.push(line),
          warn: (line) => warned.push(line),
        },
      );
    }

    const file = (...names: string[]) =>
      logins(["username,password", ...names.map((name) => `${name}@example.com,right`)].join("\n"));
    const tried = () => host.signIns.map((form) => form.get("username"));

    it("says what a sign-in does to a user, and does nothing without --yes", async () => {
      await assert.rejects(signInThere(file("jane"), {}), /^Error: Nobody was signed in\. .* again with --yes\.$/);
      assert.equal(printed.length, 1);
      const { host: name } = new URL(host.url);
      assert.ok(
        printed[0]?.startsWith(`${name} is not the emulator. Signing 1 user of the connection ${connection} in`),
      );
      for (const words of ["imported hash is deleted", "logins_count are written", "Actions", "locks the user out"]) {
        assert.ok(printed[0]?.includes(words), words);
      }
      assert.deepEqual(host.calls, []);

      const { code, stderr } = await run(process.execPath, [cli, "sign-in", file("jane"), "--connection", connection], {
        env: { ...process.env, ...environment(host.url) },
      });
      assert.equal(code, 2);
      assert.match(stderr, /^Nobody was signed in\./);
      assert.deepEqual(host.calls, []);
    });

    it("signs in one user in six seconds, with no more than it needs, and keeps no token", async () => {
      await importUsers({ "a@example.com": "right", "b@example.com": "right", "c@example.com": "right" });
      assert.equal(await signInThere(file("a", "B", "c")), 0);
      assert.deepEqual(tried(), ["a@example.com", "B@example.com", "c@example.com"]);
      // Of the six seconds, one had passed on this clock.
      assert.deepEqual(slept, [5_000, 5_000]);
      for (const form of host.signIns) assert.equal(form.get("scope"), "openid");
      assert.equal(printed.at(-1), "3 users: 3 right.");
      assert.doesNotMatch(printed.join("\n"), /right@|a@example|eyJ/);
      assert.deepEqual(warned, []);
    });

    it("takes at most 20 users, and each of them once", async () => {
      const many = file(...Array.from({ length: 21 }, (_, i) => `user${i}`));
      await assert.rejects(
        signInThere(many),
        /has 21 users, and at most 20 are signed in at .* Nobody was signed in\.$/,
      );
      await assert.rejects(signInThere(file("jane", "joe", "JANE")), /:4: the same user stands in line 2, /);
      assert.deepEqual(host.calls, []);
    });

    it("stops at the second wrong password", async () => {
      await importUsers({
        "a@example.com": "a",
        "b@example.com": "right",
        "c@example.com": "c",
        "d@example.com": "right",
      });
      assert.equal(await signInThere(file("a", "b", "c", "d")), 1);
      assert.deepEqual(tried(), ["a@example.com", "b@example.com", "c@example.com"]);
      assert.deepEqual(
        printed.slice(1, 5).map((line) => line.split(": ").at(-1)),
        [
          "wrong; or there is no such user, or the hash fits no password",
          "right",
          "wrong; or there is no such user, or the hash fits no password",
          "not tried",
        ],
      );
      assert.equal(printed.at(-1), "4 users: 1 right, 2 wrong, 1 not tried.");
    });

    for (const error of ["too_many_requests", "too_many_attempts"]) {
      it(`stops at the first ${error}`, async () => {
        await importUsers({ "a@example.com": "right", "b@example.com": "right", "c@example.com": "right" });
        host.answers = ({ form }) =>
          form.get("username") === "b@example.com" ? { status: 429, body: { error } } : undefined;
        assert.equal(await signInThere(file("a", "b", "c")), 1);
        assert.deepEqual(tried(), ["a@example.com", "b@example.com"]);
      });
    }

    it("leaves those alone who have signed in before, and tries nobody who is not there", async () => {
      await importUsers({ "a@example.com": "right", "b@example.com": "right" });
      const { user_id } = (await tenant.userByEmail("a@example.com")) as { user_id: string };
      await tenant.send("POST", `/emulator/users/${encodeURIComponent(user_id)}/sign-in`);
      assert.equal(await signInThere(file("A", "nobody", "b")), 1);
      assert.deepEqual(tried(), ["b@example.com"]);
      assert.deepEqual(
        printed.slice(1, 4).map((line) => line.split(": ").slice(2).join(": ")),
        ["not tried: has signed in before", "not tried: there is no such user in the connection", "right"],
      );
      assert.deepEqual(slept, []);
    });

    it("looks users up by the application itself, and those without an email by the search", async () => {
      host.answers = ({ path, form }) => {
        if (form.get("grant_type") === "client_credentials") return { status: 200, body: { access_token: apiToken } };
        if (!path.startsWith("/api/v2/users?")) return undefined;
        const user = { logins_count: 3, identities: [{ connection }] };
        return { status: 200, body: path.includes("joe") ? [] : [user] };
      };
      const both = logins('username,password\njane"o\\,right\njoe,right\n'.replace('jane"o\\', '"jane""o\\"'));
      assert.equal(await signInThere(both, { yes: true }, { AUTH0_API_TOKEN: "" }), 1);
      const search = host.calls
        .map(({ path }) => new URL(path, host.url).searchParams.get("q"))
        .find((q) => q !== null);
      assert.equal(search, 'username:"jane\\"o\\\\" OR phone_number:"jane\\"o\\\\"');
      assert.deepEqual(tried(), ["joe"]);
      assert.deepEqual(warned, []);
    });

    it("goes on where it may not look, and says so", async () => {
      await importUsers({ "a@example.com": "right", "b@example.com": "right" });
      assert.equal(await signInThere(file("a", "b"), { yes: true }, { AUTH0_API_TOKEN: undefined }), 0);
      host.answers = ({ path }) => (path.startsWith("/api/v2/users-by-email") ? { status: 403, body: {} } : undefined);
      assert.equal(await signInThere(file("a", "b"), { yes: true }), 0);
      assert.deepEqual(
        warned.map((line) => /is not looked up: the scope read:users is missing/.test(line)),
        [true, true],
      );
    });

    it("does not go on where looking fails", async () => {
      await assert.rejects(
        signInThere(file("a"), { yes: true }, { AUTH0_API_TOKEN: "not one" }),
        /logins\.csv:2: \S+ refused the token \(AUTH0_API_TOKEN\) while looking a user up\. Nobody was tried after that\.$/,
      );
      host.answers = ({ path }) => (path.startsWith("/api/v2/") ? { status: 429, body: {} } : undefined);
      await assert.rejects(signInThere(file("a")), /:2: \S+ answered with HTTP 429 while looking a user up\. Nobody/);
      host.answers = ({ path }) => (path.startsWith("/api/v2/") ? { status: 0 } : undefined);
      await assert.rejects(
        signInThere(file("a")),
        /:2: \S+ could not be reached [^:]+: \w+\. Check [^.]+\. Nobody was tried/,
      );
      assert.deepEqual(host.signIns, []);
    });

    describe("takes an answer for what it is:", () => {
      const answers: [status: number, body: object | string, verdict: string | RegExp][] = [
        [200, { access_token: "TOKEN", id_token: "TOKEN" }, "right"],
        [403, { error: "mfa_required", mfa_token: "Fe26" }, "right, and a second factor is asked for"],
        [401, { error: "password_leaked" }, "right, and stopped as a password that has leaked elsewhere"],
        [
          403,
          { error: "access_denied", error_description: "no" },
          "denied by an Action, which runs once the password was right",
        ],
        [
          401,
          { error: "unauthorized", error_description: "user is blocked" },
          "blocked, which says nothing about the password",
        ],
        [
          403,
          { error: "invalid_grant", error_description: "user is blocked" },
          "blocked, which says nothing about the password",
        ],
        [
          401,
          { error: "unauthorized", error_description: "in other words" },
          "blocked, which says nothing about the password",
        ],
        [429, { error: "too_many_attempts" }, "locked out after too many wrong passwords"],
        [429, "<html>", "not looked at: too many attempts"],
        [
          200,
          "<html>Sign in to the network</html>",
          /not known to be Auth0's \(HTTP 200\)\. Whether .* is not known\. Nobody/,
        ],
        [200, {}, /not known to be Auth0's \(HTTP 200\)/],
        [302, "", /not known to be Auth0's \(HTTP 302\)/],
        [307, "", /not known to be Auth0's \(HTTP 307\)/],
        [500, { error: "invalid_grant" }, /not known to be Auth0's \(HTTP 500, invalid_grant\)/],
        [403, { error: "something_new" }, /not known to be Auth0's \(HTTP 403, something_new\)/],
        [403, { error: "<script>jane@example.com" }, /not known to be Auth0's \(HTTP 403\)/],
        [
          401,
          { error: "invalid_client" },
          /from this application \(HTTP 401, invalid_client\)\. The client id or secret is wrong\./,
        ],
        [401, { error: "access_denied", error_description: "Unauthorized" }, /The client id or secret is wrong\./],
        [403, { error: "unauthorized_client" }, /switch on its grant «Password»/],
        [400, { error: "invalid_request" }, /Check the name of the connection\./],
      ];
      for (const [status, body, verdict] of answers) {
        it(`${status} ${typeof body === "string" ? body : Object.values(body).join(", ")}`, async () => {
          await importUsers({ "jane@example.com": "right" });
          const elsewhere = { location: `${tenant.emulator.url}/oauth/token` };
          host.answers = ({ form }) => (form.has("realm") ? { status, body, headers: elsewhere } : undefined);
          const ended = signInThere(file("jane"));
          if (typeof verdict === "string") {
            await ended;
            assert.equal(printed[1]?.split(": ").slice(2).join(": "), verdict);
          } else {
            await assert.rejects(ended, (error: Error) => {
              assert.match(error.message, verdict);
              assert.match(error.message, /^\S+logins\.csv:2: .* Nobody was tried after that\.$/);
              return true;
            });
          }
          assert.doesNotMatch(printed.join("\n"), /jane@|TOKEN|Fe26/);
          assert.equal(host.signIns.length, 1, "a password is tried once");
        });
      }
    });

    it("does not know what became of a sign-in whose answer was lost", async () => {
      await importUsers({ "jane@example.com": "right" });
      host.answers = ({ form }) => (form.has("realm") ? { status: 0 } : undefined);
      await assert.rejects(signInThere(file("jane")), (error: Error) => {
        assert.match(
          error.message,
          /^\S+:2: \S+ could not be reached while signing a user in: \w+\. Check AUTH0_DOMAIN/,
        );
        assert.match(error.message, / Whether this user was signed in is not known\. Nobody was tried after that\.$/);
        return true;
      });
      assert.equal(host.signIns.length, 1);
    });
  });

  describe("wants to know the tenant", () => {
    const file = () => logins("username,password\njane@example.com,right\n");
    const attempt = (environment: Record<string, string>) =>
      signInUsers(
        file(),
        { connection },
        { environment, pace: { now: () => 0, sleep: async () => {} }, print: assert.fail, warn: assert.fail },
      );

    it("from the environment", async () => {
      await assert.rejects(attempt({}), /^Error: AUTH0_DOMAIN, AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET are not set\./);
      const { AUTH0_CLIENT_SECRET: _, ...others } = environment("example.eu.auth0.com");
      await assert.rejects(attempt(others), /^Error: AUTH0_CLIENT_SECRET is not set\./);
    });

    it("and sends no password in the clear", async () => {
      await assert.rejects(attempt(environment("http://example.com")), /^Error: AUTH0_DOMAIN is "http:/);
    });
  });
});
