import assert from "node:assert/strict";
import { Packer } from "../../provider/plan/pack";
import type { User } from "../../provider/schema/identity";
import { TenantError } from "../../provider/tenant/errors";
import { ImportTest, membersOf } from "./importTest";
import type { Fate, SentJob } from "./plainTenant";

const person = (i: number, attributes: object = {}) => ({ email: `person${i}@example.com`, ...attributes });
const people = (count: number, attributes: object = {}) =>
  Array.from({ length: count }, (_, i) => person(i, attributes));

/** So large that ten of them fill a job. */
const LARGE = { user_metadata: { filler: "x".repeat(50_000) } };

describe("delivering a job", () => {
  const at = ImportTest.forEach();

  const fates = (...each: (Fate | undefined)[]) => {
    at().tenant.fate = ({ number }) => each[number - 1];
  };
  const sizes = () => at().tenant.jobs.map(({ users }) => users.length);
  const has = (job: SentJob, i: number) => job.users.some(({ email }) => email === `person${i}@example.com`);

  it("sends it once where the ends of its records are known, those who failed, too", async () => {
    fates({ refuses: ({ email }) => (email === "person1@example.com" ? "FORMAT" : undefined) });
    const { result, problem } = await at().run(people(3));
    assert.equal(problem, undefined);
    assert.deepEqual(sizes(), [3]);
    assert.deepEqual([result.summary.inserted, result.summary.failed], [2, 1]);
    assert.deepEqual(
      result.jobs.map(({ users, failed, status }) => [users, failed, status]),
      [[3, 1, "completed"]],
    );
  });

  for (const [what, fate] of [
    ["fails as a whole", { ends: "failed" }],
    ["fails half-way", { ends: "failed", applied: 2 }],
    ["is gone", { ends: "vanished", applied: 2 }],
    ["has errors that don't add up", { hides: 1 }],
  ] as const) {
    it(`sends it once more where it ${what}: each user comes in once`, async () => {
      fates(fate);
      const { result } = await at().run(people(4));
      assert.deepEqual(sizes(), [4, 4]);
      assert.equal(at().tenant.users.size, 4);
      assert.deepEqual([result.summary.inserted, result.summary.failed], [4, 0]);
    });
  }

  it("sends it in halves then, until the record stands alone that makes it fail", async () => {
    at().tenant.fate = (job) => (has(job, 5) ? { ends: "failed", details: "boom" } : undefined);
    const { result } = await at().run(people(8));
    assert.deepEqual(sizes().sort(), [1, 1, 1, 2, 2, 4, 4, 8, 8].sort());
    assert.equal(at().tenant.users.size, 7);
    const [failed] = result.failedRecords;
    assert.deepEqual([failed?.identity, failed?.code], ["email:person5@example.com", "JOB_FAILED"]);
    assert.match(failed?.message ?? "", /fails as a whole: boom/);
  });

  it("ends the run after 12 such jobs in a row: that is the service's fault", async () => {
    at().tenant.fate = () => ({ ends: "failed" });
    const { result, problem } = await at().run(people(40, LARGE));
    assert.match(problem?.message ?? "", /^12 import jobs in a row failed as a whole, the last of them job_\d+/);
    assert.equal(result.complete, false);
    assert.equal(at().tenant.users.size, 0);
  });

  it("ends the run after 200 such jobs in all, where sound ones lie between them", async () => {
    at().tenant.fate = (job) => (has(job, 5) ? { ends: "failed" } : undefined);
    const users = people(10);
    const { delivery, course } = await at().parts(users);
    for (let i = 0; i < 40 && !course.isStopped; i++) {
      await delivery.start("insert", chunkOf(users));
      await delivery.ended();
    }
    assert.match(course.problem?.message ?? "", /^200 import jobs failed as a whole.* with code JOB_FAILED\.$/);
  });

  for (const lost of ["taken", "not taken"] as const) {
    it(`sends it again where its answer is lost, and it was ${lost}: nobody twice, nobody missing`, async () => {
      fates({ lost });
      const { result } = await at().run(people(3));
      assert.equal(at().tenant.users.size, 3);
      assert.deepEqual([result.summary.inserted, result.summary.failed], [3, 0]);
    });
  }

  it("does not send it again where it was refused: what was sent before is kept", async () => {
    at().tenant.fate = ({ number }) => (number === 2 ? { status: 400 } : undefined);
    const users = people(15, LARGE);
    const { result, problem, achieved } = await at().run(users);
    assert.match(problem?.message ?? "", /refused with 400/);
    assert.deepEqual([achieved, result.complete, result.summary.inserted], [true, false, 10]);
    at().tenant.fate = () => undefined;
    const second = await at().run(users, { before: result });
    assert.deepEqual([second.problem, second.result.summary.inserted], [undefined, 15]);
    assert.deepEqual(sizes(), [10, 5]);
  });

  it("sends nothing where the tenant does not agree", async () => {
    const preflight = async () => {
      throw new Error("The connection is no database.");
    };
    const { problem, achieved } = await at().run(people(3), { preflight });
    assert.equal(problem?.message, "The connection is no database. Nothing was sent.");
    assert.deepEqual([achieved, sizes()], [false, []]);
  });

  it("sends no more once it is asked to stop, and keeps what was on its way", async () => {
    at().tenant.fate = () => {
      at().stop.abort(new Error("The run was asked to stop."));
      return undefined;
    };
    const { result, problem } = await at().run(people(40, LARGE));
    assert.equal(problem?.message, "The run was asked to stop.");
    assert.deepEqual([sizes(), result.summary.inserted], [[10], 10]);
    assert.equal(result.interruptions.at(-1)?.reason, "The run was asked to stop.");
  });

  it("sends no job that would not end before the deadline", async () => {
    const { problem, achieved } = await at().run(people(3), { settings: { deadline: new Date(Date.now() - 1) } });
    assert.match(problem?.message ?? "", /^The deadline is near/);
    assert.deepEqual([achieved, sizes()], [false, []]);
  });

  it("stops before its deadline, awaits what runs, and goes on at the next run", async () => {
    const users = people(40, LARGE);
    const deadline = new Date(Date.now() + 3_600_000);
    at().tenant.fate = ({ number }) => {
      if (number === 2) deadline.setTime(0);
      return undefined;
    };
    const { result: first, problem } = await at().run(users, { settings: { deadline } });
    assert.match(problem?.message ?? "", /^The deadline is near/);
    const { inserted } = first.summary;
    assert.ok(inserted >= 20 && inserted < 40, `${inserted} users`);
    assert.equal(at().tenant.users.size, inserted);
    const { result } = await at().run(users, { before: first });
    assert.deepEqual([result.summary.inserted, at().tenant.jobs.length], [40, 4]);
  });

  it("waits for slots that somebody else holds no longer than to its deadline", async () => {
    let asked = 0;
    at().tenant.submit = async () => {
      asked++;
      throw new TenantError("refused", 429, undefined, "There are 2 active import users jobs");
    };
    const { problem, achieved } = await at().run(people(3), { settings: { deadline: new Date(Date.now() + 1_000) } });
    assert.match(problem?.message ?? "", /^The deadline is near/);
    assert.ok(!achieved && asked > 1);
  });

  it("stops early where most of the first users fail for one reason", async () => {
    at().tenant.fate = () => ({ refuses: ({ name }) => (name === "bad" ? "FORMAT" : undefined) });
    const users = people(6_000, { user_metadata: { filler: "x".repeat(2_000) }, name: "bad" });
    const { result, problem } = await at().run(users);
    assert.match(problem?.message ?? "", /of the first \d+ users failed \(FORMAT \d+\): .* mistake in all of them/);
    assert.ok(result.summary.failed < 6_000);
  });
});

/** A job of these users. */
function chunkOf(users: readonly User[]) {
  const packer = new Packer<ReturnType<typeof membersOf>[number]>(0);
  for (const [i, member] of membersOf(users).entries()) packer.add(member, JSON.stringify(users[i]));
  return packer.flush() as NonNullable<ReturnType<typeof packer.flush>>;
}
