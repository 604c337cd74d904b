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
  "roles",
  "organizations",
] as const;
export type Group = (typeof GROUPS)[number];

/** What Auth0 keeps in lower case. */
const CASELESS: ReadonlySet<string> = new Set<Group>(["email", "username"]);

/** What a record says of its user, in fingerprints; or what it said, as far as is known. */
export interface Attributes {
  /** Of each group that there is; not of the attribute that the user is identified by. */
  readonly prints: { readonly [G in Group]?: Fingerprint };
  /** Which attributes the print of the profile is of. */
  readonly profile: readonly ProfileAttribute[];
  readonly booleans: { readonly [B in BooleanAttribute]?: Truth };
  /**
   * Groups of which nobody knows what was said, since an answer was lost. Where such a group has a print, a record that has
   * it did not change, and of any other nothing follows. Never of a record.
   */
  readonly unknown?: readonly Group[];
  /** Of a record: the prints of its groups as version 0.1 took them, where that is another one. Not kept. */
  readonly former?: { readonly [G in Group]?: Fingerprint };
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
  const former: { [G in Group]?: Fingerprint } = {};
  const whose = identityOf(user) ?? "";
  for (const group of GROUPS) {
    if (group === identifiedBy) continue;
    const value = group === "profile" ? user : user[group];
    const print = groupPrint(key, whose, group, value);
    if (print === undefined) continue;
    prints[group] = print;
    if (isMetadata(group) && hasNull(value))
      former[group] = groupPrint(key, whose, group, value, "kept") as Fingerprint;
  }
  const booleans: { [B in BooleanAttribute]?: boolean } = {};
  for (const attribute of BOOLEANS) {
    const value = user[attribute];
    if (typeof value === "boolean") booleans[attribute] = value;
  }
  const profile = PROFILE.filter((attribute) => isSaid(user[attribute]));
  return { prints, profile, booleans, ...(Object.keys(former).length === 0 ? {} : { former }) };
}

/** Whether a record has the print that is known of a group, as it is taken now or as version 0.1 took it. */
export function hasPrint({ prints, former }: Attributes, known: Attributes, group: Group): boolean {
  const print = known.prints[group];
  return prints[group] === print || (print !== undefined && former?.[group] === print);
}

/**
 * The print of what one group of a user says; `undefined` where it says nothing. In metadata a key that is `null` is none,
 * at any depth: nobody says what Auth0 makes of it.
 *
 * @param whose as `identityOf` names the user of the record. Without it, users who have the same in one group, such as a
 *   hash without salt, could be told from the ledger.
 * @param value for `profile` an object with its attributes.
 * @param nulls `kept` as version 0.1 took them.
 */
export function groupPrint(
  key: string,
  whose: string,
  group: Group,
  value: unknown,
  nulls: Nulls = "dropped",
): Fingerprint | undefined {
  const said = group === "profile" ? pairsOf(value as User) : asKept(group, value);
  if (!isSaid(said)) return undefined;
  const text = canonicalJson(said, isMetadata(group) ? nulls : "kept");
  return textFingerprint(key, purposeOf(group, whose), text, printBits(group));
}

function pairsOf(user: User): unknown {
  const pairs = PROFILE.filter((attribute) => isSaid(user[attribute])).map((attribute) => [attribute, user[attribute]]);
  return pairs.length === 0 ? undefined : pairs;
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isMetadata(group: Group): boolean {
  return group === "user_metadata" || group === "app_metadata";
}

function hasNull(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === null;
  for (const key in value) if (hasNull((value as Record<string, unknown>)[key])) return true;
  return false;
}

/** An email is one user's alone, and has to be found without knowing whose. */
function purposeOf(group: Group, whose: string): string {
  return group === "email" ? group : `${group} of ${whose}`;
}

function asKept(attribute: string, value: unknown): unknown {
  return CASELESS.has(attribute) && typeof value === "string" ? value.toLowerCase() : value;
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
