import path from "node:path";
import { parseArgs } from "node:util";
import type { Summary } from "../provider";
import { MAX_REQUEST_BYTES } from "../provider/plan/pack";
import { EmulatorProcess } from "../test/support/emulator";
import { Running } from "../test/support/run";
import { Workspace } from "../test/support/workspace";
import { type GeneratedUser, generateUsers, writeNdjson } from "../tools/generate-users";
import { median, megabytes, parseTime, peakMemory, ratio, seconds } from "./measure";
import { Trivial } from "./trivial";

/*
 * What a whole migration costs beside what the tenant takes for it anyway: time, memory and state, with the real engine
 * and the emulator. Then a preview and an edit of one user, beside those of trivial resources with a state of the same
 * size, and an edit of users in all batches. It needs Linux, which tells of a process how much memory it had at most.
 */

const USAGE = "Usage: bench:scale [--users 1000000] [--batches 16] [--seconds 5] [--slots 20]";

const CONNECTION = "con_0000000000000001";
const USERS_FILE = "users.ndjson";
const CHANGED_USERS = 100;
const LOOK_MS = 100;
const LONGEST_RUN_MS = 4 * 3_600_000;

/** Previews of each kind, in turns; the median counts. */
const PREVIEWS = 5;

/** Edits of one user and of one trivial resource, in turns; the median counts. */
const EDITS = 3;

/**
 * To reach. Pulumi's own part is measured beside: that of `Trivial`, with a state of the same size. The tenant's is the
 * least time in which it can carry the jobs out.
 */
const GOALS = {
  /** Of the tenant's part, Pulumi's, and a bare pass of JSON.parse, where jobs take `fromSeconds` and more. */
  first: { atMost: 1.06, fromSeconds: 5 },
  providerMegabytes: 500,
  stateBytesAUser: 50,
  /** Of Pulumi's part and a digest of the source. The package has to be loaded, and the key comes before the batches. */
  preview: 1.35,
  /** Of Pulumi's part, a digest, the job, and two bare passes: what `bench:source` allows a reading. */
  edit: 1.1,
};

interface Size {
  readonly users: number;
  readonly batches: number;
  /** Of a full job. */
  readonly seconds: number;
  readonly slots: number;
}

/** One command from its start to its end. */
interface Measured {
  readonly startedMs: number;
  readonly endedMs: number;
  /** The most memory that each had, in bytes. */
  readonly provider: number;
  readonly cli: number;
  readonly program: number;
}

const program = ({ batches }: Size) => `const { UserImport } = require("pulumi-auth0-user-import");
const everyone = new UserImport("everyone", { connectionId: "${CONNECTION}", users: "${USERS_FILE}", batches: ${batches} });
exports.summary = everyone.summary;
`;

/** The users, some of whom say something else than at first, by their place among all. */
function* users({ users }: Size, edited: ReadonlyMap<number, string>): Generator<GeneratedUser> {
  let index = 0;
  for (const user of generateUsers({ users })) {
    const plan = edited.get(index++);
    if (plan !== undefined) user.user_metadata.plan = plan;
    yield user;
  }
}

/** So many of all, evenly spread. */
function spread(count: number, { users }: Size): Map<number, string> {
  return new Map(Array.from({ length: count }, (_, i) => [Math.floor((i * users) / count), "changed"]));
}

/** The tenant's speed at which a full job takes that long. */
function usersPerSecond({ seconds }: Size): number {
  const sample = [...generateUsers({ users: 5_000 })];
  // Sent without the `auth0|` of its id, and with a comma.
  const bytes = sample.reduce((sum, user) => sum + Buffer.byteLength(JSON.stringify(user)) - 5, 0) / sample.length;
  return Math.round(MAX_REQUEST_BYTES / bytes / seconds);
}

/** Runs a Pulumi command that has to succeed, and watches the memory of its processes. */
async function measure({ cli, folder, env }: Workspace, ...args: string[]): Promise<Measured> {
  const startedMs = Date.now();
  const running = new Running(cli.command, [...args, "--non-interactive"], {
    cwd: folder,
    env,
    timeoutMs: LONGEST_RUN_MS,
  });
  const most = { provider: 0, cli: 0, program: 0 };
  const look = () => {
    for (const { pid, commandLine } of running.processes()) {
      const who =
        pid === running.pid
          ? "cli"
          : commandLine.includes("/cmd/dynamic-provider")
            ? "provider"
            : commandLine.includes("/cmd/run")
              ? "program"
              : undefined;
      if (who !== undefined) most[who] = Math.max(most[who], peakMemoryIfAny(pid));
    }
  };
  const timer = setInterval(look, LOOK_MS);
  try {
    await running.exited;
    const endedMs = Date.now();
    const { code, output } = await running.finished;
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${output}`);
    return { startedMs, endedMs, ...most };
  } finally {
    clearInterval(timer);
  }
}

/** As `peakMemory`, and 0 where the process is gone. */
function peakMemoryIfAny(pid: number): number {
  try {
    return peakMemory(pid) || 0;
  } catch {
    return 0;
  }
}

const UP = ["up", "--yes", "--skip-preview"];

async function summaryOf(workspace: Workspace): Promise<Summary> {
  return (await workspace.outputs<{ summary: Summary }>()).summary;
}

function assertCounts(what: string, found: object, wanted: object): void {
  for (const [name, count] of Object.entries(wanted)) {
    const is = (found as Record<string, unknown>)[name];
    if (is !== count) throw new Error(`${what}: ${is} ${name} instead of ${count}`);
  }
}

/** Milliseconds. */
interface FirstUp {
  readonly total: number;
  /** The tenant's part. */
  readonly minimum: number;
}

/** The first import, and how much of its time is the tenant's own. */
async function firstUp(workspace: Workspace, emulator: EmulatorProcess, size: Size): Promise<FirstUp> {
  const first = await measure(workspace, ...UP);
  const { jobs, users } = await emulator.stats();
  assertCounts("tenant", { users }, { users: size.users });
  assertCounts("summary", await summaryOf(workspace), { total: size.users, inserted: size.users, failed: 0 });
  const times = jobs.list.map(({ created, finished }) => ({
    created: Date.parse(created),
    finished: Date.parse(finished ?? ""),
  }));
  const minimum = times.reduce((sum, { created, finished }) => sum + finished - created, 0) / size.slots;
  const firstJob = Math.min(...times.map(({ created }) => created));
  const lastJob = Math.max(...times.map(({ finished }) => finished));
  const total = first.endedMs - first.startedMs;
  report("first up", seconds(total));
  report("  of the tenant's part", `${seconds(minimum)}: ${ratio(total / minimum)} of it`);
  report("  before the first job", seconds(firstJob - first.startedMs));
  report("  with jobs", `${seconds(lastJob - firstJob)}, ${ratio((lastJob - firstJob) / minimum)} of the minimum`);
  report("  after the last job", seconds(first.endedMs - lastJob));
  report("  jobs", String(jobs.total));
  reportMemory(first);
  return { total, minimum };
}

/** The first import beside all that it can't do without. */
function reportParts({ total, minimum }: FirstUp, { firstUpMs }: Trivial, parseMs: number, size: Size): void {
  const parts = minimum + firstUpMs + parseMs;
  const { atMost, fromSeconds } = GOALS.first;
  report(
    "first up",
    `${seconds(total)}, ${ratio(total / parts)} of the next three`,
    size.seconds < fromSeconds ? undefined : { met: total / parts <= atMost, text: `${ratio(atMost)} at most` },
  );
  report("  the tenant's part", seconds(minimum));
  report("  Pulumi's part", seconds(firstUpMs));
  report("  bare JSON.parse of each line", seconds(parseMs));
}

/** A further update, without a change or with some: its time and that of its jobs, in milliseconds. */
async function anotherUp(
  name: string,
  workspace: Workspace,
  emulator: EmulatorProcess,
  updated: number,
): Promise<{ readonly ms: number; readonly jobMs: number; readonly measured: Measured; readonly jobs: number }> {
  const jobsBefore = (await emulator.stats()).jobs.total;
  const measured = await measure(workspace, ...UP);
  const { jobs } = await emulator.stats();
  const list = jobs.list.slice(jobsBefore);
  const sent = list.reduce((sum, job) => sum + job.updated + job.inserted + job.failed, 0);
  assertCounts(name, { sent }, { sent: updated });
  const jobMs = list.reduce((sum, { created, finished }) => sum + Date.parse(finished ?? "") - Date.parse(created), 0);
  return { ms: measured.endedMs - measured.startedMs, jobMs, measured, jobs: list.length };
}

function reportUp(name: string, { ms, jobs, measured }: Awaited<ReturnType<typeof anotherUp>>): void {
  report(name, seconds(ms));
  report("  jobs", String(jobs));
  reportMemory(measured);
}

/** Previews without a change. */
async function previews(workspace: Workspace, light: Trivial, heavy: Trivial): Promise<void> {
  const users = path.join(workspace.folder, USERS_FILE);
  const preview = (of: Workspace) => timeOf(of.cli.command, ["preview", "--non-interactive"], of);
  const times: Record<"ours" | "light" | "heavy" | "digest", number[]> = { ours: [], light: [], heavy: [], digest: [] };
  for (let round = 0; round < PREVIEWS; round++) {
    times.ours.push(await preview(workspace));
    times.light.push(await preview(light.workspace));
    times.heavy.push(await preview(heavy.workspace));
    times.digest.push(await timeOf("openssl", ["dgst", "-sha256", users], workspace));
  }
  const [ours, base, digest] = [median(times.ours), median(times.heavy), median(times.digest)];
  const { preview: atMost } = GOALS;
  const over = ours / (base + digest);
  report("preview, nothing changed", `${seconds(ours)}, ${ratio(over)} of the next two`, {
    met: over <= atMost,
    text: `${ratio(atMost)} at most`,
  });
  report("  Pulumi's part", seconds(base));
  report("  openssl dgst -sha256", seconds(digest));
  report("  Pulumi's part, without that state", seconds(median(times.light)));
}

/** Edits of one user, beside those of one trivial resource. */
async function edits(
  workspace: Workspace,
  emulator: EmulatorProcess,
  heavy: Trivial,
  write: (edited: ReadonlyMap<number, string>) => Promise<void>,
): Promise<void> {
  const users = path.join(workspace.folder, USERS_FILE);
  const times: Record<"ours" | "heavy" | "digest" | "parse" | "job", number[]> = {
    ours: [],
    heavy: [],
    digest: [],
    parse: [],
    job: [],
  };
  for (let round = 0; round < EDITS; round++) {
    await write(new Map([[0, `edit ${round}`]]));
    const { ms, jobMs } = await anotherUp("up, one user edited", workspace, emulator, 1);
    times.ours.push(ms);
    times.job.push(jobMs);
    await heavy.edit(`edit ${round}`);
    times.heavy.push(await timeOf(heavy.workspace.cli.command, [...UP, "--non-interactive"], heavy.workspace));
    times.digest.push(await timeOf("openssl", ["dgst", "-sha256", users], workspace));
    times.parse.push(await parseTime(users));
  }
  const [ours, base, digest, parse, job] = [
    median(times.ours),
    median(times.heavy),
    median(times.digest),
    median(times.parse),
    median(times.job),
  ];
  const { edit: atMost } = GOALS;
  const over = ours / (base + digest + 2 * parse + job);
  report("up, one user edited", `${seconds(ours)}, ${ratio(over)} of the next four`, {
    met: over <= atMost,
    text: `${ratio(atMost)} at most`,
  });
  report("  Pulumi's part", seconds(base));
  report("  openssl dgst -sha256", seconds(digest));
  report("  twice a bare JSON.parse of each line", seconds(2 * parse));
  report("  the job", seconds(job));
}

async function timeOf(command: string, args: string[], { folder, env }: Workspace): Promise<number> {
  const started = Date.now();
  const running = new Running(command, args, { cwd: folder, env, timeoutMs: LONGEST_RUN_MS });
  await running.exited;
  const time = Date.now() - started;
  const { code, output } = await running.finished;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output}`);
  return time;
}

function reportMemory({ provider, cli, program }: Measured): void {
  const { providerMegabytes } = GOALS;
  report("  memory of the provider", megabytes(provider), {
    met: provider <= providerMegabytes * 1e6,
    text: `${providerMegabytes} MB at most`,
  });
  report("  memory of the CLI", megabytes(cli));
  report("  memory of the program", megabytes(program));
}

async function reportState(workspace: Workspace, { users }: Size): Promise<void> {
  const bytes = Buffer.byteLength(await workspace.exportStack());
  const { stateBytesAUser } = GOALS;
  report("state", `${megabytes(bytes)}, ${(bytes / users).toFixed(1)} bytes a user`, {
    met: bytes / users <= stateBytesAUser,
    text: `${stateBytesAUser} bytes at most`,
  });
}

function report(what: string, found: string, goal?: { readonly met: boolean; readonly text: string }): void {
  if (goal?.met === false) process.exitCode = 1;
  const verdict = goal === undefined ? "" : `${goal.text}: ${goal.met ? "reached" : "MISSED"}`;
  console.log(`${what.padEnd(38)}${found.padEnd(40)}${verdict}`.trimEnd());
}

function readSize(): Size {
  const { values } = parseArgs({
    options: {
      users: { type: "string", default: "1000000" },
      batches: { type: "string", default: "16" },
      seconds: { type: "string", default: "5" },
      slots: { type: "string", default: "20" },
    },
  });
  const size = {
    users: Number(values.users),
    batches: Number(values.batches),
    seconds: Number(values.seconds),
    slots: Number(values.slots),
  };
  const areCounts = [size.users, size.batches, size.slots].every((count) => Number.isInteger(count) && count > 0);
  if (!areCounts || !(size.seconds > 0) || size.users <= CHANGED_USERS) throw new Error(USAGE);
  return size;
}

async function main(): Promise<void> {
  const size = readSize();
  const speed = usersPerSecond(size);
  console.log(`${size.users} users in ${size.batches} batches, ${size.slots} slots, ${speed} users a second and job\n`);
  const emulator = await EmulatorProcess.start(
    ...["--max-active-jobs", String(size.slots)],
    ...["--users-per-second", String(speed)],
  );
  const workspace = await Workspace.create({
    files: { "index.js": program(size) },
    config: {
      "auth0:domain": emulator.url,
      "auth0:clientId": "emulator",
      "auth0-user-import:maxActiveJobs": String(size.slots),
    },
    secrets: { "auth0:clientSecret": "emulator" },
  });
  const file = path.join(workspace.folder, USERS_FILE);
  try {
    const write = (edited: ReadonlyMap<number, string>) => writeNdjson(file, users(size, edited));
    await write(new Map());
    const first = await firstUp(workspace, emulator, size);
    await reportState(workspace, size);
    reportUp("up, nothing changed", await anotherUp("up, nothing changed", workspace, emulator, 0));
    const light = await Trivial.create(0);
    const heavy = await Trivial.create(Buffer.byteLength(await workspace.exportStack()));
    try {
      reportParts(first, heavy, await parseTime(file), size);
      await previews(workspace, light, heavy);
      await edits(workspace, emulator, heavy, write);
    } finally {
      light.workspace.remove();
      heavy.workspace.remove();
    }
    // The first stays as the last edit made it.
    await write(new Map([...spread(CHANGED_USERS + 1, size), [0, `edit ${EDITS - 1}`]]));
    const name = `up, ${CHANGED_USERS} records changed`;
    reportUp(name, await anotherUp(name, workspace, emulator, CHANGED_USERS));
    assertCounts("summary", await summaryOf(workspace), {
      updated: CHANGED_USERS,
      unchanged: size.users - CHANGED_USERS,
    });
    await reportState(workspace, size);
  } finally {
    workspace.remove();
    await emulator.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
