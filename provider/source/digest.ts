import { createHash } from "node:crypto";
import { resolveFiles } from "./resolveFiles";
import { READ_BYTES, SourceFile } from "./sourceFile";

/** What a source is, to tell whether it has changed. */
export interface SourceDigest {
  /** SHA-256 in hex, over the SHA-256 of each file in order: file names don't count, where a file ends does. */
  readonly digest: string;
  /** Of all files together, as they lie on disk. */
  readonly bytes: number;
  /** How many. */
  readonly files: number;
}

/**
 * Digests the source's files without looking into them: about what `openssl dgst -sha256` costs.
 *
 * @param patterns files or globs, relative to `cwd`
 * @throws {SourceError} when a pattern stands for no file, or a file can't be read
 */
export async function digestSource(patterns: readonly string[], cwd: string): Promise<SourceDigest> {
  const names = await resolveFiles(patterns, cwd);
  const fileDigests: Buffer[] = [];
  let bytes = 0;
  for (const name of names) {
    const file = await SourceFile.open(name, cwd);
    try {
      const hash = createHash("sha256");
      for await (const chunk of file.rawChunks(READ_BYTES)) {
        hash.update(chunk);
      }
      fileDigests.push(hash.digest());
      bytes += file.bytes;
    } finally {
      await file.close();
    }
  }
  return { digest: combineDigests(fileDigests), bytes, files: names.length };
}

/** The digest of a source from those of its files. */
export function combineDigests(fileDigests: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const digest of fileDigests) {
    hash.update(digest);
  }
  return hash.digest("hex");
}
