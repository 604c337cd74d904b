import assert from "node:assert/strict";
import { readdirSync, readlinkSync, rmSync } from "node:fs";
import path from "node:path";
import { onEachServer, type Up, usersOf } from "../support/queueTest";

describe("batches that workers carry out", () => {
  onEachServer((at) => {
    it("come to the same as without a queue, and the store holds no user, no key and no credential", async () => {
      const users = [
        ...usersOf(150, 5_000),
        { email: "wrong", email_verified: true },
        { email: "hash@example.com", password_hash: "$2b$10$abcdefghijklmnopqrstuuKFdA0XbjXh7Hs4eRJ6UQY0r6WcKGSvu" },
      ];
      at.writeUsers(users);
      const worker = at.worker();
      const provider = at.provider();
      const { outputs, error } = await at.up(undefined, at.inputs(), provider);
      assert.equal(error, undefined);
      assert.equal(outputs?.summary.inserted, 151);
      assert.equal(outputs?.summary.invalid, 1);
      assert.equal(outputs?.complete, true);
      assert.ok(provider.logs.some(({ message, ephemeral }) => ephemeral && message.includes("of 152 users")));
      await worker.printed(/everyone-00: done/);
      const stored = await at.server().dump();
      assert.ok(stored.includes("everyone-00"), "the dump has what the queue has");
      for (const secret of ["example.com", "$2b$10", "0123456789abcdef", "the-secret-of-the-client", "xxxxxxxx"]) {
        assert.ok(!stored.includes(secret), secret);
      }

      const again = await at.provider("").check("UserBatch", at.inputs(), at.inputs());
      const { changes } = await at.provider("").diff("UserBatch", outputs as never, again.inputs);
      assert.equal(changes, false, "a process without the queue has nothing to do");
    });

    async function previewSays(words: string): Promise<boolean> {
      const provider = at.provider();
      await provider.check("UserBatch", {}, { ...at.inputs(), preview: true });
      return provider.logs.some(({ message }) => message === words);
    }

    it("go on when nobody waits any more, and the next run collects", async () => {
      const users = usersOf(100);
      at.writeUsers(users);
      const first = await at.up(undefined, at.inputs(0, 1, { deadline: "1s" }));
      assert.equal(first.outputs, undefined);
      assert.match(first.error ?? "", /The deadline is near.*The batch goes on at the workers/);
      const worker = at.worker();
      await worker.printed(/everyone-00: done/);
      at.assertOnce(users);
      await at.killWorkers();
      // A preview that gets no answer within two seconds says that instead.
      while (!(await previewSays("workers have carried it out: to be collected"))) {}
      const second = await at.up();
      assert.equal(second.error, undefined);
      assert.equal(second.outputs?.summary.inserted, 100);
      assert.equal(at.emulator.tenant.stats().jobs.total, 1);
      // The engine did not save it, say.
      const third = await at.up();
      assert.deepEqual(third.outputs, second.outputs);
      assert.equal(at.emulator.tenant.stats().jobs.total, 1);
    });

    it("are withdrawn when the files are edited before a worker comes, and follow the edit when one has begun", async () => {
      at.writeUsers(usersOf(10));
      assert.match((await at.up(undefined, at.inputs(0, 1, { deadline: "1s" }))).error ?? "", /The deadline is near/);
      at.writeUsers(usersOf(20));
      assert.match((await at.up(undefined, at.inputs(0, 1, { deadline: "1s" }))).error ?? "", /The deadline is near/);
      const worker = at.worker();
      await worker.printed(/everyone-00: done/);
      at.assertOnce(usersOf(20));
      // What has run is of an earlier edit by now, and its result is in no state.
      at.writeUsers(usersOf(30));
      const { outputs, error } = await at.up();
      assert.equal(error, undefined);
      at.assertOnce(usersOf(30));
      assert.equal(outputs?.summary.inserted, 10);
      assert.equal(outputs?.summary.unchanged, 20);
    });

    it("are not begun by a worker with other files, or with another key, and the next run hands them over anew", async () => {
      at.writeUsers(usersOf(10));
      const elsewhere = at.otherMachine();
      rmSync(path.join(elsewhere, "users"));
      at.writeUsers(usersOf(9), elsewhere);
      at.worker(elsewhere);
      assert.match((await at.up()).error ?? "", /users files of the worker on .* are others.*Nothing was sent/);
      await at.killWorkers();
      at.worker(at.folder, { AUTH0_USER_IMPORT_QUEUE_KEY: "another key altogether" });
      assert.match((await at.up()).error ?? "", /sealed by another key/);
      await at.killWorkers();
      assert.equal(at.emulator.tenant.stats().jobs.total, 0);
      at.worker();
      assert.equal((await at.up()).outputs?.summary.inserted, 10);
    });

    it("are handed over anew after the client secret was rotated, and nobody comes in twice", async () => {
      const users = usersOf(20);
      at.writeUsers(users);
      assert.match((await at.up(undefined, at.inputs(0, 1, { deadline: "1s" }))).error ?? "", /The deadline is near/);
      const worker = at.worker();
      await worker.printed(/everyone-00: done/);
      await at.killWorkers();
      at.rotateSecret("another secret of the client");
      at.worker();
      const { outputs, error } = await at.up();
      assert.equal(error, undefined);
      assert.equal(outputs?.complete, true);
      assert.equal(outputs?.summary.failed, 0);
      at.assertOnce(users);
    });

    it("end early where they are stopped: who waits is told and saves, and the next run goes on from there", async () => {
      await at.emulator.stop();
      await at.start({ usersPerSecond: 100 });
      // Fifteen jobs of a second: many are left when it is asked to stop, however long the asking takes.
      const users = usersOf(1_500, 5_000);
      at.writeUsers(users);
      const worker = at.worker();
      const first = at.up();
      await worker.printed(/everyone-00: begins/);
      await at.hasJobs(1);
      await at.stopCommand();
      const ended = await first;
      assert.match(ended.error ?? "", /The run was asked to stop.* of 1,500 users are dealt with, and that is saved/);
      assert.equal(ended.outputs?.complete, false);

      // The same where nobody waits.
      const { jobs } = at.emulator.tenant.stats();
      const second = await at.up(ended.outputs, at.inputs(0, 1, { deadline: "1s" }));
      assert.match(second.error ?? "", /The deadline is near/);
      await at.hasJobs(jobs.total + 1);
      await at.stopCommand();
      await worker.printed(/ended early(.|\n)*ended early/);
      const third = await at.up(ended.outputs);
      assert.equal(third.error, undefined);
      assert.equal(third.outputs?.complete, true);
      at.assertOnce(users);
      const sent = at.emulator.tenant.stats().jobs.list.reduce((sum, each) => sum + each.users, 0);
      assert.equal(sent, users.length, "nobody was sent twice");
    }).timeout(240_000);

    it("share what their worker reads back of the connection, once in an update, and leave nothing of it open", async () => {
      const batches = [0, 1, 2];
      at.writeUsers(usersOf(6_000));
      const worker = at.worker();
      const each = (before?: readonly Up[]) => {
        const provider = at.provider();
        return Promise.all(batches.map((i) => at.up(before?.[i]?.outputs, at.inputs(i, 3), provider)));
      };
      const exports = () => at.emulator.tenant.stats().answers["POST /api/v2/jobs/users-exports"]?.[200] ?? 0;
      let ups = await each();
      assert.equal(exports(), 0);
      for (const edit of [1, 2]) {
        at.writeUsers(usersOf(6_000, 10 * edit));
        ups = await each(ups);
        assert.deepEqual(
          ups.map(({ error, outputs }) => [error, outputs?.conflicts.length]),
          batches.map(() => [undefined, 0]),
        );
        assert.equal(
          ups.reduce((sum, { outputs }) => sum + (outputs?.summary.updated ?? 0), 0),
          6_000,
        );
        assert.equal(exports(), edit);
      }
      await worker.printed(/(done(.|\n)*){9}/);
      const { pid } = worker.processes()[0] as { pid: number };
      const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readLink(`/proc/${pid}/fd/${fd}`));
      assert.deepEqual(
        open.filter((file) => file.includes("users-") && file.endsWith("(deleted)")),
        [],
      );
    }).timeout(120_000);

    it("outlive the store's death, and are handed over again when it has lost its data", async () => {
      await at.emulator.stop();
      await at.start({ usersPerSecond: 100 });
      const users = usersOf(200, 5_000);
      at.writeUsers(users);
      const worker = at.worker();
      const up = at.up();
      await worker.printed(/everyone-00: begins/);
      await at.server().kill();
      await at.server().restart();
      const { outputs, error } = await up;
      assert.equal(error, undefined);
      assert.equal(outputs?.complete, true);
      at.assertOnce(users);

      at.writeUsers([...users, ...usersOf(200, 5_000, 200)]);
      const second = at.up(outputs);
      await worker.printed(/begins(.|\n)*begins/);
      await at.server().loseData();
      const ended = await second;
      assert.equal(ended.error, undefined);
      assert.equal(ended.outputs?.complete, true);
      at.assertOnce(usersOf(400));
    });

    it("are left as they are when the queue does not answer", async () => {
      at.writeUsers(usersOf(10));
      const { error, outputs } = await at.up(undefined, at.inputs(), at.provider("redis://127.0.0.1:1"));
      assert.equal(outputs, undefined);
      assert.match(error ?? "", /redis:\/\/127.0.0.1:1 does not answer \(ECONNREFUSED\).*Nothing was handed over/);
    });
  });
});

/** Empty where it was closed meanwhile. */
function readLink(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return "";
  }
}
