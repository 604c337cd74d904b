// Clerk: the CSV that its Dashboard exports, with the hashes of passwords and the secrets of one-time passwords.
import {
  type Auth0User,
  bcryptOrArgon2,
  digest,
  type PasswordHash,
  pbkdf2,
  type Row,
  scrypt,
  text,
  unsupported,
  username,
} from "./shared";

/** A row of the CSV. */
export type ClerkRow = Row<
  | "id"
  | "first_name"
  | "last_name"
  | "username"
  | "primary_email_address"
  | "primary_phone_number"
  | "verified_email_addresses"
  | "verified_phone_numbers"
  | "totp_secret"
  | "password_digest"
  | "password_hasher"
>;

/** @returns an Auth0 user; who signs in with another provider only, comes in without a password */
export function toUser(row: ClerkRow): Auth0User {
  const [email, phone, hash] = [row.primary_email_address, row.primary_phone_number, row.password_digest].map(text);
  const secret = text(row.totp_secret);
  return {
    user_id: text(row.id),
    email,
    email_verified: isAmong(email, text(row.verified_email_addresses)),
    phone_number: phone,
    phone_verified: isAmong(phone, text(row.verified_phone_numbers)),
    username: username(row.username),
    given_name: text(row.first_name),
    family_name: text(row.last_name),
    mfa_factors: secret === undefined ? undefined : [{ totp: { secret } }],
    custom_password_hash: hash === undefined ? undefined : hashOf(hash, text(row.password_hasher)),
  };
}

function isAmong(address: string | undefined, verified = ""): boolean | undefined {
  return address === undefined ? undefined : verified.split(/[\s,;|]+/).includes(address);
}

/** Clerk hashes with bcrypt. What was imported into Clerk keeps its hash until the next sign-in, or longer. */
function hashOf(stored: string, hasher: string | undefined): PasswordHash {
  const [method = "", second = "", third = "", fourth = ""] = stored.split("$");
  switch (hasher) {
    case "md5":
    case "sha256":
      return digest(hasher, Buffer.from(stored, "hex"));
    case "pbkdf2_sha256_django":
      return pbkdf2("sha256", second, Buffer.from(third), Buffer.from(fourth, "base64"));
    case "scrypt_werkzeug":
      return scrypt(Buffer.from(third, "hex"), { value: second, encoding: "utf8" }, method.split(":").slice(1));
    case "ldap_ssha":
      return { algorithm: "ldap", hash: { value: stored } };
    case "bcrypt_sha256_django":
      return unsupported("bcrypt-of-sha256");
    case "phpass":
      return unsupported("phpass");
    case "scrypt_firebase":
      return unsupported("firebase-scrypt");
    case "awscognito":
      return unsupported("cognito");
    default:
      return bcryptOrArgon2(stored) ?? unsupported("unknown-form");
  }
}

export default toUser;
