import { execFileSync } from "node:child_process";

/** A digest, an HMAC where it has a key, or PBKDF2 where it has iterations. Bytes are in base64. */
export interface LegacyHash {
  readonly digest: string;
  readonly data: string;
  readonly key?: string;
  readonly pbkdf2?: { readonly salt: string; readonly iterations: number; readonly length: number };
}

const program = `
const { createHash, createHmac, pbkdf2Sync } = require("node:crypto");
const bytes = (text) => Buffer.from(text, "base64");
const hash = ({ digest, data, key, pbkdf2 }) =>
  pbkdf2 ? pbkdf2Sync(bytes(data), bytes(pbkdf2.salt), pbkdf2.iterations, pbkdf2.length, digest)
  : key === undefined ? createHash(digest).update(bytes(data)).digest()
  : createHmac(digest, bytes(key)).update(bytes(data)).digest();
const wanted = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(wanted.map((each) => hash(each).toString("base64"))));
`;

/** By OpenSSL, which has md4, ripemd160 and whirlpool only where a process asks for its old algorithms. */
export function legacyHashes(wanted: readonly LegacyHash[]): Buffer[] {
  const input = JSON.stringify(wanted);
  const output = execFileSync(process.execPath, ["--openssl-legacy-provider", "-e", program], { input });
  return (JSON.parse(output.toString()) as string[]).map((text) => Buffer.from(text, "base64"));
}
