import { noteKeysTwice } from "../json/flaws";
import { combineDigests, type OtherReading } from "./digest";
import type { ReadLimits } from "./fileReader";
import { jsonFormat } from "./jsonFormat";
import { readThrough } from "./readThrough";
import type { JsonObject, RecordFormat } from "./recordFormat";
import { RecordIndex } from "./recordIndex";
import type { Remark } from "./remark";
import { resolveFiles } from "./resolveFiles";
import { SourceError, type SourceProblem } from "./sourceError";
import { READ_BYTES, SourceFile } from "./sourceFile";
import type { RecordPlace, RecordVisitor, SourceRecord } from "./sourceRecord";
import { Transform } from "./transform";

/** Users files that have been read through once, are sound, and are held open. Close it. */
export interface Source {
  /** As `digestSource` has it. */
  readonly digest: string;
  /** Of all files together, as they lie on disk. */
  readonly bytes: number;
  /** How many records there are. */
  readonly users: number;
  /** In the order in which they count. */
  readonly files: readonly string[];
  /** What there is to say of the files, though all of their records could be read. */
  readonly remarks: readonly Remark[];
  /**
   * The records, in order, read from the files again; may be iterated more than once, also at the same time.
   * @param select picks records by their number, or lists the numbers in ascending order; all by default
   * @throws {SourceError} when a file has changed since
   */
  records(select?: Selection): AsyncIterable<SourceRecord>;
  /**
   * Shows records once more, in order, as `onRecord` sees them when the source is opened.
   * @param select as for `records`
   * @throws {SourceError} when a file has changed since
   */
  show(select: Selection, onRecord: RecordVisitor): Promise<void>;
  /** How many records one of the `files` has, by its number from 0. */
  recordsIn(file: number): number;
  /**
   * One record by its number.
   * @throws {SourceError} when a file has changed since
   */
  read(index: number): Promise<SourceRecord>;
  /** Where a record lies, by its number. */
  place(index: number): RecordPlace;
  /** Closes the files; temporary ones are gone then. */
  close(): Promise<void>;
}

/** Which records of a source are wanted. */
export type Selection = ((index: number) => boolean) | Iterable<number>;

export interface OpenSourceOptions {
  /**
   * A module, relative to `cwd`, whose default export makes an Auth0 user of a record, or nothing, to leave it out; at
   * once or as a promise. It is called for each record whenever that is read, and has to answer the same each time.
   */
  readonly transform?: string | undefined;
  /** A folder above `cwd`, where files and transform are looked for that are not in `cwd`. */
  readonly root?: string | undefined;
  /** Cells of CSV that mean nothing, as an empty one does: `["NULL", "\\N"]`. */
  readonly nullText?: readonly string[] | undefined;
  /** Whether the reader puts together what several files say of a user: a part of the digest, and no more here. */
  readonly merge?: boolean | undefined;
  /** Whether records that are read again have it noted where a key stands twice; what a transform gets, always has. */
  readonly notesKeysTwice?: boolean | undefined;
  /** What it throws, `openSource` throws. */
  readonly onRecord?: RecordVisitor;
  /** For tests. */
  readonly limits?: Partial<ReadLimits>;
}

const LIMITS: ReadLimits = { chunkBytes: READ_BYTES, maxRecordBytes: 64 * 2 ** 20 };

/** Records that lie closer together than this are read in one go: passing over so much costs less than another call. */
const MAX_GAP_BYTES = 64 * 1024;

/**
 * Reads a source through once: unpacks, digests, splits and parses it, and keeps where each record lies (16 bytes a
 * record), not the records. So a million users need little memory, whatever they weigh.
 *
 * @param patterns files or globs, relative to `cwd`: JSON arrays, NDJSON or CSV, also gzipped, told apart by content
 * @throws {SourceError} that tells what is wrong with each of the files
 */
export async function openSource(
  patterns: readonly string[],
  cwd: string,
  { onRecord, limits, transform, root, notesKeysTwice = false, ...reading }: OpenSourceOptions = {},
): Promise<Source> {
  const names = await resolveFiles(patterns, cwd, root);
  const loaded = transform === undefined ? undefined : await Transform.load(transform, cwd, root);
  const source = new OpenedSource({ ...LIMITS, ...limits }, loaded, reading, notesKeysTwice);
  try {
    await source.readThrough(names, cwd, onRecord);
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

class OpenedSource implements Source {
  readonly #limits: ReadLimits;
  readonly #transform: Transform | undefined;
  readonly #reading: OtherReading;
  readonly #notesKeysTwice: boolean;
  readonly #files: SourceFile[] = [];
  /** Of each file. */
  readonly #formats: RecordFormat[] = [];
  readonly #index = new RecordIndex();
  digest = "";
  readonly remarks: Remark[] = [];

  constructor(limits: ReadLimits, transform: Transform | undefined, reading: OtherReading, notesKeysTwice: boolean) {
    this.#limits = limits;
    this.#transform = transform;
    this.#reading = reading;
    this.#notesKeysTwice = notesKeysTwice || transform !== undefined;
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.bytes, 0);
  }

  get users(): number {
    return this.#index.count;
  }

  get files(): string[] {
    return this.#files.map((file) => file.name);
  }

  async readThrough(names: readonly string[], cwd: string, onRecord: RecordVisitor | undefined): Promise<void> {
    const options = {
      index: this.#index,
      limits: this.#limits,
      transform: this.#transform,
      nullTexts: this.#reading.nullText ?? [],
      onRecord,
    };
    const fileDigests: Buffer[] = [];
    const problems: SourceProblem[] = [];
    let total = 0;
    for (const name of names) {
      try {
        const file = await SourceFile.open(name, cwd);
        this.#files.push(file);
        // Were it let pass, an export that broke off would look like users who were removed.
        if (file.bytes === 0) throw new SourceError([{ file: name, message: "there is nothing in this file" }]);
        const { digest, format, remarks } = await readThrough(file, options);
        this.remarks.push(...remarks);
        fileDigests.push(digest);
        this.#formats.push(format);
      } catch (error) {
        if (!(error instanceof SourceError)) {
          throw error;
        }
        problems.push(...error.problems);
        total += error.total;
      }
    }
    if (total > 0) {
      throw new SourceError(problems, total);
    }
    if (this.users === 0) {
      const message = `there are no users in this file${this.#transform ? ", or the transform leaves them out" : ""}`;
      throw new SourceError(names.map((file) => ({ file, message })));
    }
    this.digest = combineDigests(fileDigests, this.#transform?.digest, this.#reading);
  }

  async *records(select: Selection = () => true): AsyncGenerator<SourceRecord> {
    for await (const text of this.#texts(select)) yield* this.#recordsOf(text);
  }

  async show(select: Selection, onRecord: RecordVisitor): Promise<void> {
    for await (const text of this.#texts(select)) {
      if (text.format === jsonFormat && this.#transform === undefined) {
        // Without a generator's turn for each of them.
        for (const index of text.run) {
          const raw = this.#parse(text, index);
          onRecord({ index, ...this.place(index), raw, user: raw }, this.#bytesIn(text, index));
        }
      } else {
        for await (const record of this.#recordsOf(text)) onRecord(record, undefined);
      }
    }
  }

  recordsIn(file: number): number {
    return this.#index.countIn(file);
  }

  *#filtered(select: (index: number) => boolean): Generator<number> {
    for (let index = 0; index < this.users; index++) if (select(index)) yield index;
  }

  async read(index: number): Promise<SourceRecord> {
    const run = [index] as const;
    const text = await this.#read(run, Buffer.allocUnsafe(this.#bytesOf(run)));
    const { value } = await this.#recordsOf(text).next();
    return value as SourceRecord;
  }

  place(index: number): RecordPlace {
    return {
      file: (this.#files[this.#index.file(index)] as SourceFile).name,
      line: this.#index.line(index),
      offset: this.#index.offset(index),
      byteLength: this.#index.length(index),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  /** Records that are best read together. */
  *#runs(indices: Iterable<number>): Generator<Run> {
    let run: [number, ...number[]] | undefined;
    for (const index of indices) {
      if (run !== undefined && this.#continues(run, index)) {
        run.push(index);
        continue;
      }
      if (run !== undefined) yield run;
      run = [index];
    }
    if (run !== undefined) yield run;
  }

  #continues(run: Run, index: number): boolean {
    const [first] = run;
    const gap = this.#index.offset(index) - this.#end(run.at(-1) ?? first);
    const span = this.#end(index) - this.#index.offset(first);
    return (
      this.#index.file(index) === this.#index.file(first) && gap <= MAX_GAP_BYTES && span <= this.#limits.chunkBytes
    );
  }

  #end(index: number): number {
    return this.#index.offset(index) + this.#index.length(index);
  }

  /** From the first record's begin to the last one's end. */
  #bytesOf(run: Run): number {
    const [first] = run;
    return this.#end(run.at(-1) ?? first) - this.#index.offset(first);
  }

  /** The text of records, run by run; each is overwritten by the next. */
  async *#texts(select: Selection): AsyncGenerator<RunText> {
    // One for all runs: a new one for each would be the most memory that an import goes through.
    let buffer = Buffer.alloc(0);
    for (const run of this.#runs(typeof select === "function" ? this.#filtered(select) : select)) {
      const bytes = this.#bytesOf(run);
      if (bytes > buffer.length) buffer = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * buffer.length));
      yield this.#read(run, buffer.subarray(0, bytes));
    }
  }

  /** @param bytes is filled with the text of the run. */
  async #read(run: Run, bytes: Buffer): Promise<RunText> {
    const [first] = run;
    const number = this.#index.file(first);
    const file = this.#files[number] as SourceFile;
    const start = this.#index.offset(first);
    await file.readText(bytes, start);
    return { run, bytes, start, file, format: this.#formats[number] as RecordFormat };
  }

  async *#recordsOf(text: RunText): AsyncGenerator<SourceRecord> {
    for (const index of text.run) {
      const raw = this.#parse(text, index);
      if (this.#notesKeysTwice && text.format === jsonFormat) noteKeysTwice(raw, this.#bytesIn(text, index));
      const made =
        this.#transform === undefined ? { user: raw } : await this.#transform.applyAgain(this.#parse(text, index), raw);
      yield { index, ...this.place(index), raw, ...made };
    }
  }

  #parse({ bytes, start, file, format }: RunText, index: number): JsonObject {
    const from = this.#index.offset(index) - start;
    const record = format.parse(bytes, from, from + this.#index.length(index));
    if (typeof record !== "object") throw file.changed();
    return record;
  }

  #bytesIn({ bytes, start }: RunText, index: number): Buffer {
    const from = this.#index.offset(index) - start;
    return bytes.subarray(from, from + this.#index.length(index));
  }
}

/** Numbers of records of one file, in ascending order. */
type Run = readonly [number, ...number[]];

/** The text of a run, from the first record's begin to the last one's end. */
interface RunText {
  readonly run: Run;
  readonly bytes: Buffer;
  /** Where it begins in the file's text. */
  readonly start: number;
  readonly file: SourceFile;
  readonly format: RecordFormat;
}
