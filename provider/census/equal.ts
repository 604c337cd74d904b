import { ExactNumber } from "../json/exactNumber";
import { BOOLEANS, type BooleanAttribute, type Group, PROFILE } from "../ledger/attributes";
import type { User } from "../schema/identity";
import { MAX_DEPTH } from "../source/depth";

/*
 * What a users file says, beside what the tenant has: when the two count as equal. Pure; nothing is read here.
 *
 * - Only what the record states is compared. Attributes that it lacks are no statement, and neither is an empty text.
 * - Absent in the tenant are a missing attribute, `null`, `""`, metadata without any key, and `false`. In metadata a key
 *   that is `null` is a missing key, at any depth: nobody says what Auth0 makes of it.
 * - Numbers are doubles. Metadata with a number that no double keeps can't be compared, and neither can what is nested
 *   deeper than a record may be: `unknown`.
 * - Texts are compared by code points. What is equal after NFC only, or after lone surrogates have become U+FFFD, is
 *   `spelling`: no difference, but told. Emails and usernames are compared in lower case, by no locale; pictures as URLs,
 *   too.
 * - Dates are texts. Ids are not compared here, hashes and factors nowhere: a tenant does not give them away.
 */

/** A user as the tenant has it: a line of an export, or the answer of a single read (Auth0's names of attributes). */
export type TenantRecord = Readonly<Record<string, unknown>>;

/** The attributes that can be read back. */
export const COMPARED = [
  "email",
  "username",
  "phone_number",
  "user_metadata",
  "app_metadata",
  ...PROFILE,
  ...BOOLEANS,
] as const satisfies readonly (Group | (typeof PROFILE)[number] | BooleanAttribute)[];
export type ComparedAttribute = (typeof COMPARED)[number];

/** How two values stand to each other: `unknown` where doubles can't tell. */
export type Likeness = "same" | "spelling" | "other" | "unknown";

/** An attribute of a record of which the tenant has something else, or the same in another spelling. */
export interface Unlike {
  readonly attribute: ComparedAttribute;
  readonly likeness: Exclude<Likeness, "same">;
}

/** What of a record the tenant does not have just so, in the order of {@link COMPARED}. */
export function compareUser(said: User, there: TenantRecord): Unlike[] {
  const unlike: Unlike[] = [];
  for (const attribute of COMPARED) {
    if (!isStated(said[attribute])) continue;
    const likeness = compareAttribute(attribute, said[attribute], there[attribute]);
    if (likeness !== "same") unlike.push({ attribute, likeness });
  }
  return unlike;
}

/** Whether a record says anything with this value of an attribute. */
export function isStated(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

/** How a value of a record and one of the tenant stand to each other; either may be absent. */
export function compareAttribute(attribute: ComparedAttribute, said: unknown, there: unknown): Likeness {
  if (isBoolean(attribute)) return (said === true) === (there === true) ? "same" : "other";
  const [a, b] = [normalValue(attribute, said), normalValue(attribute, there)];
  if (a === undefined || b === undefined) return a === b ? "same" : "other";
  if (isMetadata(attribute) && (isIncomparable(a) || isIncomparable(b))) return "unknown";
  if (attribute === "picture" && isSameUrl(a, b)) return "same";
  return compareJson(a, b);
}

export function isMetadata(attribute: string): attribute is "user_metadata" | "app_metadata" {
  return attribute === "user_metadata" || attribute === "app_metadata";
}

function isBoolean(attribute: ComparedAttribute): attribute is BooleanAttribute {
  return (BOOLEANS as readonly string[]).includes(attribute);
}

/** What Auth0 keeps in lower case. */
const CASELESS: ReadonlySet<string> = new Set(["email", "username"]);

/**
 * A value in the form in which it is compared: `undefined` where it is absent, in lower case where case means nothing.
 * Nulls inside of metadata are left in place; who compares passes over them.
 */
export function normalValue(attribute: string, value: unknown): unknown {
  if (!isStated(value)) return undefined;
  if (isMetadata(attribute)) return isEmptyObject(value) ? undefined : value;
  return typeof value === "string" && CASELESS.has(attribute) ? value.toLowerCase() : value;
}

function isEmptyObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  for (const key in value) if ((value as Record<string, unknown>)[key] !== null) return false;
  return true;
}

/**
 * Whether a value can't be compared with what another program made of it: it holds a number that a double may have changed
 * on its way, which is a whole one beyond 2^53 or one too large for any; or it is nested deeper than a record may be. What
 * JSON.parse has made of it is all that is seen here.
 */
export function isIncomparable(value: unknown, levels: number = MAX_DEPTH): boolean {
  if (typeof value === "number") return isInexact(value);
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0 || value instanceof ExactNumber) return true;
  for (const key in value) if (isIncomparable((value as Record<string, unknown>)[key], levels - 1)) return true;
  return false;
}

/** See {@link isIncomparable}. */
export function isInexact(value: number): boolean {
  return !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
}

/** How two values of JSON stand to each other, wherever in a record they are. */
export function compareJson(a: unknown, b: unknown): Exclude<Likeness, "unknown"> {
  if (isSameJson(a, b)) return "same";
  return isSameJson(spelt(a), spelt(b)) ? "spelling" : "other";
}

type JsonObject = Readonly<Record<string, unknown>>;

function isSameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, i) => isSameJson(each, b[i]))
    );
  }
  const [left, right] = [a as JsonObject, b as JsonObject];
  let keys = 0;
  for (const key in left) {
    if (left[key] === null) continue;
    keys++;
    // What every object inherits is no key of the tenant's.
    if (!Object.hasOwn(right, key) || !isSameJson(left[key], right[key])) return false;
  }
  for (const key in right) if (right[key] !== null) keys--;
  return keys === 0;
}

/** The same in the one spelling that all others of it have in common: NFC, and U+FFFD where half a character is missing. */
function spelt(value: unknown): unknown {
  if (typeof value === "string") return speltText(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(spelt);
  const entries = Object.entries(value).map(([key, each]) => [speltText(key), spelt(each)] as const);
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, each] of entries) {
    // Two keys that only their spelling tells apart are two.
    if (key in object) return value;
    object[key] = each;
  }
  return object;
}

function speltText(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\u{fffd}").normalize("NFC");
}

function isSameUrl(a: unknown, b: unknown): boolean {
  if (typeof a !== "string" || typeof b !== "string" || !URL.canParse(a) || !URL.canParse(b)) return false;
  return new URL(a).href === new URL(b).href;
}
