import assert from "node:assert/strict";
import type { Properties } from "../support/providerProcess";
import { onEachServer, usersOf } from "../support/queueTest";

const BATCHES = 4;

describe("two stacks that share a tenant", () => {
  onEachServer((at) => {
    it("have no more jobs at a time than the tenant's slots, whoever carries them out, also when a worker is killed", async () => {
      await at.emulator.stop();
      // The tenant would take more: it is the queue that keeps to two.
      await at.start({ usersPerSecond: 400, maxActiveJobs: 20 });
      const { tenant } = at.emulator;
      const [first] = tenant.connections.values();
      assert.ok(first);
      const second = { ...first, id: "con_0000000000000002", name: "Second", realms: ["Second"] };
      tenant.putConnection(second);
      const users = usersOf(600, 3_000);
      at.writeUsers(users);
      const stacks = [
        { stack: "dev", connectionId: first.id, key: "0123456789abcdef" },
        { stack: "prod", connectionId: second.id, key: "fedcba9876543210" },
      ].map(({ stack, ...of }) =>
        Array.from({ length: BATCHES }, (_, batch): Properties => {
          const inputs = at.inputs(batch, BATCHES, { resultsDir: `.user-import/${stack}/everyone`, ...of });
          return { ...inputs, resourceUrn: (inputs.resourceUrn as string).replace(":dev:", `:${stack}:`) };
        }),
      );
      const [killed] = [1, 2, 3].map(() => at.worker(at.folder, {}, "--jobs", String(BATCHES)));
      const ups = stacks.flatMap((batches) => {
        const provider = at.provider();
        return batches.map((inputs) => at.up(undefined, inputs, provider));
      });
      await at.hasJobs(3);
      killed?.kill();
      for (const { error, outputs } of await Promise.all(ups)) {
        assert.equal(error, undefined);
        assert.equal(outputs?.complete, true);
        assert.equal(outputs?.summary.failed, 0);
      }
      // A dead worker's job ends long before its batch is another's.
      assert.equal(tenant.stats().jobs.maxActiveSeen, 2);
      const emails = users.map(({ email }) => email);
      for (const { id } of [first, second]) {
        const there = [...tenant.users.all()].filter(({ connectionId }) => connectionId === id);
        assert.deepEqual(there.map(({ email }) => email).sort(), emails);
      }
    }).timeout(180_000);
  });
});
