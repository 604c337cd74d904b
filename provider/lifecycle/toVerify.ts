import type { EncodedLedger } from "../ledger/ledger";
import type { Inputs, Outputs } from "./batch";

/** A batch, as far as a verification has to know of it. */
export interface BatchToVerify {
  readonly inputs: Inputs;
  readonly ledger: EncodedLedger;
  readonly runNumber: number;
  readonly runEnds: Readonly<Record<string, string>>;
  /** The name of the connection. */
  readonly connection: string | undefined;
  /** The digests of its share that the tenant reflects, and of the source that its last run read. */
  readonly applied: string | undefined;
  readonly digest: string;
}

/** Batches, by their URNs, whose import is to be verified. The program tells, and it is in no state. */
const toVerify = new Set<string>();

/**
 * The batches themselves. Their ledgers reach the Finalizer through the process: as its inputs they would be in the state
 * twice.
 */
const batches = new Map<string, BatchToVerify>();

export function noteVerifies(urn: string, verifies: unknown): void {
  if (verifies === true) toVerify.add(urn);
  else toVerify.delete(urn);
}

export function isToVerify(urn: string): boolean {
  return toVerify.has(urn);
}

/** The batch is done, in this run or in an earlier one that left nothing to do. */
export function keepToVerify(inputs: Inputs, outputs: Outputs): void {
  const { resourceUrn } = inputs;
  if (!isToVerify(resourceUrn)) return;
  const { ledger, runNumber, runEnds = {}, connection, applied, source } = outputs;
  batches.set(resourceUrn, { inputs, ledger, runNumber, runEnds, connection, applied, digest: source.digest });
}

/** The batches of an import, in their order; `undefined` where not all of them are in this run, as with `--target`. */
export function batchesToVerify(resultsDir: string, count: number): readonly BatchToVerify[] | undefined {
  const known = [...batches.values()].filter(({ inputs }) => inputs.resultsDir === resultsDir);
  if (known.length !== count) return undefined;
  return known.sort((a, b) => a.inputs.share.index - b.inputs.share.index);
}
