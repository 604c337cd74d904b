import { readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";

/** Who drives a journal: what its lock file says. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** Tells two processes apart that had the same number, one after the other. */
  readonly token: string;
}

/** How often an owner touches its lock file. */
export const HEARTBEAT_MS = 5_000;

/**
 * After this long without a heartbeat an owner is dead, though a process of that number may be running: a folder that
 * was carried to another machine of the same name brings the lock of a stranger with it.
 */
const DEAD_AFTER_MS = 60_000;

export function lockFile(journalFile: string): string {
  return `${journalFile}.lock`;
}

/** What a lock file says; `undefined` where there is none, or where it is being written. */
export function readOwner(file: string): LockOwner | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as LockOwner;
  } catch {
    return undefined;
  }
}

/** Whether who made this lock file can't be at work any more. */
export function isDead(file: string, owner: LockOwner | undefined): boolean {
  if (owner !== undefined && owner.host === hostname() && !isRunning(owner.pid)) return true;
  try {
    // Without an owner: one that died between making the file and writing into it.
    return Date.now() - statSync(file).mtimeMs > (owner === undefined ? HEARTBEAT_MS : DEAD_AFTER_MS);
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  if (isZombie(pid)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A process that has ended, and that its parent has not asked about, still takes signals. Linux tells. */
function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1) ?? "");
  } catch {
    return false;
  }
}
