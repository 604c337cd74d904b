import assert from "node:assert/strict";
import type { ImportSettings } from "../../provider/import/types";
import type { User } from "../../provider/schema/identity";
import { TenantError } from "../../provider/tenant/errors";
import { countsIn, ImportTest, type Saved } from "./importTest";
import { plainTenant } from "./plainTenant";

/** Too large for two of them in one job. */
const LARGE = "x".repeat(300_000);
const LONG_AGO = "2020-01-01T00:00:00.000Z";

const named = (name: string, metadata: object = {}): User => ({
  ...{ email: `${name}@example.com`, email_verified: true },
  user_metadata: { filler: LARGE, ...metadata },
});
const four = ["ann", "bob", "cid", "dan"].map((name) => named(name));
const ofVersion = (name: string, version: number, attributes: object = {}): User => ({
  ...{ email: `${name}@example.com`, email_verified: true, user_metadata: { version } },
  ...attributes,
});

describe("over runs that end early, an import", () => {
  const at = ImportTest.forEach();
  beforeEach(() => {
    oneSlot();
  });

  /** One job after the other, so that it is known which of them is refused. */
  const oneSlot = () => {
    const { slot } = at().tenant;
    let last: Promise<unknown> = Promise.resolve();
    at().tenant.slot = (job) => {
      const mine = last.then(() => slot(job));
      last = mine.catch(() => {});
      return mine;
    };
  };
  /** The run ends at this submission. */
  const endsAt = (nth: number, refuses: (user: User) => string | undefined = () => undefined) => {
    const { jobs } = at().tenant;
    const before = jobs.length;
    at().tenant.fate = ({ number }) => (number === before + nth ? { status: 400 } : { refuses });
  };
  const isWell = () => {
    at().tenant.fate = () => undefined;
  };
  /** Somebody with an id of the source, who is there since long before. */
  const putThere = (name: string) => {
    at().tenant = plainTenant([
      {
        ...{ user_id: name, email: `${name}@example.com`, created_at: LONG_AGO },
        attributes: { user_metadata: { of: "theirs" } },
      },
    ]);
    oneSlot();
  };
  const idOf = (name: string) =>
    [...at().tenant.users].find(([, { email }]) => email === `${name}@example.com`)?.[0] as string;
  const metadataOf = (name: string) => at().tenant.users.get(idOf(name))?.attributes.user_metadata;
  const writeInTenant = (name: string, user_metadata: object) => {
    const { users } = at().tenant;
    const user = users.get(idOf(name)) as NonNullable<ReturnType<typeof users.get>>;
    users.set(idOf(name), { ...user, attributes: { ...user.attributes, user_metadata } });
  };
  const early = async (users: readonly User[], before?: Saved): Promise<Saved> => {
    const { result, problem, achieved } = await at().run(users, { before });
    assert.ok(problem !== undefined && achieved && !result.complete);
    return result;
  };

  describe("sends again what failed, where the terms changed,", () => {
    const settings: Partial<ImportSettings> = { resendFailed: true };
    const refuseAnn = ({ email }: User) => (email === "ann@example.com" ? "CONFLICT" : undefined);

    it("and the run before has left its journal", async () => {
      endsAt(4, refuseAnn);
      const first = await early(four);
      assert.deepEqual(countsIn(first), { inserted: 2, failed: 1 });
      isWell();
      const { result } = await at().run(four, { before: first, terms: "others", settings });
      assert.deepEqual([result.complete, countsIn(result)], [true, { inserted: 4 }]);
    });

    it("and the run before was killed; without a change it is listed", async () => {
      for (const [terms, expected] of [
        ["terms", { inserted: 3, failed: 1 }],
        ["others", { inserted: 4 }],
      ] as const) {
        at().startAnew();
        oneSlot();
        at().tenant.fate = () => ({ refuses: refuseAnn });
        await at().run(four, { dieAfterLine: 5 });
        isWell();
        const { result } = await at().run(four, { terms });
        assert.deepEqual(countsIn(result), expected);
      }
    });
  });

  it("leaves alone who was sent once more since a job with them failed as a whole", async () => {
    at().tenant.fate = ({ number }) => (number === 1 ? { ends: "failed" } : number === 5 ? { status: 400 } : undefined);
    const first = await early(four);
    // What changed goes first: Bob, then Ann, then nobody else.
    const edited = [named("ann", { edited: true }), named("bob", { edited: true }), ...four.slice(2), named("eve")];
    endsAt(3);
    const second = await early(edited, first);
    assert.deepEqual(metadataOf("ann"), { filler: LARGE, edited: true });
    const written = { filler: LARGE, edited: true, theme: "dark" };
    writeInTenant("ann", written);
    isWell();
    const { result } = await at().run(edited, { before: second });
    assert.equal(result.complete, true);
    assert.deepEqual(metadataOf("ann"), written);
  });

  for (const [onExisting, count] of [
    ["fail", "failed"],
    ["adopt", "adopted"],
    ["overwrite", "updated"],
  ] as const) {
    it(`${onExisting}: does not take for its own who was there before with the source's id, whatever was lost`, async () => {
      const users = [ofVersion("ann", 1, { user_id: "ann" })];
      const settings = { onExisting };
      const assertTheirs = ({ summary }: Saved, how: string) => {
        assert.equal(summary[count], 1, how);
        assert.deepEqual(metadataOf("ann"), onExisting === "overwrite" ? { version: 1 } : { of: "theirs" }, how);
      };
      putThere("ann");
      at().tenant.fate = ({ number }) => (number === 1 ? { lost: "not taken" } : undefined);
      assertTheirs((await at().run(users, { settings })).result, "a reset");
      for (const line of [1, ...(onExisting === "overwrite" ? [4] : [])]) {
        at().startAnew();
        putThere("ann");
        await at().run(users, { settings, dieAfterLine: line });
        assertTheirs((await at().run(users, { settings })).result, `killed after line ${line}`);
      }
    });
  }

  it("brings up to the file who may have come with one of two earlier records", async () => {
    await at().run([ofVersion("ann", 1)], { dieAfterLine: 2 });
    assert.equal(at().tenant.users.size, 1);
    // The job is gone, and the answer to the next one is lost.
    const { job } = at().tenant;
    at().tenant.job = async (id, onRetry) => (id === "job_1" ? undefined : job(id, onRetry));
    at().tenant.fate = ({ number }) => (number === 2 ? { lost: "taken" } : undefined);
    const { result } = await at().run([ofVersion("ann", 2)]);
    assert.deepEqual([countsIn(result), metadataOf("ann")], [{ updated: 1 }, { version: 2 }]);
  });

  it("remembers who may have come, though the record is wrong or gone when the import ends", async () => {
    for (const between of [[ofVersion("ann", 1, { blocked: "no" })], []]) {
      at().startAnew();
      await at().run([ofVersion("ann", 1)], { dieAfterLine: 2 });
      const { job } = at().tenant;
      at().tenant.job = async (id, onRetry) => (id === "job_1" ? undefined : job(id, onRetry));
      const { result: first } = await at().run([...between, ofVersion("bob", 1)]);
      assert.equal(first.complete, true);
      await at().run([ofVersion("ann", 2), ofVersion("bob", 1)], { before: first });
      assert.deepEqual(metadataOf("ann"), { version: 2 });
    }
  });

  it("leaves alone what the application wrote, where an older copy of the journal is put back", async () => {
    const filler = (of: string) => ({ app_metadata: { of } });
    const { job } = at().tenant;
    at().tenant.job = async () => {
      throw new TenantError("refused", 403);
    };
    const first = await early([ofVersion("ann", 1, filler("")), ofVersion("bob", 1, filler(""))]);
    const copy = at().journal;
    const edited = [ofVersion("ann", 2, filler(LARGE)), ofVersion("bob", 2, filler(LARGE))];
    at().tenant.job = job;
    endsAt(2);
    const second = await early(edited, first);
    assert.deepEqual(metadataOf("ann"), { version: 2 });
    writeInTenant("ann", { theme: "dark" });
    at().journal = copy;
    isWell();
    const { result } = await at().run(edited, { before: second });
    assert.equal(result.complete, true);
    assert.deepEqual([metadataOf("ann"), metadataOf("bob")], [{ theme: "dark" }, { version: 2 }]);
  });

  it("goes on with jobs whose end it could not see, and sends nobody twice", async () => {
    const users = four.map((user, i) => ({ ...user, user_id: `source-${i}` }));
    const { job } = at().tenant;
    at().tenant.job = async () => {
      throw new TenantError("unavailable", 503);
    };
    const first = await early(users);
    at().tenant.job = job;
    const { result } = await at().run(users, { before: first });
    assert.deepEqual([countsIn(result), at().tenant.jobs.length], [{ inserted: 4 }, 4]);
  });

  it("ends where every job fails, and goes on when the tenant is well again", async () => {
    const users = Array.from({ length: 20 }, (_, i) => ofVersion(`user${i}`, 1));
    at().tenant.fate = () => ({ ends: "failed" });
    const first = await early(users);
    isWell();
    const { result } = await at().run(users, { before: first });
    assert.deepEqual([countsIn(result), at().tenant.users.size], [{ inserted: 20 }, 20]);
  });

  it("overwrite: sends no more than what changed, once all but the factors was applied", async () => {
    putThere("ann");
    const settings = { onExisting: "overwrite" } as const;
    const withFactors = (nickname: string) => [
      ofVersion("ann", 1, { nickname, mfa_factors: [{ totp: { secret: "2PRXZWZAYYDAWCD" } }] }),
    ];
    at().tenant.fate = ({ number }) =>
      number === 2 ? { refuses: () => "MFA_FACTORS_FAILED", applied: true } : undefined;
    const { result: first } = await at().run(withFactors("a"), { settings });
    assert.equal(first.failedRecords[0]?.code, "MFA_FACTORS_FAILED");
    writeInTenant("ann", { version: 1, theme: "dark" });
    isWell();
    const { result } = await at().run(withFactors("b"), { settings, before: first });
    assert.deepEqual([countsIn(result), metadataOf("ann")], [{ updated: 1 }, { version: 1, theme: "dark" }]);
  });

  it("overwrite: sends a record that failed no more than once, where only others change", async () => {
    putThere("ann");
    const settings = { onExisting: "overwrite" } as const;
    const ann = ofVersion("ann", 1, { blocked: true });
    at().tenant.fate = ({ number }) =>
      number === 2 ? { refuses: ({ email }) => (email === "ann@example.com" ? "FORMAT" : undefined) } : undefined;
    const { result: first } = await at().run([ann, ofVersion("bob", 1)], { settings });
    isWell();
    const { result } = await at().run([ann, ofVersion("bob", 2)], { settings, before: first });
    assert.deepEqual(countsIn(result), { updated: 1, failed: 1 });
    assert.deepEqual(metadataOf("ann"), { of: "theirs" });
  });
});
