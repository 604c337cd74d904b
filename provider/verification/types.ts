import type { ComparedAttribute } from "../census/equal";

/** How many users differ in one attribute. */
export interface AttributeUsers {
  readonly attribute: string;
  readonly users: number;
}

/**
 * What a verification has found, in users: `present + linked + missing + gone = expected`. The export's lines are those who
 * are `present`, the `others`, and accounts to which one of the `linked` belongs.
 */
export interface Verification {
  /** When the export job was started, from whose file this is: ISO 8601, UTC. */
  readonly checkedAt: string;
  /** Users whom this import has brought, or has found and taken over. */
  readonly expected: number;
  /** There, as users of this connection. */
  readonly present: number;
  /** There, as a secondary identity of another account: not compared. */
  readonly linked: number;
  /**
   * Not there, though a run has brought them that no verification had covered; or missing already at the last one.
   */
  readonly missing: number;
  /** Not there any more, and an earlier verification has seen them: somebody has deleted them since. */
  readonly gone: number;
  /** Of those present, who have something else than was written, and were not updated since. */
  readonly notAsWritten: number;
  /** Of those present, who were updated since they were written, and have something else. */
  readonly changedThere: number;
  /** Users of the connection whom no file has. */
  readonly others: number;
  /** In what those differ who are not as written or changed there, the most frequent first. */
  readonly attributes: readonly AttributeUsers[];
}

/** More that there is to tell of a verification, of the report and the evidence. */
export interface VerificationDetails {
  /** The name of the connection. */
  readonly connection: string;
  /** Auth0's id of the export job, how many lines its file has, and the file's SHA-256 in hex. */
  readonly job: string;
  readonly lines: number;
  readonly sha256: string;
  /** How long the reading took, in milliseconds. */
  readonly tookMs: number;
  /** Accounts of other connections, or of nobody's file, to which one of the linked users belongs. */
  readonly linkedTo: number;
  /**
   * Users of whom nothing can be told: without a `user_id` of ours or the file's, and with none of their other identifiers
   * there; or in no file any more, and not there as they were. Not among those expected.
   */
  readonly untold: number;
  /** Of those missing and gone, who were not looked up singly, since they are too many. */
  readonly notLookedUp: number;
  /** Users whom the export did not have, and who were there when they were looked up. */
  readonly foundSingly: number;
  /** Users who are in the export, and were not there any more when they were looked at. */
  readonly vanished: number;
  /** Attributes that no user of the export has, though a hundred or more should: not compared. */
  readonly notExported: readonly ComparedAttribute[];
  /** Attributes in which so many are not as written that it looks like a form of Auth0's own. */
  readonly normalised: readonly ComparedAttribute[];
  /** Present users who were read singly, chosen at random, and how many of them were there. */
  readonly sample: { readonly read: number; readonly there: number };
}

/** What an exception is. */
export type Word = "missing" | "gone" | "linked" | "notAsWritten" | "changedThere" | "untold";

/** A user who is not simply there as written; of the records of the files. */
export interface Exception {
  readonly what: Word;
  readonly file: string;
  /** Where the record begins, from 1. */
  readonly line: number;
  /** Whose record it is, masked. */
  readonly identity: string;
  /** In what they differ. */
  readonly attributes: readonly string[];
}

/** What is kept of a batch for its next verification. */
export interface VerifiedBatch {
  /** The number of the run after which it was verified: whom later ones bring is new to a verification. */
  readonly run: number;
  /** Who was missing: fingerprints under the import's key, packed by `packPrints`. */
  readonly missing: string;
}
