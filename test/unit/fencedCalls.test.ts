import assert from "node:assert/strict";
import { type EmulatorOptions, startEmulator } from "../../emulator";
import { Tenant } from "../../provider/tenant/client";
import { importJob } from "../../provider/tenant/importJob";
import { SharedTenant } from "../../provider/tenant/shared";
import { Fence } from "../../queue/fence";
import { CONNECTION } from "../support/batch";
import { addUser } from "../support/tenantUsers";

const LOCK_MS = 300_000;
const LOST = /The queue has given this batch to another worker/;
const JOB = { connectionId: CONNECTION, kind: "insert", externalId: "a", sendCompletionEmail: false } as const;
const USERS = Buffer.from('[{"email":"new@example.com","email_verified":true}]');
const scopes = [
  ...["create:users", "read:users", "update:users", "update:roles", "create:role_members", "delete:role_members"],
  ...["create:organization_members", "delete:organization_members"],
  ...["create:organization_member_roles", "delete:organization_member_roles"],
];

describe("a worker that has lost its batch", () => {
  const now = Date.now;
  let emulator: Awaited<ReturnType<typeof startEmulator>>;
  let fence: Fence;
  let tenant: Tenant;
  let role: string;
  let organization: string;
  const onRetry = () => {};

  async function start(options: EmulatorOptions = {}): Promise<void> {
    emulator = await startEmulator({ usersPerSecond: 0, scopes, ...options });
    addUser(emulator, "a@example.com", {}, "a");
    role = emulator.tenant.roles.create("admin", "").id;
    organization = emulator.tenant.organizations.create("acme", "Acme", []).id;
    const limits = { maxActiveJobs: 1 };
    const auth = { clientId: "emulator", clientSecret: "emulator" };
    fence = new Fence(LOCK_MS);
    tenant = new Tenant({ origin: emulator.url, auth }, limits, new SharedTenant(limits), () => fence.assertHeld());
  }

  /** As of a machine that was asleep: no timer has told it. */
  function sleepThroughTheLock(): void {
    const slept = now() + LOCK_MS;
    Date.now = () => slept;
  }

  const requests = () => ({ ...emulator.tenant.stats().requests });
  const written = () => Object.entries(requests()).filter(([route]) => !/^GET |oauth/.test(route));

  afterEach(async () => {
    Date.now = now;
    fence.end();
    await emulator.stop();
  });

  const writes: [what: string, () => Promise<unknown>][] = [
    ["sends no job", () => tenant.submit(JOB, USERS, onRetry)],
    ["starts no export", () => tenant.startExport(CONNECTION, ["user_id"], onRetry)],
    ["changes no user", () => tenant.changeUser("auth0|a", { user_metadata: { a: 1 } }, onRetry)],
    ["gives no role", () => tenant.roles.give(role, ["auth0|a"], onRetry)],
    ["takes no role", () => tenant.roles.take("auth0|a", [role], onRetry)],
    ["adds no member", () => tenant.organizations.add(organization, ["auth0|a"], onRetry)],
    ["gives no member a role", () => tenant.organizations.giveRoles(organization, "auth0|a", [role], onRetry)],
    ["takes no role from a member", () => tenant.organizations.takeRoles(organization, "auth0|a", [role], onRetry)],
    ["removes no member", () => tenant.organizations.remove(organization, ["auth0|a"], onRetry)],
  ];

  it("changes nothing in the tenant, by whichever call, and still reads", async () => {
    await start();
    await tenant.organizations.add(organization, ["auth0|a"], onRetry);
    for (const [what, write] of writes) {
      const before = written();
      await write();
      assert.notDeepEqual(written(), before, `${what}: it does while it has the batch`);
    }
    const before = written();
    sleepThroughTheLock();
    for (const [what, write] of writes) await assert.rejects(write(), LOST, what);
    assert.deepEqual(written(), before);
    assert.equal((await tenant.user("auth0|a", onRetry))?.user_id, "auth0|a");
  });

  it("makes no call that waited for its turn until then", async () => {
    await start();
    for (const [what, write] of writes) {
      fence = new Fence(LOCK_MS);
      const made = write();
      fence.lose();
      await assert.rejects(made, LOST, what);
    }
    assert.deepEqual(written(), []);
  });

  it("makes no call again that failed before", async () => {
    await start({ faults: [{ on: "any", nth: { from: 2 }, kind: "status", code: 503 }] });
    await assert.rejects(
      tenant.changeUser("auth0|a", { blocked: true }, () => fence.lose()),
      LOST,
    );
    assert.deepEqual(written(), [["PATCH /api/v2/users/:id", 1]]);
  });

  it("leaves a job that it did not send as one that the tenant never got", async () => {
    await start();
    const steps: string[] = [];
    const step = (name: string) => () => void steps.push(name);
    const events = {
      assertMaySend: step("asked"),
      submitting: () => {
        steps.push("submitting");
        fence.lose();
      },
      accepted: step("accepted"),
      refused: step("refused"),
      progress: step("progress"),
      waiting: step("waiting"),
      retry: step("retry"),
    };
    await assert.rejects(importJob(tenant, JOB, USERS, 1, events, fence.signal), LOST);
    assert.deepEqual(steps, ["asked", "submitting", "refused"]);
    assert.deepEqual(written(), []);
  });
});
