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

/** What an import takes (Auth0's JSON Schema of a user). */
export const SENDABLE: ReadonlySet<string> = new Set([
  ...["email", "email_verified", "phone_number", "phone_verified", "user_id", "username", "blocked"],
  ...["name", "given_name", "family_name", "nickname", "picture"],
  ...["password_hash", "custom_password_hash", "app_metadata", "user_metadata", "mfa_factors"],
]);

/** What an export may call a part of `identities` where it was told to: so does the example of Auth0's documentation. */
const RENAMED: ReadonlySet<string> = new Set(["provider", "connection"]);

/**
 * The record as it is sent, so that an export imports as it is. Returns the record itself where nothing is to change.
 *
 * - `user_id` without the `auth0|` that an export carries, since the service adds it again (`auth0|auth0|…`; API facts:
 *   «What a job does to a user»);
 * - without the attributes that only Auth0 sets, and parts of them such as `identities[0].connection`: see
 *   `droppedAttributes`;
 * - without attributes that are `null`: in an export and in a database's rows that means absent, and the schema of the
 *   import has no attribute that may be null;
 * - without attributes that are an empty text, and hashes with an empty value: see `emptyAttributes`.
 */
export function normalizeUser(user: User): User {
  const kept = hasDropped(user)
    ? Object.fromEntries(Object.entries(user).filter(([name, value]) => !isDropped(user, name, value)))
    : user;
  const id = kept.user_id;
  return typeof id === "string" && id.startsWith(DATABASE_PREFIX)
    ? { ...kept, user_id: id.slice(DATABASE_PREFIX.length) }
    : kept;
}

const NONE: readonly string[] = [];

/**
 * The attributes that `normalizeUser` leaves out because only Auth0 can set them, each once whatever parts of it there
 * are; nulls of any other are no loss.
 */
export function droppedAttributes(user: User): readonly string[] {
  if (!hasDropped(user)) return NONE;
  const names = Object.keys(user).filter((name) => isReadOnly(user, name));
  return names.length < 2 ? names.map(rootOf) : [...new Set(names.map(rootOf))];
}

/**
 * The attributes that `normalizeUser` leaves out because they are an empty text. Auth0 wants none (its Management API
 * asks for a character or more, and no hash is empty), and a table has one where it has nothing.
 */
export function emptyAttributes(user: User): readonly string[] {
  return hasDropped(user) ? Object.keys(user).filter((name) => isEmpty(name, user[name])) : NONE;
}

/** Asked of every record of a million, most of which have nothing to drop: makes no array. */
function hasDropped(user: User): boolean {
  for (const name in user) {
    const value = user[name];
    if ((value === null || value === "" || !SENDABLE.has(name)) && isDropped(user, name, value)) return true;
  }
  return isEmptyHash(user.custom_password_hash);
}

function isDropped(user: User, name: string, value: unknown): boolean {
  return isAbsent(name, value) || isReadOnly(user, name);
}

/** Whether an attribute of this value counts as one that is not there. */
export function isAbsent(name: string, value: unknown): boolean {
  return value === null || isEmpty(name, value);
}

function isEmpty(name: string, value: unknown): boolean {
  if (value === "") return SENDABLE.has(name);
  return name === "custom_password_hash" && isEmptyHash(value);
}

function isEmptyHash(value: unknown): boolean {
  if (value === undefined) return false;
  const { hash } = Object(value) as { readonly hash?: { readonly value?: unknown } };
  return typeof hash === "object" && hash !== null && (hash.value === "" || hash.value === null);
}

function isReadOnly(user: User, name: string): boolean {
  if (SENDABLE.has(name)) return false;
  return READ_ONLY.has(rootOf(name)) || (RENAMED.has(name) && isExported(user));
}

/** `identities[0].connection` → `identities`. */
function rootOf(path: string): string {
  const end = path.search(/[[.]/);
  return end === -1 ? path : path.slice(0, end);
}

function isExported({ user_id }: User): boolean {
  return typeof user_id === "string" && user_id.startsWith(DATABASE_PREFIX);
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
