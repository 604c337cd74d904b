import assert from "node:assert/strict";
import fc from "fast-check";
import type { OnConflict } from "../../provider/census/conflicts";
import { groupOf } from "../../provider/census/knowledge";
import { type SettledUser, settleUser, type UserQuestion } from "../../provider/census/settleUser";
import { adopted, unlikeWritten } from "../../provider/census/written";
import { attributesOf } from "../../provider/ledger/attributes";
import { type KnownRecord, packRecord, unpackRecord } from "../../provider/ledger/entry";
import { identifierOf, type User } from "../../provider/schema/identity";

const KEY = "0123456789abcdef".repeat(4);

type Known = Pick<KnownRecord, "attributes" | "had">;

const said = (user: User): Known => ({ attributes: attributesOf(KEY, user, identifierOf(user)) });

/** As the journal and the ledger keep it. */
function kept({ attributes, had }: Known): Known {
  const back = unpackRecord(
    packRecord({ record: 1, attributes, differs: false, ...(had === undefined ? {} : { had }) }),
  );
  return { attributes: back.attributes, ...(back.had === undefined ? {} : { had: back.had }) };
}

const ENDED = new Date("2026-08-01T12:00:00.000Z");

function settle(user: User, there: object, known: Known, more: Partial<UserQuestion> = {}): SettledUser {
  return settleUser({
    ...{ user, there: { updated_at: "2026-08-02T00:00:00.000Z", ...there }, known: kept(known), lastRunEnded: ENDED },
    ...{ onConflict: "keep", key: KEY, canSend: (name) => name.endsWith("_metadata") || name === "profile" },
    ...more,
  });
}

const written = (known: Known, there: object, user?: User) =>
  unlikeWritten(kept(known), there as Record<string, unknown>, {
    ...{ key: KEY, whose: "user_id:1", ...(user === undefined ? {} : { user }) },
  });

const jane = {
  ...{ user_id: "1", email: "jane@example.com", email_verified: true, name: "Jane", nickname: "jd" },
  ...{ user_metadata: { plan: "a" }, app_metadata: { roles: ["x"] } },
};

describe("a user of whom file and tenant have changed something", () => {
  it("gets what the file changed, in the form that each way takes", () => {
    const now = { ...jane, name: "Janet", user_metadata: { plan: "b" } };
    const there = { ...jane, user_metadata: { plan: "a", cart: 1 }, nickname: "Theirs" };
    const outcome = settle(now, there, said(jane));
    assert.deepEqual(outcome.changes, ["user_metadata", "profile"]);
    assert.deepEqual(JSON.parse(JSON.stringify(outcome.upsert)), {
      ...{ user_metadata: { plan: "b", cart: 1 }, name: "Janet", email_verified: true },
    });
    assert.deepEqual(JSON.parse(JSON.stringify(outcome.patch)), { user_metadata: { plan: "b" }, name: "Janet" });
    assert.deepEqual([outcome.conflicts, outcome.notSent, outcome.readAgain], [[], [], false]);
    const after = { ...there, ...outcome.upsert };
    assert.deepEqual(written(outcome.known, after, now), []);
    assert.deepEqual(written(outcome.known, { ...after, user_metadata: { plan: "b" } }, now), ["user_metadata"]);
    const again = settle(now, after, outcome.known);
    assert.deepEqual([again.changes, again.conflicts, again.upsert], [[], [], {}]);
    assert.deepEqual(again.known, kept(outcome.known));
  });

  it("is told as a conflict where both have changed the same, and the rest is sent", () => {
    const now = { ...jane, name: "Janet", user_metadata: { plan: "b" } };
    const there = { ...jane, user_metadata: { plan: "c" } };
    const outcome = settle(now, there, said(jane));
    assert.deepEqual(outcome.changes, ["profile"]);
    assert.deepEqual(outcome.conflicts, [{ attribute: "user_metadata", reason: "changedThere" }]);
    const { prints } = outcome.known.attributes;
    assert.equal(prints.user_metadata, said(jane).attributes.prints.user_metadata, "F stays");
    assert.equal(prints.profile, said(now).attributes.prints.profile);
  });

  it("keeps unsettled what the way can't send, and settles it where the tenant has it already", () => {
    const now = { ...jane, blocked: true, phone_number: "+2", username: "janet" };
    const there = { ...jane, phone_number: "+2" };
    const outcome = settle(now, there, said({ ...jane, phone_number: "+1" }));
    assert.deepEqual([outcome.changes, outcome.notSent], [[], ["username", "blocked"]]);
    assert.equal(outcome.known.attributes.prints.username, undefined);
    assert.equal(outcome.known.attributes.booleans.blocked, undefined);
    assert.equal(outcome.known.attributes.prints.phone_number, said(now).attributes.prints.phone_number);
    const patched = settle(now, there, said({ ...jane, phone_number: "+1" }), { canSend: () => true });
    assert.deepEqual(patched.changes, ["username", "blocked"]);
    assert.deepEqual(patched.patch, { username: "janet", blocked: true });
    assert.equal(patched.known.attributes.booleans.blocked, true);
  });

  it("states email_verified in each upsert, as of the address that the tenant has", () => {
    const now = { ...jane, name: "Janet", email_verified: false };
    const lowered = settle(now, jane, said(jane));
    assert.deepEqual(lowered.changes, ["profile", "email_verified"]);
    assert.deepEqual(lowered.upsert, { name: "Janet", email_verified: false });
    assert.equal(lowered.readAgain, false);
    const elsewhere = { ...jane, email: "new@example.com" };
    const other = settle(now, elsewhere, said(jane));
    assert.deepEqual([other.changes, other.upsert.email_verified], [["profile"], true], "of another address");
    const silent = settle({ ...now, email_verified: undefined }, { ...jane, email_verified: false }, said(jane));
    assert.deepEqual([silent.upsert, silent.readAgain], [{ name: "Janet", email_verified: false }, true]);
    const nothing = settle({ ...jane, email_verified: undefined }, { ...jane, email_verified: false }, said(jane));
    assert.deepEqual([nothing.upsert, nothing.readAgain], [{}, false]);
  });

  it("is known by the email, where there is no id", () => {
    const { user_id: _, ...known } = jane;
    const now = { ...known, email_verified: false };
    const { changes, known: after } = settle(now, known, said(known));
    assert.deepEqual(changes, ["email_verified"]);
    assert.equal(after.attributes.prints.email, undefined);
    // What Auth0 has made of the email that they had then is not theirs.
    const there = { ...known, email: "new@example.com", name: "jane@example.com", nickname: "jane" };
    const { name: __, nickname: ___, ...without } = known;
    const named = settle(known, there, said(without));
    assert.deepEqual(named.upsert, { name: "Jane", nickname: "jd", email_verified: true });
  });

  it("goes by the run that last wrote them, where answers were lost, or 0.1 did not keep what a print is of", () => {
    const { prints, profile, booleans } = said(jane).attributes;
    const { user_metadata: _, ...others } = prints;
    const lost: Known = { attributes: { prints: others, profile, booleans, unknown: ["user_metadata"] } };
    const now = { ...jane, user_metadata: { plan: "b" } };
    const before = { updated_at: "2026-08-01T12:05:00.000Z" };
    assert.deepEqual(settle(now, { ...jane, ...before }, lost).changes, ["user_metadata"]);
    assert.deepEqual(settle(now, { ...jane, ...before }, lost).known, said(now));
    const conflict = settle(now, jane, lost);
    assert.deepEqual(conflict.conflicts, [{ attribute: "user_metadata", reason: "unknown" }]);
    assert.deepEqual(conflict.known.attributes.unknown, ["user_metadata"]);
    assert.deepEqual(settle(now, jane, lost, { lastRunEnded: undefined }).conflicts, conflict.conflicts);

    const doubtful: Known = { attributes: { prints, profile, booleans, unknown: ["profile"] } };
    assert.deepEqual(groupOf(doubtful, "profile").said.isDoubtful, true);
    const theirs = { ...jane, name: "Theirs" };
    assert.deepEqual(settle(jane, theirs, doubtful).conflicts, [], "nothing changed in the file");
    assert.deepEqual(settle({ ...jane, name: "Janet" }, theirs, doubtful).conflicts, [
      { attribute: "name", reason: "unknown" },
    ]);
    assert.deepEqual(written(doubtful, theirs), [], "nobody knows what it was");
  });

  it("is adopted as they are: what differs is known, and only what the file changes later is sent", () => {
    const tenants = { ...jane, name: "J.", user_metadata: { plan: "a", cart: 1 }, blocked: true, app_metadata: null };
    const file = { ...jane, blocked: false };
    const known = adopted(said(file).attributes, file, tenants, KEY);
    assert.deepEqual(known.attributes, said(file).attributes);
    assert.deepEqual(Object.keys(known.had?.prints ?? {}).sort(), ["app_metadata", "profile", "user_metadata"]);
    assert.equal(known.had?.prints.app_metadata, null);
    assert.deepEqual([known.had?.profile, known.had?.booleans], [["name", "nickname"], { blocked: true }]);
    assert.deepEqual(written(known, tenants, file), []);
    assert.deepEqual(written(known, { ...tenants, name: "Jane", blocked: false }, file), [
      "name",
      "nickname",
      "blocked",
    ]);
    assert.deepEqual(settle(file, tenants, known).changes, []);
    const edited = settle({ ...file, user_metadata: { plan: "a", since: 2019 } }, tenants, known);
    assert.deepEqual(JSON.parse(JSON.stringify(edited.upsert.user_metadata)), { plan: "a", cart: 1, since: 2019 });
    assert.equal(edited.known.had?.prints.profile, known.had?.prints.profile, "the rest is known as before");
    assert.equal(adopted(said(file).attributes, file, file, KEY).had, undefined);
    const inexact = adopted(said(file).attributes, file, { ...file, user_metadata: { id: 2 ** 60 } }, KEY);
    assert.equal(inexact.had?.prints.user_metadata, "unknown");
  });

  it("is as written in whatever form Auth0 keeps it, where the record is at hand", () => {
    const user = { ...jane, name: "Ame\u0301lie", user_metadata: { a: null, b: 1 }, app_metadata: {} };
    const there = { ...user, name: "Amélie", user_metadata: { b: 1 }, app_metadata: undefined };
    assert.deepEqual(written(said(user), there, user), []);
    assert.deepEqual(written(said(user), there), ["name", "nickname"], "a print is of one spelling");
    assert.deepEqual(written(said(user), { ...there, email: "other@example.com" }, user), ["email"]);
    assert.deepEqual(written(said(user), { ...there, email_verified: false }), ["name", "nickname", "email_verified"]);
  });

  const names = ["plan", "lang", "cart"];
  const metadata = fc.dictionary(fc.constantFrom(...names), fc.integer({ min: 1, max: 3 }), { maxKeys: 3 });
  const person = fc.record(
    {
      user_metadata: metadata,
      app_metadata: metadata,
      name: fc.constantFrom("A", "B", "C"),
      nickname: fc.constantFrom("A", "B", "C"),
      given_name: fc.constantFrom("A", "B", "C"),
      phone_number: fc.constantFrom("+1", "+2"),
      blocked: fc.boolean(),
      email_verified: fc.boolean(),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  const whole = (user: object): User => ({ user_id: "1", email: "jane@example.com", ...user });

  it("is settled once: the same again sends nothing, and all that is known fits what the tenant has", () => {
    const onConflict = fc.constantFrom<OnConflict>("keep", "merge", "overwrite");
    fc.assert(
      fc.property(person, person, person, fc.boolean(), onConflict, (before, now, theirs, byPatch, how) => {
        const [was, user, there] = [whole(before), whole(now), whole(theirs)];
        const known = adopted(said(was).attributes, was, there, KEY);
        assert.deepEqual(written(known, there), [], "of an adopted user the tenant's is known");
        const canSend: UserQuestion["canSend"] = (name) => byPatch || /metadata|profile/.test(name);
        const outcome = settle(user, there, known, { onConflict: how, canSend });
        const after: User = { ...there, ...JSON.parse(JSON.stringify(byPatch ? outcome.patch : outcome.upsert)) };
        if (byPatch) {
          for (const name of ["user_metadata", "app_metadata"]) {
            const merged = { ...(there[name] as object), ...(outcome.patch[name] as object) };
            after[name] = Object.fromEntries(Object.entries(merged).filter(([, each]) => each !== null));
          }
        }
        const stale = outcome.conflicts.length + outcome.notSent.length;
        if (stale === 0) assert.deepEqual(written(outcome.known, after), []);
        const again = settle(user, after, outcome.known, { onConflict: how, canSend });
        assert.deepEqual([again.changes, again.notSent, again.conflicts], [[], outcome.notSent, outcome.conflicts]);
        assert.deepEqual(kept(again.known), kept(outcome.known));
        if (how === "overwrite") assert.deepEqual(outcome.conflicts, []);
      }),
      { numRuns: 1_000, seed: 20260802 },
    );
  });
});
