// ASP.NET: the tables of Identity (AspNetUsers), SimpleMembership and Membership (aspnet_Membership).
import { type Auth0User, type Cell, flag, type PasswordHash, pbkdf2, text, unsupported, username } from "./shared";

/** A row of AspNetUsers; or of webpages_Membership or aspnet_Membership, with the columns of their tables of users. */
export interface AspNetRow {
  readonly Id?: Cell;
  readonly UserId?: Cell;
  readonly UserName?: Cell;
  readonly Email?: Cell;
  readonly EmailConfirmed?: Cell;
  readonly PhoneNumber?: Cell;
  readonly PhoneNumberConfirmed?: Cell;
  /** Membership's. */
  readonly IsApproved?: Cell;
  /** Identity's hash. */
  readonly PasswordHash?: Cell;
  /** SimpleMembership's and Membership's hash. */
  readonly Password?: Cell;
  readonly PasswordFormat?: Cell;
  readonly PasswordSalt?: Cell;
}

export interface AspNetSettings {
  /** Of Membership hashes longer than SHA1's: `hashAlgorithmType` of web.config, or `validation` of its machineKey. */
  readonly hashAlgorithm?: "SHA256" | "SHA512" | "HMACSHA256" | "HMACSHA512";
}

/** @returns a transform for Membership with another hash than its default, SHA1 */
export function toUserWith({ hashAlgorithm }: AspNetSettings) {
  return (row: AspNetRow): Auth0User => ({
    user_id: text(row.Id ?? row.UserId),
    email: text(row.Email) ?? (username(row.UserName) === undefined ? text(row.UserName) : undefined),
    email_verified: flag(row.EmailConfirmed),
    username: username(row.UserName),
    phone_number: text(row.PhoneNumber),
    phone_verified: flag(row.PhoneNumberConfirmed),
    blocked: flag(row.IsApproved) === false || undefined,
    custom_password_hash: hashOf(row, hashAlgorithm),
  });
}

function hashOf(row: AspNetRow, algorithm: AspNetSettings["hashAlgorithm"]): PasswordHash | undefined {
  const stored = text(row.PasswordHash) ?? text(row.Password);
  if (stored === undefined) return undefined;
  // A migration from Membership to Identity makes `HASH|FORMAT|SALT`.
  const [hash = "", format = text(row.PasswordFormat), salt = text(row.PasswordSalt)] = stored.split("|");
  return format === undefined ? identityHash(hash) : membershipHash(hash, format, salt ?? "", algorithm);
}

/** Its first byte is the version. Version 3 has all parameters in its header. */
function identityHash(hash: string): PasswordHash {
  const bytes = Buffer.from(hash, "base64");
  if (bytes[0] === 0 && bytes.length === 49) return pbkdf2("sha1", 1000, bytes.subarray(1, 17), bytes.subarray(17));
  const digest = bytes[0] === 1 && bytes.length > 13 ? ["sha1", "sha256", "sha512"][bytes.readUInt32BE(1)] : undefined;
  if (digest === undefined) return unsupported("unknown-form");
  const end = 13 + bytes.readUInt32BE(9);
  return pbkdf2(digest, bytes.readUInt32BE(5), bytes.subarray(13, end), bytes.subarray(end));
}

function membershipHash(value: string, format: string, salt: string, algorithm?: string): PasswordHash {
  if (format !== "1") return unsupported(format === "0" ? "plain-text" : "encrypted");
  const isSha1 = Buffer.from(value, "base64").length === 20;
  // SHA256 and HMACSHA256 look the same.
  if (!isSha1 && algorithm === undefined) return unsupported("membership-of-32-bytes");
  const digest = isSha1 ? "sha1" : algorithm?.endsWith("512") ? "sha512" : "sha256";
  const hash = { value, encoding: "base64" } as const;
  const password = { encoding: "utf16le" } as const;
  if (isSha1 || !algorithm?.startsWith("HMAC")) {
    return { algorithm: digest, hash, salt: { value: salt, encoding: "base64", position: "prefix" }, password };
  }
  // .NET repeats the salt until it is as long as the keys that the algorithm makes by itself.
  const key = Buffer.alloc(digest === "sha512" ? 128 : 64, salt, "base64").toString("base64");
  return { algorithm: "hmac", hash: { ...hash, digest, key: { value: key, encoding: "base64" } }, password };
}

export const toUser = toUserWith({});
export default toUser;
