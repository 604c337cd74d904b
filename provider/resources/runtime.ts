import { existsSync } from "node:fs";
import path from "node:path";

/**
 * Why the program's runtime can't run these resources; `undefined` where it can. Pulumi starts their provider with
 * `node`, whatever runs the program: without it the engine fails, and does not say why (measured with Bun 1.4).
 */
export function runtimeProblem(versions: NodeJS.ProcessVersions, searchPath: string): string | undefined {
  if (versions.bun === undefined) return undefined;
  const hasNode = searchPath
    .split(path.delimiter)
    .some((folder) => ["node", "node.exe"].some((name) => existsSync(path.join(folder, name))));
  if (hasNode) return undefined;
  return "The program runs on Bun, and its users are imported by a provider that Pulumi starts with Node.js, which is not on the PATH. Install Node.js 20.19, 22.12 or 24, and run again.";
}
