import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { UnsupportedPasswordHash } from "../schema/prepare";
import type { Tallied } from "../schema/tally";

/** Records on their way to the thread, one behind the other. */
export interface RecordTexts {
  readonly bytes: ArrayBuffer;
  /** Where each ends. */
  readonly ends: Uint32Array<ArrayBuffer>;
}

/** What the thread has found. */
export interface Verdicts {
  /** Of each user as JSON, in bytes. */
  readonly sizes: Uint32Array<ArrayBuffer>;
  /** Which of the records break a rule. */
  readonly wrong: readonly number[];
  readonly tallied: Tallied;
  /** The texts' memory, to be used again. */
  readonly bytes: ArrayBuffer;
}

/** Told what was found of the records from `first` on. */
export type OnVerdicts = (first: number, verdicts: Verdicts) => void;

const BATCH_BYTES = 512 * 1024;
const BATCH_RECORDS = 8192;

/** So many batches may wait for the thread: more would be awaited in the end. */
const MOST_WAITING = 6;

/** Text that is read before the thread is started: most files are at their end by then. */
const WORTH_BYTES = 16 * 2 ** 20;

/** Of the thread's heap, for what was just made. */
const YOUNG_MEGABYTES = 4;

/** Records that are being gathered for the thread. */
interface Batch {
  readonly first: number;
  readonly bytes: Buffer<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  records: number;
  end: number;
}

/**
 * A thread of its own that checks records while this one reads on. It parses them once more, which costs less than to
 * hand over objects; so it pays only on another core.
 */
export class CheckHelper {
  #worker: Worker | undefined;
  #seenBytes = 0;
  readonly #pays = availableParallelism() > 1;
  /** The first record of each batch that the thread has, in their order. */
  readonly #waiting: number[] = [];
  readonly #spare: ArrayBuffer[] = [];
  #batch: Batch | undefined;
  #problem: unknown;

  constructor(
    private readonly unsupported: UnsupportedPasswordHash,
    private readonly onVerdicts: OnVerdicts,
  ) {}

  /**
   * Takes a record, where that pays and the thread is not behind. It is shown every record, in order.
   *
   * @param text is copied.
   */
  take(index: number, text: Buffer): boolean {
    this.#seenBytes += text.length;
    if (this.#seenBytes < WORTH_BYTES || !this.#pays) return false;
    let batch = this.#batch;
    if (batch !== undefined && (batch.end + text.length > BATCH_BYTES || batch.records === BATCH_RECORDS)) {
      this.#post(batch);
      batch = undefined;
    }
    if (batch === undefined) {
      if (text.length > BATCH_BYTES || this.#waiting.length >= MOST_WAITING) return false;
      batch = {
        first: index,
        bytes: Buffer.from(this.#spare.pop() ?? new ArrayBuffer(BATCH_BYTES)),
        ends: new Uint32Array(BATCH_RECORDS),
        records: 0,
        end: 0,
      };
      this.#batch = batch;
    }
    batch.end += text.copy(batch.bytes, batch.end);
    batch.ends[batch.records++] = batch.end;
    return true;
  }

  /** Resolves when all that was taken is told. */
  async end(): Promise<void> {
    if (this.#batch !== undefined) this.#post(this.#batch);
    while (this.#waiting.length > 0 && this.#problem === undefined) await once(this.#thread(), "message");
    if (this.#problem !== undefined) throw this.#problem;
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(require.resolve("./checkWorker.js"), {
      workerData: this.unsupported,
      // All that it makes of a record is garbage after it: it needs no room for what lives longer.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    worker.on("message", (verdicts: Verdicts) => {
      this.#spare.push(verdicts.bytes);
      this.onVerdicts(this.#waiting.shift() as number, verdicts);
    });
    // It may fail while nobody waits for it.
    worker.on("error", (error) => {
      this.#problem = error;
    });
    this.#worker = worker;
    return worker;
  }

  #post({ first, bytes, ends, records }: Batch): void {
    this.#batch = undefined;
    this.#waiting.push(first);
    const texts: RecordTexts = { bytes: bytes.buffer, ends: ends.slice(0, records) };
    this.#thread().postMessage(texts, [texts.bytes, texts.ends.buffer]);
  }
}
