import assert from "node:assert/strict";
import { argon2i, argon2id } from "@noble/hashes/argon2.js";
import { hmac } from "@noble/hashes/hmac.js";
import { md5, ripemd160, sha1 } from "@noble/hashes/legacy.js";
import { pbkdf2 } from "@noble/hashes/pbkdf2.js";
import { scrypt } from "@noble/hashes/scrypt.js";
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { hashSync as bcrypt } from "bcrypt";
import fc from "fast-check";
import { type LegacyHash, legacyHashes } from "./support/legacyHashes";
import { assertPasswordsFit, type KnownPassword } from "./support/signIn";

// Nothing here is hashed by what the emulator uses for the same: Node's own module or hash-wasm.
const noble = { md5, ripemd160, sha1, sha224, sha256, sha384, sha512 };
const hmacDigests = ["md4", "md5", "ripemd160", "sha1", "sha224", "sha256", "sha384", "sha512", "whirlpool"];

type Json = Record<string, unknown>;

/** A hash to be made, and what becomes of it. */
interface Recipe {
  readonly password: string;
  readonly hash: Uint8Array | LegacyHash;
  toCustomHash(hash: Buffer): Json;
}

/** What is chosen at random for one record. */
interface Chance {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly saltText: string;
  /** Which way to write it, where there are several. */
  readonly way: number;
}

const chance: fc.Arbitrary<Chance> = fc.record({
  password: fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
    // Longer than bcrypt reads.
    fc.string({ unit: "binary-ascii", minLength: 80, maxLength: 100 }).map((text) => `pass${text}`),
  ),
  salt: fc.uint8Array({ minLength: 8, maxLength: 16 }),
  saltText: fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
  way: fc.nat(),
});

const passwordEncodings = [undefined, "ascii", "utf8", "utf16le", "ucs2", "latin1", "binary"] as const;
type PasswordEncoding = (typeof passwordEncodings)[number];

/** Written out, as Node's own conversion is what the emulator uses. */
function bytesOf(password: string, encoding: PasswordEncoding): Uint8Array {
  if (encoding === undefined || encoding === "utf8") return new TextEncoder().encode(password);
  const units = Array.from({ length: password.length }, (_, i) => password.charCodeAt(i));
  const isWide = encoding === "utf16le" || encoding === "ucs2";
  return Uint8Array.from(units.flatMap((unit) => (isWide ? [unit & 255, unit >> 8] : [unit & 255])));
}

function withEncoding(encoding: PasswordEncoding): Json {
  return encoding === undefined ? {} : { password: { encoding } };
}

/** Hex in both cases; base64 with and without padding, also URL-safe. */
function encode(bytes: Uint8Array, encoding: "hex" | "base64", way: number): string {
  const buffer = Buffer.from(bytes);
  if (encoding === "hex") return way % 2 === 0 ? buffer.toString("hex") : buffer.toString("hex").toUpperCase();
  const base64 = buffer.toString("base64");
  return [base64, base64.replace(/=+$/, ""), buffer.toString("base64url")][way % 3] as string;
}

const unpadded = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");

/** Bytes as they stand in a record: in one of the encodings, or as text, with and without saying so. */
function encoded({ salt, saltText, way }: Chance): { bytes: Uint8Array; json: Json } {
  const encoding = (["hex", "base64", "utf8", undefined] as const)[way % 4];
  const isText = encoding === undefined || encoding === "utf8";
  const value = isText ? saltText : encode(salt, encoding, way >> 2);
  return { bytes: isText ? new TextEncoder().encode(saltText) : salt, json: { value, ...(encoding && { encoding }) } };
}

const positions = ["none", undefined, "prefix", "suffix"] as const;

/** What is hashed, and the salt as the record says it. */
function salted(password: Uint8Array, position: (typeof positions)[number], random: Chance) {
  if (position === "none") return { data: password, json: {} };
  const { bytes, json } = encoded(random);
  const data = Buffer.concat(position === "suffix" ? [password, bytes] : [bytes, password]);
  return { data, json: { salt: { ...json, ...(position && { position }) } } };
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const isNoble = (digest: string): digest is keyof typeof noble => digest in noble;

function digestOf(digest: string, data: Uint8Array): Uint8Array | LegacyHash {
  return isNoble(digest) ? noble[digest](data) : { digest, data: base64(data) };
}

type Maker = (random: Chance) => Recipe;

function* bareDigests(): Generator<Maker> {
  for (const algorithm of ["md4", "md5", "sha1", "sha256", "sha512"]) {
    for (const encoding of ["hex", "base64"] as const) {
      for (const position of positions) {
        for (const passwordEncoding of passwordEncodings) {
          yield (random) => {
            const { data, json } = salted(bytesOf(random.password, passwordEncoding), position, random);
            return {
              password: random.password,
              hash: digestOf(algorithm, data),
              toCustomHash: (hash) => ({
                algorithm,
                hash: { value: encode(hash, encoding, random.way), encoding },
                ...json,
                ...withEncoding(passwordEncoding),
              }),
            };
          };
        }
      }
    }
  }
}

function* hmacs(): Generator<Maker> {
  for (const digest of hmacDigests) {
    for (const encoding of ["hex", "base64"] as const) {
      for (const passwordEncoding of passwordEncodings) {
        yield (random) => {
          const key = encoded(random);
          const data = bytesOf(random.password, passwordEncoding);
          const legacy = { digest, data: base64(data), key: base64(key.bytes) };
          return {
            password: random.password,
            hash: isNoble(digest) ? hmac(noble[digest], key.bytes, data) : legacy,
            toCustomHash: (hash) => ({
              algorithm: "hmac",
              hash: { value: encode(hash, encoding, random.way), encoding, digest, key: key.json },
              ...withEncoding(passwordEncoding),
            }),
          };
        };
      }
    }
  }
}

function* bcrypts(): Generator<Maker> {
  for (const prefix of ["$2a$", "$2b$", "$2y$"]) {
    for (const position of positions) {
      for (const passwordEncoding of passwordEncodings) {
        yield (random) => {
          const { data, json } = salted(bytesOf(random.password, passwordEncoding), position, random);
          const text = bcrypt(Buffer.from(data), 4).replace("$2b$", prefix);
          return {
            password: random.password,
            hash: new Uint8Array(),
            toCustomHash: () => ({
              algorithm: "bcrypt",
              hash: { value: text, ...(random.way % 2 && { encoding: "utf8" }) },
              ...json,
              ...withEncoding(passwordEncoding),
            }),
          };
        };
      }
    }
  }
}

/** Those whose salt is in the text of the hash. */
function text(algorithm: string, make: (password: Uint8Array, random: Chance) => [Recipe["hash"], string]) {
  return passwordEncodings.map(
    (encoding): Maker =>
      (random) => {
        const [hash, prefix] = make(bytesOf(random.password, encoding), random);
        const isBase64Padded = algorithm === "ldap";
        return {
          password: random.password,
          hash,
          toCustomHash: (bytes) => ({
            algorithm,
            hash: { value: `${prefix}${isBase64Padded ? base64(bytes) : unpadded(bytes)}` },
            ...withEncoding(encoding),
          }),
        };
      },
  );
}

function* argon2s(): Generator<Maker> {
  for (const [name, argon2] of Object.entries({ argon2i, argon2id })) {
    yield* text("argon2", (password, { salt, way }) => {
      const [t, p] = [1 + (way % 2), 1 + (way % 3)];
      const parameters = { t, p, m: 8 * p, dkLen: 16 + (way % 32) };
      return [argon2(password, salt, parameters), `$${name}$v=19$m=${8 * p},t=${t},p=${p}$${unpadded(salt)}$`];
    });
  }
}

/** Other names that mean the plain digest. */
const aliases: Record<string, string> = {
  "RSA-SHA256": "sha256",
  sha512WithRSAEncryption: "sha512",
  rmd160: "ripemd160",
};

function* pbkdf2s(): Generator<Maker> {
  for (const name of [...hmacDigests, ...Object.keys(aliases)]) {
    const digest = aliases[name] ?? name;
    yield* text("pbkdf2", (password, { salt, way }) => {
      const iterations = 1 + (way % 20);
      const length = 16 + (way % 60);
      const legacy = { digest, data: base64(password), pbkdf2: { salt: base64(salt), iterations, length } };
      const hash = isNoble(digest) ? pbkdf2(noble[digest], password, salt, { c: iterations, dkLen: length }) : legacy;
      return [hash, `$pbkdf2-${name}$i=${iterations},l=${length}$${unpadded(salt)}$`];
    });
  }
}

function* ldaps(): Generator<Maker> {
  const digests = { MD5: md5, SHA: sha1, SHA224: sha224, SHA256: sha256, SHA384: sha384, SHA512: sha512 };
  for (const [scheme, digest] of Object.entries(digests)) {
    yield* text("ldap", (password) => [digest(password), `{${scheme}}`]);
    yield* text("ldap", (password, { salt }) => {
      return [Buffer.concat([digest(Buffer.concat([password, salt])), salt]), `{S${scheme}}`];
    });
  }
}

function* scrypts(): Generator<Maker> {
  for (const encoding of ["hex", "base64"] as const) {
    for (const hasSalt of [true, false]) {
      for (const passwordEncoding of passwordEncodings) {
        yield (random) => {
          const { bytes, json } = encoded(random);
          const [N, r, p, dkLen] = [
            2 << (random.way % 6),
            1 + (random.way % 8),
            1 + (random.way % 3),
            16 + (random.way % 50),
          ];
          const password = bytesOf(random.password, passwordEncoding);
          return {
            password: random.password,
            hash: scrypt(password, hasSalt ? bytes : new Uint8Array(), { N, r, p, dkLen }),
            toCustomHash: (hash) => ({
              algorithm: "scrypt",
              hash: { value: encode(hash, encoding, random.way), encoding },
              ...(hasSalt && { salt: json }),
              ...withEncoding(passwordEncoding),
              keylen: dkLen,
              cost: N,
              blockSize: r,
              parallelization: p,
            }),
          };
        };
      }
    }
  }
}

describe("the emulator verifies any password", () => {
  const algorithms = { bareDigests, hmacs, bcrypts, argon2s, pbkdf2s, ldaps, scrypts };
  for (const [name, makers] of Object.entries(algorithms)) {
    it(`of ${name}, in every encoding of hash, salt and password`, async () => {
      const all = [...makers()];
      const recipes = fc.sample(chance, all.length).map((random, i) => (all[i] as Maker)(random));
      await assertPasswordsFit(known(recipes));
    });
  }
});

/** Makes the hashes; those that take another process all at once. */
function known(recipes: readonly Recipe[]): KnownPassword[] {
  const isLegacy = (hash: Recipe["hash"]): hash is LegacyHash => "digest" in hash;
  const made = legacyHashes(recipes.map(({ hash }) => hash).filter(isLegacy));
  const known = recipes.map(({ password, hash, toCustomHash }, i) => {
    const bytes = isLegacy(hash) ? (made.shift() as Buffer) : Buffer.from(hash);
    return { user: { email: `user${i}@example.com`, custom_password_hash: toCustomHash(bytes) }, password };
  });
  assert.equal(made.length, 0);
  return known;
}
