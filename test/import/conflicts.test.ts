import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import type { OnConflict } from "../../provider/census/conflicts";
import { SharedCensus } from "../../provider/census/takeCensus";
import { identityFingerprint } from "../../provider/ledger/fingerprint";
import { Ledger } from "../../provider/ledger/ledger";
import { identityOf, type User } from "../../provider/schema/identity";
import { TenantError } from "../../provider/tenant/errors";
import { ANN, countsIn, ImportTest, KEY, RULES, type RunOptions, type Saved } from "./importTest";
import { CONNECTION_NAME } from "./plainTenant";

for (const reads of ["singly", "census"] as const) {
  describe(`what changed in file and tenant, read ${reads === "census" ? "by a census" : "one by one"}`, () => {
    const at = ImportTest.forEach();

    const run = async (
      user: User,
      before: Saved | undefined,
      onConflict: OnConflict = "keep",
      more: RunOptions = {},
    ) => {
      const { result, problem } = await at().run([user], {
        ...{ reads, before, preflight: async () => RULES, ...more },
        settings: { onConflict },
      });
      assert.equal(problem, undefined);
      return result;
    };
    const there = (id = "ann") => at().tenant.users.get(id);
    const change = (attributes: User, others: object = {}) => {
      const known = there();
      assert.ok(known);
      at().tenant.users.set("ann", { ...known, ...others, attributes: { ...known.attributes, ...attributes } });
    };
    const sent = () =>
      at()
        .tenant.jobs.slice(1)
        .flatMap(({ users }) => users);
    const reasons = ({ conflicts = [] }: Saved) =>
      conflicts.map(({ attributes, reason }) => `${attributes}: ${reason}`);
    const known = ({ ledger }: Saved) => Ledger.decode(ledger).get(identityFingerprint(KEY, identityOf(ANN) as string));

    it("is sent where the tenant has what the file said", async () => {
      const first = await run(ANN, undefined);
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual(countsIn(second), { updated: 1 });
      assert.deepEqual(sent(), [{ email: "ann@example.com", given_name: "Anna", email_verified: true }]);
      assert.equal(known(second)?.had, undefined);
      assert.equal(at().censuses, reads === "census" ? 1 : 0);
    });

    it("is not sent where the tenant has it already", async () => {
      const first = await run(ANN, undefined);
      change({ given_name: "Anna" });
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual([countsIn(second), sent()], [{ unchanged: 1 }, []]);
      // Nothing is left to be done.
      assert.deepEqual(countsIn(await run({ ...ANN, given_name: "Anna" }, second)), { unchanged: 1 });
    });

    it("is merged where they have changed different keys", async () => {
      const first = await run(ANN, undefined);
      change({ user_metadata: { plan: "a", lang: "de", cart: 1 } });
      const second = await run({ ...ANN, user_metadata: { plan: "b", lang: "de" } }, first);
      assert.deepEqual(countsIn(second), { updated: 1 });
      assert.deepEqual(there()?.attributes.user_metadata, { plan: "b", lang: "de", cart: 1 });
      assert.notEqual(known(second)?.had?.prints.user_metadata, undefined);
      // And again, in another key.
      const third = await run({ ...ANN, user_metadata: { plan: "b", lang: "fr" } }, second);
      assert.deepEqual(countsIn(third), { updated: 1 });
      assert.deepEqual(there()?.attributes.user_metadata, { plan: "b", lang: "fr", cart: 1 });
    });

    describe("what is made of both", () => {
      const theirs = { plan: "a", lang: "de", cart: 1 };
      const edited = { ...ANN, user_metadata: { plan: "b" } };
      const merged = { plan: "b", cart: 1 };
      const patches = () => at().tenant.patches;

      it("goes by a call for the user alone, with the keys that change", async () => {
        const first = await run(ANN, undefined);
        change({ user_metadata: theirs });
        // What is written between the reading and the call stays, too.
        at().tenant.beforePatch = () => change({ user_metadata: { ...theirs, seen: 2 } });
        const second = await run(edited, first);
        assert.deepEqual(countsIn(second), { updated: 1 });
        assert.deepEqual(patches(), [{ id: "ann", patch: { user_metadata: { plan: "b", lang: null } } }]);
        assert.deepEqual([sent(), there()?.attributes.user_metadata], [[], { ...merged, seen: 2 }]);
        // And with it all that changed besides; the ledger has what was sent.
        const third = await run({ ...edited, given_name: "Anna", user_metadata: { plan: "c" } }, second);
        assert.deepEqual(countsIn(third), { updated: 1 });
        assert.deepEqual(patches()[1]?.patch, { user_metadata: { plan: "c" }, given_name: "Anna" });
        assert.deepEqual(countsIn(await run({ ...edited, given_name: "Anna", user_metadata: { plan: "c" } }, third)), {
          unchanged: 1,
        });
      });

      it("goes by a job, where email_verified changes too: that is a statement about one address", async () => {
        const unverified = { ...ANN, email_verified: false };
        const first = await run(unverified, undefined);
        change({ user_metadata: theirs });
        await run(edited, first);
        assert.deepEqual(patches(), []);
        assert.deepEqual(sent(), [{ email: "ann@example.com", user_metadata: merged, email_verified: true }]);
      });

      for (const [what, status, calls] of [
        ["the scope update:users is not granted", undefined, 0],
        ["the tenant forbids it", 403, 1],
        ["the tenant refuses the call", 400, 1],
      ] as const) {
        it(`goes by a job, where ${what}`, async () => {
          const first = await run(ANN, undefined);
          change({ user_metadata: theirs });
          let asked = 0;
          const { tenant } = at();
          if (status === undefined) Object.assign(tenant, { scopes: new Set(["read:users", "create:users"]) });
          tenant.changeUser = async () => {
            asked++;
            throw new TenantError("refused", status);
          };
          const second = await run(edited, first);
          assert.deepEqual(countsIn(second), { updated: 1 });
          assert.deepEqual(there()?.attributes.user_metadata, merged);
          assert.deepEqual([asked, sent().length], [calls, 1]);
        });
      }

      it("goes by a job beyond so many, and where one id is two connections' it is not the other's", async () => {
        const first = await run(ANN, undefined);
        change({ user_metadata: theirs });
        at().mayPatch = false;
        await run(edited, first);
        assert.deepEqual([patches(), there()?.attributes.user_metadata], [[], merged]);
        at().mayPatch = true;
        const { wholeUser } = at().tenant;
        at().tenant.wholeUser = async (...args) => {
          const user = await wholeUser(...args);
          return (
            user && { ...user, email: "other@example.com", identities: [{ connection: "others", user_id: "ann" }] }
          );
        };
        change({ user_metadata: { ...theirs, seen: 1 } });
        await run({ ...ANN, user_metadata: { plan: "c", lang: "de" } }, first);
        assert.deepEqual(patches(), []);
      });

      it("makes nobody anew who is deleted in between", async () => {
        const first = await run(ANN, undefined);
        change({ user_metadata: theirs });
        at().tenant.beforePatch = () => at().tenant.users.delete("ann");
        const second = await run(edited, first);
        assert.deepEqual(
          [countsIn(second), reasons(second)],
          [{ conflicts: 1 }, ["user_metadata: the user was deleted in Auth0 since"]],
        );
        assert.deepEqual([sent(), at().tenant.users.size], [[], 0]);
      });

      for (const dieAfterLine of [1, 2]) {
        for (const plan of ["b", "c"]) {
          it(`goes on after line ${dieAfterLine} of a run that is killed, ${plan === "b" ? "as it was" : "though the file says another thing by then"}`, async () => {
            const first = await run(ANN, undefined);
            change({ user_metadata: theirs }, { updated_at: new Date(Date.now() + 7_200_000).toISOString() });
            const { problem } = await at().run([edited], {
              reads,
              before: first,
              dieAfterLine,
              preflight: async () => RULES,
            });
            assert.equal(problem?.message, "dead");
            const second = await run({ ...ANN, user_metadata: { plan } }, first);
            if (dieAfterLine === 1) {
              // The call was not made; nobody knows that, as the application has written, too.
              assert.deepEqual(there()?.attributes.user_metadata, theirs);
              assert.match(reasons(second).join(), /^user_metadata: it may have been changed in Auth0, too/);
              return;
            }
            assert.deepEqual(there()?.attributes.user_metadata, { plan, cart: 1 });
            assert.deepEqual(reasons(second), []);
            assert.deepEqual(countsIn(await run({ ...ANN, user_metadata: { plan } }, second)), { unchanged: 1 });
          });
        }
      }
    });

    for (const [onConflict, plan] of [
      ["keep", undefined],
      ["merge", { plan: "b", lang: "de", cart: 1 }],
      ["overwrite", { plan: "b", lang: "de" }],
    ] as const) {
      it(`is as ${onConflict} says where they have changed the same key`, async () => {
        const first = await run(ANN, undefined);
        const theirs = { plan: "c", lang: "de", cart: 1 };
        change({ user_metadata: theirs });
        const edited = { ...ANN, user_metadata: { plan: "b", lang: "de" } };
        const second = await run(edited, first, onConflict);
        assert.deepEqual(countsIn(second), plan === undefined ? { conflicts: 1 } : { updated: 1 });
        assert.deepEqual(there()?.attributes.user_metadata, plan ?? theirs);
        if (plan !== undefined) return;
        assert.match(reasons(second)[0] ?? "", /^user_metadata: it was changed in Auth0, too/);
        // It is told as long as it lasts, and the rest is sent.
        const third = await run({ ...edited, given_name: "Anna" }, second);
        assert.deepEqual([countsIn(third), reasons(third).length], [{ conflicts: 1 }, 1]);
        assert.equal(there()?.attributes.given_name, "Anna");
        // It ends when the tenant has what the file says.
        change({ user_metadata: edited.user_metadata });
        const fourth = await run({ ...edited, given_name: "Anna" }, third);
        assert.deepEqual([countsIn(fourth), reasons(fourth)], [{ unchanged: 1 }, []]);
      });
    }

    it("makes nobody anew who was deleted", async () => {
      const first = await run(ANN, undefined);
      at().tenant.users.delete("ann");
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual([countsIn(second), sent()], [{ conflicts: 1 }, []]);
      assert.deepEqual(reasons(second), ["profile: the user was deleted in Auth0 since"]);
      assert.equal(at().tenant.users.size, 0);
    });

    it("writes nothing to an account that somebody has made with the email of a deleted user", async () => {
      const first = await run(ANN, undefined);
      const user = there();
      assert.ok(user);
      at().tenant.users.delete("ann");
      at().tenant.users.set("new", {
        ...user,
        user_id: "auth0|new",
        created_at: new Date(Date.now() + 1e6).toISOString(),
      });
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual([sent(), reasons(second).length], [[], 1]);
    });

    it("leaves alone who was linked to another account", async () => {
      const first = await run(ANN, undefined);
      const user = there();
      assert.ok(user);
      at().tenant.users.delete("ann");
      const identities = [{ connection: "others" }, { connection: CONNECTION_NAME, user_id: "ann" }];
      at().tenant.users.set("primary", { ...user, user_id: "auth0|primary", email: "p@example.com", identities });
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual(
        [sent(), reasons(second)],
        [[], ["profile: the user was linked to another account in Auth0 since"]],
      );
    });

    it("goes by the email that the user has now, and says of it what Auth0 says", async () => {
      const first = await run(ANN, undefined);
      change({}, { email: "new@example.com", email_verified: false });
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual(countsIn(second), { updated: 1 });
      assert.deepEqual(sent(), [{ email: "new@example.com", given_name: "Anna", email_verified: false }]);
      assert.equal(at().tenant.users.size, 1);
    });

    const notApplied = (saved: Saved) => saved.notApplied.map(({ attributes, reason }) => `${attributes}: ${reason}`);
    const moved = { ...ANN, email: "moved@example.com" };

    it("goes by the email in Auth0 where the file has another one, which no job can change", async () => {
      const first = await run(ANN, undefined);
      const second = await run({ ...moved, given_name: "Anna" }, first);
      assert.deepEqual([countsIn(second), reasons(second)], [{ updated: 1 }, []]);
      assert.deepEqual(sent(), [{ email: "ann@example.com", given_name: "Anna", email_verified: true }]);
      assert.deepEqual(notApplied(second), ["email: an import job can't change it of a user who exists"]);
      // As long as that is so; and it is settled when somebody has changed it there.
      const third = await run({ ...moved, given_name: "Anna" }, second);
      assert.deepEqual([countsIn(third), notApplied(third), sent().length], [{ notApplied: 1 }, notApplied(second), 1]);
      change({}, { email: "moved@example.com" });
      const fourth = await run({ ...moved, given_name: "Anna" }, third);
      assert.deepEqual([countsIn(fourth), notApplied(fourth), sent().length], [{ unchanged: 1 }, [], 1]);
    });

    it("has a conflict of the email that was changed on both sides, and sends the rest by Auth0's", async () => {
      const first = await run(ANN, undefined);
      change({}, { email: "theirs@example.com" });
      const second = await run({ ...moved, given_name: "Anna" }, first);
      assert.deepEqual([countsIn(second), notApplied(second)], [{ conflicts: 1 }, []]);
      assert.deepEqual(reasons(second), [
        "email: it was changed in Auth0, too, since the file last said something else of it",
      ]);
      assert.deepEqual(sent(), [{ email: "theirs@example.com", given_name: "Anna", email_verified: true }]);
    });

    it("writes nothing to who has the file's new email, where the user is gone", async () => {
      const first = await run(ANN, undefined);
      const user = there();
      assert.ok(user);
      at().tenant.users.delete("ann");
      at().tenant.users.set("other", { ...user, user_id: "auth0|other", email: "moved@example.com" });
      const second = await run({ ...moved, given_name: "Anna" }, first);
      assert.deepEqual([countsIn(second), sent(), notApplied(second)], [{ conflicts: 1 }, [], []]);
      assert.deepEqual(reasons(second), ["email,profile: the user was deleted in Auth0 since"]);
      // It goes with the record.
      const { result } = await at().run([], { before: second, reads });
      assert.deepEqual([result.conflicts, result.differences, result.summary.removed], [[], [], 1]);
    });

    it("has a conflict where no answer has told what Auth0 has, and somebody has changed it since", async () => {
      const first = await run(ANN, undefined);
      at().tenant.fate = ({ kind }) => (kind === "upsert" ? { ends: "failed" } : undefined);
      const edited = (plan: string) => ({ ...ANN, user_metadata: { plan, lang: "de" } });
      const second = await run(edited("b"), first);
      assert.deepEqual([countsIn(second), second.failedRecords[0]?.code], [{ outdated: 1 }, "JOB_FAILED"]);
      at().tenant.fate = () => undefined;
      change({ user_metadata: { plan: "z" } }, { updated_at: new Date(Date.now() + 1e6).toISOString() });
      const third = await run(edited("c"), second);
      assert.deepEqual(countsIn(third), { conflicts: 1 });
      assert.match(
        reasons(third).join(),
        /^user_metadata: it may have been changed in Auth0, too: after a lost answer/,
      );
    });

    it("can't be sent to who has no email in Auth0 now", async () => {
      const first = await run(ANN, undefined);
      const user = there();
      assert.ok(user);
      const { email: _, ...others } = user;
      at().tenant.users.set("ann", others);
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual([countsIn(second), sent()], [{ conflicts: 1 }, []]);
      assert.match(reasons(second).join(), /^profile: the user has no email in Auth0 now/);
    });

    it("knows whose error it is of a user with another email", async () => {
      const first = await run(ANN, undefined);
      change({}, { email: "new@example.com" });
      at().tenant.fate = ({ number }) => (number === 2 ? { refuses: () => "FORMAT" } : undefined);
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual([countsIn(second), second.failedRecords[0]?.code], [{ outdated: 1 }, "FORMAT"]);
    });

    it("names who was made anew, as the email was changed while the job was on its way", async () => {
      const first = await run(ANN, undefined);
      for (const [id, user] of at().tenant.users)
        at().tenant.users.set(id, { ...user, created_at: "2020-01-01T00:00:00.000Z" });
      const { submit } = at().tenant;
      at().tenant.submit = (...args) => {
        change({}, { email: "new@example.com" });
        return submit(...args);
      };
      const second = await run({ ...ANN, given_name: "Anna" }, first);
      assert.deepEqual([countsIn(second), second.failedRecords[0]?.code], [{ outdated: 1 }, "MADE_ANEW"]);
      assert.match(at().warnings.join(), /came in a second time/);
    });

    it("does not take for brought what has made a second account, also where the run was killed meanwhile", async () => {
      const first = await run(ANN, undefined);
      at().tenant.beforeJob = ({ kind }) => {
        if (kind === "upsert") change({}, { email: "new@example.com", updated_at: "2099-01-01T00:00:00.000Z" });
      };
      const edited = { ...ANN, given_name: "Anna" };
      const options = { reads, before: first, preflight: async () => RULES, dieAfterLine: 2 };
      assert.equal((await at().run([edited], options)).problem?.message, "dead");
      at().tenant.beforeJob = () => {};
      const second = await run(edited, first);
      assert.match(at().warnings.join(), /came in a second time/);
      assert.deepEqual([there()?.email, there()?.attributes.given_name], ["new@example.com", "Anna"]);
      assert.deepEqual(countsIn(await run(edited, second)), { unchanged: 1 });
    });

    it("verifies no address that nobody has verified, and takes none back", async () => {
      const unverified = { ...ANN, email_verified: false };
      const first = await run(unverified, undefined);
      change({}, { email_verified: true });
      await run({ ...unverified, given_name: "Anna" }, first);
      assert.equal(there()?.email_verified, true);
      const second = await run(unverified, first);
      change({}, { email: "new@example.com", email_verified: false });
      await run({ ...ANN, given_name: "Anne" }, second);
      assert.equal(there()?.email_verified, false);
    });

    it("sends what changed before who is new", async () => {
      const first = await run(ANN, undefined);
      const bob = { ...ANN, user_id: "bob", email: "bob@example.com" };
      await at().run([bob, { ...ANN, given_name: "Anna" }], { reads, before: first, preflight: async () => RULES });
      assert.deepEqual(
        at().tenant.jobs.map(({ kind }) => kind),
        ["insert", "upsert", "insert"],
      );
    });
  });
}

describe("where the budget of single reads ends in the middle", () => {
  const at = ImportTest.forEach();

  for (const what of ["changes", "users who are written over"] as const) {
    it(`goes on by a census: ${what}`, async () => {
      const people = Array.from({ length: 300 }, (_, i) => ({ ...ANN, user_id: `p${i}`, email: `p${i}@example.com` }));
      const unverified = people.map((user) => ({ ...user, email_verified: false }));
      const first = await at().run(unverified, { preflight: async () => RULES });
      let left = 20;
      const budget = { left: 10_000, spend: () => left-- > 0 };
      const census = new SharedCensus(async () => at().census());
      const isOver = what !== "changes";
      if (isOver) rmSync(at().journalFile);
      const { result, problem } = await at().run(
        unverified.map((user) => ({ ...user, given_name: "Anna" })),
        {
          ...(isOver ? {} : { before: first.result }),
          ...{ reads: { budget, census, follow: () => () => {} }, preflight: async () => RULES },
          settings: { onConflict: "keep", ...(isOver ? { onExisting: "overwrite" as const } : {}) },
        },
      );
      assert.equal(problem, undefined);
      assert.deepEqual([countsIn(result), at().censuses], [{ updated: 300 }, 1]);
    });
  }
});

describe("a thousand who are not there any more, and some", () => {
  const at = ImportTest.forEach();

  it("are not all looked up: the message says how many were not, and nothing is sent of them", async () => {
    const people = Array.from({ length: 1_004 }, (_, i) => ({ ...ANN, user_id: `p${i}`, email: `p${i}@example.com` }));
    const preflight = async () => RULES;
    const { result: before } = await at().run(people, { preflight });
    const edited = people.map((user) => ({ ...user, given_name: "Anna" }));
    const there = [...at().tenant.users];
    at().tenant.users.clear();
    const jobs = at().tenant.jobs.length;
    const { result, problem } = await at().run(edited, { before, reads: "census", preflight });
    assert.equal(problem, undefined);
    assert.equal(at().tenant.jobs.length, jobs);
    assert.match(
      at().warnings.join("\n"),
      /^4 users who are not in the connection as it was read were not looked up singly, since they are too many: 1,000 were\./,
    );
    const reasons = result.differences.map(({ reason, users }) => `${users} ${reason}`).sort();
    assert.deepEqual(reasons.length, 2, reasons.join());
    assert.match(reasons[0] ?? "", /^1000 the user was deleted/);
    assert.match(reasons[1] ?? "", /^4 no user of the connection/);

    // The export was out of date: now it has them.
    for (const [id, user] of there) at().tenant.users.set(id, user);
    const next = await at().run(edited, { before: result, reads: "census", preflight });
    assert.deepEqual([countsIn(next.result), at().tenant.users.size], [{ updated: 1_004 }, 1_004]);
  });
});

describe("without the scope read:users", () => {
  const at = ImportTest.forEach();
  const edit = async (onConflict: OnConflict) => {
    const first = await at().run([ANN], { preflight: async () => RULES });
    const forbidden = async () => {
      throw new TenantError("forbidden", 403);
    };
    Object.assign(at().tenant, { wholeUser: forbidden, wholeUsersByEmail: forbidden });
    const edited = [
      { ...ANN, given_name: "Anna" },
      { ...ANN, user_id: "bob", email: "bob@example.com" },
    ];
    return at().run(edited, {
      ...{ before: first.result, reads: "singly", preflight: async () => RULES },
      settings: { onConflict },
    });
  };

  it("no change is sent, nor anything else, and it is told what for", async () => {
    const { problem } = await edit("keep");
    assert.match(
      problem?.message ?? "",
      /^Without the scope read:users nobody can tell what a change would write over/,
    );
    assert.match(problem?.message ?? "", /set onConflict: "overwrite", which writes over whatever an application/);
    assert.deepEqual([at().tenant.jobs.length, at().warnings], [1, []]);
  });

  it("changes are sent unseen, where onConflict is overwrite", async () => {
    const { problem, result } = await edit("overwrite");
    assert.equal(problem, undefined);
    assert.deepEqual(countsIn(result), { updated: 1, inserted: 1 });
    assert.equal(at().warnings.length, 1);
    assert.match(
      at().warnings[0] ?? "",
      /^Without the scope read:users changes are sent unseen.*comes in a second time/,
    );
  });
});
