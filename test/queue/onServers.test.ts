import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { onEachServer, usersOf } from "../support/queueTest";

// One path of each kind, with real servers. What happens when something dies is the subject of `npm run test:queue`.
describe("a queue", () => {
  onEachServer((at) => {
    it("takes a batch for which nobody waits, and the next run collects it; a worker with other files is refused", async () => {
      const provider = at.provider();
      const first = usersOf(20);
      at.writeUsers(first);
      const elsewhere = at.otherMachine();
      rmSync(path.join(elsewhere, "users"));
      at.writeUsers(first, elsewhere);

      const given = await at.up(undefined, at.inputs(0, 1, { deadline: "1s" }), provider);
      assert.equal(given.outputs, undefined);
      assert.match(given.error ?? "", /The deadline is near.*The batch goes on at the workers/);
      const worker = at.worker(elsewhere);
      await worker.printed(/everyone-00: done/);
      at.assertOnce(first);
      const collected = await at.up(undefined, at.inputs(), provider);
      assert.equal(collected.error, undefined);
      assert.equal(collected.outputs?.complete, true);
      assert.equal(collected.outputs?.summary.inserted, 20);
      assert.equal(at.emulator.tenant.stats().jobs.total, 1);

      at.writeUsers(usersOf(30));
      const refused = await at.up(collected.outputs);
      assert.match(refused.error ?? "", /users files of the worker on .* are others.*Nothing was sent/);
      at.assertOnce(first);
      const stored = await at.server().dump();
      assert.ok(stored.includes("everyone-00"));
      assert.ok(!stored.includes("example.com"));
    }).timeout(180_000);
  });
});
