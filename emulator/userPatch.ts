import { z } from "zod";
import { ApiError } from "./apiError";
import type { Connection, ConnectionOptions } from "./connections";
import { identifierRules } from "./connections";
import { isTooWeak, withPassword } from "./passwords";
import { defaultsFor } from "./profile";
import { isTooLarge } from "./profileSize";
import type { Tenant } from "./tenant";
import { emailFormat, phoneNumber } from "./userFields";
import type { Attributes, User } from "./userStore";

const text = (max: number) => z.string().min(1).max(max);
const removable = ["family_name", "given_name", "name", "nickname", "picture"] as const;

/** The body of `PATCH /api/v2/users/{id}`. It takes no hash of any kind. */
export const userPatch = z.strictObject({
  app_metadata: z.looseObject({}).optional(),
  user_metadata: z.looseObject({}).optional(),
  blocked: z.boolean().optional(),
  email: emailFormat.optional(),
  email_verified: z.boolean().optional(),
  family_name: text(150).nullable().optional(),
  given_name: text(150).nullable().optional(),
  name: text(300).nullable().optional(),
  nickname: text(300).nullable().optional(),
  picture: z.url().nullable().optional(),
  username: text(128).optional(),
  phone_number: phoneNumber.optional(),
  phone_verified: z.boolean().optional(),
  password: z.string().min(1).optional(),
  connection: z.string().optional(),
  client_id: z.string().optional(),
  verify_email: z.boolean().optional(),
  verify_phone_number: z.boolean().optional(),
});

export type UserPatch = z.output<typeof userPatch>;

/** What concerns one identity: with `connection` it may be a secondary one's. */
const ofIdentity = ["email", "email_verified", "phone_number", "phone_verified", "username", "password"] as const;

/**
 * Changes the user, or another with the same id where `connection` names that one's, or a secondary identity.
 *
 * @returns the user as it is then
 * @throws ApiError 400 or 409; then nothing is changed
 */
export async function patchUser(first: User, patch: UserPatch, tenant: Tenant): Promise<User> {
  refuseTogether(patch);
  const { user, identity } = whomItMeans(first, patch, tenant);
  const connection = tenant.connections.get(identity.connectionId);
  if (!connection) throw badRequest("Connection does not exist.");
  const changed = new Set(Object.keys(patch));
  refuseForConnection(changed, patch, connection, tenant);
  const hashed = await withPassword(patch.password, tenant.settings, tenant.clock.now());

  // As they are by now: the hash took its time.
  const { users, clock, assumptions } = tenant;
  const now = clock.now();
  const current = users.current(identity);
  if (!current) throw new ApiError(404, "The user does not exist.", "inexistent_user");
  const isSecondary = users.isLinked(current);
  const changedIdentity = withIdentifiers(current, patch, hashed, assumptions.importDefaults, now);
  refuseTaken(current, changedIdentity, connection, tenant);
  const profile = isSecondary ? users.getIn(user.connectionId, user.id) : changedIdentity;
  if (!profile) throw new ApiError(404, "The user does not exist.", "inexistent_user");
  const changedProfile = withProfile(profile, patch, assumptions.importDefaults, now);
  if (isTooLarge(changedProfile, assumptions, now)) {
    throw badRequest("The user profile exceeds the maximum size of 10 KB", "invalid_body");
  }
  if (isSecondary) users.put(changedIdentity);
  users.put(changedProfile);
  return changedProfile;
}

/** What Auth0 takes one after the other only. */
const apart = [
  ["password", "email"],
  ["password", "email_verified"],
  ["username", "email"],
  ["username", "email_verified"],
  ["username", "password"],
] as const;

function refuseTogether(patch: UserPatch): void {
  for (const [one, other] of apart) {
    if (patch[one] === undefined || patch[other] === undefined) continue;
    throw badRequest(`Cannot update ${one} and ${other} simultaneously.`);
  }
}

function whomItMeans(first: User, patch: UserPatch, { users, connections }: Tenant): { user: User; identity: User } {
  if (patch.connection === undefined) return { user: first, identity: first };
  const connection = [...connections.values()].find(({ name }) => name === patch.connection);
  if (!connection) throw badRequest("Connection does not exist.");
  const user = users.getIn(connection.id, first.id) ?? first;
  const identity = [user, ...users.secondariesOf(user)].find(({ connectionId }) => connectionId === connection.id);
  if (!identity) throw badRequest("Connection is not supported for this operation.");
  return { user, identity };
}

function refuseForConnection(changed: Set<string>, patch: UserPatch, connection: Connection, tenant: Tenant): void {
  const { strategy, options, enabled_clients, name } = connection;
  const changes = (...attributes: string[]) => attributes.some((attribute) => changed.has(attribute));
  if (strategy !== "auth0") {
    if (changes("email", "password", "username")) throw badRequest("Cannot update email for non-database user.");
    if (changes("email_verified")) throw badRequest("Email verification is not supported for enterprise users.");
    const fixed = removable.filter((attribute) => typeof patch[attribute] === "string");
    if (fixed.length > 0) throw badRequest(`The following user attributes cannot be updated: ${fixed.join(", ")}.`);
  }
  if (changes("email", "password") && enabled_clients.length === 0) {
    throw badRequest("Cannot change email or password for users in a disabled connection.");
  }
  if (patch.password !== undefined && isTooWeak(patch.password, options.passwordPolicy)) {
    throw badRequest("PasswordStrengthError: Password is too weak");
  }
  if (changes("phone_number") && !takesPhoneNumbers(connection)) throw noPhoneNumbers();
  const removed = removable.filter((attribute) => patch[attribute] === null);
  const keepsAttributes = strategy === "auth0" && !isOwnDatabase(options);
  if (removed.length > 0 && keepsAttributes && tenant.assumptions.nullAttributes === "refused") {
    throw badRequest(
      `The following user attributes cannot be removed: ${removed.join(", ")}. The connection (${name}) must either be a ` +
        "custom database connection with import mode disabled, a social or enterprise connection.",
    );
  }
}

function isOwnDatabase({ enabledDatabaseCustomization, import_mode }: ConnectionOptions): boolean {
  return enabledDatabaseCustomization === true && !import_mode;
}

export function takesPhoneNumbers({ strategy, options }: Connection): boolean {
  return strategy === "sms" || options.attributes?.phone_number !== undefined;
}

export function noPhoneNumbers(): ApiError {
  return badRequest("phone_number is not allowed for this connection.", "invalid_body");
}

function withIdentifiers(
  user: User,
  patch: UserPatch,
  hashed: Attributes | undefined,
  keepDefaults: boolean,
  now: number,
): User {
  if (!ofIdentity.some((attribute) => patch[attribute] !== undefined)) return user;
  const { email = user.email, username = user.username, phone_number = user.phoneNumber } = patch;
  const attributes = JSON.parse(user.attributes) as Attributes;
  const isEmailNew = email?.toLowerCase() !== user.email;
  // What was made of the old email stays.
  const before = keepDefaults && isEmailNew ? { ...defaultsFor(user), ...attributes } : attributes;
  if (hashed) {
    delete before.custom_password_hash;
    // As the documentation warns, a password set by the API lifts an administrator's block.
    if (before.blocked) before.blocked = false;
  }
  const { email_verified = isEmailNew ? false : before.email_verified, phone_verified } = patch;
  return {
    ...user,
    email: email?.toLowerCase(),
    username: username?.toLowerCase(),
    phoneNumber: phone_number,
    updatedAt: now,
    attributes: JSON.stringify({
      ...before,
      email_verified,
      ...(phone_verified !== undefined && { phone_verified }),
      ...hashed,
    }),
  };
}

function withProfile(user: User, patch: UserPatch, hasDefaults: boolean, now: number): User {
  const attributes = JSON.parse(user.attributes) as Attributes;
  for (const attribute of removable) {
    const value = patch[attribute];
    // Where absent ones get a default, a removed one is remembered as such.
    if (value === null && !hasDefaults) delete attributes[attribute];
    else if (value !== undefined) attributes[attribute] = value;
  }
  if (patch.blocked !== undefined && patch.password === undefined) attributes.blocked = patch.blocked;
  for (const attribute of ["user_metadata", "app_metadata"] as const) {
    const change = patch[attribute];
    if (!change) continue;
    const merged = mergeMetadata(attributes[attribute] as Attributes | undefined, change);
    // Emptied, the one is shown as empty and the other not at all.
    if (attribute === "app_metadata" && Object.keys(merged).length === 0) delete attributes.app_metadata;
    else attributes[attribute] = merged;
  }
  return { ...user, updatedAt: now, attributes: JSON.stringify(attributes) };
}

/** Merged on the first level only: null removes a key, an empty object all of them. */
function mergeMetadata(current: Attributes | undefined, patch: Attributes): Attributes {
  if (Object.keys(patch).length === 0) return {};
  const merged = Object.entries({ ...current, ...patch }).filter(([, value]) => value !== null);
  return Object.fromEntries(merged);
}

/** @throws ApiError 400 or 409 */
function refuseTaken(user: User, changed: User, { id, options }: Connection, { users, assumptions }: Tenant): void {
  const { email, username, phoneNumber } = changed;
  const isOthers = (holder: User | undefined) => holder !== undefined && holder !== user;
  if (email !== undefined && identifierRules(options).uniqueEmails && isOthers(users.findByEmail(id, email))) {
    const status = assumptions.takenEmail;
    throw new ApiError(status, "The specified new email already exists", "auth0_idp_error");
  }
  if (username !== undefined && isOthers(users.findByUsername(id, username))) {
    throw badRequest("The username provided is in use already.", "auth0_idp_error");
  }
  if (phoneNumber !== undefined && isOthers(users.findByPhoneNumber(id, phoneNumber))) {
    throw badRequest("The specified new phone number already exists", "auth0_idp_error");
  }
}

function badRequest(message: string, errorCode = "invalid_body"): ApiError {
  return new ApiError(400, message, errorCode);
}
