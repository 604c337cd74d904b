import { readFileSync } from "node:fs";

/** Whether a process of this id exists on this machine; after a while it may be another one than it was. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists, and belongs to another user.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return !isZombie(pid);
}

/** In a container, nobody may ever fetch the exit code of an orphan: it has ended, and still answers signals. */
function isZombie(pid: number): boolean {
  try {
    // "PID (NAME) STATE …", where the name may hold anything.
    return /\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
