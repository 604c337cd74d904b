import { type Reading, type ReadSource, SourceReader } from "../plan/readSource";
import { isSource, projectFolder, type Source, type SourceDigest } from "../source";

// One process serves all resources of a run. What one of them reads of a source, the others share.

const comparisons = new Map<string, Promise<boolean>>();
const readings: { readonly reading: Reading; readonly source: Promise<ReadSource> }[] = [];

/** Whether the files are what they were; known without a parse. */
export function isUnchanged(
  patterns: readonly string[],
  transform: string | undefined,
  { digest, bytes }: Pick<SourceDigest, "digest" | "bytes">,
): Promise<boolean> {
  const name = JSON.stringify([patterns, transform, digest]);
  const cwd = process.cwd();
  const options = { transform, root: projectFolder(cwd) };
  const known = comparisons.get(name) ?? isSource({ digest, bytes }, patterns, cwd, options);
  comparisons.set(name, known);
  return known;
}

/** The source, read through once. A reading that has found out more than is wanted serves as well. */
export function sharedSource(wanted: Reading): Promise<ReadSource> {
  const known = readings.find(
    ({ reading }) =>
      sameRecords(reading, wanted) &&
      (wanted.key === undefined || reading.key === wanted.key) &&
      (!wanted.validate || reading.validate),
  );
  if (known !== undefined) return known.source;
  const source = SourceReader.read(wanted);
  readings.push({ reading: wanted, source });
  return source;
}

/** The records by their place alone, for one who needs neither fingerprints nor verdicts. */
export async function anySource(patterns: readonly string[], transform: string | undefined): Promise<Source> {
  const wanted: Reading = { patterns, transform, key: undefined, unsupportedPasswordHash: "fail", validate: false };
  const known = readings.find(({ reading }) => sameFiles(reading, wanted));
  return (await (known?.source ?? sharedSource(wanted))).source;
}

function sameRecords(a: Reading, b: Reading): boolean {
  return sameFiles(a, b) && a.unsupportedPasswordHash === b.unsupportedPasswordHash;
}

function sameFiles(a: Reading, b: Reading): boolean {
  return a.transform === b.transform && JSON.stringify(a.patterns) === JSON.stringify(b.patterns);
}
