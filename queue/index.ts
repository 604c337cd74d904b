import type { Inputs, Outputs } from "../provider/lifecycle/batch";
import type { Credentials } from "../provider/tenant/credentials";
import { type Connected, connect } from "./connect";
import { type HandedOver, handOver, stateAt, type Waiting } from "./handOver";
import { inTime } from "./inTime";
import { QueueError } from "./queueUrl";
import type { Ended } from "./task";

/** The batches of a run share one connection. */
const open = new Map<string, { readonly connected: Promise<Connected>; users: number }>();

/** So long it stays when nobody uses it: the batches of a run come one after the other. */
const IDLE_MS = 5_000;

/** How long a preview waits for a queue. */
const ASK_MS = 2_000;

/**
 * Has a batch carried out by workers; see `handOver`.
 *
 * @throws {@link QueueError} where the queue does not answer: nothing was handed over then.
 */
export function carryOutAtWorkers(
  url: string,
  credentials: Credentials,
  batch: HandedOver,
  waiting: Waiting,
): Promise<Ended> {
  return withQueue(url, credentials, async (connected) => {
    const at = await connected.catch((error: unknown) => {
      if (!(error instanceof QueueError)) throw error;
      throw new QueueError(`${error.message} Nothing was handed over, and the state is as before.`);
    });
    return handOver(at, batch, waiting);
  });
}

/** Queues that gave no answer: a preview has many batches, and the engine looks at one after the other. */
const silent = new Map<string, unknown>();

/**
 * What workers have of a batch that the state does not know yet, in a few words; `undefined` where there is nothing.
 *
 * @param state `undefined` where the state has nothing of the batch.
 * @throws {@link QueueError} where that can't be told within two seconds; and for all that is asked of that queue after it.
 */
export async function askWorkers(
  url: string,
  credentials: Credentials,
  inputs: Inputs,
  state: Outputs | undefined,
): Promise<string | undefined> {
  const name = nameOf(url, credentials);
  if (silent.has(name)) throw silent.get(name);
  const asked = withQueue(url, credentials, async (connected) => stateAt(await connected, inputs, state));
  try {
    return await inTime(asked, ASK_MS, () => new QueueError("The queue gave no answer within 2 s."));
  } catch (error) {
    silent.set(name, error);
    throw error;
  }
}

async function withQueue<T>(
  url: string,
  credentials: Credentials,
  work: (connected: Promise<Connected>) => Promise<T>,
): Promise<T> {
  const name = nameOf(url, credentials);
  // What BullMQ meets in the background, the next look at the job meets, too, and tells.
  const shared = open.get(name) ?? { connected: connect(url, credentials, () => {}), users: 0 };
  open.set(name, shared);
  shared.users++;
  try {
    return await work(shared.connected);
  } catch (error) {
    // One that failed to connect is tried anew.
    await shared.connected.catch(() => open.delete(name));
    throw error;
  } finally {
    shared.users--;
    setTimeout(() => {
      if (shared.users > 0 || open.get(name) !== shared) return;
      open.delete(name);
      void shared.connected.then(({ close }) => close()).catch(() => {});
    }, IDLE_MS).unref();
  }
}

function nameOf(url: string, credentials: Credentials): string {
  return JSON.stringify([url, credentials]);
}
