import { type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { argon2Verify, bcrypt, bcryptVerify } from "hash-wasm";
import { digestOf, hmacOf, pbkdf2Of, plainName } from "./digests";
import type { CustomPasswordHash, Encoded } from "./passwordHash";

const mebibyte = 2 ** 20;

/** bcrypt reads no more of a password; its salt in `custom_password_hash.salt` counts among them. */
const bcryptBytes = 72;

/** Whether bcrypt made the hash of this password. */
export async function verifyBcrypt(hash: string, password: Buffer): Promise<boolean> {
  return bcryptVerify({ password: password.subarray(0, bcryptBytes), hash });
}

/** As Auth0 keeps the passwords that it knows. */
export async function hashByBcrypt(password: string, salt: Buffer, rounds: number): Promise<string> {
  const bytes = Buffer.from(password).subarray(0, bcryptBytes);
  const hash = await bcrypt({ password: bytes, salt, costFactor: rounds, outputType: "encoded" });
  return hash.replace("$2a$", "$2b$");
}

/**
 * Whether the password is the one that the hash was made of. A hash that can't be computed, such as one with parameters
 * that its algorithm doesn't have, fits no password.
 *
 * @param scryptMemory MiB that an scrypt hash may take; 0 for any
 */
export async function verifyCustomHash(
  custom: CustomPasswordHash,
  password: string,
  scryptMemory: number,
): Promise<boolean> {
  // The typed password, in the bytes that the old system hashed.
  const bytes = Buffer.from(password, custom.password?.encoding ?? "utf8");
  try {
    return await verify(custom, bytes, scryptMemory);
  } catch {
    return false;
  }
}

async function verify(custom: CustomPasswordHash, password: Buffer, scryptMemory: number): Promise<boolean> {
  const { algorithm, hash } = custom;
  const value = hash.value ?? "";
  switch (algorithm) {
    case "argon2":
      // Auth0 points to a verifier that has neither argon2d nor versions before 19.
      return /^\$argon2id?\$v=19\$/.test(value) && argon2Verify({ password, hash: value });
    case "bcrypt":
      return verifyBcrypt(value, salted(password, custom));
    case "hmac": {
      const key = decode(hash.key ?? { value: "" });
      return equal(await hmacOf(hash.digest ?? "", key, password), decode(hash));
    }
    case "ldap":
      return verifyLdap(value, password);
    case "pbkdf2":
      return verifyPbkdf2(value, password);
    case "scrypt":
      return equal(await scryptOf(custom, password, scryptMemory), decode(hash));
    default:
      return equal(await digestOf(algorithm, salted(password, custom)), decode(hash));
  }
}

function salted(password: Buffer, { salt }: CustomPasswordHash): Buffer {
  if (!salt) return password;
  const bytes = decode(salt);
  return Buffer.concat(salt.position === "suffix" ? [password, bytes] : [bytes, password]);
}

const ldapDigests: Record<string, string> = {
  MD5: "md5",
  SHA: "sha1",
  SHA1: "sha1",
  SHA224: "sha224",
  SHA256: "sha256",
  SHA384: "sha384",
  SHA512: "sha512",
};

/** RFC 2307: base64 of the digest, and with an `S` of the salt behind it, which stands behind the password too. */
async function verifyLdap(value: string, password: Buffer): Promise<boolean> {
  const [, isSalted, scheme = "", base64 = ""] = /^\{(S?)(MD5|SHA\d*)\}(.+)$/.exec(value) ?? [];
  const digest = ldapDigests[scheme];
  if (digest === undefined) return false;
  const bytes = Buffer.from(base64, "base64");
  const { length } = await digestOf(digest, password);
  const salt = isSalted ? bytes.subarray(length) : Buffer.alloc(0);
  const expected = isSalted ? bytes.subarray(0, length) : bytes;
  return equal(await digestOf(digest, Buffer.concat([password, salt])), expected);
}

/** Both parameters may be left out, and have these values then. */
const pbkdf2Defaults = { iterations: "100000", length: "64" };

async function verifyPbkdf2(value: string, password: Buffer): Promise<boolean> {
  const [, digest = "", parameters = "", salt = "", hash = ""] =
    /^\$pbkdf2-([^$]+)(?:\$([^$]*=[^$]*))?\$([^$]+)\$([^$]+)$/.exec(value) ?? [];
  const { i = pbkdf2Defaults.iterations, l = pbkdf2Defaults.length } = Object.fromEntries(
    parameters.split(",").map((parameter) => parameter.split("=")),
  ) as { i?: string; l?: string };
  const derived = await pbkdf2Of(plainName(digest), password, Buffer.from(salt, "base64"), Number(i), Number(l));
  return equal(derived, Buffer.from(hash, "base64"));
}

function scryptOf(custom: CustomPasswordHash, password: Buffer, memory: number): Promise<Buffer> {
  const { salt, keylen = 0, cost, blockSize, parallelization } = custom;
  const options: ScryptOptions = {
    N: cost ?? 16_384,
    r: blockSize ?? 8,
    p: parallelization ?? 1,
    maxmem: memory === 0 ? Number.MAX_SAFE_INTEGER : memory * mebibyte,
  };
  return new Promise((resolve, reject) => {
    scrypt(password, salt ? decode(salt) : Buffer.alloc(0), keylen, options, (error, derived) => {
      if (error) reject(error);
      else resolve(derived);
    });
  });
}

/** Hex may be in either case, base64 may be url-encoded, padded or not. */
function decode({ value = "", encoding = "utf8" }: Encoded): Buffer {
  return Buffer.from(value, encoding);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
