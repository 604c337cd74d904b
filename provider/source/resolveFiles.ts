import { stat } from "node:fs/promises";
import { isAbsolute, posix, resolve, sep } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { SourceError, type SourceProblem } from "./sourceError";
import { systemReason } from "./systemReason";

/**
 * The files that the patterns stand for: pattern by pattern in the order given, sorted by code unit inside a pattern.
 * A file that is matched twice keeps its last place, since later files override earlier ones on the same user.
 *
 * @returns paths relative to `cwd`, or absolute where the pattern is; with forward slashes
 * @throws {SourceError} for every pattern that stands for no file
 */
export async function resolveFiles(patterns: readonly string[], cwd: string): Promise<string[]> {
  if (patterns.length === 0) {
    throw new RangeError("a source is at least one file");
  }
  const byPath = new Map<string, string>();
  const problems: SourceProblem[] = [];
  for (const pattern of patterns) {
    const found = await filesOf(pattern, cwd);
    if (typeof found === "string") {
      problems.push({ file: pattern, message: found });
      continue;
    }
    for (const file of found) {
      const path = resolve(cwd, file);
      byPath.delete(path);
      byPath.set(path, file);
    }
  }
  if (problems.length > 0) {
    throw new SourceError(problems);
  }
  return [...byPath.values()];
}

/** The pattern's files, or what is wrong with it. */
async function filesOf(pattern: string, cwd: string): Promise<string[] | string> {
  const path = posix.normalize(sep === "\\" ? pattern.replaceAll("\\", "/") : pattern);
  let reason: string;
  try {
    // Before any globbing: «export (1).json» is a browser's idea of a file name, not a pattern.
    const found = await stat(resolve(cwd, path));
    if (found.isFile()) {
      return [path];
    }
    reason = found.isDirectory()
      ? "is a directory: name the files in it, such as DIRECTORY/*.json"
      : "is not a regular file";
  } catch (error) {
    reason = systemReason(error);
  }
  if (!isDynamicPattern(path)) {
    return reason;
  }
  const files = await glob(path, { cwd, absolute: isAbsolute(path), expandDirectories: false });
  return files.length > 0 ? files.sort() : "no file matches this pattern";
}
