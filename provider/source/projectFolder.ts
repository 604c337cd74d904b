import { existsSync } from "node:fs";
import path from "node:path";

/**
 * The folder of the Pulumi project that a folder is part of: the nearest one at or above it with a `Pulumi.yaml` or
 * `Pulumi.yml`; else the folder itself, as for a program of the Automation API. With `main: dist/` the program's folder
 * lies below, and each build empties it. Pulumi itself doesn't tell: `getRootDirectory()` answers "rootDirectory".
 */
export function projectFolder(folder: string): string {
  for (let each = folder; ; each = path.dirname(each)) {
    if (["Pulumi.yaml", "Pulumi.yml"].some((name) => existsSync(path.join(each, name)))) return each;
    if (each === path.dirname(each)) return folder;
  }
}

/** The way from a folder to one at or above it, to put before a path: `""`, `"../"`, `"../../"`. */
export function wayUp(from: string, to: string): string {
  const way = path.relative(from, to).replaceAll(path.sep, "/");
  return way === "" ? "" : `${way}/`;
}
