import { hash } from "node:crypto";
import { ExactNumber } from "../json/exactNumber";

/**
 * Some bits of a keyed hash, as a whole number that a double holds exactly: a million of them take 8 MB as numbers,
 * and ten times that as texts.
 */
export type Fingerprint = number;

/** Of who a user is. Two users of one batch are mixed up with odds of 1 in 9,000 for a million users: see `Ledger`. */
const IDENTITY_BITS = 52;

/** Of a record's bytes as they stand in the file, and of an email: a change is missed with a probability of 2^-40. */
export const RECORD_BITS = 40;

/** Of a group of attributes: a change is missed with a probability of 2^-24. */
export const GROUP_BITS = 24;

/**
 * The one-shot hash of key and text. Not `createHmac`, which costs three times as much on a million short texts: the
 * only thing that HMAC adds is protection from length extension, and a truncated hash can't be extended.
 */
function keyed(key: string, purpose: string, text: string): string {
  return hash("sha256", `${key}\n${purpose}\n${text}`, "hex");
}

/** Digit by digit: `parseInt` of a slice takes a quarter of the time of the hash itself. */
function firstBits(digest: string, bits: number): Fingerprint {
  let value = 0;
  for (let i = 0; i < bits / 4; i++) {
    const code = digest.charCodeAt(i);
    value = 16 * value + (code < A ? code - ZERO : code - A + 10);
  }
  return value;
}

const ZERO = "0".charCodeAt(0);
const A = "a".charCodeAt(0);

/** What becomes of keys that are `null`. */
export type Nulls = "kept" | "dropped";

/** JSON with sorted keys, so that the order of attributes in a file, white space and the spelling of numbers mean nothing: of those that doubles keep. */
export function canonicalJson(value: unknown, nulls: Nulls = "kept"): string {
  return JSON.stringify(sorted(value, nulls === "dropped")) ?? "null";
}

/** Rebuilt and left to the native `JSON.stringify`: half the cost of putting the text together here. */
function sorted(value: unknown, withoutNulls: boolean): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof ExactNumber) return value.print;
  if (Array.isArray(value)) return value.map((each) => sorted(each, withoutNulls));
  const object = value as Record<string, unknown>;
  const keys = Object.keys(object).sort();
  // A null prototype, so that a key `__proto__` is a key like any other.
  const result = Object.create(null) as Record<string, unknown>;
  for (const key of keys) {
    if (withoutNulls && object[key] === null) continue;
    result[key] = sorted(object[key], withoutNulls);
  }
  return result;
}

/** Of a record that names no user. */
export const NO_IDENTITY: Fingerprint = 0;

/** Equal to that of no record: what was sent last is not known, or is to be sent again. */
export const NO_RECORD: Fingerprint = 0;

/** The fingerprint of who a user is, of the text that `identityOf` gives. */
export function identityFingerprint(key: string, identity: string): Fingerprint {
  return firstBits(keyed(key, "identity", identity), IDENTITY_BITS);
}

/** A second one, for a user whose first one another user of the same source has. */
export function secondIdentityFingerprint(key: string, identity: string): Fingerprint {
  return firstBits(keyed(key, "identity 2", identity), IDENTITY_BITS);
}

/** The fingerprint of what a record says in one group of attributes, or in all of them. */
export function contentFingerprint(key: string, group: string, value: unknown, bits: number): Fingerprint {
  return textFingerprint(key, group, canonicalJson(value), bits);
}

/** The same, of a value that is text already. */
export function textFingerprint(key: string, group: string, text: string, bits: number): Fingerprint {
  return firstBits(keyed(key, group, text), bits);
}

/** Fingerprints records by their JSON as it is spelt: cheap, and enough to pass over those that did not change. */
export class RecordHasher {
  readonly #start: number;
  #buffer: Buffer;

  constructor(key: string) {
    const prefix = Buffer.from(`${key}\nrecord\n`);
    this.#start = prefix.length;
    this.#buffer = Buffer.concat([prefix, Buffer.alloc(4096)]);
  }

  fingerprint(record: Buffer): Fingerprint {
    const end = this.#start + record.length;
    if (end > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(end)]);
    record.copy(this.#buffer, this.#start);
    return firstBits(hash("sha256", this.#buffer.subarray(0, end), "hex"), RECORD_BITS);
  }
}

/** Tells one key from another, and nothing else of it. */
export function keyId(key: string): string {
  return keyed(key, "key", "").slice(0, 16);
}

/**
 * The `user_id` of a user whose record has none: 24 hexadecimal digits, the form that Auth0 makes itself. The same
 * user gets the same id in every run, so that sending a record again can't make a second account. The connection is
 * part of it because ids should be unique in the whole tenant: the same users in a second connection need other ids.
 */
export function generatedUserId(key: string, connectionId: string, identity: string): string {
  return keyed(key, `user_id ${connectionId}`, identity).slice(0, 24);
}

/** The id that a user is sent with: the record's own, or else one that is made up; `undefined` where Auth0 makes it. */
export function sentUserId(
  { user_id }: { readonly user_id?: unknown },
  identity: string,
  { key, connectionId, generateUserIds }: { key: string; connectionId: string; generateUserIds: boolean },
): string | undefined {
  if (typeof user_id === "string") return user_id;
  return generateUserIds ? generatedUserId(key, connectionId, identity) : undefined;
}
