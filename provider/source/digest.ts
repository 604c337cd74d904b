import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { resolveFiles } from "./resolveFiles";
import { READ_BYTES, SourceFile } from "./sourceFile";
import { transformFiles } from "./transformFiles";

/** What a source is, to tell whether it has changed. */
export interface SourceDigest {
  /**
   * SHA-256 in hex, over the SHA-256 of each file in order: file names don't count, where a file ends does. A transform
   * counts by `digestTransform`. Options that change what records say count, too.
   */
  readonly digest: string;
  /** Of all users files together, as they lie on disk. */
  readonly bytes: number;
  /** How many. */
  readonly files: number;
}

export interface DigestSourceOptions {
  /** See `OpenSourceOptions`. */
  readonly transform?: string | undefined;
  readonly nullText?: readonly string[] | undefined;
  readonly merge?: boolean | undefined;
  readonly root?: string | undefined;
}

/**
 * Digests the source's files without looking into them: about what `openssl dgst -sha256` costs.
 *
 * @param patterns files or globs, relative to `cwd`
 * @throws {SourceError} when a pattern stands for no file, or a file can't be read
 */
export async function digestSource(
  patterns: readonly string[],
  cwd: string,
  { transform, root, ...reading }: DigestSourceOptions = {},
): Promise<SourceDigest> {
  const names = await resolveFiles(patterns, cwd, root);
  const fileDigests: Buffer[] = [];
  let bytes = 0;
  for (const name of names) {
    const file = await digestFile(name, cwd);
    fileDigests.push(file.digest);
    bytes += file.bytes;
  }
  const transformDigest =
    transform === undefined ? undefined : await digestTransform(await transformFiles(transform, cwd, root), cwd);
  return { digest: combineDigests(fileDigests, transformDigest, reading), bytes, files: names.length };
}

/**
 * Whether the source is what it was when it had this digest. Files of another size are others: they are not read.
 *
 * @throws {SourceError} as `digestSource` does
 */
export async function isSource(
  known: Pick<SourceDigest, "digest" | "bytes">,
  patterns: readonly string[],
  cwd: string,
  options: DigestSourceOptions = {},
): Promise<boolean> {
  const names = await resolveFiles(patterns, cwd, options.root);
  const sizes = await Promise.all(names.map((name) => sizeOf(resolve(cwd, name))));
  // A file that can't be looked at is for `digestSource` to explain.
  const areThere = sizes.every((size) => size !== undefined);
  if (areThere && sizes.reduce((sum, size) => sum + size, 0) !== known.bytes) return false;
  return (await digestSource(patterns, cwd, options)).digest === known.digest;
}

async function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ size }) => size,
    () => undefined,
  );
}

/**
 * The SHA-256 of one file.
 * @throws {SourceError} when it can't be read
 */
export async function digestFile(name: string, cwd: string): Promise<{ digest: Buffer; bytes: number }> {
  const file = await SourceFile.open(name, cwd);
  try {
    const hash = createHash("sha256");
    for await (const chunk of file.rawChunks(READ_BYTES)) {
      hash.update(chunk);
    }
    return { digest: hash.digest(), bytes: file.bytes };
  } finally {
    await file.close();
  }
}

/**
 * What a transform is: the SHA-256 of its module, whatever that imports. Of a recipe of this package, the SHA-256 over
 * that of the recipe and that of what recipes share.
 *
 * @param files as `transformFiles` returns them
 * @throws {SourceError} when one can't be read
 */
export async function digestTransform(files: readonly string[], cwd: string): Promise<Buffer> {
  const digests = await Promise.all(files.map(async (file) => (await digestFile(file, cwd)).digest));
  const all = Buffer.concat(digests);
  return digests.length === 1 ? all : createHash("sha256").update(all).digest();
}

/** How the files are read, where it is not as usual. */
export type OtherReading = Pick<DigestSourceOptions, "nullText" | "merge">;

/** The digest of a source from those of its files and its transform, and from how the files are read. */
export function combineDigests(
  fileDigests: readonly Buffer[],
  transformDigest?: Buffer,
  { nullText = [], merge = false }: OtherReading = {},
): string {
  const hash = createHash("sha256");
  for (const digest of fileDigests) {
    hash.update(digest);
  }
  // The words tell them from one more users file.
  if (transformDigest !== undefined) hash.update("transform").update(transformDigest);
  if (nullText.length > 0) hash.update("nullText").update(JSON.stringify([...nullText].sort()));
  if (merge) hash.update("merge");
  return hash.digest("hex");
}
