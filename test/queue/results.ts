import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { onEachServer, usersOf } from "../support/queueTest";

const DEADLINE = { deadline: "1s" };
const RESULTS = ".user-import/dev/everyone";
const WRITTEN = /test\/dev\/everyone: all batches are done, see .*report\.html/;
const DIE_AT_FILE = path.resolve(__dirname, "../support/dieAtFile.js");

describe("results of batches that workers carry out", () => {
  onEachServer((at) => {
    const wrong = [0, 1, 2, 3].map((i) => ({ email: `wrong-${i}`, email_verified: true }));
    const users = usersOf(60);
    const resultsIn = (folder: string) => path.join(folder, RESULTS);
    const read = (folder: string, name: string) => readFileSync(path.join(resultsIn(folder), name), "utf8");

    /** Both batches of an import, for whom nobody waits then. */
    async function handOverTwo(): Promise<void> {
      at.writeUsers([...users, ...wrong]);
      const provider = at.provider();
      const ups = await Promise.all([0, 1].map((i) => at.up(undefined, at.inputs(i, 2, DEADLINE), provider)));
      for (const { error } of ups) assert.match(error ?? "", /The deadline is near/);
    }

    function assertWhole(folder: string): void {
      const report = read(folder, "report.html");
      assert.match(report, /A worker wrote this page when its last batch was done\. <code>pulumi up<\/code> collects/);
      assert.match(report, /64 users in the files(.|\n)*<\/html>\n$/);
      const failed = JSON.parse(read(folder, "failed-records.json")) as typeof wrong;
      assert.deepEqual(failed, wrong);
      assert.equal(statSync(path.join(resultsIn(folder), "failed-records.json")).mode & 0o777, 0o600);
      assert.equal(read(folder, "failed-records.csv").trimEnd().split("\n").length, 1 + wrong.length);
      const unfinished = readdirSync(resultsIn(folder)).filter((name) => name.endsWith(".tmp"));
      assert.deepEqual(unfinished, []);
    }

    it("are written when the last is done, while nobody waits, where its worker has its folder", async () => {
      await handOverTwo();
      const elsewhere = at.otherMachine();
      await at.worker(elsewhere, {}, "--jobs", "1").printed(WRITTEN);
      assertWhole(elsewhere);
      assert.equal(existsSync(resultsIn(at.folder)), false);
      at.assertOnce(users);
      const collected = await Promise.all([0, 1].map((i) => at.up(undefined, at.inputs(i, 2))));
      assert.deepEqual(
        collected.map(({ error, outputs }) => [error, outputs?.complete]),
        [0, 1].map(() => [undefined, true]),
      );
    });

    for (const file of ["failed-records.json", "report.html"]) {
      it(`are written by another worker, where the one who writes ${file} is killed`, async () => {
        await handOverTwo();
        const env = { NODE_OPTIONS: `--require ${DIE_AT_FILE}`, DIE_AT_FILE: file };
        await at.worker(at.folder, env, "--jobs", "1").exited;
        assert.equal(existsSync(path.join(resultsIn(at.folder), "report.html")), false);
        const { jobs } = at.emulator.tenant.stats();
        await at.worker(at.folder, {}, "--jobs", "1").printed(WRITTEN);
        assertWhole(at.folder);
        assert.equal(at.emulator.tenant.stats().jobs.total, jobs.total, "nothing was sent again");
        at.assertOnce(users);
        const { outputs } = await at.up(undefined, at.inputs(1, 2));
        assert.equal(outputs?.complete, true);
      });
    }

    it("say of how many batches they tell, where the others were not handed over", async () => {
      at.writeUsers(users);
      await at.up(undefined, at.inputs(0, 2, DEADLINE));
      await at.worker().printed(WRITTEN);
      assert.match(read(at.folder, "report.html"), /It tells of 1 of 2 batches(.|\n)* users in these batches/);
    });

    it("do not wait for a batch that ended early, and say why it did", async () => {
      await at.emulator.stop();
      await at.start({ usersPerSecond: 25 });
      const many = usersOf(1_500, 5_000);
      at.writeUsers(many);
      const elsewhere = at.otherMachine();
      const worker = at.worker(elsewhere, {}, "--jobs", "1");
      const provider = at.provider();
      const batches = [0, 1, 2].map((i) => at.inputs(i, 3));
      const ups = Promise.all(batches.map((inputs) => at.up(undefined, inputs, provider)));
      // Each has five jobs of four seconds: it is stopped before it has sent all, however long the asking takes.
      await at.hasJobs(1);
      const said = await at.stopByQueue("--wait");
      assert.match(
        said,
        /Asked the workers to stop test\/dev\/everyone: they have 1 of its batches in hand, and 2 wait/,
      );
      assert.match(said, /It has stopped/);
      const ended = await ups;
      assert.equal(ended.filter(({ outputs }) => outputs !== undefined).length, 1);
      for (const { error } of ended) assert.match(error ?? "", /The run was asked to stop\./);
      at.emulator.tenant.settings.usersPerSecond = 0;
      await worker.printed(WRITTEN);
      assert.match(read(elsewhere, "report.html"), /The run ended before all was done(.|\n)*The run was asked to stop/);
      const { total } = at.emulator.tenant.stats().jobs;
      assert.ok(total < 10, `${total} jobs`);

      // The next run hands over again, and what was asked of the first is not asked of it.
      const next = at.provider();
      const again = await Promise.all(batches.map((inputs, i) => at.up(ended[i]?.outputs, inputs, next)));
      for (const { error, outputs } of again) assert.deepEqual([error, outputs?.complete], [undefined, true]);
      at.assertOnce(many);
    }).timeout(240_000);
  });
});
