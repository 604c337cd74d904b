// Files -> records. Knows JSON, gzip and the file system; nothing of Pulumi or Auth0.
export { digestSource, type SourceDigest } from "./digest";
export { type OpenSourceOptions, openSource, type Source } from "./openSource";
export { SourceError, type SourceProblem } from "./sourceError";
export type { RecordVisitor, SourceRecord } from "./sourceRecord";
