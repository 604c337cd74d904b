import type { RecordPlace, RecordVisitor, Source, SourceRecord } from "../source";
import type { Selection } from "../source/openSource";
import { type Merges, mergeRecords } from "./merge";

/** So many records wait for what earlier files say of their users; or those of so many bytes. */
const GROUP = { records: 2_000, bytes: 2 ** 20 };

/**
 * A source in which a record says what those of earlier files say of its user, too. Their parts are read with it, a
 * thousand at a time and in the order of their file: mostly that is the order of the later file.
 */
export class MergedSource implements Source {
  constructor(
    private readonly of: Source,
    private readonly merges: Merges,
  ) {}

  get digest(): string {
    return this.of.digest;
  }

  get bytes(): number {
    return this.of.bytes;
  }

  get users(): number {
    return this.of.users;
  }

  get files(): readonly string[] {
    return this.of.files;
  }

  get remarks(): Source["remarks"] {
    return this.of.remarks;
  }

  async *records(select?: Selection): AsyncGenerator<SourceRecord> {
    let group: SourceRecord[] = [];
    let bytes = 0;
    for await (const record of this.of.records(select)) {
      group.push(record);
      bytes += record.byteLength;
      if (group.length < GROUP.records && bytes < GROUP.bytes) continue;
      yield* this.#merged(group);
      group = [];
      bytes = 0;
    }
    yield* this.#merged(group);
  }

  /** The records one by one: they stand so in the files. */
  show(select: Selection, onRecord: RecordVisitor): Promise<void> {
    return this.of.show(select, onRecord);
  }

  recordsIn(file: number): number {
    return this.of.recordsIn(file);
  }

  async read(index: number): Promise<SourceRecord> {
    const earlier: SourceRecord[] = [];
    for (const each of this.merges.earlierThan(index)) earlier.push(await this.of.read(each));
    return together(earlier, await this.of.read(index));
  }

  place(index: number): RecordPlace {
    return this.of.place(index);
  }

  close(): Promise<void> {
    return this.of.close();
  }

  async *#merged(records: readonly SourceRecord[]): AsyncGenerator<SourceRecord> {
    const numbers = records.flatMap(({ index }) => this.merges.earlierThan(index)).sort((a, b) => a - b);
    const parts = new Map<number, SourceRecord>();
    if (numbers.length > 0) for await (const part of this.of.records(numbers)) parts.set(part.index, part);
    for (const record of records) {
      const earlier = this.merges.earlierThan(record.index).map((index) => parts.get(index) as SourceRecord);
      yield together(earlier, record);
    }
  }
}

/** The last record, with what those before it say. */
function together(earlier: readonly SourceRecord[], last: SourceRecord): SourceRecord {
  if (earlier.length === 0) return last;
  const all = [...earlier, last];
  const byteLength = all.reduce((sum, each) => sum + each.byteLength, 0);
  const failed = all.find(({ problem }) => problem !== undefined);
  if (failed?.problem !== undefined) return { ...last, byteLength, user: failed.user, problem: failed.problem };
  return { ...last, byteLength, user: mergeRecords(all.map(({ user }) => user)) };
}
