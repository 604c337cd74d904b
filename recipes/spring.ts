// Spring Security: the table users, whose passwords say in braces what they are.
import {
  type Auth0User,
  bcryptOrArgon2,
  digest,
  flag,
  type PasswordHash,
  pbkdf2,
  type Row,
  scrypt,
  text,
  unsupported,
  username,
} from "./shared";

/** A row of users: `username`, `password` and `enabled` are Spring's own, the others may be there. */
export type SpringRow = Row<"id" | "username" | "password" | "enabled" | "email" | "name" | "first_name" | "last_name">;

/** @returns an Auth0 user of a row */
export function toUser(row: SpringRow): Auth0User {
  const hash = text(row.password);
  return {
    user_id: text(row.id),
    email: text(row.email) ?? (username(row.username) === undefined ? text(row.username) : undefined),
    username: username(row.username),
    name: text(row.name),
    given_name: text(row.first_name),
    family_name: text(row.last_name),
    blocked: flag(row.enabled) === false || undefined,
    custom_password_hash: hash === undefined ? undefined : hashOf(hash),
  };
}

function hashOf(stored: string): PasswordHash {
  const [, id, hash = ""] = /^\{([\w@.-]+)\}(.*)$/s.exec(stored) ?? [undefined, "bcrypt", stored];
  switch (id) {
    case "ldap":
      return { algorithm: "ldap", hash: { value: hash } };
    case "MD5":
    case "SHA-1":
    case "SHA-256":
      return saltedDigest(id.toLowerCase().replace("-", ""), hash);
    case "pbkdf2":
      return pbkdf2Hash("sha1", 185_000, 8, hash);
    case "pbkdf2@SpringSecurity_v5_8":
      return pbkdf2Hash("sha256", 310_000, 16, hash);
    case "scrypt":
    case "scrypt@SpringSecurity_v5_8":
      return scryptHash(hash);
    case "noop":
    case "sha256":
      return unsupported(id === "noop" ? "plain-text" : "iterated-digest");
    default:
      return bcryptOrArgon2(hash) ?? unsupported("unknown-form");
  }
}

/** `{SALT}HEX`: the salt follows the password, with its braces. */
function saltedDigest(algorithm: string, stored: string): PasswordHash {
  const end = stored.indexOf("}") + 1;
  const salt = { value: stored.slice(0, end), encoding: "utf8", position: "suffix" } as const;
  return digest(algorithm, Buffer.from(stored.slice(end), "hex"), salt);
}

/** The defaults of Spring, hex, without a secret: salt and hash, one after the other. */
function pbkdf2Hash(algorithm: string, iterations: number, saltLength: number, hex: string): PasswordHash {
  const bytes = Buffer.from(hex, "hex");
  return pbkdf2(algorithm, iterations, bytes.subarray(0, saltLength), bytes.subarray(saltLength));
}

/** `$e0801$SALT$HASH`: the logarithm of N, r and p in hex, two digits for each of the last two. */
function scryptHash(stored: string): PasswordHash {
  const [, parameters = "", salt = "", hash = ""] = stored.split("$");
  const packed = Number.parseInt(parameters, 16);
  const costs = [2 ** (packed >> 16), (packed >> 8) & 0xff, packed & 0xff];
  return scrypt(Buffer.from(hash, "base64"), { value: salt, encoding: "base64" }, costs);
}

export default toUser;
