import assert from "node:assert/strict";
import type { OnExisting } from "../../provider/plan/delta";
import { addUser } from "../support/tenantUsers";
import { EmulatedImport } from "./emulatedImport";
import { countsIn, type Saved } from "./importTest";

const HASH = "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";
const OTHER_HASH = `${HASH.slice(0, -1)}q`;

const person = (i: number, attributes: object = {}) => ({
  ...{ email: `person${i}@example.com`, email_verified: true, given_name: `Person${i}` },
  ...attributes,
});
const people = (count: number) => Array.from({ length: count }, (_, i) => person(i));

/** As a change of `triggers` has it. */
const AGAIN = { terms: "others", settings: { resendFailed: true } };

describe("an edited source", () => {
  const at = EmulatedImport.forEach();

  const edit = async (before: readonly object[], after: readonly object[]) =>
    at().import(after, await at().import(before));
  const listed = ({ notApplied }: Saved) => notApplied.map(({ identity, attributes }) => [identity, attributes.join()]);
  const moveInTenant = (email: string) => {
    const { users } = at().emulator.tenant;
    const moved = [...users.all()].find((user) => user.email === email);
    assert.ok(moved);
    users.put({ ...moved, email: "new@example.com" });
  };

  it("is sent by group: what the application wrote stays, and nobody's email is unverified", async () => {
    const before = Array.from({ length: 120 }, (_, i) => {
      const user = { ...person(i), user_metadata: { theme: "light" } };
      // Half of the file says nothing of email_verified, and some of it says that it is not.
      if (i % 4 === 0) return { ...user, email_verified: undefined };
      return i % 4 === 1 ? { ...user, email_verified: false } : user;
    });
    const old = await at().import(before);
    for (let i = 0; i < 100; i++) {
      at().changeInTenant(`person${i}@example.com`, { user_metadata: { theme: "dark" }, email_verified: true });
    }
    const changed = new Set([...Array(10).keys(), 110, 111, 112, 113, 114]);
    const now = await at().import(
      before.map((user, i) => (changed.has(i) ? { ...user, given_name: "Renamed" } : user)),
      old,
    );
    assert.deepEqual(countsIn(now), { updated: 15, unchanged: 105 });
    assert.deepEqual(
      now.jobs.map(({ kind, users }) => [kind, users]),
      [["upsert", 15]],
    );
    for (const [i, user] of before.entries()) {
      const there = at().user(`person${i}@example.com`);
      assert.equal(there?.given_name, changed.has(i) ? "Renamed" : user.given_name);
      assert.deepEqual(there?.user_metadata, { theme: i < 100 ? "dark" : "light" });
      assert.equal(there?.email_verified, i < 100 ? true : (user.email_verified ?? false));
    }
  });

  it("is no change where only its spelling is another", async () => {
    const reversed = people(5).map((user) => Object.fromEntries(Object.entries(user).reverse()));
    const spelt = reversed.map((user, i) => (i === 1 ? { ...user, email: "PERSON1@example.com" } : user));
    const now = await edit(people(5), spelt);
    assert.deepEqual([countsIn(now), now.jobs], [{ unchanged: 5 }, []]);
  });

  it("lists what an upsert can't set, for as long as file and tenant differ, and sends the rest", async () => {
    const before = [
      person(0, { password_hash: HASH }),
      person(1, { password_hash: HASH, username: "one" }),
      person(2, { user_id: "2" }),
      person(3, { user_metadata: { a: 1 } }),
      person(4),
    ];
    const after = [
      person(0, { password_hash: OTHER_HASH }),
      person(1, { password_hash: HASH, username: "uno", given_name: "Uno" }),
      person(2, { user_id: "2", email: "two@example.com", given_name: "Two" }),
      person(3),
      person(4, { blocked: true }),
    ];
    const first = await edit(before, after);
    assert.deepEqual(countsIn(first), { updated: 1, notApplied: 4 });
    assert.deepEqual(listed(first), [
      ["email:person0@example.com", "password_hash"],
      ["email:person1@example.com", "username"],
      ["user_id:2", "email"],
      ["user_id:2", "profile"],
      ["email:person3@example.com", "user_metadata"],
      ["email:person4@example.com", "blocked"],
    ]);
    assert.equal(at().user("person1@example.com")?.given_name, "Uno");
    assert.equal(at().user("person2@example.com")?.given_name, "Person2");

    const second = await at().import([...after, person(5)], first);
    assert.deepEqual([countsIn(second), listed(second)], [{ inserted: 1, notApplied: 5 }, listed(first)]);
    const third = await at().import([...before.slice(0, 3), ...after.slice(3), person(5)], second);
    assert.deepEqual(countsIn(third), { updated: 1, unchanged: 3, notApplied: 2 });
  });

  it("leaves a user alone whose email was changed in Auth0, where it has to ask for email_verified", async () => {
    const two = (attributes: object) => [0, 1].map((i) => person(i, { email_verified: undefined, ...attributes }));
    const old = await at().import(two({}));
    moveInTenant("person0@example.com");
    const now = await at().import(two({ given_name: "Renamed" }), old);
    assert.deepEqual(countsIn(now), { updated: 1, conflicts: 1 });
    assert.match(now.conflicts?.[0]?.reason ?? "", /no user of the connection has the record's email/);
    assert.equal(at().emulator.tenant.stats().users, 2, "and no second account");
  });

  it("warns where a user comes in a second time, because the email was changed in Auth0", async () => {
    const old = await at().import(people(2));
    moveInTenant("person0@example.com");
    await at().import(
      people(2).map((user) => ({ ...user, given_name: "Renamed" })),
      old,
    );
    assert.match(at().warnings.join("\n"), /^1 of the 2 users updated by job_\w+ came in a second time.*$/);
    assert.doesNotMatch(at().warnings.join("\n"), /example\.com/);
  });

  it("says which scope is missing to read email_verified, and sends nothing", async () => {
    const old = await at().import([person(0, { email_verified: undefined })]);
    await at().startTenant({ scopes: ["create:users"] });
    addUser(at().emulator, "person0@example.com", {});
    const { problem } = await at().run([{ email: "person0@example.com", given_name: "Renamed" }], { before: old });
    assert.match(problem?.message ?? "", /scope read:users is missing/);
    assert.equal(at().jobs, 0);
  });

  describe("whose factors Auth0 refuses, and takes the rest of,", () => {
    const factors = [{ phone: { value: "+4915112345678" } }];
    const refuse = () =>
      at().emulator.tenant.faults.replace([
        { on: "job", kind: "error", email: "^person0@", code: "MFA_FACTORS_FAILED", applied: true },
      ]);
    const refused = async () => {
      const old = await at().import([person(0, { user_metadata: { theme: "light" } })]);
      refuse();
      const failed = await at().import([person(0, { user_metadata: { theme: "dark" }, mfa_factors: factors })], old);
      assert.deepEqual(countsIn(failed), { outdated: 1 });
      at().emulator.tenant.faults.clear();
      return failed;
    };

    it("is sent again with the factors alone", async () => {
      const failed = await refused();
      at().changeInTenant("person0@example.com", { user_metadata: { theme: "of the application" } });
      const same = [person(0, { user_metadata: { theme: "dark" }, mfa_factors: factors })];
      assert.deepEqual(countsIn(await at().import(same, failed, AGAIN)), { updated: 1 });
      const user = at().user("person0@example.com");
      assert.deepEqual(user?.mfa_factors, factors);
      assert.deepEqual(user?.user_metadata, { theme: "of the application" });
    });

    it("is put back with the file", async () => {
      const failed = await refused();
      const now = await at().import([person(0, { user_metadata: { theme: "light" } })], failed);
      assert.deepEqual(countsIn(now), { updated: 1 });
      assert.deepEqual(at().user("person0@example.com")?.user_metadata, { theme: "light" });
    });

    it("comes in all the same where it is new, and gets its factors when it is sent again", async () => {
      refuse();
      const failed = await at().import([person(0, { mfa_factors: factors })]);
      assert.deepEqual(countsIn(failed), { failed: 1 });
      at().emulator.tenant.faults.clear();
      const now = await at().import([person(0, { given_name: "Renamed", mfa_factors: factors })], failed);
      assert.deepEqual(countsIn(now), { updated: 1 });
      const user = at().user("person0@example.com");
      assert.deepEqual([user?.given_name, user?.mfa_factors], ["Renamed", factors]);
      assert.equal(at().emulator.tenant.stats().users, 1);
    });
  });

  it("deletes nobody who is gone, counts them, and takes them back without an insert", async () => {
    const second = await edit(people(3), people(2));
    assert.deepEqual(countsIn(second), { unchanged: 2, removed: 1 });
    assert.equal(at().emulator.tenant.stats().users, 3);
    const third = await at().import(people(3), second);
    assert.deepEqual([countsIn(third), third.jobs], [{ unchanged: 3 }, []]);
  });

  it("tells a failed update of a user who is known by an id, and sends nobody else again", async () => {
    const known = (attributes = {}) => [0, 1, 2].map((i) => person(i, { user_id: `id${i}`, ...attributes }));
    const old = await at().import(known());
    at().emulator.tenant.faults.replace([
      { on: "job", kind: "error", email: "^person1@", code: "FORMAT", message: "no" },
    ]);
    const now = await at().import(known({ given_name: "Renamed" }), old);
    assert.deepEqual([countsIn(now), now.jobs.length], [{ updated: 2, outdated: 1 }, 1]);
    assert.deepEqual(
      now.failedRecords.map(({ identity, code, message }) => [identity, code, message]),
      [["user_id:id1", "FORMAT", "no"]],
    );
  });

  it("takes a failed update up again when the record changes once more, or when the triggers do", async () => {
    const old = await at().import(people(2));
    const fail = () =>
      at().emulator.tenant.faults.replace([
        { on: "job", kind: "error", email: "^person0@", code: "CONFLICT", times: 1 },
      ]);
    fail();
    const first = await at().import([person(0, { given_name: "Renamed" }), person(1)], old);
    assert.deepEqual(countsIn(first), { outdated: 1, unchanged: 1 });
    const spelt = [person(0, { email: "PERSON0@example.com", given_name: "Renamed" }), person(1)];
    const second = await at().import(spelt, first);
    assert.deepEqual([countsIn(second), second.jobs], [{ outdated: 1, unchanged: 1 }, []], "another spelling only");
    fail();
    const third = await at().import(spelt, second, AGAIN);
    assert.deepEqual([countsIn(third), third.jobs.length], [{ outdated: 1, unchanged: 1 }, 1]);
    const fourth = await at().import([person(0, { given_name: "Once more" }), person(1)], third);
    assert.deepEqual(countsIn(fourth), { updated: 1, unchanged: 1 });
    assert.equal(at().user("person0@example.com")?.given_name, "Once more");
  });
});

describe("records that are sent again", () => {
  const at = EmulatedImport.forEach();

  it("and fail again, however many, don't keep the run from coming to its end", async () => {
    for (const { email } of people(210)) addUser(at().emulator, email, {});
    const users = people(460).reverse();
    const old = await at().import(users);
    assert.deepEqual(countsIn(old), { inserted: 250, failed: 210 });
    const now = await at().import(users, old, AGAIN);
    assert.deepEqual(countsIn(now), { unchanged: 250, failed: 210 });
  });

  it("are each sent once, also where the run is interrupted", async () => {
    // Too large for two of them in one job.
    const users = Array.from({ length: 4 }, (_, i) => person(i, { user_metadata: { text: "x".repeat(300_000) } }));
    at().emulator.tenant.faults.replace([{ on: "job", kind: "error", email: "^person", code: "CONFLICT" }]);
    let old = await at().import(users);
    assert.deepEqual(countsIn(old), { failed: 4 });
    for (let run = 0; run < 4 && at().jobs < 8; run++) {
      at().emulator.tenant.faults.replace([
        { on: "job", kind: "error", email: "^person", code: "CONFLICT" },
        { on: "submit", kind: "status", code: 400, nth: 2 },
      ]);
      const settings = { resendFailed: run === 0 };
      old = (await at().run(users, { before: old, terms: "others", settings })).result;
    }
    assert.equal(at().jobs, 8, "each of the four once more");
  });
});

describe("a user who is there before the first import", () => {
  const at = EmulatedImport.forEach();
  const existing = { email_verified: true, given_name: "Jane", user_metadata: { old: 1 } };
  const record = {
    ...{ email: "jane@example.com", given_name: "Janet", password_hash: HASH },
    user_metadata: { fresh: 1 },
  };

  const importOver = async (onExisting: OnExisting, records: readonly object[] = [record]) => {
    addUser(at().emulator, "jane@example.com", existing);
    return at().import(records, undefined, { settings: { onExisting } });
  };
  const editLater = (old: Saved, onExisting: OnExisting) =>
    at().import([{ ...record, given_name: "J" }], old, { settings: { onExisting } });

  it("fail: is a failed record, also at a later edit", async () => {
    const old = await importOver("fail");
    assert.deepEqual([countsIn(old), old.failedRecords[0]?.code], [{ failed: 1 }, "DUPLICATED_USER"]);
    assert.deepEqual(countsIn(await editLater(old, "fail")), { failed: 1 });
    assert.equal(at().user("jane@example.com")?.given_name, "Jane");
  });

  it("adopt: stays as it is, and gets later what changes then, and no more", async () => {
    const old = await importOver("adopt");
    assert.deepEqual(countsIn(old), { adopted: 1 });
    assert.equal(at().user("jane@example.com")?.given_name, "Jane");
    assert.deepEqual(countsIn(await editLater(old, "adopt")), { updated: 1 });
    const jane = at().user("jane@example.com");
    assert.deepEqual(
      [jane?.given_name, jane?.user_metadata, jane?.email_verified, jane?.password_hash],
      ["J", { old: 1 }, true, undefined],
    );
  });

  it("overwrite: gets all that an upsert can set, and the rest is listed", async () => {
    const old = await importOver("overwrite", [record, person(1, { password_hash: HASH })]);
    assert.deepEqual(countsIn(old), { inserted: 1, updated: 1 });
    assert.deepEqual(
      old.notApplied.map(({ identity, attributes }) => [identity, attributes.join()]),
      [["email:jane@example.com", "password_hash"]],
    );
    const jane = at().user("jane@example.com");
    assert.deepEqual(
      [jane?.given_name, jane?.user_metadata, jane?.email_verified, jane?.password_hash],
      ["Janet", { fresh: 1 }, true, undefined],
    );
    assert.equal(at().user("person1@example.com")?.password_hash, HASH, "who is new comes in whole");
    at().changeInTenant("jane@example.com", { user_metadata: { app: 1 } });
    assert.deepEqual(countsIn(await editLater(old, "overwrite")), { updated: 1, removed: 1 });
    assert.deepEqual(at().user("jane@example.com")?.user_metadata, { app: 1 });
  });

  it("adopt: is not taken for another user who only has the same username", async () => {
    const { users } = at().emulator.tenant;
    addUser(at().emulator, "jane@example.com", existing);
    for (const user of [...users.all()]) users.put({ ...user, username: "jane" });
    const now = await at().import([{ email: "other@example.com", username: "jane" }], undefined, {
      settings: { onExisting: "adopt" },
    });
    assert.deepEqual(countsIn(now), { failed: 1 });
    assert.match(now.failedRecords[0]?.message ?? "", /another user/);
  });
});
