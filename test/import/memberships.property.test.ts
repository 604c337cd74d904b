import assert from "node:assert/strict";
import fc from "fast-check";
import { SharedMembers } from "../../provider/import/memberships/maxMembers";
import type { ListRules } from "../../provider/import/memberships/memberLists";
import { type GrantText, groupOf, type MembershipMaps } from "../../provider/plan/memberships";
import type { User } from "../../provider/schema/identity";
import type { Saved } from "./importTest";
import { codesIn, MembershipTest, user } from "./membershipTest";
import type { CallFate } from "./plainMemberships";

/** Users: the last one was there before us. */
const NAMES = ["ann", "bob", "eve"] as const;
const ROLES = ["admin", "editor"] as const;
const ORGANIZATIONS = ["acme", "globex"] as const;
const ROLE_IDS = ["rol_1", "rol_2", "rol_3"] as const;
const ORGANIZATION_IDS = ["org_1", "org_2"] as const;
const GRANTS: readonly GrantText[] = [
  ...ROLE_IDS,
  ...ORGANIZATION_IDS,
  ...ORGANIZATION_IDS.flatMap((organization) => ROLE_IDS.map((role) => `${organization} ${role}`)),
];
const GROUPS = ["roles", "organizations"] as const;

/** What a record says; `undefined` where it says nothing. */
interface Says {
  readonly roles: readonly string[] | undefined;
  readonly organizations: readonly { readonly name: string; readonly roles: readonly string[] }[] | undefined;
}

/** What goes wrong in a run, and at which call or line of the journal. */
type Fault = { readonly fate: CallFate; readonly call: number } | { readonly line: number };

type Action =
  | { readonly is: "says"; readonly who: number; readonly says: Says }
  /** Leaves the file, or comes back. */
  | { readonly is: "moves"; readonly who: number }
  | { readonly is: "hand"; readonly who: number; readonly text: GrantText; readonly gives: boolean }
  | { readonly is: "maps"; readonly maps: MembershipMaps }
  | { readonly is: "run"; readonly fault: Fault | undefined };

const orNone = <T>(value: fc.Arbitrary<T>, freq = 5) => fc.option(value, { nil: undefined, freq });
const roles = fc.subarray([...ROLES]);
const organizations = fc
  .subarray([...ORGANIZATIONS])
  .chain((names) => fc.tuple(...names.map((name) => roles.map((some) => ({ name, roles: some })))));
const says: fc.Arbitrary<Says> = fc.record({ roles: orNone(roles), organizations: orNone(organizations) });
const maps: fc.Arbitrary<MembershipMaps> = fc
  .record({
    roles: orNone(mapOf(ROLES, ROLE_IDS), 12),
    organizations: orNone(mapOf(ORGANIZATIONS, ORGANIZATION_IDS), 12),
  })
  .map(withoutNone);
const who = fc.nat(NAMES.length - 1);
/** When lists are read: never, for so few users; for some; for all. */
const rules = fc.constantFrom<ListRules>(
  { fewest: 100, calls: 1 },
  { fewest: 2, calls: 1 },
  { fewest: 0, calls: 100 },
  { fewest: 0, calls: 100 },
);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({
    fate: fc.constantFrom<CallFate>("refused", "fails", "dies", "dies after"),
    call: fc.integer({ min: 1, max: 12 }),
  }),
  fc.record({ line: fc.integer({ min: 1, max: 8 }) }),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { arbitrary: fc.record({ is: fc.constant("says" as const), who, says }), weight: 4 },
  { arbitrary: fc.record({ is: fc.constant("moves" as const), who }), weight: 1 },
  {
    arbitrary: fc.record({
      is: fc.constant("hand" as const),
      who,
      text: fc.constantFrom(...GRANTS),
      gives: fc.boolean(),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ is: fc.constant("maps" as const), maps }), weight: 2 },
  { arbitrary: fc.record({ is: fc.constant("run" as const), fault: orNone(fault, 3) }), weight: 5 },
);

function mapOf(names: readonly string[], ids: readonly string[]): fc.Arbitrary<Record<string, string>> {
  const id = orNone(fc.constantFrom(...ids), 8);
  return fc
    .tuple(...names.map(() => id))
    .map((all) =>
      Object.fromEntries(
        names.flatMap((name, i) => (all[i] === undefined ? [] : [[name, all[i]]])) as [string, string][],
      ),
    );
}

function withoutNone<T extends object>(all: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as never;
}

/** What a record wants, and whether there is a name in it that the maps lack; by the rules of docs/semantics.md. */
function wantedBy({ roles, organizations }: Says, maps: MembershipMaps): Record<(typeof GROUPS)[number], Wanted> {
  const roleOf = (name: string) => maps.roles?.[name] ?? "none";
  const ofRoles = (maps.roles && roles)?.map(roleOf);
  const ofOrganizations =
    maps.organizations &&
    organizations?.flatMap(({ name, roles }) => {
      const organization = maps.organizations?.[name] ?? "none";
      return [organization, ...roles.map((role) => `${organization} ${roleOf(role)}`)];
    });
  return { roles: wantedIn(ofRoles), organizations: wantedIn(ofOrganizations) };
}

type Wanted = { readonly texts: ReadonlySet<GrantText>; readonly isWhole: boolean } | undefined;

function wantedIn(all: readonly string[] | undefined): Wanted {
  if (all === undefined) return undefined;
  const texts = all.filter((text) => !text.includes("none"));
  return { texts: new Set(texts), isWhole: texts.length === all.length };
}

describe("roles and organizations, whatever happens between and in the runs", () => {
  let at: MembershipTest;
  let pagesRead = 0;
  beforeEach(() => {
    at = new MembershipTest();
  });
  afterEach(() => at.end());

  it("end as the last file says, and nothing that somebody had before us is taken", async function () {
    this.timeout(240_000);
    const actions = fc.array(action, { minLength: 3, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(maps, fc.boolean(), rules, actions, async (first, isTwiceRefused, lists, all) => {
        await live(first, isTwiceRefused, lists, all);
      }),
      { numRuns: 60 },
    );
    assert.ok(pagesRead > 10, `${pagesRead} pages of lists`);
  });

  async function live(
    first: MembershipMaps,
    isTwiceRefused: boolean,
    lists: ListRules,
    actions: readonly Action[],
  ): Promise<void> {
    at.startAnew([{ user_id: "eve", email: "eve@example.com", email_verified: true }]);
    at.memberships.isTwiceRefused = isTwiceRefused;
    at.memberships.pageSize = 1;
    const file = NAMES.map(() => ({ isThere: true, says: { roles: undefined, organizations: undefined } as Says }));
    let maps = first;
    let before: Saved | undefined;
    /** What runs have read, by user and group, since the last one that came to its end, with it. */
    const read = new Map<string, Set<string>>();
    /** Where somebody took something, and what runs had read by then: the same again gives nothing back. */
    const taken = new Map<string, ReadonlySet<string>>();
    const idOf = (i: number) => `auth0|${NAMES[i]}`;
    const textOf = (i: number, group: (typeof GROUPS)[number]) => JSON.stringify(file[i]?.says[group]);
    const stated = (i: number) => (file[i]?.isThere ? wantedBy(file[i].says, maps) : undefined);
    const inGroup = (i: number, group: string) => at.memberships.of(idOf(i)).filter((text) => groupOf(text) === group);

    const run = async (fault?: Fault) => {
      const users = file.flatMap(({ isThere, says }, i): User[] =>
        isThere ? [user(NAMES[i] as string, withoutNone(says))] : [],
      );
      const silent = NAMES.flatMap((_, i) =>
        GROUPS.filter((group) => stated(i)?.[group] === undefined).map((group) => [i, group] as const),
      );
      const held = silent.map((each) => inGroup(...each));
      at.memberships.calls.length = 0;
      let isHit = false;
      at.memberships.fate = (_, number) => {
        if (fault === undefined || "line" in fault || fault.call !== number) return undefined;
        isHit = true;
        return fault.fate;
      };
      const wasGiven = NAMES.map((_, i) => new Set(at.memberships.of(idOf(i))));
      const { result, problem } = await at.run(users, {
        ...{ before, reads: "singly", members: new SharedMembers(lists) },
        settings: { onExisting: "adopt", memberships: maps },
        ...(fault !== undefined && "line" in fault ? { dieAfterLine: fault.line } : {}),
      });
      at.memberships.fate = () => undefined;
      for (const call of at.memberships.calls) if (call === "list") pagesRead++;
      const isDead = problem?.message === "dead";
      isHit ||= isDead;
      if (!isHit) assert.equal(problem, undefined);
      if (!isDead) before = result;
      // What a run was about to do is in its journal.
      const isIntended = at.journal.includes('"isDone":false');
      for (const [i, wanted] of NAMES.map((_, i) => stated(i)).entries()) {
        for (const group of GROUPS) {
          for (const text of wanted?.[group]?.texts ?? []) {
            if (isHit && isIntended && !wasGiven[i]?.has(text)) at.memberships.intended(idOf(i), text);
          }
        }
      }
      assert.deepEqual(at.memberships.wronged, []);
      for (const [n, each] of silent.entries()) assert.deepEqual(inGroup(...each), held[n], `${each} says nothing`);
      note(!isHit);
      if (!isHit) check(codesIn(result));
      return isHit;
    };
    const note = (isEnd: boolean) => {
      for (const [i] of NAMES.entries()) {
        for (const group of GROUPS) {
          if (stated(i)?.[group] === undefined) continue;
          const key = `${i} ${group}`;
          const text = textOf(i, group);
          if (isEnd && taken.get(key)?.has(text) === false) taken.delete(key);
          read.set(key, new Set([...(isEnd ? [] : (read.get(key) ?? [])), text]));
        }
      }
    };
    const check = (failed: readonly string[]) => {
      for (const [i, name] of NAMES.entries()) {
        for (const group of GROUPS) {
          const wanted = stated(i)?.[group];
          if (wanted === undefined || taken.has(`${i} ${group}`)) continue;
          const has = inGroup(i, group);
          const lacks = [...wanted.texts].filter((text) => !has.includes(text));
          assert.deepEqual(lacks, [], `${name} lacks these`);
          const isFailed = failed.some((text) => text.startsWith(`user_id:${name} UNKNOWN_`));
          if (!wanted.isWhole) assert.ok(isFailed, `${name} is not told of`);
          const ours = has.filter((text) => at.memberships.giverOf(idOf(i), text) === "us");
          const extra = ours.filter((text) => !wanted.texts.has(text));
          if (wanted.isWhole) assert.deepEqual(extra, [], `${name} has these from us`);
        }
      }
    };

    for (const each of actions) {
      if (each.is === "run") await run(each.fault);
      else if (each.is === "maps") maps = each.maps;
      else if (each.is === "hand") {
        const group = groupOf(each.text);
        const key = `${each.who} ${group}`;
        const isThere = at.tenant.users.has(NAMES[each.who] as string);
        if (!isThere) continue;
        if (!each.gives) taken.set(key, new Set([...(read.get(key) ?? []), ...(taken.get(key) ?? [])]));
        at.memberships.byHand(idOf(each.who), each.text, each.gives);
      } else if (each.is === "moves") {
        const record = file[each.who];
        if (record) record.isThere = !record.isThere;
      } else {
        const record = file[each.who];
        if (record) record.says = each.says;
      }
    }
    await run();
    await run();
    assert.deepEqual(at.memberships.calls, [], "a run without a change makes calls");
  }
});
