import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type OpenSourceOptions, openSource, type SourceRecord } from "../../provider/source";

/** A folder for one test's users files, apart from everything else. */
export class UsersFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<UsersFolder> {
    return new UsersFolder(await mkdtemp(join(tmpdir(), "users-test-")));
  }

  /** @returns the file's name, as a program would give it */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    return name;
  }

  /** What is read of these files, for the first time and again: it has to be the same. */
  async read(patterns: readonly string[], options: OpenSourceOptions = {}): Promise<SourceRecord[]> {
    const seen: SourceRecord[] = [];
    const texts: (string | undefined)[] = [];
    const onRecord = (record: SourceRecord, text: Buffer | undefined) => {
      seen.push(record);
      texts.push(text?.toString());
    };
    const source = await openSource(patterns, this.path, { ...options, onRecord });
    try {
      const again: SourceRecord[] = [];
      for await (const record of source.records()) {
        again.push(record);
      }
      assert.deepEqual(again, seen);
      const [shown, shownTexts] = [seen.splice(0), texts.splice(0)];
      await source.show(() => true, onRecord);
      assert.deepEqual([seen, texts], [shown, shownTexts]);
      assert.equal(source.users, seen.length);
      return seen;
    } finally {
      await source.close();
    }
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
