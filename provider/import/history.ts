import type { Replay } from "../journal/replay";
import { type ChunkKind, jobKindOf } from "../plan/delta";
import { redact } from "../results/redact";
import type { Interruption, Job } from "../results/types";
import type { FinishedJob } from "../tenant/importJob";
import type { Ended } from "./outcomes";
import type { BatchResult } from "./types";

/** What is told of a job. */
export interface JobReport {
  readonly kind: ChunkKind;
  readonly users: number;
  readonly bytes: number;
  readonly job: FinishedJob;
  /** When it got its slot; not known of a job of an interrupted run. */
  readonly submitted?: Date;
  readonly retries: readonly string[];
}

/**
 * The jobs of an import and its interruptions. A run that goes on where another had to stop is one import to the user,
 * so its jobs go on, too.
 */
export class History {
  readonly #jobs: Job[];
  readonly #interruptions: Interruption[];
  #sent = 0;
  /** The number of the last job; each has one of its own. */
  #lastNumber: number;

  constructor(before: BatchResult | undefined, { lastHeard, lastNumber }: Replay) {
    const goesOn = before?.complete === false;
    this.#jobs = goesOn ? [...before.jobs] : [];
    this.#interruptions = goesOn ? [...before.interruptions] : [];
    // What the state does not know of was killed before it could save.
    if (lastHeard !== undefined && lastHeard > (this.#jobs.at(-1)?.finished ?? "")) {
      this.#interruptions.push({ at: lastHeard, reason: "The run was killed." });
    }
    this.#lastNumber = Math.max(this.#jobs.length, lastNumber);
  }

  /** How many jobs this run has sent and seen to their end. */
  get sent(): number {
    return this.#sent;
  }

  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** @param ended how its records ended, where that is known. */
  add({ job, submitted, retries, ...sent }: JobReport, ended: readonly Ended[] | undefined): void {
    this.#sent++;
    this.#jobs.push({
      id: job.id,
      ...sent,
      kind: jobKindOf(sent.kind),
      failed: ended?.filter(({ outcome }) => outcome.startsWith("failed:")).length ?? 0,
      status: job.status,
      ...(submitted === undefined ? {} : { submitted: submitted.toISOString() }),
      started: job.started.toISOString(),
      finished: job.finished.toISOString(),
      retries,
    });
  }

  /** @param problem why the run ended before all was done. */
  close(problem: Error | undefined): Pick<BatchResult, "jobs" | "interruptions"> {
    if (problem !== undefined) {
      this.#interruptions.push({ at: new Date().toISOString(), reason: redact(problem.message) });
    }
    return { jobs: this.#jobs, interruptions: this.#interruptions };
  }
}
