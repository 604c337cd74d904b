import { type Reading, type ReadSource, SourceReader } from "../plan/readSource";
import { type DigestSourceOptions, digestSource, isSource, projectFolder, type SourceDigest } from "../source";

// One process serves all resources of a run. What one of them finds out about a source, the others share.

/** Which files are meant, how they are read, and among how many batches their users are divided. */
export type SourceArgs = Omit<Reading, "key" | "validate">;

/** What is known of a source without its records. */
export interface KnownSource extends Pick<SourceDigest, "digest" | "bytes"> {
  /** In the order in which they count; absent where the source was not read through. */
  readonly files?: readonly { readonly name: string; readonly users: number }[];
  /** Digest of what each batch's share says; likewise. */
  readonly shares?: readonly string[];
}

/** What an ImportKey of this run has found out of a source. */
export interface NotedSource extends KnownSource {
  /** Where it has read the source through for that. */
  readonly read?: ReadSource;
}

const comparisons = new Map<string, Promise<boolean>>();
const digests = new Map<string, Promise<SourceDigest>>();
const readings: { readonly reading: Reading; readonly source: Promise<ReadSource> }[] = [];
const noted = new Map<string, NotedSource>();

/** Whether the files are what they were; known without a parse. */
export function isUnchanged(
  args: SourceArgs,
  { digest, bytes }: Pick<SourceDigest, "digest" | "bytes">,
): Promise<boolean> {
  const name = JSON.stringify([filesOf(args), digest]);
  const { patterns } = args;
  const cwd = process.cwd();
  const options = digestOptions(args, cwd);
  const known = comparisons.get(name) ?? isSource({ digest, bytes }, patterns, cwd, options);
  comparisons.set(name, known);
  return known;
}

/** The digest of the files, without a parse. */
export async function sharedDigest(args: SourceArgs): Promise<KnownSource> {
  const name = JSON.stringify(filesOf(args));
  const cwd = process.cwd();
  const known = digests.get(name) ?? digestSource(args.patterns, cwd, digestOptions(args, cwd));
  digests.set(name, known);
  const { digest, bytes } = await known;
  return { digest, bytes };
}

/** The source, read through once. A reading that has found out more than is wanted serves as well. */
export function sharedSource(wanted: Reading): Promise<ReadSource> {
  const serving = readings.filter(
    ({ reading }) => nameOf(reading) === nameOf(wanted) && (!wanted.validate || reading.validate),
  );
  const known = serving.find(({ reading }) => reading.key === wanted.key) ?? serving[0];
  if (known !== undefined) return known.source;
  const source = SourceReader.read(wanted);
  readings.push({ reading: wanted, source });
  return source;
}

/** Notes what an ImportKey has found out: it is checked before the batches are, so that they need not look themselves. */
export function noteSource(args: SourceArgs, source: NotedSource): void {
  const other = noted.get(nameOf(args));
  // Of another import of the same files, whose key knows more of them.
  if (other?.digest === source.digest && other.shares !== undefined && source.read === undefined) return;
  noted.set(nameOf(args), source);
}

/** What an ImportKey of this run has found out; `undefined` where none was asked, as with `--target`. */
export function notedSource(args: SourceArgs): NotedSource | undefined {
  return noted.get(nameOf(args));
}

function nameOf(args: SourceArgs): string {
  return JSON.stringify([filesOf(args), args.unsupportedPasswordHash, args.batches]);
}

/** All that a source's digest is of. */
function filesOf({ patterns, transform, nullText, merge }: SourceArgs): readonly unknown[] {
  return [patterns, transform, nullText, merge === true];
}

function digestOptions({ transform, nullText, merge }: SourceArgs, cwd: string): DigestSourceOptions {
  return { transform, nullText, merge, root: projectFolder(cwd) };
}
