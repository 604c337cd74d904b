import { Column } from "../source/column";
import type { Tenant } from "../tenant/client";
import { type ExportedUsers, type LinePlace, readExport } from "../tenant/exportedUsers";
import { ExportError, exportUsers } from "../tenant/exports";
import { CensusIndex } from "./census";
import type { TenantRecord } from "./equal";

/*
 * The census: all users of a connection, read back by one export job and indexed. Its age counts from the start of the
 * job, since what is changed after that may not be in it; nothing may be written on one older than ten minutes. What an
 * export promises about freshness is not documented, so nobody is called missing on one alone: see singleReads.ts.
 */

/** On an older reading nothing is written. */
export const FRESH_MS = 10 * 60_000;

/** An export that took longer leaves too little of that: members are read singly then, before their job is sent. */
const SLOW_MS = 8 * 60_000;

/** The users of a connection at one time. To be closed: until then it holds a file of a kilobyte or so for each user. */
export class Census {
  constructor(
    readonly users: CensusIndex,
    private readonly exported: ExportedUsers,
    /** Milliseconds that it took from the start of the job until it could be asked. */
    readonly tookMs: number,
  ) {}

  /** When the export job was about to be started. */
  get started(): Date {
    return this.exported.started;
  }

  /** Auth0's id of the export job. */
  get job(): string {
    return this.exported.job;
  }

  /** The SHA-256 of the export as it was fetched, in hex. */
  get sha256(): string {
    return this.exported.sha256;
  }

  /** The name of the connection. */
  get connection(): string {
    return this.exported.connection;
  }

  /** Whether something may still be written on it. */
  isFresh(now: number = Date.now()): boolean {
    return now - this.started.getTime() <= FRESH_MS;
  }

  /** Whether another one would be as old by the time a job is sent: then members of jobs are read singly. */
  get isSlow(): boolean {
    return this.tookMs > SLOW_MS;
  }

  close(): Promise<void> {
    return this.exported.close();
  }
}

/** What the caller of {@link takeCensus} knows and wants to know. */
export interface CensusOptions {
  /** The name of the connection, where it is known: most jobs tell it. */
  readonly connection?: string | undefined;
  /** How many users there should be, for the progress; 0 where nobody knows. */
  readonly expected: number;
  /** In a few words: `"reading 1,000,000 users back, 40 %"`; `undefined` at the end. */
  onProgress(line: string | undefined): void;
  /** A call is made again, because of this. */
  onRetry(reason: string): void;
  /** Is shown each user while the file is read, with the line's number and the name of the connection. */
  onUser?(line: number, user: TenantRecord, connection: string): void;
  /** Ends it; its reason is thrown. */
  readonly stop: AbortSignal;
}

/** What each part takes of the whole, for a percentage that never falls. */
const PARTS = { exporting: [0, 85], fetching: [85, 5], reading: [90, 10] } as const;

/**
 * Reads a connection back.
 *
 * @throws TenantError, ExportError where it can't be read, or not to its end; then nothing is known.
 */
export async function takeCensus(tenant: Tenant, connectionId: string, options: CensusOptions): Promise<Census> {
  const { expected, onProgress, onRetry, onUser, stop } = options;
  const what = expected > 0 ? `${expected.toLocaleString("en-US")} users` : "the users";
  const progress = (part: keyof typeof PARTS, percentage: number) => {
    const [from, share] = PARTS[part];
    const whole = Math.floor(from + (share * Math.min(100, percentage)) / 100);
    onProgress(`reading ${what} back, ${whole} %`);
  };
  progress("exporting", 0);
  try {
    const waiting = (reason: string | undefined) => {
      if (reason !== undefined) onProgress(`reading ${what} back, waiting for ${reason}`);
    };
    const file = await exportUsers(tenant, connectionId, { progress, waiting, retry: onRetry }, stop);
    const connection = file.connection ?? options.connection;
    if (connection === undefined) {
      await file.spool.close();
      throw new ExportError(`The export job ${file.job} does not tell the name of the connection ${connectionId}.`);
    }
    const places = new Places();
    const read = async (line: number) => exported.read(places.at(line));
    const users = new CensusIndex(read, connection, expected);
    const exported = await readExport(file, connection, (user, place) => {
      stop.throwIfAborted();
      places.set(users.lines, place);
      onUser?.(users.lines, user, connection);
      users.add(user);
      if (expected > 0 && users.lines % 1_000 === 0) progress("reading", (100 * users.lines) / expected);
    });
    return new Census(users, exported, Date.now() - file.started.getTime());
  } finally {
    onProgress(undefined);
  }
}

/** Where the lines lie: 12 bytes each. */
class Places {
  readonly #offsets = new Column((length) => new Float64Array(length));
  readonly #bytes = new Column((length) => new Uint32Array(length));

  set(line: number, { offset, bytes }: LinePlace): void {
    this.#offsets.set(line, offset);
    this.#bytes.set(line, bytes);
  }

  at(line: number): LinePlace {
    return { offset: this.#offsets.at(line), bytes: this.#bytes.at(line) };
  }
}

/** A census that somebody may still be reading from. */
interface Held {
  readonly census: Promise<Census>;
  isTaken: boolean;
  users: number;
  isReplaced: boolean;
}

/**
 * The census of one connection that all batches of a process share. The first who needs one has it taken; the others wait
 * for that. One that failed, or is too old for who asks, is taken anew; an old one is closed when nobody uses it any more.
 */
export class SharedCensus {
  #held: Held | undefined;

  constructor(private readonly take: () => Promise<Census>) {}

  /**
   * Works with a census.
   *
   * @param fits whether one that was taken before will do: `(census) => census.isFresh()`. One that is taken after we have
   *   asked will do in any case.
   */
  async use<T>(fits: (census: Census) => boolean, work: (census: Census) => Promise<T>): Promise<T> {
    for (;;) {
      const held = this.#held ?? this.#takeNew();
      const isNew = !held.isTaken;
      held.users++;
      try {
        const census = await held.census;
        if (isNew || fits(census)) return await work(census);
        this.#replace(held);
      } finally {
        held.users--;
        await this.#closeUnused(held);
      }
    }
  }

  /** Closes what is held, as soon as nobody uses it. */
  async close(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    this.#replace(held);
    await this.#closeUnused(held);
  }

  #takeNew(): Held {
    const held: Held = { census: this.take(), isTaken: false, users: 0, isReplaced: false };
    this.#held = held;
    held.census.then(
      () => {
        held.isTaken = true;
      },
      // Whoever waits for it is told.
      () => this.#replace(held),
    );
    return held;
  }

  #replace(held: Held): void {
    held.isReplaced = true;
    if (this.#held === held) this.#held = undefined;
  }

  async #closeUnused({ census, users, isReplaced }: Held): Promise<void> {
    if (users > 0 || !isReplaced) return;
    await census.then(
      (each) => each.close(),
      () => {},
    );
  }
}
