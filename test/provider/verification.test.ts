import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { FaultPlan } from "../../emulator/faultPlan";
import type { FailedRecord, Summary, Verification } from "../../provider";
import { BatchTest } from "../support/batch";
import { ImportProgram, type RunOptions } from "../support/importProgram";
import { PartialFailure, type Properties } from "../support/providerProcess";
import { Spools } from "../support/spools";
import { addUser } from "../support/tenantUsers";

const RESULTS = ".user-import/dev/everyone";
const EXPORTS = "POST /api/v2/jobs/users-exports";

const person = (i: number, more: object = {}) => ({
  user_id: `u${i}`,
  email: `person${i}@example.com`,
  email_verified: true,
  name: `Person ${i}`,
  ...more,
});
const people = (count: number) => Array.from({ length: count }, (_, i) => person(i));

interface Results {
  summary: Summary;
  verification?: Verification;
  missingRecords?: FailedRecord[];
  failedRecordsFile?: string;
  complete: boolean;
}

describe("the verification of an import, in the provider process", () => {
  const at = BatchTest.forEach();
  let program: ImportProgram;
  beforeEach(() => {
    program = new ImportProgram(at, 2);
  });

  let runs = 0;

  /** What `pulumi up` does, in the process of the run before, where the files are the same: one for each takes seconds. */
  async function up(args: Properties = {}, options: RunOptions = {}): Promise<string[]> {
    at.provider.logs.splice(0);
    return program.up({ verify: true, users: [`users-${runs}.json`], ...args }, options);
  }

  /** Under another name, so that the process reads it. */
  function writeUsers(users: readonly object[]): void {
    at.writeUsers(users, `users-${++runs}.json`);
  }

  /** An `up` that fails. @returns why. */
  async function fails(args: Properties = {}): Promise<string> {
    let reason = "";
    await assert.rejects(up(args), (error: Error) => {
      assert.ok(error instanceof PartialFailure, error.message);
      reason = error.message;
      return true;
    });
    return reason;
  }

  const results = () => program.outputs<Results>("everyone-results");
  const exports = () => at.emulator.tenant.stats().requests[EXPORTS] ?? 0;
  const said = () => at.provider.logs.filter(({ ephemeral }) => !ephemeral).map(({ message }) => message);
  const file = (name: string) => path.join(at.provider.folder, RESULTS, name);
  const fault = (...faults: FaultPlan) => at.emulator.tenant.faults.replace(faults);
  const words = ({ checkedAt: _, attributes: __, ...counts }: Verification) => counts;
  /** What is not 0. */
  const counts = () =>
    Object.fromEntries(Object.entries(words(results().verification as Verification)).filter(([, users]) => users > 0));

  function remove(id: string): void {
    const { users } = at.emulator.tenant;
    const user = users.get(`auth0|${id}`);
    assert.ok(user);
    users.delete(user);
  }

  it("says that everybody is there, leaves the evidence, and reads nothing where nothing changed", async () => {
    writeUsers(people(30));
    addUser(at.emulator, "other@example.com", {});
    await up();
    assert.deepEqual(counts(), { expected: 30, present: 30, others: 1 });
    assert.equal(results().missingRecords, undefined);
    const lines = at.provider.logs.map(({ message }) => message);
    assert.ok(
      lines.some((line) => /^reading 30 users back, \d+ %$/.test(line)),
      lines.join("\n"),
    );
    const [, told, digest] =
      /^(Read back on .+ UTC: nobody is missing of 30 users\. 30 present, 1 in no file\.) SHA-256 of \S+verification\.json: ([0-9a-f]{64})$/.exec(
        said().at(-1) ?? "",
      ) ?? [];
    assert.ok(told, said().join("\n"));

    const { createHash } = await import("node:crypto");
    const evidence = readFileSync(file("verification.json"));
    assert.equal(createHash("sha256").update(evidence).digest("hex"), digest);
    const { tenant, stack, project, name, files, exceptions, verification, sums, versions } = JSON.parse(
      String(evidence),
    );
    assert.deepEqual(verification, results().verification);
    assert.deepEqual(
      { tenant, stack, project, name, exceptions },
      {
        ...{ tenant: new URL(at.emulator.url).host, stack: "dev", project: "test", name: "everyone", exceptions: [] },
      },
    );
    assert.equal(files[0].records, 30);
    assert.equal(
      files[0].sha256,
      createHash("sha256")
        .update(readFileSync(path.join(at.provider.folder, `users-${runs}.json`)))
        .digest("hex"),
    );
    assert.match(versions.package, /^\d+\.\d+\.\d+/);
    assert.deepEqual(sums, [
      "30 present + 0 linked + 0 missing + 0 gone = 30 expected",
      "31 lines of the export = 30 present + 1 others",
    ]);
    for (const name of ["verification.json", "verification.csv"])
      assert.equal(statSync(file(name)).mode & 0o777, 0o600);
    assert.match(readFileSync(file("report.html"), "utf8"), /Read back: nobody is missing/);

    assert.deepEqual(await up(), []);
    assert.equal(exports(), 1);
    // Its arguments are no batch's.
    assert.deepEqual(await up({ maxMissing: 3 }), ["everyone-results"]);
    assert.equal(exports(), 1);
    await up({ maxMissing: 3, verifyTriggers: [1] }, { preview: true });
    assert.ok(
      said().some((line) => /reads the connection back by an export job/.test(line)),
      said().join("\n"),
    );
    assert.equal(exports(), 1);
    assert.deepEqual(await up({ maxMissing: 3, verifyTriggers: [1] }), ["everyone-results"]);
    assert.equal(exports(), 2);
    assert.deepEqual(await up({ verify: false }), ["everyone-results"]);
    assert.equal(results().verification, undefined);
    assert.deepEqual(await up({ verify: false }), []);
  });

  it("fails the update where users are missing, names them, and sends them again when the triggers change", async () => {
    writeUsers(people(20));
    await up({ verify: false });
    remove("u3");
    remove("u11");
    const reason = await fails();
    assert.match(
      reason,
      /2 of 20 users are missing\. The first of them: users-\d+\.json:1, users-\d+\.json:1\. All of them are in \S+verification\.csv/,
    );
    assert.match(reason, /more than maxMissing \(0\)\. All that was imported is saved\. Change `triggers`/);
    assert.deepEqual(counts(), { expected: 20, present: 18, missing: 2 });
    const { summary, missingRecords, failedRecordsFile } = results();
    assert.deepEqual({ failed: summary.failed, total: summary.total }, { failed: 2, total: 20 });
    assert.deepEqual(
      missingRecords?.map(({ code, identity }) => [code, identity]),
      [
        ["MISSING", "user_id:u3"],
        ["MISSING", "user_id:u11"],
      ],
    );
    assert.deepEqual(
      JSON.parse(readFileSync(path.join(at.provider.folder, String(failedRecordsFile)), "utf8")).map(
        ({ user_id }: { user_id: string }) => user_id,
      ),
      ["u3", "u11"],
    );
    assert.equal(readFileSync(file("verification.csv"), "utf8").split("\r\n").length, 4);
    assert.ok(!/person3|"u3"/.test(readFileSync(file("missing-users.json"), "utf8")));

    // Nothing else has changed: what was found is judged anew.
    await up({ maxMissing: "10%" });
    assert.equal(exports(), 1);
    assert.equal(results().summary.failed, 2);
    assert.deepEqual(await up({ maxMissing: "10%" }), []);
    assert.match(await fails({ maxMissing: 1 }), /more than maxMissing \(1\)/);
    assert.equal(exports(), 1);
    // After one that failed, it is read again.
    assert.match(await fails({ maxMissing: 1 }), /2 of 20 users are missing/);
    assert.equal(exports(), 2);

    const preview = await up({ triggers: ["again"] }, { preview: true }).then(said);
    assert.ok(
      preview.some((line) => /2 new/.test(line)),
      preview.join("\n"),
    );
    // One of them has come back meanwhile.
    const before = at.emulator.tenant.stats().jobs.total;
    addUser(at.emulator, "person3@example.com", { email_verified: true, name: "Person 3" }, "u3");
    await up({ triggers: ["again"] });
    assert.equal(at.emulator.tenant.stats().jobs.total - before, 1);
    assert.deepEqual(counts(), { expected: 20, present: 20 });
    assert.equal(results().summary.failed, 0);
    assert.equal(results().missingRecords, undefined);
    assert.ok(!existsSync(file("missing-users.json")));
  });

  it("never sends who was seen and has gone since", async () => {
    writeUsers(people(10));
    await up();
    remove("u4");
    await up({ triggers: ["again"], verifyTriggers: ["again"] });
    assert.deepEqual(counts(), { expected: 10, present: 9, gone: 1 });
    await up({ triggers: ["once more"], verifyTriggers: ["once more"] });
    assert.equal(at.user("person4@example.com"), undefined);
    // Nor where it was off meanwhile, and others come.
    await up({ verify: false });
    writeUsers([...people(10), person(10)]);
    await up();
    assert.deepEqual(counts(), { expected: 11, present: 10, gone: 1 });
  });

  it("verifies nothing where a batch is not in the run, says so, and does it in the next", async () => {
    writeUsers(people(20));
    await up();
    await at.restart();
    await up({ verifyTriggers: [1] }, { targets: ["everyone-00"] });
    assert.ok(said().some((line) => /Nothing is verified in this run: not all batches are in it/.test(line)));
    assert.equal(exports(), 1);
    await up({ verifyTriggers: [1] });
    assert.equal(exports(), 2);
  });

  it("fails where the connection can't be read back, saves what was imported, and verifies in the next run", async () => {
    writeUsers(people(5));
    fault({ on: "exportJob", kind: "fail" });
    const reason = await fails();
    assert.match(
      reason,
      /The export job \S+ failed.*Who is in the connection is not verified\. All that was imported is saved/,
    );
    assert.equal(results().verification, undefined);
    assert.equal(results().summary.inserted, 5);
    assert.match(readFileSync(file("report.html"), "utf8"), /nobody has verified who is there/);
    await up();
    assert.deepEqual(counts(), { expected: 5, present: 5 });

    fault({ on: "exportJob", kind: "stall" });
    assert.match(await fails({ verifyTriggers: [1], censusTimeout: "1s" }), /not read back in time \(censusTimeout\)/);
    assert.deepEqual(await up({ verifyTriggers: [1] }), ["everyone-results"]);
  });

  it("starts anew where the process was killed while the export was fetched, of which nothing is left", async () => {
    const spools = new Spools();
    await spools.restart(at);
    writeUsers(people(100));
    await spools.killWhileFetching(at, () => up());
    await spools.restart(at);
    await up();
    assert.deepEqual(counts(), { expected: 100, present: 100 });
    assert.equal(exports(), 2);
    spools.remove();
  });

  it("keeps nothing of what was read back, neither by the batches nor by itself", async () => {
    const spools = new Spools();
    await spools.restart(at);
    // More than are read one by one.
    const users = people(320);
    for (const { user_id, email, ...attributes } of users) addUser(at.emulator, email, attributes, user_id);
    writeUsers(users);
    await up({ onExisting: "adopt" });
    assert.deepEqual(counts(), { expected: 320, present: 320 });
    assert.equal(exports(), 2);
    assert.deepEqual(spools.open(at.provider.process.pid) ?? [], []);
    spools.remove();
  });

  it("tells of the scope that it needs before anything is sent", async () => {
    await at.stop();
    await at.start({ scopes: ["create:users", "read:connections"] });
    program = new ImportProgram(at, 1);
    writeUsers(people(3));
    await assert.rejects(
      up(),
      /lacks scopes of the Management API: read:users \(required by `verify`, to read the connection back/,
    );
    assert.equal(at.emulator.tenant.stats().jobs.total, 0);
    await up({ verify: false });
    assert.match(await fails(), /read:users \(required by `verify`/);
  });

  it("never takes place in a sealed import, which names the command", async () => {
    writeUsers(people(3));
    await up();
    assert.deepEqual(await up({ sealed: true, verifyTriggers: [1] }), []);
    assert.equal(exports(), 1);
    assert.ok(said().some((line) => /npx pulumi-auth0-user-import verify/.test(line)));
  });

  it("refuses arguments that are none", async () => {
    const { failures } = await at.provider.check(
      "Finalizer",
      {},
      {
        ...{
          connectionId: "con_0000000000000001",
          users: ["users.json"],
          unsupportedPasswordHash: "fail",
          sealed: false,
        },
        ...{ resultsDir: RESULTS, batches: [], resourceUrn: "urn:pulumi:dev::test::x::everyone-results" },
        ...{ verify: "yes", maxMissing: -1, verifyTriggers: 1 },
      },
    );
    assert.deepEqual(failures, [
      "verify must be true or false.",
      'maxMissing must be a whole number, 0 or more, or a percentage such as "0.1%".',
      "verifyTriggers must be an array.",
    ]);
  });
});
