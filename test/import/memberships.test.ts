import assert from "node:assert/strict";
import { countsIn } from "./importTest";
import { codesIn, MAPS, MembershipTest, user } from "./membershipTest";

describe("roles and organizations", () => {
  let test: MembershipTest;
  beforeEach(() => {
    test = new MembershipTest();
  });
  afterEach(() => test.end());

  it("are given to users who come in, without a question, and a second run makes no call", async () => {
    const users = [
      user("a", { roles: ["admin"], organizations: ["acme", { name: "globex", roles: ["editor", "admin"] }] }),
      user("b", { roles: ["editor", "admin"] }),
      user("c"),
    ];
    const saved = await test.import(users);
    assert.equal(test.has("a"), "org_a, org_g, org_g rol_a, org_g rol_e, rol_a");
    assert.equal(test.has("b"), "rol_a, rol_e");
    assert.equal(test.has("c"), "");
    assert.deepEqual(test.memberships.calls.filter((call) => !/^(role|organization)$/.test(call)).sort(), [
      "add 1 to org_a",
      "add 1 to org_g",
      "give rol_a to 2",
      "give rol_a,rol_e in org_g",
      "give rol_e to 1",
    ]);
    assert.deepEqual(saved.summary.memberships, { given: 7, taken: 0 });
    // No job carries them.
    assert.ok(
      test.tenant.jobs.every(({ users }) => users.every((each) => !("roles" in each || "organizations" in each))),
    );
    const again = await test.import(users, saved);
    assert.deepEqual(test.memberships.calls, []);
    assert.deepEqual(countsIn(again), { unchanged: 3 });
  });

  it("are 50 and 10 users a call", async () => {
    await test.import(
      Array.from({ length: 101 }, (_, i) => user(`u${i}`, { roles: ["admin"], organizations: ["acme"] })),
    );
    const calls = new Map<string, number>();
    for (const call of test.memberships.calls) calls.set(call, (calls.get(call) ?? 0) + 1);
    assert.deepEqual([calls.get("give rol_a to 50"), calls.get("give rol_a to 1")], [2, 1]);
    assert.deepEqual([calls.get("add 10 to org_a"), calls.get("add 1 to org_a")], [10, 1]);
  });

  it("stay as they are where a record says nothing, and all of ours go where it says []", async () => {
    let saved = await test.import([user("a", { roles: ["admin"], organizations: ["acme"] })]);
    saved = await test.import([user("a")], saved);
    assert.equal(test.has("a"), "org_a, rol_a");
    assert.deepEqual(test.memberships.calls, []);
    saved = await test.import([user("a", { roles: [] })], saved);
    assert.equal(test.has("a"), "org_a");
    saved = await test.import([user("a", { roles: [], organizations: [] })], saved);
    assert.equal(test.has("a"), "");
    assert.equal(saved.summary.memberships?.taken, 1);
  });

  it("are taken only where they are ours", async () => {
    test.startAnew([{ user_id: "a", email: "a@example.com", email_verified: true }]);
    test.memberships.byHand("auth0|a", "rol_a", true);
    test.memberships.byHand("auth0|a", "org_g", true);
    const settings = { onExisting: "adopt" } as const;
    const options = { settings, reads: "singly" } as const;
    let saved = await test.import(
      [user("a", { roles: ["admin", "editor"], organizations: ["acme", "globex"] })],
      undefined,
      options,
    );
    assert.equal(test.has("a"), "org_a, org_g, rol_a, rol_e");
    saved = await test.import([user("a", { roles: [], organizations: [] })], saved, options);
    assert.equal(test.has("a"), "org_g, rol_a");
    assert.deepEqual(test.memberships.wronged, []);
    assert.deepEqual(codesIn(saved), []);
  });

  it("that were taken by hand are given again when the record says something else", async () => {
    let saved = await test.import([user("a", { roles: ["admin"] })]);
    test.memberships.byHand("auth0|a", "rol_a", false);
    saved = await test.import([user("a", { roles: ["admin"], name: "A" })], saved);
    assert.equal(test.has("a"), "");
    await test.import([user("a", { roles: ["admin", "editor"], name: "A" })], saved);
    assert.equal(test.has("a"), "rol_a, rol_e");
  });

  it("of a name that the maps lack fail, and the user comes in all the same", async () => {
    const users = [
      user("a", { roles: ["admin", "owner"] }),
      user("b", { organizations: ["initech", "acme"] }),
      user("c", { roles: ["constructor"] }),
    ];
    const saved = await test.import(users);
    assert.deepEqual(codesIn(saved), [
      "user_id:a UNKNOWN_ROLE",
      "user_id:b UNKNOWN_ORGANIZATION",
      "user_id:c UNKNOWN_ROLE",
    ]);
    assert.deepEqual(countsIn(saved), { outdated: 3 });
    assert.deepEqual([test.has("a"), test.has("b"), test.tenant.users.size], ["rol_a", "org_a", 3]);
    test.maps = {
      roles: { ...MAPS.roles, owner: "rol_o", constructor: "rol_c" },
      organizations: { ...MAPS.organizations, initech: "org_i" },
    };
    const again = await test.import(users, saved);
    assert.deepEqual(codesIn(again), []);
    assert.deepEqual([test.has("a"), test.has("b"), test.has("c")], ["rol_a, rol_o", "org_a, org_i", "rol_c"]);
  });

  it("of a name that means another role now go to those who still have the old one", async () => {
    const users = ["a", "b", "c"].map((name) => user(name, { roles: ["admin"] }));
    let saved = await test.import(users);
    test.memberships.byHand("auth0|b", "rol_a", false);
    test.maps = { ...MAPS, roles: { admin: "rol_new", editor: "rol_e" } };
    saved = await test.import(users, saved);
    assert.deepEqual(
      ["a", "b", "c"].map((name) => test.has(name)),
      ["rol_new", "", "rol_new"],
    );
    // Where it is deleted before, nobody can have it any more.
    test.memberships.missing.add("rol_new");
    for (const name of ["a", "c"]) test.memberships.byHand(`auth0|${name}`, "rol_new", false);
    test.maps = { ...MAPS, roles: { admin: "rol_third" } };
    await test.import(users, saved);
    assert.deepEqual(
      ["a", "b", "c"].map((name) => test.has(name)),
      ["rol_third", "", "rol_third"],
    );
  });

  it("of a name that means another role now go to who has had the old one before us, and keeps it", async () => {
    test.startAnew([{ user_id: "a", email: "a@example.com", email_verified: true }]);
    test.memberships.byHand("auth0|a", "rol_a", true);
    const settings = { onExisting: "adopt" } as const;
    const options = { settings, reads: "singly" } as const;
    let saved = await test.import([user("a", { roles: ["admin"] })], undefined, options);
    assert.deepEqual(saved.summary.memberships, undefined);
    test.maps = { ...MAPS, roles: { admin: "rol_new" } };
    saved = await test.import([user("a", { roles: ["admin"] })], saved, options);
    assert.equal(test.has("a"), "rol_a, rol_new");
    await test.import([user("a", { roles: [] })], saved, options);
    assert.equal(test.has("a"), "rol_a");
  });

  it("of a name that the maps lack cost no call while nothing changes", async () => {
    test.startAnew([{ user_id: "a", email: "a@example.com", email_verified: true }]);
    const options = { settings: { onExisting: "adopt" }, reads: "singly" } as const;
    const users = [user("a", { roles: ["admin", "owner"] })];
    let saved = await test.import(users, undefined, options);
    saved = await test.import([...users, user("b")], saved, options);
    assert.deepEqual([test.memberships.calls, codesIn(saved)], [[], ["user_id:a UNKNOWN_ROLE"]]);
  });

  it("of a user or a role that is deleted stop nobody else", async () => {
    let saved = await test.import(["a", "b", "c"].map((name) => user(name, { roles: ["admin"] })));
    test.tenant.users.delete("a");
    test.memberships.missing.add("rol_a");
    const users = [user("a", { roles: ["editor"] }), user("b", { roles: ["editor"] }), user("c", { roles: [] })];
    saved = await test.import(users, saved);
    assert.deepEqual(codesIn(saved), ["user_id:a MEMBERSHIP_FAILED"]);
    assert.match(saved.failedRecords[0]?.message ?? "", /^The user is not in the connection any more/);
    assert.match(test.has("b"), /rol_e/);
    test.memberships.calls.length = 0;
    await test.import(users.slice(1), saved);
    assert.deepEqual(test.memberships.calls, []);
  });

  it("of a name that means another role since a user left the files go to who comes back", async () => {
    const users = ["a", "b"].map((name) => user(name, { roles: ["admin"] }));
    let saved = await test.import(users);
    test.maps = { ...MAPS, roles: { admin: "rol_new" } };
    saved = await test.import(users.slice(1), saved);
    await test.import(users, saved);
    assert.deepEqual([test.has("a"), test.has("b")], ["rol_new", "rol_new"]);
  });

  it("can be taken away under a name that is not there any more", async () => {
    let saved = await test.import([user("a", { roles: ["admin"] })]);
    test.maps = { ...MAPS, roles: { editor: "rol_e" } };
    saved = await test.import([user("a", { roles: ["admin"] })], saved);
    assert.deepEqual([test.has("a"), codesIn(saved)], ["rol_a", ["user_id:a UNKNOWN_ROLE"]]);
    saved = await test.import([user("a", { roles: ["editor"] })], saved);
    assert.deepEqual([test.has("a"), codesIn(saved)], ["rol_e", []]);
  });

  it("that the tenant refuses are a failed record, keep nobody else from theirs, and are given by the next run", async () => {
    const users = Array.from({ length: 7 }, (_, i) => user(`u${i}`, { roles: ["admin"] }));
    let saved = await test.import(users, undefined, {
      settings: {},
      preflight: async () => {
        test.tenant.users.delete("u3");
        return undefined;
      },
    });
    // That user was there again when the job came; delete them between job and call.
    assert.deepEqual(codesIn(saved), []);
    test.startAnew();
    test.memberships.fate = (call) => {
      if (call === "give rol_a to 7") test.tenant.users.delete("u3");
      return undefined;
    };
    saved = await test.import(users);
    assert.deepEqual(codesIn(saved), ["user_id:u3 MEMBERSHIP_FAILED"]);
    assert.deepEqual(countsIn(saved), { inserted: 6, outdated: 1 });
    assert.equal(saved.membershipsFailed, true);
    assert.deepEqual(users.filter(({ user_id }) => test.has(String(user_id)) === "rol_a").length, 6);
    test.tenant.users.set("u3", {
      ...test.tenant.users.get("u2"),
      user_id: "auth0|u3",
      email: "u3@example.com",
    } as never);
    saved = await test.import(users, saved);
    assert.deepEqual([test.has("u3"), saved.membershipsFailed], ["rol_a", undefined]);
    // No more than that one was looked at.
    assert.deepEqual(test.memberships.calls, ["roles of", "role", "give rol_a to 1"]);
  });

  it("that are refused a second time are there all the same", async () => {
    test.memberships.isTwiceRefused = true;
    const users = ["a", "b"].map((name) =>
      user(name, { roles: ["admin"], organizations: [{ name: "acme", roles: ["editor"] }] }),
    );
    test.memberships.fate = (call) => {
      if (call !== "give rol_a to 2") return undefined;
      test.memberships.byHand("auth0|a", "rol_a", true);
      test.memberships.byHand("auth0|b", "org_a", true);
      return undefined;
    };
    const saved = await test.import(users);
    assert.deepEqual(codesIn(saved), []);
    assert.deepEqual([test.has("a"), test.has("b")], ["org_a, org_a rol_e, rol_a", "org_a, org_a rol_e, rol_a"]);
  });

  it("of a role that the tenant does not have cost one question", async () => {
    test.memberships.missing.add("rol_a");
    const saved = await test.import(["a", "b", "c"].map((name) => user(name, { roles: ["admin"] })));
    assert.equal(codesIn(saved).length, 3);
    assert.match(saved.failedRecords[0]?.message ?? "", /^The tenant has no role admin \(rol_a\)$/);
    assert.deepEqual(test.memberships.calls, ["role"]);
  });

  it("go to the user whom the tenant has under another id", async () => {
    test.startAnew([{ user_id: "other", email: "a@example.com", email_verified: true }]);
    await test.import([user("a", { roles: ["admin"] })], undefined, {
      settings: { onExisting: "adopt" },
      reads: "singly",
    });
    assert.deepEqual([test.has("a"), test.has("other")], ["", "rol_a"]);
  });

  it("of an organization that is full are tried no more after some refusals, and the others are given", async () => {
    test.memberships.mostMembers = 25;
    const users = Array.from({ length: 300 }, (_, i) =>
      user(`u${i}`, { organizations: ["acme", "globex"].slice(i % 2) }),
    );
    const saved = await test.import(users);
    const has = (text: string) => users.filter(({ user_id }) => test.memberships.of(`auth0|${user_id}`).includes(text));
    assert.equal(has("org_a").length, 25);
    assert.equal(has("org_g").length, 25);
    assert.deepEqual(
      new Set(saved.failedRecords.map(({ message }) => message)),
      new Set(
        ["acme, organization globex", "globex"].map((names) => `Not given: organization ${names}. No more members`),
      ),
    );
    const calls = test.memberships.calls.filter((call) => call.startsWith("add ")).length;
    assert.ok(calls < 300, `${calls} calls`);
  });

  it("say nothing without the arguments", async () => {
    test.maps = {};
    const saved = await test.import([user("a", { roles: ["admin"], organizations: ["acme"] })], undefined, {
      settings: { memberships: {} },
    });
    assert.deepEqual([test.has("a"), countsIn(saved), test.memberships.calls], ["", { inserted: 1 }, []]);
    assert.deepEqual(test.warnings, []);
  });

  it("survive a kill -9 after each line and at each call, and a failure of each: all are given once, and what was there stays", async function () {
    this.timeout(240_000);
    const first = [
      user("a", { roles: ["admin"], organizations: ["acme"] }),
      user("b", { roles: ["editor"] }),
      user("c"),
    ];
    const second = [
      user("a", { roles: ["editor"], organizations: ["globex"] }),
      user("b", { roles: [] }),
      user("c", { roles: ["admin"] }),
      user("d", { roles: ["admin"] }),
    ];
    const third = [
      user("a", { roles: [], organizations: [] }),
      user("b"),
      ...["c", "d"].map((name) => user(name, { roles: [] })),
    ];
    const all = () => ["a", "b", "c", "d"].map((name) => test.has(name));
    let faults = 0;
    for (const kind of ["line", "dies", "dies after", "fails"] as const) {
      for (let n = 1; ; n++) {
        test.startAnew();
        const saved = await test.import(first);
        test.memberships.byHand("auth0|c", "rol_e", true);
        test.memberships.byHand("auth0|b", "rol_a", true);
        test.memberships.fate = (_, number) => (kind !== "line" && number === n ? kind : undefined);
        test.memberships.calls.length = 0;
        const ended = await test.run(second, {
          ...(kind === "line" ? { dieAfterLine: n } : {}),
          before: saved,
          settings: { memberships: MAPS },
        });
        test.memberships.fate = () => undefined;
        // Who is dead has saved nothing.
        const settled = await test.import(second, ended.problem?.message === "dead" ? saved : ended.result);
        assert.deepEqual(all(), ["org_g, rol_e", "rol_a", "rol_a, rol_e", "rol_a"], `${kind} ${n}`);
        await test.import(third, settled);
        assert.deepEqual(all(), ["", "rol_a", "rol_e", ""], `${kind} ${n}`);
        assert.deepEqual(test.memberships.wronged, []);
        if (ended.problem === undefined) break;
        faults++;
      }
    }
    assert.ok(faults > 25, `${faults} faults`);
  });
});
