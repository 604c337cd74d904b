import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { MemberList, MemberLists } from "../../provider/import/memberships/memberLists";
import { TenantError } from "../../provider/tenant/errors";
import { Clock } from "./clock";
import { codesIn, MAPS, MembershipTest, user } from "./membershipTest";

const MINUTE = 60_000;

describe("lists of members", () => {
  let opened: number;
  let pages: (readonly string[] | Error)[];
  let isThere: boolean;
  beforeEach(() => {
    opened = 0;
    pages = [["a", "b"], ["c"]];
    isThere = true;
  });

  async function* open(): AsyncGenerator<readonly string[]> {
    opened++;
    for (const page of pages) {
      await sleep(0);
      if (page instanceof Error) throw page;
      yield page;
    }
  }
  const reading = { open, exists: async () => isThere, assertGoesOn: () => {} };
  const list = (calls: number, rules = { fewest: 1, calls: 1 }) => {
    const made = new MemberList(rules);
    for (let i = 0; i < calls; i++) made.asked(1);
    return made;
  };

  it("tell who has it, and nothing before their end", async () => {
    const some = list(1);
    await some.readOn(reading, 0);
    assert.deepEqual([some.has("a", 0), some.has("x", 0)], [undefined, undefined]);
    // They go on where they stopped.
    some.asked(1);
    some.asked(1 / 2);
    some.asked(1 / 2);
    await Promise.all([some.readOn(reading, 0), some.readOn(reading, 0)]);
    assert.deepEqual(
      ["a", "b", "c", "x"].map((name) => some.has(name, 0)),
      [true, true, true, false],
    );
    assert.equal(opened, 1);
  });

  it("know what we gave and took since, of many members, too", async () => {
    pages = [Array.from({ length: 3_000 }, (_, i) => `u${i}`)];
    const lists = new MemberLists({ fewest: 1, calls: 1 });
    lists.of("rol_a").asked(2);
    await lists.of("rol_a").readOn(reading, 0);
    for (const name of ["u0", "u2999"]) lists.changed("rol_a", name, false);
    lists.changed("rol_a", "new", true);
    lists.changed("rol_b", "new", true);
    const has = (name: string) => lists.of("rol_a").has(name, 0);
    assert.deepEqual(["u0", "u1", "u2998", "u2999", "new", "x"].map(has), [false, true, true, false, true, false]);
    assert.equal(lists.of("rol_b").has("new", 0), undefined);
  });

  it("are not begun for few users", async () => {
    const some = list(99, { fewest: 100, calls: 1 / 2 });
    await some.readOn(reading, 0);
    assert.deepEqual([opened, some.has("a", 0)], [0, undefined]);
  });

  it("of which a page is refused tell nothing, and are not read again", async () => {
    pages = [["a"], new TenantError("forbidden", 403)];
    const some = list(100);
    await some.readOn(reading, 0);
    await some.readOn(reading, 0);
    assert.deepEqual([opened, some.has("a", 0), some.has("x", 0)], [1, undefined, undefined]);
  });

  it("of what is not there have nobody, where a second question says so, too", async () => {
    pages = [new TenantError("no such role", 404)];
    const some = list(100);
    await some.readOn(reading, 0);
    assert.equal(some.has("a", 0), undefined);
    isThere = false;
    const gone = list(100);
    await gone.readOn(reading, 0);
    assert.equal(gone.has("a", 0), false);
  });

  it("stop where the run does", async () => {
    const some = list(100);
    const assertGoesOn = (members: number) => {
      if (members > 0) throw new Error("The deadline is reached.");
    };
    await assert.rejects(some.readOn({ ...reading, assertGoesOn }, 0), /deadline/);
    assert.equal(some.has("a", 0), undefined);
  });

  describe("that grow old", () => {
    let clock: Clock;
    beforeEach(() => {
      clock = new Clock();
    });
    afterEach(() => clock.stop());

    it("tell nothing after ten minutes, and are read anew", async () => {
      const some = list(100);
      await some.readOn(reading, MINUTE);
      clock.now += 9 * MINUTE;
      assert.equal(some.has("a", MINUTE), true);
      assert.equal(some.has("a", 2 * MINUTE), undefined);
      clock.now += 2 * MINUTE;
      assert.equal(some.has("a", 0), undefined);
      pages = [["x"]];
      await some.readOn(reading, MINUTE);
      assert.deepEqual([opened, some.has("a", 0), some.has("x", 0)], [2, false, true]);
    });

    it("before they are whole are given up", async () => {
      const slow = async function* () {
        opened++;
        for (let i = 0; ; i++) {
          clock.now += MINUTE;
          yield [`u${i}`];
        }
      };
      const some = list(100);
      await some.readOn({ ...reading, open: slow }, MINUTE);
      await some.readOn({ ...reading, open: slow }, MINUTE);
      assert.deepEqual([opened, some.has("u0", 0)], [1, undefined]);
    });

    it("would be too old before anything is written on them are not read", async () => {
      await list(100).readOn(reading, 11 * MINUTE);
      assert.equal(opened, 0);
    });
  });
});

describe("roles and organizations of many users who were there", () => {
  const USERS = 160;
  let test: MembershipTest;
  const names = Array.from({ length: USERS }, (_, i) => `u${i}`);
  const options = { settings: { onExisting: "adopt" }, reads: "census" } as const;
  const all = (more: object) => names.map((name) => user(name, more));
  const has = (text: string) => names.filter((name) => test.memberships.of(`auth0|${name}`).includes(text)).length;
  /** What was called, how often. */
  const calls = () => {
    const counts: Record<string, number> = {};
    for (const call of test.memberships.calls) counts[call] = (counts[call] ?? 0) + 1;
    return counts;
  };
  beforeEach(() => {
    test = new MembershipTest();
    test.startAnew(
      names.map((name) => ({ user_id: name, email: `${name}@example.com`, email_verified: true as const })),
    );
    test.memberships.pageSize = 10;
    for (const name of names.slice(0, 25)) {
      test.memberships.byHand(`auth0|${name}`, "rol_a", true);
      test.memberships.byHand(`auth0|${name}`, "org_a rol_e", true);
    }
  });
  afterEach(() => test.end());

  it("are read by one list of each role and organization, and roles in these member by member", async () => {
    const saved = await test.import(
      all({ roles: ["admin"], organizations: [{ name: "acme", roles: ["editor"] }] }),
      undefined,
      options,
    );
    const { list, "roles in": rolesIn, "roles of": single, "organizations of": others } = calls();
    // Three pages each, and the empty one.
    assert.deepEqual([list, rolesIn, single, others], [8, 25, undefined, undefined]);
    assert.deepEqual([has("rol_a"), has("org_a"), has("org_a rol_e")], [USERS, USERS, USERS]);
    assert.deepEqual(codesIn(saved), []);
    await test.import(all({ roles: [], organizations: [] }), saved, options);
    assert.deepEqual([has("rol_a"), has("org_a"), has("org_a rol_e")], [25, 25, 25]);
    assert.deepEqual(test.memberships.wronged, []);
  });

  it("are given to users of other ids without a question, where all were read back a moment ago", async () => {
    let asked = 0;
    const { usersByEmail } = test.tenant;
    test.tenant.usersByEmail = (email, onRetry) => {
      asked++;
      return usersByEmail(email, onRetry);
    };
    const byEmail = (count: number) =>
      names.slice(0, count).map((name) => ({ ...user(name, { roles: ["admin"] }), user_id: `old-${name}` }));
    await test.import(byEmail(USERS), undefined, options);
    assert.deepEqual([asked, has("rol_a")], [0, USERS]);
    test.forget();
    const { census } = test;
    test.census = () => census.call(test, 6 * MINUTE);
    await test.import(byEmail(5), undefined, options);
    assert.equal(asked, 5);
  });

  it("are read user by user where a list is longer than that", async () => {
    test.memberships.pageSize = 1;
    for (let i = 0; i < 1_000; i++) test.memberships.byHand(`auth0|x${i}`, "rol_a", true);
    const saved = await test.import(all({ roles: ["admin"] }), undefined, options);
    assert.deepEqual([calls().list, calls()["roles of"], has("rol_a")], [USERS / 2, USERS, USERS]);
    await test.import(all({ roles: [] }), saved, options);
    assert.equal(has("rol_a"), 25);
    assert.deepEqual(test.memberships.wronged, []);
  });

  it("are read user by user where a list fails, whichever page", async () => {
    for (const page of [1, 2, 4]) {
      let lists = 0;
      test.memberships.fate = (call) => (call === "list" && ++lists === page ? "fails" : undefined);
      const saved = await test.import(all({ roles: ["admin"] }), undefined, options);
      assert.deepEqual([calls().list, calls()["roles of"], has("rol_a")], [page, USERS, USERS]);
      await test.import(all({ roles: [] }), saved, options);
      assert.equal(has("rol_a"), 25);
      test.forget();
    }
    assert.deepEqual(test.memberships.wronged, []);
  });

  it("are given in the place of others by a list of those who have these", async () => {
    const saved = await test.import(all({ roles: ["admin"] }), undefined, options);
    for (const name of names.slice(-20)) test.memberships.byHand(`auth0|${name}`, "rol_a", false);
    test.maps = { ...MAPS, roles: { admin: "rol_new" } };
    await test.import(all({ roles: ["admin"] }), saved, options);
    assert.deepEqual([calls().list, calls()["roles of"]], [14 + 1 + 1, undefined]);
    assert.deepEqual([calls()["give rol_new to 50"], calls()["give rol_new to 40"]], [2, 1]);
    // Who had the old one before us keeps it.
    assert.deepEqual([has("rol_new"), has("rol_a")], [USERS - 20, 25]);
    assert.deepEqual(test.memberships.wronged, []);
  });
});
