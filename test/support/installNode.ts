import { mkdirSync } from "node:fs";
import path from "node:path";
import { run } from "./run";

/**
 * Node of a major version, from its package for this platform.
 *
 * @param folder is filled; one for each version
 * @returns the folder that `node` is in, for PATH
 */
export async function installNode(folder: string, major: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  // Without it npm would look for one further up.
  mkdirSync(path.join(folder, "node_modules"), { recursive: true });
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--prefer-offline", `${name}@${major}`];
  const { code, output } = await run("npm", args, { cwd: folder, timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`npm ${args.join(" ")} ended with ${code}:\n${output}`);
  return path.join(folder, "node_modules", name, "bin");
}
