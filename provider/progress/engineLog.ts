import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import type * as Grpc from "@grpc/grpc-js";
import * as engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb";
import * as enginePb from "@pulumi/pulumi/proto/engine_pb";

/** Writes on the lines of `pulumi up`. */
export interface EngineLog {
  /**
   * On the resource's own line, replaced by the next one and gone at the end. More often than a person can read, or in
   * a log without a terminal than every 30 s, it is dropped, unless it is the `last`.
   */
  live(urn: string, message: string, last?: boolean): Promise<void>;
  info(urn: string, message: string): Promise<void>;
  warn(urn: string, message: string): Promise<void>;
}

const TERMINAL_INTERVAL_MS = 200;
const LOG_INTERVAL_MS = 30_000;

/**
 * The engine's log service, reached at the address that the engine hands to a provider process as its argument. The
 * dynamic provider's own `console.log` would end up under the stack instead of the resource.
 *
 * A message is never worth an import: what can't be delivered is dropped.
 */
export function engineLog(address: string | undefined): EngineLog {
  if (address === undefined || !/:\d+$/.test(address)) return SILENT;
  // The engine is on this machine; gRPC would look for it through the proxy that `https_proxy` names.
  const options = { "grpc.enable_http_proxy": 0 };
  const client = new engineGrpc.EngineClient(address, pulumisGrpc().credentials.createInsecure(), options);
  const interval = hasTerminal() ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
  const shown = new Map<string, { readonly at: number; readonly message: string }>();
  // One after the other: two calls at a time may be handled in either order, and the earlier line would stay.
  let sent = Promise.resolve();
  const send = (severity: enginePb.LogSeverity, urn: string, message: string, ephemeral: boolean): Promise<void> => {
    const request = new enginePb.LogRequest();
    request.setSeverity(severity);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    sent = sent.then(() => new Promise((resolve) => client.log(request, () => resolve())));
    return sent;
  };
  return {
    live: async (urn, message, last = false) => {
      const before = shown.get(urn);
      if (before !== undefined && (before.message === message || (!last && Date.now() - before.at < interval))) return;
      shown.set(urn, { at: Date.now(), message });
      await send(enginePb.LogSeverity.INFO, urn, message, true);
    },
    info: (urn, message) => send(enginePb.LogSeverity.INFO, urn, message, false),
    warn: (urn, message) => send(enginePb.LogSeverity.WARNING, urn, message, false),
  };
}

/** Whether the run has a terminal. The provider's own streams are pipes in any case. */
function hasTerminal(): boolean {
  if (process.env.CI) return false;
  if (process.platform === "win32") return true;
  try {
    closeSync(openSync("/dev/tty", "w"));
    return true;
  } catch {
    return false;
  }
}

/** The very copy that Pulumi uses: gRPC refuses credentials that another copy of it made. */
function pulumisGrpc(): typeof Grpc {
  return createRequire(require.resolve("@pulumi/pulumi/package.json"))("@grpc/grpc-js") as typeof Grpc;
}

const SILENT: EngineLog = { live: async () => {}, info: async () => {}, warn: async () => {} };
