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

/** Records by their numbers: so many from `first` on. */
export interface RecordRange {
  readonly first: number;
  readonly records: number;
}

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
 * hand over objects; so it pays only on another core. It is there for speed alone: where it can't start, or dies, this
 * thread does its work.
 */
export class CheckHelper {
  #worker: Worker | undefined;
  #seenBytes = 0;
  /** Whether there is another core, and the thread is not lost. */
  #helps = availableParallelism() > 1;
  /** What the thread has, in its order. */
  readonly #waiting: RecordRange[] = [];
  readonly #spare: ArrayBuffer[] = [];
  #batch: Batch | undefined;

  constructor(
    private readonly unsupported: UnsupportedPasswordHash,
    private readonly onVerdicts: OnVerdicts,
  ) {}

  /**
   * Takes a record, where that pays and the thread is not behind. Records come in order; some may be left out.
   *
   * @param text is copied.
   */
  take(index: number, text: Buffer): boolean {
    this.#seenBytes += text.length;
    if (this.#seenBytes < WORTH_BYTES || !this.#helps) return false;
    let batch = this.#batch;
    if (batch !== undefined && !continues(batch, index, text)) {
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

  /** Resolves when all that was taken is told, but for what it returns: of that the thread was lost. */
  async end(): Promise<readonly RecordRange[]> {
    if (this.#batch !== undefined) this.#post(this.#batch);
    while (this.#waiting.length > 0 && this.#helps) {
      // An error is seen to where the thread is started.
      await once(this.#worker as Worker, "message").catch(() => {});
    }
    return this.#waiting;
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(require.resolve("./checkWorker.js"), {
      workerData: this.unsupported,
      // All that it makes of a record is garbage after it: it needs no room for what lives longer.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    worker.on("message", (verdicts: Verdicts) => {
      this.#spare.push(verdicts.bytes);
      this.onVerdicts((this.#waiting.shift() as RecordRange).first, verdicts);
    });
    worker.on("error", () => {
      this.#helps = false;
    });
    return worker;
  }

  #post({ first, bytes, ends, records }: Batch): void {
    this.#batch = undefined;
    this.#waiting.push({ first, records });
    if (!this.#helps) return;
    const texts: RecordTexts = { bytes: bytes.buffer, ends: ends.slice(0, records) };
    try {
      this.#worker ??= this.#start();
    } catch {
      this.#helps = false;
      return;
    }
    this.#worker.postMessage(texts, [texts.bytes, texts.ends.buffer]);
  }
}

function continues({ first, records, end }: Batch, index: number, text: Buffer): boolean {
  return index === first + records && end + text.length <= BATCH_BYTES && records < BATCH_RECORDS;
}
