import { randomBytes } from "node:crypto";
import type { Connection } from "./connections";
import type { RecordError } from "./recordErrors";
import { type ImportRecord, validateRecord } from "./recordRules";
import type { Attributes, User, UserStore } from "./userStore";

/** What an upsert may set, besides `email_verified` and `custom_password_hash`, which have rules of their own. */
const upsertable = [
  "app_metadata",
  "user_metadata",
  "family_name",
  "given_name",
  "name",
  "nickname",
  "picture",
  "mfa_factors",
];

/** The attributes that say which user a record means, in the order in which they are looked at. */
const identifiers = ["email", "user_id", "username", "phone_number"] as const;

export type RecordOutcome = "inserted" | "updated" | RecordError[];

/** One record of a running job, put into the store. */
export function importRecord(
  record: unknown,
  job: { connection: Connection; upsert: boolean },
  users: UserStore,
  now: number,
): RecordOutcome {
  const errors = validateRecord(record, job.connection);
  if (errors.length > 0) return errors;

  const valid = normalise(record as ImportRecord);
  const existing = users.findByEmail(job.connection.id, valid.email);
  if (existing && job.upsert) {
    users.put(updated(existing, valid, now));
    return "updated";
  }
  if (existing || isTaken(valid, job.connection.id, users)) {
    const message = job.upsert ? "The user already exist" : "The user already exist and upsert parameter is false";
    return [{ code: "DUPLICATED_USER", message }];
  }
  users.put(inserted(valid, job.connection.id, now));
  return "inserted";
}

/**
 * Which of a record's identifiers an earlier record of the same file has had; `provided` learns this record's.
 * The service takes such a record for an error in both modes, whatever became of the earlier one [assumed].
 */
export function repeatedIdentifier(record: unknown, provided: Set<string>): string | undefined {
  let repeated: string | undefined;
  for (const identifier of identifiers) {
    const value = textOf(record, identifier)?.toLowerCase();
    if (value === undefined) continue;
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
    email: record.email.toLowerCase(),
    ...(record.username !== undefined && { username: record.username.toLowerCase() }),
  };
}

function isTaken(record: ImportRecord, connectionId: string, users: UserStore): boolean {
  const { user_id, username, phone_number } = record;
  return (
    (user_id !== undefined && users.get(`auth0|${user_id}`) !== undefined) ||
    (username !== undefined && users.findByUsername(connectionId, username) !== undefined) ||
    (phone_number !== undefined && users.findByPhoneNumber(connectionId, phone_number) !== undefined)
  );
}

function inserted(record: ImportRecord, connectionId: string, now: number): User {
  const { email, user_id, username, phone_number, ...rest } = record;
  const attributes: Attributes = { email_verified: false, ...rest };
  return {
    id: `auth0|${user_id ?? randomBytes(12).toString("hex")}`,
    connectionId,
    email,
    username,
    phoneNumber: phone_number,
    createdAt: now,
    updatedAt: now,
    attributes: JSON.stringify(attributes),
  };
}

function updated(user: User, record: ImportRecord, now: number): User {
  const attributes = JSON.parse(user.attributes) as Attributes;
  for (const attribute of upsertable) {
    if (record[attribute] !== undefined) attributes[attribute] = record[attribute];
  }
  // The one attribute that an upsert changes by not stating it.
  attributes.email_verified = record.email_verified ?? false;
  if (record.custom_password_hash && attributes.logins_count === undefined) {
    attributes.custom_password_hash = record.custom_password_hash;
    delete attributes.password_hash;
  }
  return { ...user, updatedAt: now, attributes: JSON.stringify(attributes) };
}
