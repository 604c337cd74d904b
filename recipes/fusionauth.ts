// FusionAuth: its database's identities and users. Its API gives no hashes.
import {
  type Auth0User,
  bcryptOrArgon2,
  digest,
  flag,
  type PasswordHash,
  pbkdf2,
  type Row,
  text,
  unsupported,
  username,
} from "./shared";

/** A row of the query on the page. */
export type FusionAuthRow = Row<
  | "id"
  | "email"
  | "username"
  | "verified"
  | "active"
  | "first_name"
  | "last_name"
  | "full_name"
  | "image_url"
  | "password"
  | "salt"
  | "factor"
  | "encryption_scheme"
>;

/** @returns an Auth0 user of a row */
export function toUser(row: FusionAuthRow): Auth0User {
  return {
    user_id: text(row.id),
    email: text(row.email),
    email_verified: flag(row.verified),
    username: username(row.username),
    name: text(row.full_name),
    given_name: text(row.first_name),
    family_name: text(row.last_name),
    picture: text(row.image_url),
    blocked: flag(row.active) === false || undefined,
    custom_password_hash: hashOf(row),
  };
}

function hashOf(row: FusionAuthRow): PasswordHash | undefined {
  const [value, salt = "", factor = ""] = [text(row.password), text(row.salt), text(row.factor)];
  if (value === undefined) return undefined;
  const scheme = text(row.encryption_scheme) ?? "";
  const bytes = Buffer.from(value, "base64");
  const derived = /^salted-pbkdf2-hmac-(sha256|sha512)(-512)?$/.exec(scheme)?.[1];
  if (derived !== undefined) return pbkdf2(derived, factor, Buffer.from(salt, "base64"), bytes);
  if (scheme === "bcrypt") return bcryptOrArgon2(`$2a$${factor.padStart(2, "0")}$${salt}${value}`) as PasswordHash;
  if (scheme === "salted-hmac-sha256") {
    const key = { value: salt, encoding: "base64" } as const;
    return { algorithm: "hmac", hash: { value, encoding: "base64", digest: "sha256", key } };
  }
  const plain = /^salted-(md5|sha256)$/.exec(scheme)?.[1];
  if (plain !== undefined && factor === "1")
    return digest(plain, bytes, { value: salt, encoding: "base64", position: "suffix" });
  if (plain !== undefined) return unsupported("iterated-digest");
  return unsupported(scheme.startsWith("ph") ? "phpass" : "unknown-form");
}

export default toUser;
