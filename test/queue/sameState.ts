import assert from "node:assert/strict";
import type { BatchOutputs } from "../support/batch";
import { onEachServer, usersOf } from "../support/queueTest";

describe("the state of a batch that workers have carried out", () => {
  onEachServer((at) => {
    it("is that of a run without a queue but for times and the tenant's ids, at the first run and after an edit", async () => {
      const users = usersOf(300, 3_000);
      const edited = [
        ...users.slice(1).map((user, i) => (i % 10 === 0 ? { ...user, name: `Person ${i}` } : user)),
        { email: "no address", email_verified: true },
        ...usersOf(5, 0, 900),
      ];
      const inputs = at.inputs();
      const states: BatchOutputs[][] = [];
      for (const queue of [undefined, ""]) {
        await at.stop();
        await at.start();
        if (queue === undefined) at.worker();
        at.writeUsers([...users, ...users.slice(0, 1)]);
        const first = await at.up(undefined, inputs, at.provider(queue));
        assert.equal(first.error, undefined);
        at.writeUsers(edited);
        const second = await at.up(first.outputs, inputs, at.provider(queue));
        assert.equal(second.error, undefined);
        states.push([first.outputs as BatchOutputs, second.outputs as BatchOutputs]);
      }
      const [withQueue, without] = states.map((each) => each.map(untimed));
      assert.deepEqual(withQueue, without);
    }).timeout(120_000);
  });
});

/** Without times, and without ids that are made anew each time. */
function untimed(outputs: BatchOutputs): object {
  const jobs = outputs.jobs.map(({ id: _i, submitted: _s, started: _t, finished: _f, ...job }) => job);
  const { run: _r, runEnds: _e, ...rest } = outputs as BatchOutputs & { run: unknown; runEnds: unknown };
  return { ...rest, jobs };
}
