import assert from "node:assert/strict";
import fc from "fast-check";
import { type Attributes, attributesOf, BOOLEANS, GROUPS, PROFILE, printBits } from "../../provider/ledger/attributes";
import { canonicalJson, generatedUserId, identityFingerprint, RecordHasher } from "../../provider/ledger/fingerprint";
import { FingerprintTable } from "../../provider/ledger/fingerprintTable";
import { Ledger, type LedgerEntry, type UserState } from "../../provider/ledger/ledger";
import { identityOf } from "../../provider/schema/identity";
import { generateUsers } from "../../tools/generate-users";

const identity = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat().map((n) => n % 2 ** 52),
);
const bits = (count: number) => fc.maxSafeNat().map((n) => n % 2 ** count);
const state = fc.oneof(
  fc.constantFrom<UserState>("imported", "inserted", "updated", "adopted", "removed"),
  fc.constantFrom("DUPLICATED_USER", "FORMAT", "A:B c").map((code): UserState => `failed:${code}`),
  fc.constant<UserState>("outdated:CONFLICT"),
);
const attributes: fc.Arbitrary<Attributes> = fc.record({
  prints: fc.record(Object.fromEntries(GROUPS.map((group) => [group, bits(printBits(group))])), { requiredKeys: [] }),
  profile: fc.subarray([...PROFILE]),
  booleans: fc.record(
    Object.fromEntries(BOOLEANS.map((name) => [name, fc.constantFrom(true, false, "unknown" as const)])),
    {
      requiredKeys: [],
    },
  ),
});
const entry: fc.Arbitrary<LedgerEntry> = fc.record(
  { record: bits(40), attributes, differs: fc.boolean(), state, attempt: bits(40) },
  { requiredKeys: ["record", "attributes", "differs", "state"] },
);
const entries = fc.uniqueArray(fc.tuple(identity, entry), { selector: ([id]) => id });

function ledgerOf(users: readonly (readonly [number, LedgerEntry])[]): Ledger {
  const ledger = new Ledger();
  for (const [id, each] of users) ledger.set(id, each);
  return ledger;
}

describe("the ledger", () => {
  it("comes back from the state as it was", () => {
    fc.assert(
      fc.property(entries, (users) => {
        const encoded = ledgerOf(users).encode();
        const back = Ledger.decode(encoded);
        assert.deepEqual(Ledger.decode(encoded.join("")).encode(), encoded);
        assert.equal(back.size, users.length);
        for (const [id, each] of users) {
          // fast-check's records have no prototype.
          assert.equal(canonicalJson(back.get(id)), canonicalJson(each));
          assert.deepEqual(back.standing(id, each.record), { state: each.state, differs: each.differs });
          assert.equal(back.standing(id, each.record + 1), undefined);
        }
      }),
    );
  });

  it("is the same text whatever the order in which users were added, changed and removed", () => {
    fc.assert(
      fc.property(entries, entry, (users, other) => {
        const ledger = ledgerOf([...users].reverse().map(([id]) => [id, other]));
        ledger.set(2 ** 51, other);
        ledger.delete(2 ** 51);
        for (const [id, each] of users) ledger.set(id, each);
        const expected = ledgerOf(users.filter(([id]) => id !== 2 ** 51));
        if (users.every(([id]) => id !== 2 ** 51)) assert.deepEqual(ledger.encode(), expected.encode());
      }),
    );
  });

  it("takes at most 40 bytes a typical user", () => {
    const ledger = new Ledger();
    const users = 5_000;
    const hasher = new RecordHasher("key");
    for (const made of generateUsers({ users })) {
      const user = { ...made };
      const record = hasher.fingerprint(Buffer.from(JSON.stringify(user)));
      const known = { record, attributes: attributesOf("key", user, "user_id"), differs: false };
      ledger.set(identityFingerprint("key", identityOf(user) as string), { ...known, state: "inserted" });
    }
    const encoded = ledger.encode();
    assert.ok(encoded.length > 1 && encoded.every((piece) => piece.length <= 16_384), "in pieces");
    assert.deepEqual(Ledger.decode(encoded).encode(), encoded);
    const bytes = encoded.join("").length / users;
    assert.ok(bytes <= 40, `${bytes} bytes a user`);
  });

  it("forgets at the beginning of an import who was brought by the last one", () => {
    const known = { record: 1, attributes: { prints: {}, profile: [], booleans: {} }, differs: false };
    const states: UserState[] = ["inserted", "updated", "adopted", "imported", "removed", "failed:FORMAT"];
    const ledger = ledgerOf(states.map((each, i) => [i, { ...known, state: each }]));
    ledger.beginImport();
    const now = states.map((_, i) => ledger.stateOf(i));
    assert.deepEqual(now, ["imported", "imported", "imported", "imported", "removed", "failed:FORMAT"]);
  });

  it("refuses what a newer version wrote", () => {
    const bytes = Buffer.from(new Ledger().encode().join(""), "base64");
    bytes.writeUInt8(bytes.readUInt8(0) + 1, 0);
    assert.throws(() => Ledger.decode(bytes.toString("base64")), /written by a newer version/);
  });

  it("refuses what is not whole", () => {
    const known = { record: 1, attributes: { prints: { email: 2 }, profile: [], booleans: {} }, differs: false };
    const whole = Buffer.from(
      ledgerOf([10, 2e9, 4e15].map((i) => [i, { ...known, state: "inserted" }]))
        .encode()
        .join(""),
      "base64",
    );
    assert.equal(Ledger.decode(whole.toString("base64")).size, 3);
    for (let bytes = 0; bytes < whole.length; bytes++) {
      assert.throws(
        () => Ledger.decode(whole.toString("base64", 0, bytes)),
        /^Error: The state is damaged: the ledger/,
      );
    }
    assert.throws(
      () => Ledger.decode(Buffer.concat([whole, Buffer.alloc(1)]).toString("base64")),
      /The state is damaged/,
    );
    assert.throws(() => Ledger.decode([]), /The state is damaged/);
  });
});

describe("the table of fingerprints", () => {
  it("does what a Map does", () => {
    const step = fc.tuple(fc.constantFrom("set", "delete"), identity, fc.nat());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const table = new FingerprintTable();
        const map = new Map<number, number>();
        for (const [what, key, value] of steps) {
          if (what === "set") {
            table.set(key, value);
            map.set(key, value);
          } else {
            table.delete(key);
            map.delete(key);
          }
        }
        assert.equal(table.size, map.size);
        assert.deepEqual(
          [...table.sortedKeys()],
          [...map.keys()].sort((a, b) => a - b),
        );
        for (const [, key] of steps) assert.equal(table.get(key), map.get(key));
      }),
    );
  });
});

describe("fingerprints", () => {
  const said = (user: Record<string, unknown>, key = "key") => attributesOf(key, { user_id: "1", ...user }, "user_id");

  it("do not depend on the order of attributes, at any depth", () => {
    assert.deepEqual(
      said({ user_metadata: { c: [1, { x: 1, y: 2 }], d: null } }),
      said({ user_metadata: { d: null, c: [1, { y: 2, x: 1 }] } }),
    );
  });

  it("depend on the key, and on what is in the group and in no other one", () => {
    const jane = { email: "jane@example.com", name: "Jane" };
    assert.notEqual(said(jane).prints.email, said(jane, "other").prints.email);
    assert.notEqual(said(jane).prints.profile, said({ ...jane, name: "Janet" }).prints.profile);
    assert.equal(said(jane).prints.email, said({ ...jane, name: "Janet" }).prints.email);
    assert.equal(said(jane).prints.email, said({ email: "JANE@Example.com" }).prints.email, "emails are caseless");
    assert.notEqual(said({ user_metadata: {} }).prints.user_metadata, said({ app_metadata: {} }).prints.app_metadata);
  });

  it("of a record are those of its bytes, of any length", () => {
    const hasher = new RecordHasher("key");
    const texts = ["", "a", "b", "x".repeat(10_000), "y".repeat(10_000), "z".repeat(5_000)];
    const prints = texts.map((text) => hasher.fingerprint(Buffer.from(text)));
    assert.equal(new Set(prints).size, texts.length);
    assert.deepEqual(
      texts.map((text) => hasher.fingerprint(Buffer.from(text))),
      prints,
    );
    assert.notEqual(new RecordHasher("other").fingerprint(Buffer.from("a")), prints[1]);
  });

  it("take an identity in any case as one", () => {
    const print = (user: Record<string, unknown>) => identityFingerprint("key", identityOf(user) as string);
    const jane = print({ email: "Jane@Example.com", name: "Jane" });
    assert.equal(jane, print({ email: "jane@example.com" }));
    assert.notEqual(jane, print({ username: "jane@example.com" }));
    assert.notEqual(print({ user_id: "AbC" }), print({ user_id: "abc" }), "ids are not caseless");
  });

  it("canonical JSON parses to the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
    assert.equal(
      canonicalJson(JSON.parse('{"b":1.0,"a":1e2,"__proto__":{"x":1}}')),
      '{"__proto__":{"x":1},"a":100,"b":1}',
    );
  });

  it("make a user_id of the form that Auth0 makes, another for another connection", () => {
    const id = generatedUserId("key", "con_0000000000000001", "email:jane@example.com");
    assert.match(id, /^[0-9a-f]{24}$/);
    assert.equal(id, generatedUserId("key", "con_0000000000000001", "email:jane@example.com"));
    assert.notEqual(id, generatedUserId("key", "con_0000000000000002", "email:jane@example.com"));
  });
});
