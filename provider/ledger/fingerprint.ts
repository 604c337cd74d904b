import { hash } from "node:crypto";
import { identityOf, type User } from "../schema/identity";

/** 64 bits of a keyed hash, as 16 hexadecimal digits. */
export type Fingerprint = string;

/**
 * The one-shot hash of key and text. Not `createHmac`, which costs three times as much on a million short texts: the
 * only thing that HMAC adds is protection from length extension, and a truncated hash can't be extended.
 */
function keyed(key: string, purpose: string, text: string): string {
  return hash("sha256", `${key}\n${purpose}\n${text}`, "hex");
}

/** JSON with sorted keys, so that the order of attributes in a file means nothing. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const object = value as Record<string, unknown>;
    return `{${Object.keys(object)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`)
      .join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/**
 * The keyed fingerprint of who a user is. A record without any identifier is its own identity, by its content; not by
 * its secrets, which the service masks when it tells of a failed record.
 */
export function identityFingerprint(key: string, user: User): Fingerprint {
  return keyed(key, "identity", identityOf(user) ?? canonicalJson(withoutSecrets(user))).slice(0, 16);
}

function withoutSecrets(user: User): User {
  const { password_hash: _, custom_password_hash: __, mfa_factors: ___, ...rest } = user;
  return rest;
}

/** The keyed fingerprint of a record's email, the key of an upsert. All zeros where it has none. */
export function emailFingerprint(key: string, { email }: User): Fingerprint {
  return typeof email === "string" ? keyed(key, "email", email.toLowerCase()).slice(0, 16) : NOTHING;
}

/** The fingerprint of nothing: equal to that of no record. */
export const NOTHING: Fingerprint = "0".repeat(16);

/** Tells one key from another, and nothing else of it. */
export function keyId(key: string): string {
  return keyed(key, "key", "").slice(0, 16);
}

/** The keyed fingerprint of everything that a record says. A change is missed with a probability of 2^-64. */
export function contentFingerprint(key: string, user: User): Fingerprint {
  return keyed(key, "content", canonicalJson(user)).slice(0, 16);
}

/**
 * The `user_id` of a user whose record has none: 24 hexadecimal digits, the form that Auth0 makes itself. The same
 * user gets the same id in every run, so that sending a record again can't make a second account. The connection is
 * part of it because ids are unique in the whole tenant: the same users in a second connection need other ids.
 */
export function generatedUserId(key: string, connectionId: string, identity: string): string {
  return keyed(key, `user_id ${connectionId}`, identity).slice(0, 24);
}
