import { randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import path from "node:path";
import type { ChunkKind } from "../plan/delta";
import {
  type Entry,
  encodeMembers,
  encodeOutcomes,
  type Header,
  type JournalMember,
  LAYOUT,
  type Outcome,
  type Span,
  VERSION,
} from "./format";
import { isUnsaved, type JournalIdentity, type SavedRun, takeUp } from "./left";
import { Lock } from "./lock";
import { lockFile } from "./lockOwner";
import { type Replay, replayOf } from "./replay";

/**
 * What a batch has sent, written down before it is sent and after each answer, so that after any interruption the next
 * run knows what was done. Append-only, and each line on the disk before the next step; a line torn by a crash is the
 * last one, and is dropped. No personal data: fingerprints, places in the source, codes, Auth0's job ids.
 *
 * It stays until the state holds all that it says. Only a later run can know that: it finds the journal's `run` there.
 */
export class Journal {
  private constructor(
    readonly run: string,
    readonly runNumber: number,
    readonly replay: Replay,
    readonly terms: string,
    private entries: number,
    private readonly fd: number,
    private readonly lock: Lock,
  ) {}

  /** How many entries it has. */
  get size(): number {
    return this.entries;
  }

  /**
   * Takes the journal, and waits for a process that still drives it.
   *
   * @param terms what is to be known of each job later on: a failure on other terms is no reason not to send again.
   * @param saved what the state was saved by: that journal may have nothing more to tell, and older ones have not.
   * @param stop ends the wait; its reason is thrown.
   * @throws JournalError when a newer version wrote it, or when it is damaged elsewhere than at its end.
   */
  static async open(
    file: string,
    identity: JournalIdentity,
    terms: string,
    saved: SavedRun | undefined,
    waiting: (owner: string) => void,
    stop: AbortSignal,
  ): Promise<Journal> {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const lock = await Lock.acquire(lockFile(file), waiting, stop);
    try {
      const left = takeUp(file, identity);
      if (left !== undefined && isUnsaved(left, identity, saved)) {
        truncateSync(file, left.soundBytes);
        const { header, entries } = left;
        const inState = header.run === saved?.run ? (saved.journalEntries ?? 0) : 0;
        const replay = replayOf(entries, inState);
        return new Journal(header.run, header.number, replay, terms, entries.length, openSync(file, "a"), lock);
      }
      rmSync(file, { force: true });
      const run = randomBytes(8).toString("hex");
      const number = (saved?.runNumber ?? 0) + 1;
      const journal = new Journal(run, number, replayOf([], 0), terms, 0, openSync(file, "ax", 0o600), lock);
      journal.#append({ version: VERSION, run, number, ...identity });
      syncFolder(path.dirname(file));
      return journal;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  intent(
    number: number,
    kind: ChunkKind,
    bytes: number,
    spans: readonly Span[],
    members: readonly JournalMember[],
    at: Date,
  ): void {
    const how = { kind, at: at.toISOString(), terms: this.terms, bytes };
    this.#write({ intent: number, ...how, spans: [...spans], members: encodeMembers(members), layout: LAYOUT });
  }

  accepted(number: number, job: string, at: Date, uncertain: boolean): void {
    this.#write({ accepted: number, job, at: at.toISOString(), uncertain });
  }

  refused(number: number): void {
    this.#write({ refused: number });
  }

  finished(number: number, outcomes: readonly Outcome[]): void {
    this.#write({ finished: number, ...encodeOutcomes(outcomes) });
  }

  abandoned(number: number): void {
    this.#write({ abandoned: number });
  }

  /** @returns by which number it is told what came of it. */
  patch(member: JournalMember): number {
    const number = this.entries;
    const how = { at: new Date().toISOString(), terms: this.terms };
    this.#write({ patch: number, ...how, member: encodeMembers([member]) });
    return number;
  }

  patched(number: number, isDone: boolean): void {
    this.#write({ patched: number, isDone });
  }

  grant(position: number, grant: string): void {
    this.#write({ grant, position });
  }

  memberships(members: readonly JournalMember[], isDone: boolean): void {
    this.#write({ memberships: encodeMembers(members), isDone });
  }

  close(): void {
    closeSync(this.fd);
    this.lock.release();
  }

  #write(entry: Entry): void {
    this.#append(entry);
    this.entries++;
  }

  #append(line: Header | Entry): void {
    this.lock.assertOwned();
    writeSync(this.fd, `${JSON.stringify(line)}\n`);
    fdatasyncSync(this.fd);
    faultPoint();
  }
}

/** A new file is on the disk only when its folder is, too. Windows has no such call, and no need of it. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

let writes = 0;

/** For tests: dies as by `kill -9` after the n-th line that this process writes, so that each can be tried in turn. */
function faultPoint(): void {
  writes++;
  if (process.env.USER_IMPORT_DIE_AFTER_LINE === String(writes)) process.kill(process.pid, "SIGKILL");
}
