import assert from "node:assert/strict";
import { type BatchOutputs, BatchTest } from "../support/batch";

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
