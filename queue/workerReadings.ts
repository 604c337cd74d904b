import type { Census, SharedCensus } from "../provider/census/takeCensus";
import type { ReadBack } from "../provider/import/readings";
import { newReading, type SharedReading } from "../provider/lifecycle/sharedReadBack";
import type { Credentials } from "../provider/tenant/credentials";
import type { Task } from "./task";
import { tenantFor } from "./workerTenant";

/** So long a reading stays that no batch has in hand: the next one of its update may come at once. */
const IDLE_MS = 60_000;

/** Who asks for a reading. */
export interface Asking {
  readonly task: Task;
  /** The update that has handed the batch over. */
  readonly update: string;
  /** Whether somebody may have written to the batch's users since it was handed over. */
  readonly isBegun: boolean;
  /** About how many there are in the connection. */
  readonly users: number;
  /** Ends the waiting for it; its reason is thrown. */
  readonly stop: AbortSignal;
}

interface Held {
  readonly reading: SharedReading;
  batches: number;
  idle?: NodeJS.Timeout;
}

/**
 * Connections as a worker reads them back: once for all batches of an update that it has in hand together or one soon after
 * the other. What was read before another batch of the update wrote is good for this one: they have no user in common.
 */
export class WorkerReadings {
  readonly #held = new Map<string, Held>();

  /** @param ending ends what is being read. */
  constructor(
    private readonly credentials: Credentials,
    private readonly ending: AbortSignal,
  ) {}

  /** Lends what reads the connection back. */
  async lend<T>(asking: Asking, work: (reading: Pick<ReadBack, "census" | "follow">) => Promise<T>): Promise<T> {
    const name = nameOf(asking);
    const held = this.#of(name, asking);
    clearTimeout(held.idle);
    held.batches++;
    const { census, follow } = held.reading;
    try {
      return await work({ follow, census: readFor(asking, census) });
    } finally {
      if (--held.batches === 0) held.idle = setTimeout(() => void this.#close(name, held), IDLE_MS).unref();
    }
  }

  /** All batches of the update are at rest. */
  async done(of: Pick<Asking, "task" | "update">): Promise<void> {
    const name = nameOf(of);
    const held = this.#held.get(name);
    if (held !== undefined && held.batches === 0) await this.#close(name, held);
  }

  async close(): Promise<void> {
    for (const [name, held] of this.#held) await this.#close(name, held);
  }

  #of(name: string, { task, users }: Asking): Held {
    const known = this.#held.get(name);
    if (known !== undefined) return known;
    // It reads, and is no batch's: so no fence ends it.
    const tenant = tenantFor(task, this.credentials);
    const held: Held = { reading: newReading(tenant, task.inputs, users, this.ending), batches: 0 };
    this.#held.set(name, held);
    return held;
  }

  async #close(name: string, held: Held): Promise<void> {
    clearTimeout(held.idle);
    this.#held.delete(name);
    await held.reading.census.close();
  }
}

function nameOf({ task, update }: Pick<Asking, "task" | "update">): string {
  return JSON.stringify([update, task.inputs.connectionId]);
}

/**
 * A batch that was begun before needs what was read after that: else what it has itself written is taken for another's.
 * A reading that was on its way by then does not do either.
 */
export function readFor(
  { isBegun, stop }: Pick<Asking, "isBegun" | "stop">,
  shared: SharedCensus,
): Pick<SharedCensus, "use"> {
  const asked = Date.now();
  const isSince = (census: Census) => !isBegun || census.started.getTime() >= asked;
  return {
    use: async (fits, work) => {
      for (;;) {
        const used = await untilStopped(stop, (begins) =>
          shared.use(
            (census) => isSince(census) && fits(census),
            async (census) => {
              begins();
              return isSince(census) ? { result: await work(census) } : undefined;
            },
          ),
        );
        if (used !== undefined) return used.result;
      }
    },
  };
}

/** Waits until the work begins or is stopped, and then to its end. */
function untilStopped<T>(stop: AbortSignal, work: (begins: () => void) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onStop = () => reject(stop.reason);
    if (stop.aborted) return onStop();
    stop.addEventListener("abort", onStop);
    const begins = () => {
      stop.removeEventListener("abort", onStop);
      stop.throwIfAborted();
    };
    work(begins).then(resolve, reject);
  });
}
