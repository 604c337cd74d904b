import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Emulator, type Fault, type FaultPlan, startEmulator, VirtualClock } from "../emulator";
import type { FailedRecord, Summary } from "../provider";
import { failureCode, Ledger, type UserState } from "../provider/ledger/ledger";
import { FAILED_RECORDS } from "../provider/results/failedRecordsFile";
import { mergeSummaries } from "../provider/results/types";
import { PartialFailure, type Properties, ProviderProcess, programFolder } from "./support/providerProcess";

/*
 * Random imports under random faults, kills and edits, from a printed seed. After each import that is complete: every
 * valid user is in the tenant exactly once and as the source says, and the summary, the failed records and the ledger
 * say the same as the tenant.
 */

const USAGE = "Usage: soak [--seed N] [--rounds N]";

const CONNECTION = "con_0000000000000001";
const URN = "urn:pulumi:dev::soak::pulumi-nodejs:dynamic/auth0import:UserBatch::batch";

/** Runs until an import has to be complete. From the calm one on nothing goes wrong any more, so one is enough. */
const RUNS = { disturbed: 6, most: 8 };

/** A run that takes longer hangs. */
const LONGEST_RUN_MS = 120_000;

/** Bytes of a record that is longer than a request may be. */
const OVERSIZED = 520_000;

/** Two hours: then the tenant ends a job that does not move. */
const JOB_TIME_LIMIT_SECONDS = 7_200;

/** What is to become of a person. Only `good` ones get in as the source says. */
type Kind =
  | "good"
  /** The service refuses the record. */
  | "badEmail"
  | "longName"
  | "noIdentifier"
  /** No job can carry it. */
  | "oversized"
  /** Somebody else's user has the email. */
  | "foreign"
  /** Every job with the record fails as a whole. */
  | "poison"
  /** The plan has an error for the record; as for `applied`, it gets in nevertheless. */
  | "refused"
  | "applied";

interface Person {
  readonly number: number;
  readonly hasId: boolean;
  kind: Kind;
  /** Grows with every change of the record. */
  version: number;
}

interface Outputs {
  readonly summary: Summary;
  readonly failedRecords: readonly FailedRecord[];
  readonly jobs: unknown;
  readonly failedAt: unknown;
  readonly ledger: string[];
  readonly complete: boolean;
  readonly source: unknown;
}

/** A small generator of pseudo-random numbers (Tommy Ettinger's mulberry32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to 1, without 1. */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, bounds included. */
  from(low: number, high: number): number {
    return low + Math.floor(this.roll() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.roll() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.from(0, choices.length - 1)] as T;
  }
}

/** A fault that passes: a correct engine gets over it, in this run or at least in a later one. */
function passingFault(dice: Dice, canStall: boolean): Fault {
  const strikes = dice.chance(0.7)
    ? { nth: dice.from(1, 8) }
    : { nth: { from: dice.from(1, 6) }, times: dice.from(1, 3) };
  const processed = dice.chance(0.5);
  if (dice.chance(0.35)) {
    const job = { on: "job", ...strikes } as const;
    const afterPercent = dice.pick([0, 1, 50, 99, 100]);
    return dice.pick<Fault>([
      { ...job, kind: "fail", afterPercent },
      { ...job, kind: "fail", afterPercent, details: null },
      { ...job, kind: "expire", afterPercent },
      { ...job, kind: "vanish", afterPercent },
      { ...job, kind: "unlistedErrors", listed: dice.from(0, 2) },
      canStall ? { ...job, kind: "stall", afterPercent } : { ...job, kind: "expire" },
    ]);
  }
  const call = {
    on: dice.pick(["submit", "submit", "submit", "status", "errors", "token", "user", "any"] as const),
    ...strikes,
  };
  return dice.pick<Fault>([
    { ...call, kind: "reset" },
    { ...call, kind: "resetAfter" },
    { ...call, kind: "hang", processed },
    { ...call, kind: "delay", ms: dice.pick([200, 1_500]), processed },
    {
      ...call,
      kind: "status",
      code: dice.pick([408, 500, 502, 503, 504]),
      processed,
      body: dice.pick(["json", "html", "empty"] as const),
    },
    { ...call, kind: "truncatedJson", contentLength: dice.pick(["cut", "whole"] as const) },
    { ...call, kind: "malformedJson" },
    {
      ...call,
      kind: "rateLimit",
      // By the tenant's clock, while the answer's date is the real one: after a stall they are hours apart.
      ...(!canStall && dice.chance(0.6) && { resetInSeconds: 1 }),
      ...(dice.chance(0.6) && { retryAfterSeconds: 1 }),
    },
    { ...call, kind: "unauthorized" },
    { ...call, kind: "foreignJobs", count: dice.from(1, 4), seconds: 1 },
  ]);
}

/** One import with all that happens to it. */
class Round {
  readonly #dice: Dice;
  readonly #batches: number;
  readonly #slots: number;
  readonly #usersPerSecond: number;
  readonly #fillerBytes: number;
  readonly #passing: Fault[];
  readonly #people: Person[];
  readonly #folder = programFolder();
  readonly #states: (Outputs | undefined)[];
  readonly #story: string[] = [];
  readonly #triggers: number[] = [];
  /** The file as the last import has left it. */
  #imported: string | undefined;
  #lasting: FaultPlan = [];
  #nextNumber = 0;
  #emulator!: Emulator;

  constructor(seed: number) {
    const dice = new Dice(seed);
    this.#dice = dice;
    this.#batches = dice.chance(0.7) ? 1 : 2;
    this.#slots = dice.from(1, 4);
    this.#usersPerSecond = dice.pick([50, 200, 1_000, 0]);
    const usersPerJob = dice.from(4, 25);
    this.#fillerBytes = Math.floor(480_000 / usersPerJob);
    const canStall = dice.chance(0.3);
    this.#passing = Array.from({ length: dice.from(0, 6) }, () => passingFault(dice, canStall));
    this.#people = Array.from({ length: usersPerJob * dice.from(2, 7) }, () => this.#newPerson());
    for (const kind of ["poison", "refused", "applied"] as const) {
      if (dice.chance(0.3)) dice.pick(this.#people).kind = kind;
    }
    this.#states = Array.from({ length: this.#batches }, () => undefined);
  }

  /** What happened so far, for whoever has to find out why it failed. */
  get story(): string {
    const { people, ...rest } = {
      people: this.#people,
      batches: this.#batches,
      slots: this.#slots,
      usersPerSecond: this.#usersPerSecond,
      fillerBytes: this.#fillerBytes,
      faults: [...this.#lasting, ...this.#passing],
    };
    return [`${people.length} users, ${JSON.stringify(rest)}`, ...this.#story].map((line) => `  ${line}`).join("\n");
  }

  async play(): Promise<void> {
    this.#emulator = await startEmulator({
      usersPerSecond: this.#usersPerSecond,
      maxActiveJobs: this.#slots,
      clock: new VirtualClock(),
    });
    const pusher = setInterval(() => this.#endStalledJobs(), 200);
    try {
      this.#addForeigners();
      this.#lasting = this.#people.flatMap((person) => lastingFault(person) ?? []);
      this.#emulator.tenant.faults.replace([...this.#lasting, ...this.#passing]);
      const imports = this.#dice.from(1, 3);
      for (let number = 1; number <= imports; number++) {
        if (number > 1) this.#edit();
        await this.#import();
      }
    } finally {
      clearInterval(pusher);
      await this.#emulator.stop();
      rmSync(this.#folder, { recursive: true });
    }
  }

  #newPerson(): Person {
    const bad = this.#dice.chance(0.08);
    const kind = bad
      ? this.#dice.pick(["badEmail", "longName", "noIdentifier", "oversized", "foreign"] as const)
      : "good";
    return { number: this.#nextNumber++, hasId: this.#dice.chance(0.5), kind, version: 1 };
  }

  #record({ number, hasId, kind, version }: Person): object {
    return {
      ...(hasId && kind !== "noIdentifier" && { user_id: `source-${number}` }),
      ...(kind !== "noIdentifier" && { email: kind === "badEmail" ? `person${number}` : emailOf(number) }),
      email_verified: true,
      given_name: kind === "longName" ? "x".repeat(151) : `Version ${version}`,
      nickname: `n${number}`,
      user_metadata: { filler: "x".repeat(kind === "oversized" ? OVERSIZED : this.#fillerBytes) },
    };
  }

  #file(): string {
    return this.#people.map((person) => `${JSON.stringify(this.#record(person))}\n`).join("");
  }

  #addForeigners(): void {
    const { users, clock } = this.#emulator.tenant;
    const now = clock.now();
    for (const { number, kind } of this.#people) {
      if (kind !== "foreign") continue;
      users.put({
        id: `auth0|foreign-${number}`,
        connectionId: CONNECTION,
        email: emailOf(number),
        username: undefined,
        phoneNumber: undefined,
        createdAt: now,
        updatedAt: now,
        attributes: JSON.stringify({ given_name: "Foreign" }),
      });
    }
  }

  /** Adds, changes, mends and removes some. */
  #edit(): void {
    const dice = this.#dice;
    const share = dice.pick([0.02, 0.2, 0.6]);
    for (const person of [...this.#people]) {
      if (!dice.chance(share)) continue;
      if (dice.chance(0.15)) this.#people.splice(this.#people.indexOf(person), 1);
      else {
        person.version++;
        if (["badEmail", "longName", "oversized"].includes(person.kind) && dice.chance(0.5)) person.kind = "good";
      }
    }
    for (let added = dice.from(0, 10); added > 0; added--) {
      const person = this.#newPerson();
      if (person.kind !== "foreign") this.#people.push(person);
    }
    this.#story.push(`edited: ${this.#people.length} users`);
  }

  /** Runs until all is done, then checks. */
  async #import(): Promise<void> {
    const dice = this.#dice;
    const before = this.#inTenant();
    const versionsBefore = new Map([...before].map(([email, { attributes }]) => [email, givenName(attributes)]));
    let edited = false;
    for (let run = 1; ; run++) {
      assert.ok(run <= RUNS.most, "the import never comes to its end");
      const calm = run > RUNS.disturbed;
      if (calm || this.#triggers.length > 0) this.#emulator.tenant.faults.replace(this.#lasting);
      if (run > 1 && !calm && dice.chance(0.15)) {
        this.#edit();
        edited = true;
      }
      const dieAfterLine = !calm && dice.chance(0.5) ? dice.from(1, 30) : undefined;
      const loseState = !calm && dice.chance(0.1);
      this.#story.push(
        `run ${run}${calm ? ", calm" : ""}${dieAfterLine === undefined ? "" : `, dies after line ${dieAfterLine}`}${loseState ? ", its state is lost" : ""}`,
      );
      const isDone = await this.#run(dieAfterLine, loseState, calm);
      if (!isDone || loseState) continue;
      if (!this.#isAnybodyBlamed()) break;
      // Two jobs with them alone have failed, though not because of them: the person at the desk asks for another try.
      this.#story.push("again, by its triggers");
      this.#triggers.push(run);
      this.#passing.length = 0;
      edited = true;
    }
    await this.#quiet();
    const file = this.#file();
    // Where an edit came to nothing there was no import, and the summary is still that of the last one.
    this.#check(edited || file === this.#imported ? undefined : versionsBefore);
    this.#imported = file;
  }

  #isAnybodyBlamed(): boolean {
    const failures = (this.#states as Outputs[]).flatMap(({ failedRecords }) => failedRecords);
    return failures.some(({ code, line }) => code === "JOB_FAILED" && this.#people[line - 1]?.kind === "good");
  }

  /** @returns whether the import is complete. */
  async #run(dieAfterLine: number | undefined, loseState: boolean, calm: boolean): Promise<boolean> {
    writeFileSync(path.join(this.#folder, "users.ndjson"), this.#file());
    const provider = await ProviderProcess.start(
      {
        "auth0:domain": this.#emulator.url,
        "auth0:clientId": "emulator",
        "auth0:clientSecret": "emulator",
        "auth0-user-import:maxActiveJobs": String(this.#slots),
      },
      this.#folder,
      {
        USER_IMPORT_TEST_TIMEOUT_MS: "1000",
        ...(dieAfterLine !== undefined && { USER_IMPORT_DIE_AFTER_LINE: String(dieAfterLine) }),
      },
    );
    const hangs = setTimeout(() => {
      this.#story.push("it hangs");
      provider.process.kill("SIGKILL");
    }, LONGEST_RUN_MS);
    try {
      const checked: Properties[] = [];
      for (let index = 0; index < this.#batches; index++) {
        const olds = this.#states[index];
        const inputs = this.#inputs(index);
        const result = await provider.check(
          "UserBatch",
          olds === undefined ? {} : { ...inputs, source: olds.source },
          inputs,
        );
        assert.deepEqual(result.failures, []);
        checked.push(result.inputs);
      }
      const done = await Promise.all(checked.map((inputs, index) => this.#apply(provider, inputs, index, loseState)));
      assert.ok(!this.#story.includes("it hangs"), "a run hangs");
      if (!done.every((each) => each)) {
        assert.ok(!calm && (dieAfterLine !== undefined || this.#passing.length > 0), "a run without a fault fails");
        return false;
      }
      if (!loseState) {
        for (const [index, inputs] of checked.entries()) {
          const { changes } = await provider.diff("UserBatch", this.#states[index] as unknown as Properties, inputs);
          assert.equal(changes, false, "though all is done, there is something to do");
        }
        await this.#finalize(provider);
      }
      return true;
    } finally {
      clearTimeout(hangs);
      await provider.stop();
    }
  }

  /** Writes the failed records, as the component has it done after its batches. */
  async #finalize(provider: ProviderProcess): Promise<void> {
    const states = this.#states as Outputs[];
    const { inputs, failures } = await provider.check(
      "Finalizer",
      {},
      {
        users: ["users.ndjson"],
        sealed: false,
        resultsDir: "results",
        connectionId: CONNECTION,
        unsupportedPasswordHash: "fail",
        batches: states.map((state, index) => ({ ...state, batch: `batch-${index}` })),
        resourceUrn: `${URN}-results`,
      },
    );
    assert.deepEqual(failures, []);
    await provider.create("Finalizer", inputs);
  }

  /** What the Finalizer wrote, to be corrected and imported. */
  #recordsToMend(): unknown[] {
    const file = path.join(this.#folder, "results", FAILED_RECORDS);
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as unknown[]) : [];
  }

  /** As the engine does. @returns whether it is done. */
  async #apply(provider: ProviderProcess, inputs: Properties, index: number, loseState: boolean): Promise<boolean> {
    const olds = this.#states[index] as unknown as Properties | undefined;
    try {
      let outputs: Properties;
      if (olds === undefined) outputs = (await provider.create("UserBatch", inputs)).outputs;
      else if ((await provider.diff("UserBatch", olds, inputs)).changes) {
        outputs = await provider.update("UserBatch", olds, inputs);
      } else return true;
      if (!loseState) this.#states[index] = outputs as unknown as Outputs;
      return true;
    } catch (error) {
      this.#story.push(`batch ${index}: ${(error as Error).message.slice(0, 200)}`);
      if (error instanceof PartialFailure && !loseState) this.#states[index] = error.properties as unknown as Outputs;
      return false;
    }
  }

  #inputs(index: number): Properties {
    return {
      connectionId: CONNECTION,
      users: ["users.ndjson"],
      key: "0123456789abcdef",
      share: { index, count: this.#batches },
      onExisting: "fail",
      unsupportedPasswordHash: "fail",
      generateUserIds: true,
      triggers: [...this.#triggers],
      sealed: false,
      externalId: `soak/${index}`,
      sendCompletionEmail: false,
      configNamespace: "auth0",
      resultsDir: "results",
      resourceUrn: `${URN}-${index}`,
    };
  }

  /** Jobs that were made though nobody got an answer may still be running. */
  async #quiet(): Promise<void> {
    const { tenant } = this.#emulator;
    while (tenant.stats().jobs.active > 0) await sleep(20);
  }

  /** @param before the users of the tenant when the import began; nothing where the source changed in its middle. */
  #check(before: ReadonlyMap<string, string> | undefined): void {
    const tallies = this.#emulator.tenant.tallies();
    const present = this.#inTenant();
    const repeated = Object.entries(tallies).filter(([, { inserted }]) => inserted > 1);
    assert.deepEqual(repeated, [], "users are inserted more than once");
    assert.equal(present.size, this.#emulator.tenant.stats().users, "two users have one email");

    const states = this.#states as Outputs[];
    const failures = new Map(
      states.flatMap(({ failedRecords }) => failedRecords.map((each) => [each.line, each] as const)),
    );
    const expected = { inserted: 0, updated: 0, unchanged: 0 };
    let bad = 0;
    for (const [i, person] of this.#people.entries()) {
      const { number, kind, version } = person;
      const email = emailOf(number);
      const user = present.get(email);
      const failure = failures.get(i + 1);
      const who = `${kind} person ${number}, version ${version}`;
      if (kind !== "good") {
        bad++;
        assert.ok(failure, `${who} is no failed record`);
        if (kind === "foreign") assert.equal(givenName(user?.attributes ?? "{}"), "Foreign", `${who} is overwritten`);
        else if (kind === "applied") assert.ok(user, `${who} is not in the tenant`);
        else if (user !== undefined) assert.fail(`${who} is in the tenant`);
        continue;
      }
      assert.equal(failure, undefined, `${who} is a failed record: ${JSON.stringify(failure)}`);
      assert.ok(user, `${who} is not in the tenant`);
      assert.equal(givenName(user.attributes), `Version ${version}`, `${who}: the tenant has another version`);
      const versionBefore = before?.get(email);
      if (versionBefore === undefined) expected.inserted++;
      else if (versionBefore === `Version ${version}`) expected.unchanged++;
      else expected.updated++;
    }

    const summary = mergeSummaries(states.map((state) => state.summary));
    const { total, removed, failed, invalid, inserted, updated, unchanged, memberships: _, ...others } = summary;
    const elsewhere = Object.values(others).reduce((sum, each) => sum + each, 0);
    const told = JSON.stringify(summary);
    assert.equal(elsewhere, 0, `neither adopted nor not applied can be: ${told}`);
    assert.equal(total, this.#people.length, `the summary's total: ${told}`);
    assert.equal(failed + invalid, bad, `the summary's failed and invalid: ${told}`);
    assert.equal(inserted + updated + unchanged, total - bad, `the summary does not add up: ${told}`);
    if (before !== undefined) assert.deepEqual({ inserted, updated, unchanged }, expected, "the summary");
    assert.equal(failures.size, bad, "the failed records");
    assert.equal(this.#recordsToMend().length, bad, "the records in the file of failed ones");

    const ledgers = states.flatMap(({ ledger }) => statesIn(Ledger.decode(ledger)));
    const gone = ledgers.filter((state) => state === "removed").length;
    const failedInLedger = ledgers.filter((state) => failureCode(state) !== undefined).length;
    assert.equal(gone, removed, "the removed ones in the ledger");
    // Who may have come in a job that nobody knows the end of stays in it, also where the file has nobody of them any more.
    const kept = ledgers.filter((state) => failureCode(state) === "JOB_FAILED").length;
    assert.ok(
      failedInLedger - kept <= failed && failed <= failedInLedger,
      `the failed ones in the ledger: ${failedInLedger}, ${kept} of them kept; ${told}`,
    );
    assert.equal(ledgers.length - gone - failedInLedger, total - bad, "the imported ones in the ledger");
  }

  #inTenant() {
    return new Map([...this.#emulator.tenant.users.all()].map((user) => [user.email ?? user.id, user]));
  }

  /** Hours pass for a job that gets no further, and the tenant ends it. */
  #endStalledJobs(): void {
    const { jobs, clock } = this.#emulator.tenant;
    jobs.advance();
    const due = (total: number) => (this.#usersPerSecond === 0 ? 0 : (total / this.#usersPerSecond) * 1_000);
    const now = clock.now();
    for (const job of jobs.all()) {
      if (job.outcome !== undefined || now < job.createdAt + due(job.total) + 500) continue;
      clock.advance?.(JOB_TIME_LIMIT_SECONDS);
      return;
    }
  }
}

/** The part of the plan that stays: what is wrong with a record does not pass. */
function lastingFault({ number, kind }: Person): Fault | undefined {
  const email = `^${emailOf(number)}$`;
  if (kind === "poison") return { on: "job", kind: "poison", email };
  if (kind === "refused") return { on: "job", kind: "error", email, code: "SOMETHING_NEW" };
  if (kind === "applied") return { on: "job", kind: "error", email, code: "MFA_FACTORS_FAILED", applied: true };
  return undefined;
}

function statesIn(ledger: Ledger): UserState[] {
  return [...ledger.identities()].map((identity) => ledger.stateOf(identity));
}

function emailOf(number: number): string {
  return `person${number}@example.com`;
}

function givenName(attributes: string): string {
  return (JSON.parse(attributes) as { given_name: string }).given_name;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(USAGE);
  return Number(text);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seed: { type: "string" }, rounds: { type: "string", default: "20" } } });
  const first = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : wholeNumber(values.seed);
  const rounds = wholeNumber(values.rounds);
  console.log(`Seed ${first}, ${rounds} rounds`);
  for (let number = 1; number <= rounds; number++) {
    const seed = first + number - 1;
    const began = performance.now();
    const round = new Round(seed);
    try {
      await round.play();
      console.log(`round ${number} (seed ${seed}): passed in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    } catch (error) {
      process.exitCode = 1;
      console.error(`round ${number} (seed ${seed}): FAILED\n${round.story}\n  ${(error as Error).message}`);
      console.error(`  Again: npm run soak -- --seed ${seed} --rounds 1`);
    }
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
