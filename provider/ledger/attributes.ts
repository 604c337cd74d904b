import { identityOf, type User } from "../schema/identity";
import {
  canonicalJson,
  contentFingerprint,
  type Fingerprint,
  GROUP_BITS,
  type Nulls,
  RECORD_BITS,
  textFingerprint,
} from "./fingerprint";

/** The attributes that make up a user's profile; one group, since they change together. */
export const PROFILE = ["name", "given_name", "family_name", "nickname", "picture"] as const;
export type ProfileAttribute = (typeof PROFILE)[number];

/** Attributes that are true or false, and kept as they are. */
export const BOOLEANS = ["email_verified", "phone_verified", "blocked"] as const;
export type BooleanAttribute = (typeof BOOLEANS)[number];

/** What is compared as one, and each has a fingerprint of its own. The order is that of the ledger, and frozen. */
export const GROUPS = [
  "email",
  "username",
  "phone_number",
  "user_metadata",
  "app_metadata",
  "profile",
  "custom_password_hash",
  "mfa_factors",
  "password_hash",
] as const;
export type Group = (typeof GROUPS)[number];

/** What Auth0 keeps in lower case. */
const CASELESS: ReadonlySet<string> = new Set<Group>(["email", "username"]);

/** What a record says of its user, in fingerprints; or what the tenant has of a user, as far as is known. */
export interface Attributes {
  /** Of each group that there is; not of the attribute that the user is identified by. */
  readonly prints: { readonly [G in Group]?: Fingerprint };
  /** Which attributes of the profile there are. */
  readonly profile: readonly ProfileAttribute[];
  readonly booleans: { readonly [B in BooleanAttribute]?: Truth };
}

/** `unknown` where the tenant has one or the other, as nobody knows what came of an update: never said of a record. */
export type Truth = boolean | "unknown";

/** How many bits a group's fingerprint has. An email's has more: with another one an upsert would be about somebody else. */
export function printBits(group: Group): number {
  return group === "email" ? RECORD_BITS : GROUP_BITS;
}

/** @param identifiedBy the attribute that the user is identified by: the identity's fingerprint stands for it. */
export function attributesOf(key: string, user: User, identifiedBy: string | undefined): Attributes {
  const prints: { [G in Group]?: Fingerprint } = {};
  // Without it, users who have the same in one group, such as a hash without salt, could be told from the ledger.
  const whose = identityOf(user) ?? "";
  const profile = PROFILE.filter((attribute) => user[attribute] !== undefined);
  for (const group of GROUPS) {
    if (group === identifiedBy) continue;
    const value = attributeOf(user, group, profile);
    if (value !== undefined) prints[group] = contentFingerprint(key, purposeOf(group, whose), value, printBits(group));
  }
  const booleans: { [B in BooleanAttribute]?: boolean } = {};
  for (const attribute of BOOLEANS) {
    const value = user[attribute];
    if (typeof value === "boolean") booleans[attribute] = value;
  }
  return { prints, profile, booleans };
}

/** An email is one user's alone, and has to be found without knowing whose. */
function purposeOf(group: Group, whose: string): string {
  return group === "email" ? group : `${group} of ${whose}`;
}

function attributeOf(user: User, group: Group, profile: readonly ProfileAttribute[]): unknown {
  if (group === "profile") {
    return profile.length === 0 ? undefined : profile.map((attribute) => [attribute, user[attribute]]);
  }
  return asKept(group, user[group]);
}

function asKept(attribute: string, value: unknown): unknown {
  return CASELESS.has(attribute) && typeof value === "string" ? value.toLowerCase() : value;
}

/**
 * The print of what one group of a user says: `undefined` where it says nothing, which is no attribute, or metadata
 * without a key.
 *
 * @param whose as `identityOf` names the user of the record.
 * @param value for `profile` an object with its attributes.
 * @param nulls version 0.1 took nulls and empty texts for something.
 */
export function groupPrint(
  key: string,
  whose: string,
  group: Group,
  value: unknown,
  nulls: Nulls = "dropped",
): Fingerprint | undefined {
  const isSaid = (each: unknown) => each !== undefined && (nulls === "kept" || (each !== null && each !== ""));
  let said = value;
  if (group === "profile") {
    const stated = value as Partial<Record<ProfileAttribute, unknown>>;
    const pairs = PROFILE.filter((attribute) => isSaid(stated[attribute])).map((name) => [name, stated[name]]);
    said = pairs.length === 0 ? undefined : pairs;
  }
  if (!isSaid(said)) return undefined;
  const text = canonicalJson(asKept(group, said), nulls);
  if (nulls === "dropped" && text === "{}") return undefined;
  return textFingerprint(key, purposeOf(group, whose), text, printBits(group));
}

/** The fingerprint of a user's email, as `attributesOf` makes it. */
export function emailFingerprint(key: string, email: string): Fingerprint {
  return contentFingerprint(key, "email", email.toLowerCase(), printBits("email"));
}

/** The fingerprint of all that a record says. */
export function wholeFingerprint(key: string, user: User): Fingerprint {
  const kept = Object.fromEntries(
    Object.entries(user).map(([attribute, value]) => [attribute, asKept(attribute, value)]),
  );
  return contentFingerprint(key, "record", kept, RECORD_BITS);
}
