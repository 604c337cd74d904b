import type { EndedJob, OpenJob } from "../journal/replay";
import { isBrought } from "../ledger/ledger";
import { count, countOf } from "../progress/batchProgress";
import { resumeJob } from "../tenant/importJob";
import type { Books } from "./books";
import { JOB_FAILED } from "./codes";
import type { Course } from "./course";
import type { Doubts } from "./doubts";
import type { History } from "./history";
import type { Outcomes } from "./outcomes";
import type { Workplace } from "./types";

/**
 * Takes up what an interrupted run has left in the journal, before any record is looked at; that is what happens after a
 * `kill -9`:
 *
 * - Jobs whose ends the state holds: only who may have been brought without being told is kept in mind.
 * - Jobs whose ends the journal tells: entered into the ledger.
 * - Jobs that the tenant took: awaited by their id, then the same.
 * - Jobs of which nobody knows whether the tenant took them: all in them are doubtful, and are sent again.
 *
 * A failure on other terms than now (`Journal.terms`), or of a record that seems to make jobs fail, is no reason not to
 * send the record again.
 */
export class Resumption {
  constructor(
    private readonly at: Workplace,
    private readonly course: Course,
    private readonly books: Books,
    private readonly history: History,
    private readonly doubts: Doubts,
    private readonly outcomes: Outcomes,
  ) {}

  /** @throws Error when a job can't be asked for; the others are taken in all the same. */
  async takeUp(): Promise<void> {
    const { ended, open } = this.at.journal.replay;
    for (const job of ended) {
      if (job.isSaved) this.#recall(job);
      else this.#enter(job);
    }
    this.course.achieved = open.length > 0 || ended.some(({ isSaved }) => !isSaved);
    if (open.length > 0) {
      this.at.inform(resumption(open));
      this.at.progress.waiting("the jobs of an interrupted run");
    }
    const resumed = await Promise.allSettled(open.map((job) => this.#resume(job)));
    this.at.progress.waiting(undefined);
    for (const job of resumed) if (job.status === "rejected") throw job.reason;
  }

  /** What came of a job is in the ledger. Who was in one that nobody knows the end of is not, unless a later one tells. */
  #recall({ kind, at, members, outcomes }: EndedJob): void {
    for (const [i, member] of members.entries()) {
      const outcome = outcomes?.[i];
      if (outcome !== undefined && isBrought(outcome)) this.doubts.settle(member.identity);
      else if (outcome === undefined && kind === "insert") this.doubts.add(member, at);
    }
  }

  /** Enters what came of a job that an earlier run has sent, on whatever terms it had. */
  #enter({ kind, at, members, terms, outcomes }: Omit<EndedJob, "isSaved">): void {
    // Nobody has been told of a record that seems to make jobs fail: perhaps it is the service's fault, and gone by now.
    const isDoubtful = outcomes === undefined || outcomes.includes(`failed:${JOB_FAILED}`);
    if (isDoubtful) this.books.doubt(kind, members, at);
    for (const [i, outcome] of (outcomes ?? []).entries()) {
      const member = members[i] as (typeof members)[number];
      this.books.enter(kind, member, outcome);
      if (isDoubtful || terms !== this.at.journal.terms) this.books.sendAgain(member.identity);
    }
  }

  /** Goes on with a job that an interrupted run has sent, or may have sent. */
  async #resume(open: OpenJob): Promise<void> {
    const { number, kind, bytes, members, at, id, started, uncertain } = open;
    const { tenant, journal, progress } = this.at;
    const abandon = () => {
      journal.abandoned(number);
      this.#enter(open);
    };
    if (uncertain) this.books.doubt(kind, members, at);
    if (id === undefined || started === undefined) {
      abandon();
      return;
    }
    const retries: string[] = [];
    const job = await resumeJob(
      tenant,
      { id, started },
      {
        retry: (reason) => {
          retries.push(reason);
          progress.retrying(`a call is made again: ${reason}`);
        },
      },
    );
    const told = await this.outcomes.of(kind, members, job);
    // Who has come in a second time did not get what was sent: which of them that is, shows when they are read.
    const ended = kind !== "insert" && job.inserted ? undefined : told;
    this.history.add({ kind, users: members.length, bytes, job, retries }, ended);
    if (ended === undefined) {
      abandon();
      return;
    }
    for (const [i, { failure }] of ended.entries()) {
      if (failure !== undefined) this.books.learn((members[i] as (typeof members)[number]).identity, failure);
    }
    const outcomes = ended.map(({ outcome }) => outcome);
    journal.finished(number, outcomes);
    this.#enter({ ...open, outcomes });
  }
}

/** What a killed run had under way. */
function resumption(open: readonly OpenJob[]): string {
  const sent = open.filter(({ id }) => id !== undefined);
  const unknown = open.filter(({ id }) => id === undefined);
  return [
    "Goes on where an interrupted run stopped.",
    ...(sent.length === 0 ? [] : [`Awaits ${countOf(sent.length, "job")} that it sent: ${listed(sent)}.`]),
    ...(unknown.length === 0
      ? []
      : [
          `Of ${countOf(unknown.length, "job")} nobody knows whether the tenant took it, so its users are sent again: ${listed(unknown)}.`,
        ]),
  ].join(" ");
}

/** So many jobs are named in a message. */
const NAMED_JOBS = 3;

/** And so many files of each. */
const NAMED_FILES = 3;

function listed(jobs: readonly OpenJob[]): string {
  const named = jobs.slice(0, NAMED_JOBS).map(({ id, members, spans }) => {
    const places = spans
      .slice(0, NAMED_FILES)
      .map(([file, start, end]) => `${file}, bytes ${count(start)} to ${count(end)}`);
    const others = spans.length - places.length;
    return `${id === undefined ? "" : `${id} with `}${countOf(members.length, "user")} of ${places.join("; ")}${others > 0 ? `; and of ${countOf(others, "more file")}` : ""}`;
  });
  const rest = jobs.length - named.length;
  return `${named.join("; ")}${rest > 0 ? `; and ${countOf(rest, "more job")}` : ""}`;
}
