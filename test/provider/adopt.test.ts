import assert from "node:assert/strict";
import { type BatchOutputs, BatchTest, CONNECTION } from "../support/batch";
import { addUser } from "../support/tenantUsers";

const person = (i: number) => ({
  user_id: `u${i}`,
  email: `user${i}@example.com`,
  email_verified: true,
  name: `User ${i}`,
  user_metadata: { plan: "a", number: i },
});

/** More than are read one by one in five minutes, where the tenant does not tell its limits. */
const MANY = 320;

describe("a tenant that a script has filled", () => {
  const at = BatchTest.forEach();

  const fill = (users: readonly ReturnType<typeof person>[]) => {
    for (const { user_id, email, ...attributes } of users) addUser(at.emulator, email, attributes, user_id);
  };
  const many = Array.from({ length: MANY }, (_, i) => person(i));
  const notes = () => at.provider.logs.map(({ message }) => message);
  const jobs = () => at.emulator.tenant.stats().jobs.total;
  const exportsTaken = () => at.emulator.tenant.stats().answers["POST /api/v2/jobs/users-exports"]?.[200] ?? 0;
  const counts = ({ summary }: BatchOutputs) => Object.fromEntries(Object.entries(summary).filter(([, n]) => n > 0));

  it("is taken over by adopt without any job: one export, whatever the number of users", async () => {
    fill(many);
    at.writeUsers(many);
    await at.restart();
    const first = await at.create({ onExisting: "adopt" });
    assert.deepEqual([counts(first), jobs(), exportsTaken()], [{ total: MANY, adopted: MANY }, 0, 1]);
    assert.ok(notes().some((line) => /reading 320 users back, \d+ %/.test(line)));
    assert.ok(notes().some((line) => line.includes("320 just as the file says. Nothing was written over, and no")));

    // A column for everybody, one of whom the application has changed elsewhere.
    at.changeInTenant("user7@example.com", { user_metadata: { cart: 1 } });
    at.writeUsers(many.map((user) => ({ ...user, app_metadata: { score: 1 } })));
    await at.restart();
    const second = await at.update(first, { onExisting: "adopt" });
    assert.deepEqual(counts(second), { total: MANY, updated: MANY });
    assert.deepEqual(at.user("user7@example.com")?.user_metadata, { cart: 1 });
  });

  it("is written over in what differs, and nothing else is sent", async () => {
    fill(many.map((user, i) => (i % 32 === 0 ? { ...user, name: "Somebody" } : user)));
    at.writeUsers([...many, person(MANY)]);
    await at.restart();
    const outputs = await at.create({ onExisting: "overwrite" });
    assert.deepEqual(counts(outputs), { total: MANY + 1, inserted: 1, updated: 10, adopted: MANY - 10 });
    assert.deepEqual(
      outputs.jobs.map(({ kind, users }) => `${users} ${kind}`),
      ["10 upsert", "1 insert"],
    );
    assert.equal(at.user("user32@example.com")?.name, "User 32");
  });

  it("is read user by user where they are few", async () => {
    fill(many.slice(0, 3));
    at.addToTenant("user3@example.com", { email_verified: false });
    at.writeUsers(many.slice(0, 5));
    const outputs = await at.create({ onExisting: "adopt" });
    assert.deepEqual([counts(outputs), exportsTaken()], [{ total: 5, adopted: 3, inserted: 1, failed: 1 }, 0]);
    assert.equal(outputs.failedRecords[0]?.code, "UNVERIFIED_ACCOUNT");
  });

  it("is taken over where the connection is closed for sign-up, though nobody has verified an address", async () => {
    const connection = at.emulator.tenant.connections.get(CONNECTION);
    assert.ok(connection);
    connection.options.disable_signup = true;
    at.addToTenant("user3@example.com", { email_verified: false });
    at.writeUsers([{ ...person(3), email_verified: false }]);
    assert.deepEqual(counts(await at.create({ onExisting: "adopt" })), { total: 1, adopted: 1 });
  });

  it("is taken over unseen without read:users, which is told", async () => {
    await at.stop();
    await at.start({ scopes: ["create:users", "read:connections"] });
    fill([person(1)]);
    at.writeUsers([{ email: "user1@example.com", email_verified: true }]);
    const outputs = await at.create({ onExisting: "adopt" });
    assert.deepEqual([counts(outputs), jobs()], [{ total: 1, adopted: 1 }, 1]);
    assert.ok(notes().some((line) => line.startsWith("Without the scope read:users nobody can be read back")));
  });

  it("is read one by one where the export does not come in time", async () => {
    fill(many);
    at.emulator.tenant.faults.replace([{ on: "exportJob", kind: "stall" }]);
    at.writeUsers(many);
    await at.restart();
    const outputs = await at.create({ onExisting: "adopt", censusTimeout: "1s" });
    assert.deepEqual([counts(outputs), jobs()], [{ total: MANY, adopted: MANY }, 0]);
    assert.ok(notes().some((line) => /within censusTimeout \(1s\).* So users are read one by one/.test(line)));
  });

  for (const fault of [
    { on: "exportJob", kind: "fail" },
    { on: "exportJob", kind: "vanish" },
  ] as const) {
    it(`concludes nothing from an export that does ${fault.kind}`, async () => {
      fill(many);
      at.emulator.tenant.faults.replace([fault]);
      at.writeUsers(many);
      await at.restart();
      const outputs = await at.create({ onExisting: "adopt" });
      assert.deepEqual([counts(outputs), jobs()], [{ total: MANY, adopted: MANY }, 0]);
    });
  }

  it("concludes nothing from a file that is cut off", async () => {
    fill(many);
    at.emulator.tenant.faults.replace([{ on: "download", kind: "cutFile" }]);
    at.writeUsers(many);
    await at.restart();
    const outputs = await at.create({ onExisting: "adopt" });
    assert.deepEqual([counts(outputs), jobs()], [{ total: MANY, adopted: MANY }, 0]);
  });

  it("makes nobody twice whom a stale export does not have", async () => {
    fill(many.slice(1));
    at.emulator.tenant.faults.replace([{ on: "exportJob", kind: "stale", seconds: 3_600 }]);
    fill(many.slice(0, 1));
    at.writeUsers(many);
    await at.restart();
    const outputs = await at.create({ onExisting: "adopt" });
    assert.deepEqual(counts(outputs), { total: MANY, adopted: MANY });
    assert.equal(at.emulator.tenant.stats().users, MANY);
  });

  it("is gone on with after a kill while it was read", async () => {
    fill(many);
    at.emulator.tenant.faults.replace([{ on: "exportJob", kind: "stall" }]);
    at.writeUsers(many);
    await at.restart();
    const killed = at.create({ onExisting: "adopt" });
    killed.catch(() => {});
    while (exportsTaken() === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await at.provider.stop();
    await assert.rejects(killed);
    at.emulator.tenant.faults.clear();
    await at.restart();
    assert.deepEqual(counts(await at.create({ onExisting: "adopt" })), { total: MANY, adopted: MANY });
  });
});
