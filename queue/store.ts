import { createHash } from "node:crypto";
import type { Seal } from "./seal";

/** Where pieces of bytes are kept beside a queue's jobs: the server that has the queue. */
export interface PieceStore {
  put(name: string, pieces: readonly Buffer[], seconds: number): Promise<void>;
  /** As many as are there. */
  get(name: string, pieces: number): Promise<Buffer[]>;
  /** Lets them go after so many seconds from now. */
  keepFor(name: string, pieces: number, seconds: number): Promise<void>;
  close(): Promise<void>;
}

/** What a job says of a blob: small, and tells nothing of its content. */
export interface BlobRef {
  /** SHA-256 of the sealed bytes. */
  readonly digest: string;
  readonly pieces: number;
}

/** What no one collects goes after this time; what was collected, after a day, since nobody knows whether it was saved. */
export const KEPT_SECONDS = 30 * 24 * 3600;
const COLLECTED_SECONDS = 24 * 3600;

const PIECE_BYTES = 1_000_000;

/** Ledgers and outputs of batches: sealed, and in pieces that a server takes without a pause. */
export class Blobs {
  constructor(
    private readonly store: PieceStore,
    private readonly seal: Seal,
  ) {}

  /** @param job the id of the job that it belongs to. */
  async put(value: unknown, job: string): Promise<BlobRef> {
    const sealed = await this.seal.close(value, job);
    const pieces: Buffer[] = [];
    for (let at = 0; at < sealed.length; at += PIECE_BYTES) pieces.push(sealed.subarray(at, at + PIECE_BYTES));
    const digest = createHash("sha256").update(sealed).digest("hex");
    await this.store.put(digest, pieces, KEPT_SECONDS);
    return { digest, pieces: pieces.length };
  }

  /**
   * @returns `undefined` where the store has lost it.
   * @throws QueueError where it was sealed by another key.
   */
  async get(ref: BlobRef, job: string): Promise<unknown> {
    const sealed = Buffer.concat(await this.store.get(ref.digest, ref.pieces));
    if (createHash("sha256").update(sealed).digest("hex") !== ref.digest) return undefined;
    return this.seal.open(sealed, job);
  }

  async collected({ digest, pieces }: BlobRef): Promise<void> {
    await this.store.keepFor(digest, pieces, COLLECTED_SECONDS);
  }

  /** It is of no use any more. */
  async drop({ digest, pieces }: BlobRef): Promise<void> {
    await this.store.keepFor(digest, pieces, 0);
  }
}

/** Which imports somebody has asked to stop: for whoever has a batch of theirs, or waits for one. */
export class StopMarks {
  constructor(private readonly store: PieceStore) {}

  /** @param importId the id of the import; see `ImportRef`. */
  async set(importId: string): Promise<void> {
    await this.store.put(this.#name(importId), [Buffer.from("stop")], KEPT_SECONDS);
  }

  async isSet(importId: string): Promise<boolean> {
    return (await this.store.get(this.#name(importId), 1)).length > 0;
  }

  async clear(importId: string): Promise<void> {
    await this.store.keepFor(this.#name(importId), 1, 0);
  }

  #name(importId: string): string {
    return `stop:${importId}`;
  }
}
