import { open } from "node:fs/promises";
import path from "node:path";
import { resolveFiles } from "../provider/source/resolveFiles";

/** How much text there is to read, for a percentage. `undefined` where that shows in the end only: in gzip files. */
export async function textBytes(patterns: readonly string[]): Promise<number | undefined> {
  let total = 0;
  // What can't be read is told by who reads it in earnest.
  const files = await resolveFiles(patterns, process.cwd()).catch(() => []);
  for (const file of files) {
    const handle = await open(path.resolve(file), "r").catch(() => undefined);
    if (handle === undefined) return undefined;
    try {
      const magic = Buffer.alloc(2);
      await handle.read(magic, 0, 2, 0);
      if (magic[0] === 0x1f && magic[1] === 0x8b) return undefined;
      total += (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  }
  return total;
}
