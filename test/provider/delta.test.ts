import assert from "node:assert/strict";
import type { Summary } from "../../provider";
import { type BatchOutputs, BatchTest, URN } from "../support/batch";
import { PartialFailure, UNKNOWN } from "../support/providerProcess";

const HASH = "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";
const OTHER_HASH = `${HASH.slice(0, -1)}q`;

const person = (i: number, attributes: object = {}) => ({
  email: `person${i}@example.com`,
  email_verified: true,
  given_name: `Person${i}`,
  ...attributes,
});
const people = (count: number) => Array.from({ length: count }, (_, i) => person(i));

/** The parts of a summary that are not 0. */
function counts({ total: _, ...summary }: Summary): object {
  return Object.fromEntries(Object.entries(summary).filter(([, users]) => users > 0));
}

describe("an edited file", () => {
  const at = BatchTest.forEach();

  const edit = async (before: readonly object[], after: readonly object[], overrides = {}) => {
    at.writeUsers(before);
    const old = await at.create(overrides);
    at.writeUsers(after);
    await at.restart();
    return at.update(old, overrides);
  };

  it("is sent by group: what the application wrote stays, and nobody's email is unverified", async () => {
    const before = Array.from({ length: 120 }, (_, i) => {
      const user = { ...person(i), user_metadata: { theme: "light" } };
      // Half of the file says nothing of email_verified, and some of it says that it is not.
      if (i % 4 === 0) return { ...user, email_verified: undefined };
      return i % 4 === 1 ? { ...user, email_verified: false } : user;
    });
    at.writeUsers(before);
    const old = await at.create();
    for (let i = 0; i < 100; i++) {
      at.changeInTenant(`person${i}@example.com`, { user_metadata: { theme: "dark" }, email_verified: true });
    }
    const changed = new Set([...Array(10).keys(), 110, 111, 112, 113, 114]);
    at.writeUsers(before.map((user, i) => (changed.has(i) ? { ...user, given_name: "Renamed" } : user)));
    await at.restart();
    const { summary, jobs } = await at.update(old);
    assert.deepEqual(counts(summary), { updated: 15, unchanged: 105 });
    assert.deepEqual(
      jobs.map(({ kind, users }) => [kind, users]),
      [["upsert", 15]],
    );
    for (const [i, user] of before.entries()) {
      const now = at.user(`person${i}@example.com`);
      assert.equal(now?.given_name, changed.has(i) ? "Renamed" : user.given_name);
      assert.deepEqual(now?.user_metadata, { theme: i < 100 ? "dark" : "light" });
      assert.equal(now?.email_verified, i < 100 ? true : (user.email_verified ?? false));
    }
  });

  it("is refused with the reason where the results can't be written, by the update and not by a crash before", async () => {
    at.writeUsers(people(2));
    const old = await at.create();
    await at.restart();
    at.write("taken", "");
    await assert.rejects(
      at.update(old, { resultsDir: "taken/results" }),
      /resultsDir "taken\/results" can't be written to \((ENOTDIR|EEXIST)\)\. Nothing was sent/,
    );
  });

  it("is no change where only its spelling is another", async () => {
    at.writeUsers(people(5));
    const old = await at.create();
    const reversed = people(5).map((user) => Object.fromEntries(Object.entries(user).reverse()));
    at.write("users.json", JSON.stringify(reversed, null, 2).replace("person1@", "PERSON1@"));
    await at.restart();
    const { summary, jobs } = await at.update(old);
    assert.deepEqual(counts(summary), { unchanged: 5 });
    assert.deepEqual(jobs, []);
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
    assert.deepEqual(counts(first.summary), { updated: 1, notApplied: 4 });
    const listed = first.notApplied.map(({ identity, attributes }) => [identity, attributes.join()]);
    assert.deepEqual(listed, [
      ["email:person0@example.com", "password_hash"],
      ["email:person1@example.com", "username"],
      ["user_id:2", "email"],
      ["user_id:2", "profile"],
      ["email:person3@example.com", "user_metadata"],
      ["email:person4@example.com", "blocked"],
    ]);
    assert.equal(at.user("person1@example.com")?.given_name, "Uno");
    assert.equal(at.user("person2@example.com")?.given_name, "Person2");

    await at.restart();
    assert.equal(await at.update(first), first, "it does not by itself make an update");
    at.writeUsers([...after, person(5)]);
    await at.restart();
    const second = await at.update(first);
    assert.deepEqual(counts(second.summary), { inserted: 1, notApplied: 5 }, "still listed");
    assert.deepEqual(
      second.notApplied.map(({ identity, attributes }) => [identity, attributes.join()]),
      listed,
    );
    at.writeUsers([...before.slice(0, 3), ...after.slice(3), person(5)]);
    await at.restart();
    const third = await at.update(second);
    assert.deepEqual(counts(third.summary), { updated: 1, unchanged: 3, notApplied: 2 });
  });

  it("leaves a user alone whose email was changed in Auth0, where it has to ask for email_verified", async () => {
    at.writeUsers([person(0, { email_verified: undefined }), person(1, { email_verified: undefined })]);
    const old = await at.create();
    const { users } = at.emulator.tenant;
    const moved = [...users.all()].find(({ email }) => email === "person0@example.com");
    assert.ok(moved);
    users.put({ ...moved, email: "new@example.com" });
    at.writeUsers([0, 1].map((i) => person(i, { email_verified: undefined, given_name: "Renamed" })));
    await at.restart();
    const { summary, notApplied } = await at.update(old);
    assert.deepEqual(counts(summary), { updated: 1, notApplied: 1 });
    assert.match(notApplied[0]?.reason ?? "", /no user of the connection has the record's email/);
    assert.equal(at.users().length, 2, "and no second account");
  });

  it("warns where a user comes in a second time, because the email was changed in Auth0", async () => {
    at.writeUsers(people(2));
    const old = await at.create();
    const { users } = at.emulator.tenant;
    const moved = [...users.all()].find(({ email }) => email === "person0@example.com");
    assert.ok(moved);
    users.put({ ...moved, email: "new@example.com" });
    at.writeUsers(people(2).map((user) => ({ ...user, given_name: "Renamed" })));
    await at.restart();
    await at.update(old);
    const warnings = at.provider.logs
      .map(({ message }) => message)
      .filter((message) => message.includes("second time"));
    assert.equal(warnings.length, 1);
    assert.doesNotMatch(warnings[0] ?? "", /example\.com/);
  });

  it("says which scope is missing to read email_verified, and goes on when it is granted", async () => {
    at.writeUsers([person(0, { email_verified: undefined })]);
    const old = await at.create();
    at.writeUsers([person(0, { email_verified: undefined, given_name: "Renamed" })]);
    const users = [...at.emulator.tenant.users.all()];
    await at.emulator.stop();
    await at.start({ scopes: ["create:users"] });
    for (const user of users) at.emulator.tenant.users.put(user);
    at.writeUsers([person(0, { email_verified: undefined, given_name: "Renamed" })]);
    await assert.rejects(at.update(old), /scope read:users is missing/);
    assert.equal(at.emulator.tenant.stats().jobs.total, 0);
  });

  describe("whose factors Auth0 refuses, and takes the rest of,", () => {
    const factors = [{ phone: { value: "+4915112345678" } }];
    const refuse = () =>
      at.emulator.tenant.faults.replace([
        { on: "job", kind: "error", email: "^person0@", code: "MFA_FACTORS_FAILED", applied: true },
      ]);
    const refused = async () => {
      at.writeUsers([person(0, { user_metadata: { theme: "light" } })]);
      const old = await at.create();
      refuse();
      at.writeUsers([person(0, { user_metadata: { theme: "dark" }, mfa_factors: factors })]);
      await at.restart();
      const failed = await at.update(old);
      assert.deepEqual(counts(failed.summary), { failed: 1 });
      at.emulator.tenant.faults.clear();
      return failed;
    };

    it("is sent again with the factors alone", async () => {
      const failed = await refused();
      at.changeInTenant("person0@example.com", { user_metadata: { theme: "of the application" } });
      await at.restart();
      assert.deepEqual(counts((await at.update(failed, { triggers: [1] })).summary), { updated: 1 });
      const user = at.user("person0@example.com");
      assert.deepEqual(user?.mfa_factors, factors);
      assert.deepEqual(user?.user_metadata, { theme: "of the application" });
    });

    it("is put back with the file", async () => {
      const failed = await refused();
      at.writeUsers([person(0, { user_metadata: { theme: "light" } })]);
      await at.restart();
      assert.deepEqual(counts((await at.update(failed)).summary), { updated: 1 });
      assert.deepEqual(at.user("person0@example.com")?.user_metadata, { theme: "light" });
    });

    it("comes in all the same where it is new, and gets its factors when it is sent again", async () => {
      refuse();
      at.writeUsers([person(0, { mfa_factors: factors })]);
      const failed = await at.create();
      assert.deepEqual(counts(failed.summary), { failed: 1 });
      at.emulator.tenant.faults.clear();
      at.writeUsers([person(0, { given_name: "Renamed", mfa_factors: factors })]);
      await at.restart();
      assert.deepEqual(counts((await at.update(failed)).summary), { updated: 1 });
      const user = at.user("person0@example.com");
      assert.deepEqual([user?.given_name, user?.mfa_factors, at.users().length], ["Renamed", factors, 1]);
    });
  });

  it("tells a failed update of a user who is known by an id, and sends nobody else again", async () => {
    const known = (i: number, attributes = {}) => person(i, { user_id: `id${i}`, ...attributes });
    at.writeUsers([0, 1, 2].map((i) => known(i)));
    const old = await at.create();
    at.emulator.tenant.faults.replace([
      { on: "job", kind: "error", email: "^person1@", code: "FORMAT", message: "no" },
    ]);
    at.writeUsers([0, 1, 2].map((i) => known(i, { given_name: "Renamed" })));
    await at.restart();
    const { summary, jobs, failedRecords } = await at.update(old);
    assert.deepEqual(counts(summary), { updated: 2, failed: 1 });
    assert.equal(jobs.length, 1);
    assert.deepEqual(
      failedRecords.map(({ identity, code, message }) => [identity, code, message]),
      [["user_id:id1", "FORMAT", "no"]],
    );
  });

  it("need not change for users to come in whose hash Auth0 can't take, once that is asked for", async () => {
    at.writeUsers([person(0, { password_hash: HASH.replace("$2b$", "$2y$") }), person(1)]);
    const old = await at.create();
    assert.deepEqual(counts(old.summary), { inserted: 1, invalid: 1 });
    const omit = { unsupportedPasswordHash: "omit" };
    assert.deepEqual(await at.preview(old, omit), ["1 new, 1 unchanged: 1 job"]);
    await at.restart();
    const now = await at.update(old, omit);
    assert.deepEqual(counts(now.summary), { inserted: 1, unchanged: 1 });
    assert.deepEqual(
      now.passwordResetRequired.map(({ identity }) => identity),
      ["email:person0@example.com"],
    );
  });

  it("lists what can't be applied also of a user whose update failed", async () => {
    at.writeUsers(people(2));
    const old = await at.create();
    at.emulator.tenant.faults.replace([{ on: "job", kind: "error", email: "^person0@", code: "FORMAT" }]);
    at.writeUsers([person(0, { given_name: "Renamed", blocked: true }), person(1)]);
    await at.restart();
    const failed = await at.update(old);
    at.writeUsers([person(0, { given_name: "Renamed", blocked: true }), person(1, { given_name: "Renamed" })]);
    assert.deepEqual(await at.preview(failed), [
      "1 changed (profile 1), 1 failed before, 1 with changes that can't be applied (blocked 1): 1 job",
    ]);
    await at.restart();
    const { summary, notApplied } = await at.update(failed);
    assert.deepEqual(counts(summary), { updated: 1, failed: 1 });
    assert.deepEqual(
      notApplied.map(({ attributes }) => attributes.join()),
      ["blocked"],
    );
  });

  it("takes a failed update up again when the record changes once more, or when the triggers do", async () => {
    at.writeUsers(people(2));
    const old = await at.create();
    const fail = () =>
      at.emulator.tenant.faults.replace([{ on: "job", kind: "error", email: "^person0@", code: "CONFLICT", times: 1 }]);
    fail();
    at.writeUsers([person(0, { given_name: "Renamed" }), person(1)]);
    await at.restart();
    const first = await at.update(old);
    assert.deepEqual(counts(first.summary), { failed: 1, unchanged: 1 });
    const spelt = JSON.stringify([person(0, { given_name: "Renamed" }), person(1)], null, 1);
    at.write("users.json", spelt.replace("person0@", "PERSON0@"));
    await at.restart();
    const second = await at.update(first);
    assert.deepEqual([counts(second.summary), second.jobs], [{ failed: 1, unchanged: 1 }, []], "another spelling only");
    fail();
    await at.restart();
    const third = await at.update(second, { triggers: [1] });
    assert.deepEqual(counts(third.summary), { failed: 1, unchanged: 1 });
    assert.equal(third.jobs.length, 1);
    at.writeUsers([person(0, { given_name: "Once more" }), person(1)]);
    await at.restart();
    const fourth = await at.update(third, { triggers: [1] });
    assert.deepEqual(counts(fourth.summary), { updated: 1, unchanged: 1 });
    assert.equal(at.user("person0@example.com")?.given_name, "Once more");
  });
});

describe("many records that fail again when they are sent again", () => {
  const at = BatchTest.forEach();

  it("don't keep the run from coming to its end", async () => {
    at.writeUsers(people(210));
    await at.create({ key: "fedcba9876543210", resultsDir: ".user-import/dev/others", generateUserIds: false });
    at.writeUsers(people(460).reverse());
    await at.restart();
    const old = await at.create();
    assert.deepEqual(counts(old.summary), { inserted: 250, failed: 210 });
    await at.restart();
    const now = await at.update(old, { triggers: ["again"] });
    assert.equal(now.complete, true);
    assert.deepEqual(counts(now.summary), { unchanged: 250, failed: 210 });
  });
});

describe("records that are sent again, because the triggers changed", () => {
  const at = BatchTest.forEach();

  it("are each sent once, also where the run is interrupted", async () => {
    // Too large for two of them in one job.
    const users = Array.from({ length: 4 }, (_, i) => person(i, { user_metadata: { text: "x".repeat(300_000) } }));
    at.writeUsers(users);
    at.emulator.tenant.faults.replace([{ on: "job", kind: "error", email: "^person", code: "CONFLICT" }]);
    const sent = () => at.emulator.tenant.stats().jobs.total;
    let old = await at.create();
    assert.deepEqual(counts(old.summary), { failed: 4 });
    for (let run = 0; run < 4 && sent() < 8; run++) {
      await at.restart();
      at.emulator.tenant.faults.replace([
        { on: "job", kind: "error", email: "^person", code: "CONFLICT" },
        { on: "submit", kind: "status", code: 400, nth: 2 },
      ]);
      try {
        old = await at.update(old, { triggers: ["again"] });
      } catch (error) {
        assert.ok(error instanceof PartialFailure, String(error));
        old = error.properties as unknown as BatchOutputs;
      }
    }
    assert.equal(sent(), 8, "each of the four once more");
  });
});

describe("a user who is there before the first import", () => {
  const at = BatchTest.forEach();
  const existing = { email: "jane@example.com", email_verified: true, given_name: "Jane", user_metadata: { old: 1 } };
  const record = {
    email: "jane@example.com",
    given_name: "Janet",
    password_hash: HASH,
    user_metadata: { fresh: 1 },
  };

  const importOver = async (onExisting: string, records: readonly object[] = [record]) => {
    at.writeUsers([existing]);
    await at.create({ key: "of another import" });
    at.writeUsers(records);
    await at.restart();
    return at.create({ onExisting });
  };
  const editLater = async (old: Awaited<ReturnType<typeof importOver>>, onExisting: string, change: object) => {
    at.writeUsers([{ ...record, ...change }]);
    await at.restart();
    return at.update(old, { onExisting });
  };

  it("fail: is a failed record, also at a later edit", async () => {
    const old = await importOver("fail");
    assert.deepEqual(counts(old.summary), { failed: 1 });
    assert.equal(old.failedRecords[0]?.code, "DUPLICATED_USER");
    const later = await editLater(old, "fail", { given_name: "J" });
    assert.deepEqual(counts(later.summary), { failed: 1 });
    assert.equal(at.user("jane@example.com")?.given_name, "Jane");
  });

  it("adopt: stays as it is, and gets later what changes then, and no more", async () => {
    const old = await importOver("adopt");
    assert.deepEqual(counts(old.summary), { adopted: 1 });
    assert.equal(at.user("jane@example.com")?.given_name, "Jane");
    const later = await editLater(old, "adopt", { given_name: "J" });
    assert.deepEqual(counts(later.summary), { updated: 1 });
    const jane = at.user("jane@example.com");
    assert.deepEqual(
      [jane?.given_name, jane?.user_metadata, jane?.email_verified, jane?.password_hash],
      ["J", { old: 1 }, true, undefined],
    );
  });

  it("overwrite: gets all that an upsert can set, and the rest is listed", async () => {
    const old = await importOver("overwrite", [record, person(1, { password_hash: HASH })]);
    assert.deepEqual(counts(old.summary), { inserted: 1, updated: 1 });
    assert.deepEqual(
      old.notApplied.map(({ identity, attributes }) => [identity, attributes.join()]),
      [["email:jane@example.com", "password_hash"]],
    );
    const jane = at.user("jane@example.com");
    assert.deepEqual(
      [jane?.given_name, jane?.user_metadata, jane?.email_verified, jane?.password_hash],
      ["Janet", { fresh: 1 }, true, undefined],
    );
    assert.equal(at.user("person1@example.com")?.password_hash, HASH, "who is new comes in whole");
    at.changeInTenant("jane@example.com", { user_metadata: { app: 1 } });
    const later = await editLater(old, "overwrite", { given_name: "J" });
    assert.deepEqual(counts(later.summary), { updated: 1, removed: 1 });
    assert.deepEqual(at.user("jane@example.com")?.user_metadata, { app: 1 });
  });

  it("adopt: is not taken for another user who only has the same username", async () => {
    at.writeUsers([{ ...existing, username: "jane" }]);
    await at.create({ key: "of another import" });
    at.writeUsers([{ email: "other@example.com", username: "jane" }]);
    await at.restart();
    const { summary, failedRecords } = await at.create({ onExisting: "adopt" });
    assert.deepEqual(counts(summary), { failed: 1 });
    assert.match(failedRecords[0]?.message ?? "", /another user/);
  });
});

describe("the same user twice in a source", () => {
  const at = BatchTest.forEach();

  it("in one file: the first record counts, and the other one is listed with its place", async () => {
    at.writeUsers([person(0), person(1), { ...person(0), given_name: "Again" }, { ...person(2), user_id: "7" }]);
    at.write(
      "more.json",
      JSON.stringify([
        { ...person(3), user_id: "8", username: "x" },
        { email: "PERSON2@example.com", user_id: "9" },
      ]),
    );
    const { summary, failedRecords } = await at.create({ users: ["users.json", "more.json"] });
    assert.deepEqual(counts(summary), { inserted: 4, invalid: 2 });
    assert.deepEqual(
      failedRecords.map(({ code, path, line, file }) => [code, path, file, line]),
      [
        ["DUPLICATED_USER", "email", "users.json", 1],
        ["DUPLICATED_USER", "email", "more.json", 1],
      ],
    );
    assert.match(failedRecords[0]?.message ?? "", /users\.json:1/);
    assert.equal(at.user("person0@example.com")?.given_name, "Person0");
  });

  it("after it was imported as another one: is invalid, and not gone from the file", async () => {
    const [first, second] = [person(0, { user_id: "a" }), person(1, { user_id: "b" })];
    at.writeUsers([first, second]);
    const old = await at.create();
    at.writeUsers([first, { ...second, email: first.email }]);
    const [plan] = await at.preview(old);
    assert.equal(plan, "1 unchanged, 1 invalid (DUPLICATED_USER 1): no jobs");
    await at.restart();
    const { summary } = await at.update(old);
    assert.deepEqual(counts(summary), { unchanged: 1, invalid: 1 });
  });

  it("in a later file: that one overrides, as corrections do, at the first import and later", async () => {
    at.writeUsers(people(3));
    at.write("corrections.ndjson", `${JSON.stringify({ ...person(1), given_name: "Corrected" })}\n`);
    const users = ["users.json", "corrections.ndjson"];
    const old = await at.create({ users });
    assert.deepEqual(counts(old.summary), { inserted: 3 });
    assert.equal(old.summary.total, 3);
    assert.equal(at.user("person1@example.com")?.given_name, "Corrected");
    at.write("corrections.ndjson", `${JSON.stringify({ ...person(1), given_name: "Once more" })}\n`);
    await at.restart();
    const later = await at.update(old, { users });
    assert.deepEqual(counts(later.summary), { updated: 1, unchanged: 2 });
    assert.equal(at.user("person1@example.com")?.given_name, "Once more");
  });
});

describe("a preview", () => {
  const at = BatchTest.forEach();

  it("says what the update then does, and asks the tenant nothing", async () => {
    at.writeUsers([...people(10), { ...person(3) }]);
    assert.deepEqual(await at.preview(), [
      "10 new, 1 invalid (DUPLICATED_USER 1): 1 job",
      "1 record can't be sent. All that is wrong with them is in .user-import/dev/everyone/invalid-records.csv:\n  users.json:1 DUPLICATED_USER: email is that of the record at users.json:1, which counts",
    ]);
    const old = await at.create();
    at.writeUsers([
      ...people(10).slice(1, 8),
      person(8, { given_name: "Renamed", user_metadata: { a: 1 } }),
      person(9, { password_hash: HASH }),
      person(10),
    ]);
    const requests = at.emulator.tenant.stats().requests;
    assert.deepEqual(await at.preview(old), [
      "1 new, 1 changed (user_metadata 1, profile 1), 7 unchanged, 1 no longer in the file, 1 with changes that can't be applied (password_hash 1): 2 jobs",
    ]);
    assert.deepEqual(at.emulator.tenant.stats().requests, requests);
    await at.restart();
    const now = await at.update(old);
    assert.deepEqual(counts(now.summary), { inserted: 1, updated: 1, unchanged: 7, removed: 1, notApplied: 1 });
    assert.equal(now.jobs.length, 2);
    assert.deepEqual(
      at.provider.logs.filter(({ ephemeral }) => !ephemeral),
      [],
      "what the preview has said is not said again",
    );
    assert.deepEqual(await at.preview(now), [
      "no change; the file has changes that an import can't apply to users who exist (password_hash 1): see the output notApplied",
    ]);
  });

  it("counts a record that no job can carry as invalid, at the first import and later", async () => {
    const large = { user_metadata: { text: "x".repeat(511_700) } };
    at.writeUsers([person(0), person(1, large)]);
    assert.equal((await at.preview())[0], "1 new, 1 invalid (MAX_LENGTH 1): 1 job");
    await at.restart();
    const old = await at.create();
    assert.deepEqual(counts(old.summary), { inserted: 1, invalid: 1 });
    at.writeUsers([person(0, large), person(1, large)]);
    assert.equal((await at.preview(old))[0], "2 invalid (MAX_LENGTH 2): no jobs");
    await at.restart();
    assert.deepEqual(counts((await at.update(old)).summary), { invalid: 2 });
  });

  it("says nothing where nothing changed", async () => {
    at.writeUsers(people(3));
    const old = await at.create();
    assert.deepEqual(await at.preview(old), []);
  });

  it("counts the jobs that there will be", async () => {
    at.writeUsers(Array.from({ length: 3_000 }, (_, i) => person(i, { user_metadata: { text: "x".repeat(700) } })));
    const [line] = await at.preview();
    await at.restart();
    const { jobs } = await at.create();
    assert.ok(jobs.length > 3);
    assert.match(line ?? "", new RegExp(`: ${jobs.length} jobs$`));
  });

  it("warns where an import of several batches can't write the list of invalid records", async () => {
    at.writeUsers([...people(4), { email: "nobody" }]);
    at.write("taken", "");
    const resultsDir = "taken/results";
    for (const index of [0, 1]) {
      const resourceUrn = URN.replace(/00$/, `0${index}`);
      const share = { index, count: 2 };
      await at.provider.check("UserBatch", {}, at.inputs({ preview: true, resourceUrn, share, resultsDir }));
    }
    const { failures } = await at.provider.check(
      "Finalizer",
      {},
      {
        connectionId: UNKNOWN,
        users: ["users.json"],
        unsupportedPasswordHash: "fail",
        sealed: false,
        resultsDir,
        batches: UNKNOWN,
        preview: true,
        resourceUrn: URN.replace("UserBatch::everyone-00", "Finalizer::everyone-results"),
      },
    );
    assert.deepEqual(failures, []);
    assert.match(
      at.provider.logs.at(-1)?.message ?? "",
      /^The list of invalid records can't be written to "taken\/results"/,
    );
  });

  it("does not know the users of a connection that is yet to be made, and the key of an import that is new", async () => {
    at.writeUsers(people(3));
    assert.deepEqual(await at.preview(undefined, { connectionId: UNKNOWN, key: UNKNOWN }), ["3 new: 1 job"]);
  });
});
