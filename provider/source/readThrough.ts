import { createHash } from "node:crypto";
import { FileReader, type FoundProblem, type ReadThroughOptions } from "./fileReader";
import { lineAndColumn } from "./lineAndColumn";
import type { RecordFormat } from "./recordFormat";
import type { Remark } from "./remark";
import { SourceError, type SourceProblem } from "./sourceError";
import type { SourceFile } from "./sourceFile";
import { RecordSplitter } from "./splitRecords";

/** What one file is, once it was read. */
export interface ReadFile {
  /** The SHA-256 of the file as it lies on disk. */
  readonly digest: Buffer;
  /** How its records are written. */
  readonly format: RecordFormat;
  readonly remarks: readonly Remark[];
}

/** Reads one file through and adds its records to the index. */
export async function readThrough(file: SourceFile, options: ReadThroughOptions): Promise<ReadFile> {
  const { chunkBytes, maxRecordBytes } = options.limits;
  const hash = createHash("sha256");
  const reader = new FileReader(file.name, options);
  const splitter = new RecordSplitter(reader, maxRecordBytes);
  for await (const chunk of file.textChunks(chunkBytes, hash)) {
    reader.see(chunk);
    splitter.push(chunk);
    await reader.transform();
    if (splitter.stopped) {
      break;
    }
  }
  splitter.end();
  reader.end();
  await reader.transform();
  reader.judge();
  options.index.endFile();
  if (reader.problemCount > 0) {
    throw new SourceError(
      await Promise.all(reader.problems.map((problem) => locate(file, problem))),
      reader.problemCount,
    );
  }
  const remarks = reader.remarks.map((remark): Remark => ({ file: file.name, ...remark }));
  return { digest: hash.digest(), format: reader.format, remarks };
}

async function locate(file: SourceFile, { message, from, offset }: FoundProblem): Promise<SourceProblem> {
  if (from === undefined || offset === undefined) {
    return { file: file.name, message };
  }
  return { file: file.name, ...(await lineAndColumn(file, from, offset)), message };
}
