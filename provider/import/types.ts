import type { OnConflict } from "../census/conflicts";
import type { Journal } from "../journal/journal";
import type { Fingerprint } from "../ledger/fingerprint";
import type { EncodedLedger } from "../ledger/ledger";
import type { OnExisting } from "../plan/delta";
import type { Double } from "../plan/doubles";
import type { MembershipMaps, Stated } from "../plan/memberships";
import type { BatchProgress } from "../progress/batchProgress";
import type {
  Conflict,
  DifferenceCount,
  FailedAt,
  FailedRecord,
  Interruption,
  Job,
  MAX_LISTED_RECORDS,
  NotApplied,
  NotAppliedAt,
  PasswordResetRequired,
  Summary,
} from "../results/types";
import type { ConnectionRules } from "../schema/connectionRules";
import type { UnsupportedPasswordHash } from "../schema/prepare";
import type { RecordPlace, SourceRecord } from "../source";
import type { Tenant } from "../tenant/client";
import type { Organizations } from "../tenant/organizations";
import type { Roles } from "../tenant/roles";
import type { SharedMembers } from "./memberships/maxMembers";
import type { ReadBack } from "./readings";

// What a run is given, and what it hands back.

/** How the users of a batch are to be imported. */
export interface ImportSettings {
  readonly connectionId: string;
  readonly key: string;
  readonly externalId: string;
  readonly onExisting: OnExisting;
  readonly onConflict: OnConflict;
  readonly unsupportedPasswordHash: UnsupportedPasswordHash;
  readonly generateUserIds: boolean;
  readonly sendCompletionEmail: boolean;
  /** Send what failed before once more, though it did not change. */
  readonly resendFailed: boolean;
  /**
   * When the import's key was made, where an earlier run may have sent something: who has come since under an id of the
   * source may be ours, though journal and state know nothing of it.
   */
  readonly created?: Date;
  /** Auth0's ids of the roles and organizations that records name; without them nothing is given or taken. */
  readonly memberships?: MembershipMaps;
  /** How many may have a role, or belong to an organization, after the run: by its name. */
  readonly maxMembers?: Readonly<Record<string, number>>;
  /** When no job may be running any more. */
  readonly deadline?: Date;
}

/** What a batch knows after a run, and hands to the next one. */
export interface BatchResult {
  readonly summary: Summary;
  readonly jobs: readonly Job[];
  /** The first {@link MAX_LISTED_RECORDS}. */
  readonly failedRecords: readonly FailedRecord[];
  /** Where all failed records lie. */
  readonly failedAt: readonly FailedAt[];
  /** The first {@link MAX_LISTED_RECORDS}. */
  readonly notApplied: readonly NotApplied[];
  /** The first {@link MAX_LISTED_RECORDS}. Absent in states of 0.1. */
  readonly conflicts?: readonly Conflict[];
  /** In what users differ from the source, and how many. */
  readonly differences: readonly DifferenceCount[];
  /** The first {@link MAX_LISTED_RECORDS}, and how many there are. */
  readonly passwordResetRequired: readonly PasswordResetRequired[];
  readonly passwordResets: number;
  /** Where all of both lie. Absent in states of 0.1. */
  readonly notAppliedAt?: readonly NotAppliedAt[];
  readonly passwordResetsAt?: string;
  /** Runs of this import that ended before all was done. */
  readonly interruptions: readonly Interruption[];
  readonly ledger: EncodedLedger;
  /** When each of the batch's runs ended that last wrote some user: by its number. Absent in states of 0.1. */
  readonly runEnds?: Readonly<Record<string, string>>;
  /** All roles and memberships that were ever given: the ledger has positions in it. Absent where none was. */
  readonly grants?: readonly string[];
  /** What names of roles and organizations meant when all was applied the last time; absent where there were none. */
  readonly membershipMaps?: MembershipMaps;
  /** Of users whom an interrupted run gave something, and no later one has come to: fingerprints, and positions in `grants`. */
  readonly grantsInDoubt?: readonly (readonly [identity: Fingerprint, ...positions: number[]])[];
  /** Whether calls for memberships failed: the next run makes them again. */
  readonly membershipsFailed?: true;
  /** The name of the connection, as the jobs tell it. */
  readonly connection?: string;
  /** Whether every record of the source has been dealt with. */
  readonly complete: boolean;
}

/** The records of a batch. */
export interface BatchRecords {
  /** How many there are. */
  readonly count: number;
  /** Those that `needs` to be looked at, in the order of the source. */
  select(needs: (index: number) => boolean): AsyncIterable<SourceRecord>;
  place(index: number): RecordPlace;
  /** The fingerprint of who a record is about, and of its bytes. */
  identity(index: number): Fingerprint;
  record(index: number): Fingerprint;
  doubleAt(index: number): Double | undefined;
  /** Whether it says something of roles or organizations: known without reading it again. */
  statesMemberships(index: number): boolean;
}

/** The tenant, as far as a run needs it. Its runs share its slots and its pace. */
export type ImportTenant = Pick<
  Tenant,
  | "limits"
  | "pace"
  | "turn"
  | "slot"
  | "room"
  | "submit"
  | "job"
  | "jobErrors"
  | "scopes"
  | "user"
  | "usersByEmail"
  | "wholeUser"
  | "wholeUsersByEmail"
  | "usersByIdentity"
  | "changeUser"
>;

/** The same for roles and organizations. */
export interface MembershipTenant {
  readonly roles: Pick<Roles, keyof Roles>;
  readonly organizations: Pick<Organizations, keyof Organizations>;
}

/** Records of all batches that say something of roles or organizations. */
export interface Everybody {
  records(): AsyncIterable<SourceRecord>;
  /** What those that count say, without reading them; `undefined` of one of which it is not known. */
  said(): Iterable<Stated | undefined>;
}

/** What a run works with. */
export interface Workplace {
  readonly tenant: ImportTenant & Partial<MembershipTenant>;
  /** Reads the connection back; absent where a host does without. */
  readonly readBack?: ReadBack;
  /** What the batches of an import share about how many members roles and organizations have. */
  readonly members?: SharedMembers;
  /**
   * All records of the source that say something of roles or organizations, those of other batches, too; where no batch has
   * imported anybody before.
   */
  readonly everybody?: Everybody;
  readonly journal: Journal;
  readonly progress: BatchProgress;
  /** Aborted when no more is to be sent; its reason is an error that says why. */
  readonly stop: AbortSignal;
  warn(message: string): void;
  inform(message: string): void;
  /**
   * Asked before anything is sent.
   *
   * @returns what the connection wants of its users, where it is told.
   * @throws Error when the tenant won't take the import.
   */
  preflight(): Promise<ConnectionRules | undefined>;
}
