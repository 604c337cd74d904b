import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { batchName, type Inputs, type Outputs } from "../provider/lifecycle/batch";
import { type Connected, type QueuedBatch, reasonOf } from "./connect";
import { inTime } from "./inTime";
import { QueueError } from "./queueUrl";
import { type BlobRef, KEPT_SECONDS } from "./store";
import {
  type BatchJob,
  baseOf,
  type Ended,
  type ImportRef,
  importOf,
  jobIdOf,
  lineOf,
  STOPPED,
  type Task,
  wantedOf,
} from "./task";

/** A batch that is to be carried out by workers. */
export interface HandedOver {
  readonly task: Task;
  /** What the state knows; `task.old` may know more. */
  readonly state: Outputs | undefined;
  /** How many batches of the tenant are carried out at a time, each with one import job. */
  readonly maxActiveJobs: number;
}

/** Who waits for it. */
export interface Waiting {
  /** When the waiting began: what failed before then was told to nobody. */
  readonly since: Date;
  readonly deadline?: Date;
  /** Ends the waiting, not the work. */
  readonly stop: AbortSignal;
  show(line: string, last?: boolean): void;
}

const LOOK_MS = 1_000;

/** So long one look is waited for, before a line says that there is no answer. */
const ANSWER_MS = 5_000;

/** This update. */
const UPDATE = randomUUID();

/** So long a queue that has answered before may give no answer. */
const PATIENCE_MS = 60_000;

/**
 * Hands a batch over and waits until workers have carried it out; or finds that an earlier run has handed it over, and
 * goes on waiting, or collects. What it comes to is kept for a day: nobody knows yet whether the engine saves it.
 *
 * The states of a batch's job are BullMQ's: `waiting` and `active`, then `completed`, or `failed` where the run ended
 * before all was done.
 *
 * @throws Error when the waiting ends before the work; then the batch goes on at the workers.
 */
export async function handOver(at: Connected, batch: HandedOver, waiting: Waiting): Promise<Ended> {
  const hand = new Hand(at, batch, waiting);
  let answered = Date.now();
  let look: Promise<Ended | undefined> | undefined;
  for (;;) {
    try {
      // A connection can be dead without anybody's knowing: then a look takes as long as the network likes.
      look ??= hand.look();
      const ended = await inTime(look, ANSWER_MS, () => new NoAnswer("no answer"));
      if (ended !== undefined) return ended;
      answered = Date.now();
      look = undefined;
    } catch (error) {
      if (!(error instanceof NoAnswer)) look = undefined;
      if (error instanceof QueueError) throw error;
      if (Date.now() - answered > PATIENCE_MS) {
        throw new QueueError(
          `The queue at ${at.place} does not answer any more (${reasonOf(error)}). What was handed over is carried out as soon as the workers reach it. The state is as before; run \`pulumi up\` again, which collects.`,
        );
      }
      waiting.show(`waiting for the queue at ${at.place} to answer (${reasonOf(error)})`);
    }
    const { stop, deadline } = waiting;
    await sleep(LOOK_MS);
    const after = hand.isOver ? GOES_ON : NOT_OVER;
    if (stop.aborted) throw new Error(`${(stop.reason as Error).message} ${after}`);
    if (deadline !== undefined && Date.now() >= deadline.getTime()) {
      throw new Error(`The deadline is near, and the run waits no longer. ${after}`);
    }
  }
}

class NoAnswer extends Error {}

const NOT_OVER = "The queue did not say by then that it has the batch. The state is as before. Run `pulumi up` again.";

const GOES_ON = "The batch goes on at the workers. Run `pulumi up` again, which collects what they have done.";

/** What was asked of an earlier run is not asked of this one: of which imports that was said in this process. */
const begun = new Map<string, Promise<void>>();

function begin({ stops }: Connected, importId: string): Promise<void> {
  const known = begun.get(importId);
  if (known !== undefined) return known;
  const clearing = stops.clear(importId);
  begun.set(importId, clearing);
  clearing.catch(() => begun.delete(importId));
  return clearing;
}

/** What the workers have of a batch that the state does not know yet, in a few words. */
export async function stateAt(at: Connected, inputs: Inputs, state: Outputs | undefined): Promise<string | undefined> {
  const job = await at.queue.getJob(jobIdOf(inputs));
  // One of another state was collected.
  if (job === undefined || job.data.base !== baseOf(state)) return undefined;
  switch (await job.getState()) {
    case "completed":
      return "workers have carried it out: to be collected";
    case "failed":
      return "workers have ended early: goes on from there";
    case "active":
      return `at the workers: ${lineOf(job)}`;
    default:
      return "handed over, and waits for a worker";
  }
}

class Hand {
  readonly #id: string;
  readonly #import: ImportRef;
  readonly #wanted: string;
  readonly #base: string;
  #hasAdded = false;
  #isOver = false;

  constructor(
    private readonly at: Connected,
    private readonly batch: HandedOver,
    private readonly waiting: Waiting,
  ) {
    const { task, state } = batch;
    this.#id = jobIdOf(task.inputs);
    this.#import = importOf(task.inputs);
    this.#wanted = wantedOf(task.inputs);
    this.#base = baseOf(state);
  }

  /** Whether the queue has the batch as it is wanted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** One look at the batch's job, and one step on. */
  async look(): Promise<Ended | undefined> {
    await begin(this.at, this.#import.id);
    const job = await this.at.queue.getJob(this.#id);
    // Or the queue has lost its data: then it is handed over again.
    if (job === undefined) return (await this.#isStopped()) ? STOPPED : this.#add(undefined);
    const state = await job.getState();
    const { wanted, base } = job.data;
    const isWanted = wanted === this.#wanted && base === this.#base;
    this.#isOver = isWanted;
    if (state === "unknown") return undefined;
    if (state === "completed" || state === "failed") return isWanted ? this.#collect(job, state) : this.#replace(job);
    if (state === "active") {
      this.waiting.show(isWanted ? lineOf(job) : "waiting for the workers to end what was handed over before");
      return undefined;
    }
    if (await this.#isStopped()) return STOPPED;
    if (!isWanted) return this.#replace(job);
    this.waiting.show("waiting for a worker, or for a free slot of the tenant");
    return undefined;
  }

  #isStopped(): Promise<boolean> {
    return this.at.stops.isSet(this.#import.id);
  }

  async #collect(job: QueuedBatch, state: "completed" | "failed"): Promise<Ended | undefined> {
    // Ended early, and nobody was told: it goes on from there.
    if (state === "failed" && (job.finishedOn ?? 0) < this.waiting.since.getTime()) return this.#replace(job);
    const { ended: ref } = job.data;
    const ended = await this.#open<Ended>(ref);
    if (ref !== undefined && ended !== undefined) {
      await this.at.blobs.collected(ref);
      this.waiting.show(lineOf(job), true);
      return ended;
    }
    if (state === "completed") return this.#replace(job);
    return { achieved: false, isSettled: true, notes: [], problem: job.failedReason };
  }

  /** What nobody carries out now makes way for what is wanted, which begins with what is known by then. */
  async #replace(job: QueuedBatch): Promise<undefined> {
    const known = job.data.base === this.#base ? await this.#knownBy(job) : undefined;
    try {
      await job.remove();
    } catch {
      // A worker was quicker.
      return undefined;
    }
    await this.at.blobs.drop(job.data.task);
    return this.#add(known);
  }

  async #knownBy({ data: { ended, task } }: QueuedBatch): Promise<Outputs | undefined> {
    return (await this.#open<Ended>(ended))?.outputs ?? (await this.#open<Task>(task))?.old;
  }

  /** `undefined` also where it was sealed by a secret that was rotated since: then the batch begins with what the state knows. */
  async #open<T>(ref: BlobRef | undefined): Promise<T | undefined> {
    if (ref === undefined) return undefined;
    try {
      return (await this.at.blobs.get(ref, this.#id)) as T | undefined;
    } catch (error) {
      if (error instanceof QueueError) return undefined;
      throw error;
    }
  }

  async #add(known: Outputs | undefined): Promise<undefined> {
    const { task: handed, maxActiveJobs } = this.batch;
    // Who was missing at a verification is marked in what the state knows.
    const old = known ?? handed.old;
    const mayHaveSent = handed.mayHaveSent || this.#hasAdded || known !== undefined;
    const task = { ...handed, mayHaveSent, ...(old === undefined ? {} : { old }) } satisfies Task;
    const data: BatchJob = {
      import: this.#import,
      // What is handed over once more may have been written to since.
      update: this.#hasAdded ? randomUUID() : UPDATE,
      wanted: this.#wanted,
      base: this.#base,
      task: await this.at.blobs.put(task, this.#id),
    };
    await this.at.queue.setGlobalConcurrency(maxActiveJobs);
    const { resourceUrn } = handed.inputs;
    const kept = { age: KEPT_SECONDS };
    await this.at.queue.add(batchName(resourceUrn), data, {
      ...{ jobId: this.#id, attempts: 1, removeOnComplete: kept, removeOnFail: kept },
    });
    this.#hasAdded = true;
    this.#isOver = true;
    this.waiting.show("handed over to the workers");
    return undefined;
  }
}
