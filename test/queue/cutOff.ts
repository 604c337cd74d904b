import assert from "node:assert/strict";
import { Link } from "../support/link";
import { onEachServer, type QueueTest, usersOf } from "../support/queueTest";

/** Jobs of a quarter of a second, one after the other. */
async function start(at: QueueTest) {
  await at.emulator.stop();
  await at.start({ usersPerSecond: 100 });
  const users = usersOf(400, 20_000);
  at.writeUsers(users);
  return users;
}

/** The numbers of the jobs, in the order in which the tenant got them; each run of a batch counts from 1. */
function numbers(at: QueueTest): number[] {
  return at.emulator.tenant.stats().jobs.list.map((job) => Number(job.external_id?.split("#")[1]));
}

describe("who is cut off from the store", () => {
  onEachServer((at) => {
    let link: Link;
    beforeEach(async () => {
      link = await Link.to(at.server().url);
    });
    afterEach(() => link.stop());

    it("is told after some seconds, if an update, and nothing was handed over", async () => {
      await start(at);
      link.cut("silent");
      const { outputs, error } = await at.up(undefined, at.inputs(), at.provider(link.url));
      assert.equal(outputs, undefined);
      assert.match(error ?? "", /The queue at .* does not answer \(.*\)\. Nothing was handed over/);
    }).timeout(120_000);

    for (const cut of ["reset", "silent"] as const) {
      it(`sends no job any more, if a worker, when another has its batch (${cut})`, async () => {
        const users = await start(at);
        const alone = at.workerAt(link.url, at.otherMachine(), {}, "--jobs", "1");
        const up = at.up();
        await alone.printed(/everyone-00: begins/);
        await at.hasJobs(1);
        link.cut(cut);
        const other = at.worker(at.otherMachine());
        await other.printed(/everyone-00: begins/);
        const before = numbers(at);
        link.restore();
        await alone.printed(/everyone-00: lost/);
        const { outputs, error } = await up;
        assert.equal(error, undefined);
        assert.equal(outputs?.complete, true);
        assert.equal(outputs?.summary.failed, 0);
        at.assertOnce(users);
        const sent = numbers(at);
        const others = sent.slice(sent.lastIndexOf(1));
        assert.ok(before.length < sent.length);
        assert.deepEqual(
          others,
          others.map((_, i) => i + 1),
          "the other's jobs, and no one else's among them",
        );
      }).timeout(120_000);

      it(`goes on, if a worker that is back soon, and everybody is there once (${cut})`, async () => {
        const users = await start(at);
        const alone = at.workerAt(link.url, at.otherMachine());
        const up = at.up();
        await alone.printed(/everyone-00: begins/);
        await at.hasJobs(1);
        link.cut(cut);
        await at.hasJobs(3);
        link.restore();
        const { outputs, error } = await up;
        assert.equal(error, undefined);
        assert.equal(outputs?.complete, true);
        at.assertOnce(users);
      }).timeout(120_000);

      it(`waits no longer than its deadline, if an update, and the next one collects (${cut})`, async () => {
        const users = await start(at);
        const worker = at.worker();
        const provider = at.provider(link.url);
        const up = at.up(undefined, at.inputs(0, 1, { deadline: "20s" }), provider);
        await at.says(provider, /handed over to the workers/);
        await worker.printed(/everyone-00: begins/);
        link.cut(cut);
        const { outputs, error } = await up;
        assert.equal(outputs, undefined);
        assert.match(error ?? "", /The deadline is near.*The batch goes on at the workers/);
        await worker.printed(/everyone-00: done/);
        at.assertOnce(users);
        link.restore();
        const collected = await at.up(undefined, at.inputs(), at.provider(link.url));
        assert.equal(collected.error, undefined);
        assert.equal(collected.outputs?.summary.inserted, users.length);
        at.assertOnce(users);
      }).timeout(120_000);
    }
  });
});

describe("an update that is killed", () => {
  onEachServer((at) => {
    for (const [when, line] of [
      ["while its batch waits for a worker", undefined],
      ["while a worker has its batch", /everyone-00: begins/],
    ] as const) {
      it(`${when}: the next one collects, and everybody is there once`, async () => {
        const users = await start(at);
        const worker = line === undefined ? undefined : at.worker();
        const provider = at.provider();
        const up = at.up(undefined, at.inputs(), provider);
        if (line !== undefined) await worker?.printed(line);
        else await at.says(provider, /handed over to the workers/);
        await provider.stop();
        assert.ok((await up).error);
        if (worker === undefined) at.worker();
        const { outputs, error } = await at.up();
        assert.equal(error, undefined);
        assert.equal(outputs?.summary.inserted, users.length);
        at.assertOnce(users);
        const sent = at.emulator.tenant.stats().jobs.list.reduce((sum, job) => sum + job.users, 0);
        assert.equal(sent, users.length, "nobody was sent twice");
      }).timeout(120_000);
    }
  });
});
