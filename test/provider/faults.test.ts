import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Emulator, startEmulator } from "../../emulator";
import type { Connection } from "../../emulator/connections";
import type { Fault } from "../../emulator/faultPlan";
import type { FailedRecord, Job, Summary } from "../../provider";
import { PartialFailure, type Properties, ProviderProcess, programFolder } from "../support/providerProcess";
import { addUser, attributesOf, changeUser } from "../support/tenantUsers";

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
    connectionId: "con_0000000000000001",
    users: ["users.json"],
    key: KEY,
    share: { index: 0, count: 1 },
    onExisting: "fail",
    unsupportedPasswordHash: "fail",
    generateUserIds: true,
    triggers: [],
    sealed: false,
    externalId: "test",
    sendCompletionEmail: false,
    configNamespace: "auth0",
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

    for (const { name, fault, resends } of faults) {
      for (const [where, nth] of [
        ["first", 1],
        ["middle", 3],
        ["last", JOBS],
      ] as const) {
        it(`${name}: the ${where} one`, async () => {
          emulator.tenant.reset();
          emulator.tenant.faults.replace([fault(nth)]);
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
            "the fault never struck",
          );
          const sentTwice = tallies().filter(({ sent }) => sent > 1).length;
          assert.ok(sentTwice <= (resends ? USERS_A_JOB : 0), `${sentTwice} users were sent twice`);
        });
      }
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

    it("finds the one record that makes every job fail, and imports all others", async () => {
      emulator.tenant.faults.replace([{ on: "job", kind: "poison", email: "^person23@" }]);
      write(people());
      await start();
      const { summary, failedRecords, jobs } = await create();
      assert.deepEqual({ inserted: summary.inserted, failed: summary.failed }, { inserted: USERS - 1, failed: 1 });
      assert.deepEqual(
        failedRecords.map(({ identity, code }) => [identity, code]),
        [["email:person23@example.com", "JOB_FAILED"]],
      );
      assert.equal(emulator.tenant.stats().users, USERS - 1);
      assert.ok(jobs.length <= JOBS + 2 + 2 * Math.ceil(Math.log2(USERS_A_JOB)) + 1, `${jobs.length} jobs`);
    });

    it("ends with a clear error where every job fails, and goes on when the tenant is well again", async () => {
      emulator.tenant.faults.replace([{ on: "job", nth: { from: 1 }, kind: "fail" }]);
      write(people());
      await start();
      const failure = await assertRejects(create());
      assert.match(failure.message, /12 import jobs in a row failed as a whole/);
      emulator.tenant.faults.clear();
      await start();
      assertEachOnce(await update(failure.properties as unknown as Outputs));
    });

    it("goes on with jobs whose end it could not see, of users with ids of their own", async () => {
      write(people((i) => ({ user_id: `source-${i}` })));
      emulator.tenant.faults.replace([{ on: "status", nth: { from: 1 }, kind: "status", code: 503 }]);
      await start({ USER_IMPORT_TEST_RETRIES: "0" });
      const failure = await assertRejects(create());
      emulator.tenant.faults.clear();
      await start();
      assertEachOnce(await update(failure.properties as unknown as Outputs));
      for (const { sent } of tallies()) assert.equal(sent, 1);
    });

    it("does not take users for its own whom somebody else put there", async () => {
      write(people((i) => ({ user_id: `source-${i}` })));
      await start();
      await create({ key: "of somebody else", resultsDir: "elsewhere" });
      // An answer is lost, so those of the first job may be ours; those of the others can't.
      emulator.tenant.faults.replace([{ on: "submit", nth: 1, kind: "resetAfter" }]);
      await start();
      const { summary } = await create();
      assert.deepEqual(
        { inserted: summary.inserted, failed: summary.failed },
        { inserted: USERS_A_JOB, failed: USERS - USERS_A_JOB },
      );
    });

    it("stops before its deadline, awaits what runs, and goes on at the next run", async () => {
      write(people());
      await emulator.stop();
      emulator = await startEmulator({ usersPerSecond: 4 });
      await start();
      const failure = await assertRejects(create({ deadline: "6s" }));
      assert.match(failure.message, /The deadline is near.*\d+ of 50 users are dealt with.*Run `pulumi up` again/s);
      assert.equal(emulator.tenant.stats().jobs.active, 0);
      const done = emulator.tenant.stats().users;
      assert.ok(done > 0 && done < USERS, `${done} users`);
      await start();
      assertEachOnce(await update(failure.properties as unknown as Outputs));
      for (const { sent } of tallies()) assert.equal(sent, 1);
    });

    it("waits for slots that somebody else holds no longer than to its deadline", async () => {
      write(people());
      emulator.tenant.jobs.occupy(2, 3_600);
      await start();
      await assert.rejects(create({ deadline: "6s" }), /The deadline is near/);
      assert.equal(emulator.tenant.stats().users, 0);
      const { requests } = emulator.tenant.stats();
      assert.ok((requests["POST /api/v2/jobs/users-imports"] ?? 0) > 1);
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

    describe("over runs that end early", () => {
      const ONE_SLOT = { "auth0-user-import:maxActiveJobs": "1" };
      /** Too large for two of them in one job. */
      const LARGE = "x".repeat(300_000);
      const named = (name: string, metadata: object = {}) => ({
        ...person(0),
        email: `${name}@example.com`,
        user_metadata: { filler: LARGE, ...metadata },
      });
      const four = ["ann", "bob", "cid", "dan"].map((name) => named(name));
      const refuseAnn: Fault = { on: "job", kind: "error", email: "^ann", code: "CONFLICT" };

      const early = async (run: Promise<Outputs>) => (await assertRejects(run)).properties as unknown as Outputs;
      const endsAtSubmit = (nth: number): Fault => ({ on: "submit", nth, kind: "status", code: 400 });

      /** Somebody with an id of the source, who is there since long before. */
      const putThere = (name: string) =>
        addUser(emulator, `${name}@example.com`, { user_metadata: { of: "theirs" } }, name);
      const metadataOf = (name: string) => attributesOf(emulator, `${name}@example.com`)?.user_metadata;
      const writeInTenant = (name: string, user_metadata: object) =>
        changeUser(emulator, `${name}@example.com`, { user_metadata });
      const cases = [
        { change: { triggers: ["again"] }, faults: [refuseAnn], prepare: () => {}, ends: { inserted: 4 } },
        {
          change: { onExisting: "adopt" },
          faults: [],
          prepare: () => putThere("ann"),
          ends: { inserted: 3, adopted: 1 },
        },
      ];
      for (const { change, faults, prepare, ends } of cases) {
        const what = Object.keys(change).join();
        const assertEnds = ({ summary, complete }: Outputs) => {
          const { inserted, adopted, failed } = summary;
          assert.deepEqual({ inserted, adopted, failed }, { adopted: 0, failed: 0, ...ends });
          assert.equal(complete, true);
          assert.equal(emulator.tenant.stats().users, four.length);
        };

        it(`sends again what failed, where ${what} changed, and the run before has left its journal`, async () => {
          write(four);
          prepare();
          emulator.tenant.faults.replace([...faults, endsAtSubmit(4)]);
          await start({}, ONE_SLOT);
          const first = await early(create());
          assert.deepEqual([first.summary.inserted, first.summary.failed], [2, 1]);
          emulator.tenant.faults.clear();
          await start();
          assertEnds(await update(first, change));
        });

        it(`sends again what failed, where ${what} changed, and the run before was killed`, async () => {
          write(four);
          const killed = async () => {
            prepare();
            emulator.tenant.faults.replace(faults);
            await start({ USER_IMPORT_DIE_AFTER_LINE: "6" }, ONE_SLOT);
            await assert.rejects(create());
            emulator.tenant.faults.clear();
            await start();
          };
          await killed();
          const { summary } = await create();
          assert.deepEqual([summary.inserted, summary.failed], [3, 1], "without a change it is listed");
          emulator.tenant.reset();
          rmSync(path.join(folder, "results"), { recursive: true });
          await killed();
          assertEnds(await create(change));
        });
      }

      it("leaves alone who was sent once more since a job with them failed as a whole", async () => {
        write(four);
        emulator.tenant.faults.replace([{ on: "job", nth: 1, kind: "fail" }, endsAtSubmit(5)]);
        await start({}, ONE_SLOT);
        const first = await early(create());
        write([named("ann", { edited: true }), named("bob", { edited: true }), ...four.slice(2)]);
        emulator.tenant.faults.replace([endsAtSubmit(2)]);
        await start({}, ONE_SLOT);
        const second = await early(update(first));
        assert.deepEqual(metadataOf("ann"), { filler: LARGE, edited: true });
        const written = { filler: LARGE, edited: true, theme: "dark" };
        writeInTenant("ann", written);
        emulator.tenant.faults.clear();
        await start();
        const third = await update(second);
        assert.equal(third.complete, true);
        assert.deepEqual(metadataOf("ann"), written);
      });

      const ofVersion = (name: string, version: number, attributes: object = {}) => ({
        ...{ email: `${name}@example.com`, email_verified: true, user_metadata: { version } },
        ...attributes,
      });

      for (const [onExisting, count] of [
        ["fail", "failed"],
        ["adopt", "adopted"],
        ["overwrite", "updated"],
      ] as const) {
        it(`${onExisting}: does not take for its own who was there before with the source's id, whatever was lost`, async () => {
          write([ofVersion("ann", 1, { user_id: "ann" })]);
          const assertTheirs = (outputs: Outputs, how: string) => {
            assert.equal(outputs.summary[count], 1, how);
            assert.deepEqual(metadataOf("ann"), onExisting === "overwrite" ? { version: 1 } : { of: "theirs" }, how);
          };
          putThere("ann");
          emulator.tenant.faults.replace([{ on: "submit", nth: 1, kind: "reset" }]);
          await start();
          assertTheirs(await create({ onExisting }), "a reset");
          for (const line of ["2", ...(onExisting === "overwrite" ? ["5"] : [])]) {
            emulator.tenant.reset();
            rmSync(path.join(folder, "results"), { recursive: true });
            putThere("ann");
            await start({ USER_IMPORT_DIE_AFTER_LINE: line });
            await assert.rejects(create({ onExisting }));
            await start();
            assertTheirs(await create({ onExisting }), `killed after line ${line}`);
          }
        });
      }

      it("brings up to the file who may have come with one of two earlier records", async () => {
        write([ofVersion("ann", 1)]);
        await start({ USER_IMPORT_DIE_AFTER_LINE: "3" });
        await assert.rejects(create());
        await until(() => emulator.tenant.stats().users === 1);
        write([ofVersion("ann", 2)]);
        // The job is gone, and the answer to the next one is lost.
        emulator.tenant.faults.replace([
          { on: "status", nth: 1, kind: "status", code: 404 },
          { on: "submit", nth: 1, kind: "resetAfter" },
        ]);
        await start();
        assert.equal((await create()).summary.updated, 1);
        assert.deepEqual(metadataOf("ann"), { version: 2 });
      });

      it("remembers who may have come, though the record is wrong or gone when the import ends", async () => {
        for (const between of [[ofVersion("ann", 1, { blocked: "no" })], []]) {
          emulator.tenant.reset();
          rmSync(path.join(folder, "results"), { recursive: true, force: true });
          write([ofVersion("ann", 1)]);
          await start({ USER_IMPORT_DIE_AFTER_LINE: "3" });
          await assert.rejects(create());
          await until(() => emulator.tenant.stats().users === 1);
          emulator.tenant.faults.replace([{ on: "status", nth: 1, kind: "status", code: 404 }]);
          write([...between, ofVersion("bob", 1)]);
          await start();
          const first = await create();
          assert.equal(first.complete, true);
          write([ofVersion("ann", 2), ofVersion("bob", 1)]);
          await start();
          await update(first);
          assert.deepEqual(metadataOf("ann"), { version: 2 });
        }
      });

      it("leaves alone what the application wrote, where an older copy of the journal is put back", async () => {
        const journal = path.join(folder, "results/journal/batch.ndjson");
        const filler = (of: string) => ({ app_metadata: { of } });
        write([ofVersion("ann", 1, filler("")), ofVersion("bob", 1, filler(""))]);
        emulator.tenant.faults.replace([{ on: "status", kind: "status", code: 403 }]);
        await start({}, ONE_SLOT);
        const first = await early(create());
        const copy = readFileSync(journal);
        write([ofVersion("ann", 2, filler(LARGE)), ofVersion("bob", 2, filler(LARGE))]);
        emulator.tenant.faults.replace([endsAtSubmit(2)]);
        await start({}, ONE_SLOT);
        const second = await early(update(first));
        assert.deepEqual(metadataOf("ann"), { version: 2 });
        writeInTenant("ann", { theme: "dark" });
        writeFileSync(journal, copy);
        emulator.tenant.faults.clear();
        await start();
        const third = await update(second);
        assert.equal(third.complete, true);
        assert.deepEqual([metadataOf("ann"), metadataOf("bob")], [{ theme: "dark" }, { version: 2 }]);
      });

      it("goes on with its journal after a run with a wrong connectionId", async () => {
        write(people((i) => ({ user_id: `source-${i}` })));
        await start({ USER_IMPORT_DIE_AFTER_LINE: "7" });
        await assert.rejects(create());
        await start();
        await assert.rejects(create({ connectionId: "con_0000000000000009" }), /does not exist/);
        await start();
        assertEachOnce(await create());
      });

      it("overwrite: sends no more than what changed, once all but the factors was applied", async () => {
        putThere("ann");
        const withFactors = (nickname: string) => [
          ofVersion("ann", 1, { nickname, mfa_factors: [{ totp: { secret: "2PRXZWZAYYDAWCD" } }] }),
        ];
        write(withFactors("a"));
        emulator.tenant.faults.replace([
          { on: "job", nth: 2, kind: "error", email: "^ann", code: "MFA_FACTORS_FAILED", applied: true },
        ]);
        await start();
        const first = await create({ onExisting: "overwrite" });
        assert.equal(first.failedRecords[0]?.code, "MFA_FACTORS_FAILED");
        writeInTenant("ann", { version: 1, theme: "dark" });
        emulator.tenant.faults.clear();
        write(withFactors("b"));
        await start();
        assert.equal((await update(first, { onExisting: "overwrite" })).summary.updated, 1);
        assert.deepEqual(metadataOf("ann"), { version: 1, theme: "dark" });
      });

      it("overwrite: sends a record that failed no more than once, where only others change", async () => {
        putThere("ann");
        const ann = ofVersion("ann", 1, { blocked: true });
        write([ann, ofVersion("bob", 1)]);
        emulator.tenant.faults.replace([{ on: "job", nth: 2, kind: "error", email: "^ann", code: "FORMAT" }]);
        await start();
        const first = await create({ onExisting: "overwrite" });
        emulator.tenant.faults.clear();
        write([ann, ofVersion("bob", 2)]);
        await start();
        const { summary } = await update(first, { onExisting: "overwrite" });
        assert.deepEqual([summary.updated, summary.failed], [1, 1]);
        assert.deepEqual(metadataOf("ann"), { of: "theirs" });
      });

      it("takes in the other jobs of a killed run, though one can't be asked for", async () => {
        write(four);
        // The jobs last, so that both of them are under way.
        emulator.tenant.faults.replace([{ on: "status", kind: "delay", ms: 500 }]);
        await start({ USER_IMPORT_DIE_AFTER_LINE: "5" }, { "auth0-user-import:maxActiveJobs": "2" });
        await assert.rejects(create());
        emulator.tenant.faults.replace([
          { on: "status", nth: 1, kind: "status", code: 403 },
          { on: "status", nth: 2, kind: "delay", ms: 300 },
        ]);
        await start();
        const first = await early(create());
        assert.equal(first.jobs.length, 1);
        emulator.tenant.faults.clear();
        await start();
        assertEachOnce(await update(first), four.length);
      });
    });

    describe("goes on after a kill -9 of the provider", () => {
      const journal = () => readFileSync(path.join(folder, "results/journal/batch.ndjson"), "utf8");

      it("after each line of the journal of a first import: nobody twice, nobody missing", async () => {
        write(people((i) => (i % 2 === 0 ? { user_id: `source-${i}` } : {})));
        await start();
        await create();
        const lines = journal().trimEnd().split("\n").length;
        assert.ok(lines > 3 * JOBS, `${lines} lines`);
        assert.doesNotMatch(journal(), /person|example|source-/);
        for (let line = 1; line <= lines; line++) {
          emulator.tenant.reset();
          rmSync(path.join(folder, "results"), { recursive: true });
          await start({ USER_IMPORT_DIE_AFTER_LINE: String(line) });
          await assert.rejects(create());
          await start();
          assertEachOnce(await create());
          const sentTwice = tallies().filter(({ sent }) => sent > 1).length;
          assert.ok(sentTwice <= 2 * USERS_A_JOB, `line ${line}: ${sentTwice} users were sent twice`);
        }
      }).timeout(180_000);

      it("after each line of the journal of an update", async () => {
        write(people());
        await start();
        let first = await create();
        const changed = people((i) => (i < 2 * USERS_A_JOB ? { given_name: `Changed${i}` } : {}));
        const changes = 2 * USERS_A_JOB;
        let lines = Number.POSITIVE_INFINITY;
        for (let line = 1; line <= lines; line++) {
          emulator.tenant.reset();
          rmSync(path.join(folder, "results"), { recursive: true });
          write(people());
          await start();
          first = await create();
          write(changed);
          // The first time nothing dies, and the lines are counted.
          const counting = lines === Number.POSITIVE_INFINITY;
          await start(counting ? {} : { USER_IMPORT_DIE_AFTER_LINE: String(line) });
          if (counting) {
            await update(first);
            lines = journal().trimEnd().split("\n").length;
            line = 0;
            continue;
          }
          await assert.rejects(update(first));
          await start();
          const { summary } = await update(first);
          assert.deepEqual(
            { updated: summary.updated, unchanged: summary.unchanged, failed: summary.failed },
            { updated: changes, unchanged: USERS - changes, failed: 0 },
            `line ${line}`,
          );
          assert.equal(emulator.tenant.stats().users, USERS);
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

      it("by the state, not by an older journal that is put back from a copy", async () => {
        write(people());
        await start();
        const first = await create();
        const journal = path.join(folder, "results/journal/batch.ndjson");
        const older = readFileSync(journal);
        write(people((i) => (i < USERS_A_JOB ? { user_metadata: { changed: i } } : {})));
        await start();
        const second = await update(first);
        const before = emulator.tenant.stats().jobs.total;
        writeFileSync(journal, older);
        await start();
        assert.equal((await update(second)).summary, second.summary, "nothing is left to do");
        write(
          people((i) => (i < USERS_A_JOB ? { user_metadata: { changed: i } } : i === USERS - 1 ? { name: "Zoe" } : {})),
        );
        writeFileSync(journal, older);
        await start();
        const third = await update(second);
        assert.equal(third.summary.updated, 1);
        assert.equal(emulator.tenant.stats().jobs.total, before + 1);
      });

      describe("in the moment in which nobody knows whether the tenant took the job", () => {
        /** Sends the file, and dies as soon as the tenant has all of it; the answer never comes. */
        async function dieUnanswered(send: () => Promise<unknown>, arrived: () => boolean): Promise<void> {
          emulator.tenant.faults.replace([{ on: "submit", kind: "hang", processed: true }]);
          const dead = assert.rejects(send());
          await until(arrived);
          await provider.stop();
          await dead;
          emulator.tenant.faults.clear();
        }
        const named = (names: readonly string[]) =>
          write(names.map((given_name, i) => ({ ...person(i, { given_name }), user_metadata: { of: given_name } })));
        const namesNow = () =>
          [...emulator.tenant.users.all()].map(({ attributes }) => {
            const { given_name, user_metadata } = JSON.parse(attributes) as Record<string, unknown>;
            assert.deepEqual(user_metadata, { of: given_name });
            return given_name;
          });

        it("of a first import: who changed in the file since is brought up to it", async () => {
          named(["Ann", "Bob", "Cid"]);
          await start();
          await dieUnanswered(create, () => emulator.tenant.stats().users === 3);
          named(["Ann", "Robert", "Cid"]);
          await start();
          const outputs = await create();
          assert.deepEqual(namesNow(), ["Ann", "Robert", "Cid"]);
          const { inserted, updated } = outputs.summary;
          assert.deepEqual({ inserted, updated }, { inserted: 2, updated: 1 });
          assert.equal(await update(outputs), outputs);
        });

        it("of an update: a file that is put back is sent", async () => {
          named(["Ann", "Bob"]);
          await start();
          const first = await create();
          named(["Ann", "Robert"]);
          await start();
          await dieUnanswered(
            () => update(first),
            () => namesNow().includes("Robert"),
          );
          named(["Ann", "Bob"]);
          await start();
          const { summary } = await update(first);
          assert.deepEqual(namesNow(), ["Ann", "Bob"]);
          const { unchanged, updated } = summary;
          assert.deepEqual({ unchanged, updated }, { unchanged: 1, updated: 1 });
        });
      });

      describe("in the moment before an email is said to be unverified", () => {
        const verified = (email_verified: boolean) => write([{ email: "ann@example.com", email_verified }]);
        const now = () => JSON.parse([...emulator.tenant.users.all()][0]?.attributes ?? "{}").email_verified as boolean;

        for (const [line, where] of [
          ["2", "not sent"],
          ["3", "sent"],
        ] as const) {
          it(`${where}: the next run sends what the file says then`, async () => {
            for (const final of [false, true]) {
              emulator.tenant.reset();
              rmSync(path.join(folder, "results"), { recursive: true, force: true });
              verified(true);
              await start();
              const first = await create();
              verified(false);
              await start({ USER_IMPORT_DIE_AFTER_LINE: line });
              await assert.rejects(update(first));
              verified(final);
              await start();
              const second = await update(first);
              assert.equal(now(), final);
              assert.equal(second.complete, true);
              assert.equal(await update(second), second);
            }
          });
        }
      });

      it("though the last line of the journal is torn", async () => {
        write(people());
        await start({ USER_IMPORT_DIE_AFTER_LINE: "9" });
        await assert.rejects(create());
        const [name] = readdirSync(path.join(folder, "results/journal")).filter((each) => each.endsWith(".ndjson"));
        const file = path.join(folder, "results/journal", name as string);
        writeFileSync(file, readFileSync(file).subarray(0, -7));
        await start();
        assertEachOnce(await create());
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

      it("with a damaged journal: sends nothing, and says what to do", async () => {
        write(people());
        await start({ USER_IMPORT_DIE_AFTER_LINE: "9" });
        await assert.rejects(create());
        const file = path.join(folder, "results/journal/batch.ndjson");
        writeFileSync(file, readFileSync(file, "utf8").replace('"intent"', '"intnt"'));
        const before = emulator.tenant.stats().jobs.total;
        await start();
        await assert.rejects(create(), /journal batch\.ndjson is damaged in line 2.*Nothing was sent now/s);
        assert.equal(emulator.tenant.stats().jobs.total, before);
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
