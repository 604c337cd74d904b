import { createHash, createHmac, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import {
  createHMAC,
  createMD4,
  createRIPEMD160,
  createWhirlpool,
  type IHasher,
  pbkdf2 as pbkdf2OfHasher,
} from "hash-wasm";

/** What OpenSSL 3 has no more, or not in every build of Node. */
const legacy: Record<string, () => Promise<IHasher>> = {
  md4: createMD4,
  ripemd160: createRIPEMD160,
  whirlpool: createWhirlpool,
};

/** OpenSSL's other names for a digest, in lower case, beside `rsa-…` and `…withrsaencryption`. */
const aliases: Record<string, string> = {
  ripemd: "ripemd160",
  rmd160: "ripemd160",
  "sha1-2": "sha1",
  "ssl3-md5": "md5",
  "ssl3-sha1": "sha1",
};

/** The digest that is meant: `RSA-SHA256` and `sha256WithRSAEncryption` are sha256. */
export function plainName(digest: string): string {
  const name = digest
    .toLowerCase()
    .replace(/^rsa-/, "")
    .replace(/withrsa(encryption)?$/, "");
  return aliases[name] ?? name;
}

/** @throws Error for a digest that there is none of */
export async function digestOf(digest: string, data: Buffer): Promise<Uint8Array> {
  const create = legacy[digest];
  if (!create) return createHash(digest).update(data).digest();
  const hasher = await create();
  return hasher.init().update(data).digest("binary");
}

/** @throws Error for a digest that there is none of */
export async function hmacOf(digest: string, key: Buffer, data: Buffer): Promise<Uint8Array> {
  const create = legacy[digest];
  if (!create) return createHmac(digest, key).update(data).digest();
  const hasher = await createHMAC(create(), key);
  return hasher.init().update(data).digest("binary");
}

/** @throws Error for a digest that there is none of */
export async function pbkdf2Of(
  digest: string,
  password: Buffer,
  salt: Buffer,
  iterations: number,
  length: number,
): Promise<Uint8Array> {
  const create = legacy[digest];
  if (!create) return promisify(pbkdf2)(password, salt, iterations, length, digest);
  return pbkdf2OfHasher({
    password,
    salt,
    iterations,
    hashLength: length,
    hashFunction: create(),
    outputType: "binary",
  });
}
