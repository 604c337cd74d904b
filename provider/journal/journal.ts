import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type PackedRecord, packedLength } from "../ledger/entry";
import type { Fingerprint } from "../ledger/fingerprint";
import type { JobKind } from "../plan/delta";
import { Lock } from "./lock";
import { lockFile } from "./lockOwner";

/** A user in a job, as keyed fingerprints. */
export interface JournalMember {
  readonly identity: Fingerprint;
  /** What the tenant has of the user if the job succeeds; the `attempt` is what is to be remembered if it fails. */
  readonly after: PackedRecord;
}

/** A part of a users file, in bytes of its text (unpacked, where it is gzipped): from the first to behind the last one. */
const Span = z.tuple([z.string(), z.number(), z.number()]);
export type Span = z.infer<typeof Span>;

/**
 * How a member of a finished job ended. `existing`: there before us, and to be written over by another job, so nothing is
 * settled yet.
 */
export type Outcome = "inserted" | "updated" | "adopted" | "existing" | `failed:${string}`;

const VERSION = 4;

const Header = z.object({
  version: z.number(),
  /** The journal's own name. The state holds it once it holds what the journal says. */
  run: z.string(),
  /** Counts the journals of a batch: one that is put back from a copy is older than the state. */
  number: z.number(),
  /** Tells whether the fingerprints are of this import's key. */
  keyId: z.string(),
  connectionId: z.string(),
});
type Header = z.infer<typeof Header>;

const Entry = z.union([
  /** About to be sent. What follows says how that went; where nothing follows, nobody knows. */
  z.object({
    intent: z.number(),
    kind: z.enum(["insert", "upsert"]),
    at: z.string(),
    /** On which terms its run sends; the journal only keeps them. */
    terms: z.string(),
    bytes: z.number(),
    spans: z.array(Span),
    members: z.string(),
  }),
  /** The tenant took it; perhaps for the second time, where an answer was lost before. */
  z.object({ accepted: z.number(), job: z.string(), at: z.string(), uncertain: z.boolean() }),
  /** The tenant did not take it: its users were not sent. */
  z.object({ refused: z.number() }),
  /** How each member ended, in the order of the intent: a letter for each, and the codes of those who failed. */
  z.object({ finished: z.number(), outcomes: z.string(), codes: z.array(z.string()) }),
  /** How these ended is not known, and they are in other jobs by now: it failed as a whole, or is gone. */
  z.object({ abandoned: z.number() }),
]);
type Entry = z.infer<typeof Entry>;

/** A job of an interrupted run whose end the journal does not tell. */
export interface OpenJob {
  readonly number: number;
  readonly kind: JobKind;
  /** When it was about to be sent. */
  readonly at: Date;
  /** On which terms its run sent: see `Journal.open`. */
  readonly terms: string;
  /** Of its users file. */
  readonly bytes: number;
  /** Between which bytes of the users files its records lay; those of other batches may lie between them. */
  readonly spans: readonly Span[];
  readonly members: readonly JournalMember[];
  /** Auth0's id; absent where it is not known whether the tenant took the job. */
  readonly id?: string;
  /** When the tenant took it. */
  readonly started?: Date;
  /** The tenant may have taken it once before. */
  readonly uncertain?: boolean;
}

/** A job of an interrupted run whose end the journal tells. */
export interface EndedJob extends Pick<OpenJob, "kind" | "at" | "terms" | "members"> {
  /** How each member ended. Absent where nobody knows: some may be in the tenant, with what they were sent with. */
  readonly outcomes?: readonly Outcome[];
  /** Whether the state holds what came of it. */
  readonly isSaved: boolean;
}

/** What an interrupted run left in its journal. */
export interface Replay {
  /** In the order of their ends. */
  readonly ended: readonly EndedJob[];
  readonly open: readonly OpenJob[];
  /** The number of the last job. */
  readonly lastNumber: number;
  /** When the tenant took the last job: ISO 8601, UTC. */
  readonly lastHeard?: string;
}

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
    kind: JobKind,
    bytes: number,
    spans: readonly Span[],
    members: readonly JournalMember[],
    at: Date,
  ): void {
    const encoded = encodeMembers(members).toString("base64");
    const how = { kind, at: at.toISOString(), terms: this.terms, bytes };
    this.#write({ intent: number, ...how, spans: [...spans], members: encoded });
  }

  accepted(number: number, job: string, at: Date, uncertain: boolean): void {
    this.#write({ accepted: number, job, at: at.toISOString(), uncertain });
  }

  refused(number: number): void {
    this.#write({ refused: number });
  }

  finished(number: number, outcomes: readonly Outcome[]): void {
    this.#write({
      finished: number,
      outcomes: outcomes.map((outcome) => outcome[0]).join(""),
      codes: outcomes.filter((outcome) => outcome.startsWith(FAILED)).map((outcome) => outcome.slice(FAILED.length)),
    });
  }

  abandoned(number: number): void {
    this.#write({ abandoned: number });
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

const FAILED = "failed:";

/** Outcomes without a code, each known by its first letter. */
const WHOLE_OUTCOMES = ["inserted", "updated", "adopted", "existing"] as const satisfies readonly Outcome[];

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

function isUnsaved(
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
function takeUp(file: string, { keyId, connectionId }: JournalIdentity): Left | undefined {
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

interface Left {
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
  if (header.version !== VERSION) {
    const writer = header.version > VERSION ? "a newer version" : "an unreleased version";
    throw new JournalError(
      `The journal ${path.basename(file)} was written by ${writer} of pulumi-auth0-user-import. Nothing was sent. Install that version, or a later one, and run again.`,
    );
  }
  return { header, entries: lines.slice(1).map((line, i) => parse(Entry, line, i + 1)), soundBytes };
}

/** @param inState the state holds what came of so many of the entries. */
function replayOf(entries: readonly Entry[], inState: number): Replay {
  const open = new Map<number, OpenJob>();
  const ended: EndedJob[] = [];
  let lastNumber = 0;
  let lastHeard: string | undefined;
  for (const [i, entry] of entries.entries()) {
    if ("intent" in entry) {
      const { intent: number, at, members, ...job } = entry;
      open.set(number, { ...job, number, at: new Date(at), members: membersOf(members) });
      lastNumber = Math.max(lastNumber, number);
    } else if ("accepted" in entry) {
      const { accepted: number, job: id, at, uncertain } = entry;
      lastHeard = at;
      const job = open.get(number);
      if (job !== undefined) open.set(number, { ...job, id, started: new Date(at), uncertain });
    } else if ("refused" in entry) {
      open.delete(entry.refused);
    } else {
      const isKnown = "finished" in entry;
      const number = isKnown ? entry.finished : entry.abandoned;
      const job = open.get(number);
      if (job === undefined) continue;
      const { kind, at, terms, members } = job;
      const outcomes = isKnown ? { outcomes: outcomesOf(entry, members.length) } : {};
      ended.push({ kind, at, terms, members, ...outcomes, isSaved: i < inState });
      open.delete(number);
    }
  }
  return { ended, open: [...open.values()], lastNumber, ...(lastHeard === undefined ? {} : { lastHeard }) };
}

function outcomesOf({ outcomes, codes }: Extract<Entry, { finished: number }>, members: number): Outcome[] {
  const nextCode = codes.values();
  return Array.from({ length: members }, (_, i): Outcome => {
    const whole = WHOLE_OUTCOMES.find((outcome) => outcome[0] === outcomes[i]);
    return whole ?? `${FAILED}${nextCode.next().value ?? "UNKNOWN"}`;
  });
}

/** Of a member: the identity's upper and lower half, before what is known then. */
const MEMBER_HEAD_BYTES = 8;

function encodeMembers(members: readonly JournalMember[]): Buffer {
  const bytes = members.reduce((sum, { after }) => sum + MEMBER_HEAD_BYTES + after.length, 0);
  const buffer = Buffer.alloc(bytes);
  let at = 0;
  for (const { identity, after } of members) {
    at = buffer.writeUInt32BE(Math.floor(identity / 2 ** 32), at);
    at = buffer.writeUInt32BE(identity % 2 ** 32, at);
    at += buffer.write(after, at, "latin1");
  }
  return buffer;
}

function membersOf(text: string): JournalMember[] {
  const buffer = Buffer.from(text, "base64");
  const members: JournalMember[] = [];
  for (let at = 0; at < buffer.length; ) {
    const identity = buffer.readUInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4);
    at += MEMBER_HEAD_BYTES;
    const end = at + packedLength(buffer, at);
    members.push({ identity, after: buffer.toString("latin1", at, end) });
    at = end;
  }
  return members;
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
