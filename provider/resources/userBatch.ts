import * as pulumi from "@pulumi/pulumi";
import type { OnConflict } from "../census/conflicts";
import type { OnExisting } from "../plan/delta";
import type { Share } from "../plan/share";
import { placeOfResults } from "../results/resultsFolder";
import type {
  Conflict,
  DifferenceCount,
  FailedAt,
  FailedRecord,
  Interruption,
  Job,
  NotApplied,
  PasswordResetRequired,
  SourceInfo,
  Summary,
} from "../results/types";
import type { UnsupportedPasswordHash } from "../schema/prepare";
import { warnOfPlainQueue, warnOfPlainSecrets } from "./plainSecrets";
import { inPreview, ShimResource } from "./shim";

/**
 * A tenant, and the right to import users into it: the settings of `@pulumi/auth0`, by their names there. `domain`; and
 * `clientId` with `clientSecret` or `clientAssertionPrivateKey`, or `apiToken`.
 */
export interface TenantCredentials {
  /** `example.eu.auth0.com`, or for an emulator on this machine `http://127.0.0.1:4010`. */
  domain: pulumi.Input<string>;
  clientId?: pulumi.Input<string>;
  clientSecret?: pulumi.Input<string>;
  apiToken?: pulumi.Input<string>;
  /** PEM of the private key of an application that signs in with Private Key JWT. */
  clientAssertionPrivateKey?: pulumi.Input<string>;
  /** @default "RS256" */
  clientAssertionSigningAlg?: pulumi.Input<string>;
  /** The identifier of the Management API. @default `https://DOMAIN/api/v2/` */
  audience?: pulumi.Input<string>;
}

/** What `UserImport` and `UserBatch` have in common. */
export interface ImportArgs {
  /** The id of a database connection, `con_…`. A change replaces the import: its users are sent to the new connection. */
  connectionId: pulumi.Input<string>;
  /**
   * Files or globs, relative to the program's folder, or where there are none, to that of `Pulumi.yaml`: JSON array,
   * NDJSON (an Auth0 export) or CSV, each also gzipped; told apart by content. A record in a later file overrides that
   * of the same user in an earlier one, or is merged with it. Required unless `sealed`.
   */
  users?: pulumi.Input<string | pulumi.Input<string>[]>;
  /**
   * A module whose default export maps a record of the source to an Auth0 user, or to nothing to leave it out: a file,
   * looked for as `users` are, in JavaScript or compiled TypeScript; or a module that a package exports, such as one of
   * this package's recipes, `"pulumi-auth0-user-import/recipes/django"`. Its content counts as part of the source.
   */
  transform?: pulumi.Input<string>;
  /**
   * What a cell of a CSV file says where it means nothing, such as `"NULL"` or `["\\N", "(null)"]`: such cells are taken
   * for empty ones, and the attribute is absent. Compared with the whole cell, in this case. A change counts as one of the
   * source. By default empty cells alone mean nothing; preview and `validate` warn of texts that look like one.
   */
  nullText?: pulumi.Input<string | pulumi.Input<string>[]>;
  /**
   * Records of one user in several files are merged: attribute by attribute the later file's counts, of `user_metadata`
   * and `app_metadata` key by key at the first level. What a later file leaves out, or has as `null` or an empty text,
   * stays as an earlier one says it. Without it the later record counts alone. They are one user's where they are told by
   * the same attribute: `user_id`, or where a record has none `email`, `username`, `phone_number`. A change counts as one
   * of the source.
   *
   * @default false
   */
  merge?: pulumi.Input<boolean>;
  /**
   * What happens to a user who is already in the connection when first imported: `"fail"` makes it a failed record
   * (DUPLICATED_USER), `"adopt"` takes the user as it is, and writes nothing until the record changes, `"overwrite"`
   * writes over what differs, as far as an upsert can. With the last two the users are read back first, by the scope
   * `read:users`, and who may be somebody else is a failed record, too.
   *
   * @default "fail"
   */
  onExisting?: pulumi.Input<OnExisting>;
  /**
   * What is done where file and Auth0 have both changed the same of a user who was imported: `"keep"` leaves it as it is
   * in Auth0, and lists it under `conflicts`; `"merge"` lays the file's keys over Auth0's in metadata, at the first
   * level, and keeps the rest; `"overwrite"` sends the file's. Where they have changed different keys or attributes, both
   * are kept, always. Users are read before they are written to, by the scope `read:users`; without it only
   * `"overwrite"` sends changes, unseen.
   *
   * @default "keep"
   */
  onConflict?: pulumi.Input<OnConflict>;
  /**
   * What happens to a password hash that Auth0 can't take: `"fail"` makes the record an invalid one, `"omit"` imports the
   * user without a password, and lists it under `passwordResetRequired`.
   *
   * @default "fail"
   */
  unsupportedPasswordHash?: pulumi.Input<UnsupportedPasswordHash>;
  /**
   * Gives a record without `user_id` one when it is first sent: 24 hexadecimal digits from the import's key and the
   * user's identity, the form that Auth0 makes itself. The same user gets the same id in every run, so that sending a
   * record again can't make a second account.
   *
   * @default true
   */
  generateUserIds?: pulumi.Input<boolean>;
  /**
   * Auth0's ids of roles by the names that records have for them, outputs of `auth0.Role` mostly. With it a record may have
   * `roles: ["admin"]`: they are given after the jobs, and ours that it no longer names are taken. Users who had a role
   * before keep it. A change looks again at every record with roles: `{ admin: adminRole.id }`.
   */
  roles?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /**
   * The same for organizations: a record may have `organizations: ["acme", { "name": "globex", "roles": ["admin"] }]`,
   * where the names of roles are those of `roles`.
   */
  organizations?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /**
   * How many members a role or an organization may have after the run, by its name. More, and the update refuses before
   * anything is sent: at the first import by all batches, later by those that have begun. By default roles have no limit,
   * and organizations that of Auth0, 100,000.
   */
  maxMembers?: pulumi.Input<Record<string, pulumi.Input<number>>>;
  /** A change sends the failed records again, though they did not change. Any values. */
  triggers?: pulumi.Input<pulumi.Input<unknown>[]>;
  /**
   * The migration is over: the source files may be gone, nothing is read or sent, outputs stay as they are.
   *
   * @default false
   */
  sealed?: pulumi.Input<boolean>;
  /**
   * Stops submitting in time for a pipeline's own limit, counted from the start of `pulumi up`: `"5h"`, `"90m"`,
   * `"1h30m"`. What runs by then is awaited and saved; the update fails with a message of how much is done, and the next
   * `pulumi up` goes on from there. No limit where it is not given.
   */
  deadline?: pulumi.Input<string>;
  /**
   * How long reading the connection's users back may take, as `deadline` has it: by one export job, where too many are
   * to be written to, or taken over, to be read one by one. After that they are, which takes longer still.
   *
   * @default "1h"
   */
  censusTimeout?: pulumi.Input<string>;
  /**
   * Prefix of Auth0's `external_id` of each job, which the Dashboard shows; the job's number follows: `PREFIX#12`. At
   * most 200 characters.
   *
   * @default "PROJECT/STACK/NAME"
   */
  externalId?: pulumi.Input<string>;
  /**
   * Whether Auth0 mails the tenant's administrators at the end of every job. Auth0's own default is true.
   *
   * @default false
   */
  sendCompletionEmail?: pulumi.Input<boolean>;
  /**
   * Whose stack configuration holds the tenant: `"auth0-eu"` reads `auth0-eu:domain` and so on; for programs with
   * several tenants.
   *
   * @default "auth0"
   */
  configNamespace?: pulumi.Input<string>;
  /**
   * The tenant, in the place of the stack configuration: for a client that the same program makes, or for secrets out of
   * a vault. Kept in no state; a change of it is no change of the import. What is not known yet at a preview, since the
   * client is still to be made, is not asked for there.
   */
  credentials?: pulumi.Input<TenantCredentials>;
  /**
   * The folder for the journal of what was sent and for the failed records, relative to the folder of `Pulumi.yaml`,
   * or where there is none at or above the program's, to the program's. The failed records hold personal data: keep it
   * out of version control. Where it is kept from run to run, an interrupted run is continued without asking the tenant
   * about every user.
   *
   * @default ".user-import/STACK/NAME"
   */
  resultsDir?: pulumi.Input<string>;
}

/** Arguments of {@link UserBatch}. */
export interface UserBatchArgs extends ImportArgs {
  /** The `key` of an {@link ImportKey}. */
  key: pulumi.Input<string>;
  /**
   * The `created` of that ImportKey. With it, a user who came in by a job whose answer was lost, the journal with it, is
   * recognised under an id of the source's own, too. A change of it is none of the batch.
   */
  created?: pulumi.Input<string | undefined>;
  /**
   * The part of the source that is this batch's: the users whose identity hashes to `index` of `count`. Fixed after the
   * first import.
   *
   * @default { index: 0, count: 1 }
   */
  share?: Share;
}

/** That a verification follows: what it needs is told before anything is sent. `check` takes it out, as it does `preview`. */
export interface Followed {
  readonly verifies?: pulumi.Input<boolean | undefined>;
}

/**
 * Users on their way into one connection: as many import jobs as it takes. For programs that want one file and one
 * batch; everybody else takes {@link UserImport}, which divides the users among several and gathers what failed.
 *
 * @example
 * ```ts
 * const { key, created } = new ImportKey("staff-key");
 * const staff = new UserBatch("staff", { key, created, connectionId: "con_0000000000000001", users: "staff.json" });
 * export const summary = staff.summary;
 * ```
 */
export class UserBatch extends ShimResource {
  /** How the last run that had something to do ended. */
  declare readonly summary: pulumi.Output<Summary>;
  /** The import jobs of the last run that had something to do. */
  declare readonly jobs: pulumi.Output<Job[]>;
  /** The first 1,000 records that failed, in the order of the source; a secret. Never a password hash. */
  declare readonly failedRecords: pulumi.Output<FailedRecord[]>;
  /** Where all failed records lie in the source, by code. */
  declare readonly failedAt: pulumi.Output<FailedAt[]>;
  /**
   * The first 1,000 users of whom the file says something that the tenant does not have, because an import job can't
   * bring it there; in the order of the source; a secret. Listed for as long as they differ.
   */
  declare readonly notApplied: pulumi.Output<NotApplied[]>;
  /**
   * The first 1,000 users of whom something that changed in the file was not sent, because it was changed in Auth0, too,
   * or the user is not there any more; in the order of the source; a secret. Listed for as long as that is so.
   */
  declare readonly conflicts: pulumi.Output<Conflict[]>;
  /** In which attributes users differ from the file, why, and how many. */
  declare readonly differences: pulumi.Output<DifferenceCount[]>;
  /**
   * The first 1,000 users who were imported without a password, in the order of the source; a secret. Only with
   * `unsupportedPasswordHash: "omit"`.
   */
  declare readonly passwordResetRequired: pulumi.Output<PasswordResetRequired[]>;
  /** How many there are of them. */
  declare readonly passwordResets: pulumi.Output<number>;
  /** Runs of the last import that ended before all was done. */
  declare readonly interruptions: pulumi.Output<Interruption[]>;
  /** The users files, as they were when they were read. */
  declare readonly source: pulumi.Output<SourceInfo>;
  /** The digest of the source that the tenant reflects; absent until a first run has dealt with every record. */
  declare readonly applied: pulumi.Output<string | undefined>;
  /** Whether every record of the source has been dealt with: imported, or known to have failed. */
  declare readonly complete: pulumi.Output<boolean>;
  /** What is known of each user, in keyed fingerprints: base64, in pieces. For the provider alone; its form may change. */
  declare readonly ledger: pulumi.Output<string[]>;

  /** @param followed what the import says of what comes after its batches; see {@link Followed}. */
  constructor(name: string, args: UserBatchArgs, opts?: pulumi.CustomResourceOptions, followed: Followed = {}) {
    super(
      "UserBatch",
      name,
      {
        connectionId: args.connectionId,
        users: asList(args.users),
        key: pulumi.secret(args.key),
        created: args.created,
        share: args.share ?? { index: 0, count: 1 },
        transform: args.transform,
        nullText: asList(args.nullText),
        merge: args.merge,
        unsupportedPasswordHash: args.unsupportedPasswordHash ?? "fail",
        onExisting: args.onExisting ?? "fail",
        onConflict: args.onConflict,
        generateUserIds: args.generateUserIds ?? true,
        roles: args.roles,
        organizations: args.organizations,
        maxMembers: args.maxMembers,
        triggers: args.triggers ?? [],
        sealed: args.sealed ?? false,
        externalId: args.externalId ?? `${pulumi.getProject()}/${pulumi.getStack()}/${name}`,
        sendCompletionEmail: args.sendCompletionEmail ?? false,
        configNamespace: args.configNamespace ?? "auth0",
        credentials: secretly(args.credentials),
        deadline: args.deadline,
        censusTimeout: args.censusTimeout,
        resultsDir: resultsPlace(args.resultsDir ?? defaultResultsDir(name)),
        preview: inPreview(),
        ...followed,
      },
      [
        "summary",
        "jobs",
        "failedRecords",
        "failedAt",
        "notApplied",
        "conflicts",
        "differences",
        "passwordResetRequired",
        "passwordResets",
        "interruptions",
        "source",
        "applied",
        "complete",
        "ledger",
        "connection",
        "run",
        "runNumber",
        "journalFile",
      ],
      ["failedRecords", "notApplied", "conflicts", "passwordResetRequired"],
      opts,
    );
    // Asked for only where there are any: in a preview, a state of 0.1 knows of no answer. Mocks may say nothing at all.
    const { conflicts } = this;
    this.conflicts = pulumi.secret(
      this.differences.apply((all: DifferenceCount[] | undefined) =>
        all?.some(({ conflict }) => conflict) ? conflicts : pulumi.output<Conflict[]>([]),
      ),
    );
    if (args.credentials === undefined) warnOfPlainSecrets(args.configNamespace ?? "auth0", this);
    warnOfPlainQueue(this);
  }
}

/** One text or several, as several. */
export function asList(
  given: pulumi.Input<string | pulumi.Input<string>[]> | undefined,
): pulumi.Output<string[] | undefined> {
  return pulumi.output(given).apply((texts) => (typeof texts === "string" ? [texts] : texts));
}

/** Each by itself where they are told apart: while the secret of a client is not known yet, its tenant may be. */
function secretly(credentials: pulumi.Input<TenantCredentials> | undefined): pulumi.Input<unknown> {
  if (credentials === undefined) return undefined;
  if (typeof credentials !== "object" || pulumi.Output.isInstance(credentials) || credentials instanceof Promise) {
    return pulumi.secret(credentials);
  }
  return Object.fromEntries(Object.entries(credentials).map(([name, value]) => [name, pulumi.secret(value)]));
}

/** `resultsDir` as the provider wants it: relative to the program. What is no text is for `check` to refuse. */
export function resultsPlace(resultsDir: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi.output(resultsDir).apply((given) => (typeof given === "string" ? placeOfResults(given) : given));
}

/** `.user-import/STACK/NAME`. */
export function defaultResultsDir(name: string): string {
  const [stack, folder] = [pulumi.getStack(), name].map((part) => part.replace(/[^A-Za-z0-9._-]/g, "_"));
  return `.user-import/${stack}/${folder}`;
}
