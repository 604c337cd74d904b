import assert from "node:assert/strict";
import type { ImportSettings } from "../../provider/import/types";
import { generatedUserId } from "../../provider/ledger/fingerprint";
import type { User } from "../../provider/schema/identity";
import { TenantError } from "../../provider/tenant/errors";
import { countsIn, ImportTest, KEY, type Saved } from "./importTest";
import { CONNECTION_NAME, plainTenant } from "./plainTenant";

const ANN: User = { email: "ann@example.com", user_id: "ann", email_verified: true, given_name: "Ann" };
const LONG_AGO = "2020-01-01T00:00:00.000Z";

describe("settling how a record ended", () => {
  const at = ImportTest.forEach();

  const reasonIn = ({ failedRecords }: Saved) => failedRecords[0]?.message;

  describe("of a user who exists", () => {
    /** Somebody is there with Ann's id and email, and a run finds out. */
    const meet = async (
      there: object,
      { record = ANN, loses = false, ...settings }: Partial<ImportSettings> & { record?: User; loses?: boolean } = {},
    ) => {
      at().tenant = plainTenant([
        {
          user_id: "ann",
          email: "ann@example.com",
          created_at: LONG_AGO,
          attributes: { given_name: "Theirs" },
          ...there,
        },
      ]);
      if (loses) at().tenant.fate = ({ number }) => (number === 1 ? { lost: "not taken" } : undefined);
      const { result, problem } = await at().run([record], { settings });
      assert.equal(problem, undefined);
      return result;
    };
    const now = () => new Date().toISOString();

    it("does not take them for ours, though they have the id that the source has", async () => {
      assert.deepEqual(countsIn(await meet({ created_at: now() })), { failed: 1 });
    });

    it("takes them for ours where a record of theirs may have been sent, and they have come since", async () => {
      assert.deepEqual(countsIn(await meet({ created_at: now() }, { loses: true })), { inserted: 1 });
    });

    it("also where the tenant's clock is some minutes behind", async () => {
      const created_at = new Date(Date.now() - 5 * 60_000).toISOString();
      assert.deepEqual(countsIn(await meet({ created_at }, { loses: true })), { inserted: 1 });
    });

    for (const [what, there] of [
      ["they were there before", {}],
      ["they have another email", { created_at: now(), email: "other@example.com" }],
      ["they are in another connection", { created_at: now(), identities: [{ connection: "others" }] }],
    ] as const) {
      it(`not where ${what}`, async () => {
        assert.deepEqual(countsIn(await meet(there, { loses: true })), { failed: 1 });
      });
    }

    describe("where the journal may be lost", () => {
      const created = new Date(Date.now() - 3_600_000);

      it("takes them for ours who have come since the import's key was made", async () => {
        assert.deepEqual(countsIn(await meet({ created_at: now() }, { created })), { inserted: 1 });
      });

      it("also who have come before a job that is doubtful, but since the key was made", async () => {
        const created_at = new Date(Date.now() - 1_800_000).toISOString();
        assert.deepEqual(countsIn(await meet({ created_at }, { created, loses: true })), { inserted: 1 });
      });

      for (const [what, there] of [
        ["were there before", {}],
        ["have another email", { created_at: now(), email: "other@example.com" }],
        ["are in another connection", { created_at: now(), identities: [{ connection: "others" }] }],
        ["do not tell when they have come", { created_at: undefined }],
      ] as const) {
        it(`not those who ${what}`, async () => {
          assert.deepEqual(countsIn(await meet(there, { created })), { failed: 1 });
        });
      }

      it("asks no more when none of the first 200 is ours", async () => {
        const users = Array.from({ length: 300 }, (_, i) => ({ email: `user${i}@example.com`, user_id: `${i}` }));
        at().tenant = plainTenant(users.map((user) => ({ ...user, created_at: LONG_AGO })));
        const { user } = at().tenant;
        let asked = 0;
        at().tenant.user = (...args) => {
          asked++;
          return user(...args);
        };
        await at().run(users, { settings: { created } });
        assert.ok(asked >= 200 && asked < 210, `${asked} were asked about`);
      });
    });

    it("looks for the one in this connection, where another connection has a user of the same id", async () => {
      const other = { user_id: "auth0|ann", email: "ann@example.com", identities: [{ connection: "others" }] };
      const ours = { ...other, identities: [{ connection: CONNECTION_NAME, user_id: "ann" }], created_at: now() };
      at().tenant = plainTenant([{ ...ours, user_id: "ann" }]);
      at().tenant.user = async () => other;
      at().tenant.usersByEmail = async () => [other, ours];
      const { result } = await at().run([ANN], { settings: { created: new Date(Date.now() - 60_000) } });
      assert.deepEqual(countsIn(result), { inserted: 1 });
    });

    it("takes an id that only we can have made up as a proof", async () => {
      const { user_id: _, ...record } = ANN;
      const user_id = generatedUserId(KEY, "con_0000000000000001", "email:ann@example.com");
      assert.deepEqual(countsIn(await meet({ user_id }, { record })), { inserted: 1 });
    });

    it("says that a lost answer can't be settled without a user_id", async () => {
      const { user_id: _, ...record } = ANN;
      const result = await meet({}, { record, loses: true, generateUserIds: false });
      assert.match(
        reasonIn(result) ?? "",
        /^DUPLICATED_USER! \(perhaps by this import: a lost answer can't be settled/,
      );
    });

    it("says so where it may not ask", async () => {
      const tenant = plainTenant([{ user_id: "ann", email: "ann@example.com", created_at: now() }]);
      tenant.user = async () => {
        throw new TenantError("no scope", 403);
      };
      tenant.fate = ({ number }) => (number === 1 ? { lost: "not taken" } : undefined);
      at().tenant = tenant;
      const { result } = await at().run([ANN]);
      assert.match(reasonIn(result) ?? "", /the scope read:users is missing to tell/);
    });

    it("adopts them, and writes nothing", async () => {
      const { user_id: _, ...record } = ANN;
      assert.deepEqual(countsIn(await meet({}, { record, onExisting: "adopt" })), { adopted: 1 });
      assert.deepEqual(at().tenant.users.get("ann")?.attributes, { given_name: "Theirs" });
      assert.equal(at().tenant.jobs.length, 1);
    });

    it("adopts nobody with another email", async () => {
      const result = await meet({ email: "other@example.com" }, { onExisting: "adopt" });
      assert.match(reasonIn(result) ?? "", /\(by another user, who has a different email\)$/);
    });

    it("writes over them in another job, without the id", async () => {
      assert.deepEqual(countsIn(await meet({}, { record: { ...ANN, username: "ann" }, onExisting: "overwrite" })), {
        updated: 1,
      });
      const [insert, upsert] = at().tenant.jobs;
      assert.deepEqual([insert?.kind, upsert?.kind], ["insert", "upsert"]);
      assert.deepEqual(at().tenant.users.get("ann")?.attributes.given_name, "Ann");
    });
  });

  it("looks among the users of the connection alone for who is meant by an email", async () => {
    for (const [connection, expected] of [
      [CONNECTION_NAME, { updated: 1 }],
      ["others", { conflicts: 1 }],
    ] as const) {
      at().startAnew();
      const { result: first } = await at().run([{ email: "ann@example.com", given_name: "Ann" }]);
      for (const [id, user] of at().tenant.users) at().tenant.users.set(id, { ...user, identities: [{ connection }] });
      const { result } = await at().run([{ email: "ann@example.com", given_name: "Annie" }], { before: first });
      assert.deepEqual(countsIn(result), expected);
    }
  });

  it("warns of users whom an upsert did not find, and made anew", async () => {
    const { result: first } = await at().run([ANN]);
    const { users } = at().tenant;
    for (const [id, user] of users) users.set(id, { ...user, email: "new@example.com" });
    await at().run([{ ...ANN, given_name: "Annie" }], { before: first });
    assert.match(at().warnings.join(), /^1 of the 1 users updated by job_2 came in a second time/);
  });
});
