import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type FaultPlan, VirtualClock } from "../../emulator";
import { SharedCensus, takeCensus } from "../../provider/census/takeCensus";
import type { ReadBack } from "../../provider/import/readings";
import { Ledger } from "../../provider/ledger/ledger";
import { SourceReader } from "../../provider/plan/readSource";
import { BACKOFF } from "../../provider/tenant/client";
import { ExportError } from "../../provider/tenant/exports";
import { verifyImport } from "../../provider/verification/verify";
import { EmulatedImport } from "../import/emulatedImport";
import { KEY, RULES, type Saved } from "../import/importTest";
import { CONNECTION } from "../support/batch";
import { addUser } from "../support/tenantUsers";

interface Trouble {
  readonly what: string;
  readonly faults: FaultPlan;
  /** Whether there is an export in the end; else all users are read one by one, or nothing is verified. */
  readonly isRead: boolean;
  /** Each strike takes so long, by the tenant's clock. */
  readonly seconds?: number;
}

const ALWAYS = { times: 1_000 };

const TROUBLES: readonly Trouble[] = [
  { what: "whose job fails", faults: [{ on: "exportJob", kind: "fail", ...ALWAYS }], isRead: false },
  { what: "whose job vanishes", faults: [{ on: "exportJob", kind: "vanish", ...ALWAYS }], isRead: false },
  { what: "that is slow", faults: [{ on: "exportJob", kind: "slow", seconds: 1, ...ALWAYS }], isRead: true },
  { what: "whose link is refused", faults: [{ on: "download", kind: "linkExpired", ...ALWAYS }], isRead: false },
  {
    what: "whose link has run out once",
    faults: [{ on: "download", kind: "delay", ms: 0 }],
    ...{ seconds: 61, isRead: true },
  },
  {
    what: "whose file comes so slowly that the link runs out, and breaks off",
    faults: [
      { on: "download", kind: "cutFile", contentLength: "whole" },
      { on: "download", kind: "stuckFile", ms: 20 },
    ],
    ...{ seconds: 61, isRead: true },
  },
  { what: "whose file is cut off", faults: [{ on: "download", kind: "cutFile", ...ALWAYS }], isRead: false },
  {
    what: "whose file breaks off again and again",
    faults: [{ on: "download", kind: "cutFile", contentLength: "whole", ...ALWAYS }],
    isRead: false,
  },
  { what: "with a broken line", faults: [{ on: "exportJob", kind: "brokenLine", ...ALWAYS }], isRead: false },
  {
    what: "that does not have yet what was written last",
    faults: [{ on: "exportJob", kind: "stale", seconds: 3_600, ...ALWAYS }],
    isRead: true,
  },
];

const person = (i: number, more: object = {}) => ({
  user_id: `u${i}`,
  email: `person${i}@example.com`,
  email_verified: true,
  user_metadata: { plan: "a" },
  ...more,
});
const people = (count: number, more: object = {}) => Array.from({ length: count }, (_, i) => person(i, more));

describe("an export", () => {
  const at = EmulatedImport.forEach();
  const { ...usual } = BACKOFF;
  before(() => Object.assign(BACKOFF, { minTimeout: 1, maxTimeout: 1 }));
  after(() => Object.assign(BACKOFF, usual));

  const inTenant = (id: string) => {
    const user = at().emulator.tenant.users.get(`auth0|${id}`);
    assert.ok(user, id);
    return user;
  };
  const remove = (id: string) => at().emulator.tenant.users.delete(inTenant(id));
  const metadata = (i: number) => at().user(`person${i}@example.com`)?.user_metadata;
  const users = () => at().emulator.tenant.stats().users;

  /** As of a run with more users than may be read singly. */
  function reads(): ReadBack & { readonly census: SharedCensus } {
    const options = { expected: 0, onProgress: () => {}, onRetry: () => {}, stop: new AbortController().signal };
    return {
      budget: { left: 0, spend: () => false },
      census: new SharedCensus(() => takeCensus(at().tenantToRead, CONNECTION, options)),
      follow: () => () => {},
    };
  }

  /** Jobs are looked at again at once. */
  function beImpatient(): void {
    const { pace } = at().tenantToRead;
    const watch = pace.watch.bind(pace);
    pace.watch = (...job) => Object.assign(watch(...job), { untilNextLook: () => 20 });
  }

  /** A run that reads users back. */
  async function run(records: readonly object[], onExisting: "fail" | "adopt", before?: Saved): Promise<Saved> {
    at().warnings = [];
    const { name: connection } = at().emulator.tenant.connections.get(CONNECTION) as { readonly name: string };
    const readBack = reads();
    const saved = await at().import(records, before, {
      ...{ reads: readBack, settings: { onExisting, onConflict: "keep" } },
      preflight: async () => ({ ...RULES, connection }),
    });
    await readBack.census.close();
    return saved;
  }

  async function verify(records: readonly object[], saved: Saved) {
    const file = path.join(at().folder, "users.ndjson");
    writeFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    const read = await SourceReader.read({
      ...{ patterns: [file], transform: undefined, unsupportedPasswordHash: "fail", batches: 1 },
      ...{ key: KEY, validate: false },
    });
    const batch = { ledger: Ledger.decode(saved.ledger), ends: new Map([[saved.runNumber, Date.now()]]) };
    const options = { onProgress: () => {}, onRetry: () => {}, stop: new AbortController().signal };
    try {
      const imported = { connectionId: CONNECTION, key: KEY, generateUserIds: true, batches: [batch], read };
      const { present, linked, missing } = (await verifyImport(imported, at().tenantToRead, options)).verification;
      return { present, linked, missing };
    } finally {
      await read.source.close();
    }
  }

  for (const { what, faults, isRead, seconds = 0 } of TROUBLES) {
    describe(what, () => {
      beforeEach(async () => {
        const clock = new VirtualClock();
        await at().startTenant({ clock, exportUsersPerSecond: 0 });
        beImpatient();
        const { faults: plan } = at().emulator.tenant;
        plan.onStrike = () => clock.advance(seconds);
        plan.replace(faults);
      });

      const assertTold = () => {
        const told = at().warnings.filter((each) => /Nothing is concluded from it\. So users are read/.test(each));
        assert.equal(told.length, isRead ? 0 : 1, at().warnings.join("\n"));
        assert.ok(at().emulator.tenant.faults.report()[0]?.struck, "it struck");
      };

      it("doubles nobody who is there already, and leaves nobody out", async () => {
        for (const { user_id, email, ...others } of people(6)) {
          addUser(at().emulator, email, { ...others, ...(user_id === "u1" ? { name: "X" } : {}) }, user_id, Date.now());
        }
        const first = await run(people(7), "adopt");
        assert.deepEqual([first.summary.adopted, first.summary.inserted, users()], [6, 1, 7]);
        assertTold();
        at().emulator.tenant.faults.clear();
        const jobs = at().jobs;
        const next = await run(people(7), "adopt", first);
        assert.deepEqual([next.summary.unchanged, at().jobs, users()], [7, jobs, 7]);
      });

      // Of one that can't be read it makes no difference.
      for (const exportLinked of isRead ? [true, false] : [true]) {
        it(`writes over nothing, and makes nobody anew; linked users in it: ${exportLinked}`, async () => {
          Object.assign(at().emulator.tenant.assumptions, { exportLinked });
          const first = await at().import(people(8));
          at().changeInTenant("person1@example.com", { user_metadata: { plan: "a", cart: 1 } });
          at().changeInTenant("person2@example.com", { user_metadata: { plan: "theirs" } });
          remove("u3");
          addUser(at().emulator, "primary@example.com", {}, "primary", Date.now());
          at().emulator.tenant.users.link(inTenant("primary"), inTenant("u4"));

          const edited = people(8, { user_metadata: { plan: "b" } });
          const second = await run(edited, "fail", first);
          assertTold();
          assert.equal(second.summary.updated, 5);
          const expected = [0, 1, 2, 5, 6, 7].map((i) => ({
            plan: i === 2 ? "theirs" : "b",
            ...(i === 1 ? { cart: 1 } : {}),
          }));
          assert.deepEqual([0, 1, 2, 5, 6, 7].map(metadata), expected);
          assert.equal(metadata(3), undefined);
          // A linked one is no user of their own.
          assert.equal(users(), 7);

          at().emulator.tenant.faults.clear();
          const jobs = at().jobs;
          const next = await run(edited, "fail", second);
          assert.deepEqual([next.summary.unchanged, at().jobs, users()], [5, jobs, 7]);
        });
      }

      it("lets a verification call nobody missing who is there", async () => {
        const saved = await at().import(people(8));
        remove("u1");
        addUser(at().emulator, "primary@example.com", {}, "primary", Date.now());
        at().emulator.tenant.users.link(inTenant("primary"), inTenant("u2"));
        const found = { present: 6, linked: 1, missing: 1 };
        if (isRead) assert.deepEqual(await verify(people(8), saved), found);
        else
          await assert.rejects(
            verify(people(8), saved),
            (error) =>
              error instanceof ExportError && /Nothing is concluded from it\. Run again\.$/.test(error.message),
          );
        at().emulator.tenant.faults.clear();
        assert.deepEqual(await verify(people(8), saved), found);
      });
    });
  }
});
