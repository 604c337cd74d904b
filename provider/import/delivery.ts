import { FRESH_MS } from "../census/takeCensus";
import type { Span } from "../journal/format";
import type { ChunkKind } from "../plan/delta";
import { type Chunk, recordOf, split } from "../plan/pack";
import { count } from "../progress/batchProgress";
import { redact } from "../results/redact";
import type { User } from "../schema/identity";
import { type FinishedJob, importJob } from "../tenant/importJob";
import type { JobRequest } from "../tenant/importRequest";
import type { Books } from "./books";
import { JOB_FAILED } from "./codes";
import type { Course } from "./course";
import type { History } from "./history";
import type { Member } from "./members";
import type { Ended, Outcomes } from "./outcomes";
import type { Existing, Settlement } from "./settlement";
import type { BatchRecords, ImportSettings, Workplace } from "./types";
import { Works } from "./works";

/** A job that fails as a whole is sent once more before it is split. */
const TRIES = 2;

/** So many jobs in a row that fail as a whole are the service's fault, not a record's. */
const WHOLE_FAILURES = 12;

/** So many in all are more than a person would want to wait for: some 15 records that make every job fail. */
const WHOLE_FAILURES_IN_ALL = 200;

/** What a job is about, apart from its users. */
export function requestOf(settings: ImportSettings, kind: ChunkKind, number: number): JobRequest {
  const { connectionId, externalId, sendCompletionEmail } = settings;
  return { connectionId, kind, externalId: `${externalId}#${number}`, sendCompletionEmail };
}

/** What was read of the users of a job is too old for anything to be written on it. */
class StaleReading extends Error {}

const TOO_OLD = "An import job got no answer for so long that what was read of its users is too old to be written on.";

/** A job that has come to its end, and how it went. */
interface Ran {
  readonly number: number;
  readonly job: FinishedJob;
  readonly submitted: Date;
  readonly retries: readonly string[];
}

/**
 * Delivers chunks of records, each until all of its records are settled. It decides whether a job is sent again:
 *
 * - Its records' ends are known: never. They are settled, those who failed, too.
 * - It failed as a whole, is gone, or its errors don't add up: once more; then in halves, until the record stands alone
 *   that makes it fail. All that were in such a job are doubtful (`Doubts`).
 * - Too many such jobs, in a row or in all: not any more, and the run ends.
 *
 * A submission whose answer was lost is repeated below, by `importJob`, before the job counts as sent.
 */
export class Delivery {
  readonly #works: Works;
  #wholeFailures = 0;
  #wholeFailuresInAll = 0;

  /**
   * @param bringUp sends the rest of users who exist.
   * @param readAgain a record is to be decided on anew: it has waited until what was read of its user was too old.
   */
  constructor(
    private readonly settings: ImportSettings,
    private readonly records: BatchRecords,
    private readonly at: Workplace,
    private readonly course: Course,
    private readonly books: Books,
    private readonly history: History,
    private readonly outcomes: Outcomes,
    private readonly settlement: Settlement,
    private readonly bringUp: (existing: Existing) => Promise<void>,
    private readonly readAgain: (kind: ChunkKind, index: number) => void,
  ) {
    this.#works = new Works((error) => course.fail(error));
  }

  /** Starts a job. Returns when there is room for preparing the next one, so that few payloads are in memory. */
  async start(kind: ChunkKind, chunk: Chunk<Member>): Promise<void> {
    await this.course.mayBegin();
    this.#works.add(this.#deliver(kind, chunk));
    await this.at.tenant.room();
  }

  /** Resolves when nothing is on its way. */
  ended(): Promise<void> {
    return this.#works.ended();
  }

  async #deliver(kind: ChunkKind, chunk: Chunk<Member>, triesBefore = 0): Promise<void> {
    const { members } = chunk;
    const ran = await this.#send(kind, chunk);
    if (ran === "stale") {
      for (const { index } of members) this.readAgain(kind, index);
      return;
    }
    const ended = await this.#endsOf(kind, chunk, ran);
    const { number, ...report } = ran;
    this.history.add({ kind, users: members.length, bytes: chunk.payload.length, ...report }, ended);
    if (ended !== undefined) {
      this.#wholeFailures = 0;
      await this.#settle(number, kind, chunk, ended);
      return;
    }
    const tries = triesBefore + 1;
    this.#wholeFailures++;
    this.books.doubt(kind, members, ran.submitted);
    if (members.length === 1 && tries >= TRIES) {
      const message = `Every import job with this record fails as a whole${reasonOf(ran.job)}`;
      const failure = { code: JOB_FAILED, message };
      await this.#settle(number, kind, chunk, [{ outcome: `failed:${JOB_FAILED}`, failure }]);
      return;
    }
    this.at.journal.abandoned(number);
    this.#assertWorthwhile(ran.job);
    if (this.course.isStopped) return;
    this.#tellOf(ran.job, tries, members.length);
    if (tries < TRIES) return this.#deliver(kind, chunk, tries);
    // A half is not tried twice before it is split again; a record that stands alone is.
    const halves = split(chunk).map((half) => this.#deliver(kind, half, half.members.length === 1 ? 0 : TRIES - 1));
    for (const half of await Promise.allSettled(halves)) if (half.status === "rejected") throw half.reason;
  }

  /** How its records ended; `undefined` where that is not known of all. */
  async #endsOf(kind: ChunkKind, chunk: Chunk<Member>, { job }: Ran): Promise<Ended[] | undefined> {
    const ended = await this.outcomes.of(kind, chunk.members, job);
    const wereRead = chunk.members.every(({ readAt }) => readAt !== undefined);
    if (ended === undefined || kind === "insert" || !job.inserted || !wereRead) return ended;
    const emailOf = (i: number) => String((JSON.parse(recordOf(chunk, i).toString()) as User).email);
    return this.outcomes.withMadeAnew(ended, job, emailOf);
  }

  async #settle(number: number, kind: ChunkKind, chunk: Chunk<Member>, ended: readonly Ended[]): Promise<void> {
    for (const existing of this.settlement.settle(number, kind, chunk, ended)) {
      if (this.course.isStopped) return;
      await this.bringUp(existing);
    }
  }

  /** Sends one job, once, and awaits its end. Each step is in the journal before the next. */
  async #send(kind: ChunkKind, { members, payload }: Chunk<Member>): Promise<Ran | "stale"> {
    const { tenant, journal, progress } = this.at;
    const number = this.history.nextNumber();
    const request = requestOf(this.settings, kind, number);
    const name = request.externalId;
    const retries: string[] = [];
    const oldest = Math.min(...members.map(({ readAt = Number.POSITIVE_INFINITY }) => readAt));
    let submitted = new Date();
    let mayBeSent = false;
    const job = await importJob(
      tenant,
      request,
      payload,
      members.length,
      {
        assertMaySend: () => {
          this.course.assertMaySend(kind, members.length);
          if (Date.now() - oldest > FRESH_MS) throw mayBeSent ? new Error(TOO_OLD) : new StaleReading();
        },
        submitting: () => {
          submitted = new Date();
          this.course.unanswered++;
          journal.intent(number, kind, payload.length, this.#spansOf(members), members, submitted);
        },
        accepted: (id, at, uncertain) => {
          this.course.achieved = true;
          this.course.unanswered--;
          journal.accepted(number, id, at, uncertain);
          progress.running(name, 0);
        },
        refused: () => {
          this.course.unanswered--;
          journal.refused(number);
        },
        progress: (percentage) => progress.running(name, (members.length * percentage) / 100),
        waiting: (reason) => progress.waiting(reason),
        retry: (reason) => {
          mayBeSent = true;
          retries.push(reason);
          progress.retrying(`a call is made again: ${reason}`);
        },
      },
      this.at.stop,
    ).catch((error: unknown) => {
      if (error instanceof StaleReading) return "stale" as const;
      throw error;
    });
    if (job === "stale") return job;
    progress.ended(name, members.length);
    if (job.uncertain) this.books.doubt(kind, members, submitted);
    return { number, job, retries, submitted };
  }

  /** Where the records of a job lie, file by file. */
  #spansOf(members: readonly Member[]): Span[] {
    const spans = new Map<string, Span>();
    for (const { index } of members) {
      const { file, offset, byteLength } = this.records.place(index);
      const [, start, end] = spans.get(file) ?? [file, offset, offset];
      spans.set(file, [file, Math.min(start, offset), Math.max(end, offset + byteLength)]);
    }
    return [...spans.values()];
  }

  /** @throws Error when too many jobs have failed as a whole. */
  #assertWorthwhile(job: FinishedJob): void {
    const last = `the last of them ${job.id} (${job.status}${reasonOf(job)})`;
    if (this.#wholeFailures >= WHOLE_FAILURES) {
      throw new Error(
        `${WHOLE_FAILURES} import jobs in a row failed as a whole, ${last}: that is a fault of the service rather than of a record.`,
      );
    }
    if (++this.#wholeFailuresInAll >= WHOLE_FAILURES_IN_ALL) {
      throw new Error(
        `${WHOLE_FAILURES_IN_ALL} import jobs failed as a whole, ${last}. The records that did it and were found are among the failed ones, with code ${JOB_FAILED}.`,
      );
    }
  }

  #tellOf({ status }: FinishedJob, tries: number, users: number): void {
    this.at.progress.retrying(
      tries < TRIES
        ? `a job that ${status === "vanished" ? "vanished" : "failed as a whole"} is sent again`
        : `a job of ${count(users)} users keeps failing: looking for the record in it`,
    );
  }
}

function reasonOf({ details }: FinishedJob): string {
  return details === undefined ? "" : `: ${redact(details)}`;
}
