import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { BatchSource } from "../../provider/lifecycle/batch";
import type { KnownSource } from "../../provider/lifecycle/sources";
import { shareOf } from "../../provider/plan/share";
import { type BatchOutputs, BatchTest } from "../support/batch";
import { ImportProgram, Killed, type RunOptions } from "../support/importProgram";
import { type Properties, UNKNOWN } from "../support/providerProcess";

type User = Record<string, unknown>;

const BATCHES = 4;
const KEY = "everyone-key";
const RESULTS = "everyone-results";
const batchOf = (user: User) => `everyone-0${shareOf(user, BATCHES)}`;

/** The number of the test: a process that serves several imports refuses those that have a `user_id` in common. */
let test = 0;
let divided: User[][] = [];

/** People of the batches in turn: 2 and 6 are of the third. */
const person = (i: number, attributes: User = {}): User => {
  const own = divided[i % BATCHES]?.[Math.floor(i / BATCHES)];
  return { ...own, email_verified: true, given_name: `Person ${i}`, ...attributes };
};

function beginTest(): void {
  test++;
  const all = Array.from({ length: 100 }, (_, i) => ({ user_id: `t${test}p${i}`, email: `t${test}p${i}@example.com` }));
  divided = Array.from({ length: BATCHES }, (_, share) => all.filter((user) => shareOf(user, BATCHES) === share));
}

const people = (count = 20) => Array.from({ length: count }, (_, i) => person(i));
const ndjson = (users: readonly User[]) => users.map((user) => `${JSON.stringify(user)}\n`).join("");

describe("an edit of an import with several batches", function () {
  this.timeout(60_000);
  const at = new BatchTest();
  let program: ImportProgram;
  let runs = 0;
  let args: Properties;
  before(() => at.start());
  after(() => at.stop());
  beforeEach(() => {
    at.emulator.tenant.reset();
    beginTest();
    program = new ImportProgram(at, BATCHES);
    args = { resultsDir: `results${++runs}` };
  });

  /** A run of these users or this text, in a file of another name, which is no change; or of the file as it is. */
  async function up(users?: readonly User[] | string, options: RunOptions = {}, others: Properties = {}) {
    if (users !== undefined) {
      const name = `users${++runs}.ndjson`;
      at.write(name, typeof users === "string" ? users : ndjson(users));
      args = { ...args, users: [name] };
    }
    const before = { writes: program.writes, sent: sent() };
    try {
      const changed = await program.up({ ...args, ...others }, options);
      return { changed, writes: program.writes - before.writes, sent: sent() - before.sent };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      return { changed: "killed", writes: program.writes - before.writes, sent: sent() - before.sent };
    }
  }

  /** Records sent so far. */
  const sent = () => Object.values(at.emulator.tenant.tallies()).reduce((sum, tally) => sum + tally.sent, 0);
  const name = (user: User) => at.user(String(user.email))?.given_name;
  const source = (of: string) => program.inputs(of).source as BatchSource & KnownSource;
  const edited = (i: number, users = people()) =>
    users.map((user) => (user.user_id === person(i).user_id ? { ...user, given_name: "Edited" } : user));

  it("updates the batches of its users, and no others", async () => {
    const first = await up(people());
    assert.deepEqual(first.changed, [KEY, ...program.batchNames, RESULTS]);
    assert.deepEqual(await up(), { changed: [], writes: 0, sent: 0 });

    const edit = await up(edited(6));
    assert.deepEqual(edit, { changed: [batchOf(person(6)), RESULTS], writes: 5, sent: 1 });
    assert.equal(name(person(6)), "Edited");
    assert.deepEqual(await up(), { changed: [], writes: 0, sent: 0 });

    const added = await up([person(21), ...edited(6)]);
    assert.deepEqual(added, { changed: [batchOf(person(21)), RESULTS], writes: 5, sent: 1 });
    const removed = await up(people());
    assert.deepEqual(removed.changed, [batchOf(person(21)), batchOf(person(6)), RESULTS]);
    assert.equal(program.told.summary.removed, 1);
  });

  it("notes in the key what the files are, at first their digest alone", async () => {
    await up(people());
    assert.deepEqual(Object.keys(source(KEY)).sort(), ["bytes", "digest"]);
    await up(edited(1));
    const { digest, bytes, files, shares } = source(KEY);
    assert.deepEqual(files, [{ name: (args.users as string[])[0], users: 20 }]);
    assert.equal(bytes, Buffer.byteLength(ndjson(edited(1))));
    assert.equal(shares?.length, BATCHES);
    assert.deepEqual(program.outputs<BatchOutputs>(RESULTS).source, { digest, bytes, users: 20 });
    for (const [i, batch] of program.batchNames.entries()) {
      assert.equal(source(batch).share, shares?.[i]);
      assert.equal(program.outputs<BatchOutputs>(batch).applied, shares?.[i]);
    }
  });

  describe("is not lost, nor sent twice, where the run is killed", () => {
    const rest = (count: number) => `before write ${count + 1} of 5`;
    for (const writes of [0, 1, 2, 3, 4]) {
      for (const isFirstEdit of [true, false]) {
        it(`${rest(writes)}, of the ${isFirstEdit ? "first" : "second"} edit`, async () => {
          await up(people());
          if (!isFirstEdit) await up(edited(0));
          assert.equal((await up(edited(6, isFirstEdit ? people() : edited(0)), { writes })).changed, "killed");
          const { changed } = await up();
          assert.equal((changed as string[]).includes(batchOf(person(6))), writes < 3);
          assert.equal(name(person(6)), "Edited");
          assert.equal(at.emulator.tenant.tallies()[`${person(6).email}`]?.sent, 2);
          assert.equal(program.told.summary.updated, 1);
          assert.deepEqual(await up(), { changed: [], writes: 0, sent: 0 });
        });
      }
    }

    it("and the journal is lost besides", async () => {
      await up(people());
      await up(edited(6), { writes: 1 });
      rmSync(path.join(at.provider.folder, String(args.resultsDir)), { recursive: true });
      const { sent } = await up();
      assert.deepEqual([sent, name(person(6))], [1, "Edited"]);
    });

    it("and the file is put back to what it was", async () => {
      await up(people());
      await up(edited(6), { writes: 3 });
      assert.equal(name(person(6)), "Edited");
      await up(people());
      assert.equal(name(person(6)), "Person 6");
    });
  });

  it("counts as one run, whatever other batches did before, also where the file is put back", async () => {
    await up(people());
    assert.equal(program.told.summary.inserted, 20);
    for (const users of [edited(6), people()]) {
      await up(users);
      const { summary, jobs } = program.told;
      const { inserted, updated, unchanged, total } = summary;
      assert.deepEqual({ inserted, updated, unchanged, total }, { inserted: 0, updated: 1, unchanged: 19, total: 20 });
      assert.deepEqual(
        jobs.map(({ kind, users }) => [kind, users]),
        [["upsert", 1]],
      );
      const report = readFileSync(path.join(at.provider.folder, String(args.resultsDir), "report.html"), "utf8");
      assert.doesNotMatch(report, /20 inserted/);
    }
  });

  it("that is about nobody is told, and updates no batch", async () => {
    await up(people());
    const blank = await up(`\n${ndjson(people())}\n`);
    assert.deepEqual(blank, { changed: [RESULTS], writes: 3, sent: 0 });
    const { source, summary } = program.outputs<BatchOutputs>(RESULTS);
    assert.equal(source.bytes, Buffer.byteLength(ndjson(people())) + 2);
    assert.deepEqual([summary.unchanged, program.told.jobs.length], [20, 0]);
    assert.deepEqual(await up(), { changed: [], writes: 0, sent: 0 });
  });

  it("updates batches that list records by their lines, where these moved", async () => {
    const invalid = person(3, { email: "no address" });
    await up([...people(3), invalid, ...people().slice(4)]);
    const moved = await up([person(21), person(25), ...people(3), invalid, ...people().slice(4)]);
    assert.deepEqual(moved.changed, [batchOf(person(21)), batchOf(invalid), RESULTS]);
    assert.deepEqual(
      program.told.failedRecords.map(({ line }) => line),
      [6],
    );
    const rows = readFileSync(path.join(at.provider.folder, String(args.resultsDir), "failed-records.csv"), "utf8");
    assert.match(rows, /"users\d+\.ndjson","6",/);
  });

  describe("that changes which records count, in other batches", () => {
    it("sends who was kept out by another user's email", async () => {
      const wrong = person(1, { email: person(2).email, blocked: "yes" });
      await up([person(0), wrong, person(2), person(3)]);
      assert.deepEqual(program.told.failedRecords.map(({ code }) => code).sort(), ["DUPLICATED_USER", "INVALID_TYPE"]);
      assert.equal(name(person(2)), undefined);
      const { sent } = await up([person(0), person(1), person(2), person(3)]);
      assert.deepEqual([sent, name(person(2)), name(person(1))], [2, "Person 2", "Person 1"]);
      assert.deepEqual(program.told.failedRecords, []);
    });

    it("lists who is kept out by it", async () => {
      await up(people(4));
      const { changed } = await up([person(0), person(1, { email: person(2).email }), person(2), person(3)]);
      assert.deepEqual(changed, [batchOf(person(1)), batchOf(person(2)), RESULTS]);
      assert.deepEqual(
        program.told.failedRecords.map(({ identity, line }) => [identity, line]),
        [[`user_id:${person(2).user_id}`, 3]],
      );
    });

    it("takes what a later file says", async () => {
      await up(people());
      at.write("corrections.ndjson", ndjson([person(7, { given_name: "Corrected" })]));
      args = { ...args, users: [...(args.users as string[]), "corrections.ndjson"] };
      const { changed, sent } = await up();
      assert.deepEqual([changed, sent], [[batchOf(person(7)), RESULTS], 1]);
      assert.deepEqual(
        source(KEY).files?.map(({ users }) => users),
        [20, 1],
      );
      assert.equal(program.told.summary.total, 20);
    });
  });

  it("of the transform updates the batches of whose users it makes something else", async () => {
    const transform = (condition: string) => {
      const name = `transform${++runs}.cjs`;
      at.write(name, `module.exports = (user) => ({ ...user, ${condition} });`);
      args = { ...args, transform: name };
    };
    transform("");
    await up(people());
    transform("nickname: undefined");
    assert.deepEqual((await up()).changed, [RESULTS]);
    transform(`...(user.email === ${JSON.stringify(person(5).email)} ? { nickname: "Nick" } : {})`);
    assert.deepEqual((await up()).changed, [batchOf(person(5)), RESULTS]);
    assert.equal(at.user(String(person(5).email))?.nickname, "Nick");
  });

  it("of nullText updates the batches of whose users it makes something else", async () => {
    const csv = ["user_id,email,email_verified,given_name"];
    for (const [i, { user_id, email }] of people().entries())
      csv.push(`${user_id},${email},true,${i === 5 ? "NULL" : i}`);
    await up(`${csv.join("\n")}\n`, {}, { nullText: ["(null)"] });
    assert.equal(name(person(5)), "NULL");
    const edit = await up(undefined, {}, { nullText: ["NULL", "(null)"] });
    assert.deepEqual(edit.changed, [batchOf(person(5)), RESULTS]);
    assert.deepEqual(
      program.outputs<BatchOutputs>(batchOf(person(5))).notApplied.map(({ attributes }) => attributes.join()),
      ["given_name"],
    );
    assert.deepEqual(await up(undefined, {}, { nullText: ["NULL", "(null)"] }), { changed: [], writes: 0, sent: 0 });
    const { failures } = await at.provider.check("UserBatch", {}, at.inputs({ nullText: [1] }));
    assert.deepEqual(failures, ['nullText must be one or more texts, such as "NULL".']);
  });

  it("of merge updates the batches of those whom several files have, and an edit of any of the files", async () => {
    const files = [`profiles${++runs}.ndjson`, `plans${runs}.ndjson`] as const;
    const plan = { user_id: person(5).user_id, app_metadata: { plan: "gold" } };
    const write = (users: readonly User[], plans: readonly User[]) => {
      at.write(files[0], ndjson(users));
      at.write(files[1], ndjson(plans));
    };
    write(people(), [{ ...plan, email: person(5).email, email_verified: true }]);
    args = { ...args, users: [...files] };
    await up();
    assert.equal(name(person(5)), undefined);
    const merged = await up(undefined, {}, { merge: true });
    assert.deepEqual([merged.changed, merged.sent], [[batchOf(person(5)), RESULTS], 1]);
    assert.equal(name(person(5)), "Person 5");
    assert.deepEqual(at.user(String(person(5).email))?.app_metadata, { plan: "gold" });
    assert.deepEqual(await up(undefined, {}, { merge: true }), { changed: [], writes: 0, sent: 0 });

    // As an edit is, in a run of its own.
    await at.restart();
    write(edited(5), [plan]);
    const edit = await up(undefined, {}, { merge: true });
    assert.deepEqual(edit.changed, [batchOf(person(5)), RESULTS]);
    assert.equal(name(person(5)), "Edited");
    const { failures } = await at.provider.check("UserBatch", {}, at.inputs({ merge: "yes" }));
    assert.deepEqual(failures, ["merge must be true or false."]);
  });

  it("goes to all batches where the program asks for another look", async () => {
    await up(people());
    await up(edited(6));
    for (const others of [{ triggers: [1] }, { triggers: [1], unsupportedPasswordHash: "omit" }]) {
      const again = await up(undefined, {}, others);
      assert.deepEqual([again.changed.slice(0, BATCHES), again.sent], [program.batchNames, 0]);
      args = { ...args, ...others };
      assert.deepEqual(await up(), { changed: [], writes: 0, sent: 0 });
    }
  });

  describe("of a state that an early 0.1 made", () => {
    /** As it was: the key without a source, the batches with that of the whole, and the Finalizer with less. */
    async function upgrade(): Promise<void> {
      await up(people());
      const { digest, bytes } = source(KEY);
      const whole = { digest, bytes, users: 20 };
      program.rewrite(KEY, ({ inputs: { resourceUrn }, outputs: { key } }) => ({
        inputs: { resourceUrn },
        outputs: { key },
      }));
      for (const batch of program.batchNames) {
        program.rewrite(batch, ({ inputs: { created: _, ...inputs }, outputs }) => ({
          inputs: { ...inputs, source: whole },
          outputs: { ...outputs, applied: digest, source: whole },
        }));
      }
      program.rewrite(RESULTS, ({ inputs, outputs: { source: _, reviewedBatches: __, ...outputs } }) => ({
        inputs,
        outputs,
      }));
    }

    it("changes nothing of itself; the first edit is about all batches, the next one not", async () => {
      await upgrade();
      assert.deepEqual(await up(), { changed: [], writes: 1, sent: 0 });
      assert.deepEqual(await up(), { changed: [], writes: 0, sent: 0 });
      const first = await up(edited(6));
      assert.deepEqual([first.changed, first.sent], [[...program.batchNames, RESULTS], 1]);
      const { updated, unchanged } = program.told.summary;
      assert.deepEqual({ updated, unchanged }, { updated: 1, unchanged: 19 });
      const second = await up(edited(5, edited(6)));
      assert.deepEqual([second.changed, second.sent], [[batchOf(person(5)), RESULTS], 1]);
    });

    it("may be edited at once, and its arguments changed", async () => {
      await upgrade();
      const { changed, sent } = await up(edited(6));
      assert.deepEqual([changed, sent], [[...program.batchNames, RESULTS], 1]);
      assert.deepEqual((await up(edited(5, edited(6)))).changed, [batchOf(person(5)), RESULTS]);
      await up(people());
      await upgrade();
      args = { ...args, triggers: [1] };
      assert.deepEqual((await up()).changed, [...program.batchNames, RESULTS]);
      assert.deepEqual((await up()).changed, []);
      assert.deepEqual((await up(edited(6))).changed, [batchOf(person(6)), RESULTS]);
    });
  });

  describe("is looked for by a batch itself", () => {
    /** As with `--target`: neither key nor Finalizer is asked. */
    const target = async (i: number) => {
      const batch = program.batchNames[i] as string;
      const { key, share, created } = program.inputs(batch);
      const news = at.inputs({ ...args, key, share, created, resourceUrn: program.inputs(batch).resourceUrn });
      const { inputs, failures } = await at.provider.check("UserBatch", program.inputs(batch), news);
      assert.deepEqual(failures, []);
      const outputs = program.outputs(batch);
      const { changes } = await at.provider.diff("UserBatch", outputs, inputs);
      const reached = changes ? await at.provider.update("UserBatch", outputs, inputs) : outputs;
      program.rewrite(batch, () => ({ inputs, outputs: reached }));
      return changes;
    };

    it("where its key is not asked; later runs know what it found", async () => {
      await up(people());
      await up(edited(0));
      const name = `users${++runs}.ndjson`;
      at.write(name, ndjson(edited(2, edited(0))));
      args = { ...args, users: [name] };
      assert.deepEqual([await target(1), await target(2)], [false, true]);
      assert.equal(at.user(String(person(2).email))?.given_name, "Edited");
      const { changed, sent } = await up();
      assert.deepEqual([changed, sent], [[RESULTS], 0]);
      assert.deepEqual([program.told.summary.updated, program.told.jobs.length], [1, 1]);
    });

    it("also where the file is put back before the next whole run", async () => {
      await up(people());
      const users = args.users;
      const name = `users${++runs}.ndjson`;
      at.write(name, ndjson(edited(2)));
      args = { ...args, users: [name] };
      assert.equal(await target(2), true);
      args = { ...args, users };
      const { changed, sent } = await up();
      assert.deepEqual([changed, sent], [["everyone-02", RESULTS], 1]);
      assert.equal(at.user(String(person(2).email))?.given_name, "Person 2");
    });
  });

  describe("is none", () => {
    it("where the import is sealed, though the files are gone", async () => {
      await up(people());
      await up(edited(6));
      args = { ...args, users: ["gone.ndjson"], sealed: true };
      assert.deepEqual((await up()).changed, []);
      args = { ...args, sealed: false };
      assert.deepEqual((await up(edited(5, edited(6)))).changed, [batchOf(person(5)), RESULTS]);
    });

    it("where `ignoreChanges` has the engine put the old source there", async () => {
      await up(people());
      await up(edited(6));
      at.write("ignored.ndjson", ndjson(people()));
      const urn = { resourceUrn: program.inputs(KEY).resourceUrn };
      const key = { ...program.inputs(KEY), ...urn, users: ["ignored.ndjson"] };
      const checked = await at.provider.check("ImportKey", program.inputs(KEY), key);
      assert.deepEqual(checked, { inputs: { ...checked.inputs, source: source(KEY) }, failures: [] });
      const batch = { ...program.inputs(batchOf(person(6))), users: ["ignored.ndjson"] };
      const { inputs } = await at.provider.check("UserBatch", batch, batch);
      const outputs = program.outputs(batchOf(person(6)));
      assert.equal((await at.provider.diff("UserBatch", outputs, inputs)).changes, false);
    });
  });

  describe("is not known", () => {
    it("where the files are not, in a preview", async () => {
      await up(people());
      for (const unknown of [{ users: UNKNOWN }, { transform: UNKNOWN }]) {
        const key = { ...program.inputs(KEY), ...unknown };
        const { source: _, ...news } = key as Properties;
        const checked = await at.provider.check("ImportKey", program.inputs(KEY), news);
        assert.deepEqual([checked.failures, checked.inputs.source], [[], UNKNOWN]);
        const { source: __, ...batch } = { ...program.inputs("everyone-00"), ...unknown } as Properties;
        const { failures, inputs } = await at.provider.check("UserBatch", program.inputs("everyone-00"), batch);
        assert.deepEqual([failures, inputs.source], [[], UNKNOWN]);
        const outputs = program.outputs("everyone-00");
        assert.equal((await at.provider.diff("UserBatch", outputs, inputs)).changes, true);
      }
    });

    it("before the first run, whose inputs are the same with the key and without", async () => {
      await up(people());
      for (const batch of program.batchNames) {
        const { source: known, ...rest } = program.inputs(batch) as Properties;
        const { inputs } = await at.provider.check("UserBatch", {}, { ...rest, key: UNKNOWN });
        assert.deepEqual(inputs.source, known);
      }
    });
  });

  it("that breaks the file is told once, by the key", async () => {
    await up(people());
    const broken = await up(`${ndjson(people())}{"email":\n`).catch((error: Error) => error);
    assert.match(String(broken), /users\d+\.ndjson:21/);
    const { failures } = await at.provider.check("ImportKey", program.inputs(KEY), {
      ...{ users: args.users, unsupportedPasswordHash: "fail", sealed: false, batches: BATCHES },
      resourceUrn: program.inputs(KEY).resourceUrn,
    });
    assert.equal(failures.length, 1);
  });

  it("is summed up in a preview with the batches that it is not about", async () => {
    const invalid = person(3, { email: "no address" });
    const users = [...people(3), invalid, ...people().slice(4)];
    await up(users);
    const urn = String(program.inputs(RESULTS).resourceUrn).replace(/\$.*/, "::everyone");
    const preview = async (edit: readonly User[]) => {
      await at.restart();
      const { changed } = await up(edit, { preview: true });
      const told = at.provider.logs.filter((log) => log.urn === urn).map(({ message }) => message);
      return { changed, told };
    };
    const { changed, told } = await preview(edited(6, users));
    assert.deepEqual(changed, [batchOf(person(6)), batchOf(invalid), RESULTS]);
    assert.equal(told[0], "1 changed (profile 1), 18 unchanged, 1 invalid (FORMAT 1): 1 job");
    assert.equal(told[1], "Reads 1 user before it writes to them: 1 to 2 calls.");
    assert.match(String(told[2]), /^1 record can't be sent.*\n {2}users\d+\.ndjson:4 FORMAT/);
    assert.deepEqual(await preview(users), { changed: [], told: [] });
  });
});
