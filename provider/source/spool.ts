import { randomBytes } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A temporary file that has no name: nobody else can open it, and no crash can leave it behind. */
export class Spool {
  readonly handle: FileHandle;
  /** Set only where an open file can't be unlinked (Windows). */
  readonly #leftover: string | undefined;

  private constructor(handle: FileHandle, leftover: string | undefined) {
    this.handle = handle;
    this.#leftover = leftover;
  }

  static async create(): Promise<Spool> {
    const path = join(tmpdir(), `users-${randomBytes(16).toString("hex")}`);
    const handle = await open(path, "wx+", 0o600);
    const unlinked = await unlink(path).then(
      () => true,
      () => false,
    );
    return new Spool(handle, unlinked ? undefined : path);
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
    if (this.#leftover !== undefined) {
      await unlink(this.#leftover);
    }
  }
}

/** A read may return less than there is: goes on until the buffer is full or the file ends. */
export async function readFully(handle: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) {
      break;
    }
    done += bytesRead;
  }
  return done;
}
