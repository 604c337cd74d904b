import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { globSync } from "tinyglobby";
import { isDead, type LockOwner, lockFile, readOwner } from "../provider/journal/lockOwner";
import { stopFile } from "../provider/journal/stopFile";
import { resolveCredentials } from "../provider/tenant/credentials";
import { resultsFolders } from "./resultsFolders";

const DEFAULT_FOLDER = ".user-import";

const LOOK_MS = 250;

/** A journal that a process is at work on. */
export interface Driven {
  readonly journal: string;
  readonly owner: LockOwner;
}

/** `stop`: what the first Ctrl-C does on Node 22 and newer, for any Node and from any terminal. */
export function stopCommand(): Command {
  return new Command("stop")
    .description("Stop a running import: it sends no more jobs, awaits those that run, and saves.")
    .argument("[dir]", "folder with the import's journal: the project's .user-import, or a resultsDir", DEFAULT_FOLDER)
    .option("--wait", "return when it has stopped")
    .addOption(
      new Option("--queue <url>", "stop an import at its workers, on whatever machines they are").env(
        "AUTH0_USER_IMPORT_QUEUE",
      ),
    )
    .option("--import <name>", "which, where the queue has batches of several: project/stack/name")
    .addHelpText(
      "after",
      "\nWith --queue the tenant is that of AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET, as for the workers.",
    )
    .action(stop);
}

interface Flags {
  readonly wait?: true;
  readonly queue?: string;
  readonly import?: string;
}

async function stop(folder: string, { wait, queue, import: name }: Flags): Promise<void> {
  if (queue !== undefined && (await stopWorkers(queue, name, wait))) return;
  const driven = resultsFolders(folder).flatMap(drivenBelow);
  if (driven.length === 0) throw new Error(`No import is running whose journal is below ${folder}.`);
  for (const { journal, owner } of driven) {
    try {
      writeFileSync(stopFile(journal), "", { mode: 0o600 });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(
        `Can't ask ${nameOf(owner)} to stop: its folder ${path.dirname(journal)} is not writable (${code}).`,
      );
    }
  }
  for (const [process, names] of byProcess(driven)) {
    console.log(
      `Asked ${process} to stop (${names.join(", ")}). It sends no more jobs, awaits those that run, and saves; the next \`pulumi up\` goes on from there.`,
    );
  }
  if (!wait) return;
  while (driven.some(isDriven)) await sleep(LOOK_MS);
  console.log("It has stopped.");
}

/** @returns whether there was something to stop. */
async function stopWorkers(queue: string, name: string | undefined, wait: true | undefined): Promise<boolean> {
  const credentials = resolveCredentials(() => undefined, "auth0");
  // Loaded here, so that the other commands don't pay for it.
  const { stopAtWorkers } = await import("../queue/stop.js");
  const stopped = await stopAtWorkers(queue, credentials, name);
  if (stopped === undefined) {
    console.log("No batch waits in the queue, and no worker has one.");
    return false;
  }
  try {
    const active = await stopped.active();
    console.log(
      `Asked the workers to stop ${stopped.name}: they have ${active} of its batches in hand, and ${stopped.waiting} wait. They send no more jobs, await those that run, and save; the next \`pulumi up\` goes on from there.`,
    );
    if (!wait) return true;
    while ((await stopped.active()) > 0) await sleep(LOOK_MS);
    console.log("It has stopped.");
    return true;
  } finally {
    await stopped.close();
  }
}

/** The journals below a folder that a process is at work on. */
export function drivenBelow(folder: string): Driven[] {
  const options = { cwd: folder, absolute: true, dot: true, followSymbolicLinks: false };
  const journals = globSync(lockFile("**/journal/*.ndjson"), options).map((lock) =>
    lock.slice(0, -lockFile("").length),
  );
  return journals.sort().flatMap((journal) => {
    const file = lockFile(journal);
    const owner = readOwner(file);
    return owner === undefined || isDead(file, owner) ? [] : [{ journal, owner }];
  });
}

/** Whether the process that was asked is still at work. Another one may have taken the lock since. */
function isDriven({ journal, owner }: Driven): boolean {
  const file = lockFile(journal);
  return readOwner(file)?.token === owner.token && !isDead(file, owner);
}

/** The names of the batches that each process is at work on. */
export function byProcess(driven: readonly Driven[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const { journal, owner } of driven) {
    const process = nameOf(owner);
    names.set(process, [...(names.get(process) ?? []), path.basename(journal, ".ndjson")]);
  }
  return names;
}

function nameOf({ pid, host }: LockOwner): string {
  return `process ${pid} on ${host}`;
}
