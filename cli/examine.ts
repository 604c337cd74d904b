import { jsonText } from "../provider/json/exactNumber";
import { type Double, type Doubles, resolveDoubles } from "../provider/plan/doubles";
import { IdentifierIndex } from "../provider/plan/duplicates";
import { IndexSet } from "../provider/plan/indexSet";
import { MEMBERSHIP_GROUPS, type MembershipGroup, statedIn, unknownIn } from "../provider/plan/memberships";
import { MAX_REQUEST_BYTES, TOO_LARGE } from "../provider/plan/pack";
import { Statements } from "../provider/plan/statements";
import { maskIdentity } from "../provider/results/maskIdentity";
import { deskProblems } from "../provider/schema/desk";
import { droppedAttributes, emptyAttributes, identityOf, normalizeUser, type User } from "../provider/schema/identity";
import { claimant } from "../provider/schema/origin";
import type { Severity } from "../provider/schema/rule";
import { problemsOf, type RecordProblem } from "../provider/schema/validate";
import { type OpenSourceOptions, openSource, type Remark, type Source, type SourceRecord } from "../provider/source";
import { type CodeCount, Verdicts } from "./verdicts";

/** One problem, without its place. */
type Problem = Omit<RecordProblem, "code"> & { readonly code: string };

/** One problem of a users file, fit for logs. */
export interface FoundProblem extends Problem {
  readonly file: string;
  /** Where the record begins, 1-based. */
  readonly line: number;
  /** Whose record it is, masked; empty where it has no identifier. */
  readonly identity: string;
}

/** How the files are read, as the arguments of a program say it. */
export type ReadingOptions = Pick<OpenSourceOptions, "transform" | "nullText" | "merge">;

/** The names of roles and organizations that the arguments of the program have; not checked where they are not given. */
export interface Names {
  readonly roles?: readonly string[] | undefined;
  readonly organizations?: readonly string[] | undefined;
}

/** How many records have roles or organizations, and where the first of them is. */
export interface Unchecked {
  readonly argument: MembershipGroup;
  readonly records: number;
  readonly file: string;
  readonly line: number;
}

/** What is wrong with the users of some files. To be closed. */
export interface Examination {
  readonly files: readonly string[];
  /** Records in the files. Each is counted in one of the next three at most. */
  readonly users: number;
  /** Those with an error. */
  readonly invalid: number;
  /** Those with warnings only. */
  readonly warned: number;
  /** Those of which a later file has the same user: they count as if they were not there. */
  readonly overridden: number;
  /** Those that a record of the same user in a later file has taken in: they count as a part of it. */
  readonly merged: number;
  readonly counts: readonly CodeCount[];
  /** What there is to say of the files as such. */
  readonly remarks: readonly Remark[];
  /** What is not sent of records, by attribute, and of how many. */
  readonly leftOut: {
    /** Since only Auth0 sets it. */
    readonly readOnly: Readonly<Record<string, number>>;
    /** Since it is an empty text. */
    readonly empty: Readonly<Record<string, number>>;
  };
  /** Records with roles or organizations whose names are not checked, since it was not told which the program knows. */
  readonly unchecked: readonly Unchecked[];
  /** All problems of one severity or of both, in the order of the files. They are found again, since there may be millions. */
  problems(severity?: Severity): AsyncIterable<FoundProblem>;
  close(): Promise<void>;
}

/**
 * Reads users files and checks them: each record by itself, and all together for users who stand there twice.
 *
 * @param patterns files or globs, relative to `cwd`
 * @param onRead is told with each record how many there have been, and how many bytes of text they took
 * @throws {SourceError} when a file can't be read, or holds no users
 */
export async function examine(
  patterns: readonly string[],
  cwd: string,
  onRead: (users: number, bytes: number) => void,
  reading: ReadingOptions = {},
  names: Names = {},
): Promise<Examination> {
  const check = (user: User, record: SourceRecord, text?: Buffer) => [
    ...ownProblems(user, record, text),
    ...nameProblems(user, names),
  ];
  const identifiers = new IdentifierIndex();
  const suspects = new IndexSet();
  const verdicts = new Verdicts();
  const statements = new Statements();
  const leftOut = { readOnly: {}, empty: {} };
  let bytes = 0;
  const onRecord = (record: SourceRecord, text: Buffer | undefined) => {
    const user = normalizeUser(record.user);
    for (const { earlier } of identifiers.add(record.index, claimant(record.user, user)))
      suspects.add(record.index).add(earlier);
    verdicts.add(record.index, check(user, record, text));
    statements.take(record.index, user);
    count(leftOut.readOnly, droppedAttributes(record.user));
    count(leftOut.empty, emptyAttributes(record.user));
    bytes += record.byteLength;
    onRead(record.index + 1, bytes);
  };
  const source = await openSource(patterns, cwd, { ...reading, notesKeysTwice: true, onRecord });
  try {
    const found = await resolveDoubles(source, suspects, reading.merge);
    const isMerged = (index: number) => found.merges.earlierThan(index).length > 0;
    const isOther = (index: number) => found.overridden.has(index) || isMerged(index);
    for await (const record of source.records((index) => isOther(index) && verdicts.worst(index) !== undefined)) {
      verdicts.withdraw(record.index, check(normalizeUser(record.user), record));
    }
    if (!found.merges.isEmpty) {
      for await (const record of found.source.records(isMerged)) {
        verdicts.add(record.index, check(normalizeUser(record.user), record));
      }
      // From the end: what earlier records say is still their own.
      for (let index = source.users - 1; index >= 0; index--) statements.merge(index, found.merges.earlierThan(index));
    }
    for (const [index, double] of found.doubles) verdicts.add(index, [doubleProblem(double)]);
    return new SourceExamination(verdicts, found, leftOut, uncheckedIn(statements, found, names), check);
  } catch (error) {
    await source.close();
    throw error;
  }
}

class SourceExamination implements Examination {
  constructor(
    private readonly verdicts: Verdicts,
    private readonly found: Doubles,
    readonly leftOut: Examination["leftOut"],
    readonly unchecked: readonly Unchecked[],
    private readonly check: (user: User, record: SourceRecord) => readonly Problem[],
  ) {}

  private get source(): Source {
    return this.found.source;
  }

  get files(): readonly string[] {
    return this.source.files;
  }

  get users(): number {
    return this.source.users;
  }

  get overridden(): number {
    return this.found.merges.isEmpty ? this.found.overridden.size : 0;
  }

  get merged(): number {
    return this.found.overridden.size - this.overridden;
  }

  get invalid(): number {
    return this.verdicts.users("error");
  }

  get warned(): number {
    return this.verdicts.users("warning");
  }

  get counts(): readonly CodeCount[] {
    return this.verdicts.counts;
  }

  get remarks(): readonly Remark[] {
    return this.found.remarks;
  }

  async *problems(severity?: Severity): AsyncGenerator<FoundProblem> {
    const mayHave = (index: number) => {
      const worst = this.verdicts.worst(index);
      return worst !== undefined && (severity !== "error" || worst === "error");
    };
    for await (const record of this.source.records(mayHave)) {
      const user = normalizeUser(record.user);
      const identity = maskedIdentity(user);
      const double = this.found.doubles.get(record.index);
      const problems = [...this.check(user, record), ...(double === undefined ? [] : [doubleProblem(double)])];
      for (const problem of problems) {
        if (severity !== undefined && problem.severity !== severity) continue;
        yield { ...problem, file: record.file, line: record.line, identity };
      }
    }
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

function uncheckedIn(statements: Statements, { source, overridden, doubles }: Doubles, names: Names): Unchecked[] {
  const found = statements.count(counting());
  return MEMBERSHIP_GROUPS.flatMap((argument) => {
    const use = found.get(argument);
    if (use === undefined || names[argument] !== undefined) return [];
    const { file, line } = source.place(use.first);
    return [{ argument, records: use.records, file, line }];
  });

  function* counting(): Generator<number> {
    for (let index = 0; index < source.users; index++) {
      if (!overridden.has(index) && !doubles.has(index)) yield index;
    }
  }
}

/** What is wrong with a record, taken by itself. @param text its own, where it is at hand */
function ownProblems(user: User, { user: record, problem }: SourceRecord, text?: Buffer): Problem[] {
  if (problem !== undefined) return [{ ...problem, path: "", severity: "error" }];
  const bytes = Buffer.byteLength(jsonText(user));
  const problems: Problem[] = [...problemsOf(user, record), ...deskProblems(user, bytes, record, text)];
  if (bytes + "[]".length > MAX_REQUEST_BYTES) problems.push(tooLarge);
  return problems;
}

/** Names that the import would not know: the user comes in, without them. */
function nameProblems(user: User, names: Names): Problem[] {
  const stated = statedIn(user);
  if (stated === undefined) return [];
  const asMap = (known: readonly string[] | undefined) =>
    known && Object.fromEntries(known.map((name) => [name, name]));
  const unknown = unknownIn(stated, { roles: asMap(names.roles), organizations: asMap(names.organizations) });
  return unknown === undefined ? [] : [{ ...unknown, severity: "error" }];
}

const tooLarge: Problem = { ...TOO_LARGE, path: "", severity: "error" };

function doubleProblem({ attribute, of }: Double): Problem {
  const message = `is that of the record at ${of.file}:${of.line}, which counts`;
  return { code: "DUPLICATED_USER", path: attribute, message, severity: "error" };
}

function count(counts: Record<string, number>, attributes: readonly string[]): void {
  for (const attribute of attributes) counts[attribute] = (counts[attribute] ?? 0) + 1;
}

function maskedIdentity(user: User): string {
  const identity = identityOf(user);
  return identity === undefined ? "" : maskIdentity(identity);
}
