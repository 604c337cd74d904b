// Files -> records. Knows JSON, CSV, gzip and the file system, and the names of a user's attributes; nothing of Pulumi.
export { type DigestSourceOptions, digestSource, isSource, type SourceDigest } from "./digest";
export { type OpenSourceOptions, openSource, type Source } from "./openSource";
export { projectFolder, wayUp } from "./projectFolder";
export type { Remark } from "./remark";
export { SourceError, type SourceProblem } from "./sourceError";
export type { RecordPlace, RecordProblem, RecordVisitor, SourceRecord } from "./sourceRecord";
