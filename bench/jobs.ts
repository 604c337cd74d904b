import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { MAX_REQUEST_BYTES } from "../provider/plan/pack";
import { shareOf } from "../provider/plan/share";
import { EmulatorProcess } from "../test/support/emulator";
import { type Properties, ProviderProcess, programFolder } from "../test/support/providerProcess";
import { importNaively } from "./naive";

/*
 * How well the import engine uses a tenant's slots. The real provider process imports into the emulator, both as
 * processes of their own, in full jobs of a given length. Rows of their own: the first slots that come free, when no
 * job's time is known yet; and those after a `kill -9`, with a run that goes on eight seconds later. Beside it, a script
 * that polls every second.
 */

const USAGE = "Usage: bench:jobs [--seconds 1|5|20] [--slots 2|20] [--no-naive] [--first] [--resumed]";

const CONNECTION = "con_0000000000000001";
const USERS_FILE = "users.ndjson";

/** Several resources share a tenant's slots in a real run. The jobs of any cell are a multiple of this. */
const BATCHES = 4;

/**
 * A record has from half of this to half as much again. Records of some 400 bytes, as in an export, would make 1,280
 * users a job, and with 20 slots and jobs of 1 s the emulator rather than the engine would be measured.
 */
const MEAN_RECORD_BYTES = 2_000;

/** What an insert job adds to a record: an id that is made up, `"user_id":"…",`, and the comma. */
const ADDED_BYTES = 38;

/** So that the last job of a batch is nearly full like the others, and the end of a run does not dominate. */
const JOB_BYTES = { engine: 0.9965 * MAX_REQUEST_BYTES, naive: 0.96 * MAX_REQUEST_BYTES };

interface Cell {
  readonly seconds: number;
  readonly slots: number;
  /** Of the engine, so many that start and end don't dominate. */
  readonly jobsPerSlot: number;
  /** Of the naive script, which is timed with fewer: it wastes the same of each. */
  readonly naiveJobsPerSlot: number;
}

const CELLS: readonly Cell[] = [1, 5, 20].flatMap((seconds) =>
  [2, 20].map((slots) => ({
    seconds,
    slots,
    jobsPerSlot: { 1: 40, 5: 16, 20: 8 }[seconds] ?? 16,
    naiveJobsPerSlot: { 1: 4, 5: 2, 20: 1 }[seconds] ?? 2,
  })),
);

/** Jobs of so many seconds keep neither process busy, so that all their cells are measured at once. */
const AT_ONCE_FROM_SECONDS = 20;

/** So many slots that come free make a row of their own. */
const FIRST = 10;

/** A run that is killed: in the middle of its jobs, when each slot has had one. */
const KILLED = { afterJobs: 1.5, downMs: 8_000 };

/** To reach, of the engine. */
const GOALS = {
  utilisation: ({ seconds }: Cell): number => (seconds < 5 ? 0.95 : 0.98),
  callsPerJob: 5,
  packing: 0.995,
  /** Of a job of 5 s, and not of another: a look takes its time. */
  gap: { "first 10": 0.03, resumed: 0.05 },
};

/** A job as the tenant tells of it. */
interface Job {
  readonly created: number;
  readonly finished: number;
  readonly bytes: number;
  readonly batch: string;
}

interface Figures {
  readonly all: readonly Job[];
  readonly jobs: number;
  /** Job time over slots times span, from the first job's creation to the last one's end, by the tenant's clock. */
  readonly utilisation: number;
  /** All requests, sign-ins among them. */
  readonly callsPerJob: number;
  /** Mean size of a request over what one may have, without the last job of each batch. */
  readonly packing: number;
  /** For how long a slot that came free lay idle, in the mean, over a job's time. */
  readonly gap: number;
}

interface BenchUser {
  readonly email: string;
  readonly email_verified: boolean;
  readonly user_metadata: { readonly notes: string };
}

/** Users of `batches` shares, of which each has so many bytes in jobs. The same every time. */
function* makeUsers(batches: number, bytesPerBatch: number): Generator<BenchUser> {
  const left = Array.from({ length: batches }, () => bytesPerBatch);
  for (let i = 0; left.some((bytes) => bytes > 0); i++) {
    // A step that is prime to the range, so that sizes are spread evenly.
    const notes = "x".repeat(MEAN_RECORD_BYTES / 2 + ((i * 617) % MEAN_RECORD_BYTES) - 95);
    const user = { email: `user${i}@example.com`, email_verified: true, user_metadata: { notes } };
    const share = shareOf(user, batches);
    const bytes = JSON.stringify(user).length + ADDED_BYTES;
    if ((left[share] as number) < bytes) left[share] = 0;
    if (left[share] === 0) continue;
    left[share] = (left[share] as number) - bytes;
    yield user;
  }
}

/** The tenant's speed at which a full job takes that long. */
function usersPerSecond({ seconds }: Cell): number {
  return Math.round(MAX_REQUEST_BYTES / (MEAN_RECORD_BYTES + ADDED_BYTES) / seconds);
}

async function withEmulator(cell: Cell, importInto: (url: string) => Promise<number>): Promise<Figures> {
  const emulator = await EmulatorProcess.start(
    ...["--max-active-jobs", String(cell.slots)],
    ...["--users-per-second", String(usersPerSecond(cell))],
  );
  try {
    const users = await importInto(emulator.url);
    return await figuresOf(emulator, cell, users);
  } finally {
    await emulator.stop();
  }
}

async function figuresOf(emulator: EmulatorProcess, cell: Cell, users: number): Promise<Figures> {
  const { slots } = cell;
  const stats = await emulator.stats();
  const jobs = stats.jobs.list.map(({ id, created, finished, bytes, external_id }): Job => {
    if (finished === null) throw new Error(`The job ${id} has not ended.`);
    // The external id without the job's number.
    const batch = (external_id ?? "").replace(/#\d+$/, "");
    return { created: Date.parse(created), finished: Date.parse(finished), bytes, batch };
  });
  if (stats.users !== users) throw new Error(`${stats.users} users are in the tenant instead of ${users}.`);

  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  const span = Math.max(...jobs.map(({ finished }) => finished)) - Math.min(...jobs.map(({ created }) => created));
  const last = new Map(jobs.map((job) => [job.batch, job]));
  const full = jobs.filter((job) => last.get(job.batch) !== job);
  return {
    all: jobs,
    jobs: jobs.length,
    utilisation: sum(jobs.map(({ created, finished }) => finished - created)) / (slots * span),
    callsPerJob: sum(Object.values(stats.requests)) / jobs.length,
    packing: sum(full.map(({ bytes }) => bytes)) / full.length / MAX_REQUEST_BYTES,
    gap: gapOf(jobs, cell),
  };
}

/**
 * The mean time between the end of a job and the next one in its slot, over a job's time.
 *
 * @param jobs that were sent when the slots were free: the first ones fill them, and leave no gap.
 * @param most only of so many slots that came free.
 */
function gapOf(jobs: readonly Job[], { slots, seconds }: Cell, most = Number.POSITIVE_INFINITY): number {
  const later = jobs.map(({ created }) => created).sort((a, b) => a - b);
  const ends = jobs.map(({ finished }) => finished).sort((a, b) => a - b);
  const gaps = later.slice(slots, slots + most).map((created, i) => created - (ends[i] as number));
  return gaps.reduce((total, gap) => total + gap, 0) / gaps.length / (1_000 * seconds);
}

/** @param killMs when its process is killed; another one goes on. */
async function importWithEngine(
  url: string,
  { slots, jobsPerSlot }: Cell,
  killMs?: number,
): Promise<{ readonly users: number; readonly resumed: number }> {
  const folder = programFolder();
  const bytes = (slots * jobsPerSlot * JOB_BYTES.engine) / BATCHES;
  const users = makeUsers(BATCHES, bytes);
  await pipeline(
    Readable.from(users).map((user) => `${JSON.stringify(user)}\n`),
    createWriteStream(path.join(folder, USERS_FILE)),
  );
  const config = {
    "auth0:domain": url,
    "auth0:clientId": "emulator",
    "auth0:clientSecret": "emulator",
    "auth0-user-import:maxActiveJobs": String(slots),
  };
  try {
    if (killMs !== undefined) {
      const provider = await ProviderProcess.start(config, folder);
      const killed = run(provider).then(
        () => Promise.reject(new Error("The run was over before it was killed.")),
        () => {},
      );
      await sleep(killMs);
      await provider.stop();
      await killed;
      await sleep(KILLED.downMs);
    }
    const resumed = Date.now();
    const provider = await ProviderProcess.start(config, folder);
    try {
      return { users: await run(provider), resumed };
    } finally {
      await provider.stop();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** All batches at once, as in `pulumi up`. */
async function run(provider: ProviderProcess): Promise<number> {
  const checked: Properties[] = [];
  for (let index = 0; index < BATCHES; index++) {
    const { inputs, failures } = await provider.check("UserBatch", {}, batchInputs(index));
    if (failures.length > 0) throw new Error(failures.join(" "));
    checked.push(inputs);
  }
  const created = await Promise.all(checked.map((inputs) => provider.create("UserBatch", inputs)));
  return created.reduce((sum, { outputs }) => sum + (outputs.summary as { inserted: number }).inserted, 0);
}

function batchInputs(index: number): Properties {
  return {
    connectionId: CONNECTION,
    users: [USERS_FILE],
    key: "0123456789abcdef",
    share: { index, count: BATCHES },
    onExisting: "fail",
    unsupportedPasswordHash: "fail",
    generateUserIds: true,
    triggers: [],
    sealed: false,
    externalId: `bench/${index}`,
    sendCompletionEmail: false,
    configNamespace: "auth0",
    resultsDir: "results",
    resourceUrn: `urn:pulumi:dev::bench::pulumi-nodejs:dynamic/auth0import:UserBatch::batch-${index}`,
  };
}

function row(cell: Cell, who: string, { jobs, utilisation, callsPerJob, packing, gap }: Partial<Figures>): string[] {
  return [
    `${cell.seconds} s`,
    String(cell.slots),
    who,
    String(jobs),
    utilisation?.toFixed(3) ?? "",
    callsPerJob?.toFixed(2) ?? "",
    packing?.toFixed(4) ?? "",
    gap === undefined ? "" : `${(100 * gap).toFixed(1)} %`,
  ];
}

const WIDTHS = [6, 7, 10, 6, 13, 12, 9, 9];

function print(columns: readonly string[], missed: readonly string[] = []): void {
  if (missed.length > 0) process.exitCode = 1;
  const verdict = missed.length > 0 ? `  missed: ${missed.join(", ")}` : "";
  console.log(columns.map((text, i) => text.padStart(WIDTHS[i] as number)).join("") + verdict);
}

function missed(cell: Cell, { utilisation, callsPerJob, packing }: Figures): string[] {
  return [
    ...(utilisation < GOALS.utilisation(cell) ? [`utilisation below ${GOALS.utilisation(cell)}`] : []),
    ...(callsPerJob > GOALS.callsPerJob ? [`over ${GOALS.callsPerJob} calls a job`] : []),
    ...(packing < GOALS.packing ? [`packing below ${GOALS.packing}`] : []),
  ];
}

/** The row of some slots that came free. */
function printGap(cell: Cell, who: keyof typeof GOALS.gap, jobs: readonly Job[]): void {
  const gap = gapOf(jobs, cell, FIRST);
  const isOver = cell.seconds === 5 && gap > GOALS.gap[who];
  print(row(cell, who, { jobs: FIRST, gap }), isOver ? [`gap over ${100 * GOALS.gap[who]} %`] : []);
}

/** The whole run of a cell, or no more than its first jobs. */
async function measure(cell: Cell, onlyFirst: boolean): Promise<void> {
  const jobsPerSlot = onlyFirst ? 1 + Math.ceil(FIRST / cell.slots) : cell.jobsPerSlot;
  const engine = await withEmulator(cell, async (url) => (await importWithEngine(url, { ...cell, jobsPerSlot })).users);
  if (!onlyFirst) print(row(cell, "engine", engine), missed(cell, engine));
  printGap(cell, "first 10", engine.all);
}

async function measureResumed(cell: Cell): Promise<void> {
  let since = 0;
  const jobsPerSlot = Math.ceil(KILLED.afterJobs) + 1 + Math.ceil(FIRST / cell.slots);
  const { all } = await withEmulator(cell, async (url) => {
    const { users, resumed } = await importWithEngine(
      url,
      { ...cell, jobsPerSlot },
      KILLED.afterJobs * 1_000 * cell.seconds,
    );
    since = resumed;
    return users;
  });
  printGap(
    cell,
    "resumed",
    all.filter(({ created }) => created >= since),
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string" },
      slots: { type: "string" },
      "no-naive": { type: "boolean", default: false },
      first: { type: "boolean", default: false },
      resumed: { type: "boolean", default: false },
    },
  });
  const cells = CELLS.filter(
    ({ seconds, slots }) =>
      (values.seconds === undefined || values.seconds === String(seconds)) &&
      (values.slots === undefined || values.slots === String(slots)),
  );
  if (cells.length === 0) throw new Error(USAGE);
  const { first, resumed } = values;

  print(["job", "slots", "", "jobs", "utilisation", "calls/job", "packing", "gap"]);
  const rowsOf = async (cell: Cell) => {
    if (first || !resumed) await measure(cell, first);
    if (resumed || (!first && cell.seconds === 5)) await measureResumed(cell);
    if (first || resumed || values["no-naive"]) return;
    const users = [...makeUsers(1, cell.slots * cell.naiveJobsPerSlot * JOB_BYTES.naive)];
    const naive = await withEmulator(cell, (url) => importNaively(url, CONNECTION, users, cell.slots));
    print(row(cell, "polling", naive));
  };
  const areLong = ({ seconds }: Cell) => seconds >= AT_ONCE_FROM_SECONDS;
  for (const cell of cells.filter((each) => !areLong(each))) await rowsOf(cell);
  await Promise.all(cells.filter(areLong).map(rowsOf));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
