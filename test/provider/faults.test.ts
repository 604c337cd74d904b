import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Emulator, startEmulator } from "../../emulator";
import type { Connection } from "../../emulator/connections";
import type { Fault } from "../../emulator/faultPlan";
import type { FailedRecord, Job, Summary } from "../../provider";
import { USUAL_INPUTS } from "../support/batch";
import { PartialFailure, type Properties, ProviderProcess, programFolder } from "../support/providerProcess";
import { addUser } from "../support/tenantUsers";

const KEY = "0123456789abcdef";
const JOBS = 5;
const USERS_A_JOB = 10;
const USERS = JOBS * USERS_A_JOB;

/** Large records, so that a few of them fill a job. */
const FILLER = "x".repeat(50_000);
const person = (i: number, attributes: object = {}) => ({
  email: `person${i}@example.com`,
  email_verified: true,
  user_metadata: { filler: FILLER },
  ...attributes,
});
const people = (attributes: (i: number) => object = () => ({})) =>
  Array.from({ length: USERS }, (_, i) => person(i, attributes(i)));

interface Outputs {
  summary: Summary;
  jobs: Job[];
  failedRecords: FailedRecord[];
  complete: boolean;
}

describe("the import engine", function () {
  this.timeout(60_000);
  let emulator: Emulator;
  let provider: ProviderProcess;
  let folder: string;

  const open = async () => {
    emulator = await startEmulator({ usersPerSecond: 200 });
    folder = programFolder();
  };
  const close = async () => {
    await provider.stop();
    await emulator.stop();
    rmSync(folder, { recursive: true });
  };

  async function start(env: Record<string, string> = {}, config: Record<string, string> = {}): Promise<void> {
    await provider?.stop();
    provider = await ProviderProcess.start(
      {
        "auth0:domain": emulator.url,
        "auth0:clientId": "emulator",
        "auth0:clientSecret": "emulator",
        ...config,
      },
      folder,
      { USER_IMPORT_TEST_TIMEOUT_MS: "1000", ...env },
    );
  }

  const write = (users: readonly object[], name = "users.json") =>
    writeFileSync(path.join(folder, name), JSON.stringify(users));

  const inputs = (overrides: Properties = {}): Properties => ({
    ...USUAL_INPUTS,
    key: KEY,
    externalId: "test",
    resultsDir: "results",
    resourceUrn: "urn:pulumi:dev::test::pulumi-nodejs:dynamic/auth0import:UserBatch::batch",
    ...overrides,
  });

  async function create(overrides: Properties = {}): Promise<Outputs> {
    const { inputs: checked, failures } = await provider.check("UserBatch", {}, inputs(overrides));
    assert.deepEqual(failures, []);
    return (await provider.create("UserBatch", checked)).outputs as unknown as Outputs;
  }

  async function update(olds: Outputs, overrides: Properties = {}): Promise<Outputs> {
    const old = olds as unknown as Properties;
    const { inputs: checked } = await provider.check("UserBatch", inputs({ source: old.source }), inputs(overrides));
    const { changes } = await provider.diff("UserBatch", old, checked);
    return changes ? ((await provider.update("UserBatch", old, checked)) as unknown as Outputs) : olds;
  }

  const tallies = () => Object.values(emulator.tenant.tallies());

  /** All are in the tenant, each by one insert, and the summary says the same. */
  function assertEachOnce({ summary, complete }: Outputs, expected = USERS): void {
    assert.equal(emulator.tenant.stats().users, expected);
    for (const { inserted } of tallies()) assert.ok(inserted <= 1);
    assert.equal(complete, true);
    const { inserted, failed, invalid, notApplied } = summary;
    assert.deepEqual(
      { inserted, failed, invalid, notApplied },
      { inserted: expected, failed: 0, invalid: 0, notApplied: 0 },
    );
  }

  describe("loses nobody and repeats nobody at", () => {
    // One provider process for all: each import has a file and a results folder of its own.
    before(async () => {
      await open();
      await start();
    });
    after(close);
    let number = 0;

    /** What may go wrong; `resends`: the users of that job may be sent a second time. */
    const faults: readonly { name: string; fault: (n: number) => Fault; resends: boolean }[] = [
      { name: "a submission that is cut off", fault: (nth) => ({ on: "submit", nth, kind: "reset" }), resends: true },
      { name: "a lost answer", fault: (nth) => ({ on: "submit", nth, kind: "resetAfter" }), resends: true },
      {
        name: "a submission that hangs, taken",
        fault: (nth) => ({ on: "submit", nth, kind: "hang", processed: true }),
        resends: true,
      },
      {
        name: "a submission that hangs, not taken",
        fault: (nth) => ({ on: "submit", nth, kind: "hang" }),
        resends: true,
      },
      {
        name: "a 502 of a proxy in HTML, the job taken",
        fault: (nth) => ({ on: "submit", nth, kind: "status", code: 502, body: "html", processed: true }),
        resends: true,
      },
      { name: "a 503", fault: (nth) => ({ on: "submit", nth, kind: "status", code: 503 }), resends: true },
      { name: "a truncated answer", fault: (nth) => ({ on: "submit", nth, kind: "truncatedJson" }), resends: true },
      {
        name: "an answer that breaks off",
        fault: (nth) => ({ on: "submit", nth, kind: "truncatedJson", contentLength: "whole" }),
        resends: true,
      },
      { name: "a malformed answer", fault: (nth) => ({ on: "submit", nth, kind: "malformedJson" }), resends: true },
      {
        name: "the rate limit",
        fault: (nth) => ({ on: "submit", nth, kind: "rateLimit", resetInSeconds: 1 }),
        resends: false,
      },
      { name: "a token that ran out", fault: (nth) => ({ on: "submit", nth, kind: "unauthorized" }), resends: false },
      {
        name: "somebody else's jobs",
        fault: (nth) => ({ on: "submit", nth, kind: "foreignJobs", seconds: 1 }),
        resends: false,
      },
      { name: "a status that is cut off", fault: (nth) => ({ on: "status", nth, kind: "reset" }), resends: false },
      { name: "a status that hangs", fault: (nth) => ({ on: "status", nth, kind: "hang" }), resends: false },
      {
        name: "a status of 500 in HTML",
        fault: (nth) => ({ on: "status", nth, kind: "status", code: 500, body: "html" }),
        resends: false,
      },
      { name: "a truncated status", fault: (nth) => ({ on: "status", nth, kind: "truncatedJson" }), resends: false },
      {
        name: "a token that ran out while waiting",
        fault: (nth) => ({ on: "status", nth, kind: "unauthorized" }),
        resends: false,
      },
      {
        name: "a job that fails half-way",
        fault: (nth) => ({ on: "job", nth, kind: "fail", afterPercent: 50 }),
        resends: true,
      },
      {
        name: "a job that fails and says nothing",
        fault: (nth) => ({ on: "job", nth, kind: "fail", details: null }),
        resends: true,
      },
      {
        name: "a job that expires",
        fault: (nth) => ({ on: "job", nth, kind: "expire", afterPercent: 50 }),
        resends: true,
      },
      {
        name: "a job that vanishes",
        fault: (nth) => ({ on: "job", nth, kind: "vanish", afterPercent: 50 }),
        resends: true,
      },
    ];

    const all = [1, 3, JOBS];
    const runs = faults.flatMap((each) =>
      // One call that is refused two times for its token ends the run.
      (each.name.includes("token") ? all.map((nth) => [nth]) : [all]).map((where) => ({ ...each, where })),
    );
    for (const { name, fault, resends, where } of runs) {
      it(`${name}: of ${JOBS}, ${where.join(", ")}`, async () => {
        emulator.tenant.reset();
        emulator.tenant.faults.replace(where.map(fault));
        // Half of the users have an id of their own, unique among all imports of the process; the others one that is made up.
        const file = `users${++number}.json`;
        write(
          people((i) => (i % 2 === 0 ? { user_id: `${number}-${i}` } : {})),
          file,
        );
        const outputs = await create({ users: [file], resultsDir: `results${number}` });
        assertEachOnce(outputs);
        assert.ok(
          emulator.tenant.faults.report().every(({ struck }) => struck > 0),
          "a fault never struck",
        );
        const sentTwice = tallies().filter(({ sent }) => sent > 1).length;
        assert.ok(sentTwice <= (resends ? where.length * USERS_A_JOB : 0), `${sentTwice} users were sent twice`);
      });
    }
  });

  describe("in a run of its own", () => {
    beforeEach(open);
    afterEach(close);

    it("tells the retries of each job", async () => {
      emulator.tenant.faults.replace([
        { on: "submit", nth: 1, kind: "status", code: 503 },
        { on: "submit", nth: 3, kind: "hang" },
        { on: "submit", nth: 5, kind: "delay", ms: 1_500 },
        { on: "status", nth: 1, kind: "delay", ms: 1_500 },
        { on: "token", nth: 1, kind: "hang" },
        { on: "submit", nth: 6, kind: "reset" },
      ]);
      write(people());
      await start();
      const { jobs } = await create();
      const retries = jobs.flatMap((job) => job.retries);
      assert.ok(retries.length >= 5, retries.join());
      assert.deepEqual([...new Set(retries)].sort(), ["ECONNRESET", "HTTP 503", "no answer in time"]);
    });

    it("sends nothing after its deadline, and goes on at the next run", async () => {
      write(people());
      await start();
      await assert.rejects(create({ deadline: "0s" }), /The deadline is near, and another job would not end before it/);
      assert.equal(emulator.tenant.stats().jobs.total, 0);
      await start();
      assertEachOnce(await create());
    });

    it("keeps to the slots of the tenant, and to the requests a second that the user allows", async () => {
      write(people());
      await emulator.stop();
      emulator = await startEmulator({ usersPerSecond: 4, maxActiveJobs: 4 });
      await start({}, { "auth0-user-import:maxActiveJobs": "4", "auth0-user-import:requestsPerSecond": "20" });
      assertEachOnce(await create());
      assert.equal(emulator.tenant.stats().jobs.maxActiveSeen, 4);
      assert.equal(emulator.tenant.stats().answers["POST /api/v2/jobs/users-imports"]?.[429], undefined);
    });

    const ONE_SLOT = { "auth0-user-import:maxActiveJobs": "1" };

    describe("sends again what failed", () => {
      /** Too large for two of them in one job. */
      const LARGE = "x".repeat(300_000);
      const four = ["ann", "bob", "cid", "dan"].map((name) => ({
        ...person(0),
        email: `${name}@example.com`,
        user_metadata: { filler: LARGE },
      }));
      const assertEnds = ({ summary, complete }: Outputs, expected: Partial<Summary>) => {
        const { inserted, adopted, failed } = summary;
        assert.deepEqual({ inserted, adopted, failed }, { adopted: 0, failed: 0, ...expected });
        assert.equal(complete, true);
        assert.equal(emulator.tenant.stats().users, four.length);
      };

      it("where onExisting changed, and the run before has left its journal", async () => {
        write(four);
        addUser(emulator, "ann@example.com", { email_verified: true }, "ann");
        emulator.tenant.faults.replace([{ on: "submit", nth: 4, kind: "status", code: 400 }]);
        await start({}, ONE_SLOT);
        const first = (await assertRejects(create())).properties as unknown as Outputs;
        assert.deepEqual([first.summary.inserted, first.summary.failed], [2, 1]);
        emulator.tenant.faults.clear();
        await start();
        assertEnds(await update(first, { onExisting: "adopt" }), { inserted: 3, adopted: 1 });
      });

      it("where triggers changed, and the run before was killed", async () => {
        write(four);
        emulator.tenant.faults.replace([{ on: "job", kind: "error", email: "^ann", code: "CONFLICT" }]);
        await start({ USER_IMPORT_DIE_AFTER_LINE: "6" }, ONE_SLOT);
        await assert.rejects(create());
        emulator.tenant.faults.clear();
        await start();
        assertEnds(await create({ triggers: ["again"] }), { inserted: 4 });
      });
    });

    describe("goes on after a kill -9 of the provider", () => {
      const journal = () => readFileSync(path.join(folder, "results/journal/batch.ndjson"), "utf8");

      it("after a line of each kind: nobody twice, nobody missing", async () => {
        write(people((i) => (i % 2 === 0 ? { user_id: `source-${i}` } : {})).slice(0, USERS_A_JOB - 1));
        for (const [i, kind] of ["version", "intent", "accepted", "finished"].entries()) {
          emulator.tenant.reset();
          await start({ USER_IMPORT_DIE_AFTER_LINE: String(i + 1) });
          await assert.rejects(create());
          assert.ok(kind in (JSON.parse(journal().trimEnd().split("\n").at(-1) as string) as object));
          await start();
          assertEachOnce(await create(), USERS_A_JOB - 1);
          const sentTwice = tallies().filter(({ sent }) => sent > 1).length;
          assert.ok(sentTwice === 0 || kind === "intent", `${kind}: ${sentTwice} users were sent twice`);
          rmSync(path.join(folder, "results"), { recursive: true });
        }
      }).timeout(180_000);

      it("though the file changed in between: what was sent still counts", async () => {
        write(people());
        await start({ USER_IMPORT_DIE_AFTER_LINE: "9" });
        await assert.rejects(create());
        const source = readFileSync(path.join(folder, "users.json"), "utf8");
        const intents = journal().matchAll(/"spans":\[\["users\.json",(\d+),(\d+)\]\]/g);
        const sent = [...intents].flatMap(([, start, end]) =>
          JSON.parse(`[${source.slice(Number(start), Number(end))}]`),
        );
        assert.ok(sent.length >= 2 * USERS_A_JOB);
        assert.deepEqual(sent, (JSON.parse(source) as object[]).slice(0, sent.length));
        write(people((i) => (i === 0 ? { given_name: "Changed" } : {})));
        await start();
        const { summary } = await create();
        const notes = provider.logs.map(({ message }) => message);
        assert.ok(
          notes.some((note) =>
            /^Goes on where an interrupted run stopped\. .*\d+ users of users\.json, bytes /.test(note),
          ),
          notes.join("\n"),
        );
        assert.equal(summary.inserted + summary.updated, USERS);
        assert.equal(summary.failed, 0);
        assert.equal(emulator.tenant.stats().users, USERS);
      });

      it("though the file was put back in between: the state learns what was sent", async () => {
        write(people());
        await start();
        const first = await create();
        await start();
        assert.equal((await update(first)).summary, first.summary, "nothing is left to do");
        write(people((i) => (i < 2 * USERS_A_JOB ? { user_metadata: { changed: i } } : {})));
        await start({ USER_IMPORT_DIE_AFTER_LINE: "3" });
        await assert.rejects(update(first));
        write(people());
        await start();
        const { summary } = await update(first);
        assert.ok(summary.updated > 0, "what the interrupted run changed is changed back");
      });

      it("without its journal: users with an id made up by us are recognised, and those who came since the key was made", async () => {
        const created = new Date().toISOString();
        write(people((i) => (i % 2 === 0 ? { user_id: `source-${i}` } : {})));
        await start({ USER_IMPORT_DIE_AFTER_LINE: "9" });
        await assert.rejects(create({ created }));
        rmSync(path.join(folder, "results"), { recursive: true });
        await start();
        assertEachOnce(await create({ created }));
      });

      it("to the end of its jobs, where the connection takes no more: says why, and keeps what is done", async () => {
        write(people());
        await start({ USER_IMPORT_DIE_AFTER_LINE: "9" });
        await assert.rejects(create());
        const { tenant } = emulator;
        const { options, ...connection } = tenant.connections.get("con_0000000000000001") as Connection;
        tenant.putConnection({ ...connection, options: { ...options, enabledDatabaseCustomization: true } });
        await start();
        const failure = await assertRejects(create());
        assert.match(failure.message, /import_mode.* Nothing more was sent\. \d0 of 50 users are dealt with/);
        tenant.putConnection({ ...connection, options });
        await start();
        assertEachOnce(await update(failure.properties as unknown as Outputs));
      });

      it("waits for a process that still drives the journal", async () => {
        write(people());
        await emulator.stop();
        emulator = await startEmulator({ usersPerSecond: 20 });
        await start();
        const orphan = provider;
        const orphansEnd = create();
        await until(() => emulator.tenant.stats().jobs.active > 0);
        provider = undefined as unknown as ProviderProcess;
        await start();
        const outputs = await create();
        await orphansEnd;
        assertEachOnce(outputs);
        for (const { sent } of tallies()) assert.equal(sent, 1);
        await orphan.stop();
      });
    });
  });

  async function assertRejects(promise: Promise<unknown>): Promise<PartialFailure> {
    try {
      await promise;
    } catch (error) {
      assert.ok(error instanceof PartialFailure, String(error));
      assert.ok("__provider" in error.properties, "refresh and destroy could never run again");
      return error;
    }
    throw new assert.AssertionError({ message: "it should have failed" });
  }
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}
