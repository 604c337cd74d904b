import type { JobKind } from "../plan/delta";

/**
 * How the last run that had something to do ended, in users. Each user of the source counts once: `total` is the sum of
 * `inserted`, `updated`, `unchanged`, `adopted`, `conflicts`, `notApplied`, `outdated`, `failed` and `invalid`, and of
 * those who are still to be dealt with where a run was not finished. `removed` counts those who are no longer in the
 * source, and who stay in the tenant.
 */
export interface Summary {
  /** Users in the source. */
  readonly total: number;
  /** New in the tenant. */
  readonly inserted: number;
  /** In the tenant before, and brought up to the source. */
  readonly updated: number;
  /** In the tenant already as the source has them: nothing was sent. */
  readonly unchanged: number;
  /** In the tenant before the first import, and taken as they are. */
  readonly adopted: number;
  /**
   * Something that changed in the source was left as it is in the tenant: it was changed there, too, or the user is not
   * there any more. The list `conflicts` has them; what else changed of them was sent. Absent in a state of 0.1, until the
   * next run.
   */
  readonly conflicts: number;
  /**
   * In the tenant, by an earlier run or by this one, and without a change that failed, or a role or membership. Absent in
   * a state of 0.1, where `failed` counts them, too.
   */
  readonly outdated: number;
  /** Not brought to the tenant: refused by Auth0, or missing there when it was read back. */
  readonly failed: number;
  /** Not sent, because Auth0 would refuse them: docs/validation.md has the rules. Who was in the tenant before, still is. */
  readonly invalid: number;
  /**
   * In the tenant, and the source says something else of them that an upsert can't bring there, and nothing that it can.
   * Users of whom something else was sent count as `updated`; both are in the list `notApplied`.
   */
  readonly notApplied: number;
  /** Gone from the source since an earlier run. Nothing is deleted in the tenant. */
  readonly removed: number;
  /** Roles and memberships that were given and taken. Absent where there were none. */
  readonly memberships?: Memberships;
}

/** Roles, memberships of organizations, and roles in these, each counted for each user. */
export interface Memberships {
  readonly given: number;
  readonly taken: number;
}

/** What a summary counts users by. */
export type Counts = Omit<Summary, "memberships">;

/** One import job of Auth0. */
export interface Job {
  /** Auth0's id, `job_…`. Auth0 keeps a job's data for 24 hours. */
  readonly id: string;
  /** What it did with a user who exists: refused, or updated. */
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

/** A user of whom the file says something that the tenant does not have, because an upsert can't bring it there. */
export interface NotApplied {
  /** Which user: `user_id:42`. */
  readonly identity: string;
  /** The attributes in question: `["password_hash"]`. */
  readonly attributes: readonly string[];
  /** Why: a sentence. */
  readonly reason: string;
  /** The file, relative to the program, and the line in it where the record begins. */
  readonly file: string;
  readonly line: number;
}

/**
 * A user of whom the file says something that was not sent, because Auth0 has something else since: it was changed there,
 * too, or the user was deleted or linked to another account.
 */
export type Conflict = NotApplied;

/** How many users differ from the source in one attribute, for one reason. */
export interface DifferenceCount {
  readonly attribute: string;
  readonly reason: string;
  readonly users: number;
  /** Whether it is a conflict: an import could bring it, and did not, for what Auth0 has since. */
  readonly conflict?: true;
}

/** A user who was imported without a password, because Auth0 can't take the hash. */
export interface PasswordResetRequired {
  /** Which user: `email:jane@example.com`. */
  readonly identity: string;
  /** The file, relative to the program, and the line in it where the record begins. */
  readonly file: string;
  readonly line: number;
}

/** A run that ended before all was done. */
export interface Interruption {
  /** When it ended, or was last heard of: ISO 8601, UTC. */
  readonly at: string;
  readonly reason: string;
}

/** Where the records lie that failed with one code. */
export interface FailedAt {
  readonly code: string;
  /** The kind of job that they failed in; absent for records that were not sent. */
  readonly kind?: JobKind;
  /** Their places in the source, counted from 0, as ranges: `"3,17-19"`. */
  readonly at: string;
}

/** Where the records lie of whose users one attribute could not be applied, for one reason. */
export interface NotAppliedAt {
  readonly attribute: string;
  readonly reason: string;
  readonly conflict?: true;
  /** Their places in the source, counted from 0, as ranges: `"3,17-19"`. */
  readonly at: string;
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

export const EMPTY_SUMMARY: Counts = {
  total: 0,
  inserted: 0,
  updated: 0,
  unchanged: 0,
  adopted: 0,
  conflicts: 0,
  outdated: 0,
  failed: 0,
  invalid: 0,
  notApplied: 0,
  removed: 0,
};

/** How many users failed, whether they are in the tenant or not, or were not sent. */
export function failuresIn({ failed, outdated, invalid }: Summary): number {
  return failed + (outdated ?? 0) + invalid;
}

/** The sum over batches. What a state of 0.1 lacks is none. */
export function mergeSummaries(summaries: readonly Summary[]): Summary {
  const sum: { -readonly [K in keyof Counts]: number } = { ...EMPTY_SUMMARY };
  const memberships = { given: 0, taken: 0 };
  for (const summary of summaries) {
    for (const key of Object.keys(EMPTY_SUMMARY) as (keyof Counts)[]) sum[key] += summary[key] ?? 0;
    memberships.given += summary.memberships?.given ?? 0;
    memberships.taken += summary.memberships?.taken ?? 0;
  }
  return { ...sum, ...(memberships.given + memberships.taken > 0 && { memberships }) };
}

/** The most failed records that an output holds; all of them are in `failed-records.json`. */
export const MAX_LISTED_RECORDS = 1_000;
