import type { RecordError } from "./recordErrors";
import { recordError } from "./recordErrors";

/**
 * What Auth0's documentation says in prose about `password_hash` and `custom_password_hash`.
 * A record that reaches this has passed the schema, so types and enums are right.
 */

type Encoding = "base64" | "hex" | "utf8";

/** Bytes as text; the encoding is utf8 where it isn't said. */
export interface Encoded {
  value?: string;
  encoding?: Encoding;
}

export interface CustomPasswordHash {
  algorithm: string;
  hash: Encoded & { digest?: string; key?: { value: string; encoding?: Encoding } };
  /** In front of the password where it isn't said. */
  salt?: { value: string; encoding?: Encoding; position?: "prefix" | "suffix" };
  /** How the old system turned a password into bytes. */
  password?: { encoding?: "ascii" | "utf8" | "utf16le" | "ucs2" | "latin1" | "binary" };
  keylen?: number;
  cost?: number;
  blockSize?: number;
  parallelization?: number;
}

const path = "custom_password_hash";

const unpaddedBase64 = "[A-Za-z0-9+/]+";
const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
const bcryptHashOf10Rounds = /^\$2[ab]\$10\$[./A-Za-z0-9]{53}$/;
const argon2Hash = new RegExp(
  `^\\$argon2(id|i|d)\\$(v=\\d+\\$)?m=\\d+,t=\\d+,p=\\d+\\$${unpaddedBase64}\\$${unpaddedBase64}$`,
);
const pbkdf2Hash = new RegExp(
  `^\\$pbkdf2-[A-Za-z0-9-]+(\\$(i=\\d+(,l=\\d+)?|l=\\d+))?\\$${unpaddedBase64}\\$${unpaddedBase64}$`,
);
const ldapHash = /^\{(MD5|SMD5|SHA\d*|SSHA\d*)\}[A-Za-z0-9+/]+={0,2}$/;

/** For the algorithms whose hash is one text with everything in it. */
const textHashes: Record<string, { form: RegExp; saltAllowed: boolean }> = {
  argon2: { form: argon2Hash, saltAllowed: false },
  bcrypt: { form: bcryptHash, saltAllowed: true },
  ldap: { form: ldapHash, saltAllowed: false },
  pbkdf2: { form: pbkdf2Hash, saltAllowed: false },
};

export function checkPasswordHash(hash: string): RecordError[] {
  if (bcryptHashOf10Rounds.test(hash)) return [];
  return [recordError("PATTERN", "password_hash", "String does not match pattern: bcrypt $2a$ or $2b$ with 10 rounds")];
}

export function checkCustomPasswordHash(custom: CustomPasswordHash): RecordError[] {
  const { hash } = custom;
  const errors: RecordError[] = [];
  const required = (property: string) =>
    errors.push(recordError("OBJECT_REQUIRED", `${path}.${property}`, `Missing required property: ${property}`));

  if (hash.value === undefined) required("hash.value");

  const textHash = textHashes[custom.algorithm];
  if (textHash) {
    if (hash.encoding !== undefined && hash.encoding !== "utf8") {
      errors.push(recordError("ENUM_MISMATCH", `${path}.hash.encoding`, `No enum match for: ${hash.encoding}`));
    }
    if (hash.value !== undefined && !textHash.form.test(hash.value)) {
      errors.push(recordError("PATTERN", `${path}.hash.value`, `String does not match pattern: ${custom.algorithm}`));
    }
    if (custom.salt && !textHash.saltAllowed) {
      errors.push(recordError("NOT_PASSED", `${path}.salt`, `A salt is not allowed with ${custom.algorithm}`));
    }
  } else {
    if (hash.encoding === undefined) {
      required("hash.encoding");
    } else if (hash.encoding === "utf8") {
      errors.push(recordError("ENUM_MISMATCH", `${path}.hash.encoding`, "No enum match for: utf8"));
    } else if (hash.value !== undefined) {
      errors.push(...checkEncoded(hash.value, hash.encoding, `${path}.hash.value`));
    }
  }

  if (custom.algorithm === "hmac") {
    if (hash.digest === undefined) required("hash.digest");
    if (hash.key === undefined) required("hash.key");
    else errors.push(...checkEncoded(hash.key.value, hash.key.encoding, `${path}.hash.key.value`));
  }
  if (custom.algorithm === "scrypt") {
    if (custom.keylen === undefined) required("keylen");
    errors.push(...checkScryptParameters(custom));
  }
  if (custom.salt) errors.push(...checkEncoded(custom.salt.value, custom.salt.encoding, `${path}.salt.value`));
  return errors;
}

function checkScryptParameters(custom: CustomPasswordHash): RecordError[] {
  const errors: RecordError[] = [];
  for (const parameter of ["keylen", "blockSize", "parallelization"] as const) {
    const value = custom[parameter];
    if (value !== undefined && value < 1) {
      errors.push(recordError("MINIMUM", `${path}.${parameter}`, `Value ${value} is less than minimum 1`));
    }
  }
  const { cost } = custom;
  if (cost !== undefined && cost < 2) {
    errors.push(recordError("MINIMUM", `${path}.cost`, `Value ${cost} is less than minimum 2`));
  } else if (cost !== undefined && 2 ** Math.round(Math.log2(cost)) !== cost) {
    errors.push(recordError("NOT_PASSED", `${path}.cost`, `Value ${cost} is not a power of two`));
  }
  return errors;
}

/** Hex may be in either case, base64 may be url-encoded, padded or not. */
function checkEncoded(value: string, encoding: Encoding | undefined, at: string): RecordError[] {
  const fits =
    encoding === "hex"
      ? /^([0-9A-Fa-f]{2})+$/.test(value)
      : encoding === "base64"
        ? /^[A-Za-z0-9+/_-]+={0,2}$/.test(value)
        : true;
  return fits ? [] : [recordError("PATTERN", at, `String does not match pattern: ${encoding}`)];
}
