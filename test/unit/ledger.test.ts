import assert from "node:assert/strict";
import fc from "fast-check";
import {
  canonicalJson,
  contentFingerprint,
  generatedUserId,
  identityFingerprint,
} from "../../provider/ledger/fingerprint";
import { Ledger, type UserState } from "../../provider/ledger/ledger";

const fingerprint = fc.stringMatching(/^[0-9a-f]{16}$/);
const state = fc.oneof(
  fc.constantFrom<UserState>("imported", "removed"),
  fc.constantFrom("DUPLICATED_USER", "FORMAT", "A:B").map((code): UserState => `failed:${code}`),
  fc.constant<UserState>("outdated:CONFLICT"),
);

describe("the ledger", () => {
  it("comes back from the state as it was", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fingerprint, fingerprint, fingerprint, state), { selector: ([id]) => id }),
        (users) => {
          const ledger = new Ledger();
          for (const [identity, content, email, state] of users) ledger.set(identity, { content, email, state });
          const back = Ledger.decode(ledger.encode());
          assert.equal(back.size, users.length);
          for (const [identity, content, email, state] of users) {
            assert.deepEqual(back.get(identity), { content, email, state });
          }
        },
      ),
    );
  });

  it("is the same text whatever the order in which users were added", () => {
    const one = new Ledger();
    const other = new Ledger();
    const users: [string, UserState][] = [
      ["00000000000000aa", "imported"],
      ["00000000000000bb", "failed:FORMAT"],
    ];
    for (const [id, state] of users) one.set(id, { content: id, email: id, state });
    for (const [id, state] of users.reverse()) other.set(id, { content: id, email: id, state });
    assert.equal(one.encode(), other.encode());
  });

  it("takes at most 36 bytes a user", () => {
    const ledger = new Ledger();
    for (let i = 0; i < 10_000; i++) {
      const id = identityFingerprint("key", { email: `${i}@example.com` });
      const content = contentFingerprint("key", { i });
      ledger.set(id, { content, email: content, state: "imported" });
    }
    assert.ok(ledger.encode().length <= 36 * 10_000, `${ledger.encode().length / 10_000} bytes a user`);
  });

  it("refuses what a newer version wrote", () => {
    const bytes = Buffer.from(new Ledger().encode(), "base64");
    bytes.writeUInt8(bytes.readUInt8(0) + 1, 0);
    assert.throws(() => Ledger.decode(bytes.toString("base64")), /written by a newer version/);
  });
});

describe("fingerprints", () => {
  it("do not depend on the order of attributes, at any depth", () => {
    assert.equal(
      contentFingerprint("key", { a: 1, b: { c: [1, { x: 1, y: 2 }], d: null } }),
      contentFingerprint("key", { b: { d: null, c: [1, { y: 2, x: 1 }] }, a: 1 }),
    );
  });

  it("depend on the key, and on what is in the record", () => {
    const user = { email: "jane@example.com" };
    const prints = [
      contentFingerprint("key", user),
      contentFingerprint("other", user),
      contentFingerprint("key", { ...user, blocked: true }),
      identityFingerprint("key", user),
    ];
    assert.equal(new Set(prints).size, prints.length);
  });

  it("take an identity in any case as one", () => {
    const jane = identityFingerprint("key", { email: "Jane@Example.com", name: "Jane" });
    assert.equal(jane, identityFingerprint("key", { email: "jane@example.com" }));
    assert.notEqual(jane, identityFingerprint("key", { username: "jane@example.com" }));
    const id = identityFingerprint("key", { user_id: "AbC" });
    assert.notEqual(id, identityFingerprint("key", { user_id: "abc" }), "ids are not caseless");
  });

  it("canonical JSON parses to the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("make a user_id of the form that Auth0 makes, another for another connection", () => {
    const id = generatedUserId("key", "con_0000000000000001", "email:jane@example.com");
    assert.match(id, /^[0-9a-f]{24}$/);
    assert.equal(id, generatedUserId("key", "con_0000000000000001", "email:jane@example.com"));
    assert.notEqual(id, generatedUserId("key", "con_0000000000000002", "email:jane@example.com"));
  });
});
