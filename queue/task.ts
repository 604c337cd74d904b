import { createHash } from "node:crypto";
import { ASKED } from "../provider/journal/stopFile";
import { batchName, type Inputs, importName, type Outputs } from "../provider/lifecycle/batch";
import type { BlobRef } from "./store";

// What crosses a queue. In the clear are the batch's name and digests; all else is sealed.

/** What a worker needs to know, besides the files and the credentials that it has itself. */
export interface Task {
  readonly inputs: Inputs;
  /** What is known from earlier runs. */
  readonly old?: Outputs;
  readonly verifies: boolean;
  /** Whether an earlier run may have sent something that nobody knows of. */
  readonly mayHaveSent: boolean;
  /** How many requests this batch may make. */
  readonly requestsPerSecond?: number;
}

/** How a batch ended at a worker. Absent outputs: it did not come to begin. */
export interface Ended {
  readonly outputs?: Outputs;
  readonly achieved: boolean;
  readonly isSettled: boolean;
  readonly problem?: string;
  /** What it had to say meanwhile. */
  readonly notes: readonly Note[];
}

export interface Note {
  readonly severity: "info" | "warning";
  readonly message: string;
  /** Whether all batches of the import would say it. */
  readonly once?: true;
}

/** The import that a batch is part of. */
export interface ImportRef {
  /** Of one key and one connection: `shop-dev-everyone-1a2b3c4d5e`. */
  readonly id: string;
  /** As people call it: `shop/dev/everyone`. */
  readonly name: string;
}

/** How a batch has ended that no worker had in hand when its import was stopped: one that has died may have sent some of it. */
export const STOPPED: Ended = {
  ...{ achieved: false, isSettled: true, notes: [] },
  problem: `${ASKED} No worker had the batch in hand. Run \`pulumi up\` again, which goes on from there.`,
};

/** A batch as BullMQ keeps it: the data of a job. There is one job for a batch at a time, under the batch's own id. */
export interface BatchJob {
  readonly import: ImportRef;
  /** Which update has handed it over, by a random id: what workers read back is shared among its batches. */
  readonly update: string;
  /** Digest of what the batch is to be: a job of other inputs is of an edit that came before or after. */
  readonly wanted: string;
  /** Digest of what the state knew when it was handed over: a job of another state was collected, or overtaken. */
  readonly base: string;
  readonly task: BlobRef;
  /** How it ended; absent until then. */
  readonly ended?: BlobRef;
}

/** What a worker returns to BullMQ, which puts it into its stream of events: no more than a digest. */
export interface Returned {
  readonly ended: string;
}

/** The id of a batch's job, which people read in a dashboard: `shop-dev-everyone-03-1a2b3c4d5e`. */
export function jobIdOf(inputs: Inputs): string {
  return idOf(inputs, batchName(inputs.resourceUrn));
}

export function importOf(inputs: Inputs): ImportRef {
  const name = importName(inputs.resourceUrn);
  return { id: idOf(inputs, name), name: [...placeOf(inputs), name].join("/") };
}

function idOf(inputs: Inputs, name: string): string {
  const { resourceUrn, connectionId, key } = inputs;
  const type = resourceUrn.slice(0, resourceUrn.lastIndexOf("::") + 2);
  const hash = digestOf([type + name, connectionId, digestOf(key)]).slice(0, 10);
  return `${[...placeOf(inputs), name].map((part) => part.replace(/[^A-Za-z0-9._-]/g, "_")).join("-")}-${hash}`;
}

/** Project and stack. */
function placeOf({ resourceUrn }: Inputs): [string, string] {
  const [start = "", project = ""] = resourceUrn.split("::");
  return [project, start.slice(start.lastIndexOf(":") + 1)];
}

/** How long a run may take is for who waits; all else is part of what is wanted. */
export function wantedOf({ deadline: _d, censusTimeout: _t, created: _c, source, ...inputs }: Inputs): string {
  return digestOf([inputs, source?.share ?? source?.digest]);
}

export function baseOf(old: Outputs | undefined): string {
  if (old === undefined) return "none";
  const { run, runNumber, journalEntries, complete, ledger } = old;
  return digestOf([run, runNumber, journalEntries, complete, ledger]);
}

/** How far a batch is, as its worker has told; see `Progress` of the worker. */
export function lineOf({ progress }: { readonly progress: unknown }): string {
  if (typeof progress !== "object" || progress === null || !("line" in progress)) return "a worker has begun";
  return String(progress.line);
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value, inOrder)).digest("hex");
}

/** The engine may hand over the same object in another order. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
