import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import type { PasswordResetRequired } from "../../provider";
import { findPulumi } from "../../tools/findPulumi";
import { EmulatorProcess } from "../support/emulator";
import { otherThan, signIn } from "../support/signIn";
import { Workspace } from "../support/workspace";

const EXAMPLE = path.resolve(__dirname, "../../../examples/recipes");

describe("the recipes, with the real engine", function () {
  this.timeout(900_000);
  let emulator: EmulatorProcess;
  let program: Workspace | undefined;

  before(async function () {
    this.timeout(0);
    await findPulumi(console.log);
    emulator = await EmulatorProcess.start("--users-per-second", "5000", "--scrypt-memory", "0");
  });
  after(async () => {
    program?.remove();
    await emulator.stop();
  });

  it("bring in the users of every example, who sign in with the passwords that they had", async () => {
    program = await Workspace.create({
      copyOf: EXAMPLE,
      config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator", connectionId: "con_0000000000000001" },
      secrets: { "auth0:clientSecret": "emulator" },
      env: { DEVISE_PEPPER: "0123456789abcdef".repeat(8) },
    });
    // Ninety resources: longer than the other programs take.
    const { code, output } = await program.pulumi(["up", "--yes", "--skip-preview"], 600_000);
    assert.equal(code, 0, output);
    // The pepper of a transform is in no state, and in no output.
    const state = await program.succeed(["stack", "export", "--show-secrets"]);
    for (const text of [output, state.stdout]) assert.ok(!text.includes("0123456789abcdef0123456789abcdef"));

    type Resets = Record<string, PasswordResetRequired[]>;
    const { passwordResetRequired } = await program.outputs<{ passwordResetRequired: Resets }>();
    const resets = Object.entries(passwordResetRequired).map(([recipe, users]) => [recipe, users.length]);
    assert.deepEqual(Object.fromEntries(resets.filter(([, users]) => users !== 0)), {
      clerk: 1,
      cognito: 3,
      django: 1,
      entra: 1,
      firebase: 2,
      fusionauth: 1,
      kratos: 1,
      ldif: 1,
      okta: 2,
      spring: 2,
      supabase: 1,
      werkzeug: 2,
      wordpress: 2,
    });

    const logins = parse(readFileSync(path.join(EXAMPLE, "logins.csv")), { columns: true }) as {
      username: string;
      password: string;
    }[];
    for (const { username, password } of logins) {
      const wrong = await signIn(emulator.url, username, otherThan(password));
      assert.equal(wrong.error, "invalid_grant", `${username} signs in with a wrong password`);
      const { status, error } = await signIn(emulator.url, username, password);
      assert.ok(status === 200 || error === "mfa_required", `${username} does not sign in`);
    }
  });
});
