import { Ajv, type ErrorObject } from "ajv";
import addFormats from "ajv-formats";
import { type Connection, defaultUsernameLength } from "./connections";
import { type CustomPasswordHash, checkCustomPasswordHash, checkPasswordHash } from "./passwordHash";
import { type ErrorCode, type RecordError, recordError } from "./recordErrors";
import { usersImportSchema } from "./users-import.schema";

/** A record of a users file that has passed the schema. */
export interface ImportRecord {
  email: string;
  email_verified?: boolean;
  phone_number?: string;
  user_id?: string;
  username?: string;
  password_hash?: string;
  custom_password_hash?: CustomPasswordHash;
  app_metadata?: Record<string, unknown>;
  user_metadata?: Record<string, unknown>;
  [attribute: string]: unknown;
}

/** All that is wrong with a record taken by itself; nothing means that it can be imported. */
export function validateRecord(record: unknown, connection: Connection): RecordError[] {
  if (!fitsSchema(record)) return (fitsSchema.errors ?? []).map((error) => fromSchema(error, record));
  return [
    ...checkLengths(record),
    ...checkIdentifiers(record, connection),
    ...checkHashes(record),
    ...checkMetadata(record),
  ];
}

const ajv = addFormats(new Ajv({ allErrors: true, verbose: true }), { formats: ["email"] });
const fitsSchema = ajv.compile<ImportRecord>(usersImportSchema);

const codeOfKeyword: Record<string, ErrorCode> = {
  type: "INVALID_TYPE",
  format: "FORMAT",
  pattern: "PATTERN",
  enum: "ENUM_MISMATCH",
  minItems: "ARRAY_LENGTH_SHORT",
  maxItems: "ARRAY_LENGTH_LONG",
};

function fromSchema(error: ErrorObject, record: unknown): RecordError {
  const at = dotted(error.instancePath);
  switch (error.keyword) {
    case "required": {
      const property = String(error.params.missingProperty);
      if (at === "" && !hasIdentifier(record)) {
        return recordError("ANY_OF_MISSING", "", "Missing at least one of: email, phone_number, username");
      }
      return recordError(
        "OBJECT_REQUIRED",
        at ? `${at}.${property}` : property,
        `Missing required property: ${property}`,
      );
    }
    case "additionalProperties":
      return recordError("NOT_PASSED", at, `Additional properties not allowed: ${error.params.additionalProperty}`);
    case "type":
      return recordError(
        "INVALID_TYPE",
        at,
        `Expected type ${error.params.type} but found type ${jsonType(error.data)}`,
      );
    case "format":
      return recordError(
        "FORMAT",
        at,
        `Object didn't pass validation for format ${error.params.format}: ${String(error.data)}`,
      );
    case "enum":
      return recordError("ENUM_MISMATCH", at, `No enum match for: ${String(error.data)}`);
    default:
      return recordError(codeOfKeyword[error.keyword] ?? "NOT_PASSED", at, error.message ?? error.keyword);
  }
}

function hasIdentifier(record: unknown): boolean {
  return typeof record === "object" && record !== null && ("phone_number" in record || "username" in record);
}

function dotted(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((key) => (/^\d+$/.test(key) ? `[${key}]` : `.${key}`))
    .join("")
    .replace(/^\./, "");
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

const maxLengths = { name: 150, given_name: 150, family_name: 150, nickname: 300, email: 254, user_id: 255 };

function checkLengths(record: ImportRecord): RecordError[] {
  const errors: RecordError[] = [];
  for (const attribute in maxLengths) {
    const value = record[attribute];
    const max = maxLengths[attribute as keyof typeof maxLengths];
    if (typeof value === "string" && value.length > max && lengthOf(value) > max) {
      errors.push(tooLong(attribute, lengthOf(value), max));
    }
  }
  const localPart = record.email.lastIndexOf("@");
  if (localPart > 64) errors.push(tooLong("email", localPart, 64));
  return errors;
}

/** In characters, as JSON Schema counts: an emoji is one. */
function lengthOf(text: string): number {
  return [...text].length;
}

function tooLong(at: string, length: number, max: number): RecordError {
  return recordError("MAX_LENGTH", at, `String is too long (${length} chars), maximum ${max}`);
}

function checkIdentifiers(record: ImportRecord, connection: Connection): RecordError[] {
  const errors: RecordError[] = [];
  if (record.user_id !== undefined && !/^\S+$/.test(record.user_id)) {
    errors.push(recordError("PATTERN", "user_id", `String does not match pattern ^\\S+$: ${record.user_id}`));
  }
  if (record.phone_number !== undefined && !/^\+[1-9]\d{1,14}$/.test(record.phone_number)) {
    errors.push(recordError("PATTERN", "phone_number", `String does not match pattern E.164: ${record.phone_number}`));
  }
  if (record.username !== undefined) {
    errors.push(...checkUsername(record.username, connection));
  } else if (connection.options.requires_username) {
    errors.push(recordError("OBJECT_REQUIRED", "username", "Missing required property: username"));
  }
  return errors;
}

function checkUsername(username: string, connection: Connection): RecordError[] {
  const { min, max } = connection.options.validation?.username ?? defaultUsernameLength;
  if (username.length < min) {
    return [recordError("MIN_LENGTH", "username", `String is too short (${username.length} chars), minimum ${min}`)];
  }
  const errors: RecordError[] = [];
  if (username.length > max) errors.push(tooLong("username", username.length, max));
  if (!/^[A-Za-z0-9_+\-.!#$'^`~@]+$/.test(username)) {
    errors.push(recordError("PATTERN", "username", `String does not match pattern: ${username}`));
  }
  if (/^[^@]+@[^@]+\.[^@]+$/.test(username)) {
    errors.push(recordError("NOT_PASSED", "username", `The username must not be an email address: ${username}`));
  }
  return errors;
}

function checkHashes(record: ImportRecord): RecordError[] {
  const errors: RecordError[] = [];
  if (record.password_hash !== undefined && record.custom_password_hash) {
    errors.push(recordError("NOT_PASSED", "", "password_hash and custom_password_hash are mutually exclusive"));
  }
  if (record.password_hash !== undefined) errors.push(...checkPasswordHash(record.password_hash));
  if (record.custom_password_hash) errors.push(...checkCustomPasswordHash(record.custom_password_hash));
  return errors;
}

const reservedInAppMetadata = new Set([
  "__tenant",
  "_id",
  "blocked",
  "clientID",
  "created_at",
  "email_verified",
  "email",
  "globalClientID",
  "global_client_id",
  "identities",
  "lastIP",
  "lastLogin",
  "loginsCount",
  "metadata",
  "multifactor_last_modified",
  "multifactor",
  "updated_at",
  "user_id",
]);

function checkMetadata(record: ImportRecord): RecordError[] {
  const errors: RecordError[] = [];
  for (const key in record.app_metadata) {
    if (reservedInAppMetadata.has(key)) {
      errors.push(recordError("NOT_PASSED", "app_metadata", `Property is reserved: ${key}`));
    }
  }
  for (const attribute of ["app_metadata", "user_metadata"] as const) {
    const key = findBadKey(record[attribute]);
    if (key !== undefined) {
      errors.push(recordError("PATTERN", attribute, `Keys must not contain '.' or start with '$': ${key}`));
    }
  }
  return errors;
}

function findBadKey(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const isArray = Array.isArray(value);
  for (const [key, child] of Object.entries(value)) {
    if (!isArray && (key.includes(".") || key.startsWith("$"))) return key;
    const found = findBadKey(child);
    if (found !== undefined) return found;
  }
  return undefined;
}
