import { setTimeout as sleep } from "node:timers/promises";
import { maskIdentity } from "../provider/results/maskIdentity";
import { CredentialsError, resolveCredentials } from "../provider/tenant/credentials";
import { EarlierSignIns } from "../provider/tenant/earlierSignIns";
import { TenantError } from "../provider/tenant/errors";
import { type Application, signIn } from "../provider/tenant/signIn";
import { counted } from "./counted";
import { isEmulator } from "./isEmulator";
import { type Login, readLogins } from "./loginsFile";
import type { ExitCode, SignInFlags } from "./signIn";
import { type Outcome, type Pace, refuseUnfit, type SignInRun, signInAll } from "./signInRun";

/** What is around a run. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Between two sign-ins on another host than the emulator. */
  readonly pace: Pace;
  /** A line for each user, and what is done to them. */
  print(line: string): void;
  warn(line: string): void;
}

const OURS: Surroundings = {
  environment: process.env,
  pace: { now: () => performance.now(), sleep: (milliseconds) => sleep(milliseconds) },
  print: (line) => console.log(line),
  warn: (line) => console.error(line),
};

/**
 * Signs in the users of a file, and prints a line for each.
 *
 * @throws Error that says why it could not go on, or was not to begin. It holds neither name nor password of a user.
 */
export async function signInUsers(
  file: string,
  { connection, yes }: SignInFlags,
  surroundings: Surroundings = OURS,
): Promise<ExitCode> {
  try {
    const logins = await readLogins(file);
    const tenant = tenantIn(surroundings.environment);
    const rehearsal = rehearse(file, connection, tenant, surroundings);
    const run = (await isEmulator(tenant.application.origin))
      ? rehearsal
      : { ...rehearsal, real: await inEarnest(file, connection, tenant, logins, yes === true, surroundings) };
    const outcomes = await signInAll(logins, run);
    surroundings.print(summary(logins.length, outcomes));
    return [...outcomes.keys()].every((outcome) => PROVEN.has(outcome)) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof TenantError || error instanceof CredentialsError)) throw error;
    // Here there is no stack configuration.
    throw new Error(error.message.replaceAll("auth0:domain", "AUTH0_DOMAIN"));
  }
}

interface Tenant {
  readonly application: Application;
  readonly apiToken?: string;
  readonly audience?: string;
}

/** @throws Error that names what is missing or wrong */
function tenantIn(environment: Readonly<Record<string, string | undefined>>): Tenant {
  const { AUTH0_API_TOKEN: apiToken, ...others } = environment;
  const missing = ["AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET"].filter((name) => !others[name]?.trim());
  if (missing.length > 0) {
    throw new Error(
      `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not set. Users are signed in by an application that has the grant «Password»: \`npx pulumi-auth0-user-import sign-in --help\`.`,
    );
  }
  const { origin, audience, auth } = resolveCredentials(() => undefined, "auth0", others);
  const application = { origin, ...(auth as { clientId: string; clientSecret: string }) };
  return { application, ...(audience && { audience }), ...(apiToken?.trim() && { apiToken: apiToken.trim() }) };
}

/** As it is done on the emulator, where nobody is hurt. */
function rehearse(file: string, connection: string, { application }: Tenant, { print }: Surroundings): SignInRun {
  return {
    tells: (login, outcome) => print(`${placeOf(login, file)}: ${SAID[outcome]}`),
    tries: ({ line, username, password }) =>
      told(
        signIn(application, connection, username, password),
        `${file}:${line}`,
        " Whether this user was signed in is not known.",
      ),
  };
}

/** Names the user by whom it ended. @param ifLost said where the call may have been done, and its answer was lost */
function told<T>(call: Promise<T>, place: string, ifLost = ""): Promise<T> {
  return call.catch((error: unknown) => {
    if (!(error instanceof TenantError)) throw error;
    const message = `${place}: ${error.message}${error.mayHaveBeenDone ? ifLost : ""} Nobody was tried after that.`;
    throw new TenantError(message, error.status, error.code);
  });
}

/** @throws Error where it is not to be done */
async function inEarnest(
  file: string,
  connection: string,
  tenant: Tenant,
  logins: readonly Login[],
  yes: boolean,
  { pace, print, warn }: Surroundings,
): Promise<NonNullable<SignInRun["real"]>> {
  const { host } = new URL(tenant.application.origin);
  refuseUnfit(file, logins, host);
  print(warning(host, connection, logins.length));
  if (!yes) throw new Error("Nobody was signed in. Where that is what you want, run it again with --yes.");

  let earlier = await EarlierSignIns.of(tenant.application, tenant);
  if (earlier === undefined) warn(NO_LOOK);
  return {
    pace,
    async finds({ line, username }) {
      if (earlier === undefined) return undefined;
      const found = await told(earlier.find(username, connection), `${file}:${line}`);
      if (found === undefined) {
        earlier = undefined;
        warn(NO_LOOK);
      }
      return found;
    },
  };
}

const NO_LOOK =
  "Whether these users have signed in before is not looked up: the scope read:users is missing. Grant it to the application, or set AUTH0_API_TOKEN.";

function warning(host: string, connection: string, users: number): string {
  return `${host} is not the emulator. Signing ${counted(users, "user")} of the connection ${connection} in there does this to each of them:
  - A right password is hashed anew by bcrypt, and the imported hash is deleted. No later import can replace it.
  - last_login, last_ip and logins_count are written; the user counts as active this month.
  - The Actions and rules of the tenant run, with all that they do. The tenant's log tells of it.
  - A wrong password counts as a failed attempt. After ten of them Auth0 locks the user out, and tells them by mail.
So do it on a scratch connection or with users made for it, and with right passwords only.
`;
}

/** The password was the right one. */
const PROVEN: ReadonlySet<Outcome> = new Set<Outcome>(["right", "mfa", "leaked"]);

const SAID: Readonly<Record<Outcome, string>> = {
  right: "right",
  mfa: "right, and a second factor is asked for",
  leaked: "right, and stopped as a password that has leaked elsewhere",
  denied: "denied by an Action, which runs once the password was right",
  wrong: "wrong; or there is no such user, or the hash fits no password",
  blocked: "blocked, which says nothing about the password",
  lockedOut: "locked out after too many wrong passwords",
  limited: "not looked at: too many attempts",
  skipped: "not tried: has signed in before",
  absent: "not tried: there is no such user in the connection",
  untried: "not tried",
};

const COUNTED: Readonly<Record<Outcome, string>> = {
  right: "right",
  mfa: "right with a second factor to come",
  leaked: "right but leaked",
  denied: "denied by an Action",
  wrong: "wrong",
  blocked: "blocked",
  lockedOut: "locked out",
  limited: "not looked at",
  skipped: "who signed in before",
  absent: "not in the connection",
  untried: "not tried",
};

function summary(users: number, outcomes: ReadonlyMap<Outcome, number>): string {
  const counts = (Object.keys(COUNTED) as Outcome[]).flatMap((outcome) => {
    const count = outcomes.get(outcome);
    return count === undefined ? [] : [`${count} ${COUNTED[outcome]}`];
  });
  return `${counted(users, "user")}: ${counts.join(", ")}.`;
}

function placeOf({ line, username }: Login, file: string): string {
  const kind = username.includes("@") ? "email" : /^\+\d+$/.test(username) ? "phone_number" : "username";
  return `${file}:${line}: ${maskIdentity(`${kind}:${username}`)}`;
}
