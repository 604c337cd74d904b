import { normalizeUser, type User } from "./identity";
import { omitUnsupportedHash, problemsOf, type RecordProblem } from "./validate";

/**
 * What is done about a password hash that the service can't take: the record is invalid, or the user comes in without a
 * password and has to set a new one.
 */
export type UnsupportedPasswordHash = "fail" | "omit";

/** A record as it would be sent. */
export interface PreparedUser {
  readonly user: User;
  /** Whether a password hash was left out. */
  readonly passwordOmitted: boolean;
}

/**
 * Makes a record of the source fit for sending; everything that looks at users does it first. Its roles and organizations
 * are no part of that: calls bring them, after the jobs.
 */
export function prepareUser(record: User, unsupported: UnsupportedPasswordHash): PreparedUser {
  const user = withoutMemberships(normalizeUser(record));
  if (unsupported === "fail") return { user, passwordOmitted: false };
  const { user: kept, omitted } = omitUnsupportedHash(user);
  return { user: kept, passwordOmitted: omitted };
}

/** Asked of every record of a million, most of which have none. */
function withoutMemberships(user: User): User {
  if (user.roles === undefined && user.organizations === undefined) return user;
  const { roles: _, organizations: __, ...others } = user;
  return others;
}

/** What keeps a record from being sent, all of it. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly path?: string;
}

/**
 * Why a record can't be sent, with every rule that it breaks; `undefined` for one that can.
 *
 * @param user as `prepareUser` returns it
 * @param record as the source has it
 */
export function refusalOf(user: User, record: User): Refusal | undefined {
  return refusalBy(problemsOf(user, record));
}

/** The same, of all problems of a record. */
export function refusalBy(problems: readonly RecordProblem[]): Refusal | undefined {
  const errors = problems.filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (first === undefined) return undefined;
  const message = errors.map(({ path, message }) => (path === "" ? message : `${path} ${message}`)).join("; ");
  return { code: first.code, message, ...(first.path === "" ? {} : { path: first.path }) };
}
