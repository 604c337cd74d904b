// An LDAP directory: the entries of an LDIF file, made into NDJSON as the page shows.
import { type Auth0User, bcryptOrArgon2, type PasswordHash, pbkdf2, unsupported, username } from "./shared";

/** An entry: each attribute with all of its values. */
export type LdifEntry = Readonly<Record<string, readonly string[] | undefined>>;

/** @returns an Auth0 user; nothing of entries that are no people, such as groups */
export function toUser(entry: LdifEntry): Auth0User | undefined {
  const first = (name: string) => entry[name]?.[0];
  const { mail, uid, userPassword } = entry;
  if (mail === undefined && (uid === undefined || userPassword === undefined)) return undefined;
  return {
    user_id: first("entryUUID") ?? first("uid"),
    email: first("mail"),
    username: username(first("uid")),
    name: first("displayName") ?? first("cn"),
    given_name: first("givenName"),
    family_name: first("sn"),
    custom_password_hash: userPassword?.[0] === undefined ? undefined : hashOf(userPassword[0]),
  };
}

/** `{SCHEME}…`, RFC 2307 and what OpenLDAP has added to it. */
function hashOf(stored: string): PasswordHash {
  const [, name, hash = ""] = /^\{([\w-]+)\}(.*)$/s.exec(stored) ?? [];
  const scheme = name?.toUpperCase() ?? "CLEARTEXT";
  if (/^(SMD5|MD5|S?SHA(1|224|256|384|512)?)$/.test(scheme)) {
    return { algorithm: "ldap", hash: { value: `{${scheme}}${hash}` } };
  }
  if (scheme === "CLEARTEXT") return unsupported("plain-text");
  const digest = /^PBKDF2(?:-(SHA1|SHA256|SHA512))?$/.exec(scheme);
  if (digest !== null) return pbkdf2Hash(digest[1]?.toLowerCase() ?? "sha1", hash);
  // {CRYPT} is what the server's crypt(3) knows, perhaps bcrypt.
  return bcryptOrArgon2(hash) ?? unsupported(scheme === "CRYPT" ? "crypt" : "unknown-form");
}

/** `ROUNDS$SALT$HASH`, in base64 with `.` for `+`. */
function pbkdf2Hash(digest: string, stored: string): PasswordHash {
  const [rounds = "", ...parts] = stored.split("$");
  const [salt = Buffer.of(), hash = Buffer.of()] = parts.map((part) =>
    Buffer.from(part.replaceAll(".", "+"), "base64"),
  );
  return pbkdf2(digest, rounds, salt, hash);
}

export default toUser;
