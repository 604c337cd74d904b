/** A user as the bulk import service takes it. What its attributes may hold is the service's business until `schema/` says more. */
export type User = Record<string, unknown>;

/** The attributes that tell one user from another, in the order in which the first present one is taken. */
export const IDENTIFIERS = ["user_id", "email", "username", "phone_number"] as const;

/** The prefix that Auth0 puts before the `user_id` of every user of a database connection, and that an export carries. */
const DATABASE_PREFIX = "auth0|";

/**
 * What Auth0 keeps of a user by itself: an export or the Dashboard's raw JSON may hold it, and an import refuses it as
 * it does any unknown attribute (Auth0 documentation: user profile structure, schema of the import).
 */
export const READ_ONLY: ReadonlySet<string> = new Set([
  "blocked_for",
  "created_at",
  "guardian_authenticators",
  "identities",
  "last_ip",
  "last_login",
  "last_password_reset",
  "logins_count",
  "multifactor",
  "multifactor_last_modified",
  "passkeys",
  "updated_at",
]);

/**
 * The record as it is sent, so that an export imports as it is. Returns the record itself where nothing is to change.
 *
 * - `user_id` without the `auth0|` that an export carries, since the service adds it again (`auth0|auth0|…`; API facts:
 *   «What a job does to a user»);
 * - without the attributes that only Auth0 sets: see `droppedAttributes`;
 * - without attributes that are `null`: in an export and in a database's rows that means absent, and the schema of the
 *   import has no attribute that may be null.
 */
export function normalizeUser(user: User): User {
  const kept = hasDropped(user)
    ? Object.fromEntries(Object.entries(user).filter(([name, value]) => value !== null && !READ_ONLY.has(name)))
    : user;
  const id = kept.user_id;
  return typeof id === "string" && id.startsWith(DATABASE_PREFIX)
    ? { ...kept, user_id: id.slice(DATABASE_PREFIX.length) }
    : kept;
}

const NONE: readonly string[] = [];

/** The attributes that `normalizeUser` leaves out because only Auth0 can set them; nulls of any other are no loss. */
export function droppedAttributes(user: User): readonly string[] {
  return hasDropped(user) ? Object.keys(user).filter((name) => READ_ONLY.has(name)) : NONE;
}

/** Asked of every record of a million, most of which have nothing to drop: makes no array. */
function hasDropped(user: User): boolean {
  for (const name in user) {
    if (user[name] === null || READ_ONLY.has(name)) return true;
  }
  return false;
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
