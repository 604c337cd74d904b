import { Ajv, type ErrorObject } from "ajv";
import isEmail from "validator/lib/isEmail";
import type { Assumptions } from "./assumptions";
import { type Connection, type IdentifierRules, identifierRules } from "./connections";
import { type CustomPasswordHash, checkCustomPasswordHash, checkPasswordHash } from "./passwordHash";
import { type ErrorCode, type RecordError, recordError } from "./recordErrors";
import { usersImportSchema } from "./users-import.schema";

/** A record of a users file that has passed the schema. */
export interface ImportRecord {
  /** Only where imports take users without. */
  email?: string;
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
export function validateRecord(
  record: unknown,
  connection: Connection,
  { importsWithoutEmail }: Partial<Assumptions> = {},
): RecordError[] {
  const fits = importsWithoutEmail && connection.options.attributes ? fitsWithoutEmail : fitsSchema;
  if (!fits(record)) {
    return [...(fits.errors ?? []).map((error) => fromSchema(error, record)), ...checkEmailLength(record)];
  }
  return [
    ...checkEmailLength(record),
    ...checkLengths(record),
    ...checkIdentifiers(record, identifierRules(connection.options)),
    ...checkHashes(record),
    ...checkMetadata(record),
  ];
}

// As the service checks addresses. It refuses many that the format of JSON Schema takes.
const ajv = new Ajv({ allErrors: true, verbose: true, formats: { email: (text: string) => isEmail(text) } });
const fitsSchema = ajv.compile<ImportRecord>(usersImportSchema);
const fitsWithoutEmail = ajv.compile<ImportRecord>({ ...usersImportSchema, required: [] });

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

/** An address that is too long has the wrong format as well. */
function checkEmailLength(record: unknown): RecordError[] {
  const email = (record as { email?: unknown } | null)?.email;
  if (typeof email !== "string" || email.length <= 64) return [];
  const localPart = email.lastIndexOf("@");
  return [
    ...(lengthOf(email) > 254 ? [tooLong("email", lengthOf(email), 254)] : []),
    ...(localPart > 64 ? [tooLong("email", localPart, 64)] : []),
  ];
}

const maxLengths = { name: 150, given_name: 150, family_name: 150, nickname: 300, user_id: 255 };

function checkLengths(record: ImportRecord): RecordError[] {
  const errors: RecordError[] = [];
  for (const attribute in maxLengths) {
    const value = record[attribute];
    const max = maxLengths[attribute as keyof typeof maxLengths];
    if (typeof value === "string" && value.length > max && lengthOf(value) > max) {
      errors.push(tooLong(attribute, lengthOf(value), max));
    }
  }
  return errors;
}

/** In characters, as JSON Schema counts: an emoji is one. */
function lengthOf(text: string): number {
  return [...text].length;
}

function tooLong(at: string, length: number, max: number): RecordError {
  return recordError("MAX_LENGTH", at, `String is too long (${length} chars), maximum ${max}`);
}

function checkIdentifiers(record: ImportRecord, rules: IdentifierRules): RecordError[] {
  if (!rules.active.some((identifier) => record[identifier] !== undefined)) {
    return [recordError("ANY_OF_MISSING", "", `Missing at least one of: ${rules.active.join(", ")}`)];
  }
  const errors: RecordError[] = rules.required
    .filter((identifier) => record[identifier] === undefined)
    .map((identifier) => recordError("OBJECT_REQUIRED", identifier, `Missing required property: ${identifier}`));
  if (record.user_id !== undefined && !/^\S+$/.test(record.user_id)) {
    errors.push(recordError("PATTERN", "user_id", `String does not match pattern ^\\S+$: ${record.user_id}`));
  }
  if (record.phone_number !== undefined && !/^\+[1-9]\d{1,14}$/.test(record.phone_number)) {
    errors.push(recordError("PATTERN", "phone_number", `String does not match pattern E.164: ${record.phone_number}`));
  }
  if (record.username !== undefined) errors.push(...checkUsername(record.username, rules));
  return errors;
}

function checkUsername(username: string, { usernameLength, usernameMayBe }: IdentifierRules): RecordError[] {
  const { min, max } = usernameLength;
  if (username.length < min) {
    return [recordError("MIN_LENGTH", "username", `String is too short (${username.length} chars), minimum ${min}`)];
  }
  const errors: RecordError[] = [];
  if (username.length > max) errors.push(tooLong("username", username.length, max));
  if (!/^[A-Za-z0-9_+\-.!#$'^`~@]+$/.test(username)) {
    errors.push(recordError("PATTERN", "username", `String does not match pattern: ${username}`));
  }
  if (!usernameMayBe.email && /^[^@]+@[^@]+\.[^@]+$/.test(username)) {
    errors.push(recordError("NOT_PASSED", "username", `The username must not be an email address: ${username}`));
  }
  if (!usernameMayBe.phone_number && /^\+[0-9]{1,15}$/.test(username)) {
    errors.push(recordError("NOT_PASSED", "username", `The username must not be a phone number: ${username}`));
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
