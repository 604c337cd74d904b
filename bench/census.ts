import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { createGzip } from "node:zlib";
import { compareExport } from "../cli/compareExport";
import { takeCensus } from "../provider/census/takeCensus";
import { type EncodedLedger, Ledger } from "../provider/ledger/ledger";
import { describe } from "../provider/plan/describe";
import { type ReadSource, SourceReader } from "../provider/plan/readSource";
import { normalizeUser, type User } from "../provider/schema/identity";
import { openSource } from "../provider/source";
import { Tenant } from "../provider/tenant/client";
import { verifyImport } from "../provider/verification/verify";
import { ExportServer, exported } from "../test/support/exportServer";
import { type GeneratedUser, generateUsers, writeNdjson, writeUsers } from "../tools/generate-users";
import { median, parseLines, peakMemory } from "./measure";
import { mergeTriples } from "./mergeTriples";

/*
 * What it takes to read a connection back and to compare it with users files: an export job's file fetched over HTTP,
 * unpacked, checked line by line, indexed; and each record of the files found in it and compared, while the files are
 * read. Told is what that adds to a pass over the files without it, beside one bare pass of JSON.parse over the export's
 * lines in one thread. The same for the command `verify`, which reads both; its yardstick are the lines of both. The
 * export has the users in another order. And a whole verification of a run, beside a run that knows its source and its
 * ledger as each does. Each in a process of its own. It needs Linux, which tells of a process how much
 * memory it had at most. At the end, how three-way merges come out of which only a print is known.
 */

const USAGE = "Usage: bench:census [--users 1000000] [--runs 3]";

/** To reach: times as long as bare JSON.parse; resident memory over that of a run without, in MB. */
const GOALS = { parse: 2, megabytes: 150 };

/** Each measure is taken so often where nothing is said, and the median counts. */
const RUNS = 3;

/** How many random merges are tried. */
const TRIPLES = 100_000;

/** One user in so many has another name in the tenant. */
const EDITED_EVERY = 1_000;

interface Measured {
  readonly seconds: number;
  readonly megabytes: number;
  /** Users who are as the files say, and who are not; records or lines, where nothing is compared. */
  readonly same: number;
  readonly other: number;
}

type Counts = Pick<Measured, "same" | "other">;

/** Of the import. */
const KEY = "0123456789abcdef";
const CONNECTION = "con_0000000000000001";

/** When the run ended that wrote the users: after the export's `updated_at`. */
const ENDED = Date.parse("2026-02-01T00:00:00.000Z");

/** What a child process can be asked to do with users files and an export, a file or an address. */
const WORK = {
  /** A pass over the files, as every run makes one. */
  async without(file: string): Promise<Counts> {
    return { same: await passOver(file, () => {}), other: 0 };
  },

  async census(file: string, origin: string, users: string): Promise<Counts> {
    const tenant = new Tenant({ origin, auth: { apiToken: "token" } }, { maxActiveJobs: 2 });
    // A run knows from its ledgers how many there should be.
    const options = {
      expected: Number(users),
      onProgress: () => {},
      onRetry: () => {},
      stop: new AbortController().signal,
    };
    const census = await takeCensus(tenant, CONNECTION, options);
    let same = 0;
    const others: { readonly line: number; readonly user: User }[] = [];
    await passOver(file, (user) => {
      const [found] = census.users.find("user_id", user.user_id as string);
      if (found === undefined) return;
      if (census.users.isAs(found.line, user)) same++;
      else others.push({ line: found.line, user });
    });
    let other = 0;
    for (const { line, user } of others) if ((await census.users.compare(line, user)).length > 0) other++;
    await census.close();
    return { same, other };
  },

  async verify(file: string, exported: string): Promise<Counts> {
    const comparison = await compareExport([file], [exported], path.dirname(file), () => {});
    const { present, different } = comparison;
    await comparison.close();
    return { same: present - different, other: different };
  },

  /** The ledger of a run that has brought all users, into a file. */
  async ledger(file: string, to: string): Promise<Counts> {
    const read = await readForRun(file);
    const ledger = new Ledger(read.source.users);
    for await (const { index, user } of read.source.records(() => true)) {
      const { record, attributes } = describe(KEY, normalizeUser(user), read.record(index));
      const known = { record, attributes, differs: false, state: "inserted", origin: "inserted", run: 1 } as const;
      ledger.set(read.identity(index), known);
    }
    writeFileSync(to, JSON.stringify(ledger.encode()));
    await read.source.close();
    return { same: ledger.usersInTenant(), other: 0 };
  },

  /** A run to which there is nothing to do. */
  async run(file: string, ledger: string): Promise<Counts> {
    const read = await readForRun(file);
    const known = Ledger.decode(encodedIn(ledger));
    await read.source.close();
    return { same: known.usersInTenant(), other: 0 };
  },

  async verification(file: string, ledger: string, origin: string): Promise<Counts> {
    const read = await readForRun(file);
    const batch = { ledger: Ledger.decode(encodedIn(ledger)), ends: new Map([[1, ENDED]]) };
    const tenant = new Tenant({ origin, auth: { apiToken: "token" } }, { maxActiveJobs: 2 });
    const imported = { connectionId: CONNECTION, key: KEY, generateUserIds: true, batches: [batch], read };
    const { verification } = await verifyImport(imported, tenant, {
      onProgress: () => {},
      onRetry: () => {},
      stop: new AbortController().signal,
    });
    await read.source.close();
    const { present, notAsWritten, changedThere } = verification;
    return { same: present - notAsWritten, other: notAsWritten + changedThere };
  },

  async parse(...files: readonly string[]): Promise<Counts> {
    let lines = 0;
    for (const file of files) lines += await parseLines(file);
    return { same: lines, other: 0 };
  },
};

async function readForRun(file: string): Promise<ReadSource> {
  const read = await SourceReader.read({
    ...{ patterns: [file], transform: undefined, unsupportedPasswordHash: "fail", batches: 1 },
    ...{ key: KEY, validate: false },
  });
  return read.withPrints(KEY, { index: 0, count: 1 });
}

function encodedIn(file: string): EncodedLedger {
  return JSON.parse(readFileSync(file, "utf8")) as EncodedLedger;
}

async function passOver(file: string, onUser: (user: User) => void): Promise<number> {
  const source = await openSource([path.basename(file)], path.dirname(file), {
    onRecord: ({ user }) => onUser(normalizeUser(user)),
  });
  await source.close();
  return source.users;
}

async function beChild(work: keyof typeof WORK, args: readonly string[]): Promise<void> {
  const start = performance.now();
  const counts = await WORK[work](args[0] as string, ...(args.slice(1) as [string, string]));
  const seconds = (performance.now() - start) / 1000;
  const measured: Measured = { seconds, megabytes: peakMemory("self") / 1e6, ...counts };
  console.log(JSON.stringify(measured));
}

/** In a process that leaves this one free to answer it. */
async function inChild(work: keyof typeof WORK, expected: Counts, ...args: readonly string[]): Promise<Measured> {
  const { promisify } = await import("node:util");
  const { execFile } = await import("node:child_process");
  const { stdout } = await promisify(execFile)(process.execPath, [__filename, "--work", work, ...args]);
  const measured = JSON.parse(stdout) as Measured;
  if (measured.same !== expected.same || measured.other !== expected.other) {
    throw new Error(`${work}: ${measured.same} and ${measured.other} users`);
  }
  return measured;
}

/** The users as an export has them: with what Auth0 adds, without hashes, in another order. */
function* exportedUsers(users: number): Generator<object> {
  const all: GeneratedUser[] = [...generateUsers({ users })];
  // A step that has no divisor in common with any number of users that one would ask for.
  for (let i = 0; i < users; i++) {
    const at = (i * 7_368_787) % users;
    const { password_hash: _, custom_password_hash: __, ...user } = all[at] as GeneratedUser;
    const name = at % EDITED_EVERY === 0 ? { name: "Another Name" } : {};
    const identity = { provider: "auth0", connection: "customers", user_id: user.user_id.slice("auth0|".length) };
    const times = { created_at: "2026-01-01T00:00:00.000Z", updated_at: "2026-01-01T00:00:00.000Z" };
    const picture = `https://s.gravatar.com/avatar/${identity.user_id}?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fja.png`;
    yield { ...user, ...name, ...times, picture, identities: [{ ...identity, isSocial: false }] };
  }
}

function report(what: string, figure: string, goal?: { readonly most: number; readonly reached: boolean }): void {
  if (goal?.reached === false) process.exitCode = 1;
  const verdict = goal === undefined ? "" : `   goal ${goal.most} at most${goal.reached ? "" : "   MISSED"}`;
  console.log(`${what.padEnd(66)}${figure.padStart(10)}${verdict}`);
}

function reportAtMost(what: string, figure: number, most: number, digits: number): void {
  report(what, figure.toFixed(digits), { most, reached: figure <= most });
}

async function main(users: number, runs: number): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-bench-"));
  const [file, text, gzip, ledger] = ["users.ndjson", "export.ndjson", "export.ndjson.gz", "ledger.json"].map((name) =>
    path.join(folder, name),
  ) as [string, string, string, string];
  const server = await ExportServer.start();
  try {
    await writeUsers(file, { users });
    // In a process of its own: it needs them all in memory.
    execFileSync(process.execPath, [__filename, "--export", text, "--users", String(users)]);
    await pipeline(createReadStream(text), createGzip({ level: 6 }), createWriteStream(gzip));
    server.files = [{ body: readFileSync(gzip) }];
    server.userAt = (id) => exported(id.slice("auth0|".length));
    console.log(`${users.toLocaleString("en-US")} users against as many; medians of ${runs}\n`);

    const edited = Math.ceil(users / EDITED_EVERY);
    const compared = { same: users - edited, other: edited };
    const passed = { same: users, other: 0 };
    const times = { census: [] as number[], verify: [] as number[], seconds: [] as number[] };
    const memory = {
      ...{ without: [] as number[], census: [] as number[], verify: [] as number[] },
      ...{ run: [] as number[], verification: [] as number[] },
    };
    await inChild("ledger", passed, file, ledger);
    for (let run = 0; run < runs; run++) {
      const parse = await inChild("parse", passed, text);
      const both = await inChild("parse", { same: 2 * users, other: 0 }, text, file);
      const without = await inChild("without", passed, file);
      const census = await inChild("census", compared, file, server.origin, String(users));
      const verify = await inChild("verify", compared, file, gzip);
      times.census.push((census.seconds - without.seconds) / parse.seconds);
      times.seconds.push(census.seconds - without.seconds);
      times.verify.push(verify.seconds / both.seconds);
      memory.run.push((await inChild("run", passed, file, ledger)).megabytes);
      memory.verification.push((await inChild("verification", compared, file, ledger, server.origin)).megabytes);
      memory.without.push(without.megabytes);
      memory.census.push(census.megabytes);
      memory.verify.push(verify.megabytes);
    }
    const over = (megabytes: readonly number[], base = memory.without) => Math.max(...megabytes) - median(base);
    report(
      "reading back and comparing: users a second",
      Math.round(users / median(times.seconds)).toLocaleString("en-US"),
    );
    reportAtMost("  time over bare JSON.parse of the export", median(times.census), GOALS.parse, 2);
    reportAtMost("  peak memory over a run without, MB", over(memory.census), GOALS.megabytes, 0);
    const verification = over(memory.verification, memory.run);
    reportAtMost("a verification: peak memory over a run without, MB", verification, GOALS.megabytes, 0);
    reportAtMost("verify: time over bare JSON.parse of export and files", median(times.verify), GOALS.parse, 2);
    reportAtMost("  peak memory over a run without, MB", over(memory.verify), GOALS.megabytes, 0);
    report("a run without, MB", median(memory.without).toFixed(0));
    console.log();
    const { triples, found, notFound, wrong, lost, needless } = mergeTriples(TRIPLES);
    report(
      `${triples.toLocaleString("en-US")} three-way merges from prints alone: found`,
      found.toLocaleString("en-US"),
    );
    report("  not found, and left to onConflict", notFound.toLocaleString("en-US"));
    reportAtMost("  not found, though no key was changed on both sides", needless, 0, 0);
    reportAtMost("  wrong", wrong, 0, 0);
    reportAtMost("  something of the tenant's lost", lost, 0, 0);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true });
  }
}

const { values, positionals } = parseArgs({
  options: {
    users: { type: "string", default: "1000000" },
    runs: { type: "string", default: String(RUNS) },
    work: { type: "string" },
    export: { type: "string" },
  },
  allowPositionals: true,
});
const users = Number(values.users);
const work = Object.keys(WORK).find((name) => name === values.work) as keyof typeof WORK | undefined;
const started =
  work !== undefined
    ? beChild(work, positionals)
    : values.export !== undefined
      ? writeNdjson(values.export, exportedUsers(users))
      : Number.isInteger(users) && users > 0 && Number(values.runs) > 0
        ? main(users, Number(values.runs))
        : Promise.reject(new Error(USAGE));
started.catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
