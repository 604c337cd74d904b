import { CensusIndex } from "../provider/census/census";
import { COMPARED, type ComparedAttribute } from "../provider/census/equal";
import { type AttributeCount, UnlikeCounts } from "../provider/census/unlikeCounts";
import { type Double, type Doubles, resolveDoubles } from "../provider/plan/doubles";
import { maskIdentity } from "../provider/results/maskIdentity";
import { identityOf, normalizeUser } from "../provider/schema/identity";
import { openSource, type Source, type SourceRecord } from "../provider/source";
import { Column } from "../provider/source/column";
import type { ReadingOptions } from "./examine";
import { Matcher } from "./matchExport";

/** What there is to tell of one user: in the files, or for `other` in the export alone. */
export interface Exception {
  readonly what: "missing" | "different" | "invalid" | "other";
  readonly file: string;
  /** Where the record begins, 1-based. */
  readonly line: number;
  /** Whose record it is, masked; empty where it has no identifier. */
  readonly identity: string;
  /** In what a user is different. */
  readonly attributes: readonly string[];
  /** Why an import would leave a record out. */
  readonly message: string;
}

/** Users files beside an export of the tenant. To be closed. */
export interface Comparison {
  readonly files: readonly string[];
  readonly exportFiles: readonly string[];
  /** Records in the files. */
  readonly users: number;
  /** Of which a later file has the same user: as if they were not there. */
  readonly overridden: number;
  /** Which a record of the same user in a later file has taken in. */
  readonly merged: number;
  /** Which an import would leave out: no identifier, an identifier of another record, or a transform that failed. */
  readonly invalid: number;
  /** `present`, `linked` and `missing` are the rest: there; there, under another account's profile; not there. */
  readonly present: number;
  readonly linked: number;
  readonly missing: number;
  /** Of those present, who have another `user_id` than the record says: found by their email. */
  readonly otherIds: number;
  /** Of those present, who have something else than the record says. */
  readonly different: number;
  /** Users in the export. */
  readonly exported: number;
  /** Of those, whom no file has. */
  readonly others: number;
  /** By attribute: other, the same in another spelling, not comparable. */
  readonly attributes: readonly AttributeCount[];
  readonly spelling: readonly AttributeCount[];
  readonly notComparable: readonly AttributeCount[];
  /** Attributes that no user of the export has, though 100 or more should: whether they differ can't be told. */
  readonly notExported: readonly ComparedAttribute[];
  /** Attributes in which so many differ that it looks like a form of Auth0's own. */
  readonly normalised: readonly ComparedAttribute[];
  /** Exceptions of some kinds or of all, in the order of the files; the others at the end. They are read again for that. */
  exceptions(kinds?: readonly Exception["what"][]): AsyncIterable<Exception>;
  close(): Promise<void>;
}

/** What is read, how many users there have been, and how many bytes of text. */
export type OnRead = (what: "export" | "files", users: number, bytes: number) => void;

/**
 * Compares users files with an export, by the rules of the census: who is there, and what differs of what the files state.
 * A user is looked for by `user_id`, and where that is not found by email; without an id by the identifier that the record
 * is known by. Only users of database connections are found.
 *
 * @param patterns files or globs, relative to `cwd`, as is `exports`
 * @param reading how the users files are read
 * @throws {SourceError} when a file can't be read, or holds no users
 */
export async function compareExport(
  patterns: readonly string[],
  exports: readonly string[],
  cwd: string,
  onRead: OnRead,
  reading: ReadingOptions = {},
): Promise<Comparison> {
  const census: CensusIndex = new CensusIndex(async (line) => (await exported.read(line)).user);
  let bytes = 0;
  const exported = await openSource(exports, cwd, {
    onRecord: ({ user, byteLength }) => {
      census.add(user);
      bytes += byteLength;
      onRead("export", census.lines, bytes);
    },
  });
  try {
    const matcher = new Matcher(census, (users, read) => onRead("files", users, read));
    const source = await openSource(patterns, cwd, { ...reading, onRecord: (record) => matcher.take(record) });
    try {
      const found = await resolveDoubles(source, matcher.suspects, reading.merge);
      if (!found.merges.isEmpty) {
        const isMerged = (index: number) => found.merges.earlierThan(index).length > 0;
        for await (const record of found.source.records(isMerged)) matcher.takeAgain(record);
      }
      matcher.settle(source.users, found);
      const comparison = new FilesAndExport(found.source, exported, census, matcher, found);
      await comparison.compare();
      return comparison;
    } catch (error) {
      await source.close();
      throw error;
    }
  } catch (error) {
    await exported.close();
    throw error;
  }
}

const KINDS = ["missing", "different", "invalid", "other"] as const satisfies readonly Exception["what"][];

class FilesAndExport implements Comparison {
  readonly #unlike: UnlikeCounts;
  /** In which attributes each record differs: a bit for each of {@link COMPARED}. */
  readonly #different = new Column((length) => new Uint16Array(length));
  #notExported = 0;
  different = 0;

  constructor(
    private readonly source: Source,
    private readonly exportSource: Source,
    private readonly census: CensusIndex,
    private readonly matcher: Matcher,
    private readonly doubles: Doubles,
  ) {
    this.#unlike = new UnlikeCounts(census);
  }

  /** Compares those of whom hashes can't tell that all is as the record says. */
  async compare(): Promise<void> {
    const isUnlike = (index: number) => this.matcher.standing(index) === "unlike" && this.#counts(index);
    for await (const { index, user } of this.source.records(isUnlike)) {
      const unlike = await this.census.compare(this.matcher.line(index), normalizeUser(user));
      this.#unlike.add(unlike);
      const other = unlike.filter(({ likeness }) => likeness === "other").map(({ attribute }) => attribute);
      if (other.length > 0) this.#different.set(index, bitsOf(other));
    }
    this.#notExported = bitsOf(this.notExported);
    for (let index = 0; index < this.users; index++) if (this.#attributes(index) > 0) this.different++;
  }

  get files(): readonly string[] {
    return this.source.files;
  }

  get exportFiles(): readonly string[] {
    return this.exportSource.files;
  }

  get users(): number {
    return this.source.users;
  }

  get overridden(): number {
    return this.doubles.merges.isEmpty ? this.doubles.overridden.size : 0;
  }

  get merged(): number {
    return this.doubles.overridden.size - this.overridden;
  }

  get invalid(): number {
    return this.matcher.counts.invalid;
  }

  get present(): number {
    return this.matcher.counts.same + this.matcher.counts.unlike;
  }

  get linked(): number {
    return this.matcher.counts.linked;
  }

  get missing(): number {
    return this.matcher.counts.missing;
  }

  get otherIds(): number {
    return this.matcher.otherIds;
  }

  get exported(): number {
    return this.census.lines;
  }

  get others(): number {
    return this.census.lines - this.matcher.seen.size;
  }

  get attributes(): readonly AttributeCount[] {
    return this.#unlike.other;
  }

  get spelling(): readonly AttributeCount[] {
    return this.#unlike.spelling;
  }

  get notComparable(): readonly AttributeCount[] {
    return this.#unlike.unknown;
  }

  get notExported(): readonly ComparedAttribute[] {
    return this.#unlike.notExported;
  }

  get normalised(): readonly ComparedAttribute[] {
    return this.#unlike.normalised(this.present);
  }

  async *exceptions(kinds: readonly Exception["what"][] = KINDS): AsyncGenerator<Exception> {
    const isWanted = (index: number) => {
      const what = this.#counts(index) ? this.#whatOf(index) : undefined;
      return what !== undefined && kinds.includes(what);
    };
    // What nobody has asked for is not read again.
    const isInFiles = kinds.some((kind) => kind !== "other");
    for await (const record of isInFiles ? this.source.records(isWanted) : []) {
      const { index, problem } = record;
      const what = this.#whatOf(index) as Exception["what"];
      const double = this.doubles.doubles.get(index);
      const why = problem?.message ?? (double === undefined ? "names no user" : doubleMessage(double));
      const attributes = COMPARED.filter((_, i) => (this.#attributes(index) >> i) & 1);
      yield { ...placeOf(record), what, attributes, message: what === "invalid" ? why : "" };
    }
    if (!kinds.includes("other")) return;
    for await (const record of this.exportSource.records((line) => !this.matcher.seen.has(line))) {
      yield { ...placeOf(record), what: "other", attributes: [], message: "" };
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.source.close(), this.exportSource.close()]);
  }

  #whatOf(index: number): Exception["what"] | undefined {
    const standing = this.matcher.standing(index);
    if (standing === "missing" || standing === "invalid") return standing;
    return this.#attributes(index) > 0 ? "different" : undefined;
  }

  /** In which attributes a record differs, without those that the export lacks. */
  #attributes(index: number): number {
    return this.#different.at(index) & ~this.#notExported;
  }

  #counts(index: number): boolean {
    return !this.doubles.overridden.has(index);
  }
}

function bitsOf(attributes: readonly ComparedAttribute[]): number {
  return attributes.reduce((bits, attribute) => bits | (1 << COMPARED.indexOf(attribute)), 0);
}

function doubleMessage({ attribute, of }: Double): string {
  return `${attribute} is that of the record at ${of.file}:${of.line}, which counts`;
}

function placeOf({ file, line, user }: SourceRecord): Pick<Exception, "file" | "line" | "identity"> {
  const identity = identityOf(normalizeUser(user));
  return { file, line, identity: identity === undefined ? "" : maskIdentity(identity) };
}
