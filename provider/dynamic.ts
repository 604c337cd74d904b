// The entry point of the shim that stands in every state: its name and the name of `handler` are frozen.
import type { dynamic } from "@pulumi/pulumi";
import { finalizer } from "./lifecycle/finalizer";
import { importKey } from "./lifecycle/importKey";
import { watchForCancel } from "./lifecycle/stop";
import { userBatch } from "./lifecycle/userBatch";
import type { Kind } from "./resources/shim";

const HANDLERS: Record<Kind, dynamic.ResourceProvider> = {
  ImportKey: importKey,
  UserBatch: userBatch,
  Finalizer: finalizer,
};

watchForCancel();

/** What the engine calls for a resource of this kind. */
export function handler(kind: Kind): dynamic.ResourceProvider {
  return HANDLERS[kind];
}
