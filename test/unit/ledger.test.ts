import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Attributes,
  attributesOf,
  BOOLEANS,
  GROUPS,
  groupPrint,
  hasPrint,
  PROFILE,
  printBits,
} from "../../provider/ledger/attributes";
import { type Had, lastingOf, packedLength, packRecord, unpackRecord, withoutHad } from "../../provider/ledger/entry";
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
const truth = fc.constantFrom(true, false, "unknown" as const);
const prints = fc.record(Object.fromEntries(GROUPS.map((group) => [group, bits(printBits(group))])), {
  requiredKeys: [],
});
const attributes: fc.Arbitrary<Attributes> = fc.record(
  {
    prints,
    profile: fc.subarray([...PROFILE]),
    booleans: fc.record(Object.fromEntries(BOOLEANS.map((name) => [name, truth])), { requiredKeys: [] }),
    unknown: fc.subarray([...GROUPS], { minLength: 1 }),
  },
  { requiredKeys: ["prints", "profile", "booleans"] },
);
const had: fc.Arbitrary<Had> = fc
  .record({
    prints: fc.record(
      Object.fromEntries(
        GROUPS.map((group) => [group, fc.oneof(bits(printBits(group)), fc.constantFrom("unknown" as const, null))]),
      ),
      { requiredKeys: [] },
    ),
    profile: fc.subarray([...PROFILE]),
    booleans: fc.record(Object.fromEntries(BOOLEANS.map((name) => [name, truth])), { requiredKeys: [] }),
  })
  .filter(({ prints, booleans }) => Object.keys(prints).length + Object.keys(booleans).length > 0)
  .map((each) => ({ ...each, profile: each.prints.profile === undefined ? [] : each.profile }));
const entry: fc.Arbitrary<LedgerEntry> = fc.record(
  {
    ...{ record: bits(40), attributes, had, differs: fc.boolean(), state, attempt: bits(40) },
    origin: fc.constantFrom("inserted" as const, "adopted" as const),
    broughtHash: fc.constant(true),
    passwordSet: fc.constant(true),
    hasOtherId: fc.constant(true),
    run: fc.integer({ min: 1, max: 2 ** 31 }),
    given: fc
      .uniqueArray(fc.oneof(fc.nat(9), fc.nat(2 ** 31)), { minLength: 1, maxLength: 5 })
      .map((positions) => positions.sort((a, b) => a - b)),
  },
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

  it("tells at a glance what it tells of a user, and without reading them which runs have written", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(identity, entry)), (users) => {
        const ledger = new Ledger();
        for (const [who, known] of users) ledger.set(who, known);
        for (const who of ledger.identities()) {
          const { state, run = 0, origin, hasOtherId, differs, had, attributes } = ledger.get(who) as LedgerEntry;
          const hadAll =
            !differs && had === undefined && attributes.unknown === undefined && !/^(failed|outdated):/.test(state);
          assert.deepEqual(ledger.glance(who), {
            ...{ state, run, hadAll },
            ...(origin === undefined ? {} : { origin }),
            ...(hasOtherId ? { hasOtherId } : {}),
          });
        }
        assert.deepEqual(
          [...Ledger.runsIn(ledger.encode())].sort(),
          [...new Set(ledger.identities())]
            .map((who) => ledger.get(who)?.run ?? 0)
            .filter((run, i, all) => all.indexOf(run) === i)
            .sort(),
        );
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

  /** Characters a user in the state, of users who are made of typical ones. */
  function bytesOf(make: (typical: LedgerEntry, i: number) => LedgerEntry): number {
    const ledger = new Ledger();
    const users = 5_000;
    const hasher = new RecordHasher("key");
    let i = 0;
    for (const made of generateUsers({ users })) {
      const user = { ...made };
      const record = hasher.fingerprint(Buffer.from(JSON.stringify(user)));
      const known = { record, attributes: attributesOf("key", user, "user_id"), differs: false };
      const typical: LedgerEntry = { ...known, state: "inserted", origin: "inserted", run: 1 };
      ledger.set(identityFingerprint("key", identityOf(user) as string), make(typical, i++));
    }
    const encoded = ledger.encode();
    assert.ok(encoded.length > 1 && encoded.every((piece) => piece.length <= 16_384), "in pieces");
    assert.deepEqual(Ledger.decode(encoded).encode(), encoded);
    return encoded.join("").length / users;
  }

  it("takes at most 40 bytes a typical user, also where many runs have written some", () => {
    for (const make of [
      (typical: LedgerEntry) => typical,
      (typical: LedgerEntry, i: number): LedgerEntry => ({
        ...typical,
        run: i % 4 ? 1 : 1 + (i % 50),
        state: "imported",
      }),
      // Adopted, and the same in the tenant but for its id.
      (typical: LedgerEntry): LedgerEntry => ({ ...typical, origin: "adopted", hasOtherId: true, state: "adopted" }),
    ]) {
      const bytes = bytesOf(make);
      assert.ok(bytes <= 40, `${bytes} bytes a user`);
    }
  });

  it("takes four more for each group in which the tenant had something else, and for each membership one or two", () => {
    const typical = bytesOf((each) => each);
    const had = { prints: { user_metadata: 5, profile: null }, profile: [], booleans: { blocked: true } } as const;
    const other = bytesOf((each) => ({ ...each, had }));
    assert.ok(Math.abs(other - typical - 4) < 0.1, `${other - typical} more`);
    const member = bytesOf((each) => ({ ...each, given: [1, 2, 500] }));
    assert.ok(Math.abs(member - typical - (5 * 4) / 3) < 0.1, `${member - typical} more`);
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
    bytes.writeUInt8(3, 0);
    assert.throws(() => Ledger.decode(bytes.toString("base64")), /written by an unreleased version/);
  });

  it("tells of which run it was that last wrote a user, through changes of state", () => {
    const known = { record: 1, attributes: { prints: {}, profile: [], booleans: {} }, differs: false };
    const ledger = ledgerOf([
      [1, { ...known, state: "inserted", run: 3 }],
      [2, { ...known, state: "updated", run: 3 }],
    ]);
    ledger.beginImport();
    ledger.setState(2, "removed");
    const back = Ledger.decode(ledger.encode());
    assert.deepEqual(
      [1, 2].map((id) => [back.stateOf(id), back.get(id)?.run]),
      [
        ["imported", 3],
        ["removed", 3],
      ],
    );
    back.setState(2, "imported");
    back.set(3, { ...known, state: "imported", run: 3 });
    assert.equal((JSON.parse(headerOf(back)) as { kinds: unknown[] }).kinds.length, 1, "what is the same is one kind");
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

function headerOf(ledger: Ledger): string {
  const buffer = Buffer.from(ledger.encode().join(""), "base64");
  return buffer.toString("utf8", 5, 5 + buffer.readUInt32BE(1));
}

describe("what is known of a record", () => {
  it("comes back from the journal as it was, but for the run, which shows when it is settled", () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), (known) => {
        const packed = known.map(({ state: _, run: __, ...each }) => packRecord(each));
        const buffer = Buffer.from(packed.join(""), "latin1");
        let at = 0;
        for (const [i, each] of packed.entries()) {
          assert.equal(packedLength(buffer, at), each.length);
          at += each.length;
          const { state: _, run: __, ...expected } = known[i] as LedgerEntry;
          assert.equal(canonicalJson(unpackRecord(each)), canonicalJson(expected));
        }
      }),
    );
  });

  it("is for good where it is about the user, and not about the record", () => {
    const lasting = { origin: "adopted", broughtHash: true, hasOtherId: true, run: 7, given: [1] } as const;
    const known = { record: 1, attributes: { prints: {}, profile: [], booleans: {} }, differs: true, attempt: 2 };
    assert.deepEqual(lastingOf({ ...known, ...lasting }), lasting);
    assert.deepEqual(lastingOf(known), {});
  });

  it("forgets what the tenant had where something else is known now", () => {
    const other: Had = {
      prints: { user_metadata: 1, profile: "unknown" },
      profile: ["name"],
      booleans: { blocked: true },
    };
    assert.deepEqual(withoutHad(other, ["profile", "email"]), {
      ...{ prints: { user_metadata: 1 }, profile: [], booleans: { blocked: true } },
    });
    assert.deepEqual(withoutHad(other, ["user_metadata", "profile"])?.prints, {});
    assert.equal(withoutHad(other, ["user_metadata", "profile", "blocked"]), undefined);
    assert.equal(withoutHad(undefined, []), undefined);
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

  it("take a key of metadata that is null for none, and are known as version 0.1 took them, too", () => {
    const withNull = said({ app_metadata: { a: 1, b: null, c: [{ d: null }] } });
    const without = said({ app_metadata: { a: 1, c: [{}] } });
    assert.equal(withNull.prints.app_metadata, without.prints.app_metadata);
    assert.notEqual(withNull.prints.app_metadata, said({ app_metadata: { a: 1, c: [] } }).prints.app_metadata);
    assert.notEqual(
      said({ app_metadata: { a: [null] } }).prints.app_metadata,
      said({ app_metadata: { a: [] } }).prints.app_metadata,
    );
    const value = { a: 1, b: null, c: [{ d: null }] };
    const print = groupPrint("key", "user_id:1", "app_metadata", value, "kept") as number;
    const of01: Attributes = { prints: { app_metadata: print }, profile: [], booleans: {} };
    assert.ok(hasPrint(withNull, of01, "app_metadata") && !hasPrint(without, of01, "app_metadata"));
    assert.ok(!hasPrint(withNull, { ...of01, prints: {} }, "app_metadata"));
    const hash = (salt: unknown) => said({ custom_password_hash: { salt } }).prints.custom_password_hash;
    assert.notEqual(hash(null), said({ custom_password_hash: {} }).prints.custom_password_hash, "nowhere else");
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
