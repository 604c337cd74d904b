import assert from "node:assert/strict";
import fc from "fast-check";
import { isDefault } from "../../provider/census/defaults";
import { COMPARED, compareUser } from "../../provider/census/equal";

type Json = Record<string, unknown>;

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

const record = fc.record(
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
interface Habits {
  readonly keepsNulls: boolean;
  readonly dropsEmpty: boolean;
  readonly dropsFalse: boolean;
  readonly reverses: boolean;
  readonly spelling: "as it is" | "NFC" | "NFD" | "well-formed";
}
const habits: fc.Arbitrary<Habits> = fc.record({
  keepsNulls: fc.boolean(),
  dropsEmpty: fc.boolean(),
  dropsFalse: fc.boolean(),
  reverses: fc.boolean(),
  spelling: fc.constantFrom("as it is", "NFC", "NFD", "well-formed"),
});

function asKept(said: Json, { keepsNulls, dropsEmpty, dropsFalse, reverses, spelling }: Habits): Json {
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
function changed(each: unknown, where: number): unknown {
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

describe("a record beside what the tenant has", () => {
  it("is equal whatever Auth0 is known or assumed to make of it", () => {
    fc.assert(
      fc.property(record, habits, (said, habit) => {
        const unlike = compareUser(said, asKept(said, habit));
        assert.deepEqual(
          unlike.filter(({ likeness }) => likeness !== "spelling"),
          [],
        );
        if (habit.spelling === "as it is") assert.deepEqual(unlike, []);
      }),
      { numRuns: 2_000 },
    );
  });

  it("differs in the attribute that was changed, and in no other", () => {
    const attribute = fc.constantFrom(...COMPARED);
    fc.assert(
      fc.property(record, habits, attribute, fc.nat(), (said: Json, habit, name, where) => {
        fc.pre(said[name] !== undefined && said[name] !== "");
        const there = asKept(said, habit);
        there[name] = changed(there[name] ?? (typeof said[name] === "boolean" ? false : undefined), where);
        const unlike = compareUser(said, there);
        assert.deepEqual(
          unlike.filter(({ likeness }) => likeness !== "spelling"),
          [{ attribute: name, likeness: "other" }],
        );
      }),
      { numRuns: 4_000 },
    );
  });

  it("tells spelling from a change", () => {
    const likeness = (said: Json, there: Json) => compareUser(said, there)[0]?.likeness ?? "same";
    assert.equal(likeness({ name: "Amélie" }, { name: "Ame\u0301lie" }), "spelling");
    assert.equal(likeness({ name: "a\ud800" }, { name: "a\u{fffd}" }), "spelling");
    assert.equal(likeness({ user_metadata: { Zoë: ["é"] } }, { user_metadata: { "Zoe\u0308": ["é"] } }), "spelling");
    assert.equal(likeness({ name: "ﬁn" }, { name: "fin" }), "other", "NFKC is another text");
    assert.equal(likeness({ name: "Jane" }, { name: "jane" }), "other");
    const two = { é: 1, "e\u0301": 2 };
    assert.equal(likeness({ user_metadata: two }, { user_metadata: { é: 2 } }), "other");
  });

  it("compares emails and usernames in lower case, by no locale", () => {
    const same = (said: string, there: string) => compareUser({ email: said }, { email: there }).length === 0;
    assert.ok(same("İpek@example.com", "i\u0307pek@example.com"));
    assert.ok(same("İpek@example.com", "İpek@example.com"));
    assert.ok(!same("İpek@example.com", "ipek@example.com"));
    assert.ok(!same("ıpek@example.com", "ipek@example.com"));
    assert.deepEqual(compareUser({ username: "JANE" }, { username: "jane" }), []);
    assert.equal(compareUser({ phone_number: "+1a" }, { phone_number: "+1A" }).length, 1);
  });

  it("compares pictures as URLs, too", () => {
    const same = (said: string, there: string) => compareUser({ picture: said }, { picture: there }).length === 0;
    assert.ok(same("https://EXAMPLE.com:443/a b/../c.png", "https://example.com/c.png"));
    assert.ok(!same("https://example.com/c.png", "https://example.com/C.png"));
    assert.ok(!same("c.png", "d.png"));
  });

  it("does not compare what a double can't keep, unless it is not there at all", () => {
    const likeness = (said: string, there: Json) =>
      compareUser({ app_metadata: JSON.parse(said) }, there)[0]?.likeness ?? "same";
    const there = { app_metadata: { id: JSON.parse("441319831392747500") } };
    assert.equal(likeness('{"id":441319831392747531}', there), "unknown");
    assert.equal(likeness('{"list":[{"x":1e400}]}', { app_metadata: { list: [] } }), "unknown");
    assert.equal(likeness('{"id":1}', there), "unknown");
    assert.equal(likeness('{"id":441319831392747531}', {}), "other");
    assert.equal(likeness('{"id":9007199254740991}', { app_metadata: { id: 9007199254740991 } }), "same");
    assert.equal(likeness('{"ratio":1.0}', { app_metadata: { ratio: 1 } }), "same");
  });

  it("says nothing of what the record does not state", () => {
    const there = { email: "jane@example.com", user_metadata: { cart: 1 }, name: "Jane", blocked: true };
    assert.deepEqual(compareUser({ email: "jane@example.com", name: "", user_metadata: null }, there), []);
    assert.deepEqual(
      compareUser({ user_metadata: {}, blocked: false }, there).map(({ attribute }) => attribute),
      ["user_metadata", "blocked"],
      "an empty object and false are statements",
    );
  });
});

describe("what Auth0 fills in by itself", () => {
  const jane = { email: "jane@example.com", username: "jd", phone_number: "+12125550001" };

  it("is known for name, nickname and picture", () => {
    for (const name of ["Jane@Example.com", "jd", "+12125550001"]) assert.ok(isDefault("name", { ...jane, name }));
    assert.ok(!isDefault("name", { ...jane, name: "Jane" }));
    assert.ok(isDefault("nickname", { ...jane, nickname: "jane" }));
    assert.ok(!isDefault("nickname", { ...jane, nickname: "jane@example.com" }));
    for (const picture of [
      "https://s.gravatar.com/avatar/0bc83?s=480&r=pg",
      "https://gravatar.com/avatar/0bc83",
      "https://cdn.auth0.com/avatars/ja.png",
    ]) {
      assert.ok(isDefault("picture", { ...jane, picture }), picture);
    }
    for (const picture of ["https://cdn.auth0.com/logo.png", "https://notgravatar.com/1", "ja.png"]) {
      assert.ok(!isDefault("picture", { ...jane, picture }), picture);
    }
    assert.ok(!isDefault("given_name", { ...jane, given_name: "jane" }));
    assert.ok(!isDefault("name", jane), "what is not there is no default");
  });

  it("stays when the email changes: the old one is known by its print", () => {
    const there = { email: "new@example.com", name: "jane@example.com", nickname: "jane" };
    assert.ok(!isDefault("name", there));
    const isKnown = (text: string) => text === "jane@example.com";
    assert.ok(isDefault("name", there, isKnown));
    assert.ok(isDefault("nickname", there, isKnown));
  });
});
