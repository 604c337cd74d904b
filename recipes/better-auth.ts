// better-auth: the table user, each row with the password of its row in account. Lucia's hashes are the same.
import {
  type Auth0User,
  bcryptOrArgon2,
  flag,
  type PasswordHash,
  present,
  type Row,
  scrypt,
  text,
  unsupported,
  username,
} from "./shared";

/** A row of the query on the page. Columns of plugins that an application doesn't use are not there. */
export type BetterAuthRow = Row<
  | "id"
  | "name"
  | "email"
  | "emailVerified"
  | "image"
  | "username"
  | "phoneNumber"
  | "phoneNumberVerified"
  | "role"
  | "banned"
  | "password"
>;

/** @returns an Auth0 user; nothing of anybody without a password, who signs in with another provider or a link */
export function toUser(row: BetterAuthRow): Auth0User | undefined {
  const hash = text(row.password);
  if (hash === undefined) return undefined;
  return {
    user_id: text(row.id),
    email: text(row.email),
    email_verified: flag(row.emailVerified),
    username: username(row.username),
    phone_number: text(row.phoneNumber),
    phone_verified: flag(row.phoneNumberVerified),
    name: text(row.name),
    picture: text(row.image),
    blocked: flag(row.banned) || undefined,
    app_metadata: present({ role: text(row.role) }),
    custom_password_hash: hashOf(hash),
  };
}

/** `SALT:HASH` in hex, Lucia's with `s2:` before it. The salt is a text: what is hashed are its hex digits. */
function hashOf(stored: string): PasswordHash {
  const [, salt, hash] = /^(?:s2:)?([0-9a-f]+):([0-9a-f]{128})$/.exec(stored) ?? [];
  if (salt === undefined || hash === undefined) return bcryptOrArgon2(stored) ?? unsupported("unknown-form");
  return scrypt(Buffer.from(hash, "hex"), { value: salt, encoding: "utf8" }, [16_384, 16, 1]);
}

export default toUser;
