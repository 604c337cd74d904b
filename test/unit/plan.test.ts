import assert from "node:assert/strict";
import fc from "fast-check";
import { groupPrint } from "../../provider/ledger/attributes";
import { contentFingerprint, NO_RECORD } from "../../provider/ledger/fingerprint";
import type { LedgerEntry, UserState } from "../../provider/ledger/ledger";
import { commonAttributes, type Described, decide, overwritten, type Step } from "../../provider/plan/delta";
import { describe as describeRecord } from "../../provider/plan/describe";
import { MAX_REQUEST_BYTES, Packer } from "../../provider/plan/pack";
import { shareOf } from "../../provider/plan/share";
import { sharersOf } from "../../provider/plan/sharers";
import type { User } from "../../provider/schema/identity";

const KEY = "key";

/** What a record says of a user who is known by an id, so that the email is an attribute like others. */
function said(user: User): Described {
  const record = contentFingerprint(KEY, "bytes", user, 40);
  return describeRecord(KEY, { user_id: "1", ...user }, record);
}

/** What is known of that user once the record was imported. */
function known(user: User, state: UserState = "imported"): LedgerEntry {
  const { record, attributes } = said(user);
  return { record, attributes, differs: false, state };
}

const jane = {
  email: "jane@example.com",
  email_verified: true,
  given_name: "Jane",
  user_metadata: { plan: "free" },
  password_hash: "hash",
};
function changesOf(step: Step): readonly string[] {
  return step.do === "update" ? step.changes : [];
}

function differencesOf(step: Step): string[] {
  const differences = step.do === "update" || step.do === "nothing" ? step.differences : [];
  return differences.map(({ attribute, reason }) => `${attribute} ${reason}`);
}

describe("what is sent", () => {
  it("a new user whole", () => {
    assert.equal(decide(said(jane), undefined).do, "insert");
  });

  it("nothing of an unchanged user, in the source all the time or put back into it, however the record is written", () => {
    const { user_metadata, ...rest } = jane;
    for (const state of ["imported", "inserted", "updated", "adopted", "removed"] as const) {
      const step = decide(said({ user_metadata, ...rest, email: "JANE@example.com" }), known(jane, state));
      assert.deepEqual([step.do, differencesOf(step)], ["nothing", []]);
    }
  });

  it("of a changed user the groups that changed, never another one", () => {
    for (const [change, changes] of [
      [{ given_name: "Janet" }, ["profile"]],
      [{ nickname: "J" }, ["profile"]],
      [{ user_metadata: { plan: "pro" } }, ["user_metadata"]],
      [{ app_metadata: {}, email_verified: false }, ["app_metadata", "email_verified"]],
    ] as const) {
      for (const state of ["imported", "removed", "outdated:FORMAT"] as const) {
        const step = decide(said({ ...jane, ...change }), known(jane, state));
        assert.deepEqual(changesOf(step), changes);
        assert.deepEqual(differencesOf(step), []);
      }
    }
  });

  it("a hash alone, after the rest, and only to a user who was brought with one", () => {
    const custom_password_hash = { algorithm: "md5" };
    const before = known({ ...jane, custom_password_hash: { algorithm: "sha1" } });
    const brought: LedgerEntry = { ...before, broughtHash: true };
    const both = decide(said({ ...jane, custom_password_hash, given_name: "Janet" }), brought);
    assert.ok(both.do === "update");
    assert.deepEqual(
      [both.kind, both.changes, both.hashFollows, both.after.differs],
      ["upsert", ["profile"], true, true],
    );
    const alone = decide(said({ ...jane, custom_password_hash }), { ...brought, origin: "inserted" });
    assert.ok(alone.do === "update");
    assert.deepEqual([alone.kind, alone.changes, alone.hashFollows], ["hash", ["custom_password_hash"], false]);
    for (const other of [before, { ...brought, origin: "adopted" }, known(jane)] as const) {
      const step = decide(said({ ...jane, custom_password_hash }), other);
      assert.deepEqual([step.do, differencesOf(step)], ["nothing", ["custom_password_hash passwordSet"]]);
    }
  });

  it("nothing that an upsert can't set: that is told, with what it can't remove", () => {
    for (const [change, differences] of [
      [{ password_hash: "other" }, ["password_hash notUpsertable"]],
      [{ username: "jane", phone_number: "+12125550001" }, ["username notUpsertable", "phone_number notUpsertable"]],
      [{ blocked: true }, ["blocked notUpsertable"]],
      [{ blocked: false, phone_verified: false }, []],
      [{ given_name: undefined }, ["given_name removed"]],
      [{ user_metadata: undefined }, ["user_metadata removed"]],
      [{ password_hash: undefined }, []],
    ] as const) {
      const step = decide(said({ ...jane, ...change } as User), known(jane));
      assert.equal(step.do, "nothing");
      assert.deepEqual(differencesOf(step), differences);
      assert.equal(step.after.differs, differences.length > 0);
    }
    const blocked = { ...jane, blocked: true, phone_verified: true };
    assert.deepEqual(differencesOf(decide(said(jane), known(blocked))), ["phone_verified removed", "blocked removed"]);
  });

  it("what changed besides, and the rest is told", () => {
    const step = decide(said({ ...jane, given_name: "Janet", password_hash: "other" }), known(jane));
    assert.deepEqual(changesOf(step), ["profile"]);
    assert.deepEqual(differencesOf(step), ["password_hash notUpsertable"]);
  });

  it("nothing where there is no email: the upsert would be about nobody", () => {
    const step = decide(said({ ...jane, email: undefined, given_name: "Janet" } as User), known(jane));
    assert.equal(step.do, "nothing");
    assert.deepEqual(differencesOf(step), ["email removed", "profile noEmail"]);
  });

  it("to whom the id leads where the email is another one, but no hash; nothing where the tenant's id is not ours", () => {
    const moved = said({ ...jane, email: "other@example.com", given_name: "Janet" } as User);
    const step = decide(moved, known(jane));
    assert.ok(step.do === "update" && step.isMoved);
    assert.deepEqual([changesOf(step), differencesOf(step)], [["profile"], ["email notUpsertable"]]);
    const other = decide(moved, { ...known(jane), hasOtherId: true });
    assert.deepEqual([other.do, differencesOf(other)], ["nothing", ["email notUpsertable", "profile noEmail"]]);
  });

  it("for as long as file and tenant differ: what could not be sent is not taken for sent", () => {
    const changed = said({ ...jane, given_name: "Janet", password_hash: "other" });
    const { after } = decide(changed, known(jane));
    const again = decide(changed, { ...after, state: "updated" });
    assert.deepEqual([again.do, changesOf(again)], ["nothing", []]);
    assert.deepEqual(differencesOf(again), ["password_hash notUpsertable"]);
    assert.deepEqual(differencesOf(decide(said({ ...jane, given_name: "Janet" }), { ...after, state: "updated" })), []);
  });

  it("and what the tenant keeps of a profile is known beside what the file says", () => {
    const both = known({ ...jane, nickname: "J" });
    const { nickname: _, ...without } = { ...jane, nickname: "J", given_name: "Janet" };
    const step = decide(said(without), both);
    assert.deepEqual([changesOf(step), differencesOf(step)], [["profile"], ["nickname removed"]]);
    const after: LedgerEntry = { ...step.after, state: "updated" };
    assert.deepEqual(after.attributes.profile, ["given_name"]);
    assert.deepEqual(after.had, { prints: { profile: "unknown" }, profile: ["given_name", "nickname"], booleans: {} });
    const again = decide(said(without), after);
    assert.deepEqual([again.do, differencesOf(again)], ["nothing", ["nickname removed"]]);
    const back = decide(said({ ...jane, nickname: "J" }), after);
    assert.deepEqual([changesOf(back), back.after.had], [["profile"], undefined]);
  });

  it("what is settled anew, and the rest of what the tenant had stays known", () => {
    const had = {
      prints: { user_metadata: 1, profile: 2 },
      profile: ["name"],
      booleans: { email_verified: false },
    } as const;
    const merged: LedgerEntry = { ...known(jane), had, origin: "adopted", run: 4, given: [2] };
    const step = decide(said({ ...jane, given_name: "Janet" }), merged);
    const { had: left, origin, run, given } = step.after;
    assert.deepEqual({ origin, run, given }, { origin: "adopted", run: 4, given: [2] });
    assert.deepEqual(left, {
      ...{ prints: { user_metadata: 1, profile: "unknown" }, profile: ["name", "given_name"], booleans: {} },
    });
    assert.deepEqual(decide(said(jane), merged).after.had, had);
  });

  it("nothing of metadata in which only nulls came or went, whichever version imported it", () => {
    const withNull = { ...jane, user_metadata: { plan: "free", phone: null } };
    assert.equal(decide(said(withNull), known(jane)).do, "nothing");
    assert.equal(decide(said(jane), known(withNull)).do, "nothing");
    const print = groupPrint(KEY, "user_id:1", "user_metadata", withNull.user_metadata, "kept");
    const { attributes, ...rest } = known(jane);
    const of01: LedgerEntry = {
      ...rest,
      attributes: { ...attributes, prints: { ...attributes.prints, user_metadata: print as number } },
    };
    assert.equal(decide(said(withNull), of01).do, "nothing");
    assert.deepEqual(changesOf(decide(said(jane), of01)), ["user_metadata"]);
  });

  it("of what nobody knows, all that the record says, but for a print that is the same", () => {
    const lost = commonAttributes(said(jane).attributes, said({ ...jane, user_metadata: { plan: "pro" } }).attributes);
    assert.deepEqual(lost.unknown, ["user_metadata"]);
    const step = decide(said(jane), { ...known(jane), attributes: lost });
    assert.deepEqual([changesOf(step), step.after.attributes.unknown], [["user_metadata"], undefined]);
    const { attributes } = known(jane);
    const doubtful: LedgerEntry = { ...known(jane), attributes: { ...attributes, unknown: ["profile"] } };
    assert.equal(decide(said(jane), doubtful).do, "nothing");
    assert.deepEqual(decide(said({ ...jane, user_metadata: {} }), doubtful).after.attributes.unknown, ["profile"]);
    assert.equal(decide(said({ ...jane, given_name: "Janet" }), doubtful).after.attributes.unknown, undefined);
  });

  it("a failed record again when it changed or when it is asked for", () => {
    const failed = known(jane, "failed:FORMAT");
    assert.equal(decide(said(jane), failed).do, "listFailure");
    assert.equal(decide(said({ ...jane, given_name: "Janet" }), failed).do, "insert");
    assert.equal(decide(said(jane), { ...failed, record: NO_RECORD }).do, "insert");
  });

  it("a failed update again when the record changed once more or when it is asked for", () => {
    const janet = said({ ...jane, given_name: "Janet" });
    const outdated: LedgerEntry = { ...known(jane, "outdated:FORMAT"), record: janet.record, attempt: janet.whole() };
    assert.equal(decide(janet, outdated).do, "listFailure");
    assert.deepEqual(changesOf(decide(janet, { ...outdated, record: NO_RECORD })), ["profile"]);
    assert.deepEqual(changesOf(decide(said({ ...jane, given_name: "Jo" }), outdated)), ["profile"]);
    assert.equal(decide(said(jane), outdated).do, "nothing", "put back to what the tenant has");
  });

  it("of one who was there before and was written over, the rest is told", () => {
    const { has, differences } = overwritten(said({ ...jane, username: "jane", blocked: true }).attributes);
    assert.deepEqual(
      differences.map(({ attribute }) => attribute),
      ["username", "password_hash", "blocked"],
    );
    const entry: LedgerEntry = { record: 1, attributes: has, differs: true, state: "updated" };
    const again = decide(said({ ...jane, username: "jane", blocked: true }), entry);
    assert.equal(again.do, "nothing");
    assert.deepEqual(differencesOf(again), [
      "username notUpsertable",
      "password_hash notUpsertable",
      "blocked notUpsertable",
    ]);
  });
});

describe("the packer", () => {
  const overhead = 700;
  /** Some characters of it take more bytes than one. */
  const textOf = (size: number) => "é€x".repeat(size / 6);

  it("fills every job but the last to within one record, loses nothing and keeps the order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 2, max: 90_000 }), { maxLength: 60 }), (sizes) => {
        const packer = new Packer<number>(overhead);
        const chunks = [];
        const records = sizes.map((size) => JSON.stringify(textOf(size)));
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
            members.map((i) => textOf(sizes[i] as number)),
          );
          assert.ok(payload.length + overhead <= MAX_REQUEST_BYTES);
          const next = jobs[n + 1]?.members[0];
          if (next !== undefined) {
            assert.ok(payload.length + overhead + 1 + Buffer.byteLength(records[next] as string) > MAX_REQUEST_BYTES);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it("knows to the byte what fits into a job of its own", () => {
    const packer = new Packer(overhead);
    assert.equal(packer.fits("x".repeat(MAX_REQUEST_BYTES - overhead - 2)), true);
    assert.equal(packer.fits(`${"x".repeat(MAX_REQUEST_BYTES - overhead - 3)}é`), false);
  });
});

describe("users with one fingerprint", () => {
  it("are told apart: all but the first that counts, whoever names nobody left out", () => {
    const identities = Float64Array.from([7, 0, 5, 7, 0, 9, 5, 7, 2 ** 51]);
    assert.deepEqual(
      sharersOf(identities, () => true),
      [3, 6, 7],
    );
    assert.deepEqual(
      sharersOf(identities, (index) => index !== 0),
      [6, 7],
    );
    assert.deepEqual(
      sharersOf(Float64Array.from([3, 1, 2]), () => true),
      [],
    );
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
