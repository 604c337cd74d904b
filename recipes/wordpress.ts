// WordPress: the table wp_users, as `wp user list` or a query has it.
import {
  type Auth0User,
  bcryptOrArgon2,
  digest,
  type PasswordHash,
  type Row,
  text,
  unsupported,
  username,
} from "./shared";

/** A row of wp_users; `first_name` and `last_name` are in wp_usermeta, `roles` are those of `wp user list`. */
export type WordPressRow = Row<
  "ID" | "user_login" | "user_email" | "user_pass" | "display_name" | "first_name" | "last_name" | "roles"
>;

/** @returns an Auth0 user of a row */
export function toUser(row: WordPressRow): Auth0User {
  const roles = text(row.roles)?.split(",");
  return {
    user_id: text(row.ID),
    email: text(row.user_email),
    username: username(row.user_login),
    name: text(row.display_name),
    given_name: text(row.first_name),
    family_name: text(row.last_name),
    app_metadata: roles && { roles },
    custom_password_hash: hashOf(text(row.user_pass)),
  };
}

function hashOf(hash: string | undefined): PasswordHash | undefined {
  if (hash === undefined) return undefined;
  if (/^\$[PH]\$/.test(hash)) return unsupported("phpass");
  // Since 6.8: bcrypt of an HMAC of the password. Without the prefix, nothing shows what it is.
  if (hash.startsWith("$wp$")) return unsupported("wordpress-bcrypt");
  // Before 2.5, or set by hand.
  if (/^[0-9a-f]{32}$/i.test(hash)) return digest("md5", Buffer.from(hash, "hex"));
  return bcryptOrArgon2(hash) ?? unsupported("unknown-form");
}

export default toUser;
