import assert from "node:assert/strict";
import fc from "fast-check";
import { isDefault } from "../../provider/census/defaults";
import { COMPARED, compareUser } from "../../provider/census/equal";
import { asKept, changed, habits, type Json, record } from "./anyUser";

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
