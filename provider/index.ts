export type { JobKind, OnExisting } from "./plan/delta";
export type { Share } from "./plan/share";
export { ImportKey } from "./resources/importKey";
export { type ImportArgs, UserBatch, type UserBatchArgs } from "./resources/userBatch";
export type { FailedRecord, Job, SourceInfo, Summary } from "./results/types";
export { UserImport, type UserImportArgs } from "./userImport";
