// Django: `manage.py dumpdata auth.user`, or the table auth_user; a user model of one's own, too.
import {
  type Auth0User,
  bcryptOrArgon2,
  digest,
  flag,
  type PasswordHash,
  pbkdf2,
  present,
  type Row,
  scrypt,
  text,
  unsupported,
  username,
} from "./shared";

/** A row of auth_user. */
export type DjangoRow = Row<
  "id" | "password" | "username" | "email" | "first_name" | "last_name" | "is_active" | "is_staff" | "is_superuser"
>;

/** What `dumpdata` writes. */
export interface DjangoObject {
  readonly model: string;
  readonly pk: string | number;
  readonly fields: DjangoRow;
}

/** @returns an Auth0 user; nothing of other models' objects in a dump */
export function toUser(record: DjangoRow | DjangoObject): Auth0User | undefined {
  const row = "fields" in record ? { id: record.pk, ...record.fields } : record;
  if (row.password === undefined) return undefined;
  return {
    user_id: text(row.id),
    email: text(row.email) ?? (username(row.username) === undefined ? text(row.username) : undefined),
    username: username(row.username),
    given_name: text(row.first_name),
    family_name: text(row.last_name),
    blocked: flag(row.is_active) === false || undefined,
    app_metadata: present({
      is_staff: flag(row.is_staff) || undefined,
      is_superuser: flag(row.is_superuser) || undefined,
    }),
    custom_password_hash: hashOf(text(row.password)),
  };
}

/** `ALGORITHM$…`. Django's salts are texts: what is hashed are their characters. */
function hashOf(password: string | undefined): PasswordHash | undefined {
  // An unusable password: this user has none.
  if (password === undefined || password.startsWith("!")) return undefined;
  const [algorithm = "", first = "", salt = "", ...rest] = password.split("$");
  const crypt = password.slice(algorithm.length + 1);
  switch (algorithm) {
    case "pbkdf2_sha256":
    case "pbkdf2_sha1":
      return pbkdf2(algorithm.slice(7), first, Buffer.from(salt), Buffer.from(rest[0] ?? "", "base64"));
    case "argon2":
      return bcryptOrArgon2(`$${crypt}`) ?? unsupported("argon2d");
    case "bcrypt":
      return bcryptOrArgon2(crypt) ?? unsupported("unknown-form");
    case "bcrypt_sha256":
      return unsupported("bcrypt-of-sha256");
    case "scrypt":
      return scrypt(Buffer.from(rest[2] ?? "", "base64"), { value: salt, encoding: "utf8" }, [first, rest[0], rest[1]]);
    case "md5":
    case "sha1":
      return digest(algorithm, Buffer.from(salt, "hex"), { value: first, encoding: "utf8", position: "prefix" });
    default:
      // Very old ones have no salt.
      if (/^[0-9a-f]{32}$/.test(password)) return digest("md5", Buffer.from(password, "hex"));
      return unsupported(algorithm === "crypt" ? "crypt" : "unknown-form");
  }
}

export default toUser;
