import type { JsonObject } from "./recordFormat";

/** Where a record lies. */
export interface RecordPlace {
  /** As the user named it, or relative to the program's folder. */
  readonly file: string;
  /** The 1-based line on which it starts; of the unpacked text for a gzip file. */
  readonly line: number;
  /** Where its text begins in the file, in bytes; of the unpacked text for a gzip file. */
  readonly offset: number;
  /** Of its text in the file. */
  readonly byteLength: number;
}

/** A user as the source has it: JSON, and nothing else is known of it. */
export interface SourceRecord extends RecordPlace {
  /** Its number in the source, from 0 across all files. What a transform left out has none. */
  readonly index: number;
  /** The record, or what the transform made of it; empty where there is a `problem`, so that nothing of it is sent. */
  readonly user: JsonObject;
  /** The record before any transform, whatever that did to it: what goes into a file that is to be imported again. */
  readonly raw: JsonObject;
  /** Why there is no user. */
  readonly problem?: RecordProblem;
}

/** What is wrong with one record, where the rest goes on. */
export interface RecordProblem {
  readonly code: "TRANSFORM_FAILED";
  /** Quotes nothing of the record. */
  readonly message: string;
}

/**
 * Is shown every record while the source is read for the first time, in order.
 * @param text the user as JSON, where it stands so in the file; overwritten after the call
 */
export type RecordVisitor = (record: SourceRecord, text: Buffer | undefined) => void;
