import { z } from "zod";
import { askOnce } from "./askOnce";
import { TenantError } from "./errors";

/** An application that may sign users in by their passwords. */
export interface Application {
  /** Where the tenant answers, as in `Credentials`. */
  readonly origin: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * What a tenant says to a user's password.
 *
 * - `right`: the user is signed in
 * - `mfa`: right, and a second factor is asked for
 * - `leaked`: right, and known from a breach of somebody else's
 * - `denied`: an Action of the tenant lets the user not in; they run once the password was found right
 * - `wrong`: wrong; or there is no such user, or the hash fits no password. These can't be told apart
 * - `blocked`: the user is blocked, which says nothing about the password
 * - `lockedOut`: too many wrong passwords of this user or from this address, which says nothing either
 * - `limited`: too many attempts; this one was not looked at
 */
export type SignInVerdict = "right" | "mfa" | "leaked" | "denied" | "wrong" | "blocked" | "lockedOut" | "limited";

const Answer = z
  .object({
    access_token: z.string().optional(),
    error: z.string().optional(),
    error_description: z.string().optional(),
  })
  .catch({});

/** What concerns all users: nobody can sign in like this. */
const SETUP: Readonly<Record<string, string>> = {
  invalid_client: "The client id or secret is wrong",
  unauthorized_client:
    "The application may not: switch on its grant «Password» (Applications > Advanced Settings > Grant Types), and enable it for the connection",
  invalid_request: "Check the name of the connection. An application that requires organizations can't do it at all",
  unsupported_grant_type: "The application may not: switch on its grant «Password»",
};

/**
 * Tries one password of one user, once, by the password-realm grant. The tokens of a success are dropped.
 *
 * @throws {@link TenantError} where there is no answer, or none about this user. The message holds no user's data.
 */
export async function signIn(
  { origin, clientId, clientSecret }: Application,
  connection: string,
  username: string,
  password: string,
): Promise<SignInVerdict> {
  const form = {
    grant_type: "http://auth0.com/oauth/grant-type/password-realm",
    realm: connection,
    client_id: clientId,
    client_secret: clientSecret,
    scope: "openid",
    username,
    password,
  };
  const { status, answer } = await askOnce(origin, "/oauth/token", "signing a user in", {
    method: "POST",
    body: new URLSearchParams(form),
  });
  const { access_token, error = "", error_description = "" } = Answer.parse(answer);
  if (status === 200 && access_token !== undefined) return "right";
  const verdict = verdictOn(status, error, error_description);
  if (verdict !== undefined) return verdict;
  const { host } = new URL(origin);
  // Another program in between may answer with anything.
  const code = /^[a-z_]{1,40}$/.test(error) ? error : undefined;
  const told = `HTTP ${status}${code === undefined ? "" : `, ${code}`}`;
  const setup = code !== undefined && Object.hasOwn(SETUP, code) ? SETUP[code] : isOfClient(error, error_description);
  throw setup === undefined
    ? new TenantError(
        `${host} gave an answer to a sign-in that is not known to be Auth0's (${told}).`,
        status,
        code,
        undefined,
        true,
      )
    : new TenantError(`${host} takes no sign-ins by password from this application (${told}). ${setup}.`, status, code);
}

function verdictOn(status: number, error: string, description: string): SignInVerdict | undefined {
  if (status === 429) return error === "too_many_attempts" ? "lockedOut" : "limited";
  if (status >= 500 || status < 400) return undefined;
  // The status and code of this one differ from flow to flow.
  if (/user is blocked/i.test(description)) return "blocked";
  switch (error) {
    case "invalid_grant":
    case "invalid_user_password":
      return "wrong";
    case "mfa_required":
      return "mfa";
    case "password_leaked":
      return "leaked";
    case "too_many_attempts":
      return "lockedOut";
    // Of a block in other words, or of a rule.
    case "unauthorized":
      return "blocked";
    case "access_denied":
      return isOfClient(error, description) === undefined ? "denied" : undefined;
    default:
      return undefined;
  }
}

/** An Action's denial has the same code as an application's wrong secret, by older accounts. */
function isOfClient(error: string, description: string): string | undefined {
  return error === "access_denied" && description === "Unauthorized" ? SETUP.invalid_client : undefined;
}
