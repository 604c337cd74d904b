// What several recipes need. A recipe loads this file and nothing else.

/** A user as an import takes it, as far as recipes make one. What is `undefined` is left out. */
export interface Auth0User {
  /** The id in the old system, so that what others know of this user still leads to them: `auth0|ID` in Auth0. */
  user_id?: string | undefined;
  email?: string | undefined;
  email_verified?: boolean | undefined;
  username?: string | undefined;
  phone_number?: string | undefined;
  phone_verified?: boolean | undefined;
  name?: string | undefined;
  given_name?: string | undefined;
  family_name?: string | undefined;
  nickname?: string | undefined;
  picture?: string | undefined;
  blocked?: true | undefined;
  user_metadata?: Readonly<Record<string, unknown>> | undefined;
  app_metadata?: Readonly<Record<string, unknown>> | undefined;
  custom_password_hash?: PasswordHash | undefined;
  mfa_factors?: readonly { readonly totp: { readonly secret: string } }[] | undefined;
}

/** Auth0's `custom_password_hash`. */
export interface PasswordHash {
  readonly algorithm: string;
  readonly hash?: {
    readonly value: string;
    readonly encoding?: "base64" | "hex";
    readonly digest?: string;
    readonly key?: { readonly value: string; readonly encoding: "base64" | "utf8" };
  };
  readonly salt?: Salt;
  readonly password?: { readonly encoding: "utf16le" };
  readonly keylen?: number;
  readonly cost?: number;
  readonly blockSize?: number;
  readonly parallelization?: number;
}

export interface Salt {
  readonly value: string;
  readonly encoding: "base64" | "hex" | "utf8";
  readonly position?: "prefix" | "suffix";
}

/** What a column of a table may hold, read from JSON or, as texts, from CSV. */
export type Cell = string | number | boolean | null | undefined;

/** A row of a table. */
export type Row<Column extends string> = { readonly [column in Column]?: Cell };

/** `undefined` where there is nothing: no column, an empty cell, NULL. */
export function text(cell: Cell): string | undefined {
  return cell === undefined || cell === null || cell === "" ? undefined : String(cell);
}

/** Its name is what is told of the record: the word itself may be personal. */
class NotABoolean extends Error {}

/** A boolean as databases write it; `undefined` where there is nothing. */
export function flag(cell: Cell): boolean | undefined {
  const word = text(cell)?.toLowerCase();
  if (word === undefined) return undefined;
  if (["true", "t", "1", "yes", "y"].includes(word)) return true;
  if (["false", "f", "0", "no", "n"].includes(word)) return false;
  throw new NotABoolean();
}

/** Whether a column for the time of something has one: somebody verified an address then. */
export function happened(cell: Cell): boolean {
  return text(cell) !== undefined;
}

/** An object, or the JSON of one in a cell; `undefined` where there is nothing in it. */
export function object(cell: unknown): Record<string, unknown> | undefined {
  const value = typeof cell === "string" && cell !== "" ? JSON.parse(cell) : cell;
  return typeof value === "object" && value !== null && Object.keys(value).length > 0 ? value : undefined;
}

/** An object of those that there are; `undefined` where there is none. */
export function present(values: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  return object(Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)));
}

/** A user name, unless it is an e-mail address, which Auth0 takes for no user name. */
export function username(cell: Cell): string | undefined {
  const name = text(cell);
  return name?.includes("@") ? undefined : name;
}

/**
 * A hash of bcrypt or argon2 in its usual form. bcrypt goes into `custom_password_hash` with 10 rounds, too, since a
 * `password_hash` that was imported can't be imported anew when the person has changed the password meanwhile.
 */
export function bcryptOrArgon2(hash: string): PasswordHash | undefined {
  if (/^\$2[aby]\$/.test(hash)) return { algorithm: "bcrypt", hash: { value: hash } };
  if (/^\$argon2(id|i)\$/.test(hash)) return { algorithm: "argon2", hash: { value: hash } };
  return undefined;
}

/** `length` is that of the hash: Auth0 computes so many bytes and compares. */
export function pbkdf2(digest: string, iterations: Cell, salt: Buffer, hash: Buffer): PasswordHash {
  const value = `$pbkdf2-${digest}$i=${iterations},l=${hash.length}$${phc(salt)}$${phc(hash)}`;
  return { algorithm: "pbkdf2", hash: { value } };
}

/** `costs` are N, r and p. */
export function scrypt(hash: Buffer, salt: Salt, costs: readonly (string | number | undefined)[]): PasswordHash {
  const [cost = Number.NaN, blockSize = Number.NaN, parallelization = Number.NaN] = costs.map(Number);
  const value = hash.toString("base64");
  return {
    algorithm: "scrypt",
    hash: { value, encoding: "base64" },
    salt,
    keylen: hash.length,
    cost,
    blockSize,
    parallelization,
  };
}

/** One round of md5, sha1, sha256 or sha512 over password and salt. */
export function digest(algorithm: string, hash: Buffer, salt?: Salt): PasswordHash {
  const value = hash.toString("base64");
  return { algorithm, hash: { value, encoding: "base64" }, ...(salt?.value && { salt }) };
}

/** Base64 as the PHC string format has it: without padding. */
export function phc(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

/**
 * Stands for a password that can't come along: Auth0 has no such algorithm. With `unsupportedPasswordHash: "omit"` the
 * user comes in without a password, and is listed under `passwordResetRequired`.
 */
export function unsupported(what: Unsupported): PasswordHash {
  return { algorithm: what };
}

/** What Auth0 can't verify, or what nobody gives away. */
export type Unsupported =
  | "argon2d"
  | "bcrypt-of-sha256"
  | "cognito"
  | "crypt"
  | "encrypted"
  | "entra"
  | "firebase-scrypt"
  | "iterated-digest"
  | "membership-of-32-bytes"
  | "okta"
  | "phpass"
  | "plain-text"
  | "unknown-form"
  | "wordpress-bcrypt";
