import type { ProblemCode } from "../../provider/schema/rule";
import type { RecordProblem } from "../../provider/schema/validate";

/** The attributes of a record; it gets an `email` and `email_verified` where it does not give its own. */
export type Attributes = Record<string, unknown>;

/** What the service is documented to refuse. */
export interface ErrorCase {
  readonly rule: string;
  /** Just within the rule. */
  readonly edge: readonly Attributes[];
  /** Just beyond it. */
  readonly beyond: readonly Attributes[];
  readonly code: ProblemCode;
  readonly path: string;
}

/** What is only warned of, since nobody knows what the service does, or since it does what nobody wants. */
export interface WarningCase extends ErrorCase {
  /** What the emulator does about it: it has to decide. */
  readonly emulator: "takes" | "refuses";
}

export function record(attributes: Attributes): Attributes {
  return { email: "jane@example.com", email_verified: true, ...attributes };
}

const x = (length: number) => "x".repeat(length);
/** Hexadecimal digits for so many bytes. */
const hex = (bytes: number) => "a1".repeat(bytes);
/** Unpadded base64 for so many bytes. */
const b64 = (bytes: number) => Buffer.alloc(bytes, 0xb7).toString("base64").replace(/=+$/, "");

export const BCRYPT = `$2b$10$${"a".repeat(53)}`;
const ARGON2 = `$argon2id$v=19$m=65536,t=2,p=1$${b64(16)}$${b64(32)}`;
const PBKDF2 = `$pbkdf2-sha512$i=100000,l=64$${b64(8)}$${b64(64)}`;
const SSHA = `{SSHA}${Buffer.alloc(28, 0xb7).toString("base64")}`;

export function hashed(algorithm: unknown, hash: unknown, more: object = {}): Attributes {
  return { custom_password_hash: { algorithm, hash, ...more } };
}

const md5 = { value: hex(16), encoding: "hex" };
const hmac = { value: hex(32), encoding: "hex", digest: "sha256", key: { value: "k" } };
const scryptHash = { value: hex(32), encoding: "hex" };
const scrypt = (parameters: object) => hashed("scrypt", scryptHash, { keylen: 32, ...parameters });
const salted = (salt: unknown) => hashed("md5", md5, { salt });

const HASH = "custom_password_hash";
const VALUE = `${HASH}.hash.value`;

export const ERRORS: readonly ErrorCase[] = [
  // Types, as the JSON Schema has them.
  ...["email", "phone_number", "user_id", "username", "given_name", "family_name", "name", "nickname", "picture"].map(
    (name): ErrorCase => ({
      rule: `${name} is a string`,
      edge: [{ [name]: { email: "a@b.co", phone_number: "+12125550001" }[name] ?? "x" }],
      beyond: [5, null, {}, [], true].map((value) => ({ [name]: value })),
      code: "INVALID_TYPE",
      path: name,
    }),
  ),
  ...["email_verified", "phone_verified", "blocked"].map(
    (name): ErrorCase => ({
      rule: `${name} is a boolean`,
      edge: [{ [name]: true }, { [name]: false }],
      beyond: ["true", 1, null].map((value) => ({ [name]: value })),
      code: "INVALID_TYPE",
      path: name,
    }),
  ),
  ...["app_metadata", "user_metadata", HASH].map(
    (name): ErrorCase => ({
      rule: `${name} is an object`,
      edge: [name === HASH ? hashed("md5", md5) : { [name]: {} }],
      beyond: ["x", null, [], [{}], 5].map((value) => ({ [name]: value })),
      code: "INVALID_TYPE",
      path: name,
    }),
  ),
  {
    rule: "mfa_factors is an array",
    edge: [{ mfa_factors: [{ totp: { secret: "A" } }] }],
    beyond: [{ mfa_factors: { totp: { secret: "A" } } }, { mfa_factors: null }],
    code: "INVALID_TYPE",
    path: "mfa_factors",
  },
  {
    rule: "no other attribute",
    edge: [{}],
    beyond: [{ nick: "J" }],
    code: "NOT_PASSED",
    path: "nick",
  },

  // Identifiers.
  {
    rule: "an identifier",
    edge: [{}],
    beyond: [
      { email: undefined, email_verified: undefined, name: "Jane" },
      { email: undefined, user_id: "1" },
    ],
    code: "ANY_OF_MISSING",
    path: "",
  },
  {
    rule: "email is an address",
    edge: [{ email: "j@x.co" }, { email: "o'brien+news.x@sub-domain.example.museum" }],
    beyond: ["", "nobody", "@example.com", "jane@", "a@b@example.com", " jane@example.com", "jane@example.com\n"].map(
      (email) => ({ email }),
    ),
    code: "FORMAT",
    path: "email",
  },
  {
    rule: "email has 254 characters",
    edge: [{ email: `${x(64)}@${`${x(60)}.`.repeat(3)}${x(6)}` }],
    beyond: [{ email: `${x(64)}@${`${x(60)}.`.repeat(3)}${x(7)}` }],
    code: "MAX_LENGTH",
    path: "email",
  },
  {
    rule: "email has 64 characters before the @",
    edge: [{ email: `${x(64)}@example.com` }],
    beyond: [{ email: `${x(65)}@example.com` }],
    code: "MAX_LENGTH",
    path: "email",
  },
  {
    rule: "phone_number is E.164",
    edge: [{ phone_number: "+12" }, { phone_number: "+123456789012345" }],
    beyond: ["12125550001", "+1234567890123456", "+1 212 555 0001", "+", "", "0012125550001", "+1212555000x"].map(
      (phone_number) => ({ phone_number }),
    ),
    code: "PATTERN",
    path: "phone_number",
  },
  {
    rule: "user_id has no white space",
    edge: [{ user_id: "a|b/ü" }],
    beyond: [{ user_id: "a b" }, { user_id: "a\n" }, { user_id: "\u{a0}a" }],
    code: "PATTERN",
    path: "user_id",
  },
  {
    rule: "user_id has 255 characters",
    edge: [{ user_id: x(255) }],
    beyond: [{ user_id: x(256) }],
    code: "MAX_LENGTH",
    path: "user_id",
  },
  {
    rule: "username has a character",
    edge: [{ username: "x" }],
    beyond: [{ username: "" }],
    code: "MIN_LENGTH",
    path: "username",
  },
  {
    rule: "username has 128 characters",
    edge: [],
    beyond: [{ username: x(129) }],
    code: "MAX_LENGTH",
    path: "username",
  },
  {
    rule: "username has these characters only",
    edge: [{ username: "aZ9_+-.!#$'^`~@" }],
    beyond: [{ username: "jäne" }, { username: "a b" }, { username: "a&b" }, { username: "a\n" }],
    code: "PATTERN",
    path: "username",
  },
  {
    rule: "username is no e-mail address",
    edge: [{ username: "jane@home" }, { username: "@jane.doe" }],
    beyond: [{ username: "j@doe.com" }],
    code: "NOT_PASSED",
    path: "username",
  },

  // Lengths of the profile.
  ...["given_name", "family_name"].map(
    (name): ErrorCase => ({
      rule: `${name} has 150 characters`,
      edge: [{ [name]: x(150) }, { [name]: "" }],
      beyond: [{ [name]: x(151) }],
      code: "MAX_LENGTH",
      path: name,
    }),
  ),
  {
    rule: "name has 300 characters",
    edge: [{ name: x(150) }],
    beyond: [{ name: x(301) }],
    code: "MAX_LENGTH",
    path: "name",
  },
  {
    rule: "nickname has 350 characters",
    edge: [{ nickname: x(300) }],
    beyond: [{ nickname: x(351) }],
    code: "MAX_LENGTH",
    path: "nickname",
  },

  {
    rule: "a character of two UTF-16 units counts as one",
    edge: [{ given_name: "😀".repeat(150) }],
    beyond: [{ given_name: "😀".repeat(151) }],
    code: "MAX_LENGTH",
    path: "given_name",
  },

  // Metadata.
  {
    rule: "app_metadata holds nothing of Auth0's",
    edge: [{ app_metadata: { Blocked: true, deep: { blocked: true } } }, { user_metadata: { blocked: true } }],
    beyond: [{ app_metadata: { blocked: true } }],
    code: "NOT_PASSED",
    path: "app_metadata.blocked",
  },
  {
    rule: "app_metadata holds nothing of Auth0's, by any of its names",
    edge: [],
    beyond: (
      "__tenant _id clientID created_at email_verified email globalClientID global_client_id identities lastIP " +
      "lastLogin loginsCount metadata multifactor_last_modified multifactor updated_at user_id"
    )
      .split(" ")
      .map((name) => ({ app_metadata: { [name]: 1, blocked: 1 } })),
    code: "NOT_PASSED",
    path: "app_metadata.blocked",
  },
  {
    rule: "keys of metadata have no dot",
    edge: [{ user_metadata: { a: "b.c", list: ["$x", "y.z"] } }],
    beyond: [{ user_metadata: { a: { "b.c": 1 } } }],
    code: "PATTERN",
    path: 'user_metadata.a["b.c"]',
  },
  {
    rule: "keys of metadata do not start with a dollar",
    edge: [{ app_metadata: { a$: 1, "": 2 } }],
    beyond: [{ app_metadata: { list: [[{ $a: 1 }]] } }],
    code: "PATTERN",
    path: "app_metadata.list[0][0].$a",
  },

  // Factors.
  {
    rule: "mfa_factors has a factor",
    edge: [{ mfa_factors: [{}] }],
    beyond: [{ mfa_factors: [] }],
    code: "ARRAY_LENGTH_SHORT",
    path: "mfa_factors",
  },
  {
    rule: "mfa_factors has 10 factors",
    edge: [{ mfa_factors: Array(10).fill({ phone: { value: "+1" } }) }],
    beyond: [{ mfa_factors: Array(11).fill({ phone: { value: "+1" } }) }],
    code: "ARRAY_LENGTH_LONG",
    path: "mfa_factors",
  },
  {
    rule: "a factor is one only",
    edge: [{ mfa_factors: [{ phone: { value: "+1" } }, { totp: { secret: "A" } }] }],
    beyond: [{ mfa_factors: [{ phone: { value: "+1" }, totp: { secret: "A" } }] }],
    code: "NOT_PASSED",
    path: "mfa_factors[0]",
  },
  {
    rule: "a factor is of a known kind",
    edge: [],
    beyond: [{ mfa_factors: [{ push: {} }] }],
    code: "NOT_PASSED",
    path: "mfa_factors[0].push",
  },
  {
    rule: "a factor is an object",
    edge: [],
    beyond: [{ mfa_factors: [{}, "totp"] }],
    code: "INVALID_TYPE",
    path: "mfa_factors[1]",
  },
  {
    rule: "a factor has its value",
    edge: [{ mfa_factors: [{ email: { value: "j@x.co" } }] }],
    beyond: [{ mfa_factors: [{ email: {} }] }],
    code: "OBJECT_REQUIRED",
    path: "mfa_factors[0].email.value",
  },
  {
    rule: "a factor has nothing else",
    edge: [],
    beyond: [{ mfa_factors: [{ email: { value: "j@x.co", verified: true } }] }],
    code: "NOT_PASSED",
    path: "mfa_factors[0].email.verified",
  },
  {
    rule: "totp is Base32",
    edge: [{ mfa_factors: [{ totp: { secret: "AZ27" } }] }],
    beyond: ["", "a", "A=", "A1", "A 2"].map((secret) => ({ mfa_factors: [{ totp: { secret } }] })),
    code: "PATTERN",
    path: "mfa_factors[0].totp.secret",
  },
  {
    rule: "a phone factor is a number",
    edge: [{ mfa_factors: [{ phone: { value: "+0" } }] }, { mfa_factors: [{ phone: { value: "+123456789012345" } }] }],
    beyond: ["", "+", "1", "+1234567890123456", "+1-2"].map((value) => ({ mfa_factors: [{ phone: { value } }] })),
    code: "PATTERN",
    path: "mfa_factors[0].phone.value",
  },
  {
    rule: "an email factor is an address",
    edge: [],
    beyond: [{ mfa_factors: [{ email: { value: "jane" } }] }],
    code: "FORMAT",
    path: "mfa_factors[0].email.value",
  },

  // Hashes.
  {
    rule: "password_hash is a string",
    edge: [{ password_hash: BCRYPT }],
    beyond: [{ password_hash: null }, { password_hash: { value: BCRYPT } }],
    code: "INVALID_TYPE",
    path: "password_hash",
  },
  {
    rule: "password_hash is bcrypt of 10 rounds",
    edge: [{ password_hash: BCRYPT }, { password_hash: BCRYPT.replace("2b", "2a") }],
    beyond: [
      BCRYPT.replace("2b", "2y"),
      BCRYPT.replace("$10$", "$12$"),
      BCRYPT.replace("$10$", "$09$"),
      `${BCRYPT}a`,
      `${BCRYPT}\n`,
      BCRYPT.slice(0, -1),
      BCRYPT.replace(/a$/, "+"),
      "",
    ].map((password_hash) => ({ password_hash })),
    code: "PATTERN",
    path: "password_hash",
  },
  {
    rule: "password_hash or custom_password_hash",
    edge: [hashed("bcrypt", { value: BCRYPT })],
    beyond: [{ password_hash: BCRYPT, ...hashed("bcrypt", { value: BCRYPT }) }],
    code: "NOT_PASSED",
    path: "",
  },
  {
    rule: "algorithm is there",
    edge: [],
    beyond: [hashed(undefined, md5)],
    code: "OBJECT_REQUIRED",
    path: `${HASH}.algorithm`,
  },
  {
    rule: "algorithm is a string",
    edge: [],
    beyond: [hashed(5, md5), hashed(null, md5)],
    code: "INVALID_TYPE",
    path: `${HASH}.algorithm`,
  },
  {
    rule: "algorithm is supported",
    edge: [],
    beyond: [hashed("crypt", md5), hashed("MD5", md5), hashed("sha384", md5), hashed("constructor", md5)],
    code: "ENUM_MISMATCH",
    path: `${HASH}.algorithm`,
  },
  {
    rule: "custom_password_hash holds nothing else",
    edge: [hashed("md5", md5, { keylen: 1, cost: 3, blockSize: 0, parallelization: -1 })],
    beyond: [hashed("md5", md5, { iterations: 5 })],
    code: "NOT_PASSED",
    path: `${HASH}.iterations`,
  },
  {
    rule: "hash is there",
    edge: [],
    beyond: [hashed("md5", undefined)],
    code: "OBJECT_REQUIRED",
    path: `${HASH}.hash`,
  },
  {
    rule: "hash is an object",
    edge: [],
    beyond: [hashed("md5", hex(16)), hashed("bcrypt", BCRYPT)],
    code: "INVALID_TYPE",
    path: `${HASH}.hash`,
  },
  {
    rule: "hash has a value",
    edge: [],
    beyond: [hashed("md5", { encoding: "hex" }), hashed("ldap", {})],
    code: "OBJECT_REQUIRED",
    path: VALUE,
  },
  {
    rule: "hash has a value that is a string",
    edge: [],
    beyond: [hashed("md5", { encoding: "hex", value: 5 }), hashed("argon2", { value: null })],
    code: "INVALID_TYPE",
    path: VALUE,
  },
  {
    rule: "a bare hash has an encoding",
    edge: [],
    beyond: [
      ...["md4", "md5", "sha1", "sha256", "sha512"].map((algorithm) => hashed(algorithm, { value: hex(16) })),
      hashed("hmac", { ...hmac, encoding: undefined }),
      hashed("scrypt", { value: hex(32) }, { keylen: 32 }),
    ],
    code: "OBJECT_REQUIRED",
    path: `${HASH}.hash.encoding`,
  },
  {
    rule: "a bare hash is in hex or base64",
    edge: [hashed("md5", { value: Buffer.alloc(16).toString("base64"), encoding: "base64" })],
    beyond: [
      ...["md4", "md5", "sha1", "sha256", "sha512"].map((algorithm) =>
        hashed(algorithm, { value: hex(16), encoding: "utf8" }),
      ),
      hashed("hmac", { ...hmac, encoding: "utf8" }),
      hashed("scrypt", { value: hex(32), encoding: "base64url" }, { keylen: 32 }),
    ],
    code: "ENUM_MISMATCH",
    path: `${HASH}.hash.encoding`,
  },
  {
    rule: "other hashes are in utf8",
    edge: [
      hashed("argon2", { value: ARGON2, encoding: "utf8" }),
      hashed("bcrypt", { value: BCRYPT, encoding: "utf8" }),
      hashed("ldap", { value: SSHA, encoding: "utf8" }),
      hashed("pbkdf2", { value: PBKDF2, encoding: "utf8" }),
    ],
    beyond: [
      hashed("argon2", { value: ARGON2, encoding: "base64" }),
      hashed("bcrypt", { value: BCRYPT, encoding: "hex" }),
      hashed("ldap", { value: SSHA, encoding: "base64" }),
      hashed("pbkdf2", { value: PBKDF2, encoding: "hex" }),
    ],
    code: "ENUM_MISMATCH",
    path: `${HASH}.hash.encoding`,
  },
  {
    rule: "hex is hex",
    edge: [hashed("md5", { value: "AB0f".repeat(8), encoding: "hex" })],
    beyond: ["", `${hex(15)}0g`, `${hex(16)}a`, ` ${hex(16)}`, `0x${hex(16)}`].map((value) =>
      hashed("md5", { value, encoding: "hex" }),
    ),
    code: "PATTERN",
    path: VALUE,
  },
  {
    rule: "base64 is base64, also of its form for URLs",
    edge: [
      hashed("sha1", { value: `${"a-_9".repeat(6)}abc`, encoding: "base64" }),
      hashed("sha1", { value: `${"a+/9".repeat(6)}abc=`, encoding: "base64" }),
    ],
    beyond: ["", "*", "ab=c", "YWJj\n", "YQ==="].map((value) => hashed("sha1", { value, encoding: "base64" })),
    code: "PATTERN",
    path: VALUE,
  },
  {
    rule: "bcrypt is bcrypt",
    edge: [
      ...["a", "b", "y"].map((version) => hashed("bcrypt", { value: BCRYPT.replace("2b", `2${version}`) })),
      hashed("bcrypt", { value: BCRYPT.replace("$10$", "$04$") }),
      hashed("bcrypt", { value: BCRYPT.replace("$10$", "$31$") }),
    ],
    beyond: [BCRYPT.replace("2b", "2x"), BCRYPT.replace("2b", "2"), `${BCRYPT}a`, BCRYPT.slice(0, -1), hex(16), ""].map(
      (value) => hashed("bcrypt", { value }),
    ),
    code: "PATTERN",
    path: VALUE,
  },
  {
    rule: "argon2 is a PHC string",
    edge: [
      hashed("argon2", { value: ARGON2 }),
      hashed("argon2", { value: ARGON2.replace("argon2id", "argon2i") }),
      hashed("argon2", { value: `$argon2id$v=19$m=8,t=1,p=1$${b64(8)}$${b64(4)}` }),
    ],
    beyond: [
      ARGON2.replace("argon2id", "argon2"),
      ARGON2.replace("argon2id", "scrypt"),
      ARGON2.replace("m=65536,", ""),
      ARGON2.replace("t=2", "t=x"),
      ARGON2.replace("m=65536,t=2,p=1$", ""),
      `${ARGON2}=`,
      ARGON2.slice(1),
      ARGON2.slice(0, ARGON2.lastIndexOf("$")),
      "",
    ].map((value) => hashed("argon2", { value })),
    code: "PATTERN",
    path: VALUE,
  },
  {
    rule: "pbkdf2 is a PHC string",
    edge: [
      hashed("pbkdf2", { value: PBKDF2 }),
      hashed("pbkdf2", { value: `$pbkdf2-sha1$i=1,l=20$${b64(8)}$${b64(20)}` }),
      hashed("pbkdf2", { value: `$pbkdf2-sha256$l=32$${b64(8)}$${b64(32)}` }),
      hashed("pbkdf2", { value: `$pbkdf2-whirlpool$i=5$${b64(8)}$${b64(64)}` }),
      hashed("pbkdf2", { value: `$pbkdf2-md4$${b64(8)}$${b64(64)}` }),
    ],
    beyond: [
      PBKDF2.replace("pbkdf2-sha512", "pbkdf2"),
      PBKDF2.replace("pbkdf2-sha512", "sha512"),
      // As Python's passlib and Django write it.
      `$pbkdf2-sha256$29000$${b64(16)}$${b64(32)}`,
      `pbkdf2_sha256$29000$salt$${b64(32)}=`,
      `${PBKDF2}==`,
      PBKDF2.slice(0, PBKDF2.lastIndexOf("$")),
      "",
    ].map((value) => hashed("pbkdf2", { value })),
    code: "PATTERN",
    path: VALUE,
  },
  {
    rule: "ldap is a scheme of RFC 2307",
    edge: [
      hashed("ldap", { value: `{MD5}${Buffer.alloc(16).toString("base64")}` }),
      hashed("ldap", { value: `{SMD5}${Buffer.alloc(17).toString("base64")}` }),
      hashed("ldap", { value: `{SHA}${Buffer.alloc(20).toString("base64")}` }),
      hashed("ldap", { value: `{SSHA}${Buffer.alloc(21).toString("base64")}` }),
      hashed("ldap", { value: `{SHA256}${Buffer.alloc(32).toString("base64")}` }),
      hashed("ldap", { value: `{SSHA512}${Buffer.alloc(80).toString("base64")}` }),
    ],
    beyond: [
      "{CRYPT}$1$abc$def",
      "{CLEARTEXT}abcd",
      "{PBKDF2}abcd",
      "{SSHA}",
      "{SSHA}!",
      "SSHA}abcd",
      `${SSHA}=`,
      "",
    ].map((value) => hashed("ldap", { value })),
    code: "PATTERN",
    path: VALUE,
  },
  {
    rule: "no salt with argon2, ldap and pbkdf2",
    edge: [hashed("argon2", { value: ARGON2 }), hashed("ldap", { value: SSHA }), hashed("pbkdf2", { value: PBKDF2 })],
    beyond: [
      hashed("argon2", { value: ARGON2 }, { salt: { value: "s" } }),
      hashed("ldap", { value: SSHA }, { salt: { value: "s" } }),
      hashed("pbkdf2", { value: PBKDF2 }, { salt: { value: "s" } }),
    ],
    code: "NOT_PASSED",
    path: `${HASH}.salt`,
  },
  {
    rule: "a salt has a value",
    edge: [
      salted({ value: "" }),
      hashed("bcrypt", { value: BCRYPT }, { salt: { value: "s" } }),
      hashed("hmac", hmac, { salt: { value: "s" } }),
      scrypt({ salt: { value: "s" } }),
    ],
    beyond: [salted({}), salted({ position: "prefix" })],
    code: "OBJECT_REQUIRED",
    path: `${HASH}.salt.value`,
  },
  {
    rule: "a salt is an object",
    edge: [],
    beyond: [salted("abc"), salted(null)],
    code: "INVALID_TYPE",
    path: `${HASH}.salt`,
  },
  {
    rule: "a salt is in its encoding",
    edge: [
      salted({ value: "0f", encoding: "hex" }),
      salted({ value: "a_-9", encoding: "base64" }),
      salted({ value: "ß", encoding: "utf8" }),
    ],
    beyond: [salted({ value: "x", encoding: "hex" }), salted({ value: "ß", encoding: "base64" })],
    code: "PATTERN",
    path: `${HASH}.salt.value`,
  },
  {
    rule: "a salt has an encoding that is known",
    edge: [],
    beyond: [salted({ value: "x", encoding: "ascii" })],
    code: "ENUM_MISMATCH",
    path: `${HASH}.salt.encoding`,
  },
  {
    rule: "a salt stands before or behind",
    edge: [salted({ value: "s", position: "prefix" }), salted({ value: "s", position: "suffix" })],
    beyond: [salted({ value: "s", position: "end" })],
    code: "ENUM_MISMATCH",
    path: `${HASH}.salt.position`,
  },
  {
    rule: "the password's encoding is known",
    edge: ["ascii", "utf8", "utf16le", "ucs2", "latin1", "binary"].map((encoding) =>
      hashed("md5", md5, { password: { encoding } }),
    ),
    beyond: [hashed("md5", md5, { password: { encoding: "utf16" } })],
    code: "ENUM_MISMATCH",
    path: `${HASH}.password.encoding`,
  },
  {
    rule: "hmac has a digest",
    edge: [hashed("hmac", hmac)],
    beyond: [hashed("hmac", { ...hmac, digest: undefined })],
    code: "OBJECT_REQUIRED",
    path: `${HASH}.hash.digest`,
  },
  {
    rule: "hmac has a digest that is known",
    edge: [
      ["md4", 16],
      ["md5", 16],
      ["ripemd160", 20],
      ["sha1", 20],
      ["sha224", 28],
      ["sha256", 32],
      ["sha384", 48],
      ["sha512", 64],
      ["whirlpool", 64],
    ].map(([digest, bytes]) => hashed("hmac", { ...hmac, digest, value: hex(Number(bytes)) })),
    beyond: [hashed("hmac", { ...hmac, digest: "sha3" }), hashed("md5", { ...md5, digest: "SHA1" })],
    code: "ENUM_MISMATCH",
    path: `${HASH}.hash.digest`,
  },
  {
    rule: "hmac has a key",
    edge: [],
    beyond: [hashed("hmac", { ...hmac, key: undefined })],
    code: "OBJECT_REQUIRED",
    path: `${HASH}.hash.key`,
  },
  {
    rule: "a key has a value",
    edge: [],
    beyond: [hashed("hmac", { ...hmac, key: {} }), hashed("md5", { ...md5, key: { encoding: "hex" } })],
    code: "OBJECT_REQUIRED",
    path: `${HASH}.hash.key.value`,
  },
  {
    rule: "a key is in its encoding",
    edge: [
      hashed("hmac", { ...hmac, key: { value: "736868", encoding: "hex" } }),
      hashed("hmac", { ...hmac, key: { value: "c2hh", encoding: "base64" } }),
      hashed("hmac", { ...hmac, key: { value: "ß", encoding: "utf8" } }),
    ],
    beyond: [
      hashed("hmac", { ...hmac, key: { value: "k", encoding: "hex" } }),
      hashed("hmac", { ...hmac, key: { value: "ß", encoding: "base64" } }),
    ],
    code: "PATTERN",
    path: `${HASH}.hash.key.value`,
  },
  {
    rule: "scrypt has a keylen",
    edge: [scrypt({})],
    beyond: [hashed("scrypt", scryptHash)],
    code: "OBJECT_REQUIRED",
    path: `${HASH}.keylen`,
  },
  ...["keylen", "blockSize", "parallelization"].map(
    (parameter): ErrorCase => ({
      rule: `scrypt's ${parameter} is 1 or more`,
      edge: [hashed("scrypt", { value: "a1", encoding: "hex" }, { keylen: 1, [parameter]: 1 })],
      beyond: [scrypt({ [parameter]: 0 }), scrypt({ [parameter]: -1 })],
      code: "MINIMUM",
      path: `${HASH}.${parameter}`,
    }),
  ),
  {
    rule: "scrypt's cost is 2 or more",
    edge: [scrypt({ cost: 2 }), scrypt({ cost: 2 ** 14 })],
    beyond: [scrypt({ cost: 1 }), scrypt({ cost: 0 })],
    code: "MINIMUM",
    path: `${HASH}.cost`,
  },
  {
    rule: "scrypt's cost is a power of two",
    edge: [scrypt({ cost: 4096 })],
    beyond: [scrypt({ cost: 3 }), scrypt({ cost: 1000 }), scrypt({ cost: 2 ** 50 + 1 })],
    code: "NOT_PASSED",
    path: `${HASH}.cost`,
  },
  ...["keylen", "cost", "blockSize", "parallelization"].map(
    (parameter): ErrorCase => ({
      rule: `${parameter} is a whole number`,
      edge: [],
      beyond: [
        scrypt({ [parameter]: 2.5 }),
        scrypt({ [parameter]: "2" }),
        scrypt({ [parameter]: null }),
        hashed("md5", md5, { [parameter]: 2.5 }),
      ],
      code: "INVALID_TYPE",
      path: `${HASH}.${parameter}`,
    }),
  ),
];

/** Of Auth0's check of addresses: those that it just takes, and those that it just refuses. */
export const ADDRESSES: Readonly<Record<string, { readonly takes?: string[]; readonly refuses: string[] }>> = {
  "has dots between other characters": {
    takes: ["j.a.n.e@example.com"],
    refuses: ["jane..doe@example.com", ".jane@example.com", "jane.@example.com"],
  },
  "has quotes around what needs them": {
    takes: ['"jane doe"@example.com', '"jane@home"@example.com', "jörg@example.com", "o'brien+news@example.com"],
    refuses: ["jane(doe)@example.com", "jane,doe@example.com", "jane<doe>@example.com", "ja\\ne@example.com"],
  },
  "has 64 bytes before the @": { takes: [`${"ö".repeat(32)}@example.com`], refuses: [`${"ö".repeat(33)}@example.com`] },
  "has a domain and no address of a computer": {
    takes: ["jane@192.0.2.1.example.com"],
    refuses: ["jane@192.0.2.1", "jane@[192.0.2.1]", "jane@[IPv6:2001:db8::1]"],
  },
  "has a dot in its domain": { takes: ["jane@example.co"], refuses: ["jane@localhost"] },
  "has dots between other characters of its domain": {
    refuses: ["jane@example..com", "jane@.example.com", "jane@example.com."],
  },
  "has no underscore in its domain": { takes: ["jane_doe@example.com"], refuses: ["jane@my_shop.example.com"] },
  "has parts of its domain of 63 characters": {
    takes: [`jane@${x(63)}.example.com`],
    refuses: [`jane@${x(64)}.example.com`],
  },
  "has hyphens inside of the parts of its domain": {
    takes: ["jane@sub--domain.example.com", "jane@xn--exmple-cua.com"],
    refuses: ["jane@-example.com", "jane@example-.com"],
  },
  "has a domain that ends with two letters or more": {
    takes: ["jane@example.museum", "jane@exämple.香港", "jane@example.xn--p1ai"],
    refuses: ["jane@example.c", "jane@example.é"],
  },
  "has a domain that ends without digits": {
    refuses: ["jane@example.123", "jane@example.co1", "jane@example.c-m", "jane@10.0.0.300.1"],
  },
  "has no other character that no address has": { refuses: ["jane@exa!mple.com", "jane@ｅxample.com"] },
};

export const WARNINGS: readonly WarningCase[] = [
  {
    rule: "email_verified is given",
    edge: [{ email_verified: false }],
    beyond: [{ email_verified: undefined }],
    code: "EMAIL_VERIFIED_MISSING",
    path: "email_verified",
    emulator: "takes",
  },
  {
    rule: "email is given, unless the connection has other identifiers [assumed]",
    edge: [],
    beyond: [
      { email: undefined, username: "jane" },
      { email: undefined, phone_number: "+12125550001" },
    ],
    code: "OBJECT_REQUIRED",
    path: "email",
    emulator: "refuses",
  },
  {
    rule: "email has a form that Auth0 takes: see ADDRESSES",
    edge: [],
    beyond: ["jane..doe@example.com", "jane@localhost", "jane@-example.com", "jane@example.com."].map((email) => ({
      email,
    })),
    code: "FORMAT",
    path: "email",
    emulator: "refuses",
  },
  {
    rule: "phone_number starts with a country code: the Management API's own pattern is wider",
    edge: [],
    beyond: [{ phone_number: "+0123456" }, { phone_number: "+1" }],
    code: "PATTERN",
    path: "phone_number",
    emulator: "refuses",
  },
  {
    rule: "user_id is not empty",
    edge: [{ user_id: "1" }],
    beyond: [{ user_id: "" }],
    code: "MIN_LENGTH",
    path: "user_id",
    emulator: "refuses",
  },
  {
    rule: "username has 15 characters, unless the connection says otherwise",
    edge: [{ username: x(15) }],
    beyond: [{ username: x(16) }, { username: x(128) }],
    code: "MAX_LENGTH",
    path: "username",
    emulator: "refuses",
  },
  {
    rule: "username does not look like an e-mail address",
    edge: [],
    beyond: [{ username: ".a@b.c" }],
    code: "NOT_PASSED",
    path: "username",
    emulator: "refuses",
  },
  {
    rule: "name has 150 characters: other pages say 300",
    edge: [],
    beyond: [{ name: x(151) }, { name: x(300) }],
    code: "MAX_LENGTH",
    path: "name",
    emulator: "refuses",
  },
  {
    rule: "nickname has 300 characters: other pages say 350",
    edge: [],
    beyond: [{ nickname: x(301) }, { nickname: x(350) }],
    code: "MAX_LENGTH",
    path: "nickname",
    emulator: "refuses",
  },
  {
    rule: "an object of custom_password_hash holds nothing unknown",
    edge: [],
    beyond: [salted({ value: "s", postion: "suffix" })],
    code: "NOT_PASSED",
    path: `${HASH}.salt.postion`,
    emulator: "takes",
  },
  {
    rule: "a digest is as long as its algorithm makes it",
    edge: [
      hashed("md4", { value: hex(16), encoding: "hex" }),
      hashed("md5", { value: `${b64(16)}==`, encoding: "base64" }),
      hashed("sha1", { value: hex(20), encoding: "hex" }),
      hashed("sha256", { value: b64(32), encoding: "base64" }),
      hashed("sha512", { value: hex(64), encoding: "hex" }),
    ],
    beyond: [
      hashed("md4", { value: hex(15), encoding: "hex" }),
      hashed("md5", { value: hex(17), encoding: "hex" }),
      hashed("sha1", { value: `${b64(20)}a`, encoding: "base64" }),
      hashed("sha256", { value: hex(16), encoding: "hex" }),
      hashed("sha512", { value: hex(32), encoding: "hex" }),
      hashed("hmac", { ...hmac, digest: "sha1" }),
      // A digit too many: no encoder writes it.
      hashed("md5", { value: `${b64(16)}aaa`, encoding: "base64" }),
      scrypt({ keylen: 64 }),
    ],
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "a digest is in the encoding that it says",
    edge: [hashed("sha256", { value: b64(32), encoding: "base64" })],
    beyond: [
      hashed("sha256", { value: hex(32), encoding: "base64" }),
      hashed("md5", { value: Buffer.from(hex(16)).toString("base64"), encoding: "base64" }),
      hashed("hmac", { ...hmac, value: hex(32).toUpperCase(), encoding: "base64" }),
      hashed("scrypt", { value: hex(32), encoding: "base64" }, { keylen: 32 }),
      hashed("scrypt", { value: Buffer.from(hex(32)).toString("base64"), encoding: "base64" }, { keylen: 32 }),
    ],
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "a salt in base64 was written by a program",
    edge: ["c2hh", "c2g=", "c2g", "_-A", "+/A="].map((value) => salted({ value, encoding: "base64" })),
    beyond: ["c2h", "seasalt", "a", "abd=", "NaCl1"].map((value) => salted({ value, encoding: "base64" })),
    code: "UNUSABLE_HASH",
    path: `${HASH}.salt.value`,
    emulator: "takes",
  },
  {
    rule: "scrypt takes no more than 32 MiB",
    edge: [
      scrypt({ cost: 16_384, blockSize: 8 }),
      scrypt({ cost: 8_192, blockSize: 15, parallelization: 16 }),
      scrypt({ cost: 2, blockSize: 1 }),
    ],
    beyond: [
      scrypt({ cost: 32_768 }),
      scrypt({ blockSize: 16 }),
      scrypt({ cost: 65_536, blockSize: 8 }),
      scrypt({ cost: 2, parallelization: 2 ** 20 }),
    ],
    code: "UNUSABLE_HASH",
    path: `${HASH}.cost`,
    emulator: "takes",
  },
  {
    rule: "scrypt is not Firebase's",
    edge: [
      hashed(
        "scrypt",
        { value: b64(64), encoding: "base64" },
        { keylen: 64, salt: { value: b64(16), encoding: "base64" } },
      ),
      hashed("scrypt", { value: b64(64), encoding: "base64" }, { keylen: 64, salt: { value: "12345678" } }),
    ],
    beyond: [8, 9, 10].map((bytes) =>
      hashed(
        "scrypt",
        { value: b64(64), encoding: "base64" },
        { keylen: 64, salt: { value: b64(bytes), encoding: "base64" } },
      ),
    ),
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "the salt of better-auth and Lucia is a text",
    edge: [],
    beyond: [
      hashed(
        "scrypt",
        { value: hex(64), encoding: "hex" },
        { keylen: 64, blockSize: 16, salt: { value: hex(16), encoding: "hex" } },
      ),
    ],
    code: "UNUSABLE_HASH",
    path: `${HASH}.salt.value`,
    emulator: "takes",
  },
  {
    rule: "argon2 is of a kind that can be verified",
    edge: [hashed("argon2", { value: ARGON2.replace("argon2id", "argon2i") })],
    beyond: [ARGON2.replace("argon2id", "argon2d"), ARGON2.replace("v=19", "v=16"), ARGON2.replace("$v=19", "")].map(
      (value) => hashed("argon2", { value }),
    ),
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "pbkdf2 has a salt in base64",
    edge: [hashed("pbkdf2", { value: PBKDF2.replace(b64(8), "c2Vhc2FsdDEyMzRBYkNkRWZHaElqaw") })],
    beyond: ["seasalt1234AbCdEfGhIjk", "seasalt1234Ab", "a", "seasalt1234A"].map((salt) =>
      hashed("pbkdf2", { value: PBKDF2.replace(b64(8), salt) }),
    ),
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "bcrypt has a cost of 4 to 31",
    edge: [],
    beyond: ["00", "03", "32", "99"].map((cost) => hashed("bcrypt", { value: BCRYPT.replace("$10$", `$${cost}$`) })),
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "argon2 has possible parameters",
    edge: [],
    beyond: [
      ARGON2.replace("m=65536", "m=7"),
      ARGON2.replace("t=2", "t=0"),
      ARGON2.replace("p=1", "p=0"),
      `$argon2id$v=19$m=8,t=1,p=1$${b64(7)}$${b64(4)}`,
      `$argon2id$v=19$m=8,t=1,p=1$${b64(8)}$${b64(3)}`,
    ].map((value) => hashed("argon2", { value })),
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "argon2 has its parameters in the usual order",
    edge: [],
    beyond: [ARGON2.replace("m=65536,t=2", "t=2,m=65536"), ARGON2.replace("p=1", "p=1,keyid=a")].map((value) =>
      hashed("argon2", { value }),
    ),
    code: "PATTERN",
    path: VALUE,
    emulator: "refuses",
  },
  {
    rule: "pbkdf2 is as long as it says",
    edge: [],
    beyond: [
      PBKDF2.replace("l=64", "l=32"),
      PBKDF2.replace("i=100000", "i=0"),
      `$pbkdf2-sha256$i=5$${b64(8)}$${b64(32)}`,
      `$pbkdf2-sha256$${b64(8)}$${b64(32)}`,
    ].map((value) => hashed("pbkdf2", { value })),
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "pbkdf2 names a documented digest",
    edge: [],
    beyond: [hashed("pbkdf2", { value: PBKDF2.replace("sha512", "sha3-512") })],
    code: "PATTERN",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "pbkdf2 has its parameters in the usual order",
    edge: [],
    beyond: [
      PBKDF2.replace("i=100000,l=64", "l=64,i=100000"),
      PBKDF2.replace("l=64", "l=64,x=1"),
      PBKDF2.replace("$i=", "$v=1$i="),
    ].map((value) => hashed("pbkdf2", { value })),
    code: "PATTERN",
    path: VALUE,
    emulator: "refuses",
  },
  {
    rule: "pbkdf2 names its digest in small letters",
    edge: [],
    beyond: [hashed("pbkdf2", { value: PBKDF2.replace("sha512", "RSA-SHA512") })],
    code: "PATTERN",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "ldap has a scheme in capitals",
    edge: [],
    beyond: [SSHA.replace("SSHA", "ssha"), SSHA.replace("SSHA", "sSHA"), SSHA.replace("SSHA", "SHA-256")].map((value) =>
      hashed("ldap", { value }),
    ),
    code: "PATTERN",
    path: VALUE,
    emulator: "refuses",
  },
  {
    rule: "ldap has a scheme of a known length",
    edge: [],
    beyond: [hashed("ldap", { value: SSHA.replace("SSHA", "SHA3") })],
    code: "PATTERN",
    path: VALUE,
    emulator: "takes",
  },
  {
    rule: "ldap is as long as its scheme says, and longer with a salt",
    edge: [],
    beyond: [
      `{SSHA}${Buffer.alloc(20).toString("base64")}`,
      `{SHA}${Buffer.alloc(21).toString("base64")}`,
      `{SHA512}${Buffer.alloc(32).toString("base64")}`,
    ].map((value) => hashed("ldap", { value })),
    code: "UNUSABLE_HASH",
    path: VALUE,
    emulator: "takes",
  },
];

/** Whether a problem is the one that the case is about. */
export function isOf({ code, path }: ErrorCase, problem: RecordProblem): boolean {
  return problem.code === code && problem.path === path;
}
