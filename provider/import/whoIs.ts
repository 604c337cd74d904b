import type { CensusIndex, Found } from "../census/census";
import type { TenantRecord } from "../census/equal";
import type { User } from "../schema/identity";
import type { Failure } from "./findings";

/** Who in the tenant a record is about that was never imported. */
export type Who =
  | { readonly is: "nobody" }
  /** To be taken, or written over. `linked`: as an identity of another account, of which nothing is compared or written. */
  | { readonly is: "there"; readonly line: number; readonly hasOtherId: boolean }
  | { readonly is: "linked"; readonly line: number; readonly hasOtherId: boolean }
  /** Not to be touched. */
  | { readonly is: "refused"; readonly failure: Failure };

const NOBODY: Who = { is: "nobody" };

/**
 * Who in the tenant a record is about. By the id of the record in the connection, where it has the record's email; else by
 * that email, under another id. Who is neither certain is a failed record, and never written to:
 *
 * | the tenant has | code |
 * | --- | --- |
 * | the email, under another id, of an account that has not verified it, and that anybody may have made: sign-up is open, or it has signed in | `UNVERIFIED_ACCOUNT` |
 * | the id, with another email | `ID_TAKEN` |
 * | the id for one user and the email for another, or the email for several | `AMBIGUOUS` |
 *
 * @param id of the record within the connection; else the one that we would make up, which is nobody's but ours.
 * @param isSignupOpen also where nobody knows.
 */
export async function whoIs(
  user: User,
  id: { readonly id: string | undefined; readonly isMadeUp: boolean },
  users: CensusIndex,
  isSignupOpen: boolean,
): Promise<Who> {
  const email = typeof user.email === "string" ? user.email : undefined;
  const byId = one(id.id === undefined ? [] : users.find("user_id", id.id));
  const byEmail = email === undefined ? [] : users.find("email", email);
  const others = byEmail.filter(({ line }) => line !== byId?.line);

  if (byId !== undefined) {
    if (byId.isLinked) return { is: "linked", line: byId.line, hasOtherId: false };
    if (email === undefined || byEmail.length > others.length) return there(byId, false);
    const isAnothers = others.some(({ isLinked }) => !isLinked);
    return { is: "refused", failure: isAnothers ? AMBIGUOUS : ID_TAKEN };
  }
  const [first, ...rest] = others.filter(({ isLinked }) => !isLinked);
  if (first === undefined) {
    const [linked] = others;
    return linked === undefined ? NOBODY : { is: "linked", line: linked.line, hasOtherId: true };
  }
  if (rest.length > 0) return { is: "refused", failure: SEVERAL };
  const account = await users.read(first.line);
  if (account.email_verified !== true && (isSignupOpen || hasSignedIn(account))) {
    return { is: "refused", failure: UNVERIFIED };
  }
  return there(first, true);
}

function there({ line }: Found, hasOtherId: boolean): Who {
  return { is: "there", line, hasOtherId };
}

/** The user at whose own place an id is, else one whom it is linked to. */
function one(found: readonly Found[]): Found | undefined {
  return found.find(({ isLinked }) => !isLinked) ?? found[0];
}

function hasSignedIn({ last_login, logins_count }: TenantRecord): boolean {
  return (
    (typeof last_login === "string" && last_login !== "") || (typeof logins_count === "number" && logins_count > 0)
  );
}

const UNVERIFIED: Failure = {
  code: "UNVERIFIED_ACCOUNT",
  message:
    "An account with this email is there already, under another id, and has never verified it: somebody may have registered another person's address. It was not taken, and nothing was written to it",
};

const ID_TAKEN: Failure = {
  code: "ID_TAKEN",
  message: "The user_id is that of a user of the connection with another email. Nothing was written to them",
};

const AMBIGUOUS: Failure = {
  code: "AMBIGUOUS",
  message: "The user_id is one user's and the email is another's. Nothing was written to either",
};

const SEVERAL: Failure = {
  code: "AMBIGUOUS",
  message: "Several users of the connection have this email, and none the user_id. Nothing was written to any",
};

/** Auth0 refuses a user for being there, and nobody is. */
export const LEFTOVER: Failure = {
  code: "LEFTOVER",
  message:
    "Auth0 says that the user is there, and shows nobody with this id or email: a part of them is left over in the connection's own store",
};
