// Flask and FastAPI: the hashes of Werkzeug (`generate_password_hash`) and of passlib, in a table of one's own.
import {
  type Auth0User,
  bcryptOrArgon2,
  type Cell,
  type PasswordHash,
  pbkdf2,
  scrypt,
  text,
  unsupported,
} from "./shared";

/** A row. The query gives the columns these names, and to all others those of Auth0's attributes. */
export interface WerkzeugRow extends Auth0User {
  readonly id?: Cell;
  /** The hash. Empty where the user has no password. */
  readonly password?: Cell;
}

/** @returns an Auth0 user of a row */
export function toUser({ id, password, ...attributes }: WerkzeugRow): Auth0User {
  const hash = text(password);
  return { user_id: text(id), ...attributes, custom_password_hash: hash === undefined ? undefined : hashOf(hash) };
}

function hashOf(hash: string): PasswordHash {
  return hash.startsWith("$") ? passlibHash(hash) : werkzeugHash(hash);
}

/** `METHOD$SALT$HEX`. Werkzeug's salts are texts: what is hashed are their characters. */
function werkzeugHash(stored: string): PasswordHash {
  const [method = "", salt = "", hex = ""] = stored.split("$");
  const [name, ...parameters] = method.split(":");
  const hash = Buffer.from(hex, "hex");
  if (name === "scrypt") return scrypt(hash, { value: salt, encoding: "utf8" }, parameters);
  const [digest = "sha1", iterations = ""] = parameters;
  if (name === "pbkdf2" && iterations !== "") return pbkdf2(digest, iterations, Buffer.from(salt), hash);
  return unsupported(name === "plain" ? "plain-text" : "unknown-form");
}

/** `$pbkdf2-sha256$ROUNDS$SALT$HASH` in a base64 of its own, with `.` for `+`; `$pbkdf2$` is sha1. */
function passlibHash(stored: string): PasswordHash {
  const [, scheme = "", rounds = "", salt = "", hash = ""] = stored.split("$");
  const bytes = (text: string) => Buffer.from(text.replaceAll(".", "+"), "base64");
  const digest = /^pbkdf2(?:-(sha256|sha512))?$/.exec(scheme);
  if (digest !== null) return pbkdf2(digest[1] ?? "sha1", rounds, bytes(salt), bytes(hash));
  // `$scrypt$ln=16,r=8,p=1$…`, where ln is the logarithm.
  const costs = /^ln=(\d+),r=(\d+),p=(\d+)$/.exec(rounds);
  if (scheme === "scrypt" && costs !== null) {
    const parameters = [2 ** Number(costs[1]), costs[2], costs[3]];
    return scrypt(bytes(hash), { value: bytes(salt).toString("base64"), encoding: "base64" }, parameters);
  }
  if (scheme === "bcrypt-sha256") return unsupported("bcrypt-of-sha256");
  if (scheme === "argon2d") return unsupported("argon2d");
  if (/^[156]$/.test(scheme)) return unsupported("crypt");
  return bcryptOrArgon2(stored) ?? unsupported("unknown-form");
}

export default toUser;
