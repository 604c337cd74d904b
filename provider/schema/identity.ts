/** A user as the bulk import service takes it. What its attributes may hold is the service's business until `schema/` says more. */
export type User = Record<string, unknown>;

/** The attributes that tell one user from another, in the order in which the first present one is taken. */
export const IDENTIFIERS = ["user_id", "email", "username", "phone_number"] as const;

/** The prefix that Auth0 puts before the `user_id` of every user of a database connection, and that an export carries. */
const DATABASE_PREFIX = "auth0|";

/**
 * The record as it is sent: without the `auth0|` that an export's `user_id` carries, since the service adds it again
 * (`auth0|auth0|…`; API facts: «What a job does to a user»). Returns the record itself where nothing is to change.
 */
export function normalizeUser(user: User): User {
  const id = user.user_id;
  return typeof id === "string" && id.startsWith(DATABASE_PREFIX)
    ? { ...user, user_id: id.slice(DATABASE_PREFIX.length) }
    : user;
}

/** What Auth0 keeps in lower case, and takes as the same in any case. A `user_id` is not among them. */
const CASELESS: ReadonlySet<string> = new Set(["email", "username"]);

/** The attribute that a user is identified by: the first identifier that the record has. */
export function identifierOf(user: User): (typeof IDENTIFIERS)[number] | undefined {
  return IDENTIFIERS.find((attribute) => typeof user[attribute] === "string" && user[attribute] !== "");
}

/**
 * What tells this user from all others: `"email:jane@example.com"`. `undefined` where the record has no identifier at
 * all; the service refuses such a record.
 */
export function identityOf(user: User): string | undefined {
  const attribute = identifierOf(user);
  if (attribute === undefined) return undefined;
  const value = user[attribute] as string;
  return `${attribute}:${CASELESS.has(attribute) ? value.toLowerCase() : value}`;
}
