import assert from "node:assert/strict";
import fc from "fast-check";
import { membersOf } from "../../provider/journal/format";
import { BOOLEANS, PROFILE } from "../../provider/ledger/attributes";
import { unpackRecord } from "../../provider/ledger/entry";
import { canonicalJson } from "../../provider/ledger/fingerprint";
import { Ledger } from "../../provider/ledger/ledger";
import { type Entry01, GROUPS_01, ledger01, packed01 } from "../support/ledger01";
import { stateFixtures } from "../support/stateFixture";

const bits = (count: number) => fc.maxSafeNat().map((n) => n % 2 ** count);
const entry: fc.Arbitrary<Entry01> = fc.record(
  {
    record: bits(40),
    attributes: fc.record({
      prints: fc.record(Object.fromEntries(Object.entries(GROUPS_01).map(([name, bytes]) => [name, bits(8 * bytes)])), {
        requiredKeys: [],
      }),
      profile: fc.subarray([...PROFILE]),
      booleans: fc.record(
        Object.fromEntries(BOOLEANS.map((name) => [name, fc.constantFrom(true, false, "unknown" as const)])),
        { requiredKeys: [] },
      ),
    }),
    differs: fc.boolean(),
    attempt: bits(40),
    state: fc.constantFrom("imported", "inserted", "updated", "adopted", "removed", "failed:FORMAT", "outdated:FORMAT"),
  },
  { requiredKeys: ["record", "attributes", "differs", "state"] },
);
const users = fc
  .uniqueArray(fc.tuple(bits(52), entry), { selector: ([id]) => id })
  .map((each) => each.sort(([a], [b]) => a - b));

/** What is known of it today. */
function expected({ attributes, state, ...rest }: Entry01, keepsStates: boolean): object {
  const isDoubtful = rest.differs && attributes.prints.profile !== undefined;
  return {
    ...rest,
    attributes: { ...attributes, ...(isDoubtful ? { unknown: ["profile"] } : {}) },
    ...(keepsStates ? { state } : {}),
    ...(keepsStates && state === "adopted" ? { origin: "adopted" } : {}),
    ...(keepsStates && attributes.prints.custom_password_hash !== undefined ? { broughtHash: true } : {}),
  };
}

describe("what version 0.1 knew", () => {
  it("is known today: what the file said is what the tenant had, and who was inserted is not told", () => {
    fc.assert(
      fc.property(users, (known) => {
        const ledger = Ledger.decode(ledger01(known));
        assert.equal(ledger.size, known.length);
        const again = Ledger.decode(ledger.encode());
        for (const [id, each] of known) {
          for (const one of [ledger, again]) {
            assert.equal(canonicalJson(one.get(id)), canonicalJson(expected(each, true)));
            assert.deepEqual(one.standing(id, each.record), { state: each.state, differs: each.differs });
          }
        }
      }),
    );
  });

  it("is refused where it is not whole", () => {
    const known = { record: 1, attributes: { prints: { email: 2 }, profile: [], booleans: {} }, differs: false };
    const whole = Buffer.from(ledger01([10, 2e9].map((id) => [id, { ...known, state: "inserted" }])), "base64");
    assert.equal(Ledger.decode(whole.toString("base64")).size, 2);
    for (let bytes = 0; bytes < whole.length; bytes++) {
      assert.throws(
        () => Ledger.decode(whole.toString("base64", 0, bytes)),
        /^Error: The state is damaged: the ledger/,
      );
    }
  });

  it("of users in a journal is known today, beside what is written into it since", () => {
    fc.assert(
      fc.property(users, (known) => {
        const members = known.map(([id, each]) => {
          const identity = Buffer.alloc(8);
          identity.writeUInt32BE(Math.floor(id / 2 ** 32), 0);
          identity.writeUInt32BE(id % 2 ** 32, 4);
          return Buffer.concat([identity, packed01(each)]);
        });
        const read = membersOf(Buffer.concat(members).toString("base64"), undefined);
        assert.deepEqual(
          read.map(({ identity, after }) => [identity, canonicalJson(unpackRecord(after))]),
          known.map(([id, each]) => [id, canonicalJson(expected(each, false))]),
        );
      }),
    );
  });

  it("is read from states that it has left", () => {
    const fixtures = stateFixtures().filter(([, { version }]) => version.startsWith("0.1"));
    assert.ok(fixtures.length > 0);
    for (const [, { stack }] of fixtures) {
      const { resources } = (stack as { deployment: { resources: { outputs?: { ledger?: string[] } }[] } }).deployment;
      const ledgers = resources.flatMap(({ outputs }) => (outputs?.ledger === undefined ? [] : [outputs.ledger]));
      assert.ok(ledgers.length > 0);
      for (const encoded of ledgers) {
        const ledger = Ledger.decode(encoded);
        assert.ok(ledger.size > 0);
        for (const identity of ledger.identities()) {
          const known = ledger.get(identity);
          assert.equal(known?.origin, undefined);
          assert.equal(known?.had, undefined);
        }
      }
    }
  });
});
