import assert from "node:assert/strict";
import { FRESH_MS, SharedCensus } from "../../provider/census/takeCensus";
import { generatedUserId, identityFingerprint } from "../../provider/ledger/fingerprint";
import { Ledger } from "../../provider/ledger/ledger";
import type { OnExisting } from "../../provider/plan/delta";
import type { ConnectionRules } from "../../provider/schema/connectionRules";
import { identityOf, type User } from "../../provider/schema/identity";
import { TenantError } from "../../provider/tenant/errors";
import { ExportError } from "../../provider/tenant/exports";
import { ANN, countsIn, ImportTest, KEY, RULES, type RunOptions, type Saved } from "./importTest";
import { CONNECTION_NAME, plainTenant } from "./plainTenant";

const LONG_AGO = "2020-01-01T00:00:00.000Z";

const { user_id: _, ...ANN_WITHOUT_ID } = ANN;

/** Ann as a script has brought her. */
const THERE = {
  user_id: "ann",
  email: "ann@example.com",
  email_verified: true,
  created_at: LONG_AGO,
  attributes: { given_name: "Ann", user_metadata: { plan: "a", lang: "de" } },
};

for (const reads of ["singly", "census"] as const) {
  describe(`users who were there before the first import, read ${reads === "census" ? "by a census" : "one by one"}`, () => {
    const at = ImportTest.forEach();

    const run = async (
      users: readonly User[],
      onExisting: OnExisting,
      { rules = {}, ...options }: RunOptions & { rules?: Partial<ConnectionRules> } = {},
    ): Promise<Saved> => {
      const { result, problem } = await at().run(users, {
        reads,
        preflight: async () => ({ ...RULES, ...rules }),
        ...options,
        settings: { onExisting, ...options.settings },
      });
      assert.equal(problem, undefined);
      return result;
    };
    const there = (...users: NonNullable<Parameters<typeof plainTenant>[0]>[number][]) => {
      at().tenant = plainTenant(users);
    };
    const known = ({ ledger }: Saved, user: User) =>
      Ledger.decode(ledger).get(identityFingerprint(KEY, identityOf(user) as string));
    const kinds = () => at().tenant.jobs.map(({ kind, users }) => `${users.length} ${kind}`);
    const codes = ({ failedRecords }: Saved) => failedRecords.map(({ code }) => code);
    const attributes = (id = "ann") => at().tenant.users.get(id)?.attributes;

    for (const onExisting of ["adopt", "overwrite"] as const) {
      describe(onExisting, () => {
        it("sends no job where they are as the file says, and says so", async () => {
          there(THERE, { ...THERE, user_id: "bob", email: "bob@example.com" });
          const result = await run([ANN, { ...ANN, user_id: "bob", email: "bob@example.com" }], onExisting);
          assert.deepEqual([countsIn(result), kinds()], [{ adopted: 2 }, []]);
          assert.match(at().notes.join(), /^2 users were there before the import: 2 just as the file says\. /);
          assert.match(at().notes.join(), /no import job was needed/);
          assert.equal(at().censuses, reads === "census" ? 1 : 0);
        });

        it("inserts who is not there", async () => {
          there(THERE);
          const result = await run([ANN, { email: "new@example.com", user_id: "new" }], onExisting);
          assert.deepEqual([countsIn(result), kinds()], [{ adopted: 1, inserted: 1 }, ["1 insert"]]);
        });

        it("takes the tenant's id, where the record's email is there under another", async () => {
          there({ ...THERE, user_id: "theirs" });
          const result = await run([ANN], onExisting);
          assert.deepEqual([countsIn(result), kinds()], [{ adopted: 1 }, []]);
          assert.equal(known(result, ANN)?.hasOtherId, true);
        });

        for (const [what, rules, account] of [
          ["sign-up is open", {}, {}],
          ["it has signed in", { isSignupOpen: false }, { attributes: { ...THERE.attributes, logins_count: 1 } }],
        ] as const) {
          it(`refuses an account that never verified the email, where ${what}`, async () => {
            there({ ...THERE, user_id: "theirs", email_verified: false, ...account });
            const result = await run([{ ...ANN, given_name: "Anna" }], onExisting, { rules });
            assert.deepEqual([codes(result), kinds(), countsIn(result)], [["UNVERIFIED_ACCOUNT"], [], { failed: 1 }]);
          });
        }

        it("takes an account that never verified the email, where nobody but an import can have made it", async () => {
          there({ ...THERE, user_id: "theirs", email_verified: false });
          const user = { ...ANN, email_verified: false };
          const result = await run([user], onExisting, { rules: { isSignupOpen: false } });
          assert.deepEqual([countsIn(result), kinds()], [{ adopted: 1 }, []]);
        });

        it("takes one with the record's own id, though it never verified the email", async () => {
          there({ ...THERE, email_verified: false });
          assert.deepEqual(countsIn(await run([{ ...ANN, email_verified: false }], onExisting)), { adopted: 1 });
        });

        it("writes to nobody who has the id and another email", async () => {
          there({ ...THERE, email: "other@example.com" });
          const result = await run([ANN], onExisting);
          assert.deepEqual([codes(result), kinds()], [["ID_TAKEN"], []]);
        });

        it("writes to neither, where the id is one's and the email another's", async () => {
          there({ ...THERE, email: "other@example.com" }, { ...THERE, user_id: "bob" });
          const result = await run([ANN], onExisting);
          assert.deepEqual([codes(result), kinds()], [["AMBIGUOUS"], []]);
        });

        it("writes to none of several who have the email", async () => {
          there({ ...THERE, user_id: "one" }, { ...THERE, user_id: "two" });
          const result = await run([ANN], onExisting, { rules: { hasUniqueEmails: false } });
          assert.deepEqual([codes(result), kinds()], [["AMBIGUOUS"], []]);
        });

        it("knows a leftover: the service says that the user is there, and nobody is", async () => {
          there();
          at().tenant.fate = () => ({ refuses: () => "DUPLICATED_USER" });
          const result = await run([ANN], onExisting);
          assert.deepEqual([codes(result), kinds()], [["LEFTOVER"], ["1 insert"]]);
        });

        it("calls nobody a leftover who may have another's username", async () => {
          there();
          at().tenant.fate = () => ({ refuses: () => "DUPLICATED_USER" });
          assert.deepEqual(codes(await run([{ ...ANN, username: "ann" }], onExisting)), ["DUPLICATED_USER"]);
        });

        it("takes over who came since the users were read", async () => {
          there();
          const { submit } = at().tenant;
          at().tenant.submit = (...args) => {
            const [, there] = plainTenant([THERE]).users.entries().next().value ?? [];
            if (there !== undefined) at().tenant.users.set("ann", there);
            return submit(...args);
          };
          const result = await run([ANN], onExisting);
          assert.deepEqual([countsIn(result), kinds()], [{ adopted: 1 }, ["1 insert"]]);
        });

        it("leaves alone who is an identity of another account", async () => {
          there({
            ...THERE,
            user_id: "primary",
            email: "primary@example.com",
            identities: [{ connection: "others" }, { connection: CONNECTION_NAME, user_id: "ann" }],
          });
          at().tenant.fate = ({ kind }) => (kind === "insert" ? { refuses: () => "DUPLICATED_USER" } : undefined);
          const result = await run([{ ...ANN, given_name: "Anna" }], onExisting);
          assert.deepEqual(countsIn(result), { adopted: 1 });
          assert.deepEqual(attributes("primary"), THERE.attributes);
          assert.match(at().notes.join(), /1 user was found as identities of other accounts, and left alone/);
        });

        it("tells who is blocked there, and not in the file", async () => {
          there({ ...THERE, attributes: { ...THERE.attributes, blocked: true } });
          assert.deepEqual(countsIn(await run([ANN], onExisting)), { adopted: 1 });
          assert.match(at().notes.join(), /1 user keeps a block of Auth0's that the file does not have/);
        });

        it("lists who should be blocked and is not, for as long as that is so", async () => {
          there(THERE);
          const blocked = { ...ANN, blocked: true };
          const first = await run([blocked], onExisting);
          assert.deepEqual([countsIn(first), kinds()], [{ adopted: 1 }, []]);
          assert.deepEqual(first.notApplied[0]?.attributes, ["blocked"]);
          assert.match(at().notes.join(), /1 user should be blocked, as the file says, and can sign in/);
          const second = await run([blocked], onExisting, { before: first });
          assert.deepEqual(second.notApplied[0]?.attributes, ["blocked"]);
        });

        it("tells how many keep the password that they have", async () => {
          there(THERE);
          await run(
            [{ ...ANN, password_hash: "$2a$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu" }],
            onExisting,
          );
          assert.match(at().notes.join(), /1 user keeps the password that they have in Auth0/);
        });
      });
    }

    it("adopt: writes nothing, and knows what the tenant has", async () => {
      there({ ...THERE, attributes: { given_name: "Anna", user_metadata: { plan: "a", lang: "de", cart: 1 } } });
      const result = await run([ANN], "adopt");
      assert.deepEqual([countsIn(result), kinds()], [{ adopted: 1 }, []]);
      assert.match(
        at().notes.join(),
        /1 with something else \(user_metadata 1, profile 1\)\. Nothing was written over/,
      );
      const entry = known(result, ANN);
      assert.deepEqual(Object.keys(entry?.had?.prints ?? {}), ["user_metadata", "profile"]);
      assert.equal(entry?.origin, "adopted");
      // A column that is added to the file is all that changes.
      const second = await run([{ ...ANN, app_metadata: { score: 1 } }], "adopt", { before: result });
      assert.deepEqual([countsIn(second), kinds()], [{ updated: 1 }, ["1 upsert"]]);
      assert.deepEqual(attributes()?.user_metadata, { plan: "a", lang: "de", cart: 1 });
      assert.equal(attributes()?.given_name, "Anna");
    });

    it("adopt: takes an id that only we can have made up for a user whom we brought", async () => {
      const user_id = generatedUserId(KEY, "con_0000000000000001", "email:ann@example.com");
      there({ ...THERE, user_id, email_verified: false });
      const result = await run([{ ...ANN_WITHOUT_ID, email_verified: false }], "adopt");
      assert.deepEqual([countsIn(result), known(result, ANN_WITHOUT_ID)?.origin], [{ inserted: 1 }, "inserted"]);
    });

    it("overwrite: sends the groups that differ, and of nobody else", async () => {
      there(
        { ...THERE, attributes: { given_name: "Anna", user_metadata: { plan: "a", lang: "de" } } },
        { ...THERE, user_id: "bob", email: "bob@example.com" },
      );
      const bob = { ...ANN, user_id: "bob", email: "bob@example.com" };
      const result = await run([ANN, bob], "overwrite");
      assert.deepEqual([countsIn(result), kinds()], [{ updated: 1, adopted: 1 }, ["1 upsert"]]);
      assert.deepEqual(at().tenant.jobs[0]?.users, [
        { email: "ann@example.com", given_name: "Ann", email_verified: true },
      ]);
      assert.equal(known(result, ANN)?.had, undefined);
      assert.equal(known(result, ANN)?.origin, "adopted");
      const second = await run([ANN, bob], "overwrite", { before: result });
      assert.deepEqual([countsIn(second), kinds().length], [{ unchanged: 2 }, 1]);
    });

    it("overwrite: lists what no import job can set", async () => {
      there({ ...THERE, attributes: { ...THERE.attributes, username: "anna", given_name: "Anna" } });
      const result = await run([{ ...ANN, username: "ann", password_hash: "$2a$10$x" }], "overwrite");
      assert.deepEqual(countsIn(result), { invalid: 1 });
      const custom_password_hash = {
        algorithm: "md5",
        hash: { value: "5f4dcc3b5aa765d61d8327deb882cf99", encoding: "hex" },
      };
      const second = await run([{ ...ANN, username: "ann", custom_password_hash }], "overwrite");
      assert.deepEqual(countsIn(second), { updated: 1 });
      assert.deepEqual(
        second.notApplied.map((each) => each.attributes),
        [["username"], ["custom_password_hash"]],
      );
    });

    it("overwrite: verifies an address that the file says is verified, and takes none back", async () => {
      there({ ...THERE, email_verified: false }, { ...THERE, user_id: "bob", email: "bob@example.com" });
      const bob = { ...ANN, user_id: "bob", email: "bob@example.com", email_verified: false, given_name: "Bob" };
      const result = await run([ANN, bob], "overwrite");
      assert.deepEqual(countsIn(result), { updated: 2 });
      assert.equal(at().tenant.users.get("ann")?.email_verified, true);
      assert.equal(at().tenant.users.get("bob")?.email_verified, true);
    });

    it("overwrite: refuses where emails are not unique", async () => {
      there(THERE);
      const result = await run([{ ...ANN, given_name: "Anna" }], "overwrite", { rules: { hasUniqueEmails: false } });
      assert.match(result.failedRecords[0]?.message ?? "", /can't tell whom to write over/);
    });
  });
}

describe("reading users back", () => {
  const at = ImportTest.forEach();
  const preflight = async () => RULES;
  const settings = { onExisting: "overwrite" } as const;
  const ANNA = { ...ANN, given_name: "Anna" };

  it("writes nothing on a census that is too old: another one is taken", async () => {
    at().tenant = plainTenant([THERE]);
    let taken = 0;
    const census = new SharedCensus(async () => {
      // The first is as old as none may be when its jobs are sent.
      const one = at().census();
      Object.assign(one.started, new Date());
      if (taken++ === 0) one.started.setTime(Date.now() - FRESH_MS - 1);
      return one;
    });
    const reads = { budget: { left: 0, spend: () => false }, census, follow: () => () => {} };
    const { result } = await at().run([ANNA], { settings, preflight, reads });
    assert.deepEqual([countsIn(result), taken], [{ updated: 1 }, 2]);
  });

  it("reads singly who has waited for a slot for too long", async () => {
    at().tenant = plainTenant([THERE, { ...THERE, user_id: "bob", email: "bob@example.com" }]);
    const { slot } = at().tenant;
    const { now } = Date;
    let waited = 0;
    at().tenant.slot = async (job) => {
      Date.now = ++waited === 1 ? () => now() + FRESH_MS + 1 : now;
      return slot(job);
    };
    try {
      const { result } = await at().run([ANNA], { settings, preflight, reads: "singly" });
      assert.deepEqual([countsIn(result), at().tenant.jobs.length, waited], [{ updated: 1 }, 1, 2]);
    } finally {
      Date.now = now;
    }
  });

  it("goes on one by one where the users can't be read back at once, and says so", async () => {
    at().tenant = plainTenant([THERE]);
    const census = new SharedCensus(async () => {
      throw new ExportError("The export job job_1 failed. Nothing is concluded from it. Run again.");
    });
    const reads = { budget: { left: 0, spend: () => false }, census, follow: () => () => {} };
    const { result } = await at().run([ANN], { settings, preflight, reads });
    assert.deepEqual([countsIn(result), at().tenant.jobs.length], [{ adopted: 1 }, 0]);
    assert.match(at().warnings.join(), /^The export job job_1 failed\. .* So users are read one by one/);
  });

  it("adopts unseen without the scope, as 0.1 did, and says so before anything is sent", async () => {
    at().tenant = plainTenant([THERE]);
    const forbidden = async () => {
      throw new TenantError("forbidden", 403);
    };
    Object.assign(at().tenant, { wholeUser: forbidden, wholeUsersByEmail: forbidden, user: forbidden });
    const { result } = await at().run([ANN_WITHOUT_ID], {
      settings: { onExisting: "adopt" },
      preflight,
      reads: "singly",
    });
    assert.deepEqual([countsIn(result), at().tenant.jobs.length], [{ adopted: 1 }, 1]);
    assert.match(at().warnings[0] ?? "", /^Without the scope read:users /);
  });

  it("settles a pile of duplicates after a lost journal by one census", async () => {
    const users = Array.from({ length: 300 }, (_, i) => ({ email: `user${i}@example.com` }));
    const first = await at().run(users, { preflight });
    assert.deepEqual(countsIn(first.result), { inserted: 300 });
    const { tenant } = at();
    at().startAnew();
    at().tenant = tenant;
    let asked = 0;
    tenant.user = async () => {
      asked++;
      return undefined;
    };
    const { result } = await at().run(users, { preflight, reads: "census" });
    assert.deepEqual([countsIn(result), at().censuses, asked], [{ inserted: 300 }, 1, 0]);
  });
});
