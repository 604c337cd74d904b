import fc from "fast-check";

// Any record of a user, and what Auth0 may make of it.

export type Json = Record<string, unknown>;

// Texts in two spellings, with characters that lower-casing makes longer, and halves of characters.
const text = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
  fc.constantFrom("Amélie", "Ame\u0301lie", "İ", "ß", "½", "a\ud800b", "👩‍👩‍👧", "\u1e9b\u0323", "null", "false"),
);
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, min: -1e9, max: 1e9 }));
const key = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "toString", "plan", "lang"));
const { value } = fc.letrec<{ value: unknown; object: Json }>((tie) => ({
  object: fc.array(fc.tuple(key, tie("value")), { maxLength: 5 }).map(objectOf),
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    tie("object"),
    fc.array(tie("value"), { maxLength: 3 }),
  ),
}));
const metadata = fc.array(fc.tuple(key, value), { maxLength: 5 }).map(objectOf);
const email = fc.constantFrom("Jane@Example.com", "İpek@example.com", "o'brien@example.org", "JÜRGEN@example.de");

export const record = fc.record(
  {
    email,
    username: fc.constantFrom("Jane", "İPEK", "o_brien"),
    phone_number: fc.constantFrom("+12125550001", "+4930123"),
    user_metadata: metadata,
    app_metadata: metadata,
    name: fc.oneof(text, fc.constantFrom("", "jane@example.com")),
    given_name: text,
    family_name: text,
    nickname: fc.oneof(text, fc.constant("jane")),
    picture: fc.constantFrom("https://EXAMPLE.com:443/a/../b.png", "https://s.gravatar.com/avatar/1", "no URL"),
    email_verified: fc.boolean(),
    phone_verified: fc.boolean(),
    blocked: fc.boolean(),
  },
  { requiredKeys: [], noNullPrototype: true },
);

/** As JSON.parse makes it, so that `__proto__` is a key; of two that are one in NFC the first. */
function objectOf(entries: readonly (readonly [string, unknown])[]): Json {
  const seen = new Set<string>();
  const own = entries.filter(([name]) => {
    const spelling = name.replace(/\p{Surrogate}/gu, "\u{fffd}").normalize("NFC");
    return !seen.has(spelling) && seen.add(spelling);
  });
  return JSON.parse(`{${own.map(([name, each]) => `${JSON.stringify(name)}:${JSON.stringify(each)}`).join()}}`);
}

/** What Auth0 may make of what it is given. Each is known or assumed; none of it is a change. */
export interface Habits {
  readonly keepsNulls: boolean;
  readonly dropsEmpty: boolean;
  readonly dropsFalse: boolean;
  readonly reverses: boolean;
  readonly spelling: "as it is" | "NFC" | "NFD" | "well-formed";
}
export const habits: fc.Arbitrary<Habits> = fc.record({
  keepsNulls: fc.boolean(),
  dropsEmpty: fc.boolean(),
  dropsFalse: fc.boolean(),
  reverses: fc.boolean(),
  spelling: fc.constantFrom("as it is", "NFC", "NFD", "well-formed"),
});

export function asKept(said: Json, { keepsNulls, dropsEmpty, dropsFalse, reverses, spelling }: Habits): Json {
  const respelt = (each: string): string => {
    if (spelling === "as it is") return each;
    const sound = each.replace(/\p{Surrogate}/gu, "\u{fffd}");
    return spelling === "well-formed" ? sound : sound.normalize(spelling);
  };
  const kept = (each: unknown): unknown => {
    if (typeof each === "string") return respelt(each);
    if (Array.isArray(each)) return each.map(kept);
    if (typeof each !== "object" || each === null) return each;
    const entries = Object.entries(each)
      .filter(([, inner]) => keepsNulls || inner !== null)
      .map(([name, inner]) => [respelt(name), kept(inner)] as const);
    return objectOf(reverses ? entries.reverse() : entries);
  };
  const there: Json = {};
  for (const [attribute, each] of Object.entries(said)) {
    if (dropsFalse && each === false) continue;
    const isMetadata = attribute.endsWith("_metadata");
    const made = isMetadata || typeof each === "string" ? kept(each) : each;
    if (dropsEmpty && (made === "" || (isMetadata && Object.keys(made as Json).length === 0))) continue;
    const caseless = attribute === "email" || attribute === "username";
    there[attribute] = caseless ? (made as string).toLowerCase() : made;
  }
  // What a record does not say, Auth0 fills in or adds.
  const local = String(there.email ?? "jane@example.com").split("@")[0];
  there.name ??= there.email ?? "jane@example.com";
  there.nickname ??= local;
  there.picture ??= "https://s.gravatar.com/avatar/0?s=480";
  return { ...there, user_id: "auth0|1", created_at: "2026-01-01T00:00:00.000Z", identities: [], logins_count: 3 };
}

/** A change that nobody takes for the same, somewhere in a value. */
export function changed(each: unknown, where: number): unknown {
  if (typeof each === "string") return `${each}x`;
  if (typeof each === "boolean") return !each;
  if (typeof each === "number") return each + 1 === each ? 0 : each + 1;
  if (Array.isArray(each)) return each.length === 0 || where % 3 === 0 ? [...each, null] : each.slice(1);
  const entries = Object.entries((each ?? {}) as Json).filter(([, inner]) => inner !== null);
  if (entries.length === 0 || where % 4 === 0) return objectOf([["a new key", 1], ...entries]);
  const at = where % entries.length;
  const [name, inner] = entries[at] as [string, unknown];
  const others = entries.filter((_, i) => i !== at);
  return objectOf(where % 4 === 1 ? others : [...others, [name, changed(inner, Math.floor(where / 4))]]);
}
