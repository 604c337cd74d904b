import { noteKeysTwice } from "../json/flaws";
import { READ_ONLY } from "../schema/identity";
import { BACKSLASH } from "./bytes";
import { isAttribute } from "./csvColumns";
import { CsvFormat } from "./csvFormat";
import { readCsvHeader, readSeparator } from "./csvHeader";
import { CsvIntake } from "./csvIntake";
import type { Delimiter } from "./csvText";
import { isDeeper, MAX_DEPTH } from "./depth";
import type { Envelope } from "./envelope";
import { EscapeSurvey } from "./escapes";
import { jsonFormat } from "./jsonFormat";
import type { Fault, JsonObject, RecordFormat } from "./recordFormat";
import type { RecordIndex } from "./recordIndex";
import { type HeaderVerdict, NOT_A_USERS_FILE, type RecordSink, type RecordVerdict } from "./recordSink";
import type { FileRemark } from "./remark";
import { MAX_PROBLEMS } from "./sourceError";
import type { RecordVisitor } from "./sourceRecord";
import type { TextPosition } from "./textWindow";
import type { Transform, Transformed } from "./transform";

export interface ReadLimits {
  /** How much is read at once. */
  readonly chunkBytes: number;
  /** The longest record that is taken. Auth0 takes half a megabyte at most, so a longer one is a mistake. */
  readonly maxRecordBytes: number;
}

/** One of these has to be a string in at least one record of a file. */
const IDENTITIES = ["email", "user_id", "username", "phone_number"];

/** Under these names systems put the users into an answer or an export. */
const USUAL_KEYS =
  /^(users?|accounts?|members?|people|persons?|data|results?|items|records|resources|values?|content)$/i;

/** What is done with the records of all files. */
export interface ReadThroughOptions {
  readonly index: RecordIndex;
  readonly limits: ReadLimits;
  readonly transform: Transform | undefined;
  /** Cells of CSV that mean nothing. */
  readonly nullTexts: readonly string[];
  readonly onRecord: RecordVisitor | undefined;
}

export interface FoundProblem {
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
export class FileReader implements RecordSink {
  readonly #file: string;
  readonly #options: ReadThroughOptions;
  #pending: PendingRecord[] = [];
  /** Of records, whatever became of them. */
  #seen = 0;
  #users = 0;
  #leftOut = 0;
  #anyIdentity = false;
  readonly problems: FoundProblem[] = [];
  problemCount = 0;
  format: RecordFormat = jsonFormat;
  #separator: Delimiter | undefined;
  #rows: { readonly format: CsvFormat; readonly intake: CsvIntake } | undefined;
  readonly #escapes = new EscapeSurvey();
  /** Whether there is a backslash in this piece of the text, or in the one before. */
  #backslash = { before: false, now: false };
  readonly #remarks: FileRemark[] = [];

  constructor(file: string, options: ReadThroughOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** The next piece of the text. Most have no backslash, and so their records need not be searched for any. */
  see(chunk: Buffer): void {
    this.#backslash = { before: this.#backslash.now, now: !this.#escapes.isSettled && chunk.includes(BACKSLASH) };
  }

  onHeader(bytes: Buffer, start: number, end: number, at: TextPosition): HeaderVerdict {
    const line = bytes.subarray(start, end);
    const separator = this.#separator === undefined ? readSeparator(line.toString("utf8"), at.offset) : undefined;
    if (typeof separator === "object") return this.#refuse(separator, at);
    if (separator !== undefined) {
      this.#separator = separator;
      const message = "its first line names the delimiter, and is no row";
      this.#remarks.push({ code: "SEPARATOR_LINE", severity: "note", message });
      return "preamble";
    }
    const { transform, nullTexts } = this.#options;
    const header = readCsvHeader(line, at.offset, { anyNames: transform !== undefined, separator: this.#separator });
    if (header === undefined) {
      this.onProblem(NOT_A_USERS_FILE, at);
      return "refused";
    }
    if ("message" in header) return this.#refuse(header, at);
    const format = new CsvFormat(header, nullTexts);
    const intake = new CsvIntake(format, header, (cells, ...where) =>
      this.#accept(format.record(cells), ...where, () => format.record(cells)),
    );
    this.#rows = { format, intake };
    this.format = format;
    return "header";
  }

  onEnvelope({ key, names, spansLines }: Envelope): boolean {
    if (names.some((name) => IDENTITIES.includes(name)) || isAttribute(key) || READ_ONLY.has(key)) return false;
    // With a transform any object can be a record, and have lists of its own.
    if (this.#options.transform !== undefined && !spansLines && !USUAL_KEYS.test(key)) return false;
    const name = /^\w{1,40}$/.test(key) ? `"${key}"` : "one name";
    const message = `it is one JSON object: the users are read from the array under ${name} in it`;
    this.#remarks.push({ code: "ENVELOPE", severity: "note", message });
    return true;
  }

  onRecord(bytes: Buffer, start: number, end: number, at: TextPosition): RecordVerdict {
    const isFirst = this.#seen++ === 0;
    const byteLength = end - start;
    if (this.#rows !== undefined) {
      const cells = this.#rows.format.cells(bytes, start, end);
      if (cells === undefined) {
        this.#rows.intake.flush();
        return this.#onMalformed(bytes.subarray(start, end), at, isFirst);
      }
      this.#rows.intake.add(cells, at, byteLength);
      return "sound";
    }
    const record = jsonFormat.parse(bytes, start, end, this.#options.transform === undefined);
    if (record === undefined) {
      return this.#onMalformed(bytes.subarray(start, end), at, isFirst);
    }
    const text = bytes.subarray(start, end);
    if (this.#backslash.before || this.#backslash.now) this.#escapes.add(text);
    this.#accept(record, at, byteLength, () => jsonFormat.parse(bytes, start, end), text);
    return "sound";
  }

  /** @param again makes the same record once more */
  #accept(
    record: JsonObject | string,
    at: TextPosition,
    byteLength: number,
    again: () => JsonObject | string | undefined,
    text?: Buffer,
  ): void {
    if (typeof record === "string") {
      this.onProblem(record, at);
    } else if (byteLength >= 2 * MAX_DEPTH && isDeeper(record, MAX_DEPTH)) {
      // Each level takes a bracket at either end, so most records are too short to look at.
      this.onProblem(`record is nested more than ${MAX_DEPTH} levels deep`, at);
    } else if (this.#options.transform === undefined) {
      this.#take(at, byteLength, record, { user: record }, text);
    } else {
      if (text !== undefined) noteKeysTwice(record, text);
      this.#pending.push({ at, byteLength, raw: record, record: again() as JsonObject });
    }
  }

  /** Takes what was found since the last time. A transform may take its time, the splitter can't wait for it. */
  async transform(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    for (const { at, byteLength, raw, record } of pending) {
      const transformed = await this.#options.transform?.apply(record, raw);
      if (transformed === undefined) this.#leftOut++;
      else this.#take(at, byteLength, raw, transformed);
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
    this.#rows?.intake.flush();
    const { message, offset, cutOff } = this.format.findFault(bytes.subarray(start, end), at.offset);
    if (!cutOff) {
      this.#add({ message, from: at, offset });
    }
    return !cutOff;
  }

  onProblem(message: string, at?: TextPosition): void {
    this.#add(at === undefined ? { message } : { message, from: at, offset: at.offset });
  }

  /** There is no more of the file. */
  end(): void {
    this.#rows?.intake.flush();
  }

  /** All of its records were taken. */
  judge(): void {
    if (this.#users > 0 && this.problemCount === 0 && !this.#anyIdentity) {
      const verdict =
        this.#options.transform === undefined ? "this is not a file of users" : "the transform makes none";
      this.#add({ message: `no record has email, user_id, username or phone_number: ${verdict}` });
    }
  }

  get remarks(): readonly FileRemark[] {
    return [
      ...this.#remarks,
      ...(this.#rows?.intake.remarks() ?? []),
      ...this.#escapes.remarks(),
      ...this.#leftOutRemarks(),
    ];
  }

  #leftOutRemarks(): FileRemark[] {
    if (this.#leftOut === 0) return [];
    const records =
      this.#leftOut === 1
        ? "1 record, which is no user"
        : `${this.#leftOut.toLocaleString("en-US")} records, which are no users`;
    return [{ code: "LEFT_OUT", severity: "note", message: `the transform leaves out ${records} to it` }];
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

  #refuse({ message, offset }: Fault, from: TextPosition): "refused" {
    this.#add({ message, from, offset });
    return "refused";
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
