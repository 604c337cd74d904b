// Laravel: the table users, with the hashes of its drivers bcrypt, argon and argon2id.
import { type Auth0User, bcryptOrArgon2, happened, type Row, text, unsupported, username } from "./shared";

/** A row of users. */
export type LaravelRow = Row<"id" | "name" | "username" | "email" | "email_verified_at" | "password">;

/** @returns an Auth0 user of a row */
export function toUser(row: LaravelRow): Auth0User {
  const hash = text(row.password);
  return {
    user_id: text(row.id),
    email: text(row.email),
    email_verified: happened(row.email_verified_at),
    username: username(row.username),
    name: text(row.name),
    custom_password_hash: hash === undefined ? undefined : (bcryptOrArgon2(hash) ?? unsupported("unknown-form")),
  };
}

export default toUser;
