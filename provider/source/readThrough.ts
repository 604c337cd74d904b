import { createHash } from "node:crypto";
import { readCsvHeader } from "./csvFormat";
import { isDeeper, MAX_DEPTH } from "./depth";
import { jsonFormat } from "./jsonFormat";
import { lineAndColumn } from "./lineAndColumn";
import type { JsonObject, RecordFormat } from "./recordFormat";
import type { RecordIndex } from "./recordIndex";
import { MAX_PROBLEMS, SourceError, type SourceProblem } from "./sourceError";
import type { SourceFile } from "./sourceFile";
import type { RecordVisitor } from "./sourceRecord";
import {
  NOT_A_USERS_FILE,
  type RecordSink,
  RecordSplitter,
  type RecordVerdict,
  type TextPosition,
} from "./splitRecords";
import type { Transform, Transformed } from "./transform";

export interface ReadLimits {
  /** How much is read at once. */
  readonly chunkBytes: number;
  /** The longest record that is taken. Auth0 takes half a megabyte at most, so a longer one is a mistake. */
  readonly maxRecordBytes: number;
}

/** One of these has to be a string in at least one record of a file. */
const IDENTITIES = ["email", "user_id", "username", "phone_number"];

/** What is done with the records of all files. */
export interface ReadThroughOptions {
  readonly index: RecordIndex;
  readonly limits: ReadLimits;
  readonly transform: Transform | undefined;
  readonly onRecord: RecordVisitor | undefined;
}

/**
 * Reads one file through and adds its records to the index.
 * @returns the SHA-256 of the file as it lies on disk, and how its records are written
 */
export async function readThrough(
  file: SourceFile,
  options: ReadThroughOptions,
): Promise<{ digest: Buffer; format: RecordFormat }> {
  const { chunkBytes, maxRecordBytes } = options.limits;
  const hash = createHash("sha256");
  const reader = new FileReader(file.name, options);
  const splitter = new RecordSplitter(reader, maxRecordBytes);
  for await (const chunk of file.textChunks(chunkBytes, hash)) {
    splitter.push(chunk);
    await reader.transform();
    if (splitter.stopped) {
      break;
    }
  }
  splitter.end();
  await reader.transform();
  reader.end();
  options.index.endFile();
  if (reader.problemCount > 0) {
    throw new SourceError(
      await Promise.all(reader.problems.map((problem) => locate(file, problem))),
      reader.problemCount,
    );
  }
  return { digest: hash.digest(), format: reader.format };
}

interface FoundProblem {
  readonly message: string;
  /** Where counting starts to find line and column of `offset`. */
  readonly from?: TextPosition;
  readonly offset?: number;
}

/** A record that the transform has not seen yet. */
interface PendingRecord {
  readonly at: TextPosition;
  readonly byteLength: number;
  readonly raw: JsonObject;
  /** The same once more, since the transform may change it. */
  readonly record: JsonObject;
}

/** Parses one file's records, shows them around and writes down where they lie and what is wrong with them. */
class FileReader implements RecordSink {
  readonly #file: string;
  readonly #options: ReadThroughOptions;
  #pending: PendingRecord[] = [];
  /** Of records, whatever became of them. */
  #seen = 0;
  #users = 0;
  #anyIdentity = false;
  readonly problems: FoundProblem[] = [];
  problemCount = 0;
  format = jsonFormat;

  constructor(file: string, options: ReadThroughOptions) {
    this.#file = file;
    this.#options = options;
  }

  onHeader(bytes: Buffer, start: number, end: number, at: TextPosition): boolean {
    const anyNames = this.#options.transform !== undefined;
    const header = readCsvHeader(bytes.subarray(start, end), at.offset, { anyNames });
    if (header === undefined) {
      this.onProblem(NOT_A_USERS_FILE, at);
      return false;
    }
    if ("message" in header) {
      this.#add({ message: header.message, from: at, offset: header.offset });
      return false;
    }
    this.format = header;
    return true;
  }

  onRecord(bytes: Buffer, start: number, end: number, at: TextPosition): RecordVerdict {
    const isFirst = this.#seen++ === 0;
    const record = this.format.parse(bytes, start, end);
    if (record === undefined) {
      return this.#onMalformed(bytes.subarray(start, end), at, isFirst);
    }
    const byteLength = end - start;
    if (typeof record === "string") {
      this.onProblem(record, at);
    } else if (byteLength >= 2 * MAX_DEPTH && isDeeper(record, MAX_DEPTH)) {
      // Each level takes a bracket at either end, so most records are too short to look at.
      this.onProblem(`record is nested more than ${MAX_DEPTH} levels deep`, at);
    } else if (this.#options.transform === undefined) {
      const text = this.format === jsonFormat ? bytes.subarray(start, end) : undefined;
      this.#take(at, byteLength, record, { user: record }, text);
    } else {
      this.#pending.push({ at, byteLength, raw: record, record: this.format.parse(bytes, start, end) as JsonObject });
    }
    return "sound";
  }

  /** Takes what was found since the last time. A transform may take its time, the splitter can't wait for it. */
  async transform(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    for (const { at, byteLength, raw, record } of pending) {
      const transformed = await this.#options.transform?.apply(record);
      if (transformed !== undefined) {
        this.#take(at, byteLength, raw, transformed);
      }
    }
  }

  #take(at: TextPosition, byteLength: number, raw: JsonObject, { user, problem }: Transformed, text?: Buffer): void {
    const { index: records, onRecord } = this.#options;
    const index = records.add(at.offset, byteLength, at.line);
    if (problem === undefined) {
      this.#users++;
      this.#anyIdentity ||= IDENTITIES.some((name) => typeof user[name] === "string");
    }
    const record = { index, file: this.#file, line: at.line, user, raw, offset: at.offset, byteLength };
    onRecord?.(problem === undefined ? record : { ...record, problem }, text);
  }

  onUnfinishedRecord(bytes: Buffer, start: number, end: number, at: TextPosition): boolean {
    const { message, offset, cutOff } = this.format.findFault(bytes.subarray(start, end), at.offset);
    if (!cutOff) {
      this.#add({ message, from: at, offset });
    }
    return !cutOff;
  }

  onProblem(message: string, at?: TextPosition): void {
    this.#add(at === undefined ? { message } : { message, from: at, offset: at.offset });
  }

  /** The file is read. */
  end(): void {
    if (this.#users > 0 && this.problemCount === 0 && !this.#anyIdentity) {
      const verdict =
        this.#options.transform === undefined ? "this is not a file of users" : "the transform makes none";
      this.#add({ message: `no record has email, user_id, username or phone_number: ${verdict}` });
    }
  }

  #onMalformed(record: Buffer, at: TextPosition, isFirst: boolean): RecordVerdict {
    if (this.problems.length === MAX_PROBLEMS) {
      // Not worth a second parse.
      this.problemCount++;
      return "malformed";
    }
    const { message, offset, cutOff } = this.format.findFault(record, at.offset);
    if (isFirst && this.format === jsonFormat && isOtherText(record, cutOff)) {
      this.#add({ message: NOT_A_USERS_FILE });
      return "not a record";
    }
    this.#add({ message, from: at, offset });
    return "malformed";
  }

  #add(problem: FoundProblem): void {
    this.problemCount++;
    if (this.problems.length < MAX_PROBLEMS) {
      this.problems.push(problem);
    }
  }
}

/**
 * Whether a malformed first record shows that the text is no list of records: it starts like no object, as in
 * `[section]`, or it is the first line of a JSON object that goes on over the next ones.
 */
function isOtherText(record: Buffer, cutOff: boolean): boolean {
  const first = String.fromCharCode(record[0] as number);
  const last = String.fromCharCode(record.at(-1) as number);
  return first !== "{" || (cutOff && "{[,:".includes(last));
}

async function locate(file: SourceFile, { message, from, offset }: FoundProblem): Promise<SourceProblem> {
  if (from === undefined || offset === undefined) {
    return { file: file.name, message };
  }
  return { file: file.name, ...(await lineAndColumn(file, from, offset)), message };
}
