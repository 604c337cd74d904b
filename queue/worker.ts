import { setTimeout as sleep } from "node:timers/promises";
import type { UnrecoverableError, WaitingError } from "bullmq";
import { asGiven } from "../provider/results/resultsFolder";
import type { Credentials } from "../provider/tenant/credentials";
import { type CarriedOut, carryOut } from "./carryOut";
import { type Connected, connect, type QueuedBatch, reasonOf } from "./connect";
import { Fence } from "./fence";
import { atRest, writeResultsOf } from "./results";
import { type Ended, lineOf, type Returned, STOPPED, type Task } from "./task";
import { WorkerReadings } from "./workerReadings";
import { WorkerSources } from "./workerSources";

export interface WorkerSettings {
  readonly url: string;
  readonly credentials: Credentials;
  /** How many batches this worker carries out at a time. */
  readonly jobs: number;
  /** For how long the queue gives it a batch, from each renewal on; another one may take it over after that. */
  readonly lockMs: number;
  /** Puts a line where the user sees it. */
  say(line: string): void;
}

/** A worker at work. */
export interface Working {
  /** The queue's name, and where it is. */
  readonly queue: string;
  readonly place: string;
  /** Takes no more batches, gives back those in hand when their jobs have ended, and disconnects. */
  end(): Promise<void>;
}

/** Deaths that a batch outlives, one worker after the other: each has cost nobody anything but time. */
const MOST_DEATHS = 1_000;

const PROGRESS_MS = 1_000;
const RETRY_MS = 1_000;

/**
 * Starts to carry batches out.
 *
 * @throws QueueError where the queue does not answer.
 */
export async function startWorker(settings: WorkerSettings): Promise<Working> {
  const { url, credentials, jobs, lockMs, say } = settings;
  let lastError = "";
  const connected = await connect(url, credentials, (error) => {
    const reason = reasonOf(error);
    if (reason !== lastError) say(`The queue: ${reason}`);
    lastError = reason;
  });
  const bullmq = await import("bullmq");
  const hands = new Hands(connected, settings, bullmq);
  const worker = connected.worker((job, token) => hands.process(job, token), {
    concurrency: jobs,
    lockDuration: lockMs,
    lockRenewTime: lockMs / 5,
    stalledInterval: Math.min(30_000, lockMs),
    maxStalledCount: MOST_DEATHS,
  });
  // BullMQ asks once at a time, and does not tell when.
  let asked = Date.now();
  const extend = worker.extendJobLocks.bind(worker);
  worker.extendJobLocks = (...locks) => {
    asked = Date.now();
    return extend(...locks);
  };
  // Not before the queue has it.
  worker.on("completed", (job) => say(`${job.name}: done, ${lineOf(job)}`));
  worker.on("failed", (job, { message }) => say(`${job?.name ?? "A batch"}: ended early. ${message}`));
  worker.on("locksRenewed", ({ jobIds }) => {
    lastError = "";
    for (const id of jobIds) hands.fences.get(id)?.renewed(asked);
  });
  worker.on("lockRenewalFailed", (jobIds) => {
    for (const id of jobIds) hands.fences.get(id)?.lose();
  });
  return {
    queue: connected.name,
    place: connected.place,
    end: async () => {
      const closed = worker.close();
      hands.end();
      await closed;
      await hands.sources.close();
      await hands.readings.close();
      await connected.close();
    },
  };
}

type Errors = { UnrecoverableError: typeof UnrecoverableError; WaitingError: typeof WaitingError };

/** What a worker has in hand. */
class Hands {
  /** By the ids of jobs. */
  readonly fences = new Map<string, Fence>();
  readonly sources = new WorkerSources();
  readonly readings: WorkerReadings;
  readonly #ending = new AbortController();

  constructor(
    private readonly at: Connected,
    private readonly settings: WorkerSettings,
    private readonly errors: Errors,
  ) {
    this.readings = new WorkerReadings(settings.credentials, this.#ending.signal);
  }

  end(): void {
    this.#ending.abort(new Error("The worker was asked to end."));
  }

  /**
   * One batch, from the queue's hand back to it. It leaves as `completed`; as `failed`, where it ended before all was
   * done, with what was achieved beside it; or it goes back to `waiting`, where the worker ends or has lost it.
   */
  async process(job: QueuedBatch, token: string): Promise<Returned> {
    const { lockMs, say } = this.settings;
    const id = job.id ?? "";
    const fence = new Fence(lockMs, job.processedOn);
    this.fences.set(id, fence);
    say(`${job.name}: begins`);
    try {
      const task = await this.#taskOf(job, fence);
      // Of a worker that died when all but the results were done.
      const ended = (await this.#savedBefore(job, fence)) ?? (await this.#carriedOut(job, token, task, fence));
      await this.#writeWhenLast(job, task, fence);
      if (ended.outputs !== undefined) await this.at.blobs.drop(job.data.task).catch(() => {});
      if (ended.problem !== undefined) throw new this.errors.UnrecoverableError(ended.problem);
      return { ended: job.data.ended?.digest ?? "" };
    } catch (error) {
      if (error instanceof this.errors.WaitingError) throw error;
      if (fence.signal.aborted) {
        say(`${job.name}: lost. ${(fence.signal.reason as Error).message}`);
        return await this.#giveBack(job, token);
      }
      throw new this.errors.UnrecoverableError(error instanceof Error ? error.message : String(error));
    } finally {
      fence.end();
      this.fences.delete(id);
    }
  }

  /** Carries the batch out and saves how it ended; or gives it back, where the worker ends. */
  async #carriedOut(job: QueuedBatch, token: string, task: Task, fence: Fence): Promise<Ended> {
    const { credentials, say } = this.settings;
    const progress = new Progress(job);
    const { error, ...ended }: CarriedOut = (await this.#isStopped(job))
      ? STOPPED
      : await carryOut(task, {
          ...{ credentials, sources: this.sources, readings: this.readings, fence },
          update: job.data.update,
          isBegun: job.attemptsStarted > 1 || job.stalledCounter > 0,
          ending: this.#ending.signal,
          show: (line, last) => progress.show(line, last),
          isStopped: () => this.#isStopped(job),
          stopAll: () => this.at.stops.set(job.data.import.id).catch(() => {}),
        });
    await progress.ended();
    const { reason } = this.#ending.signal;
    if (error !== undefined && error === reason) {
      if (ended.outputs !== undefined && ended.achieved)
        await this.#renewTask(job, fence, { ...task, old: ended.outputs });
      say(`${job.name}: given back to the queue, for another worker`);
      return await this.#giveBack(job, token);
    }
    const saved = await this.#untilLost(fence, () => this.at.blobs.put(ended, job.id ?? ""));
    await this.#untilLost(fence, () => job.updateData({ ...job.data, ended: saved }));
    return ended;
  }

  async #savedBefore(job: QueuedBatch, fence: Fence): Promise<Ended | undefined> {
    const { ended } = job.data;
    if (ended === undefined) return undefined;
    const saved = (await this.#untilLost(fence, () => this.at.blobs.get(ended, job.id ?? ""))) as Ended | undefined;
    return saved?.outputs === undefined ? undefined : saved;
  }

  /** Where the queue does not tell, it goes on: a batch is not lost for that. */
  #isStopped({ data }: QueuedBatch): Promise<boolean> {
    return this.at.stops.isSet(data.import.id).catch(() => false);
  }

  /** Writes the import's results where no other batch of it is still to be carried out. The batch is done all the same. */
  async #writeWhenLast(job: QueuedBatch, task: Task, fence: Fence): Promise<void> {
    const { name, id } = job.data.import;
    try {
      const came = await this.#untilLost(fence, () => atRest(this.at, id, job.id ?? ""));
      if (came === undefined) return;
      await this.readings.done({ task, update: job.data.update });
      const slots = (await this.at.queue.getGlobalConcurrency()) ?? 1;
      const written = await this.sources.use(task.inputs, async (read) => {
        fence.assertHeld();
        return writeResultsOf(came, task, read, slots);
      });
      if (written !== undefined) this.settings.say(`${name}: all batches are done, see ${asGiven(written)}`);
    } catch (error) {
      if (fence.signal.aborted) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      this.settings.say(
        `${name}: all batches are done, and the results can't be written here (${code ?? message}). \`pulumi up\` writes them when it collects.`,
      );
    }
  }

  async #taskOf(job: QueuedBatch, fence: Fence): Promise<Task> {
    const task = await this.#untilLost(fence, () => this.at.blobs.get(job.data.task, job.id ?? ""));
    if (task !== undefined) return task as Task;
    throw new Error(
      "The queue has lost what the batch is about. Nothing was sent now. Run `pulumi up` again, which hands it over anew.",
    );
  }

  /** Who takes the batch over goes on from there, also where the journal is out of reach. */
  async #renewTask(job: QueuedBatch, fence: Fence, task: Task): Promise<void> {
    const former = job.data.task;
    const renewed = await this.#untilLost(fence, () =>
      this.at.blobs.put({ ...task, mayHaveSent: true } satisfies Task, job.id ?? ""),
    );
    await this.#untilLost(fence, () => job.updateData({ ...job.data, task: renewed }));
    await this.at.blobs.drop(former).catch(() => {});
  }

  async #giveBack(job: QueuedBatch, token: string): Promise<never> {
    // Where another has it already, or the queue is gone, there is nothing to give back.
    await job.moveToWait(token).catch(() => {});
    throw new this.errors.WaitingError();
  }

  /** Tries again for as long as the batch is this worker's: a result is worth more than one call. */
  async #untilLost<T>(fence: Fence, call: () => Promise<T>): Promise<T> {
    for (;;) {
      fence.assertHeld();
      try {
        return await call();
      } catch (error) {
        if ((error as Error).name === "QueueError") throw error;
        await sleep(RETRY_MS);
      }
    }
  }
}

/** The line of a batch, for who waits for it and for dashboards; not more often than anybody reads it. */
class Progress {
  #last = Promise.resolve();
  #shownAt = 0;

  constructor(private readonly job: QueuedBatch) {}

  show(line: string, last: boolean): void {
    if (!last && Date.now() - this.#shownAt < PROGRESS_MS) return;
    this.#shownAt = Date.now();
    this.#last = this.job.updateProgress({ line }).catch(() => {});
  }

  ended(): Promise<void> {
    return this.#last;
  }
}
