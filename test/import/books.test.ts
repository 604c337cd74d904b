import assert from "node:assert/strict";
import { unpackRecord } from "../../provider/ledger/entry";
import { Ledger } from "../../provider/ledger/ledger";
import { withoutFactors } from "../../provider/plan/delta";
import type { User } from "../../provider/schema/identity";
import { countsIn, ImportTest, memberOf, type Saved } from "./importTest";

const ann = (version: number, attributes: object = {}): User => ({
  email: "ann@example.com",
  user_metadata: { version },
  ...attributes,
});
const WITH_FACTORS = { mfa_factors: [{ totp: { secret: "2PRXZWZAYYDAWCD" } }] };

describe("the books of a run", () => {
  const at = ImportTest.forEach();

  const open = async (before?: Saved) => {
    at().exit();
    const { books } = await at().parts([ann(1)], before === undefined ? {} : { before });
    return books;
  };
  const { identity } = memberOf(ann(1));

  describe("enter into the ledger", () => {
    it("what the tenant has of a user who came in", async () => {
      const books = await open();
      books.enter("insert", memberOf(ann(1)), "inserted");
      const after = unpackRecord(memberOf(ann(1)).after);
      assert.deepEqual(books.ledger.get(identity), { ...after, state: "inserted", origin: "inserted", run: 1 });
    });

    it("which run wrote a user last, and for good how they came", async () => {
      const books = await open();
      books.enter("insert", memberOf(ann(1)), "adopted");
      const saved = { ...books.close(true), jobs: [], interruptions: [] };
      const later = await open({ ...saved, run: "the first one", runNumber: 1 });
      const known = () => {
        const { run, origin, state } = later.ledger.get(identity) ?? {};
        return [run, origin, state];
      };
      later.enter("upsert", memberOf(ann(2)), "failed:FORMAT");
      assert.deepEqual(known(), [1, "adopted", "outdated:FORMAT"], "a failed update writes nothing");
      later.enter("upsert", memberOf(ann(2)), "updated");
      assert.deepEqual(known(), [2, "adopted", "updated"]);
    });

    it("nothing of a user who is still to be written over", async () => {
      const books = await open();
      books.enter("insert", memberOf(ann(1)), "existing");
      assert.equal(books.ledger.has(identity), false);
    });

    it("a user who is in the tenant as they were there, where an update of them fails", async () => {
      const books = await open();
      books.enter("insert", memberOf(ann(1)), "inserted");
      books.enter("upsert", memberOf(ann(2)), "failed:FORMAT");
      const known = books.ledger.get(identity);
      assert.equal(known?.state, "outdated:FORMAT");
      assert.deepEqual(known?.attributes, unpackRecord(memberOf(ann(1)).after).attributes);
      assert.equal(known?.record, unpackRecord(memberOf(ann(2)).after).record);
    });

    it("all but the factors, where only they failed", async () => {
      const books = await open();
      const member = memberOf(ann(1, WITH_FACTORS));
      books.enter("upsert", member, "failed:MFA_FACTORS_FAILED");
      const known = books.ledger.get(identity);
      assert.equal(known?.state, "outdated:MFA_FACTORS_FAILED");
      assert.deepEqual(known?.attributes, withoutFactors(unpackRecord(member.after).attributes));
    });

    it("less of a user after a job that nobody knows the end of", async () => {
      const books = await open();
      books.enter("insert", memberOf(ann(1)), "inserted");
      books.doubt("upsert", [memberOf(ann(2))], new Date());
      const known = books.ledger.get(identity);
      assert.equal(known?.attributes.prints.user_metadata, undefined);
      assert.deepEqual(known?.attributes.unknown, ["user_metadata"]);
      assert.equal(books.ledger.standing(identity, unpackRecord(memberOf(ann(1)).after).record), undefined);
    });
  });

  describe("at the end", () => {
    const close = async (prepare: (books: Awaited<ReturnType<typeof open>>) => void, complete = true) => {
      const books = await open();
      prepare(books);
      const result = books.close(complete);
      return { result, ledger: Ledger.decode(result.ledger) };
    };

    it("count a user as removed who is in the tenant, and no longer in the source", async () => {
      const { result, ledger } = await close((books) => books.enter("insert", memberOf(ann(1)), "inserted"));
      assert.equal(result.summary.removed, 1);
      assert.equal(ledger.get(identity)?.state, "removed");
    });

    it("forget who never came in, and is no longer in the source", async () => {
      const { result, ledger } = await close((books) => books.enter("insert", memberOf(ann(1)), "failed:FORMAT"));
      assert.deepEqual([countsIn(result), ledger.has(identity)], [{}, false]);
    });

    it("keep who may have come in", async () => {
      const { ledger } = await close((books) => books.doubt("insert", [memberOf(ann(1))], new Date()));
      assert.equal(ledger.get(identity)?.state, "failed:JOB_FAILED");
    });

    it("remove nobody where the run was not complete", async () => {
      const { result, ledger } = await close((books) => books.enter("insert", memberOf(ann(1)), "inserted"), false);
      assert.deepEqual([result.summary.removed, ledger.get(identity)?.state], [0, "inserted"]);
    });
  });

  it("count what an interrupted run has brought as brought by the import that it belongs to", async () => {
    at().tenant.fate = ({ number }) => (number === 2 ? { status: 400 } : undefined);
    const large = { user_metadata: { filler: "x".repeat(300_000) } };
    const users = ["ann", "bob"].map((name) => ({ email: `${name}@example.com`, ...large }));
    const { result: first } = await at().run(users);
    at().tenant.fate = () => undefined;
    const { result: second } = await at().run(users, { before: first });
    assert.deepEqual([countsIn(second), second.jobs.length], [{ inserted: 2 }, 2]);
    const { result: third } = await at().run([...users, { email: "cid@example.com" }], { before: second });
    assert.deepEqual([countsIn(third), third.jobs.length], [{ inserted: 1, unchanged: 2 }, 1]);
  });

  it("list a record that failed before with its message, for as long as it stands", async () => {
    at().tenant.fate = () => ({ refuses: () => "FORMAT" });
    const { result: first } = await at().run([ann(1)]);
    at().tenant.fate = () => undefined;
    const { result: second } = await at().run([ann(1), { email: "bob@example.com" }], { before: first });
    assert.deepEqual(countsIn(second), { inserted: 1, failed: 1 });
    assert.deepEqual(second.failedRecords, first.failedRecords);
    const { result: third } = await at().run([ann(1)], { before: second, settings: { resendFailed: true } });
    assert.deepEqual(countsIn(third), { inserted: 1, removed: 1 });
  });

  it("list who has no password, for as long as the record has such a hash", async () => {
    const hash = { algorithm: "crypt", hash: { value: "abc" } };
    const users = [ann(1, { custom_password_hash: hash })];
    const settings = { unsupportedPasswordHash: "omit" } as const;
    const { result: first } = await at().run(users, { settings });
    assert.deepEqual([countsIn(first), first.passwordResets], [{ inserted: 1 }, 1]);
    const { result: second } = await at().run(users, { settings, before: first });
    assert.deepEqual([countsIn(second), second.passwordResets], [{ unchanged: 1 }, 1]);
  });
});
