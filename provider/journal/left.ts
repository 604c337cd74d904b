import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import type { z } from "zod";
import { Entry, Header, VERSION, VERSION_01 } from "./format";
import { Lock } from "./lock";
import { lockFile } from "./lockOwner";

/** Which import a journal belongs to. */
export interface JournalIdentity {
  readonly keyId: string;
  readonly connectionId: string;
}

/** The journal of the run that the state was saved by. */
export interface SavedRun {
  readonly run: string;
  readonly runNumber: number;
  /** Whether all that it says is in the state: not where the run failed, and left jobs whose end it did not see. */
  readonly complete: boolean;
  /** So many entries of the journal are in the state. Absent where an early 0.1 saved it, or its journal was empty. */
  readonly journalEntries?: number;
}

/** A journal that can't be read. The message says what to do. */
export class JournalError extends Error {
  override readonly name = "JournalError";
}

/** Whether an interrupted run left something that the state does not hold. */
export function hasUnsavedJournal(file: string, identity: JournalIdentity, saved: SavedRun): boolean {
  const left = readJournal(file);
  return left !== undefined && left.entries.length > 0 && isUnsaved(left, identity, saved);
}

/** Removes the journal of this run, which is in the state: nothing is written to it any more. */
export function removeSavedJournal(file: string, savedRun: string, connectionId: string): void {
  for (const each of [file, asideOf(file, connectionId)]) {
    if (readJournal(each)?.header.run === savedRun) rmSync(each, { force: true });
  }
}

/** A batch that was renamed, or has another results folder, takes its journal along. */
export async function moveJournal(
  from: string,
  to: string,
  waiting: (owner: string) => void,
  stop: AbortSignal,
): Promise<void> {
  if (from === to || !existsSync(from) || existsSync(to)) return;
  const lock = await Lock.acquire(lockFile(from), waiting, stop);
  try {
    mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
    renameSync(from, to);
  } finally {
    lock.release();
  }
}

export function isUnsaved(
  { header, entries }: Left,
  { keyId, connectionId }: JournalIdentity,
  saved: SavedRun | undefined,
): boolean {
  if (header.keyId !== keyId || header.connectionId !== connectionId) return false;
  if (saved === undefined) return true;
  if (header.run !== saved.run) return header.number > saved.runNumber;
  // With fewer entries than the state holds, it was put back from a copy that is older than the state.
  return !saved.complete && entries.length >= (saved.journalEntries ?? 0);
}

/**
 * The journal of this connection, if there is one. That of another connection is put aside, and taken back when the
 * import returns to it: the program may have had a wrong `connectionId` for one run.
 */
export function takeUp(file: string, { keyId, connectionId }: JournalIdentity): Left | undefined {
  const left = readJournal(file);
  if (left?.header.connectionId === connectionId) return left;
  if (left !== undefined && left.header.keyId === keyId && left.entries.length > 0) {
    renameSync(file, asideOf(file, left.header.connectionId));
  }
  const aside = asideOf(file, connectionId);
  if (!existsSync(aside)) return undefined;
  renameSync(aside, file);
  return readJournal(file);
}

function asideOf(file: string, connectionId: string): string {
  return file.replace(/(\.ndjson)?$/, `.${connectionId}$1`);
}

export interface Left {
  readonly header: Header;
  readonly entries: readonly Entry[];
  /** Bytes up to the end of the last whole line. */
  readonly soundBytes: number;
}

function readJournal(file: string): Left | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const soundBytes = bytes.lastIndexOf(0x0a) + 1;
  if (soundBytes === 0) return undefined;
  const lines = bytes.toString("utf8", 0, soundBytes - 1).split("\n");
  const parse = <T>(shape: z.ZodType<T>, line: string, index: number): T => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    const parsed = shape.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new JournalError(
      `The journal ${path.basename(file)} is damaged in line ${index + 1}: what an interrupted run has sent can't be told. Nothing was sent now. Restore the file; or remove it, then users with an id made up by this package are recognised in the tenant, and others fail as duplicates.`,
    );
  };
  const header = parse(Header, lines[0] as string, 0);
  if (header.version !== VERSION && header.version !== VERSION_01) {
    const writer = header.version > VERSION ? "a newer version" : "an unreleased version";
    throw new JournalError(
      `The journal ${path.basename(file)} was written by ${writer} of pulumi-auth0-user-import. Nothing was sent. Install that version, or a later one, and run again.`,
    );
  }
  return { header, entries: lines.slice(1).map((line, i) => parse(Entry, line, i + 1)), soundBytes };
}
