import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { type BatchOutputs, BatchTest } from "../support/batch";
import { ImportProgram } from "../support/importProgram";
import { PartialFailure } from "../support/providerProcess";

const person = (i: number, attributes: object = {}) => ({
  user_id: `u${i}`,
  email: `user${i}@example.com`,
  email_verified: true,
  user_metadata: { plan: "a", lang: "de" },
  ...attributes,
});

describe("what an application writes between two runs", () => {
  const at = BatchTest.forEach();
  const counts = ({ summary }: BatchOutputs) => Object.fromEntries(Object.entries(summary).filter(([, n]) => n > 0));
  const metadata = (i: number) => at.user(`user${i}@example.com`)?.user_metadata;
  const edited = { user_metadata: { plan: "b", lang: "de" } };

  it("is kept, and told at each run and preview where both have changed the same; onConflict decides anew", async () => {
    at.writeUsers([person(0), person(1), person(2)]);
    const first = await at.create();
    at.changeInTenant("user0@example.com", { user_metadata: { plan: "a", lang: "de", cart: 1 } });
    at.changeInTenant("user1@example.com", { user_metadata: { plan: "c", lang: "de" } });
    at.writeUsers([person(0, edited), person(1, edited), person(2, edited)]);
    await at.restart();
    const second = await at.update(first);
    assert.deepEqual(counts(second), { total: 3, updated: 2, conflicts: 1 });
    assert.deepEqual(
      [metadata(0), metadata(1)],
      [
        { plan: "b", lang: "de", cart: 1 },
        { plan: "c", lang: "de" },
      ],
    );
    assert.match(second.conflicts[0]?.reason ?? "", /^it was changed in Auth0, too/);

    // Another user changes: the conflict is no change.
    at.writeUsers([person(0, edited), person(1, edited), person(2, { ...edited, name: "Two" })]);
    assert.deepEqual(await at.preview(second), [
      "1 changed (profile 1), 1 unchanged, 1 conflict from the last run: 1 job",
      "Reads 1 user before it writes to them: 1 to 2 calls.",
    ]);
    const third = await at.update(second);
    assert.deepEqual(counts(third), { total: 3, updated: 1, unchanged: 1, conflicts: 1 });
    const fourth = await at.update(third, { onConflict: "overwrite" });
    assert.deepEqual([counts(fourth), metadata(1)], [{ total: 3, updated: 1, unchanged: 2 }, edited.user_metadata]);
  });

  it("makes nobody anew who was deleted", async () => {
    at.writeUsers([person(0), person(1)]);
    const first = await at.create();
    const { users } = at.emulator.tenant;
    const gone = [...users.all()].find(({ email }) => email === "user0@example.com");
    assert.ok(gone);
    users.delete(gone);
    at.writeUsers([person(0, edited), person(1)]);
    await at.restart();
    const second = await at.update(first);
    assert.deepEqual([counts(second), at.users().length], [{ total: 2, unchanged: 1, conflicts: 1 }, 1]);
    assert.equal(second.conflicts[0]?.reason, "the user was deleted in Auth0 since");
  });
});

describe("an import of several batches with conflicts", () => {
  const at = BatchTest.forEach();
  const all = Array.from({ length: 13 }, (_, i) => i);
  const edited = { user_metadata: { plan: "b", lang: "de" } };
  const file = (name: string) => path.join(at.provider.folder, ".user-import/dev/everyone", name);
  const messages = (severity: number) =>
    at.provider.logs.filter((each) => each.severity === severity).map(({ message }) => message);

  const withConflicts = async (args = {}) => {
    const program = new ImportProgram(at, 2);
    at.writeUsers(all.map((i) => person(i)));
    await program.up(args);
    for (const i of all.slice(1)) {
      at.changeInTenant(`user${i}@example.com`, { user_metadata: { plan: "theirs", lang: "de" } });
    }
    at.writeUsers(all.map((i) => person(i, edited)));
    await at.restart();
    return program;
  };

  it("lists them all in a file and in the report, masked, and says how many there are", async () => {
    const program = await withConflicts();
    await program.up();
    const { summary } = program.told;
    assert.deepEqual([summary.conflicts, summary.updated, summary.notApplied], [12, 1, 0]);
    assert.deepEqual(messages(2), [
      "12 conflicts (user_metadata 12): changed in the file and in Auth0, too, or of users who are not there as they were. They are left as they are in Auth0, and listed in .user-import/dev/everyone/conflicts.csv.",
    ]);
    const table = readFileSync(file("conflicts.csv"), "utf8");
    assert.equal(table.trimEnd().split("\r\n").length, 13);
    assert.match(table, /"users\.json","1","user_id:\*\*\*","user_metadata","it was changed in Auth0, too/);
    assert.equal(statSync(file("conflicts.csv")).mode & 0o777, 0o600);
    assert.ok(!existsSync(file("not-applied.csv")));
    const report = readFileSync(file("report.html"), "utf8");
    assert.match(report, /<h2>12 conflicts<\/h2>/);
    assert.doesNotMatch(report + table, /user\d+@example|"u1"/);

    // They are told again, and go when Auth0 has what the file says.
    await at.restart();
    await program.up({ triggers: [1] });
    assert.equal(program.told.summary.conflicts, 12);
    for (const i of all) at.changeInTenant(`user${i}@example.com`, edited);
    await at.restart();
    await program.up({ triggers: [2] });
    assert.deepEqual([program.told.summary.conflicts, program.told.summary.unchanged], [0, 13]);
    assert.ok(!existsSync(file("conflicts.csv")));
  });

  it("names the first ten in the message of an update that fails, and second accounts, which fail it", async () => {
    const program = await withConflicts();
    at.emulator.tenant.faults.replace([{ on: "job", kind: "error", email: "^user0@", code: "MADE_ANEW" }]);
    const failure = await program.up().catch((error: unknown) => error);
    assert.ok(failure instanceof PartialFailure);
    const { message } = failure;
    assert.match(
      message,
      /A second account was made in Auth0 for 1 user \(MADE_ANEW\).*failed-records\.csv:\n {2}users\.json:1 MADE_ANEW/,
    );
    assert.match(
      message,
      /\n12 conflicts \(user_metadata 12\).*conflicts\.csv:\n {2}users\.json:1 user_metadata: it was changed/,
    );
    assert.equal(message.match(/users\.json:\d+ user_metadata: /g)?.length, 10);
    assert.match(message, /\n {2}…$/);
    assert.ok(existsSync(file("conflicts.csv")));
    const { summary } = program.outputs<{ summary: BatchOutputs["summary"] }>("everyone-results");
    assert.deepEqual([summary.outdated, summary.failed, summary.conflicts], [1, 0, 12]);
  });
});
