import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { endAtExit } from "../atExit";

/**
 * A folder with a `pulumi-resource-auth0` in it that stands in for the real one. With the folder first on PATH the
 * engine takes it for every version of @pulumi/auth0.
 */
export function auth0PluginFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-plugin-"));
  endAtExit(() => rmSync(folder, { recursive: true, force: true }));
  const main = path.join(__dirname, "main.js");
  const script = `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`;
  writeFileSync(path.join(folder, "pulumi-resource-auth0"), script, { mode: 0o755 });
  return folder;
}
