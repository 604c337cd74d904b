import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { randomId } from "./ids";

const chunkSize = 1 << 16;

/**
 * The gzipped file of an export, on its way to a place on the disk that has no name: it holds personal data, and is
 * gone with the process, however that ends.
 */
export class ExportFile {
  private handle: FileHandle | undefined;
  private isClosed = false;
  /** Compressed; final when it is {@link isReady}. */
  bytes = 0;
  isReady = false;
  /** Why it will never be. */
  error: Error | undefined;
  /** When it is ready, or will never be. */
  readonly settled: Promise<void>;

  /** @param lines taken one by one while there is room */
  constructor(lines: Iterable<string>) {
    this.settled = this.write(lines).catch((error: Error) => {
      if (!this.isClosed) this.error = error;
    });
  }

  /** From the first byte to the last. */
  read(): Readable {
    if (!this.handle || !this.isReady) throw new Error("The file is not there");
    // Several readers share the handle, so each one says where it reads.
    return Readable.from(chunksOf(this.handle, this.bytes), { objectMode: false });
  }

  close(): void {
    this.isClosed = true;
    this.isReady = false;
    // Readers that are at it fail, as they should.
    this.handle?.close().catch(() => {});
    this.handle = undefined;
  }

  private async write(lines: Iterable<string>): Promise<void> {
    const path = join(tmpdir(), `auth0-emulator-${randomId(24)}`);
    const handle = await open(path, "wx+", 0o600);
    await unlink(path);
    if (this.isClosed) return handle.close();
    this.handle = handle;
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    await pipeline(Readable.from(inChunks(lines), { objectMode: false }), gzip, async (compressed) => {
      for await (const chunk of compressed as AsyncIterable<Buffer>) {
        await handle.write(chunk, 0, chunk.length, this.bytes);
        this.bytes += chunk.length;
      }
    });
    this.isReady = !this.isClosed;
  }
}

/** Joined: a stream takes its time for each piece. */
function* inChunks(lines: Iterable<string>): Iterable<Buffer> {
  let chunk = "";
  for (const line of lines) {
    chunk += line;
    if (chunk.length < chunkSize) continue;
    yield Buffer.from(chunk);
    chunk = "";
  }
  if (chunk !== "") yield Buffer.from(chunk);
}

async function* chunksOf(handle: FileHandle, bytes: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes; ) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(chunkSize, bytes - at)), { position: at });
    if (bytesRead === 0) throw new Error("The file is shorter than it was");
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
