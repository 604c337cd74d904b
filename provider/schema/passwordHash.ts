import { z } from "zod";
import { recipeHint } from "./recipeHint";
import { error, warning } from "./rule";

// Auth0's documentation says, algorithm by algorithm, how a hash has to look: an error to break. Beyond that, a hash
// that its algorithm can't have made imports well, and locks the user out: a warning.

/** `password_hash`. */
export const passwordHash = z
  .string()
  .regex(
    /^\$2[ab]\$10\$[./A-Za-z0-9]{53}$/,
    error(
      "PATTERN",
      "must be a bcrypt hash of 60 characters that starts with $2a$10$ or $2b$10$; other hashes go into custom_password_hash",
    ),
  );

const unknownMember = warning(
  "NOT_PASSED",
  "is nothing that Auth0 knows here: it is taken, and means nothing. Check its spelling",
);

/** An object that Auth0's schema lets hold more than it names. So a misspelt `position` would be overlooked. */
function open<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: ({ code }) => (code === "unrecognized_keys" ? unknownMember : undefined) });
}

const digestName = z.enum(["md4", "md5", "ripemd160", "sha1", "sha224", "sha256", "sha384", "sha512", "whirlpool"]);
type DigestName = z.infer<typeof digestName>;

/** How long a digest is, in bytes. */
const DIGEST_LENGTHS: Readonly<Record<DigestName, number>> = {
  md4: 16,
  md5: 16,
  ripemd160: 20,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  whirlpool: 64,
};

const encoding = z.enum(["base64", "hex", "utf8"]).optional();

interface Encoded {
  readonly encoding?: z.infer<typeof encoding>;
  readonly value: string;
}

const notHex = error("PATTERN", "must be in hexadecimal digits, two for each byte, as its encoding says");
const notBase64 = error("PATTERN", "must be in base64, as its encoding says");

/** For `superRefine`: the value is in its encoding. */
function isEncoded({ encoding, value }: Encoded, { addIssue }: z.RefinementCtx): void {
  if (encoding === "hex" && !/^(?:[A-Fa-f0-9]{2})+$/.test(value)) {
    addIssue({ code: "custom", message: notHex, path: ["value"] });
  }
  if (encoding === "base64" && !/^[A-Za-z0-9+/_-]+={0,2}$/.test(value)) {
    addIssue({ code: "custom", message: notBase64, path: ["value"] });
  }
}

/** In bytes. */
function lengthOf({ encoding, value }: Encoded): number {
  return encoding === "hex" ? value.length / 2 : base64Length(value);
}

/** How many bytes base64 stands for. `NaN` where it has a digit too many to stand for any. */
function base64Length(text: string): number {
  const digits = text.replace(/=+$/, "").length;
  return digits % 4 === 1 ? Number.NaN : Math.floor((digits * 3) / 4);
}

/** Whether the last digit has no bits that stand for nothing, as every encoder leaves them. Most texts have some. */
function isWholeBase64(text: string): boolean {
  const digits = text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
  return Buffer.from(digits, "base64").toString("base64").replace(/=+$/, "") === digits;
}

const key = open({ encoding, value: z.string() }).superRefine(isEncoded);
const saltIsText = warning(
  "UNUSABLE_HASH",
  "is no base64 that a program has written: where the salt is a text, its encoding is utf8",
);
const salt = open({
  encoding,
  value: z.string(),
  position: z.enum(["prefix", "suffix"]).optional(),
})
  .superRefine(isEncoded)
  .refine(({ encoding, value }) => encoding !== "base64" || isWholeBase64(value), {
    error: saltIsText,
    path: ["value"],
  });
const noSalt = z.never(error("NOT_PASSED", "must not be given with this algorithm: the salt is part of hash.value"));

/** What `hash` may hold with any algorithm, though it means something with hmac only. */
const ofHmac = { digest: digestName.optional(), key: key.optional() };

const notWhole = error("INVALID_TYPE", "must be a whole number");
const wholeNumber = z.number(notWhole).multipleOf(1, notWhole);

/** What `custom_password_hash` may hold with any algorithm, though most of it means something with scrypt only. */
const ofScrypt = {
  password: open({
    encoding: z.enum(["ascii", "utf8", "utf16le", "ucs2", "latin1", "binary"]).optional(),
  }).optional(),
  keylen: wholeNumber.optional(),
  cost: wholeNumber.optional(),
  blockSize: wholeNumber.optional(),
  parallelization: wholeNumber.optional(),
};

/** Bytes, in one of the encodings for them. */
const bytes = { encoding: z.enum(["hex", "base64"]), value: z.string() };

/** A text that says all about its hash. Auth0's own examples leave out that it is `utf8`. */
function text(value: z.ZodString) {
  return open({ ...ofHmac, encoding: z.literal("utf8").optional(), value });
}

const wrongLength = warning(
  "UNUSABLE_HASH",
  "is not as long as the hashes of this algorithm: it is taken, and then no password fits",
);
const base64OfHex = warning(
  "UNUSABLE_HASH",
  "is base64 of hexadecimal digits: give the digits themselves, with the encoding hex",
);
const hexAsBase64 = warning(
  "UNUSABLE_HASH",
  "has as many hexadecimal digits as the hashes of this algorithm, so that its encoding is hex",
);

/** For `superRefine`: the value is so many bytes long; else the warning, or why it is not where that shows. */
function isLong(
  hash: Encoded,
  length: number,
  otherwise: string,
  { addIssue }: z.RefinementCtx,
  path = ["value"],
): void {
  if (lengthOf(hash) === length) return;
  const digits = new RegExp(`^[0-9a-f]{${2 * length}}$`, "i");
  const isBase64 = hash.encoding === "base64";
  const message =
    isBase64 && digits.test(hash.value)
      ? hexAsBase64
      : isBase64 && digits.test(Buffer.from(hash.value, "base64").toString("latin1"))
        ? base64OfHex
        : otherwise;
  addIssue({ code: "custom", message, path });
}

/** A bare digest of the password, and perhaps of a salt. */
function digest<Algorithm extends DigestName>(algorithm: Algorithm) {
  return z.strictObject({
    ...ofScrypt,
    algorithm: z.literal(algorithm),
    hash: open({ ...ofHmac, ...bytes })
      .superRefine(isEncoded)
      .superRefine((hash, context) => isLong(hash, DIGEST_LENGTHS[algorithm], wrongLength, context)),
    salt: salt.optional(),
  });
}

const hmac = z.strictObject({
  ...ofScrypt,
  algorithm: z.literal("hmac"),
  hash: open({ ...bytes, digest: digestName, key })
    .superRefine(isEncoded)
    .superRefine((hash, context) => isLong(hash, DIGEST_LENGTHS[hash.digest], wrongLength, context)),
  salt: salt.optional(),
});

const positive = wholeNumber.min(1, error("MINIMUM", "must be 1 or more"));

const notKeylen = warning("UNUSABLE_HASH", "is not keylen bytes long: it is taken, and then no password fits");

/** What Node.js lets scrypt take where nobody says otherwise (its documentation: `maxmem`). */
const SCRYPT_MEMORY = 32 * 2 ** 20;
const muchMemory = warning(
  "UNUSABLE_HASH",
  "asks with blockSize for more than 32 MiB of memory, which is all that Node.js allows by itself. What Auth0 allows is not known: sign in with one such user on a tenant before you import all",
);
const firebase = warning(
  "UNUSABLE_HASH",
  `looks like a hash of Firebase, whose scrypt is one of its own: Auth0 takes it, and then no password fits${recipeHint("firebase")}`,
);
const saltOfDigits = warning(
  "UNUSABLE_HASH",
  `looks like the salt of better-auth or Lucia, which hash its hexadecimal digits as a text: then its encoding is utf8${recipeHint("better-auth")}`,
);

const scrypt = z
  .strictObject({
    ...ofScrypt,
    algorithm: z.literal("scrypt"),
    hash: open({ ...ofHmac, ...bytes }).superRefine(isEncoded),
    salt: salt.optional(),
    keylen: positive,
    cost: wholeNumber
      .min(2, error("MINIMUM", "must be 2 or more"))
      .refine(
        (cost) => cost < 2 || 2 ** Math.round(Math.log2(cost)) === cost,
        error("NOT_PASSED", "must be a power of two"),
      )
      .optional(),
    blockSize: positive.optional(),
    parallelization: positive.optional(),
  })
  .superRefine((custom, context) => {
    isLong(custom.hash, custom.keylen, notKeylen, context, ["hash", "value"]);
    const { keylen, cost = 16_384, blockSize = 8, parallelization = 1, salt } = custom;
    const warn = (message: string, ...path: string[]) => context.addIssue({ code: "custom", message, path });
    // What OpenSSL counts, which Node.js asks.
    if (128 * blockSize * (cost + parallelization + 2) > SCRYPT_MEMORY) warn(muchMemory, "cost");
    if (salt === undefined || keylen !== 64 || cost !== 16_384 || parallelization !== 1) return;
    const bytes = lengthOf(salt);
    if (blockSize === 8 && salt.encoding === "base64" && bytes >= 8 && bytes <= 10) warn(firebase, "hash", "value");
    if (blockSize === 16 && salt.encoding === "hex" && bytes === 16) warn(saltOfDigits, "salt", "value");
  });

const bcrypt = z.strictObject({
  ...ofScrypt,
  algorithm: z.literal("bcrypt"),
  hash: text(
    z
      .string()
      .regex(
        /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/,
        error("PATTERN", "must be a bcrypt hash of 60 characters that starts with $2a$, $2b$ or $2y$"),
      )
      .regex(
        /^(?!\$2[aby]\$(?:0[0-3]|3[2-9]|[4-9]\d)\$)/,
        warning("UNUSABLE_HASH", "has a cost other than bcrypt's 4 to 31: it is taken, and then no password fits"),
      ),
  ),
  salt: salt.optional(),
});

// The strings of argon2 and pbkdf2 are in the form of the Password Hashing Competition (PHC), as the reference
// implementations write it. Whether the service takes more of what that form allows is not known.

const BASE64 = "[A-Za-z0-9+/]+";
const PARAMETERS = "[a-z0-9-]+=[A-Za-z0-9/+.-]+(?:,[a-z0-9-]+=[A-Za-z0-9/+.-]+)*";

const ARGON2 = new RegExp(
  `^\\$argon2(?:id|i|d)(?:\\$v=\\d+)?\\$m=(\\d+),t=(\\d+),p=(\\d+)\\$(${BASE64})\\$(${BASE64})$`,
);
const PERHAPS_ARGON2 = new RegExp(
  `^\\$argon2(?:id|i|d)(?:\\$v=\\d+)?\\$(?=(?:[^$]*,)?m=\\d+[,$])(?=(?:[^$]*,)?t=\\d+[,$])(?=(?:[^$]*,)?p=\\d+[,$])${PARAMETERS}\\$${BASE64}\\$${BASE64}$`,
);
const notArgon2 = error(
  "PATTERN",
  "must be a PHC string of argon2, such as $argon2id$v=19$m=65536,t=2,p=1$SALT$HASH, in base64 without padding",
);
const unusualArgon2 = warning("PATTERN", "should have the parameters m, t and p in this order, and no others");
const unknownArgon2 = warning(
  "UNUSABLE_HASH",
  "should be argon2id or argon2i of version 19 (v=19): the library that Auth0 points to verifies no other, so that no password fits",
);
const impossibleArgon2 = warning(
  "UNUSABLE_HASH",
  "is none that argon2 can make (t 1 or more, m 8 times p or more, 8 bytes of salt, 4 of hash): it is taken, and then no password fits",
);

const argon2 = z.strictObject({
  ...ofScrypt,
  algorithm: z.literal("argon2"),
  hash: text(
    z.string().superRefine((value, { addIssue }) => {
      const [, m, t, p, salt, hash] = ARGON2.exec(value) ?? [];
      if (salt === undefined || hash === undefined) {
        return addIssue(PERHAPS_ARGON2.test(value) ? unusualArgon2 : notArgon2);
      }
      const hasMemory = Number(t) >= 1 && Number(p) >= 1 && Number(m) >= 8 * Number(p);
      if (!(hasMemory && base64Length(salt) >= 8 && base64Length(hash) >= 4)) addIssue(impossibleArgon2);
      if (!/^\$argon2id?\$v=19\$/.test(value)) addIssue(unknownArgon2);
    }),
  ),
  salt: noSalt.optional(),
});

const PBKDF2 = new RegExp(
  `^\\$pbkdf2-([a-z0-9-]+)(?:\\$i=(\\d+)(?:,l=(\\d+))?|\\$l=(\\d+))?\\$(${BASE64})\\$(${BASE64})$`,
);
const PERHAPS_PBKDF2 = new RegExp(
  `^\\$pbkdf2-[A-Za-z0-9-]+(?:\\$v=\\d+)?(?:\\$${PARAMETERS})?\\$${BASE64}\\$${BASE64}$`,
);
const notPbkdf2 = error(
  "PATTERN",
  "must be a PHC string of pbkdf2, such as $pbkdf2-sha512$i=100000,l=64$SALT$HASH, in base64 without padding",
);
const unusualPbkdf2 = warning(
  "PATTERN",
  "should name a digest in small letters, and have the parameters i and l in this order and no others",
);
const unknownDigest = warning("PATTERN", `should name a digest that Auth0 documents: ${digestName.options.join(", ")}`);
const saltOfDjango = warning(
  "UNUSABLE_HASH",
  `has a salt that is no base64: where the salt is a text, as in Django, it has to be the base64 of its bytes, without padding${recipeHint("django")}`,
);
const saltOfOldDjango = warning(
  "UNUSABLE_HASH",
  `has a salt that looks like one of Django's, which are texts: it has to be the base64 of its bytes, without padding${recipeHint("django")}`,
);
const impossiblePbkdf2 = warning(
  "UNUSABLE_HASH",
  "is none that its parameters make, l bytes (64 by default) in i rounds (100,000 by default): it is taken, and then no password fits",
);

const pbkdf2 = z.strictObject({
  ...ofScrypt,
  algorithm: z.literal("pbkdf2"),
  hash: text(
    z.string().superRefine((value, { addIssue }) => {
      const [, digest, i = "100000", l, onlyL, salt, hash] = PBKDF2.exec(value) ?? [];
      if (digest === undefined || salt === undefined || hash === undefined) {
        return addIssue(PERHAPS_PBKDF2.test(value) ? unusualPbkdf2 : notPbkdf2);
      }
      if (!Object.hasOwn(DIGEST_LENGTHS, digest)) addIssue(unknownDigest);
      const length = Number(l ?? onlyL ?? 64);
      if (Number(i) === 0 || base64Length(hash) !== length) addIssue(impossiblePbkdf2);
      if (!isWholeBase64(salt)) addIssue(saltOfDjango);
      // Django's salts were texts of 12 letters and digits up to version 3.1; nobody else has salts of 9 bytes.
      else if (/^[A-Za-z0-9]{12}$/.test(salt)) addIssue(saltOfOldDjango);
    }),
  ),
  salt: noSalt.optional(),
});

/** How long the digests of the schemes of RFC 2307 and OpenLDAP are, in bytes. */
const SCHEME_LENGTHS: Readonly<Record<string, number>> = {
  MD5: 16,
  SHA: 20,
  SHA1: 20,
  SHA224: 28,
  SHA256: 32,
  SHA384: 48,
  SHA512: 64,
};
const notLdap = error(
  "PATTERN",
  "must be of the form of RFC 2307, {SSHA512}BASE64, with the scheme MD5, SMD5, SHA… or SSHA…; CRYPT is not supported",
);
const unusualLdap = warning(
  "PATTERN",
  "should have one of these schemes, in capitals: MD5, SMD5, SHA, SSHA, SHA256, SSHA256, SHA384, SSHA384, SHA512, SSHA512",
);
const impossibleLdap = warning(
  "UNUSABLE_HASH",
  "is not as long as the hashes of its scheme: it is taken, and then no password fits",
);

const ldap = z.strictObject({
  ...ofScrypt,
  algorithm: z.literal("ldap"),
  hash: text(
    z.string().superRefine((value, { addIssue }) => {
      const [, salted, scheme, digits] = /^\{(S?)(MD5|SHA[^{}]*)\}([A-Za-z0-9+/]+)={0,2}$/i.exec(value) ?? [];
      if (scheme === undefined || digits === undefined) return addIssue(notLdap);
      const length = SCHEME_LENGTHS[scheme];
      if (length === undefined || salted === "s") return addIssue(unusualLdap);
      // The salt follows the digest.
      const fits = salted ? base64Length(digits) > length : base64Length(digits) === length;
      if (!fits) addIssue(impossibleLdap);
    }),
  ),
  salt: noSalt.optional(),
});

/** `custom_password_hash`. */
export const customPasswordHash = z.discriminatedUnion("algorithm", [
  argon2,
  bcrypt,
  hmac,
  ldap,
  digest("md4"),
  digest("md5"),
  digest("sha1"),
  digest("sha256"),
  digest("sha512"),
  pbkdf2,
  scrypt,
]);
