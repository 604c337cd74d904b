import assert from "node:assert/strict";
import type { User } from "../../provider/schema/identity";
import { countsIn, ImportTest, memberOf, type RunOptions } from "./importTest";
import type { PlainTenant } from "./plainTenant";

const USERS = 25;
const USERS_A_JOB = 10;
/** So large that so many of them fill a job. */
const FILLER = "x".repeat(50_000);
const people = (attributes: (i: number) => object = () => ({})): User[] =>
  Array.from({ length: USERS }, (_, i) => ({
    ...{ email: `person${i}@example.com`, email_verified: true, user_metadata: { filler: FILLER } },
    ...attributes(i),
  }));
const ann = (version: number): User => ({ email: "ann@example.com", user_metadata: { version } });

describe("going on after a kill -9", () => {
  const at = ImportTest.forEach();

  const sentTwice = () => {
    const users = at().tenant.jobs.flatMap((job) => job.users.map(({ email }) => email));
    return users.length - new Set(users).size;
  };
  const sent = ({ jobs }: PlainTenant) => jobs.map(({ users }) => users.length);
  const versionOf = (id: RegExp | string) =>
    [...at().tenant.users].find(([each]) => each.match(id))?.[1].attributes.user_metadata;

  it("takes in who was sent, after any line of the journal: nobody twice, nobody missing", async () => {
    const users = people((i) => (i % 2 === 0 ? { user_id: `source-${i}` } : {}));
    await at().run(users);
    const lines = at().journalLines;
    assert.equal(lines, 3 * 3);
    assert.doesNotMatch(at().journal, /person|example|source-/);
    for (let line = 1; line <= lines; line++) {
      at().startAnew();
      await at().run(users, { dieAfterLine: line });
      const { result, problem } = await at().run(users);
      assert.deepEqual([problem, countsIn(result)], [undefined, { inserted: USERS }], `line ${line}`);
      assert.equal(at().tenant.users.size, USERS, `line ${line}`);
      assert.ok(sentTwice() <= USERS_A_JOB, `line ${line}: ${sentTwice()} users were sent twice`);
      const again = await at().run(users, { before: result });
      assert.deepEqual([countsIn(again.result), again.result.jobs.length], [{ unchanged: USERS }, 0]);
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
      assert.deepEqual([problem, countsIn(result)], [undefined, { updated: 20, unchanged: 5 }], `line ${line}`);
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
      assert.deepEqual(countsIn(result), { inserted: USERS });
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
    assert.deepEqual(countsIn(result), { inserted: 2 });
    assert.equal(tenant.users.size, 2);
  });

  it("lists a failure of the interrupted run with Auth0's message, and does not send the record again", async () => {
    const refuse: PlainTenant["fate"] = () => ({
      refuses: ({ email }) => (email === "ann@example.com" ? "FORMAT" : undefined),
    });
    at().tenant.fate = refuse;
    await at().run([ann(1)], { dieAfterLine: 2 });
    const { result } = await at().run([ann(1)]);
    assert.deepEqual(countsIn(result), { failed: 1 });
    assert.equal(result.failedRecords[0]?.message, "FORMAT!");
    assert.equal(at().tenant.jobs.length, 1);
  });

  it("sends a record again that failed on other terms", async () => {
    at().tenant.fate = () => ({ refuses: () => "FORMAT" });
    await at().run([ann(1)], { dieAfterLine: 2 });
    at().tenant.fate = () => undefined;
    const { result } = await at().run([ann(1)], { terms: "others" });
    assert.deepEqual(countsIn(result), { inserted: 1 });
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
      assert.deepEqual(countsIn(result), { updated: 1 });
      assert.deepEqual(versionOf(/./), { version: 2 });
      assert.deepEqual(countsIn((await at().run([ann(2)], { before: result })).result), { unchanged: 1 });
    });

    it("sends a file that is put back after an update", async () => {
      const { result: first } = await at().run([ann(1)]);
      await unanswered([ann(2)], { before: first });
      const { result } = await at().run([ann(1)], { before: first });
      assert.deepEqual(countsIn(result), { updated: 1 });
      assert.deepEqual(versionOf(/./), { version: 1 });
    });

    it("remembers who may have come, though the record is gone when the import ends", async () => {
      await unanswered([ann(1)]);
      const { result: without } = await at().run([]);
      assert.equal(without.complete, true);
      const { result } = await at().run([ann(2)], { before: without });
      assert.deepEqual(countsIn(result), { updated: 1 });
      assert.deepEqual(versionOf(/./), { version: 2 });
    });

    it("brings up to the file who may have come with one of two earlier records", async () => {
      await unanswered([ann(1)]);
      await unanswered([ann(2)]);
      const { result } = await at().run([ann(3)]);
      assert.deepEqual(countsIn(result), { updated: 1 });
      assert.deepEqual(versionOf(/./), { version: 3 });
      assert.equal(at().tenant.users.size, 1);
    });
  });

  it("goes by the state, not by an older journal that is put back from a copy", async () => {
    const { result: first } = await at().run([ann(1)]);
    const older = at().journal;
    const { result: second } = await at().run([ann(2)], { before: first });
    at().journal = older;
    const { result, achieved } = await at().run([ann(2)], { before: second });
    assert.deepEqual([achieved, countsIn(result), result.jobs.length], [false, { unchanged: 1 }, 0]);
  });

  it("though the last line of the journal is torn", async () => {
    await at().run(people(), { dieAfterLine: 6 });
    at().journal = at().journal.slice(0, -7);
    const { result } = await at().run(people());
    assert.deepEqual([countsIn(result), at().tenant.users.size], [{ inserted: USERS }, USERS]);
  });

  it("sends nothing where the journal is damaged elsewhere, and says what to do", async () => {
    await at().run(people(), { dieAfterLine: 6 });
    at().journal = at().journal.replace('"intent"', '"intnt"');
    const before = at().tenant.jobs.length;
    await assert.rejects(
      at().run(people()),
      /journal batch\.ndjson is damaged in line 2.*Nothing was sent now.*Restore the file/s,
    );
    assert.equal(at().tenant.jobs.length, before);
  });

  it("goes on with its journal after a run with a wrong connectionId", async () => {
    await at().run(people(), { dieAfterLine: 5 });
    const preflight = () => Promise.reject(new Error("The connection does not exist."));
    const wrong = await at().run(people(), { settings: { connectionId: "con_0000000000000009" }, preflight });
    assert.match(wrong.problem?.message ?? "", /does not exist/);
    const { result } = await at().run(people());
    assert.deepEqual([countsIn(result), at().tenant.users.size], [{ inserted: USERS }, USERS]);
  });

  describe("in the moment before an email is said to be unverified", () => {
    const verified = (email_verified: boolean): User => ({ email: "ann@example.com", email_verified });

    for (const [line, where] of [
      [1, "not sent"],
      [2, "sent"],
    ] as const) {
      it(`${where}: sends what the file says then`, async () => {
        for (const final of [false, true]) {
          at().startAnew();
          const { result: first } = await at().run([verified(true)]);
          await at().run([verified(false)], { before: first, dieAfterLine: line });
          const { result: second } = await at().run([verified(final)], { before: first });
          assert.deepEqual(
            [...at().tenant.users.values()].map((user) => user.email_verified),
            [final],
          );
          const { result: third } = await at().run([verified(final)], { before: second });
          assert.deepEqual([countsIn(third), third.jobs], [{ unchanged: 1 }, []]);
        }
      });
    }
  });
});
