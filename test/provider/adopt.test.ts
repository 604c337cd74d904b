import assert from "node:assert/strict";
import { type BatchOutputs, BatchTest, CONNECTION } from "../support/batch";
import { Spools } from "../support/spools";
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

  for (const [how, others] of [
    ["user by user where they are few", 0],
    ["by an export where they are many", MANY],
  ] as const) {
    it(`is read ${how}; who is who is told, row by row`, async () => {
      const { tenant } = at.emulator;
      const there = (i: number, id: string, more: object = {}, email = person(i).email) => {
        const { user_id: _, email: __, ...attributes } = person(i);
        addUser(at.emulator, email, { ...attributes, ...more }, id);
      };
      fill(Array.from({ length: others }, (_, i) => person(100 + i)));
      there(0, "u0");
      there(1, "theirs1");
      there(2, "theirs2", { email_verified: false });
      there(3, "u3", {}, "another3@example.com");
      there(4, "u4", {}, "another4@example.com");
      there(4, "theirs4");
      there(6, "u6", { blocked: true });
      there(7, "u7");
      // Auth0 refuses them for being there, and shows nobody.
      tenant.faults.replace([
        { on: "job", kind: "error", email: "^user5@", code: "DUPLICATED_USER", message: "The user already exists." },
      ]);
      const before = at.users();
      const records = Array.from({ length: 9 }, (_, i) => ({ ...person(i), ...(i === 7 ? { blocked: true } : {}) }));
      at.writeUsers([...records, ...Array.from({ length: others }, (_, i) => person(100 + i))]);
      await at.restart();
      const outputs = await at.create({ onExisting: "adopt" });
      assert.deepEqual(
        [counts(outputs), exportsTaken()],
        [{ total: 9 + others, inserted: 1, adopted: 4 + others, failed: 4 }, others > 0 ? 1 : 0],
      );
      assert.deepEqual(
        outputs.failedRecords.map(({ identity, code }) => `${identity} ${code}`),
        ["user_id:u2 UNVERIFIED_ACCOUNT", "user_id:u3 ID_TAKEN", "user_id:u4 AMBIGUOUS", "user_id:u5 LEFTOVER"],
      );
      assert.deepEqual(
        outputs.notApplied.map(({ identity, attributes }) => `${identity} ${attributes}`),
        ["user_id:u7 blocked"],
      );
      const now = new Map(at.users().map((user) => [user.user_id, user]));
      assert.deepEqual(
        before.map(({ user_id }) => now.get(user_id)),
        before,
        "nothing is written",
      );
      assert.equal(now.size, before.length + 1);
    });
  }

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

  it("concludes nothing from an export that fails, and does not try for ever", async () => {
    fill(many);
    at.emulator.tenant.faults.replace([{ on: "exportJob", kind: "fail", times: 100 }]);
    at.writeUsers(many);
    await at.restart();
    const outputs = await at.create({ onExisting: "adopt" });
    assert.deepEqual([counts(outputs), jobs()], [{ total: MANY, adopted: MANY }, 0]);
    assert.ok(exportsTaken() <= 2);
  });

  it("makes nobody twice whom a stale export does not have", async () => {
    fill(many.slice(1));
    at.emulator.tenant.faults.replace([{ on: "exportJob", kind: "stale", seconds: 3_600 }]);
    const { user_id, email, ...attributes } = person(0);
    addUser(at.emulator, email, attributes, user_id, Date.now());
    at.writeUsers(many);
    await at.restart();
    const outputs = await at.create({ onExisting: "adopt" });
    assert.deepEqual(counts(outputs), { total: MANY, adopted: MANY });
    assert.deepEqual([at.emulator.tenant.stats().users, jobs()], [MANY, 1], "the export did not have them");
  });

  it("is gone on with after a kill -9 while the export was fetched, of which nothing is left", async () => {
    const spools = new Spools();
    fill(many);
    at.writeUsers(many);
    await spools.restart(at);
    await spools.killWhileFetching(at, () => at.create({ onExisting: "adopt" }));
    await spools.restart(at);
    assert.deepEqual(counts(await at.create({ onExisting: "adopt" })), { total: MANY, adopted: MANY });
    assert.deepEqual([jobs(), exportsTaken()], [0, 2]);
    spools.remove();
  });
});
