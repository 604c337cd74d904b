import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BatchTest } from "./batch";

/** A folder for the temporary files of provider processes, and what they leave there. */
export class Spools {
  readonly folder = mkdtempSync(path.join(tmpdir(), "user-import-spools-"));

  /** A provider process that puts its temporary files there. */
  restart(at: BatchTest): Promise<void> {
    return at.restart({}, { TMPDIR: this.folder });
  }

  /**
   * Ends a process as `kill -9` does, in the middle of the file that an export is fetched into. That has no name, neither
   * then nor before.
   *
   * @param work what has it fetched, and is not heard of any more.
   */
  async killWhileFetching({ provider, emulator }: BatchTest, work: () => Promise<unknown>): Promise<void> {
    emulator.tenant.faults.replace([{ on: "download", kind: "stuckFile" }]);
    const hasBegun = () => this.open(provider.process.pid)?.some((bytes) => bytes > 0) ?? true;
    const isStuck = () => emulator.tenant.faults.report()[0]?.struck === 1 && hasBegun();
    let isOver = false;
    const killed = assert.rejects(work()).finally(() => {
      isOver = true;
    });
    while (!isStuck() && !isOver) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(readdirSync(this.folder), []);
    assert.ok(!isOver, "nothing was fetched");
    await provider.stop("SIGKILL");
    await killed;
    emulator.tenant.faults.clear();
    assert.deepEqual(readdirSync(this.folder), [], "nothing is left of it");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** How many bytes each of the process's files here has. Linux tells of those without a name; elsewhere nobody knows. */
  open(pid: number | undefined): number[] | undefined {
    const descriptors = `/proc/${pid}/fd`;
    if (!existsSync(descriptors)) return undefined;
    return readdirSync(descriptors).flatMap((descriptor) => {
      try {
        const file = path.join(descriptors, descriptor);
        return readlinkSync(file).startsWith(this.folder) ? [statSync(file).size] : [];
      } catch {
        // Closed meanwhile.
        return [];
      }
    });
  }
}
