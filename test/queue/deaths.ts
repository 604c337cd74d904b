import assert from "node:assert/strict";
import { onEachServer, usersOf } from "../support/queueTest";

/** More lines than the journal of such a run has: the last worker that is to die lives. */
const MOST_LINES = 12;

describe("a batch whose worker", () => {
  onEachServer((at) => {
    for (const shared of [true, false]) {
      it(`is killed at any line of the journal brings everybody once, ${shared ? "with" : "without"} the journal`, async () => {
        let lives = false;
        for (let line = 1; !lives; line++) {
          assert.ok(line < MOST_LINES, "one that is not killed ends the loop");
          await at.stop();
          await at.server().loseData();
          await at.start();
          const users = usersOf(80, 9_000);
          at.writeUsers(users);
          const first = at.worker(at.folder, { USER_IMPORT_DIE_AFTER_LINE: String(line) });
          const up = at.up();
          lives = await Promise.race([first.exited.then(() => false), up.then(() => true)]);
          if (!lives) at.worker(shared ? at.folder : at.otherMachine());
          const { outputs, error } = await up;
          assert.equal(error, undefined, `line ${line}`);
          assert.equal(outputs?.complete, true);
          assert.equal(outputs?.summary.failed, 0, `line ${line}`);
          at.assertOnce(users);
        }
      }).timeout(600_000);
    }

    it("was asleep until another had it sends no job any more, and everybody comes in once", async () => {
      await at.emulator.stop();
      await at.start({ usersPerSecond: 100, maxActiveJobs: 20 });
      const users = usersOf(400, 5_000);
      at.writeUsers(users);
      const asleep = at.worker(at.otherMachine());
      const up = at.up();
      await asleep.printed(/everyone-00: begins/);
      await at.hasJobs(1);
      const { pid } = asleep.processes()[0] as { pid: number };
      process.kill(pid, "SIGSTOP");
      const second = at.worker(at.otherMachine());
      await second.printed(/everyone-00: begins/);
      process.kill(pid, "SIGCONT");
      await asleep.printed(/everyone-00: lost/);
      const { outputs, error } = await up;
      assert.equal(error, undefined);
      assert.equal(outputs?.complete, true);
      at.assertOnce(users);
      const { list } = at.emulator.tenant.stats().jobs;
      const sent = list.reduce((sum, job) => sum + job.users, 0);
      assert.equal(sent, users.length + (list[0]?.users ?? 0), "the first has sent its first job, and no more");
    }).timeout(120_000);

    it("is asked to end is given to another, who goes on where it stopped", async () => {
      await at.emulator.stop();
      await at.start({ usersPerSecond: 100 });
      const users = usersOf(300, 5_000);
      at.writeUsers(users);
      const first = at.worker(at.otherMachine());
      const up = at.up();
      await first.printed(/everyone-00: begins/);
      await at.hasJobs(1);
      first.interrupt();
      const { code, stdout } = await first.finished;
      assert.equal(code, 0);
      assert.match(stdout, /everyone-00: given back to the queue/);
      const before = at.emulator.tenant.stats().jobs.list.reduce((sum, { inserted }) => sum + inserted, 0);
      assert.ok(before > 0 && before < users.length);
      at.worker(at.otherMachine());
      const { outputs, error } = await up;
      assert.equal(error, undefined);
      assert.equal(outputs?.complete, true);
      at.assertOnce(users);
      const sent = at.emulator.tenant.stats().jobs.list.reduce((sum, each) => sum + each.users, 0);
      assert.equal(sent, users.length, "nobody was sent twice");
    }).timeout(120_000);
  });
});
