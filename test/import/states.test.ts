import assert from "node:assert/strict";
import { parseExactly } from "../../provider/json/parseExactly";
import type { User } from "../../provider/schema/identity";
import { ANN, countsIn, ImportTest, RULES, type RunOptions, type Saved } from "./importTest";
import { CONNECTION_NAME } from "./plainTenant";

/** States that file and tenant can get into, each by a way of its own. */
for (const reads of ["singly", "census"] as const) {
  describe(`file and tenant, read ${reads === "census" ? "by a census" : "one by one"}`, () => {
    const at = ImportTest.forEach();

    const run = async (user: User, before?: Saved, settings: RunOptions["settings"] = {}) => {
      const options = {
        reads,
        before,
        preflight: async () => RULES,
        settings: { onConflict: "keep", ...settings },
      } as const;
      const { result, problem } = await at().run([user], options);
      assert.equal(problem, undefined);
      return result;
    };
    const there = () => at().tenant.users.get("ann");
    const change = (attributes: User, others: object = {}) => {
      const known = there();
      assert.ok(known);
      const updated_at = new Date(Date.now() + 3_600_000).toISOString();
      at().tenant.users.set("ann", {
        ...known,
        updated_at,
        ...others,
        attributes: { ...known.attributes, ...attributes },
      });
    };
    const told = ({ conflicts = [], notApplied }: Saved) =>
      [...conflicts, ...notApplied].map(({ attributes, reason }) => `${attributes}: ${reason}`);

    it("that was adopted, and then gets a column more: that alone is brought", async () => {
      const theirs = { plan: "their own", cart: 1 };
      at().tenant.users.set("ann", {
        ...{
          user_id: "auth0|ann",
          email: "ann@example.com",
          email_verified: true,
          created_at: "2020-01-01T00:00:00.000Z",
        },
        ...{ identities: [{ connection: CONNECTION_NAME }], attributes: { user_metadata: theirs, given_name: "Anna" } },
      });
      const first = await run(ANN, undefined, { onExisting: "adopt" });
      assert.deepEqual(countsIn(first), { adopted: 1 });
      const added = { ...ANN, nickname: "annie", user_metadata: { ...(ANN.user_metadata as object), since: 2019 } };
      const second = await run(added, first, { onExisting: "adopt" });
      assert.deepEqual([countsIn(second), told(second)], [{ updated: 1 }, []]);
      assert.deepEqual(there()?.attributes, {
        ...{ user_metadata: { ...theirs, since: 2019 }, given_name: "Anna", nickname: "annie" },
      });
    });

    it("that was merged, and then changes in another group: what was merged stays", async () => {
      const first = await run({ ...ANN, app_metadata: { tier: 1 } });
      change({ user_metadata: { plan: "a", lang: "de", cart: 1 } });
      const merged = { ...ANN, app_metadata: { tier: 1 }, user_metadata: { plan: "b", lang: "de" } };
      const second = await run(merged, first);
      const third = await run({ ...merged, app_metadata: { tier: 2 }, given_name: "Anna" }, second);
      assert.deepEqual([countsIn(third), told(third)], [{ updated: 1 }, []]);
      assert.deepEqual(there()?.attributes, {
        ...{ user_metadata: { plan: "b", lang: "de", cart: 1 }, app_metadata: { tier: 2 }, given_name: "Anna" },
      });
    });

    for (let line = 1; line <= 3; line++) {
      it(`that was killed at an upsert, after line ${line}, and edited again: the last one is brought`, async () => {
        const first = await run(ANN);
        const edited = { ...ANN, given_name: "Anna", user_metadata: { plan: "b", lang: "de" } };
        const options = { reads, before: first, preflight: async () => RULES, dieAfterLine: line };
        assert.equal((await at().run([edited], options)).problem?.message, "dead");
        const again = { ...ANN, given_name: "Anne", user_metadata: { plan: "c" } };
        const second = await run(again, first);
        assert.deepEqual(told(second), []);
        assert.deepEqual(there()?.attributes, { given_name: "Anne", user_metadata: { plan: "c" } });
        assert.deepEqual(countsIn(await run(again, second)), { unchanged: 1 });
      });
    }

    it("of which one has lost attributes of the profile: the other's stay", async () => {
      const full = { ...ANN, family_name: "Archer", nickname: "annie" };
      const first = await run(full);
      // Lost in the file: told, and left. The rest is brought.
      const { family_name: _, ...less } = full;
      const second = await run({ ...less, given_name: "Anna" }, first);
      assert.deepEqual(there()?.attributes.family_name, "Archer");
      assert.deepEqual([there()?.attributes.given_name, told(second).length], ["Anna", 1]);
      // Lost in the tenant: what the file changes is brought, and nothing else.
      change({ nickname: undefined });
      const third = await run({ ...less, given_name: "Anne" }, second);
      assert.deepEqual([there()?.attributes.given_name, there()?.attributes.nickname], ["Anne", undefined]);
      assert.ok(told(third).every((text) => text.startsWith("family_name")));
    });

    it("with a number that no double keeps: brought where nobody has written, else a conflict", async () => {
      const big = (id: string) => ({ ...ANN, user_metadata: parseExactly(`{"id":${id}}`) }) as User;
      const first = await run(big("9007199254740993"));
      const second = await run(big("9007199254740995"), first);
      assert.deepEqual([countsIn(second), told(second)], [{ updated: 1 }, []]);
      assert.equal(at().tenant.jobs.length, 2);
      change({});
      const third = await run(big("9007199254740997"), second);
      assert.match(told(third).join(), /^user_metadata: it may have been changed in Auth0, too/);
      assert.equal(at().tenant.jobs.length, 2);
      // It stays one, also when something else was written since.
      const fourth = await run({ ...big("9007199254740997"), given_name: "Anna" }, third);
      assert.deepEqual(there()?.attributes.given_name, "Anna");
      const fifth = await run({ ...big("9007199254740997"), given_name: "Anne" }, fourth);
      assert.match(told(fifth).join(), /^user_metadata: /);
      assert.ok(
        at()
          .tenant.jobs.slice(2)
          .every(({ users }) => users.every((user) => !("user_metadata" in user))),
      );
    });

    it("with an address that lower case makes longer: is one and the same", async () => {
      const ipek = { ...ANN, email: "İpek@example.com" };
      const first = await run(ipek);
      // As the service keeps it.
      change({}, { email: ipek.email.toLowerCase() });
      const second = await run({ ...ipek, given_name: "İpek" }, first);
      assert.deepEqual([countsIn(second), told(second)], [{ updated: 1 }, []]);
      assert.deepEqual([at().tenant.users.size, there()?.email_verified], [1, true]);
      assert.equal(there()?.attributes.given_name, "İpek");
    });
  });
}
