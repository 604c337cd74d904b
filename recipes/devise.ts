// Ruby on Rails with Devise: the table users. A pepper, if there is one, is in config/initializers/devise.rb.
import {
  type Auth0User,
  bcryptOrArgon2,
  happened,
  type PasswordHash,
  type Row,
  text,
  unsupported,
  username,
} from "./shared";

/** A row of users. `confirmed_at` is of Devise's module confirmable. */
export type DeviseRow = Row<
  "id" | "email" | "username" | "name" | "first_name" | "last_name" | "encrypted_password" | "confirmed_at"
>;

export interface DeviseSettings {
  /** `config.pepper`. Read it from the environment, so that it stands in no file. */
  readonly pepper: string | undefined;
}

/**
 * @returns a transform for users whose passwords have a pepper
 * @throws Error when it is empty: all hashes would look changed, and fit no password
 */
export function toUserWith({ pepper }: DeviseSettings): (row: DeviseRow) => Auth0User {
  if (!pepper) throw new Error("The pepper is empty: is its environment variable set?");
  return (row) => userOf(row, pepper);
}

function userOf(row: DeviseRow, pepper: string | undefined): Auth0User {
  return {
    user_id: text(row.id),
    email: text(row.email),
    email_verified: happened(row.confirmed_at) || undefined,
    username: username(row.username),
    name: text(row.name),
    given_name: text(row.first_name),
    family_name: text(row.last_name),
    custom_password_hash: hashOf(text(row.encrypted_password), pepper),
  };
}

/** bcrypt of the password with the pepper behind it. Both Devise and Auth0 cut the two together at 72 bytes. */
function hashOf(encrypted: string | undefined, pepper: string | undefined): PasswordHash | undefined {
  if (encrypted === undefined) return undefined;
  const hash = bcryptOrArgon2(encrypted);
  if (hash?.algorithm !== "bcrypt") return hash ?? unsupported("unknown-form");
  return { ...hash, ...(pepper && { salt: { value: pepper, encoding: "utf8", position: "suffix" } }) };
}

/** @returns an Auth0 user of a row, whose password has no pepper */
export function toUser(row: DeviseRow): Auth0User {
  return userOf(row, undefined);
}

export default toUser;
