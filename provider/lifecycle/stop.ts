import { subscribe } from "node:diagnostics_channel";
import { ASKED, untilAsked } from "../journal/stopFile";
import { engineIsAlive } from "./engine";

// A run is stopped by sending no more, awaiting what runs, and saving. Who may ask for that: the engine, by its call
// `Cancel` (the first Ctrl-C, SIGTERM); a person, by `npx pulumi-auth0-user-import stop`; and the end of the engine.

const controller = new AbortController();

/** Aborted when no more is to be sent; its reason is an error that says why. */
export const stop: AbortSignal = controller.signal;

export function requestStop(reason: string): void {
  controller.abort(new Error(reason));
}

const CANCEL = "/pulumirpc.ResourceProvider/Cancel";

/**
 * Sees the engine's call that asks to stop, which Pulumi's dynamic provider answers without telling anybody. Node 22
 * and newer tell of each HTTP/2 stream; Node 20 does not.
 */
export function watchForCancel(): void {
  subscribe("http2.server.stream.start", (message) => {
    const { headers } = message as { headers?: Record<string, unknown> };
    if (headers?.[":path"] === CANCEL) requestStop(ASKED);
  });
}

/** Batches that are at work in this process. */
let working = 0;

let engineLost = false;

/**
 * Does the work of a batch, and watches meanwhile whether it is asked to stop: by the stop file, or by the end of the
 * engine. Without an engine nobody waits for the result; what was achieved is in the journal, and the process ends.
 *
 * @param journalFile `undefined` where others keep the journal, and are asked themselves.
 * @param tick is called about once a second.
 */
export async function whileWatched<T>(
  journalFile: string | undefined,
  tick: () => void,
  work: () => Promise<T>,
): Promise<T> {
  const onTick = () => {
    tick();
    void engineIsAlive().then((alive) => {
      if (alive) return;
      engineLost = true;
      requestStop("Pulumi has ended.");
    });
  };
  working++;
  try {
    return await untilAsked(journalFile, onTick, requestStop, work);
  } finally {
    working--;
  }
}

/** Ends the process where Pulumi is gone: nobody would ever ask it for anything again. */
export function endWithoutEngine(): void {
  if (engineLost && working === 0) process.exit(1);
}
