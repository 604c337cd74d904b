import assert from "node:assert/strict";
import fc from "fast-check";
import { NOTHING } from "../../provider/ledger/fingerprint";
import type { LedgerEntry } from "../../provider/ledger/ledger";
import { decide } from "../../provider/plan/delta";
import { MAX_REQUEST_BYTES, Packer } from "../../provider/plan/pack";
import { shareOf } from "../../provider/plan/share";

const EMAIL = "1".repeat(16);
const options = { onExisting: "fail", resendFailed: false } as const;
const record = (content: string, email = EMAIL) => ({ content, email });
const entry = (content: string, state: LedgerEntry["state"], email = EMAIL): LedgerEntry => ({ content, email, state });

describe("what is sent", () => {
  it("a new user is inserted, or written over where the program says so", () => {
    assert.deepEqual(decide(record("a"), undefined, options), { do: "send", kind: "insert" });
    assert.deepEqual(decide(record("a"), undefined, { ...options, onExisting: "overwrite" }), {
      do: "send",
      kind: "upsert",
    });
  });

  it("an unchanged user is not sent, in the source all the time or put back into it", () => {
    for (const state of ["imported", "inserted", "updated", "removed"] as const) {
      assert.deepEqual(decide(record("a"), entry("a", state), options), { do: "nothing", because: "unchanged" });
    }
  });

  it("a changed user is upserted: an insert would fail as a duplicate", () => {
    for (const state of ["imported", "inserted", "updated", "removed", "outdated:FORMAT"] as const) {
      assert.deepEqual(decide(record("b"), entry("a", state), options), { do: "send", kind: "upsert" });
    }
  });

  it("a user with another email, or with none, is not: the upsert would be about somebody else, or nobody", () => {
    const other = decide(record("b", "2".repeat(16)), entry("a", "imported"), options);
    assert.deepEqual(other, { do: "nothing", because: "notApplied" });
    const none = decide(record("b", NOTHING), entry("a", "imported", NOTHING), options);
    assert.deepEqual(none, { do: "nothing", because: "notApplied" });
  });

  it("a failed record is sent again when it changed or when it is asked for, the way that it was sent before", () => {
    for (const [state, kind] of [
      ["failed:FORMAT", "insert"],
      ["outdated:FORMAT", "upsert"],
    ] as const) {
      assert.deepEqual(decide(record("a"), entry("a", state), options), { do: "nothing", because: "failed" });
      assert.deepEqual(decide(record("b"), entry("a", state), options), { do: "send", kind });
      const asked = { ...options, resendFailed: true };
      assert.deepEqual(decide(record("a"), entry("a", state), asked), { do: "send", kind });
    }
  });
});

describe("the packer", () => {
  const overhead = 700;

  it("fills every job but the last to within one record, loses nothing and keeps the order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 2, max: 90_000 }), { maxLength: 60 }), (sizes) => {
        const packer = new Packer<number>(overhead);
        const chunks = [];
        const records = sizes.map((size) => Buffer.from(JSON.stringify("x".repeat(size))));
        for (const [i, record] of records.entries()) chunks.push(packer.add(i, record));
        chunks.push(packer.flush());
        const jobs = chunks.filter((chunk) => chunk !== undefined);
        assert.deepEqual(
          jobs.flatMap((job) => job.members),
          sizes.map((_, i) => i),
        );
        for (const [n, { members, payload }] of jobs.entries()) {
          assert.deepEqual(
            JSON.parse(payload.toString()),
            members.map((i) => "x".repeat(sizes[i] as number)),
          );
          assert.ok(payload.length + overhead <= MAX_REQUEST_BYTES);
          const next = jobs[n + 1]?.members[0];
          if (next !== undefined) {
            assert.ok(payload.length + overhead + 1 + (records[next] as Buffer).length > MAX_REQUEST_BYTES);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it("knows to the byte what fits into a job of its own", () => {
    const packer = new Packer(overhead);
    assert.equal(packer.fits(Buffer.alloc(MAX_REQUEST_BYTES - overhead - 2)), true);
    assert.equal(packer.fits(Buffer.alloc(MAX_REQUEST_BYTES - overhead - 1)), false);
  });
});

describe("shares", () => {
  it("are the same for good: another rule would send users again from other batches", () => {
    const share = (user: Record<string, unknown>) => shareOf(user, 16);
    assert.deepEqual(
      [
        share({ email: "jane@example.com" }),
        share({ email: "JANE@example.com", name: "Jane" }),
        share({ user_id: "5f7c8ec7c33c6c004bbafe82" }),
        share({ username: "jane" }),
        share({ phone_number: "+12125550001" }),
        share({ name: "nobody" }),
      ],
      [0, 0, 15, 3, 0, 3],
    );
  });

  for (const [what, email] of [
    ["numbered", (i: number) => `user${i}@example.com`],
    ["in which a part stands twice", (i: number) => `u${i}@u${i}.example.com`],
  ] as const) {
    it(`are of about the same size, for addresses ${what}`, () => {
      const users = 16_000;
      const sizes = new Array<number>(16).fill(0);
      for (let i = 0; i < users; i++) (sizes[shareOf({ email: email(i) }, 16)] as number) += 1;
      for (const size of sizes) assert.ok(Math.abs(size - users / 16) < 0.2 * (users / 16), `a share of ${size}`);
    });
  }
});
