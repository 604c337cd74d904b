import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { MembershipCallCount } from "../../provider/import/memberships/callCount";
import { membershipLine, signInHints, unknownNameLines, unsentLines } from "../../provider/import/memberships/lines";
import {
  type MembershipPlan,
  MembershipPreview,
  mergeMembershipPlans,
} from "../../provider/import/memberships/preview";
import { planBatch } from "../../provider/import/preview";
import { Ledger } from "../../provider/ledger/ledger";
import type { MembershipMaps } from "../../provider/plan/memberships";
import { type ReadSource, SourceReader } from "../../provider/plan/readSource";
import { Statements } from "../../provider/plan/statements";
import type { User } from "../../provider/schema/identity";
import { KEY, type Saved } from "./importTest";
import { MAPS, MembershipTest, user } from "./membershipTest";

const SHARE = { index: 0, count: 1 };

describe("the preview of roles and organizations", () => {
  let test: MembershipTest;
  let written = 0;
  /** Records that a preview has read after the source was read through. */
  let readAgain: number[] = [];
  beforeEach(() => {
    test = new MembershipTest();
    readAgain = [];
  });
  afterEach(() => test.end());

  /** @param isFirst whether nothing was imported yet: then each record is checked */
  async function read(users: readonly User[], key: string | undefined, isFirst: boolean): Promise<ReadSource> {
    const file = path.join(test.folder, `users${++written}.ndjson`);
    writeFileSync(file, users.map((each) => `${JSON.stringify(each)}\n`).join(""));
    const reading = { patterns: [file], transform: undefined, unsupportedPasswordHash: "fail", batches: 1 } as const;
    const of = await SourceReader.read({ ...reading, key, validate: isFirst });
    const { source } = of;
    await source.close();
    const records: ReadSource["source"]["records"] = async function* (select) {
      const again = await SourceReader.read({ ...reading, key: undefined, validate: false });
      try {
        for await (const record of again.source.records(select)) {
          readAgain.push(record.index);
          yield record;
        }
      } finally {
        await again.source.close();
      }
    };
    const place = (index: number) => ({ ...source.place(index), file: "users.ndjson" });
    const watched: ReadSource = { ...of, source: { ...source, records, place } };
    if (key === undefined) return watched;
    const { identity, record } = await of.withPrints(key, SHARE);
    return { ...watched, identity, record };
  }

  async function preview(
    users: readonly User[],
    before?: Saved,
    {
      maps = test.maps,
      mostKept,
      ...known
    }: { maps?: MembershipMaps; key?: string | undefined; mostKept?: number } = {},
  ): Promise<MembershipPlan> {
    const { key } = { key: KEY, ...known };
    const statements = new Statements(mostKept);
    for (const [index, each] of users.entries()) statements.take(index, each);
    const of = { ...(await read(users, key, before === undefined)), ...(mostKept !== undefined && { statements }) };
    const ledger = before && Ledger.decode(before.ledger);
    const memberships = new MembershipPreview(of, SHARE, key, maps, { ...before, ledger });
    const settings = {
      ...{ key, connectionId: "con_0000000000000001", externalId: "test", sendCompletionEmail: false },
      ...{ generateUserIds: true, unsupportedPasswordHash: "fail" as const },
    };
    await planBatch(of, SHARE, ledger, settings, (record, isIn) => memberships.see(record, isIn));
    return memberships.end();
  }

  const counted = ({ given, taken }: MembershipPlan) => ({
    given: Object.fromEntries(given),
    taken: Object.fromEntries(taken),
  });

  /** As `CallCounts` has them. */
  function callsMade() {
    const made = { roles: 0, members: 0, memberRoles: 0, readings: 0 };
    for (const call of test.memberships.calls) {
      if (/^(give|take) .* in /.test(call)) made.memberRoles++;
      else if (/^(give|take) /.test(call)) made.roles++;
      else if (/^(add|remove) /.test(call)) made.members++;
      else if (/^(roles|organizations) (of|in)/.test(call)) made.readings++;
    }
    return made;
  }

  it("counts what is given and taken by role and organization, and reads no record again", async () => {
    const first = [
      user("a", { roles: ["admin"], organizations: ["acme", { name: "globex", roles: ["editor"] }] }),
      user("b", { roles: ["admin", "editor"] }),
      user("c"),
      user("d", { email: "no address", roles: ["admin"] }),
    ];
    for (const key of [undefined, KEY]) {
      assert.deepEqual(counted(await preview(first, undefined, { key })), {
        given: { admin: 2, "acme/": 1, "globex/": 1, "globex/editor": 1, editor: 1 },
        taken: {},
      });
    }
    // The record that can't be sent is looked at for that, in both previews.
    assert.deepEqual(readAgain, [3, 3]);
    // Where not all that records say is kept, the others are read again.
    assert.deepEqual(await preview(first, undefined, { mostKept: 1 }), await preview(first));
    const sound = first.slice(0, 3);
    const saved = await test.import(sound);
    readAgain = [];
    assert.deepEqual(counted(await preview(sound, saved)), { given: {}, taken: {} });
    assert.deepEqual(readAgain, []);
    const second = [user("a", { roles: [], organizations: ["globex"] }), ...sound.slice(1)];
    assert.deepEqual(counted(await preview(second, saved)), {
      given: {},
      taken: { admin: 1, "acme/": 1, "globex/editor": 1 },
    });
    // The one that changed, once: it is looked at for all that it says.
    assert.deepEqual(readAgain, [0]);
    // A name means another role; nobody's record changed.
    const maps = { ...MAPS, roles: { admin: "rol_other", editor: "rol_e" } };
    assert.deepEqual(counted(await preview(sound, saved, { maps })), { given: { admin: 2 }, taken: { admin: 2 } });
    assert.deepEqual(readAgain, [0]);
    assert.deepEqual(await preview(sound, saved, { maps, mostKept: 1 }), await preview(sound, saved, { maps }));
    assert.deepEqual(readAgain, [0, 1]);
  });

  it("counts the calls that the update makes, whatever the files and the program say one after the other", async function () {
    this.timeout(60_000);
    const says = fc.record(
      {
        roles: fc.subarray(["admin", "editor", "owner"]),
        organizations: fc.array(
          fc.record({ name: fc.constantFrom("acme", "globex"), roles: fc.subarray(["admin", "editor"]) }),
          { maxLength: 2 },
        ),
        name: fc.constantFrom("A", "B"),
      },
      { requiredKeys: [] },
    );
    const file = fc.tuple(
      ...["a", "b", "c"].map((name) =>
        fc.option(
          says.map((said) => user(name, said)),
          { freq: 4 },
        ),
      ),
    );
    const maps = fc.record(
      {
        roles: fc.record(
          {
            admin: fc.constantFrom("rol_1", "rol_2"),
            editor: fc.constantFrom("rol_3", "rol_4"),
            owner: fc.constant("rol_5"),
          },
          { requiredKeys: ["admin"] },
        ),
        organizations: fc.record(
          { acme: fc.constant("org_1"), globex: fc.constant("org_2") },
          { requiredKeys: ["acme"] },
        ),
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<MembershipMaps>;
    const step = fc.record({ file, maps: fc.option(maps, { freq: 2 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 4 }), async (steps) => {
        test.startAnew();
        test.maps = MAPS;
        let saved: Saved | undefined;
        for (const { file, maps } of steps) {
          if (maps !== null) test.maps = maps;
          const users: User[] = [
            ...file.flatMap((each): User[] => (each === null ? [] : [each as User])),
            user("always"),
          ];
          const { calls, given, taken } = await preview(users, saved);
          saved = await test.import(users, saved);
          const { readings, ...made } = callsMade();
          const { readings: most, ...planned } = calls;
          assert.deepEqual(planned, made, test.memberships.calls.join("; "));
          assert.ok(readings <= most, `${readings} readings`);
          const sum = (counts: ReadonlyMap<string, number>) =>
            [...counts.values()].reduce((all, some) => all + some, 0);
          assert.deepEqual(
            { given: sum(given), taken: sum(taken) },
            saved.summary.memberships ?? { given: 0, taken: 0 },
          );
        }
      }),
      { numRuns: 40 },
    );
  });

  it("takes 50 users a call for a role, 10 for an organization, and one for the roles of a member", () => {
    const count = new MembershipCallCount();
    for (let i = 0; i < 120; i++) count.add(["rol_1", "org_1", "org_1 rol_1", "org_1 rol_2"], [], []);
    assert.deepEqual(count.end(), { roles: 3, members: 12, memberRoles: 120, readings: 0 });
    // Users are dealt with by the thousand, or by 250 where they are read first: no call is of two such parts.
    const long = new MembershipCallCount();
    for (let i = 0; i < 2_000; i++) long.add([`org_${i % 500}`], ["rol_1"], []);
    assert.deepEqual(long.end(), { roles: 2_000, members: 1_000, memberRoles: 0, readings: 0 });
    const read = new MembershipCallCount();
    for (let i = 0; i < 2_000; i++) read.add([`org_${i % 125}`], [], ["rol_2", "org_1", "org_1 rol_2"]);
    assert.deepEqual(read.end(), { roles: 0, members: 1_000, memberRoles: 0, readings: 6_000 });
  });

  it("tells how long they take at the tenant's rate, and proposes what needs no calls where that is long", () => {
    const plan = (calls: Partial<MembershipPlan["calls"]>): MembershipPlan => ({
      ...{ given: new Map([["acme/owner", 3]]), taken: new Map(), unknown: [] },
      calls: { roles: 0, members: 0, memberRoles: 0, readings: 0, ...calls },
    });
    const line = (calls: Partial<MembershipPlan["calls"]>, rate?: number) => membershipLine(plan(calls), rate);
    assert.equal(line({ memberRoles: 3 }), "roles and organizations: acme/owner 3 given: 3 calls");
    assert.match(line({ roles: 400, members: 600 }) ?? "", /: 1,000 calls, about 5 minutes$/);
    assert.match(line({ roles: 300 }, 1) ?? "", /: 300 calls, about 5 minutes$/);
    assert.match(
      line({ roles: 200, readings: 300 }) ?? "",
      /: 200 calls, up to 300 more to read what the users have, about 3 minutes$/,
    );
    assert.match(line({ memberRoles: 5_000_000 }) ?? "", /: 5,000,000 calls, about 17 days$/);
    assert.deepEqual(signInHints(plan({ roles: 100_000, members: 1_000 })), []);
    assert.deepEqual(signInHints(plan({ memberRoles: 5_000_000, members: 500_000 })), [
      "Roles in organizations take a call for each user: 5,000,000 calls, 17 days at 200 a minute. Without calls, an Action can assign them at sign-in: then leave them out of the records.",
      "Memberships of organizations take a call for 10 users: 500,000 calls, 42 hours at 200 a minute. Without calls, users become members at their first sign-in where the organization's connection has assignMembershipOnLogin: then leave the organization out of the records.",
    ]);
  });

  it("names some of many roles and organizations, and adds batches up", async () => {
    const plan: MembershipPlan = {
      given: new Map(Array.from({ length: 30 }, (_, i) => [`o${i}/`, 30 - i])),
      taken: new Map([["a%2Fb", 1_000]]),
      unknown: [{ argument: "roles", name: "owner", records: 1, first: 7 }],
      calls: { roles: 1, members: 2, memberRoles: 3, readings: 4 },
    };
    assert.match(membershipLine(plan) ?? "", /: o0 30, .*, o9 21, 20 others 210 given, a\/b 1,000 taken: 6 calls/);
    const sum = mergeMembershipPlans([
      plan,
      { ...plan, unknown: [{ ...plan.unknown[0], first: 3 }] } as MembershipPlan,
    ]);
    assert.deepEqual(sum.calls, { roles: 2, members: 4, memberRoles: 6, readings: 8 });
    assert.deepEqual(sum.unknown, [{ argument: "roles", name: "owner", records: 2, first: 3 }]);
    assert.equal(sum.taken.get("a%2Fb"), 2_000);
  });

  it("tells which names lack, where, what comes of it and what to do", async () => {
    const users = [
      user("a", { roles: ["admin"] }),
      user("b", { roles: ["owner", "boss"], organizations: [{ name: "acme", roles: ["owner"] }, "initech"] }),
      user("c", { roles: ["owner"] }),
    ];
    const of = await read(users, undefined, true);
    const { unknown } = await preview(users, undefined, { key: undefined });
    assert.deepEqual(unknownNameLines(unknown, of.source), [
      "Records name roles that the argument `roles` does not have: owner in 2 records, first at users.ndjson:2; boss in 1 record, first at users.ndjson:2. Their users come in without these, and are failed records (UNKNOWN_ROLE). Add the names to the argument, or correct the files.",
      "Records name organizations that the argument `organizations` does not have: initech in 1 record, first at users.ndjson:2. Their users come in without these, and are failed records (UNKNOWN_ORGANIZATION). Add the names to the argument, or correct the files.",
    ]);
    const saved = await test.import(users);
    assert.deepEqual(
      saved.failedRecords.map(({ path: at, message }) => `${at} ${message}`),
      [
        "roles names the roles boss, owner, owner (in acme), which the argument `roles` does not have, and the organization initech, which the argument `organizations` does not have. The user comes in without them. Add them to the argument, or correct the record",
        "roles names the role owner, which the argument `roles` does not have. The user comes in without it. Add it to the argument, or correct the record",
      ],
    );
  });

  it("counts records with what there is no argument for", async () => {
    const users = [user("a"), user("b", { roles: [] }), user("c", { roles: ["admin"], organizations: [] })];
    const of = await read(users, undefined, true);
    const lines = unsentLines(of, 1, ["roles", "organizations"]);
    assert.deepEqual(lines, [
      "2 records with `roles`, the first at users.ndjson:2, and the program has no argument `roles`: they are not sent, and their users come in without them. Add the argument, or leave `roles` out of the records.",
      "1 record with `organizations`, the first at users.ndjson:3, and the program has no argument `organizations`: they are not sent, and their users come in without them. Add the argument, or leave `organizations` out of the records.",
    ]);
    assert.deepEqual(unsentLines(of, 1, []), []);
  });
});

describe("what records say of roles and organizations", () => {
  it("is kept once for all that say the same, and of later ones it is known that they say something", () => {
    const said = new Statements(2);
    const records: User[] = [
      { roles: ["a"] },
      { name: "nothing" },
      { roles: ["a"], organizations: [] },
      { roles: ["a"] },
      { organizations: ["third"] },
      { roles: "no list", organizations: null },
    ];
    for (const [index, record] of records.entries()) said.take(index, record);
    const numbers = records.map((_, index) => said.numberAt(index));
    assert.deepEqual(numbers.slice(0, 4), [1, 0, 2, 1]);
    assert.equal(numbers[5], 0);
    assert.deepEqual(said.statement(1), { roles: ["a"] });
    assert.equal(said.statement(numbers[4] as number), undefined);
    assert.deepEqual(
      [0, 1, 2, numbers[4] as number].map((number) => said.groupsOf(number)),
      [[], ["roles"], ["roles", "organizations"], ["organizations"]],
    );
    assert.deepEqual(
      [...said.count(records.keys())],
      [
        ["roles", { records: 3, first: 0 }],
        ["organizations", { records: 2, first: 2 }],
      ],
    );
  });

  it("is kept up to so many characters: a user may belong to hundreds of organizations", () => {
    const said = new Statements(5, 40);
    const records: User[] = [
      { roles: ["a"] },
      { organizations: Array.from({ length: 9 }, (_, i) => `o${i}`) },
      { roles: ["b"] },
    ];
    for (const [index, record] of records.entries()) said.take(index, record);
    const statements = records.map((_, index) => said.statement(said.numberAt(index)));
    assert.deepEqual(statements, [{ roles: ["a"] }, undefined, { roles: ["b"] }]);
    assert.deepEqual(said.groupsOf(said.numberAt(1)), ["organizations"]);
  });

  it("is of merged records the last that one of them says", () => {
    const said = new Statements(5);
    for (const [index, record] of [
      { roles: ["a"], organizations: ["o"] },
      { roles: ["b"] },
      { name: "nothing" },
      { roles: [] },
      { roles: ["c"] },
    ].entries())
      said.take(index, record);
    said.merge(2, [0, 1]);
    assert.deepEqual(said.statement(said.numberAt(2)), {
      roles: ["b"],
      organizations: [{ name: "o", roles: [] }],
    });
    said.merge(3, [0]);
    assert.equal(said.statement(said.numberAt(3)), undefined);
    assert.deepEqual(said.groupsOf(said.numberAt(3)), ["roles", "organizations"]);
  });
});
