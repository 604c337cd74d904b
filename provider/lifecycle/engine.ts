import { connect } from "node:net";
import type { dynamic } from "@pulumi/pulumi";
import { engineLog } from "../progress/engineLog";
import type { StackConfig } from "../tenant/credentials";

export { hasUnknown, isUnknown, UNKNOWN } from "./unknown";

// What the engine says to a provider process, and how it wants to be answered.

let stackConfig: StackConfig = () => undefined;

/** The whole stack configuration, as the engine handed it over. */
export const config: StackConfig = (key) => stackConfig(key);

/** Kept at once: calls that need it can come in while a promise would still be pending. */
export function configure({ config }: dynamic.ConfigureRequest): void {
  stackConfig = (key) => config.get(key);
}

/** The engine's address is the first argument of a provider process. */
const address = process.argv[2];

export const log = engineLog(address);

/** Whether the engine is still there: a provider process outlives it when it is killed. */
export function engineIsAlive(): Promise<boolean> {
  const port = Number(address?.split(":").at(-1));
  if (!Number.isInteger(port)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}

/** A resource's inputs or outputs on the wire. */
export type Properties = Record<string, unknown>;

/**
 * The most that an error can carry to the engine, in bytes. It travels in the headers of an answer, of which Go takes
 * 16 MiB, in base64; 2 MB were measured with the real engine.
 */
const MOST_CARRIED = 10_000_000;

/**
 * An error after which the engine keeps the resource, with what it achieved. The one place that makes it, because it
 * must hold the complete outputs *and* the provider's code: without that, refresh and destroy could never run again.
 *
 * Outputs that are too large for it (some 280,000 users in one batch) stay out of the state; the journal still has all.
 *
 * @param reason is shown to the user and stored in the clear: no personal data.
 */
export function partialFailure(id: string, inputs: Properties, outputs: Properties, reason: string): Error {
  const error = new Error(reason);
  if (Buffer.byteLength(JSON.stringify(outputs)) > MOST_CARRIED) return error;
  return Object.assign(error, {
    id,
    properties: { ...outputs, __provider: inputs.__provider },
    reasons: [reason],
  });
}

/** Bad input, without a property's name: the engine would put noise before the sentence. */
export function failures(reasons: readonly string[]): dynamic.CheckFailure[] {
  return reasons.map((reason) => ({ property: "", reason }));
}

/** Without the properties that are `undefined`, as options want them. */
export function optional<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
