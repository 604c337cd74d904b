import assert from "node:assert/strict";
import fc from "fast-check";
import type { Fault } from "../../emulator/faultPlan";
import { BatchTest } from "../support/batch";
import { type ImportOutputs, ImportProgram, Killed } from "../support/importProgram";
import { PartialFailure } from "../support/providerProcess";
import { canonical, DeltaModel, type Expectation, type Reception, type User } from "./deltaModel";

const PEOPLE = 5;

/** What an attribute may say, by the number of the person and of the version. */
const VALUES: Record<string, (person: number, version: number) => unknown> = {
  email: (person, version) => `person${person}v${version}@example.com`,
  email_verified: (_, version) => version === 2,
  user_metadata: (_, version) => ({ theme: `t${version}`, ratio: 1.5, tags: [{ a: version, b: null }] }),
  app_metadata: (_, version) => ({ roles: [`r${version}`], plan: { level: version } }),
  given_name: (_, version) => `Given ${version}`,
  nickname: (_, version) => `Nick ${version}`,
  custom_password_hash: (_, version) => ({
    algorithm: "md5",
    hash: { value: String(version).repeat(32), encoding: "hex" },
  }),
  mfa_factors: (_, version) => [{ phone: { value: `+4915112345${version}` } }],
  password_hash: (_, version) => `$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUX${version}`,
  username: (person, version) => `u${person}v${version}`,
  phone_number: (person, version) => `+4930${person}${version}`,
  phone_verified: (_, version) => version === 2,
  blocked: (_, version) => version === 2,
};
const ATTRIBUTES = Object.keys(VALUES);

const person = fc.nat(PEOPLE - 1);
/** 0: the record does not have it. */
const version = fc.nat(2);
const attribute = fc.constantFrom(...ATTRIBUTES);

const edit = fc.oneof(
  { weight: 6, arbitrary: fc.record({ person, attribute, version }) },
  { weight: 1, arbitrary: fc.record({ person, present: fc.boolean() }) },
);

const run = fc.record({
  edits: fc.array(edit, { maxLength: 8 }),
  spelling: fc.constantFrom("array", "lines", "reversed"),
  sendFailedAgain: fc.boolean(),
  /** Before which write of the state it is killed. */
  killedAt: fc.option(fc.nat({ max: 8 }), { freq: 3 }),
  trouble: fc.option(
    fc.oneof(
      fc.record({
        kind: fc.constantFrom("refuses" as const, "takesWithoutFactors" as const),
        people: fc.array(person, { minLength: 1, maxLength: 2 }),
        /** Whether the run is interrupted besides. */
        interruptedAt: fc.option(fc.integer({ min: 1, max: 2 }), { freq: 2 }),
      }),
      fc.record({
        kind: fc.constantFrom("fail" as const, "expire" as const, "vanish" as const, "unlistedErrors" as const),
        nth: fc.integer({ min: 1, max: 3 }),
        afterPercent: fc.constantFrom(0, 50, 100),
      }),
      fc.record({ kind: fc.constant("interrupted" as const), nth: fc.integer({ min: 1, max: 2 }) }),
    ),
    { freq: 2 },
  ),
});

const world = fc.record({
  batches: fc.constantFrom(1, 3),
  /** Who is in the tenant before the first run. */
  existing: fc.uniqueArray(person, { maxLength: 2 }),
  /** Who has an id of their own in the file; the others are known by their email. */
  withId: fc.uniqueArray(person),
  runs: fc.array(run, { minLength: 2, maxLength: 5 }),
});
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;
type Run = World["runs"][number];
type Trouble = NonNullable<Run["trouble"]>;

/** The file over time: of each person which version of which attribute, and whether there is a record at all. */
class File {
  readonly #versions = Array.from({ length: PEOPLE }, () => new Map<string, number>([["given_name", 1]]));
  readonly #present = Array.from({ length: PEOPLE }, () => true);

  constructor(
    private readonly withId: readonly number[],
    /** Ids of different imports must differ. */
    private readonly world: string,
  ) {}

  edit(change: Run["edits"][number]): void {
    if ("present" in change) this.#present[change.person] = change.present;
    else this.#versions[change.person]?.set(change.attribute, change.version);
  }

  /** @param isKnown who comes in is found by the first email; later it may change, or go. */
  records(isKnown: (person: number) => boolean): Map<number, User> {
    const records = new Map<number, User>();
    for (const [person, versions] of this.#versions.entries()) {
      if (this.#present[person]) records.set(person, this.#record(person, versions, isKnown(person)));
    }
    return records;
  }

  #record(person: number, versions: ReadonlyMap<string, number>, isKnown: boolean): User {
    const hasId = this.withId.includes(person);
    const user: User = hasId ? { user_id: `${this.world}-id${person}` } : {};
    for (const attribute of ATTRIBUTES) {
      const version = versions.get(attribute) ?? 0;
      if (version > 0) user[attribute] = VALUES[attribute]?.(person, version);
    }
    // To who is known by it, another email is another person; and a record of an id alone the service does not take.
    if (!hasId) user.email = VALUES.email?.(person, 1);
    else if (!isKnown || (user.email === undefined && user.username === undefined))
      user.email = VALUES.email?.(person, 1);
    if (user.custom_password_hash !== undefined) delete user.password_hash;
    return user;
  }
}

/** The same records in another spelling, which is no change. */
function spell(records: readonly User[], spelling: Run["spelling"]): string {
  if (spelling === "array") return JSON.stringify(records);
  if (spelling === "lines") return records.map((record) => `${JSON.stringify(record)}\n`).join("");
  const reversed = records.map((record) => Object.fromEntries(Object.entries(record).reverse()));
  return JSON.stringify(reversed, null, 2)
    .replaceAll(/"email": "person/g, '"email": "PERSON')
    .replaceAll("1.5", "15.0e-1");
}

function faultsOf(trouble: Trouble | null, model: DeltaModel): Fault[] {
  if (trouble === null) return [];
  switch (trouble.kind) {
    case "refuses":
    case "takesWithoutFactors":
      return [
        ...trouble.people.map(
          (person): Fault => ({
            on: "job",
            kind: "error",
            email: `^person${person}v`,
            ...(receptionOf(trouble, model, person) === "refuses"
              ? { code: "FORMAT" }
              : { code: "MFA_FACTORS_FAILED", applied: true }),
          }),
        ),
        ...(trouble.interruptedAt === null ? [] : [interruption(trouble.interruptedAt)]),
      ];
    case "interrupted":
      return [interruption(trouble.nth)];
    case "unlistedErrors":
      return [{ on: "job", nth: trouble.nth, kind: "unlistedErrors" }];
    default:
      return [{ on: "job", nth: trouble.nth, kind: trouble.kind, afterPercent: trouble.afterPercent }];
  }
}

function interruption(nth: number): Fault {
  return { on: "submit", nth: { from: nth }, kind: "status", code: 400 };
}

function receptionOf(trouble: Trouble | null, model: DeltaModel, person: number): Reception {
  if (trouble === null || !("people" in trouble) || !trouble.people.includes(person)) return "takes";
  return model.knows(person) ? trouble.kind : "refuses";
}

describe("any file, edited any number of times", function () {
  this.timeout(180_000);
  const at = new BatchTest();
  let worlds = 0;

  before(async () => {
    await at.start();
    // The provider learns how fast the tenant is, and looks at the small jobs to come in time.
    at.writeUsers(Array.from({ length: 150 }, (_, i) => ({ email: `teacher${i}@example.com`, email_verified: true })));
    const old = await at.create({ resultsDir: "taught" });
    at.writeUsers(
      Array.from({ length: 150 }, (_, i) => ({ email: `teacher${i}@example.com`, name: "T" })),
      "b.json",
    );
    await at.update(old, { resultsDir: "taught", users: ["b.json"] });
  });
  after(() => at.stop());

  // Who is taken over is in test/import/adopt.test.ts, and what an application writes in conflicts.property.test.ts.
  it("leaves each user as the file says", async () => {
    // Shrinking takes longer than all the runs: it ends in time for what it has found to be shown, with its seed.
    await fc.assert(fc.asyncProperty(world, live), { numRuns: 50, interruptAfterTimeLimit: 45_000 });
  });

  async function live({ batches, existing, withId, runs }: World): Promise<void> {
    const { tenant } = at.emulator;
    tenant.reset();
    const model = new DeltaModel();
    const resultsDir = `world${++worlds}`;
    const file = new File(withId, resultsDir);
    for (const person of existing) {
      const email = `person${person}v1@example.com`;
      const attributes = { email_verified: true, given_name: "Was there", user_metadata: { old: 1 } };
      model.write(person, { email, ...attributes });
      at.addToTenant(email, attributes);
    }
    const settings = { resultsDir };
    const triggers: number[] = [];
    const program = new ImportProgram(at, batches);
    let hasBegun = false;
    /** Whose failed records the triggers ask for, since an interrupted run has not come to them. */
    const askedFor = new Set<number>();
    /** The file that the tenant reflects. */
    let last: string | undefined;

    for (const [number, { edits, spelling, sendFailedAgain, trouble, killedAt }] of runs.entries()) {
      for (const change of edits) file.edit(change);
      const records = file.records((person) => model.knows(person));
      if (records.size === 0) continue;
      if (sendFailedAgain) triggers.push(number);
      // A first run has nothing to compare them with.
      if (hasBegun && sendFailedAgain) for (let person = 0; person < PEOPLE; person++) askedFor.add(person);
      tenant.faults.replace(faultsOf(trouble, model));
      const name = `${resultsDir}-${number}.json`;
      at.write(name, spell([...records.values()], spelling));
      const before = sentTo();
      const args = { ...settings, users: [name], triggers: [...triggers] };
      const complete = await up(program, args, killedAt ?? undefined);
      hasBegun = true;
      const sends = sentTo().map((all, person) => all - (before[person] as number));

      const expected = model.run(records, {
        resendsFailed: (person) => askedFor.has(person),
        reception: (person) => receptionOf(trouble, model, person),
        sends: (person) => sends[person] as number,
      });
      assertTenant(model);
      const sent = sends.flatMap((times, person) => (times > 0 ? [person] : []));
      for (const person of sent) askedFor.delete(person);
      last = complete ? name : undefined;
      if (complete) {
        askedFor.clear();
        assert.deepEqual(sent, [...expected.sent.keys()].sort());
        // A job that fails as a whole is sent again.
        const mayRepeat = trouble !== null && "nth" in trouble;
        if (!mayRepeat) for (const [person, times] of expected.sent) assert.equal(sends[person], times);
        assertTold(program.told, records, expected);
      } else {
        const mayFail = trouble !== null && (trouble.kind === "interrupted" || "people" in trouble);
        assert.ok(killedAt !== null || mayFail);
        assert.ok(sent.every((person) => expected.sent.has(person)));
      }
    }

    tenant.faults.clear();
    if (last === undefined) return;
    const { requests } = tenant.stats();
    const before = program.writes;
    assert.deepEqual(await program.up({ ...settings, users: [last], triggers }), []);
    assert.equal(program.writes, before);
    assert.deepEqual(tenant.stats().requests, requests);
  }

  /** Whether the run came to its end. */
  async function up(program: ImportProgram, args: object, writes: number | undefined): Promise<boolean> {
    try {
      await program.up({ ...args }, writes === undefined ? {} : { writes });
      return true;
    } catch (error) {
      // Killed, interrupted, or nothing was sent.
      const isExpected =
        error instanceof Killed ||
        error instanceof PartialFailure ||
        (error instanceof Error && /refused submitting an import job/.test(error.message));
      if (!isExpected) throw error;
      return false;
    }
  }

  /** How often each person was sent so far. */
  function sentTo(): number[] {
    const tallies = at.emulator.tenant.tallies();
    const sent = (person: number, version: number) => tallies[`person${person}v${version}@example.com`]?.sent ?? 0;
    return Array.from({ length: PEOPLE }, (_, person) => sent(person, 1) + sent(person, 2));
  }

  function assertTenant(model: DeltaModel): void {
    const actual = at.users().map(({ user_id: _, ...user }) => canonical(user));
    assert.deepEqual(actual.sort(), [...model.tenant.values()].map(canonical).sort());
  }

  function assertTold(
    { summary, notApplied, failedRecords }: ImportOutputs,
    records: ReadonlyMap<number, User>,
    expected: Expectation,
  ): void {
    const { total, removed, memberships: _, ...parts } = summary;
    assert.equal(total, records.size);
    assert.equal(
      Object.values(parts).reduce((sum, users) => sum + users, 0),
      total,
    );
    assert.equal(removed, expected.removed);
    const personOf = (identity: string | undefined) => Number(/(?:-id|person)(\d)/.exec(identity ?? "")?.[1]);
    assert.deepEqual(failedRecords.map(({ identity }) => personOf(identity)).sort(), [...expected.failed].sort());
    const told: Record<number, string[]> = {};
    for (const { identity, attributes } of notApplied) {
      told[personOf(identity)] = [...(told[personOf(identity)] ?? []), ...attributes].sort();
    }
    const wanted = Object.fromEntries(
      [...expected.notApplied].map(([person, attributes]) => [person, attributes.sort()]),
    );
    assert.deepEqual(told, wanted);
  }
});
