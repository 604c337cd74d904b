import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import type { User } from "../../provider/schema/identity";
import { ImportTest, memberOf, type RunOptions, type Saved } from "./importTest";
import type { PlainTenant } from "./plainTenant";

const USERS = 25;
/** So large that ten of them fill a job. */
const FILLER = "x".repeat(50_000);
const people = (attributes: (i: number) => object = () => ({})): User[] =>
  Array.from({ length: USERS }, (_, i) => ({
    ...{ email: `person${i}@example.com`, email_verified: true, user_metadata: { filler: FILLER } },
    ...attributes(i),
  }));
const ann = (version: number): User => ({ email: "ann@example.com", user_metadata: { version } });

describe("going on after a kill -9", () => {
  const at = ImportTest.forEach();

  const counts = ({ summary }: Saved) =>
    Object.fromEntries(Object.entries(summary).filter(([name, users]) => users > 0 && name !== "total"));
  const sent = ({ jobs }: PlainTenant) => jobs.map(({ users }) => users.length);
  const versionOf = (id: RegExp | string) =>
    [...at().tenant.users].find(([each]) => each.match(id))?.[1].attributes.user_metadata;

  it("takes in who was sent, after any line of the journal: nobody twice, nobody missing", async () => {
    const users = people((i) => (i % 2 === 0 ? { user_id: `source-${i}` } : {}));
    await at().run(users);
    const lines = at().journalLines;
    assert.equal(lines, 3 * 3);
    for (let line = 1; line <= lines; line++) {
      at().startAnew();
      await at().run(users, { dieAfterLine: line });
      const { result, problem } = await at().run(users);
      assert.deepEqual([problem, counts(result)], [undefined, { inserted: USERS }], `line ${line}`);
      assert.equal(at().tenant.users.size, USERS, `line ${line}`);
      const again = await at().run(users, { before: result });
      assert.deepEqual([counts(again.result), again.result.jobs.length], [{ unchanged: USERS }, 0]);
    }
  });

  it("takes in what was changed, after any line of the journal of an update", async () => {
    const changed = people((i) => (i < 20 ? { user_metadata: { filler: FILLER, changed: i } } : {}));
    let lines = 0;
    for (let line = 0; line <= lines; line++) {
      at().startAnew();
      const { result: first } = await at().run(people());
      if (line === 0) {
        await at().run(changed, { before: first });
        lines = at().journalLines;
        assert.ok(lines >= 6);
        continue;
      }
      await at().run(changed, { before: first, dieAfterLine: line });
      const { result, problem } = await at().run(changed, { before: first });
      assert.deepEqual([problem, counts(result)], [undefined, { updated: 20, unchanged: 5 }], `line ${line}`);
      assert.equal(at().tenant.users.size, USERS);
    }
  });

  it("awaits the job that the tenant took, and says so; its users are not sent again", async () => {
    await at().run(people(), { dieAfterLine: 2 });
    const { result } = await at().run(people());
    assert.match(
      at().notes.join(),
      /^Goes on where .* Awaits 1 job that it sent: job_1 with \d+ users of users.ndjson, bytes 0 to/,
    );
    assert.deepEqual(sent(at().tenant), [10, 10, 5]);
    assert.equal(result.interruptions[0]?.reason, "The run was killed.");
  });

  it("sends again the job of which nobody knows whether the tenant took it, and says so", async () => {
    await at().run(people(), { dieAfterLine: 1 });
    await at().run(people());
    assert.match(at().notes.join(), /Of 1 job nobody knows whether the tenant took it, so its users are sent again/);
    assert.deepEqual(sent(at().tenant), [10, 10, 5]);
  });

  it("sends again the users of a job that is gone or that failed, and takes those for ours who are there", async () => {
    for (const ends of ["vanished", "failed"] as const) {
      at().startAnew();
      at().tenant.fate = ({ number }) => (number === 1 ? { ends, applied: 4 } : undefined);
      await at().run(people(), { dieAfterLine: 2 });
      const { result } = await at().run(people());
      assert.deepEqual(counts(result), { inserted: USERS });
      assert.equal(at().tenant.users.size, USERS);
    }
  });

  it("takes in the other jobs, though one can't be asked for", async () => {
    const users = [ann(1), { ...ann(1), email: "bob@example.com" }];
    const { tenant } = at();
    const { journal } = await at().parts(users);
    const request = { connectionId: "", kind: "insert", externalId: "", sendCompletionEmail: false } as const;
    for (const [i, user] of users.entries()) {
      journal.intent(i + 1, "insert", 99, [["users.ndjson", 0, 99]], [memberOf(user)], new Date());
      const { id } = await tenant.submit(request, Buffer.from(JSON.stringify([user])), () => {});
      journal.accepted(i + 1, id, new Date(), false);
    }
    at().exit();
    const { job } = tenant;
    at().tenant.job = async (id, onRetry) => {
      if (id === "job_1") throw new Error("no answer");
      return job(id, onRetry);
    };
    const first = await at().run(users);
    assert.deepEqual([first.problem?.message, first.result.jobs.length], ["no answer", 1]);
    at().tenant.job = job;
    const { result } = await at().run(users, { before: first.result });
    assert.deepEqual(counts(result), { inserted: 2 });
    assert.equal(tenant.users.size, 2);
  });

  it("lists a failure of the interrupted run with Auth0's message, and does not send the record again", async () => {
    const refuse: PlainTenant["fate"] = () => ({
      refuses: ({ email }) => (email === "ann@example.com" ? "FORMAT" : undefined),
    });
    at().tenant.fate = refuse;
    await at().run([ann(1)], { dieAfterLine: 2 });
    const { result } = await at().run([ann(1)]);
    assert.deepEqual(counts(result), { failed: 1 });
    assert.equal(result.failedRecords[0]?.message, "FORMAT!");
    assert.equal(at().tenant.jobs.length, 1);
  });

  it("sends a record again that failed on other terms", async () => {
    at().tenant.fate = () => ({ refuses: () => "FORMAT" });
    await at().run([ann(1)], { dieAfterLine: 2 });
    at().tenant.fate = () => undefined;
    const { result } = await at().run([ann(1)], { terms: "others" });
    assert.deepEqual(counts(result), { inserted: 1 });
  });

  describe("where nobody knows whether the tenant took the job", () => {
    /** Takes the job of the run, which never learns of it. */
    const unanswered = async (users: readonly User[], options: RunOptions = {}) => {
      at().tenant.fate = () => {
        at().tenant.isCut = true;
        return { lost: "taken" };
      };
      await at().run(users, options);
      at().tenant.fate = () => undefined;
    };

    it("brings up to the file who changed in it since", async () => {
      await unanswered([ann(1)]);
      const { result } = await at().run([ann(2)]);
      assert.deepEqual(counts(result), { updated: 1 });
      assert.deepEqual(versionOf(/./), { version: 2 });
      assert.deepEqual(counts((await at().run([ann(2)], { before: result })).result), { unchanged: 1 });
    });

    it("sends a file that is put back after an update", async () => {
      const { result: first } = await at().run([ann(1)]);
      await unanswered([ann(2)], { before: first });
      const { result } = await at().run([ann(1)], { before: first });
      assert.deepEqual(counts(result), { updated: 1 });
      assert.deepEqual(versionOf(/./), { version: 1 });
    });

    it("remembers who may have come, though the record is gone when the import ends", async () => {
      await unanswered([ann(1)]);
      const { result: without } = await at().run([]);
      assert.equal(without.complete, true);
      const { result } = await at().run([ann(2)], { before: without });
      assert.deepEqual(counts(result), { updated: 1 });
      assert.deepEqual(versionOf(/./), { version: 2 });
    });

    it("brings up to the file who may have come with one of two earlier records", async () => {
      await unanswered([ann(1)]);
      await unanswered([ann(2)]);
      const { result } = await at().run([ann(3)]);
      assert.deepEqual(counts(result), { updated: 1 });
      assert.deepEqual(versionOf(/./), { version: 3 });
      assert.equal(at().tenant.users.size, 1);
    });
  });

  it("goes by the state, not by an older journal that is put back from a copy", async () => {
    const { result: first } = await at().run([ann(1)]);
    const older = readFileSync(at().journalFile);
    const { result: second } = await at().run([ann(2)], { before: first });
    writeFileSync(at().journalFile, older);
    const { result, achieved } = await at().run([ann(2)], { before: second });
    assert.deepEqual([achieved, counts(result), result.jobs.length], [false, { unchanged: 1 }, 0]);
  });
});
