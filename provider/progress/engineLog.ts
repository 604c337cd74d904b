import { createRequire } from "node:module";
import type * as Grpc from "@grpc/grpc-js";
import * as engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb";
import * as enginePb from "@pulumi/pulumi/proto/engine_pb";

/** Writes on the lines of `pulumi up`. */
export interface EngineLog {
  /** On the resource's own line, replaced by the next one and gone at the end. */
  live(urn: string, message: string): void;
  warn(urn: string, message: string): Promise<void>;
}

/**
 * The engine's log service, reached at the address that the engine hands to a provider process as its argument. The
 * dynamic provider's own `console.log` would end up under the stack instead of the resource.
 *
 * A message is never worth an import: what can't be delivered is dropped.
 */
export function engineLog(address: string | undefined): EngineLog {
  if (address === undefined || !/:\d+$/.test(address)) return SILENT;
  const client = new engineGrpc.EngineClient(address, pulumisGrpc().credentials.createInsecure());
  const send = (severity: enginePb.LogSeverity, urn: string, message: string, ephemeral: boolean): Promise<void> => {
    const request = new enginePb.LogRequest();
    request.setSeverity(severity);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    return new Promise((resolve) => client.log(request, () => resolve()));
  };
  return {
    live: (urn, message) => void send(enginePb.LogSeverity.INFO, urn, message, true),
    warn: (urn, message) => send(enginePb.LogSeverity.WARNING, urn, message, false),
  };
}

/** The very copy that Pulumi uses: gRPC refuses credentials that another copy of it made. */
function pulumisGrpc(): typeof Grpc {
  return createRequire(require.resolve("@pulumi/pulumi/package.json"))("@grpc/grpc-js") as typeof Grpc;
}

const SILENT: EngineLog = { live: () => {}, warn: async () => {} };
