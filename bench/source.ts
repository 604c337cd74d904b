import { execFileSync, spawnSync } from "node:child_process";
import { createReadStream, createWriteStream, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { createGzip } from "node:zlib";
import { MembershipPreview } from "../provider/import/memberships/preview";
import { planBatch } from "../provider/import/preview";
import { sharedSource } from "../provider/lifecycle/sources";
import type { MembershipMaps } from "../provider/plan/memberships";
import { generateUsers, writeNdjson, writeUsers } from "../tools/generate-users";
import { chunksOfLines, median, parseLines, peakMemory } from "./measure";

/*
 * What it takes to read users files, as a first preview does: unpack, split, parse, check every rule, take fingerprints,
 * find doubles, and pack the records into jobs. Beside it, in the same run, one bare pass of JSON.parse over the lines in
 * one thread, and `jq -c .` on the same file. Each in a process of its own. It needs Linux, which tells of a process how
 * much memory it had at most. And what it takes to say, besides, what roles and organizations they get, where all have some:
 * the files are read once, whatever their records say.
 */

const USAGE = "Usage: bench:source [--users 1000000]";

/** To reach: times as long as bare JSON.parse, as jq, and with roles as without; resident memory in MB. */
const GOALS = { parse: 2, jq: 1, roles: 1.25, megabytes: 300 };

/** The arguments of a program whose users have roles and organizations. */
const ROLES = { admin: "rol_1", editor: "rol_2", viewer: "rol_3" };
const ORGANIZATIONS = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`shop-${i}`, `org_${i}`]));

/** Each measure is taken so often, and the median counts. */
const RUNS = 3;

interface Measured {
  readonly seconds: number;
  readonly megabytes: number;
  /** Records. */
  readonly users: number;
}

/** What a child process can be asked to do with a file. */
const WORK = {
  read: (file: string) => planOf(file, undefined),
  roles: (file: string) => planOf(file, { roles: ROLES, organizations: ORGANIZATIONS }),
  parse: parseLines,
};

async function planOf(file: string, maps: MembershipMaps | undefined): Promise<number> {
  const key = "0123456789abcdef".repeat(4);
  const read = await sharedSource({
    patterns: [file],
    transform: undefined,
    key,
    unsupportedPasswordHash: "fail",
    batches: 16,
    validate: true,
  });
  const share = { index: 0, count: 1 };
  const memberships = maps && new MembershipPreview(read, share, key, maps, {});
  const settings = {
    key,
    connectionId: "con_0000000000000001",
    externalId: "bench",
    sendCompletionEmail: false,
    generateUserIds: true,
    unsupportedPasswordHash: "fail",
  } as const;
  const plan = await planBatch(read, share, undefined, settings, (record, isIn) => memberships?.see(record, isIn));
  if (plan.jobs === 0) throw new Error("Nothing was packed.");
  if (memberships !== undefined && (await memberships.end()).given.size === 0) throw new Error("Nothing is given.");
  return plan.new;
}

async function beChild(work: keyof typeof WORK, file: string): Promise<void> {
  const start = performance.now();
  const users = await WORK[work](file);
  const seconds = (performance.now() - start) / 1000;
  const measured: Measured = { seconds, megabytes: peakMemory("self") / 1e6, users };
  console.log(JSON.stringify(measured));
}

/** @throws Error when it does not see all users. */
function inChild(work: keyof typeof WORK, file: string, users: number): Measured {
  const output = execFileSync(process.execPath, [__filename, "--work", work, file], { cwd: path.dirname(file) });
  const measured = JSON.parse(output.toString()) as Measured;
  if (measured.users !== users) throw new Error(`${path.basename(file)}: ${measured.users} users`);
  return measured;
}

/** `undefined` where there is no jq. */
function jqSeconds(file: string): number | undefined {
  const start = performance.now();
  const { error, status } = spawnSync("jq", ["-c", ".", file], { stdio: ["ignore", "ignore", "inherit"] });
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
  if (status !== 0) throw new Error(`jq ended with ${status}.`);
  return (performance.now() - start) / 1000;
}

function report(what: string, figure: string, goal?: { readonly text: string; readonly reached: boolean }): void {
  if (goal?.reached === false) process.exitCode = 1;
  const verdict = goal === undefined ? "" : `   goal ${goal.text}${goal.reached ? "" : "   MISSED"}`;
  console.log(`${what.padEnd(44)}${figure.padStart(16)}${verdict}`);
}

/** The same users as an array, a line each, and as gzip. */
async function writeOthers(ndjson: string, array: string, gzip: string): Promise<void> {
  await pipeline(createReadStream(ndjson), createGzip({ level: 6 }), createWriteStream(gzip));
  async function* elements(): AsyncGenerator<string> {
    yield "[";
    let first = true;
    for await (const lines of chunksOfLines(ndjson)) {
      if (lines.length === 0) continue;
      yield (first ? "\n" : ",\n") + lines.join(",\n");
      first = false;
    }
    yield "\n]\n";
  }
  await pipeline(elements(), createWriteStream(array));
}

function* usersWithRoles(users: number): Generator<object> {
  const names = Object.keys(ROLES);
  let number = 0;
  for (const user of generateUsers({ users })) {
    const role = names[number % names.length] as string;
    const organization = { name: `shop-${number % 1_000}`, roles: [role] };
    yield { ...user, roles: [role], ...(number++ % 2 === 0 && { organizations: [organization] }) };
  }
}

async function main(users: number): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-bench-"));
  const [ndjson, array, gzip] = ["users.ndjson", "users.json", "users.ndjson.gz"].map((name) =>
    path.join(folder, name),
  ) as [string, string, string];
  try {
    await writeUsers(ndjson, { users });
    await writeOthers(ndjson, array, gzip);
    console.log(`${users.toLocaleString("en-US")} users; medians of ${RUNS}\n`);
    for (const [name, file, text] of [
      ["NDJSON", ndjson, ndjson],
      ["JSON array", array, array],
      ["NDJSON, gzip", gzip, ndjson],
    ] as const) {
      const times = { read: [] as number[], overParse: [] as number[], overJq: [] as number[] };
      let megabytes = 0;
      let hasJq = true;
      for (let run = 0; run < RUNS; run++) {
        const read = inChild("read", file, users);
        megabytes = Math.max(megabytes, read.megabytes);
        times.read.push(read.seconds);
        times.overParse.push(read.seconds / inChild("parse", ndjson, users).seconds);
        const jq = jqSeconds(text);
        hasJq = jq !== undefined;
        if (jq !== undefined) times.overJq.push(read.seconds / jq);
      }
      const [seconds, overParse] = [median(times.read), median(times.overParse)];
      report(`${name}: users a second`, Math.round(users / seconds).toLocaleString("en-US"));
      report("  time over bare JSON.parse", overParse.toFixed(2), {
        text: `${GOALS.parse} at most`,
        reached: overParse <= GOALS.parse,
      });
      if (hasJq) {
        const overJq = median(times.overJq);
        report("  time over jq -c .", overJq.toFixed(2), { text: `below ${GOALS.jq}`, reached: overJq < GOALS.jq });
      } else {
        report("  time over jq -c .", "no jq here");
      }
      report("  peak memory, MB", megabytes.toFixed(0), {
        text: `${GOALS.megabytes} at most`,
        reached: megabytes <= GOALS.megabytes,
      });
    }
    const withRoles = path.join(folder, "roles.ndjson");
    await writeNdjson(withRoles, usersWithRoles(users));
    const ratios: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      ratios.push(inChild("roles", withRoles, users).seconds / inChild("read", withRoles, users).seconds);
    }
    const overWithout = median(ratios);
    report("Roles and organizations: time over without", overWithout.toFixed(2), {
      text: `${GOALS.roles} at most`,
      reached: overWithout <= GOALS.roles,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const { values, positionals } = parseArgs({
  options: { users: { type: "string", default: "1000000" }, work: { type: "string" } },
  allowPositionals: true,
});
const users = Number(values.users);
const [file] = positionals;
const started =
  values.work !== undefined && file !== undefined
    ? beChild(values.work as keyof typeof WORK, path.basename(file))
    : Number.isInteger(users) && users > 0
      ? main(users)
      : Promise.reject(new Error(USAGE));
started.catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
