import type { JobKind } from "../plan/delta";

/**
 * How the last run that had something to do ended, in users. Each user of the source counts once: `total` is the sum of
 * `inserted`, `updated`, `unchanged`, `adopted`, `failed`, `invalid` and `notApplied`. `removed` counts those who are no
 * longer in the source, and who stay in the tenant.
 */
export interface Summary {
  /** Users in the source. */
  readonly total: number;
  readonly inserted: number;
  readonly updated: number;
  /** In the tenant already as the source has them: nothing was sent. */
  readonly unchanged: number;
  /** In the tenant before the first import, and taken as they are. */
  readonly adopted: number;
  /** Sent, and refused by Auth0. */
  readonly failed: number;
  /** Not sent, because Auth0 would refuse them: a record that is larger than a job may be. */
  readonly invalid: number;
  /** Changed in the source in a way that an upsert can't carry over: a record without `email`, which is its key. */
  readonly notApplied: number;
  /** Gone from the source since an earlier run. Nothing is deleted in the tenant. */
  readonly removed: number;
}

/** One import job of Auth0. */
export interface Job {
  /** Auth0's id, `job_…`. Auth0 keeps a job's data for 24 hours. */
  readonly id: string;
  readonly kind: JobKind;
  /** Records sent in it. */
  readonly users: number;
  /** Size of the users file sent, in bytes. */
  readonly bytes: number;
  /** Records that failed in it. */
  readonly failed: number;
  /** `"vanished"`: the tenant did not know it any more. What failed as a whole was sent again in other jobs. */
  readonly status: "completed" | "failed" | "expired" | "vanished";
  /**
   * When it got one of this run's slots and was first offered to the tenant: ISO 8601, UTC. From then to `started` it
   * waited, for instance for other jobs on the tenant to finish.
   */
  readonly submitted?: string;
  /** When it was accepted and when it was seen finished: ISO 8601, UTC. */
  readonly started: string;
  readonly finished: string;
  /** Why calls about it were made again: `"HTTP 502"`, `"no answer in time"`. */
  readonly retries: readonly string[];
}

/** A record that did not get into the tenant, or only in part. */
export interface FailedRecord {
  /** Which user: `email:jane@example.com`; absent where the record has no identifier. */
  readonly identity?: string;
  /** Auth0's code, for instance `DUPLICATED_USER`. */
  readonly code: string;
  /** Auth0's message. */
  readonly message: string;
  /** The attribute that the message is about, where Auth0 names one. */
  readonly path?: string;
  /** The file, relative to the program, and the line in it where the record begins. */
  readonly file: string;
  readonly line: number;
}

/** The users files, as they were when they were read. */
export interface SourceInfo {
  /** SHA-256 of the files' content, hexadecimal. */
  readonly digest: string;
  /** Records in all files. */
  readonly users: number;
  /** Size of all files, in bytes, as they lie on the disk. */
  readonly bytes: number;
}

export const EMPTY_SUMMARY: Summary = {
  total: 0,
  inserted: 0,
  updated: 0,
  unchanged: 0,
  adopted: 0,
  failed: 0,
  invalid: 0,
  notApplied: 0,
  removed: 0,
};

/** The sum over batches. */
export function mergeSummaries(summaries: readonly Summary[]): Summary {
  const sum = { ...EMPTY_SUMMARY };
  for (const summary of summaries) {
    for (const key of Object.keys(sum) as (keyof Summary)[]) sum[key] += summary[key];
  }
  return sum;
}

/** The most failed records that an output holds; all of them are in `failed-records.json`. */
export const MAX_LISTED_RECORDS = 1_000;
