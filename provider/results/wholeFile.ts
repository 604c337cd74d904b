import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import type { Writable } from "node:stream";
import { isDead } from "../journal/lockOwner";

/**
 * Writes a file that under its name is whole or not there, and that only its owner may read. Until it is whole it has
 * the name `NAME.PID.RANDOM.tmp`; what a process left that was killed meanwhile is removed.
 *
 * @param write puts the content into the stream and ends it.
 */
export async function writeWholeFile(
  directory: string,
  name: string,
  write: (file: Writable) => Promise<void>,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await removeLeftovers(directory, name);
  const target = path.join(directory, name);
  // With a random part: in a container every process may have the same number, and that of a killed one.
  const unfinished = `${target}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  // Opened before anything can fail: a stream that opens its file itself makes it even after it was given up.
  const file = await open(unfinished, "wx", 0o600);
  try {
    await write(file.createWriteStream());
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Removes a file, and what is left of attempts to write it. */
export async function removeWholeFile(directory: string, name: string): Promise<void> {
  await rm(path.join(directory, name), { force: true });
  await removeLeftovers(directory, name);
}

/** Whether this is the name of an unfinished file, and whose: the name it was to have, and the process. */
export function unfinishedFile(name: string): { readonly name: string; readonly pid: number } | undefined {
  const [, finished, pid] = /^(.+?)\.(\d+)(?:\.[0-9a-f]{8})?\.tmp$/.exec(name) ?? [];
  return finished === undefined ? undefined : { name: finished, pid: Number(pid) };
}

/** Whether an unfinished file is being written: its process is alive, and has written within the last minute. */
export function isBeingWritten(file: string, pid: number): boolean {
  return !isDead(file, { pid, host: hostname(), token: "" });
}

async function removeLeftovers(directory: string, name: string): Promise<void> {
  const entries = await readdir(directory).catch(() => []);
  for (const entry of entries) {
    const unfinished = unfinishedFile(entry);
    const file = path.join(directory, entry);
    if (unfinished?.name === name && !isBeingWritten(file, unfinished.pid)) await rm(file, { force: true });
  }
}
