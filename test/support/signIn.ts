import assert from "node:assert/strict";
import type { EmulatorOptions } from "../../emulator";
import { TestTenant } from "../emulatorClient";

/** The application that every emulated tenant has; it may sign users in by their passwords. */
const application = { client_id: "EmulatedApplication0000000000001", client_secret: "emulated" };

/** What `POST /oauth/token` said. */
export interface SignInAnswer {
  readonly status: number;
  /** `error` of an answer other than 200, such as `invalid_grant` for a wrong password. */
  readonly error?: string;
  readonly body: Record<string, unknown>;
}

/**
 * Tries a user's password by the password-realm grant.
 *
 * @param url the emulator's
 * @param username email, username or phone number
 * @param overrides other parameters; `undefined` leaves one out
 */
export async function signIn(
  url: string,
  username: string,
  password: string,
  overrides: Readonly<Record<string, string | undefined>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<SignInAnswer> {
  const response = await fetch(`${url}/oauth/token`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      grant_type: "http://auth0.com/oauth/grant-type/password-realm",
      realm: "Username-Password-Authentication",
      scope: "openid",
      ...application,
      username,
      password,
      ...overrides,
    }),
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, ...(typeof body.error === "string" && { error: body.error }), body };
}

/** A record of a users file, and the password that it is to have. */
export interface KnownPassword {
  readonly user: Readonly<Record<string, unknown>> & { readonly email: string };
  readonly password: string;
  /** @default another one */
  readonly wrong?: string;
}

/** Imports the records into an emulator of their own: a wrong password is refused, and the right one signs the user in. */
export async function assertPasswordsFit(
  cases: readonly KnownPassword[],
  options: EmulatorOptions = {},
): Promise<void> {
  const tenant = await TestTenant.start({ passwordRounds: 4, ...options });
  try {
    const { failed, summary } = await tenant.importUsers(cases.map(({ user }) => user));
    assert.deepEqual(failed, []);
    assert.equal(summary.inserted, cases.length);
    for (const { user, password, wrong = otherThan(password) } of cases) {
      const told = JSON.stringify({ user, password, wrong });
      const { url } = tenant.emulator;
      assert.equal((await signIn(url, user.email, wrong)).error, "invalid_grant", `signs in with a wrong one: ${told}`);
      assert.equal((await signIn(url, user.email, password)).status, 200, `does not sign in: ${told}`);
      // Once more, as the hash is another one by now.
      assert.equal((await signIn(url, user.email, password)).status, 200, `does not sign in again: ${told}`);
    }
  } finally {
    await tenant.stop();
  }
}

/** Differs in its first character, and in each encoding of it: bcrypt does not read the last ones of a long one. */
export function otherThan(password: string): string {
  return String.fromCharCode(password.charCodeAt(0) ^ 1) + password.slice(1);
}
