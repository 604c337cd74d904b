/** Auth0's codes, as far as an import of the emulator comes to them by itself. A fault may have any. */
export type ErrorCode =
  | "ANY_OF_MISSING"
  | "ARRAY_LENGTH_LONG"
  | "ARRAY_LENGTH_SHORT"
  | "CONFLICT_EMAIL"
  | "CONFLICT_USERNAME"
  | "CONNECTION_NOT_FOUND"
  | "DUPLICATED_USER"
  | "ENUM_MISMATCH"
  | "FORMAT"
  | "INVALID_TYPE"
  | "MAX_LENGTH"
  | "MIN_LENGTH"
  | "MINIMUM"
  | "NOT_PASSED"
  | "OBJECT_REQUIRED"
  | "PATTERN"
  | "PROFILE_SIZE_EXCEEDED";

/** One reason why a record failed, as `GET /api/v2/jobs/{id}/errors` lists it. */
export interface RecordError {
  code: ErrorCode;
  /** As on the service, it may quote the value that is wrong: personal data. */
  message: string;
  path?: string;
}

/** `at` is dotted, from the record's root: `custom_password_hash.hash.value`, `mfa_factors[0].totp`. */
export function recordError(code: ErrorCode, at: string, problem: string): RecordError {
  return at ? { code, message: `Error in ${at} property - ${problem}`, path: at } : { code, message: problem };
}
