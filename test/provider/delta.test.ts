import assert from "node:assert/strict";
import type { Summary } from "../../provider";
import { BatchTest, URN } from "../support/batch";
import { UNKNOWN } from "../support/providerProcess";

const HASH = "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG";

const person = (i: number, attributes: object = {}) => ({
  email: `person${i}@example.com`,
  email_verified: true,
  given_name: `Person${i}`,
  ...attributes,
});
const people = (count: number) => Array.from({ length: count }, (_, i) => person(i));

/** The parts of a summary that are not 0. */
function counts({ total: _, memberships: __, ...summary }: Summary): object {
  return Object.fromEntries(Object.entries(summary).filter(([, users]) => users > 0));
}

describe("an edited file", () => {
  const at = BatchTest.forEach();

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

  it("need not change for users to come in whose hash Auth0 can't take, once that is asked for", async () => {
    at.writeUsers([person(0, { password_hash: HASH.replace("$2b$", "$2y$") }), person(1)]);
    const old = await at.create();
    assert.deepEqual(counts(old.summary), { inserted: 1, invalid: 1 });
    const omit = { unsupportedPasswordHash: "omit" };
    assert.deepEqual(await at.preview(old, omit), [
      "1 new, 1 unchanged: 1 job",
      "1 user will come in without a password: Auth0 can't take the hash.",
    ]);
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
      "Reads 1 user before it writes to them: 1 to 2 calls.",
    ]);
    await at.restart();
    const { summary, notApplied } = await at.update(failed);
    assert.deepEqual(counts(summary), { updated: 1, outdated: 1 });
    assert.deepEqual(
      notApplied.map(({ attributes }) => attributes.join()),
      ["blocked"],
    );
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
      "Reads 1 user before it writes to them: 1 to 2 calls. For up to 1, whose metadata an application may have changed, 2 calls more each (PATCH).",
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
      "no change; the file has changes that an import can't apply to users who exist (password_hash 1): see .user-import/dev/everyone/not-applied.csv",
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
