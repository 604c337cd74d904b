import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

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

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
