import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { onEachServer, type QueueTest, usersOf } from "../support/queueTest";
import type { Running } from "../support/run";
import { attributesOf, changeUser } from "../support/tenantUsers";

const SCOPES = [
  ...["create:users", "read:users", "read:connections", "update:users", "read:roles", "update:roles"],
  ...["create:role_members", "read:role_members"],
];
const USERS = 40;

/** So long each call takes of the kind that is looked at: they come in waves, some at a time. */
const CALL_MS = 500;

describe("a worker that is asleep until another has its batch", () => {
  onEachServer((at) => {
    const calls = (route: string) => at.emulator.tenant.stats().requests[route] ?? 0;

    /** Puts a worker to sleep among such calls, and wakes it when its batch is another's, who makes none meanwhile. */
    async function sleepAmong(route: string, up: ReturnType<QueueTest["up"]>, first: Running): Promise<void> {
      await Promise.race([up, until(() => calls(route) >= 2)]);
      // While it waits for answers. One that is stopped between the look at its lock and the sending, where no look can
      // be any later, would send that call when it wakes.
      await new Promise<void>((resolve) => {
        at.emulator.tenant.faults.onStrike = () => resolve();
      });
      await sleep(CALL_MS / 2);
      signal(first, "SIGSTOP");
      const second = at.worker(at.otherMachine(), {}, "--jobs", "1");
      await second.printed(/everyone-00: begins/);
      signal(second, "SIGSTOP");
      const before = calls(route);
      assert.ok(before < USERS, "there are some left to be made");
      signal(first, "SIGCONT");
      await first.printed(/everyone-00: lost/);
      assert.equal(calls(route), before);
      at.emulator.tenant.faults.replace([]);
      signal(second, "SIGCONT");
    }

    it("changes no user any more (PATCH), and everybody is as the file and the application say", async () => {
      await at.emulator.stop();
      await at.start({ scopes: SCOPES });
      const users = usersOf(USERS).map((user) => ({ ...user, user_metadata: { plan: "a" } }));
      at.writeUsers(users);
      const first = at.worker(at.otherMachine(), {}, "--jobs", "1");
      const { outputs } = await at.up();
      assert.equal(outputs?.summary.inserted, USERS);
      for (const { email } of users) changeUser(at.emulator, email, { user_metadata: { plan: "a", cart: 1 } });
      at.writeUsers(users.map((user) => ({ ...user, user_metadata: { plan: "b" } })));
      at.emulator.tenant.faults.replace([{ on: "user", nth: { from: 1 }, kind: "delay", ms: CALL_MS }]);
      const up = at.up(outputs);
      await sleepAmong("PATCH /api/v2/users/:id", up, first);
      const ended = await up;
      assert.equal(ended.error, undefined);
      assert.equal(ended.outputs?.complete, true);
      assert.equal(ended.outputs?.summary.failed, 0);
      // Whom the first has changed is told as in conflict, with what they should have: nobody has its journal.
      for (const { email } of users) {
        assert.deepEqual(attributesOf(at.emulator, email)?.user_metadata, { plan: "b", cart: 1 }, email);
      }
    }).timeout(180_000);

    it("gives no role any more, and everybody has theirs", async () => {
      await at.emulator.stop();
      await at.start({ scopes: SCOPES });
      const names = Array.from({ length: USERS }, (_, i) => `role-${i}`);
      const roles = Object.fromEntries(names.map((name) => [name, at.emulator.tenant.roles.create(name, "").id]));
      at.writeUsers(usersOf(USERS).map((user, i) => ({ ...user, roles: [names[i]] })));
      at.emulator.tenant.faults.replace([{ on: "role", nth: { from: 1 }, kind: "delay", ms: CALL_MS }]);
      const first = at.worker(at.otherMachine(), {}, "--jobs", "1");
      const up = at.up(undefined, at.inputs(0, 1, { roles }));
      await sleepAmong("POST /api/v2/roles/:id/users", up, first);
      const ended = await up;
      assert.equal(ended.error, undefined);
      assert.equal(ended.outputs?.complete, true);
      for (const id of Object.values(roles)) assert.equal(at.emulator.tenant.roles.membersOf(id).length, 1);
    }).timeout(180_000);
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(10);
}

/** To the worker's own process. */
function signal(worker: Running, name: NodeJS.Signals): void {
  process.kill(worker.pid, name);
}
