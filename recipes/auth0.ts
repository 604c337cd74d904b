// Auth0 itself: an export of users, and beside it the export of their hashes that Auth0's support makes. With `merge`.
import { type Auth0User, bcryptOrArgon2, unsupported } from "./shared";

/** A user of an export; it imports as it is. */
export interface Auth0Export {
  readonly user_id?: string;
}

/** A line of the support's file. */
export interface Auth0Hash {
  readonly _id: { readonly $oid: string };
  /** The id, where it is none of Auth0's own making. */
  readonly alt_id?: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly identifiers?: readonly { readonly type: string; readonly value: string; readonly verified?: boolean }[];
  readonly passwordHash?: string;
}

/**
 * @returns an Auth0 user; nothing of a user of another kind of connection, such as `google-oauth2|…`: an export without
 *   a connection has these, too, and no database can hold them
 */
export function toUser(record: Auth0Export | Auth0Hash): Auth0User | Auth0Export | undefined {
  if (!("_id" in record)) return /^(?!auth0\|)[^|]+\|/.test(record.user_id ?? "") ? undefined : record;
  const { _id, alt_id, email, email_verified, identifiers = [], passwordHash } = record;
  const identifier = identifiers.find(({ type }) => type === "email");
  return {
    user_id: alt_id ?? _id.$oid,
    email: email ?? identifier?.value,
    email_verified: email_verified ?? identifier?.verified,
    custom_password_hash:
      passwordHash === undefined ? undefined : (bcryptOrArgon2(passwordHash) ?? unsupported("unknown-form")),
  };
}

export default toUser;
