import type { Credentials } from "../provider/tenant/credentials";
import { connect } from "./connect";
import { QueueError } from "./queueUrl";
import type { ImportRef } from "./task";

/** An import whose batches workers were asked to stop. */
export interface Stopped {
  /** As people call it: `shop/dev/everyone`. */
  readonly name: string;
  /** Batches that workers have in hand: they end when their jobs have. */
  active(): Promise<number>;
  /** Batches that no worker will begin. */
  readonly waiting: number;
  close(): Promise<void>;
}

/**
 * Asks all workers of a tenant's queue to stop an import, and whoever waits for it to wait no longer. It holds until the
 * next `pulumi up` hands over.
 *
 * @param name which import; may be left out where the queue has batches of one alone.
 * @returns `undefined` where no batch waits or is carried out.
 * @throws QueueError where the queue does not answer, or has not that import, or several.
 */
export async function stopAtWorkers(
  url: string,
  credentials: Credentials,
  name: string | undefined,
): Promise<Stopped | undefined> {
  const at = await connect(url, credentials, () => {});
  try {
    const jobs = await at.queue.getJobs(["waiting", "active"]);
    const all = new Map<string, ImportRef>(jobs.map(({ data }) => [data.import.id, data.import]));
    const names = [...new Set([...all.values()].map((each) => each.name))].sort();
    if (names.length === 0) {
      await at.close();
      return undefined;
    }
    const meant = name ?? names[0];
    if ((name === undefined && names.length > 1) || meant === undefined || !names.includes(meant)) {
      throw new QueueError(
        `The queue at ${at.place} has batches of ${names.join(", ")}. Say which to stop: --import ${names[0]}`,
      );
    }
    const ids = [...all.values()].filter((each) => each.name === meant).map(({ id }) => id);
    for (const id of ids) await at.stops.set(id);
    const ofIt = async (state: "waiting" | "active") =>
      (await at.queue.getJobs([state])).filter(({ data }) => ids.includes(data.import.id)).length;
    return { name: meant, waiting: await ofIt("waiting"), active: () => ofIt("active"), close: () => at.close() };
  } catch (error) {
    await at.close();
    throw error;
  }
}
