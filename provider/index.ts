export type { JobKind, OnExisting } from "./plan/delta";
export type { Share } from "./plan/share";
export { ImportKey } from "./resources/importKey";
export { type ImportArgs, type TenantCredentials, UserBatch, type UserBatchArgs } from "./resources/userBatch";
export type {
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
} from "./results/types";
export type { UnsupportedPasswordHash } from "./schema/prepare";
export { UserImport, type UserImportArgs } from "./userImport";
export type { AttributeUsers, Verification } from "./verification/types";
