import type { Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip } from "node:zlib";
import { SourceError } from "./sourceError";
import { readFully, Spool } from "./spool";
import { systemReason } from "./systemReason";

/** How much is read at once: enough that the calls cost nothing, little enough to stay in the processor's cache. */
export const READ_BYTES = 1 << 20;

/** One file of the source, held open from the first read to the last: a name may come to mean another file. */
export class SourceFile {
  /** As the user named it, or relative to the program's folder. */
  readonly name: string;
  readonly #raw: FileHandle;
  readonly #state: FileState;
  readonly #gzipped: boolean;
  /** The unpacked text of a gzip file, for random access. */
  #spool: Spool | undefined;

  private constructor(name: string, raw: FileHandle, state: FileState, gzipped: boolean) {
    this.name = name;
    this.#raw = raw;
    this.#state = state;
    this.#gzipped = gzipped;
  }

  /** @throws {SourceError} */
  static async open(name: string, cwd: string): Promise<SourceFile> {
    return SourceFile.of(name, await explained(name, "can't be read", () => open(resolve(cwd, name), "r")));
  }

  /**
   * Takes over a file that is open, and closes it where it can't be read.
   *
   * @param name for messages
   * @throws {SourceError}
   */
  static of(name: string, raw: FileHandle): Promise<SourceFile> {
    return explained(name, "can't be read", async () => {
      try {
        const magic = Buffer.alloc(2);
        const { bytesRead } = await raw.read(magic, 0, 2, 0);
        const gzipped = bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
        return new SourceFile(name, raw, await stateOf(raw), gzipped);
      } catch (error) {
        await raw.close();
        throw error;
      }
    });
  }

  /**
   * The file as it lies on disk, from its start. The next chunk is read while one is worked on, which is overwritten
   * after that.
   * @throws {SourceError} also when the file changes meanwhile
   */
  async *rawChunks(chunkBytes: number): AsyncGenerator<Buffer> {
    let buffer = Buffer.allocUnsafe(chunkBytes);
    let other = Buffer.allocUnsafe(chunkBytes);
    let position = 0;
    let reading = this.#readRaw(buffer, position);
    try {
      for (;;) {
        const length = await reading;
        if (length === 0) {
          break;
        }
        const chunk = buffer.subarray(0, length);
        position += length;
        [buffer, other] = [other, buffer];
        reading = this.#readRaw(buffer, position);
        // Awaited above, but only when the reader comes back.
        reading.catch(() => {});
        yield chunk;
      }
    } finally {
      await reading.catch(() => {});
    }
    await this.#assertUnchanged();
  }

  /**
   * The file's text from its start, unpacked where the file is gzipped, and from then on there for `readText`.
   * A chunk is overwritten by the next one.
   *
   * @param hash is fed the file as it lies on disk
   * @throws {SourceError} also for a gzip file that is cut off or corrupt
   */
  async *textChunks(chunkBytes: number, hash: Hash): AsyncGenerator<Buffer> {
    if (!this.#gzipped) {
      for await (const chunk of this.rawChunks(chunkBytes)) {
        hash.update(chunk);
        yield chunk;
      }
      return;
    }
    const spool = await this.#explainedSpool(() => Spool.create());
    this.#spool = spool;
    let position = 0;
    for await (const chunk of this.#unpacked(chunkBytes, hash)) {
      const start = position;
      const written = this.#explainedSpool(() => spool.write(chunk, start));
      position += chunk.length;
      // Awaited below, but only when the reader comes back.
      written.catch(() => {});
      try {
        yield chunk;
      } finally {
        await written;
      }
    }
  }

  /**
   * Fills the buffer with text from the byte offset on, or up to the end of the text.
   * @returns how many bytes that is
   * @throws {SourceError} also when the file has changed since it was opened
   */
  async readText(buffer: Buffer, position: number): Promise<number> {
    const spool = this.#spool;
    if (spool !== undefined) {
      return this.#explainedSpool(() => readFully(spool.handle, buffer, position));
    }
    const length = await this.#readRaw(buffer, position);
    // After the read: what was read before this moment is what the file was when it was opened.
    await this.#assertUnchanged();
    return length;
  }

  /** The file is not what it was when it was opened. */
  changed(): SourceError {
    return this.#error("changed while it was in use: run again when nothing writes to it any more");
  }

  /** Size on disk. */
  get bytes(): number {
    return Number(this.#state.bytes);
  }

  async close(): Promise<void> {
    await this.#spool?.close();
    await this.#raw.close();
  }

  async *#unpacked(chunkBytes: number, hash: Hash): AsyncGenerator<Buffer> {
    const rawChunks = this.rawChunks(chunkBytes);
    const gunzip = createGunzip({ chunkSize: Math.max(chunkBytes, constants.Z_MIN_CHUNK) });
    async function* hashed() {
      for await (const chunk of rawChunks) {
        hash.update(chunk);
        // A copy: the stream holds on to a chunk while the next one is read.
        yield Buffer.from(chunk);
      }
    }
    // Its rejection is the same error that the iteration of gunzip throws.
    const fed = pipeline(hashed(), gunzip).catch(() => {});
    try {
      yield* gunzip;
    } catch (error) {
      throw this.#explainGzip(error);
    } finally {
      gunzip.destroy();
      await fed;
    }
    // Behind zeros, zlib takes the rest for padding, and what is in it would be missing without a word.
    if (gunzip.bytesWritten < this.bytes) {
      throw this.#error("gzip data is followed by something else");
    }
  }

  #error(message: string): SourceError {
    return new SourceError([{ file: this.name, message }]);
  }

  async #readRaw(buffer: Buffer, position: number): Promise<number> {
    return explained(this.name, "can't be read", () => readFully(this.#raw, buffer, position));
  }

  async #assertUnchanged(): Promise<void> {
    const { bytes, modified } = await explained(this.name, "can't be read", () => stateOf(this.#raw));
    if (bytes !== this.#state.bytes || modified !== this.#state.modified) {
      throw this.changed();
    }
  }

  #explainedSpool<T>(action: () => Promise<T>): Promise<T> {
    return explained(this.name, "can't be unpacked to a temporary file (in TMPDIR)", action);
  }

  #explainGzip(error: unknown): unknown {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "Z_BUF_ERROR") {
      return this.#error("gzip data is cut off");
    }
    return code === "Z_DATA_ERROR" ? this.#error("gzip data is corrupt") : error;
  }
}

interface FileState {
  readonly bytes: bigint;
  /** Nanoseconds. */
  readonly modified: bigint;
}

async function stateOf(handle: FileHandle): Promise<FileState> {
  const { size, mtimeNs } = await handle.stat({ bigint: true });
  return { bytes: size, modified: mtimeNs };
}

async function explained<T>(file: string, what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new SourceError([{ file, message: `${what}: ${systemReason(error)}` }]);
  }
}
