import type { Redis } from "ioredis";
import type { PieceStore } from "./store";

/** Pieces as keys of their own, which Redis lets go by itself. */
export class RedisStore implements PieceStore {
  constructor(
    private readonly redis: Redis,
    private readonly queue: string,
  ) {}

  async put(name: string, pieces: readonly Buffer[], seconds: number): Promise<void> {
    for (const [i, piece] of pieces.entries()) await this.redis.set(this.#key(name, i), piece, "EX", seconds);
  }

  async get(name: string, pieces: number): Promise<Buffer[]> {
    const found: Buffer[] = [];
    for (let i = 0; i < pieces; i++) {
      const piece = await this.redis.getBuffer(this.#key(name, i));
      if (piece !== null) found.push(piece);
    }
    return found;
  }

  async keepFor(name: string, pieces: number, seconds: number): Promise<void> {
    for (let i = 0; i < pieces; i++) await this.redis.expire(this.#key(name, i), seconds);
  }

  async close(): Promise<void> {
    this.redis.disconnect();
  }

  #key(name: string, piece: number): string {
    return `auth0-user-import:${this.queue}:${name}:${piece}`;
  }
}
