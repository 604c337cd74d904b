import { statSync } from "node:fs";
import path from "node:path";
import { projectFolder } from "../provider/source/projectFolder";

/**
 * The folders that a path on the command line stands for: that in the folder where the command runs, and that in the
 * folder of `Pulumi.yaml`, to which `resultsDir` is relative. Mostly they are one.
 *
 * @throws Error when there is neither
 */
export function resultsFolders(given: string): string[] {
  const here = process.cwd();
  const project = projectFolder(here);
  const all = project === here ? [given] : [given, path.join(path.relative(here, project), given)];
  const folders = path.isAbsolute(given) ? [given] : all;
  const found = folders.filter((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory());
  if (found.length > 0) return found;
  throw new Error(
    `There is no folder ${folders.join(", and no ")}. Run this in the program's folder, or give the folder that the import has as resultsDir.`,
  );
}
