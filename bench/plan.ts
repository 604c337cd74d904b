import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { EmulatorProcess } from "../test/support/emulator";
import { type Properties, ProviderProcess, programFolder } from "../test/support/providerProcess";
import { writeUsers } from "../tools/generate-users";
import { median, parseLines, peakMemory } from "./measure";

/*
 * What it costs to find out what is to be done: the size of the ledger, and the time of `check` and `diff` of an import's
 * key and batches in a preview, where nobody, one user, or a hundred in all batches were edited, beside the least that anybody would have to do: a digest of the file, and one bare pass of JSON.parse over
 * its lines in one thread. All in one run, with the real provider process.
 *
 * Pulumi sends the state of each resource to its provider, and its JavaScript decodes it byte by byte, whatever the
 * provider does with it. Of the short time that an unchanged file takes, that is told apart; else it counts as ours.
 */

const USERS_FILE = "users.ndjson";
const BATCHES = 16;
/** As the engine asks on two cores: four times as many resources at once. */
const AT_ONCE = 8;
const EDITED = 100;

/** To reach: bytes a user in the state, times as long as the yardstick, resident memory in MB. */
const GOALS = { bytes: 40, unchanged: 1.3, edited: 2, megabytes: 300 };

/** Each measure is taken so often, and the median counts. */
const RUNS = 3;

interface Batch {
  readonly inputs: Properties;
  readonly outputs: Properties;
}

/** An import as the state has it. */
interface Imported {
  readonly key: Properties;
  readonly batches: readonly Batch[];
}

/** What the key of an import is given. */
const KEY_INPUTS = { users: [USERS_FILE], unsupportedPasswordHash: "fail", sealed: false, batches: BATCHES };

function inputsOf(index: number): Properties {
  return {
    connectionId: "con_0000000000000001",
    users: [USERS_FILE],
    key: "0123456789abcdef".repeat(4),
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

async function withProvider<T>(
  folder: string,
  url: string,
  work: (provider: ProviderProcess) => Promise<T>,
): Promise<T> {
  const config = { "auth0:domain": url, "auth0:clientId": "emulator", "auth0:clientSecret": "emulator" };
  const provider = await ProviderProcess.start({ ...config, "auth0-user-import:maxActiveJobs": "20" }, folder);
  try {
    return await work(provider);
  } finally {
    await provider.stop();
  }
}

/** The state of an import of these users, made by importing them. */
function imported(folder: string, url: string): Promise<Imported> {
  return withProvider(folder, url, async (provider) => {
    const { inputs: key } = await provider.check("ImportKey", {}, KEY_INPUTS);
    const checked: Properties[] = [];
    for (let index = 0; index < BATCHES; index++) {
      checked.push((await provider.check("UserBatch", {}, inputsOf(index))).inputs);
    }
    const batches = checked.map(async (inputs) => ({
      inputs,
      outputs: (await provider.create("UserBatch", inputs)).outputs,
    }));
    return { key, batches: await Promise.all(batches) };
  });
}

interface Preview {
  readonly seconds: number;
  readonly megabytes: number;
  /** Batches that an update would change. */
  readonly changed: number;
}

/** A provider that does nothing: what its calls take is Pulumi's own part. */
const IDLE = `exports.handler = () => ({
  check: async (_olds, inputs) => ({ inputs }),
  diff: async () => ({ changes: false }),
});`;

/** `check` and `diff` of the key and of each batch, as the engine calls them in a preview; in a process of its own. */
function preview(folder: string, url: string, { key, batches }: Imported, code?: string): Promise<Preview> {
  return withProvider(folder, url, async (provider) => {
    // The package is loaded, whatever the file.
    await provider.check("ImportKey", {}, {});
    const diffs = batches.map(({ outputs }) => provider.prepareDiff("UserBatch", outputs, code));
    const start = performance.now();
    let changed = 0;
    await provider.check("ImportKey", key, KEY_INPUTS, code);
    const batch = async ({ inputs: olds }: Batch, index: number) => {
      const news = { ...inputsOf(index), preview: true };
      const { inputs, failures } = await provider.check("UserBatch", olds, news, code);
      if (failures.length > 0) throw new Error(failures.join(" "));
      const diff = diffs[index] as (typeof diffs)[number];
      if ((await diff(inputs)).changes) changed++;
    };
    const atOnce = pLimit(AT_ONCE);
    await Promise.all(batches.map((each, index) => atOnce(batch, each, index)));
    const seconds = (performance.now() - start) / 1000;
    return { seconds, megabytes: peakMemory(provider.process.pid as number) / 2 ** 20, changed };
  });
}

function digestSeconds(file: string): number {
  const start = performance.now();
  execFileSync("openssl", ["dgst", "-sha256", file]);
  return (performance.now() - start) / 1000;
}

async function parseSeconds(file: string): Promise<number> {
  const start = performance.now();
  await parseLines(file);
  return (performance.now() - start) / 1000;
}

/** Changes a name in so many records, evenly spread. */
function edit(file: string, users: number, edited: number): void {
  const lines = readFileSync(file, "utf8").split("\n");
  for (let i = 0; i < edited; i++) {
    const at = Math.floor((i * users) / edited);
    const user = JSON.parse(lines[at] as string) as Record<string, unknown>;
    lines[at] = JSON.stringify({ ...user, given_name: `Edited ${i}` });
  }
  writeFileSync(file, lines.join("\n"));
}

function report(what: string, figure: string, goal: number, reached: boolean): void {
  console.log(`${what.padEnd(62)}${figure.padStart(16)}   goal ${goal}${reached ? "" : "   MISSED"}`);
  if (!reached) process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { users: { type: "string", default: "1000000" } } });
  const users = Number(values.users);
  const folder = programFolder();
  const file = path.join(folder, USERS_FILE);
  const emulator = await EmulatorProcess.start("--users-per-second", "0", "--max-active-jobs", "20");
  try {
    await writeUsers(file, { users });
    console.log(`${users.toLocaleString("en-US")} users in ${BATCHES} batches; medians of ${RUNS}`);
    const state = await imported(folder, emulator.url);
    const ledgers = state.batches.map(({ outputs }) => (outputs.ledger as string[]).join("").length);
    const bytes = ledgers.reduce((sum, length) => sum + length, 0) / users;
    report("ledger in the state, bytes a user", bytes.toFixed(1), GOALS.bytes, bytes <= GOALS.bytes);

    const unchanged: number[] = [];
    const handedOver: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const idle = await preview(folder, emulator.url, state, IDLE);
      const { seconds, changed } = await preview(folder, emulator.url, state);
      if (changed > 0) throw new Error("The unchanged file is taken for a changed one.");
      const digest = digestSeconds(file);
      unchanged.push((seconds - idle.seconds) / digest);
      handedOver.push(idle.seconds / digest);
    }
    const slower = median(unchanged);
    report(
      "check and diff, unchanged, over openssl dgst",
      slower.toFixed(2),
      GOALS.unchanged,
      slower <= GOALS.unchanged,
    );
    const note = "besides, Pulumi's own part: a state of that size, handed over";
    console.log(`${note.padEnd(62)}${median(handedOver).toFixed(2).padStart(16)}`);

    const memory: number[] = [];
    for (const [edited, concerned] of [
      [1, 1],
      [EDITED, BATCHES],
    ] as const) {
      edit(file, users, edited);
      const ratios: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        const { seconds, megabytes, changed } = await preview(folder, emulator.url, state);
        if (changed !== concerned) throw new Error(`${changed} batches changed instead of ${concerned}.`);
        ratios.push(seconds / (await parseSeconds(file)));
        memory.push(megabytes);
      }
      const times = median(ratios);
      report(
        `check and diff, ${edited} edited, over bare JSON.parse`,
        times.toFixed(2),
        GOALS.edited,
        times <= GOALS.edited,
      );
    }
    const most = Math.max(...memory);
    report("resident memory of the provider, MB", most.toFixed(0), GOALS.megabytes, most <= GOALS.megabytes);
  } finally {
    await emulator.stop();
    await rm(folder, { recursive: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
