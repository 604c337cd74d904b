// Any table with a column of bcrypt or argon2 hashes, whatever wrote it. Its other columns are Auth0's attributes.
import { type Auth0User, bcryptOrArgon2, type Cell, text, unsupported } from "./shared";

/** A row. The query gives the columns these names, and to all others those of Auth0's attributes. */
export interface BcryptRow extends Auth0User {
  readonly id?: Cell;
  /** The hash. Empty where the user has no password. */
  readonly password?: Cell;
}

/** @returns an Auth0 user of a row */
export function toUser({ id, password, ...attributes }: BcryptRow): Auth0User {
  const hash = text(password);
  return {
    user_id: text(id),
    ...attributes,
    custom_password_hash: hash === undefined ? undefined : (bcryptOrArgon2(hash) ?? unsupported("unknown-form")),
  };
}

export default toUser;
