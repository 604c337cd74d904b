/** A user as the source has it: JSON, and nothing else is known of it. */
export interface SourceRecord {
  /** Its number in the source, from 0 across all files. */
  readonly index: number;
  /** As the user named it, or relative to the program's folder. */
  readonly file: string;
  /** The 1-based line on which it starts; of the unpacked text for a gzip file. */
  readonly line: number;
  /** A key `__proto__` is an own property here: copy with spread, never with Object.assign. */
  readonly user: Record<string, unknown>;
  /** Of its JSON in the source. */
  readonly byteLength: number;
  /** Why there is no user, where the transform failed; `user` is the record as it stands then. */
  readonly problem?: { readonly code: string; readonly message: string };
}

/**
 * Is shown every record while the source is read for the first time, in order.
 * @param bytes the record as it stands in the file; overwritten after the call
 */
export type RecordVisitor = (record: SourceRecord, bytes: Buffer) => void;
