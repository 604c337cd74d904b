import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { globSync } from "tinyglobby";
import { isDead, type LockOwner, lockFile, readOwner } from "../provider/journal/lockOwner";
import { stopFile } from "../provider/journal/stopFile";
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
    .action(stop);
}

async function stop(folder: string, { wait }: { wait?: true }): Promise<void> {
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
