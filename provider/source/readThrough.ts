import { createHash } from "node:crypto";
import { lineAndColumn } from "./lineAndColumn";
import { findFault, isObject, parseRecord } from "./parseRecord";
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

export interface ReadLimits {
  /** How much is read at once. */
  readonly chunkBytes: number;
  /** The longest record that is taken. Auth0 takes half a megabyte at most, so a longer one is a mistake. */
  readonly maxRecordBytes: number;
}

/** One of these has to be a string in at least one record of a file. */
const IDENTITIES = ["email", "user_id", "username", "phone_number"];

/**
 * Reads one file through and adds its records to the index.
 * @returns the SHA-256 of the file as it lies on disk
 */
export async function readThrough(
  file: SourceFile,
  index: RecordIndex,
  { chunkBytes, maxRecordBytes }: ReadLimits,
  onRecord: RecordVisitor | undefined,
): Promise<Buffer> {
  const hash = createHash("sha256");
  const reader = new FileReader(file.name, index, onRecord);
  const splitter = new RecordSplitter(reader, maxRecordBytes);
  for await (const chunk of file.textChunks(chunkBytes, hash)) {
    splitter.push(chunk);
    if (splitter.stopped) {
      break;
    }
  }
  splitter.end();
  reader.end();
  index.endFile();
  if (reader.problemCount > 0) {
    throw new SourceError(
      await Promise.all(reader.problems.map((problem) => locate(file, problem))),
      reader.problemCount,
    );
  }
  return hash.digest();
}

interface FoundProblem {
  readonly message: string;
  /** Where counting starts to find line and column of `offset`. */
  readonly from?: TextPosition;
  readonly offset?: number;
}

/** Parses one file's records, shows them around and writes down where they lie and what is wrong with them. */
class FileReader implements RecordSink {
  readonly #file: string;
  readonly #index: RecordIndex;
  readonly #onRecord: RecordVisitor | undefined;
  #records = 0;
  #anyIdentity = false;
  readonly problems: FoundProblem[] = [];
  problemCount = 0;

  constructor(file: string, index: RecordIndex, onRecord: RecordVisitor | undefined) {
    this.#file = file;
    this.#index = index;
    this.#onRecord = onRecord;
  }

  onRecord(bytes: Buffer, start: number, end: number, at: TextPosition): RecordVerdict {
    const isFirst = this.#records++ === 0;
    const user = parseRecord(bytes, start, end);
    if (user === undefined) {
      return this.#onMalformed(bytes.subarray(start, end), at, isFirst);
    }
    if (!isObject(user)) {
      this.onProblem(`record is ${kindOf(user)}, not a JSON object`, at);
      return "json";
    }
    const byteLength = end - start;
    // Each level takes a bracket at either end, so most records are too short to look at.
    if (byteLength >= 2 * MAX_DEPTH && isDeeper(user, MAX_DEPTH)) {
      this.onProblem(`record is nested more than ${MAX_DEPTH} levels deep`, at);
      return "json";
    }
    const index = this.#index.add(at.offset, byteLength, at.line);
    this.#anyIdentity ||= IDENTITIES.some((name) => typeof user[name] === "string");
    this.#onRecord?.({ index, file: this.#file, line: at.line, user, byteLength }, bytes.subarray(start, end));
    return "json";
  }

  onUnfinishedRecord(bytes: Buffer, start: number, end: number, at: TextPosition): boolean {
    const { message, offset, cutOff } = findFault(bytes.subarray(start, end), at.offset);
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
    if (this.#records > 0 && this.problemCount === 0 && !this.#anyIdentity) {
      this.#add({ message: "no record has email, user_id, username or phone_number: this is not a file of users" });
    }
  }

  #onMalformed(record: Buffer, at: TextPosition, isFirst: boolean): RecordVerdict {
    if (this.problems.length === MAX_PROBLEMS) {
      // Not worth a second parse.
      this.problemCount++;
      return "malformed";
    }
    const { message, offset, cutOff } = findFault(record, at.offset);
    if (isFirst && isOtherText(record, cutOff)) {
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

function kindOf(value: unknown): string {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

async function locate(file: SourceFile, { message, from, offset }: FoundProblem): Promise<SourceProblem> {
  if (from === undefined || offset === undefined) {
    return { file: file.name, message };
  }
  return { file: file.name, ...(await lineAndColumn(file, from, offset)), message };
}

/** What is nested deeper can't be turned into JSON again: the stack would overflow. */
const MAX_DEPTH = 500;

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
