import assert from "node:assert/strict";
import { SharedMembers } from "../../provider/import/memberships/maxMembers";
import { TenantError } from "../../provider/tenant/errors";
import { MAPS, MembershipTest, user } from "./membershipTest";

describe("roles and organizations with a limit", () => {
  let test: MembershipTest;
  beforeEach(() => {
    test = new MembershipTest();
  });
  afterEach(() => test.end());

  it("are not given to more than maxMembers, and nothing is sent then", async () => {
    const settings = { memberships: MAPS, maxMembers: { admin: 2 } };
    const many = ["a", "b", "c"].map((name) => user(name, { roles: ["admin"] }));
    await test.import(many, undefined, {
      settings,
      fails: /^The role admin would have more than 2 members .* Nothing was sent/,
    });
    assert.equal(test.tenant.jobs.length, 0);
    test.memberships.byHand("auth0|x", "rol_a", true);
    await test.import(many.slice(0, 2), undefined, {
      settings,
      fails: /: it has 1, and 2 users of the files are to get it/,
    });
    // Who has it already gets no other one.
    test.startAnew([{ user_id: "b", email: "b@example.com", email_verified: true }]);
    test.memberships.byHand("auth0|b", "rol_a", true);
    const options = { settings: { ...settings, onExisting: "adopt" }, reads: "singly" } as const;
    const saved = await test.import(many.slice(0, 2), undefined, options);
    assert.deepEqual([test.has("a"), test.has("b")], ["rol_a", "rol_a"]);
    assert.ok(test.notes.includes("Roles and memberships: 1 given, 0 taken. Members: admin 1 → 2."), test.notes.join());
    await test.import(many.slice(0, 2), saved, options);
  });

  it("are not given to more than maxMembers by all batches of an import", async () => {
    const settings = { memberships: MAPS, maxMembers: { admin: 2 } };
    const many = ["a", "b", "c"].map((name) => user(name, { roles: ["admin"] }));
    const other = user("d", { roles: ["admin"] });
    const fails = /The role admin would have more than 2 members/;
    // Nobody is imported yet: what the other batches' records say is known.
    await test.import(many.slice(0, 2), undefined, { settings, fails, everybody: [...many.slice(0, 2), other] });
    assert.deepEqual([test.tenant.jobs.length, test.everybodyRead], [0, 0]);
    // Where somebody has the role, the records tell whether it is one of them.
    test.startAnew([{ user_id: "d", email: "d@example.com", email_verified: true }]);
    test.memberships.byHand("auth0|d", "rol_a", true);
    const adopts = {
      settings: { ...settings, maxMembers: { admin: 3 }, onExisting: "adopt" },
      reads: "singly",
    } as const;
    await test.import(many.slice(0, 2), undefined, { ...adopts, everybody: [...many.slice(0, 2), other] });
    assert.equal(test.everybodyRead, 1);
    test.startAnew();
    // Later each batch knows of those that have begun.
    const members = new SharedMembers();
    await test.import(many.slice(0, 2), undefined, { settings, members });
    test.forget();
    await test.import([other], undefined, { settings, members, fails });
    assert.equal(test.has("d"), "");
  });

  it("of an organization count whoever the batches before have brought once", async () => {
    for (const isFirst of [true, false]) {
      test.startAnew([{ user_id: "b", email: "b@example.com", email_verified: true }]);
      test.memberships.byHand("auth0|b", "org_a", true);
      const members = new SharedMembers();
      const people = ["a", "b", "c", "d"].map((name) => user(name, { organizations: ["acme"] }));
      const settings = { memberships: MAPS, maxMembers: { acme: 4 }, onExisting: "adopt" } as const;
      const options = { settings, members, reads: "singly" } as const;
      const batches = isFirst ? { ...options, everybody: people } : options;
      await test.import(people.slice(0, 1), undefined, batches);
      test.forget();
      await test.import(people.slice(1, 3), undefined, batches);
      test.forget();
      await test.import(people.slice(3), undefined, batches);
      test.forget();
      const one = [user("e", { organizations: ["acme"] })];
      const fails = /The organization acme would have more than 4 members \(maxMembers\): it has 4, and 1 user of the/;
      await test.import(one, undefined, { ...options, fails });
    }
  });

  it("that batches would exceed together are refused to all that wait for their turn", async () => {
    const other = new MembershipTest();
    try {
      other.tenant = test.tenant;
      other.memberships = test.memberships;
      const settings = { memberships: MAPS, maxMembers: { admin: 2 } };
      let begun = 0;
      let bothBegun = () => {};
      const counted = new Promise<void>((resolve) => {
        bothBegun = resolve;
      });
      class Counting extends SharedMembers {
        override begins(...coming: Parameters<SharedMembers["begins"]>): void {
          super.begins(...coming);
          if (++begun === 2) bothBegun();
        }
      }
      const members = new Counting();
      // Somebody else's turn, until both wait for theirs.
      const turn = test.tenant.turn(() => counted);
      const batch = (names: string[]) => names.map((name) => user(name, { roles: ["admin"] }));
      const fails = /The role admin would have more than 2 members .* 4 users of the files are to get it/;
      await Promise.all([
        turn,
        test.import(batch(["a", "b"]), undefined, { settings, members, fails }),
        other.import(batch(["c", "d"]), undefined, { settings, members, fails }),
      ]);
      assert.equal(test.tenant.jobs.length, 0);
    } finally {
      other.end();
    }
  });

  it("of an organization are not more than Auth0 takes, or maxMembers says, and nothing is sent then", async () => {
    const people = (count: number) =>
      Array.from({ length: count }, (_, i) => user(`u${i}`, { organizations: ["acme"] }));
    test.memberships.count = async () => 99_950;
    await test.import(people(99));
    test.startAnew();
    test.memberships.count = async () => 99_950;
    const raised = { memberships: MAPS, maxMembers: { acme: 200_000 } };
    await test.import(people(100), undefined, { settings: raised });
    // Who belongs to it already needs no room; and the list tells how many there are.
    test.startAnew();
    test.memberships.count = async () => 99_950;
    await test.import(people(100));
    assert.equal(test.memberships.calls.filter((call) => call === "list").length, 1);
    test.startAnew([{ user_id: "u0", email: "u0@example.com", email_verified: true }]);
    test.memberships.byHand("auth0|u0", "org_a", true);
    const own = {
      settings: { memberships: MAPS, maxMembers: { acme: 2 }, onExisting: "adopt" },
      reads: "singly",
    } as const;
    const fails = /^The organization acme would have more than 2 members \(maxMembers\): it has 1, and 2 users of the/;
    await test.import(people(3), undefined, { ...own, fails });
    assert.equal(test.tenant.jobs.length, 0);
    await test.import(people(2), undefined, own);
    assert.deepEqual([test.has("u0"), test.has("u1")], ["org_a", "org_a"]);
    // Without the scope that counts it is for Auth0 to refuse.
    test.startAnew();
    test.memberships.count = async () => {
      throw new TenantError("forbidden", 403);
    };
    await test.import(people(100));
    assert.equal(test.has("u99"), "org_a");
  });

  it("of an organization without room for all are refused with Auth0's limit", async () => {
    for (let i = 0; i < 99_950; i++) test.memberships.byHand(`auth0|x${i}`, "org_a", true);
    const many = Array.from({ length: 100 }, (_, i) => user(`u${i}`, { organizations: ["acme"] }));
    await test.import(many, undefined, {
      fails:
        /^The organization acme would have more than 100,000 members \(Auth0's limit\): it has 99,950, and 100 users/,
    });
    assert.equal(test.tenant.jobs.length, 0);
  });
});
