import { createHash, createHmac, pbkdf2Sync, scryptSync } from "node:crypto";
import { argon2i, argon2id, bcrypt, md4 } from "hash-wasm";
import type { GeneratedUser } from "./generate-users";

/** The password of a generated user. */
export interface KnownPassword {
  /** The user's email. */
  username: string;
  password: string;
  /** How it is hashed, in a few words. */
  algorithm: string;
}

type Hashes = Pick<GeneratedUser, "password_hash" | "custom_password_hash">;
type Hash = (password: Buffer, salt: Buffer) => Promise<Hashes> | Hashes;

/** Every algorithm that Auth0 takes, in the forms that systems have them in. Few rounds: nobody is to be kept out. */
const ALGORITHMS: Record<string, Hash> = {
  "bcrypt, 10 rounds": async (password, salt) => ({ password_hash: await byBcrypt(password, salt, 10) }),
  "bcrypt as PHP writes it": async (password, salt) =>
    text("bcrypt", (await byBcrypt(password, salt, 8)).replace("$2b$", "$2y$")),
  // Devise's pepper.
  "bcrypt with a salt behind the password": async (password, salt) => ({
    custom_password_hash: {
      algorithm: "bcrypt",
      hash: { value: await byBcrypt(Buffer.concat([password, Buffer.from("pepper")]), salt, 8) },
      salt: { value: "pepper", position: "suffix" },
    },
  }),
  argon2id: async (password, salt) => text("argon2", await argon2id(ofArgon2(password, salt))),
  argon2i: async (password, salt) => text("argon2", await argon2i(ofArgon2(password, salt))),
  "pbkdf2 of sha1": (password, salt) => byPbkdf2(password, salt, "sha1", 20),
  "pbkdf2 of sha256": (password, salt) => byPbkdf2(password, salt, "sha256", 32),
  "pbkdf2 of sha512": (password, salt) => byPbkdf2(password, salt, "sha512", 64),
  scrypt: (password, salt) => ({
    custom_password_hash: {
      algorithm: "scrypt",
      hash: hex(scryptSync(password, salt, 64, { N: 4096, r: 8, p: 1 })),
      salt: { value: salt.toString("base64"), encoding: "base64" },
      keylen: 64,
      cost: 4096,
    },
  }),
  "hmac of sha256": (password) => ({
    custom_password_hash: {
      algorithm: "hmac",
      hash: { ...hex(createHmac("sha256", "key").update(password).digest()), digest: "sha256", key: { value: "key" } },
    },
  }),
  "ldap, SSHA": (password, salt) => byLdap(password, salt, "SSHA", "sha1"),
  "ldap, SSHA512": (password, salt) => byLdap(password, salt, "SSHA512", "sha512"),
  "ldap, MD5": (password) => byLdap(password, Buffer.alloc(0), "MD5", "md5"),
  "sha512, salt before the password": (password, salt) => digest("sha512", Buffer.concat([salt, password]), salt),
  "sha256, salt behind the password": (password, salt) =>
    digest("sha256", Buffer.concat([password, salt]), salt, "suffix"),
  "sha1 of UTF-16": (password) => {
    const hash = createHash("sha1").update(password.toString(), "utf16le").digest();
    return { custom_password_hash: { algorithm: "sha1", hash: hex(hash), password: { encoding: "utf16le" } } };
  },
  md5: (password) => digest("md5", password),
  md4: async (password) => ({
    custom_password_hash: { algorithm: "md4", hash: { value: await md4(password), encoding: "hex" } },
  }),
};

// Each has something that a table, a form or an encoding may lose.
const WORDS = [
  "correct horse",
  "'battery",
  "staple,",
  'so "called"',
  "Müller",
  "パスワード",
  " led by a space",
  "=1+1",
  "🔑 key",
];

/**
 * Gives users passwords that are known, by one algorithm after another.
 *
 * @param random the next of a row of 32-bit numbers
 */
export async function giveKnownPassword(
  user: GeneratedUser,
  index: number,
  random: () => number,
): Promise<KnownPassword> {
  const names = Object.keys(ALGORITHMS);
  const algorithm = names[index % names.length] as string;
  const password = `${WORDS[random() % WORDS.length]} ${random().toString(36)}`;
  const salt = Buffer.from(Uint32Array.of(random(), random(), random(), random()).buffer);
  delete user.password_hash;
  delete user.custom_password_hash;
  Object.assign(user, await (ALGORITHMS[algorithm] as Hash)(Buffer.from(password), salt));
  return { username: user.email ?? "", password, algorithm };
}

/** The answer key as CSV (RFC 4180), as `sign-in` takes it. */
export function toCsv(keys: readonly KnownPassword[]): string {
  const rows = [
    ["username", "password", "algorithm"],
    ...keys.map(({ username, password, algorithm }) => [username, password, algorithm]),
  ];
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function text(algorithm: string, value: string): Hashes {
  return { custom_password_hash: { algorithm, hash: { value } } };
}

function hex(hash: Buffer) {
  return { value: hash.toString("hex"), encoding: "hex" };
}

function digest(algorithm: string, data: Buffer, salt?: Buffer, position?: string): Hashes {
  return {
    custom_password_hash: {
      algorithm,
      hash: hex(createHash(algorithm).update(data).digest()),
      ...(salt && { salt: { value: salt.toString("hex"), encoding: "hex", ...(position && { position }) } }),
    },
  };
}

async function byBcrypt(password: Buffer, salt: Buffer, rounds: number): Promise<string> {
  const hash = await bcrypt({ password, salt, costFactor: rounds, outputType: "encoded" });
  return hash.replace("$2a$", "$2b$");
}

function ofArgon2(password: Buffer, salt: Buffer) {
  return {
    password,
    salt,
    iterations: 2,
    parallelism: 1,
    memorySize: 1024,
    hashLength: 32,
    outputType: "encoded" as const,
  };
}

function byPbkdf2(password: Buffer, salt: Buffer, name: string, length: number): Hashes {
  const hash = pbkdf2Sync(password, salt, 10_000, length, name);
  const [saltText, hashText] = [salt, hash].map((bytes) => bytes.toString("base64").replace(/=+$/, ""));
  return text("pbkdf2", `$pbkdf2-${name}$i=10000,l=${length}$${saltText}$${hashText}`);
}

function byLdap(password: Buffer, salt: Buffer, scheme: string, name: string): Hashes {
  const hash = createHash(name)
    .update(Buffer.concat([password, salt]))
    .digest();
  return text("ldap", `{${scheme}}${Buffer.concat([hash, salt]).toString("base64")}`);
}
