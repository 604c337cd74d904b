import type { Earlier } from "../provider/tenant/earlierSignIns";
import type { SignInVerdict } from "../provider/tenant/signIn";
import type { Login } from "./loginsFile";

/** `skipped`: has signed in before. `absent`: there is no such user. `untried`: it was stopped before. */
export type Outcome = SignInVerdict | "skipped" | "absent" | "untried";

/** Of another host than the emulator. */
export const MOST_USERS = 20;
const MOST_WRONG = 2;
const PACE_MS = 6_000;

/** What passes time. */
export interface Pace {
  /** Milliseconds, from any moment on. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** How users are signed in. */
export interface SignInRun {
  /** Tries one password, once. */
  readonly tries: (login: Login) => Promise<SignInVerdict>;
  /** Is told of each user, in the order of the file. */
  readonly tells: (login: Login, outcome: Outcome) => void;
  /** Where it is set, the users may be real: sign-ins are few, slow, and stop when something is wrong. */
  readonly real?: {
    /** What is known of the user; `undefined` where nobody may look. */
    readonly finds: (login: Login) => Promise<Earlier | undefined>;
    readonly pace: Pace;
  };
}

/**
 * Signs in one user after another.
 *
 * @returns how many had which outcome
 * @throws what `tries` and `finds` throw; nobody is tried after that
 */
export async function signInAll(logins: readonly Login[], run: SignInRun): Promise<ReadonlyMap<Outcome, number>> {
  const outcomes = new Map<Outcome, number>();
  let last: number | undefined;
  for (const login of logins) {
    const outcome = hasToStop(outcomes, run) ? "untried" : await outcomeOf(login);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    run.tells(login, outcome);
  }
  return outcomes;

  async function outcomeOf(login: Login): Promise<Outcome> {
    if (run.real === undefined) return run.tries(login);
    const { finds, pace } = run.real;
    const earlier = await finds(login);
    if (earlier === "signedIn") return "skipped";
    if (earlier === "absent") return "absent";
    if (last !== undefined) await pace.sleep(Math.max(0, last + PACE_MS - pace.now()));
    last = pace.now();
    return run.tries(login);
  }
}

/** The second wrong password, and the first answer that there were too many, are the last. */
function hasToStop(outcomes: ReadonlyMap<Outcome, number>, { real }: SignInRun): boolean {
  if (real === undefined) return false;
  return (outcomes.get("wrong") ?? 0) >= MOST_WRONG || outcomes.has("lockedOut") || outcomes.has("limited");
}

/**
 * Whether so many users may be signed in on another host than the emulator.
 *
 * @throws Error that says why not
 */
export function refuseUnfit(file: string, logins: readonly Login[], host: string): void {
  if (logins.length > MOST_USERS) {
    throw new Error(
      `${file} has ${logins.length} users, and at most ${MOST_USERS} are signed in at ${host}, as it is not the emulator. Nobody was signed in.`,
    );
  }
  const lines = new Map<string, number>();
  for (const { line, username } of logins) {
    const before = lines.get(username.toLowerCase());
    if (before !== undefined) {
      throw new Error(
        `${file}:${line}: the same user stands in line ${before}, and each is signed in once at ${host}, as it is not the emulator. Nobody was signed in.`,
      );
    }
    lines.set(username.toLowerCase(), line);
  }
}
