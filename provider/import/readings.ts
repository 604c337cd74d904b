import type { CensusIndex } from "../census/census";
import type { CallBudget } from "../census/readBudget";
import { readSingly, type Sought } from "../census/singleReads";
import type { Census, SharedCensus } from "../census/takeCensus";
import { countOf } from "../progress/batchProgress";
import { READ_CALLS } from "../tenant/callSizes";
import { TenantError } from "../tenant/errors";
import { EXPORT_FIELDS, ExportError } from "../tenant/exports";
import type { Course } from "./course";
import type { Workplace } from "./types";

/** The connection's users, or those of them who may be the one that was looked for. */
export interface Reading {
  readonly users: CensusIndex;
  /** What was changed in the tenant since may not be in it. */
  readonly at: Date;
  /** Of one user, just now. */
  readonly isSingle: boolean;
  /** Whom a call by this id is about: an identity of the connection, as a question by the id has told. */
  readonly byId?: string;
}

/** What all runs of a process share to read a connection back. */
export interface ReadBack {
  readonly budget: Pick<CallBudget, "left" | "spend">;
  /** How many users may be changed by calls of their own; none, where it is absent. */
  readonly patches?: Pick<CallBudget, "spend">;
  readonly census: Pick<SharedCensus, "use">;
  /** Shows how far a census is, until the function is called that this returns. */
  follow(show: (line: string | undefined) => void): () => void;
}

/** How users are read: all by one export job, each by itself, or not at all, for want of the scope. */
export type ReadingMode = "census" | "singly" | "not";

/** What is decided on a reading has to reach the tenant while that is fresh. */
const TIME_TO_SEND_MS = 60_000;

/**
 * Reads the tenant's users: each by itself where the budget of the process allows it, else all by a census. Nothing is
 * concluded from a census that fails: users are read one by one then, as many as there are.
 */
export class Readings {
  #mode: Promise<ReadingMode> | undefined;
  #taking: Promise<ReadingMode> | undefined;
  #census: Census | undefined;
  #release: () => void = () => {};
  /** Why there is no census. */
  #isUnreadable = false;

  constructor(
    private readonly at: Pick<Workplace, "tenant" | "readBack" | "progress" | "warn">,
    private readonly course: Course,
    /** About how many records the batch has whose users may have to be read. */
    private readonly candidates: () => number,
    /** Whether something is written on what is read: then it has to be fresh. */
    private readonly writes: () => boolean,
    /** What it risks where nobody may be read. */
    private readonly risksUnseen: () => readonly string[],
  ) {}

  /** The census that the run works with, where there is one. */
  get census(): Census | undefined {
    return this.#census;
  }

  /** How the run reads users: decided when the first is to be read. */
  mode(): Promise<ReadingMode> {
    this.#mode ??= this.#decide();
    return this.#mode;
  }

  /** The reading that a record is decided on; `undefined` where nobody may be read. */
  async of(sought: Sought): Promise<Reading | undefined> {
    const mode = await this.mode();
    if (mode === "not") return undefined;
    if (mode === "census" && this.#census !== undefined && !this.#isStale(this.#census)) return asReading(this.#census);
    // The budget is spent as reads come: nobody knows beforehand how many there will be.
    const goesOn =
      this.#isUnreadable || this.#isSlow || (mode === "singly" && this.at.readBack?.budget.spend(READ_CALLS));
    if (!goesOn) {
      this.#mode = this.#retake();
      return this.of(sought);
    }
    return this.singly(sought);
  }

  /**
   * A user by themselves, as they are now.
   *
   * @param everywhere whether they are searched, too: see `readSingly`.
   */
  async singly(sought: Sought, everywhere = false): Promise<Reading> {
    const at = new Date();
    const { users, isAtId } = await readSingly(this.at.tenant, this.course.connection, sought, everywhere);
    return { users, at, isSingle: true, ...(isAtId ? { byId: `auth0|${sought.id}` } : {}) };
  }

  /** So many users are about to be read by calls of their own: takes the census where that is quicker. */
  async expect(reads: number): Promise<void> {
    const { readBack, tenant } = this.at;
    if (this.#census !== undefined || this.#isUnreadable || readBack === undefined) return;
    if (tenant.scopes?.has("read:users") === false || readBack.budget.spend(reads)) return;
    await this.#retake();
  }

  /** The census is not used any more. */
  close(): void {
    this.#release();
  }

  #isStale(census: Census): boolean {
    return this.writes() && !census.isFresh(Date.now() + TIME_TO_SEND_MS);
  }

  /** Whether another census would be too old as well. */
  get #isSlow(): boolean {
    return this.#census?.isSlow === true && this.writes();
  }

  async #decide(): Promise<ReadingMode> {
    await this.course.mayBegin();
    const { readBack, tenant } = this.at;
    if (readBack === undefined) return "not";
    if (tenant.scopes?.has("read:users") === false) return this.#mayNot();
    // Without the connection's name nobody knows whose identities count; the export job tells it.
    const isCheap = readBack.budget.left >= READ_CALLS * this.candidates();
    if (this.course.connection === undefined || !isCheap) return this.#retake();
    return (await this.#mayRead()) ? "singly" : this.#mayNot();
  }

  async #mayRead(): Promise<boolean> {
    if (this.at.tenant.scopes !== undefined) return true;
    try {
      await this.at.tenant.wholeUser("auth0|nobody", EXPORT_FIELDS, () => {});
      return true;
    } catch (error) {
      if (error instanceof TenantError && error.status === 403) return false;
      throw error;
    }
  }

  #mayNot(): ReadingMode {
    for (const risk of this.risksUnseen()) this.at.warn(risk);
    return "not";
  }

  /** All who need it meanwhile wait for the same. */
  #retake(): Promise<ReadingMode> {
    this.#taking ??= this.#takeCensus().finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  async #takeCensus(): Promise<ReadingMode> {
    const { progress, warn, readBack } = this.at;
    if (readBack === undefined) return "not";
    const unfollow = readBack.follow((line) => progress.doing(line));
    try {
      const { census, release } = await held(readBack.census, (taken) => !this.#isStale(taken));
      this.#release();
      this.#census = census;
      this.#release = release;
      this.course.connection ??= census.connection;
      return "census";
    } catch (error) {
      if (error instanceof TenantError && error.status === 403) return this.#mayNot();
      if (!(error instanceof ExportError) || this.course.connection === undefined) throw error;
      this.#isUnreadable = true;
      warn(
        `${error.message.replace(/ Run again\.$/, "")} So users are read one by one, about ${countOf(this.candidates(), "user")} at the tenant's rate of requests (docs/operations.md).`,
      );
      return "singly";
    } finally {
      unfollow();
      progress.doing(undefined);
    }
  }
}

function asReading(census: Census): Reading {
  return { users: census.users, at: census.started, isSingle: false };
}

/** A census that stays open until it is released. */
function held(
  shared: Pick<SharedCensus, "use">,
  fits: (census: Census) => boolean,
): Promise<{ readonly census: Census; readonly release: () => void }> {
  return new Promise((resolve, reject) => {
    shared
      .use(fits, (census) => new Promise<void>((release) => resolve({ census, release })))
      .catch((error: unknown) => reject(error));
  });
}
