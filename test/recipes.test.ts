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
