// Hashes in the form in which another system keeps them. What Auth0 wants instead is from its documentation; how the
// systems write them is from their sources and documents.
import { recipeHint } from "./recipeHint";

/** A form, and what is to be said of a hash in it. */
interface Form {
  readonly is: (value: string) => boolean;
  readonly says: string;
}

const NO = "which Auth0 can't take: leave it out, and these people reset their passwords";
const PHC = "without padding, both in base64";

const CUSTOM = "that goes into custom_password_hash, with the algorithm";
const BEHIND = "Auth0 takes what stands behind that";

/** The first one that fits counts. */
const FORMS: readonly Form[] = [
  form(/^\$wp\$/, `is WordPress 6.8's bcrypt of an HMAC of the password, ${NO}`, "wordpress"),
  form(/^\$[PH]\$/, `is a hash of phpass, as WordPress and phpBB have it, ${NO}`, "wordpress"),
  form(/^(?:U\$)?\$?[SP]\$[./A-Za-z0-9]{52}$/, `is a hash of Drupal, ${NO}`),
  form(/^\$fbscrypt\$/, `is a hash of Firebase's own scrypt, ${NO}`, "supabase"),
  form(/^\$(?:[156y7]|gy|apr1|sha1|md5)\$/, `is a hash of crypt(3), ${NO}`),
  form(/^bcrypt_sha256\$/, `is bcrypt of a SHA-256 of the password, as Django makes it, ${NO}`, "django"),
  form(/^\$bcrypt-sha256\$/, `is bcrypt of a SHA-256 of the password, as passlib makes it, ${NO}`, "werkzeug"),
  form(/^bcrypt\$\$2/, `is a hash of Django with bcrypt$ before it: ${BEHIND}, with the algorithm bcrypt`, "django"),
  form(
    /^argon2\$argon2/,
    "is a hash of Django with argon2 before it: Auth0 takes $argon2…, with the algorithm argon2",
    "django",
  ),
  form(
    /^pbkdf2_sha(?:1|256)\$\d+\$/,
    `is a hash of Django: Auth0 takes $pbkdf2-sha256$i=ITERATIONS,l=32$SALT$HASH (sha1: l=20) with the algorithm pbkdf2, where SALT is the base64 of the salt's bytes, ${PHC}`,
    "django",
  ),
  form(
    /^scrypt\$\d+\$[^$]+\$\d+\$\d+\$/,
    "is a hash of Django's scrypt: Auth0 takes salt, cost, blockSize, parallelization and value apart, with the algorithm scrypt and keylen 64",
    "django",
  ),
  form(
    /^(?:md5|sha1|sha256)\$[^$]*\$[0-9a-f]{32,64}$/,
    "is a salted hash of Django or Werkzeug: Auth0 takes the part behind the last $ as hash.value in hex, and the one before it as salt, with that algorithm (Werkzeug: hmac, with the salt as its key)",
  ),
  form(/^!/, "is what Django writes for people without a password: leave it out", "django"),
  form(
    /^pbkdf2:sha(?:1|256|512)(?::\d+)?\$/,
    `is a hash of Werkzeug (Flask): Auth0 takes $pbkdf2-DIGEST$i=ITERATIONS,l=BYTES$SALT$HASH with the algorithm pbkdf2, where SALT is the base64 of the salt's text, and HASH of the bytes that the hexadecimal digits stand for, ${PHC}`,
    "werkzeug",
  ),
  form(
    /^scrypt:\d+:\d+:\d+\$/,
    "is a hash of Werkzeug (Flask): Auth0 takes salt, cost, blockSize, parallelization and value (hex) apart, with the algorithm scrypt and keylen 64",
    "werkzeug",
  ),
  // Which of the two shows in ln: 14 is no power of two, and 16384 no logarithm.
  form(
    /^\$scrypt\$(?:\w+=\d+,)*ln=\d{1,2},/,
    "is a scrypt hash of passlib: Auth0 takes salt, cost (2 to the power of ln), blockSize, parallelization and value apart, with the algorithm scrypt",
    "werkzeug",
  ),
  form(
    /^\$scrypt\$/,
    "is a scrypt hash of Ory Kratos: Auth0 takes salt, cost (what ln says there), blockSize, parallelization and value apart, with the algorithm scrypt",
    "kratos",
  ),
  form(
    /^(?:s2:)?[0-9a-f]{32}:[0-9a-f]{128}$/,
    "is a hash of better-auth or Lucia: Auth0 takes the part behind the : as hash.value in hex, and the one before it as salt with the encoding utf8, with the algorithm scrypt, cost 16384, blockSize 16, parallelization 1 and keylen 64",
    "better-auth",
  ),
  form(
    /^\$pbkdf2(?:-\w+)?\$\d+\$/,
    `is a hash of passlib: Auth0 takes $pbkdf2-DIGEST$i=ROUNDS,l=BYTES$SALT$HASH with the algorithm pbkdf2, with + for each ., ${PHC}`,
    "werkzeug",
  ),
  inTail(/\./, "has a . in its base64, as passlib writes for +: Auth0 takes the + there", "werkzeug"),
  inTail(/=$/, "is padded with =, as ASP.NET, Keycloak and most libraries write base64: Auth0 takes it without"),
  inTail(/[-_]/, "has - or _ in its base64, which is the form for URLs: Auth0 takes + and / there"),
  form(
    /^\{bcrypt\}/,
    `is a hash of Spring Security with {bcrypt} before it: ${BEHIND}, with the algorithm bcrypt, or as password_hash where it begins with $2a$10$ or $2b$10$`,
    "spring",
  ),
  form(
    /^\{argon2[^}]*\}/,
    `is a hash of Spring Security with {argon2} before it: ${BEHIND}, with the algorithm argon2`,
    "spring",
  ),
  form(/^\{ldap\}/, `is a hash of Spring Security with {ldap} before it: ${BEHIND}, with the algorithm ldap`, "spring"),
  form(
    /^\{noop\}/,
    "is a password in the clear, by Spring Security's {noop}: hash it, and remove it from the file",
    "spring",
  ),
  form(
    /^\{pbkdf2(?:@\w+)?\}[0-9a-f]+$/i,
    `is a hash of Spring Security's PBKDF2, salt and hash in hexadecimal digits: Auth0 takes $pbkdf2-sha1$i=185000,l=32$SALT$HASH (@SpringSecurity_v5_8: $pbkdf2-sha256$i=310000,l=32$…), ${PHC}`,
    "spring",
  ),
  form(
    /^\{scrypt(?:@\w+)?\}|^\$[0-9a-f]{5,6}\$[A-Za-z0-9+/]+=*\$[A-Za-z0-9+/]+=*$/,
    "is a hash of Spring Security's scrypt, $PARAMETERS$SALT$HASH: Auth0 takes salt, cost, blockSize, parallelization and value apart, with the algorithm scrypt",
    "spring",
  ),
  form(
    /^\{(?:MD4|MD5|SHA-1|SHA-256)\}(?:\{[^}]*\})?[0-9a-f]{32,64}$/i,
    "is a hash of Spring Security: Auth0 takes the hexadecimal digits as hash.value, and {SALT} with its braces as salt in position suffix, with the algorithm md4, md5, sha1 or sha256",
    "spring",
  ),
  form(
    /^\{sha256\}[0-9a-f]{80}$/,
    `is a hash of Spring Security's StandardPasswordEncoder, of 1,024 rounds, ${NO}`,
    "spring",
  ),
  form(
    /^\{PBKDF2[^}]*\}/i,
    "is PBKDF2 as LDAP servers write it: Auth0 takes $pbkdf2-DIGEST$i=ITERATIONS,l=BYTES$SALT$HASH, with the algorithm pbkdf2",
    "ldif",
  ),
  {
    is: (value) => /^e[A-Za-z0-9+/]{8,}=*$/.test(value) && /^\{[\w-]+\}/.test(decoded(value).toString("latin1")),
    says: `is base64 of a hash with its scheme, as LDIF writes userPassword::, so decode it: Auth0 takes {SSHA…}…, with the algorithm ldap${recipeHint("ldif")}`,
  },
  {
    is: isAspNetV3,
    says: `is a hash of ASP.NET Core Identity (V3): Auth0 takes $pbkdf2-DIGEST$i=ITERATIONS,l=LENGTH$SALT$SUBKEY with the algorithm pbkdf2, all of it from the decoded bytes (1, then prf, iterations and length of the salt in 4 bytes each, salt, subkey; prf 0, 1, 2 is sha1, sha256, sha512), ${PHC}${recipeHint("aspnet")}`,
  },
  {
    is: isAspNetV2,
    says: `is a hash of ASP.NET Identity (V2): Auth0 takes $pbkdf2-sha1$i=1000,l=32$SALT$SUBKEY with the algorithm pbkdf2, where SALT are the decoded bytes 1 to 16, and SUBKEY the 32 behind them, ${PHC}${recipeHint("aspnet")}`,
  },
  form(
    /^[A-Za-z0-9+/]{27,86}={0,2}\|[0-2]\|/,
    "is HASH|FORMAT|SALT, as a move from ASP.NET Membership to Identity leaves it: Auth0 takes HASH in base64 as hash.value, SALT in base64 as salt, and utf16le as password.encoding, with the algorithm sha1, or the one of web.config",
    "aspnet",
  ),
  form(
    /^\s*\{.*"(?:hashIterations|value|salt|algorithm)"/s,
    `is JSON, as Keycloak keeps credentials: Auth0 takes $pbkdf2-DIGEST$i=ITERATIONS,l=BYTES$SALT$HASH with the algorithm pbkdf2, where l is the length of the decoded value, ${PHC}`,
    "keycloak",
  ),
  form(/^\*[0-9A-F]{40}$/, `is a hash of MySQL's PASSWORD(), ${NO}`),
  form(
    /^:(?:pbkdf2|[AB]):/,
    "is a hash of MediaWiki: Auth0 takes $pbkdf2-DIGEST$i=ITERATIONS,l=BYTES$SALT$HASH of those of PBKDF2",
  ),
];

/** What a hash is by its own account, where it stands under another algorithm. */
const KINDS: readonly (Form & { readonly algorithm: string })[] = [
  {
    ...form(/^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/, "is a hash of bcrypt: it has the algorithm bcrypt"),
    algorithm: "bcrypt",
  },
  { ...form(/^\$argon2(?:id|i|d)\$/, `is a hash of argon2: ${CUSTOM} argon2`), algorithm: "argon2" },
  { ...form(/^\$pbkdf2-/, `is a hash of pbkdf2: ${CUSTOM} pbkdf2`), algorithm: "pbkdf2" },
  { ...form(/^\{S?(?:MD5|SHA\d*)\}/, `is a hash of LDAP: ${CUSTOM} ldap`), algorithm: "ldap" },
];

const DIGITS: readonly Form[] = [
  ["md5", 32],
  ["sha1", 40],
  ["sha256", 64],
  ["sha512", 128],
].map(([algorithm, digits]) =>
  form(
    new RegExp(`^[0-9A-Fa-f]{${digits}}$`),
    `looks like ${algorithm} in hexadecimal digits: ${CUSTOM} ${algorithm} and the encoding hex`,
  ),
);

/** In the salt or the hash of a text of the Password Hashing Competition (PHC). */
function inTail(pattern: RegExp, says: string, recipe?: string): Form {
  const isPhc = /^\$(?:pbkdf2|argon2)/;
  return {
    is: (value) =>
      isPhc.test(value) &&
      value
        .split("$")
        .slice(-2)
        .some((part) => pattern.test(part)),
    says: withHint(says, recipe),
  };
}

/** @param recipe the one that makes users of records with such hashes */
function form(pattern: RegExp, says: string, recipe?: string): Form {
  return { is: (value) => pattern.test(value), says: withHint(says, recipe) };
}

function withHint(says: string, recipe: string | undefined): string {
  return recipe === undefined ? says : says + recipeHint(recipe);
}

function decoded(value: string): Buffer {
  return Buffer.from(value, "base64");
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const MAX_ITERATIONS = 2 ** 24;

function isAspNetV3(value: string): boolean {
  if (!value.startsWith("AQAAAA") || !BASE64.test(value)) return false;
  const bytes = decoded(value);
  if (bytes.length < 13 + 16 + 16) return false;
  return (
    bytes.readUInt32BE(1) <= 2 && bytes.readUInt32BE(5) <= MAX_ITERATIONS && bytes.readUInt32BE(9) <= bytes.length - 13
  );
}

function isAspNetV2(value: string): boolean {
  return value.length === 68 && BASE64.test(value) && decoded(value).length === 49 && decoded(value)[0] === 0;
}

/**
 * What is to be said of a hash that is wrong where it stands, when it is in the form of another system: which one, and
 * what Auth0 takes. Quotes nothing of it.
 *
 * @param value of `password_hash`, or of `hash` in `custom_password_hash`
 * @param algorithm that the record says; none in `password_hash`
 */
export function foreignForm(value: string, algorithm: unknown): string | undefined {
  const kinds = KINDS.filter((kind) => kind.algorithm !== (algorithm ?? "bcrypt"));
  const digits = algorithm === undefined ? DIGITS : [];
  return [...FORMS, ...kinds, ...digits].find(({ is }) => is(value))?.says;
}
