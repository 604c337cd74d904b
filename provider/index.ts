export type { JobKind, OnExisting } from "./plan/delta";
export type { Share } from "./plan/share";
export { ImportKey } from "./resources/importKey";
export { type ImportArgs, UserBatch, type UserBatchArgs } from "./resources/userBatch";
export type { FailedAt, FailedRecord, Job, NotApplied, SourceInfo, Summary } from "./results/types";
export { UserImport, type UserImportArgs } from "./userImport";
