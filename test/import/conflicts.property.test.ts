import assert from "node:assert/strict";
import fc from "fast-check";
import type { User } from "../../provider/schema/identity";
import { ImportTest, type Saved } from "./importTest";

/** Keys that only the application has, and those of the file. */
const THEIRS = ["cart", "theme"] as const;
const OURS = ["plan", "lang"] as const;
const NAMES = ["ann", "bob"] as const;
const LATER = new Date(Date.now() + 3_600_000).toISOString();

type Action =
  /** The file says another value of a key. */
  | { readonly is: "edit"; readonly who: number; readonly key: (typeof OURS)[number]; readonly value: number }
  /** The application writes a value that the file never says; of a key of the file's, or of its own. */
  | { readonly is: "write"; readonly who: number; readonly key: string }
  | { readonly is: "rename" | "verify" | "delete"; readonly who: number }
  | { readonly is: "run"; readonly dieAfterLine: number | undefined };

const who = fc.nat(NAMES.length - 1);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ is: fc.constant("edit" as const), who, key: fc.constantFrom(...OURS), value: fc.nat(2) }),
  fc.record({ is: fc.constant("write" as const), who, key: fc.constantFrom(...THEIRS, ...OURS) }),
  fc.record({ is: fc.constantFrom("rename" as const, "verify" as const), who }),
  { arbitrary: fc.record({ is: fc.constant("delete" as const), who }), weight: 1 },
  fc.record({
    is: fc.constant("run" as const),
    dieAfterLine: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  }),
);

describe("what an application writes between the runs", () => {
  const at = ImportTest.forEach();

  for (const reads of ["singly", "census"] as const) {
    it(`is never lost under keep, and nobody is made twice or anew (read ${reads})`, async function () {
      this.timeout(120_000);
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 2, maxLength: 12 }), async (actions) => {
          await live(reads, actions);
        }),
        { numRuns: 60 },
      );
    });
  }

  async function live(reads: "singly" | "census", actions: readonly Action[]): Promise<void> {
    at().startAnew();
    const file = NAMES.map((name) => ({
      user_id: name as string,
      email: `${name}@example.com`,
      email_verified: false,
      user_metadata: { plan: 0, lang: 0 } as Record<string, number>,
    }));
    /** What the application has written of each user, and nobody else may change. */
    const theirs = NAMES.map(() => new Map<string, number>());
    /** Users of whose groups the application has touched nothing that the file says. */
    const verified = new Set<string>();
    const gone = new Set<string>();
    let before: Saved | undefined;
    let values = 100;
    let isKnown = true;
    const there = (name: string) => at().tenant.users.get(name);
    const change = (name: string, attributes: User, others: object = {}) => {
      const user = there(name);
      if (user === undefined) return;
      const updated = { ...attributes, updated_at: LATER };
      at().tenant.users.set(name, { ...user, ...others, attributes: { ...user.attributes, ...updated } });
    };
    const run = async (dieAfterLine?: number) => {
      const records = structuredClone(file) as User[];
      const { result, problem } = await at().run(records, {
        ...{ reads, before, ...(dieAfterLine === undefined ? {} : { dieAfterLine }) },
      });
      // A process that dies saves nothing.
      if (problem?.message !== "dead") {
        assert.equal(problem, undefined);
        before = result;
      }
    };
    const check = (isComplete: boolean) => {
      assert.equal(at().tenant.users.size, NAMES.length - gone.size, "somebody was made anew, or lost");
      for (const [i, name] of NAMES.entries()) {
        const user = there(name);
        if (user === undefined) continue;
        const metadata = user.attributes.user_metadata as Record<string, number>;
        for (const [key, value] of theirs[i] as Map<string, number>)
          assert.equal(metadata[key], value, `${name}.${key}`);
        assert.equal(user.email_verified, verified.has(name), `${name} is verified`);
        const isContested = OURS.some((key) => (theirs[i] as Map<string, number>).has(key));
        if (!isComplete || isContested || !isKnown) continue;
        const own = Object.fromEntries(OURS.map((key) => [key, metadata[key]]));
        assert.deepEqual(own, file[i]?.user_metadata, `what the file says of ${name}`);
      }
    };

    await run();
    for (const each of actions) {
      if (each.is === "run") {
        await run(each.dieAfterLine);
        // After a lost answer nobody knows what the file said before: it may be a conflict.
        isKnown &&= each.dieAfterLine === undefined;
        check(false);
        continue;
      }
      const name = NAMES[each.who] as string;
      const record = file[each.who];
      assert.ok(record);
      const user = there(name);
      if (each.is === "edit") record.user_metadata[each.key] = each.value;
      if (user === undefined) continue;
      const metadata = user.attributes.user_metadata as Record<string, number>;
      if (each.is === "write") {
        const value = values++;
        theirs[each.who]?.set(each.key, value);
        change(name, { user_metadata: { ...metadata, [each.key]: value } });
      } else if (each.is === "rename") {
        verified.delete(name);
        change(name, {}, { email: `${name}${values++}@example.com`, email_verified: false });
      } else if (each.is === "verify") {
        verified.add(name);
        change(name, {}, { email_verified: true });
      } else if (each.is === "delete") {
        gone.add(name);
        at().tenant.users.delete(name);
      }
    }
    await run();
    check(false);
    await run();
    const jobs = at().tenant.jobs.length;
    await run();
    assert.equal(at().tenant.jobs.length, jobs, "a run without a change sends something");
    check(true);
  }
});
