import { randomBytes } from "node:crypto";
import { closeSync, openSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { HEARTBEAT_MS, isDead, type LockOwner, readOwner } from "./lockOwner";

const LOOK_MS = 250;

/**
 * Sees to it that one process drives a journal at a time. After a `kill -9` of the CLI the provider can live on, and
 * must come to its end before the next run goes on where it stopped.
 */
export class Lock {
  readonly #heartbeat: NodeJS.Timeout;

  private constructor(
    private readonly file: string,
    private readonly owner: LockOwner,
  ) {
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  /**
   * @param waiting is told once that somebody else holds the lock, and who.
   * @param stop ends the wait; its reason is thrown.
   */
  static async acquire(file: string, waiting: (owner: string) => void, stop: AbortSignal): Promise<Lock> {
    const owner: LockOwner = { pid: process.pid, host: hostname(), token: randomBytes(8).toString("hex") };
    for (let told = false; ; ) {
      try {
        const fd = openSync(file, "wx", 0o600);
        writeFileSync(fd, JSON.stringify(owner));
        closeSync(fd);
        return new Lock(file, owner);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const other = readOwner(file);
      if (isDead(file, other)) {
        removeDead(file, other);
        continue;
      }
      if (!told) waiting(other === undefined ? "another process" : `process ${other.pid}`);
      told = true;
      await sleep(LOOK_MS, undefined, { signal: stop }).catch(() => stop.throwIfAborted());
    }
  }

  /**
   * Asked before every write: a process that was asleep for longer than a lock lives finds that another has taken over.
   *
   * @throws Error when it has.
   */
  assertOwned(): void {
    if (readOwner(this.file)?.token !== this.owner.token) {
      throw new Error("Another run has taken over this import, because this one did not move for a minute.");
    }
  }

  release(): void {
    clearInterval(this.#heartbeat);
    if (readOwner(this.file)?.token === this.owner.token) rmSync(this.file, { force: true });
  }

  #beat(): void {
    try {
      const now = new Date();
      utimesSync(this.file, now, now);
    } catch {
      // The lock is gone; the next write will find out.
    }
  }
}

/** Under another name first: a third process may have taken the lock over since it was looked at. */
function removeDead(file: string, owner: LockOwner | undefined): void {
  const aside = `${file}.${randomBytes(4).toString("hex")}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (readOwner(aside)?.token === owner?.token) rmSync(aside, { force: true });
  else renameSync(aside, file);
}
