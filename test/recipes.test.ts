import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "csv-parse/sync";
import { recipeFor } from "../cli/recipeHint";
import { prepareUser } from "../provider/schema/prepare";
import { problemsOf } from "../provider/schema/validate";
import { openSource } from "../provider/source";
import { TestTenant } from "./emulatorClient";
import { run } from "./support/run";
import { otherThan, signIn } from "./support/signIn";

const ROOT = path.resolve(__dirname, "../..");
const EXAMPLE = path.join(ROOT, "examples/recipes");
const RECIPES = readdirSync(path.join(ROOT, "recipes"))
  .filter((file) => file !== "shared.ts")
  .map((file) => path.basename(file, ".ts"));

/** Who signs in with what, of all recipes. */
const logins = parse(readFileSync(path.join(EXAMPLE, "logins.csv")), { columns: true }) as readonly {
  username: string;
  password: string;
}[];

interface Case {
  readonly files: readonly string[];
  /** @default the recipe of the case's name */
  readonly transform?: string;
  /** How many records are left out: groups, service accounts, users who sign in elsewhere. */
  readonly leftOut?: number;
  /** Before the @: whose passwords can't come along. */
  readonly omitted?: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  aspnet: { files: ["aspnet.json"] },
  "aspnet with a setting": { files: ["aspnet-membership.csv"], transform: "aspnet-membership.mjs" },
  auth0: { files: ["auth0-hashes.ndjson"] },
  bcrypt: { files: ["bcrypt.csv"] },
  "better-auth": { files: ["better-auth.csv"], leftOut: 1 },
  clerk: { files: ["clerk.csv"], omitted: ["phpass"] },
  cognito: { files: ["cognito.json", "cognito.csv"], leftOut: 1, omitted: ["jane", "john", "mary"] },
  devise: { files: ["devise.csv"] },
  "devise with a pepper": { files: ["devise-pepper.csv"], transform: "devise-pepper.mjs" },
  django: { files: ["django.json"], leftOut: 1, omitted: ["bcrypt_sha256"] },
  entra: { files: ["entra.json"], leftOut: 2, omitted: ["jane"] },
  firebase: { files: ["firebase.json", "firebase.csv"], leftOut: 2, omitted: ["jane", "john"] },
  fusionauth: { files: ["fusionauth.csv"], omitted: ["iterated"] },
  keycloak: { files: ["keycloak.json"], leftOut: 2 },
  kratos: { files: ["kratos.json"], omitted: ["md5-crypt"] },
  laravel: { files: ["laravel.csv"] },
  ldif: { files: ["ldif.ndjson"], leftOut: 1, omitted: ["crypt"] },
  okta: { files: ["okta.json"], leftOut: 1, omitted: ["jane", "john"] },
  spring: { files: ["spring.csv"], omitted: ["sha256", "noop"] },
  supabase: { files: ["supabase.csv"], leftOut: 1, omitted: ["fbscrypt"] },
  werkzeug: { files: ["werkzeug.csv"], omitted: ["bcrypt-sha256", "sha512-crypt"] },
  wordpress: { files: ["wordpress.json"], omitted: ["wp_phpass", "wp_6_8"] },
};

type User = Readonly<Record<string, unknown>>;

describe("a recipe", function () {
  this.timeout(600_000);
  const seen = new Set<string>();
  /** The example as it is in a program, with the package installed. */
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-recipes-"));
    cpSync(EXAMPLE, folder, { recursive: true });
    mkdirSync(path.join(folder, "node_modules"));
    symlinkSync(ROOT, path.join(folder, "node_modules/pulumi-auth0-user-import"));
    process.env.DEVISE_PEPPER = "0123456789abcdef".repeat(8);
  });
  after(() => {
    delete process.env.DEVISE_PEPPER;
    rmSync(folder, { recursive: true });
  });

  for (const [name, { files, transform, leftOut = 0, omitted = [] }] of Object.entries(cases)) {
    it(`brings in who can come along, each with a password that fits: ${name}`, async () => {
      const read = await usersOf(folder, files, transform ?? `pulumi-auth0-user-import/recipes/${name}`);
      assert.deepEqual(read.leftOut, leftOut === 0 ? [] : [leftOut]);
      assert.deepEqual(
        read.omitted.map(({ email }) => String(email).split("@")[0]),
        omitted,
      );
      const tenant = await TestTenant.start({ passwordRounds: 4, scryptMemory: 0 });
      try {
        assert.deepEqual((await tenant.importUsers([...read.users])).failed, []);
        for (const user of read.users) {
          if (user.custom_password_hash === undefined) continue;
          const login = logins.find(({ username }) => username === user.email || username === user.username);
          assert.ok(login, `logins.csv does not know ${user.email}`);
          seen.add(login.username);
          const attempt = (password: string) => signIn(tenant.emulator.url, login.username, password);
          const wrong = await attempt(otherThan(login.password));
          assert.equal(wrong.error, "invalid_grant", `${login.username} signs in with a wrong password`);
          const { error } = await attempt(login.password);
          // With a second factor, the password was right.
          assert.equal(error, user.mfa_factors && "mfa_required", `${login.username} does not sign in`);
        }
      } finally {
        await tenant.stop();
      }
    });
  }

  it("is what validate takes its example for, and takes no other users for", async () => {
    for (const [name, { files }] of Object.entries(cases)) {
      for (const file of files) {
        assert.equal(await recipeFor([file], EXAMPLE), `pulumi-auth0-user-import/recipes/${name.split(" ")[0]}`, file);
      }
    }
    const others = ["hashes/users.json", "quickstart/auth0-examples/*.json", "recipes/logins.csv", "recipes/ldif.ldif"];
    for (const file of others) assert.equal(await recipeFor([file], path.join(ROOT, "examples")), undefined, file);
  });

  it("is named where one of its system's hashes stands in the place of Auth0's own", async () => {
    type Raw = Record<string, unknown>;
    // biome-ignore lint/suspicious/noExplicitAny: what it is shows in the example
    const hashesOf: Record<string, (record: any) => unknown> = {
      aspnet: ({ PasswordHash }) => PasswordHash,
      "better-auth": ({ password }) => password,
      django: ({ fields }) => fields.password,
      keycloak: ({ credentials }) => credentials?.[0]?.secretData,
      kratos: ({ credentials }) => credentials?.password?.config.hashed_password,
      ldif: ({ userPassword }) => userPassword && Buffer.from(userPassword[0]).toString("base64"),
      spring: ({ password }) => password,
      supabase: ({ encrypted_password }) => encrypted_password,
      werkzeug: ({ password }) => password,
      wordpress: ({ user_pass }) => user_pass,
    };
    const nameless = new Set<string>();
    for (const [name, hashOf] of Object.entries(hashesOf)) {
      let named = 0;
      for (const record of await recordsOf(cases[name]?.files ?? [])) {
        const password_hash = hashOf(record as Raw);
        if (typeof password_hash !== "string" || password_hash === "") continue;
        const problems = problemsOf({ email: "jane@example.com", email_verified: true, password_hash });
        const message = problems.map((problem) => problem.message).join();
        if (message.endsWith(`. The recipe for such records is pulumi-auth0-user-import/recipes/${name}`)) named++;
        else nameless.add(`${name}: ${/^\$?[a-zA-Z0-9-]+/.exec(password_hash)?.[0].slice(0, 9)}`);
      }
      assert.ok(named > 0, name);
    }
    // What Auth0 takes as it stands, under its own algorithm; and what could be any system's.
    assert.deepEqual(
      [...nameless].map((each) => each.replace(/: [0-9a-f]{9}$/, ": hex")),
      [
        "django: md5",
        ...["$argon2id", "$2a", "$pbkdf2-s", "$md5-cryp"].map((hash) => `kratos: ${hash}`),
        "spring: $2a",
        ...["$2a", "$argon2id"].map((hash) => `supabase: ${hash}`),
        ...["$2b", "$argon2id", "$6"].map((hash) => `werkzeug: ${hash}`),
        ...["hex", "$2y"].map((hash) => `wordpress: ${hash}`),
      ],
    );
  });

  it("of Auth0 makes one user of an export's record and a hash of the support's file, where they are merged", async () => {
    const command = [path.join(ROOT, "dist/cli/main.js"), "validate", "auth0.ndjson", "auth0-hashes.ndjson", "--merge"];
    const transform = ["--transform", "pulumi-auth0-user-import/recipes/auth0"];
    const { code, stdout } = await run(process.execPath, [...command, ...transform], { cwd: folder });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^2 users in 2 files, 1 of them merged into records of later files, no errors\./);
  });

  it("may be followed by names of roles", async () => {
    const source = await openSource(["wordpress.json"], folder, { transform: "wordpress-roles.mjs" });
    const roles: unknown[] = [];
    for await (const { user, problem } of source.records()) {
      assert.equal(problem, undefined);
      assert.deepEqual(
        problemsOf(user, user).filter(({ severity, path }) => severity === "error" && path === "roles"),
        [],
      );
      roles.push(user.roles);
    }
    await source.close();
    assert.deepEqual(roles.slice(0, 2), [["admin", "editor"], []]);
    const { default: map } = await import(path.join(folder, "wordpress-roles.mjs"));
    assert.equal(map({ ID: "1", user_email: "a@example.com" }).roles, undefined);
    const page = readFileSync(path.join(ROOT, "docs/recipes/README.md"), "utf8");
    assert.ok(page.includes(readFileSync(path.join(EXAMPLE, "wordpress-roles.mjs"), "utf8")));
  });

  it("has a page", () => {
    const index = readFileSync(path.join(ROOT, "docs/recipes/README.md"), "utf8");
    for (const recipe of RECIPES) {
      assert.ok(index.includes(`[${recipe}](${recipe}.md)`), `${recipe} is not in the index`);
      const page = readFileSync(path.join(ROOT, `docs/recipes/${recipe}.md`), "utf8");
      assert.ok(page.includes(`--transform pulumi-auth0-user-import/recipes/${recipe}\n`), `${recipe}.md`);
    }
    const shown = /^```js\n([\s\S]*?)^```/m.exec(readFileSync(path.join(ROOT, "docs/recipes/ldif.md"), "utf8"))?.[1];
    assert.equal(shown, readFileSync(path.join(EXAMPLE, "ldif-to-ndjson.mjs"), "utf8"));
  });

  it("has an example, of which every login was tried", () => {
    for (const recipe of RECIPES) assert.ok(recipe in cases, `${recipe} has no example`);
    assert.deepEqual(
      logins.filter(({ username }) => !seen.has(username)),
      [],
    );
  });

  it("is told apart by the name", async () => {
    for (const name of ["jango", "shared", "../cli/main", "django.js"]) {
      await assert.rejects(usersOf(folder, ["django.json"], `pulumi-auth0-user-import/recipes/${name}`), {
        message: `pulumi-auth0-user-import/recipes/${name}: there is no such recipe; there are ${RECIPES.sort().join(", ")}`,
      });
    }
  });

  it("for a pepper refuses an empty one at once", async () => {
    const pepper = process.env.DEVISE_PEPPER;
    delete process.env.DEVISE_PEPPER;
    try {
      // Another name, since a module is loaded once in a process.
      const { toUserWith } = await import("../recipes/devise.js");
      assert.throws(() => toUserWith({ pepper: process.env.DEVISE_PEPPER }), /^Error: The pepper is empty/);
    } finally {
      process.env.DEVISE_PEPPER = pepper;
    }
  });
});

/** Those of an example, as they stand. */
async function recordsOf(files: readonly string[]) {
  const records: unknown[] = [];
  const onRecord = ({ raw }: { readonly raw: unknown }) => void records.push(raw);
  const reading = openSource(files, EXAMPLE, { transform: require.resolve("../cli/asIs"), onRecord });
  // Many have no column that Auth0 knows.
  await reading.then((source) => source.close()).catch(() => {});
  return records;
}

/** As an import with `unsupportedPasswordHash: "omit"` sends them. */
async function usersOf(folder: string, files: readonly string[], transform: string) {
  const source = await openSource(files, folder, { transform });
  const users: User[] = [];
  const omitted: User[] = [];
  try {
    for await (const record of source.records()) {
      assert.equal(record.problem, undefined);
      const { user, passwordOmitted } = prepareUser(record.user, "omit");
      const errors = problemsOf(user).filter(({ severity }) => severity === "error");
      assert.deepEqual(errors, [], `line ${record.line} of ${record.file}`);
      users.push(user);
      if (passwordOmitted) omitted.push(user);
    }
    const leftOut = source.remarks.filter(({ code }) => code === "LEFT_OUT");
    return { users, omitted, leftOut: leftOut.map(({ message }) => Number(/\d+/.exec(message)?.[0])) };
  } finally {
    await source.close();
  }
}
