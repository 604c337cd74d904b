import type { Assumptions } from "./assumptions";
import { type Connection, type IdentifierRules, identifierRules } from "./connections";
import { newUser } from "./newUser";
import { isTooLarge } from "./profileSize";
import { type RecordError, recordError } from "./recordErrors";
import { type ImportRecord, validateRecord } from "./recordRules";
import type { Attributes, User, UserStore } from "./userStore";

/** What an upsert may set, besides `email_verified`, `custom_password_hash` and `mfa_factors` with their own rules. */
const upsertable = ["app_metadata", "user_metadata", "family_name", "given_name", "name", "nickname", "picture"];

/** The attributes that say which user a record means, in the order in which they are looked at. */
const identifiers = ["email", "user_id", "username", "phone_number"] as const;

export type RecordOutcome = "inserted" | "updated" | ListedError[];

/** A {@link RecordError}, or one whose code is not known: an assumption's, or a fault's, which may lack anything. */
export type ListedError = { code?: string; message?: string; path?: string };

/** Where records are imported to. */
export interface ImportTarget {
  readonly users: UserStore;
  readonly assumptions: Assumptions;
}

/** One record of a running job, put into the store. */
export function importRecord(
  record: unknown,
  job: { connection: Connection; upsert: boolean },
  target: ImportTarget,
  now: number,
): RecordOutcome {
  const { connection, upsert } = job;
  const errors = validateRecord(record, connection, target.assumptions);
  if (errors.length > 0) return errors;

  const valid = normalise(record as ImportRecord);
  const existing = upsert ? findToUpdate(valid, connection, target) : undefined;
  const outcome = existing
    ? updated(existing, valid, target, now)
    : isTaken(valid, connection, target)
      ? [duplicated(upsert)]
      : newUser(connection, valid, now);
  if (Array.isArray(outcome)) return outcome;
  if (isTooLarge(outcome, target.assumptions, now)) {
    return [recordError("PROFILE_SIZE_EXCEEDED", "", "The user profile exceeds the maximum size of 10 KB")];
  }
  target.users.put(outcome);
  return existing ? "updated" : "inserted";
}

/**
 * Which of a record's identifiers an earlier record of the same file has had; `provided` learns this record's.
 * The service takes such a record for an error in both modes, whatever became of the earlier one [assumed].
 */
export function repeatedIdentifier(
  record: unknown,
  provided: Set<string>,
  { uniqueEmails }: IdentifierRules,
): string | undefined {
  let repeated: string | undefined;
  for (const identifier of identifiers) {
    const value = textOf(record, identifier)?.toLowerCase();
    if (value === undefined || (identifier === "email" && !uniqueEmails)) continue;
    const key = `${identifier}:${value}`;
    if (provided.has(key)) repeated ??= identifier;
    else provided.add(key);
  }
  return repeated;
}

/** What the bookkeeping knows a record by: its first identifier, in lower case. */
export function identityOf(record: unknown): string | undefined {
  for (const identifier of identifiers) {
    const value = textOf(record, identifier);
    if (value !== undefined) return value.toLowerCase();
  }
  return undefined;
}

/** As it is in the record. */
export function emailOf(record: unknown): string | undefined {
  return textOf(record, "email");
}

function textOf(record: unknown, attribute: string): string | undefined {
  if (typeof record !== "object" || record === null) return undefined;
  const value = (record as Record<string, unknown>)[attribute];
  return typeof value === "string" ? value : undefined;
}

function normalise(record: ImportRecord): ImportRecord {
  return {
    ...record,
    ...(record.email !== undefined && { email: record.email.toLowerCase() }),
    ...(record.username !== undefined && { username: record.username.toLowerCase() }),
  };
}

/** Email is the key of an upsert, whatever else a record says; but for the tenant's flag. */
function findToUpdate(
  { email, user_id }: ImportRecord,
  connection: Connection,
  { users, assumptions }: ImportTarget,
): User | undefined {
  const byId = assumptions.matchByUserId && user_id !== undefined && users.getIn(connection.id, `auth0|${user_id}`);
  return byId || (email === undefined ? undefined : users.findByEmail(connection.id, email));
}

function isTaken(record: ImportRecord, connection: Connection, { users, assumptions }: ImportTarget): boolean {
  const { email, user_id, username, phone_number } = record;
  const { id } = connection;
  const isIdTaken = (userId: string) =>
    users.holdersOf(userId).some((holder) => holder.connectionId === id || !assumptions.sharedUserIds);
  return (
    (email !== undefined && hasUniqueEmails(connection) && users.findByEmail(id, email) !== undefined) ||
    (user_id !== undefined && isIdTaken(`auth0|${user_id}`)) ||
    (username !== undefined && users.findByUsername(id, username) !== undefined) ||
    (phone_number !== undefined && users.findByPhoneNumber(id, phone_number) !== undefined)
  );
}

function hasUniqueEmails({ options }: Connection): boolean {
  return identifierRules(options).uniqueEmails;
}

function duplicated(upsert: boolean): RecordError {
  const message = upsert ? "The user already exist" : "The user already exist and upsert parameter is false";
  return { code: "DUPLICATED_USER", message };
}

/** The user as the upsert leaves them, or why it is refused: then nothing of the record is applied. */
function updated(user: User, record: ImportRecord, target: ImportTarget, now: number): User | ListedError[] {
  const { users, assumptions } = target;
  if (users.isLinked(user)) return [duplicated(true)];
  const conflict = conflictOf(user, record, target);
  if (conflict) return [conflict];

  const attributes = JSON.parse(user.attributes) as Attributes;
  if (record.custom_password_hash) {
    if (!takesHash(attributes, assumptions)) {
      const message = "A custom_password_hash was provided, but the user already has password hash defined";
      return [{ code: assumptions.hashConflictCode, message }];
    }
    attributes.custom_password_hash = record.custom_password_hash;
    delete attributes.password_hash;
  }
  for (const attribute of assumptions.factorsUpserted ? [...upsertable, "mfa_factors"] : upsertable) {
    if (record[attribute] !== undefined) attributes[attribute] = record[attribute];
  }
  // The one attribute that an upsert changes by not stating it.
  attributes.email_verified = record.email_verified ?? false;
  return { ...user, updatedAt: now, attributes: JSON.stringify(attributes) };
}

/**
 * A hash is taken over an earlier custom one only, and only until the user has signed in with that. Who was imported
 * without any got a random one.
 */
function takesHash({ custom_password_hash, logins_count }: Attributes, { hashUpserts }: Assumptions): boolean {
  return logins_count === undefined && (custom_password_hash !== undefined || hashUpserts === "taken");
}

/** Of a user who was matched by id: the record's other keys may be somebody else's. */
function conflictOf(user: User, { email, username }: ImportRecord, target: ImportTarget): RecordError | undefined {
  const { users, assumptions } = target;
  if (!assumptions.matchByUserId) return undefined;
  const isOthers = (holder: User | undefined) => holder !== undefined && holder.id !== user.id;
  if (username !== undefined && isOthers(users.findByUsername(user.connectionId, username))) {
    return { code: "CONFLICT_USERNAME", message: "The username is already in use" };
  }
  if (email !== undefined && isOthers(users.findByEmail(user.connectionId, email))) {
    return { code: "CONFLICT_EMAIL", message: "The email is already in use" };
  }
  return undefined;
}
