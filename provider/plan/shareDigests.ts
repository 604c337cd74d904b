import { createHash } from "node:crypto";

/** What becomes of a record because of another one, which may be another share's. */
export interface Verdict {
  /** The record's number in its share, from 0. */
  readonly number: number;
  /** Overridden by a later file, or a double by that attribute. */
  readonly verdict: string;
}

/**
 * Digests what each share of a source says, so that a batch can tell whether it is concerned by an edit: its records as
 * they are read, in order, and which of them don't count because of others. Two sources of which a share has the same
 * digest ask the same of its users, whatever else they say.
 *
 * Not keyed, because it has to be known before there is a key.
 */
export class ShareDigests {
  readonly #hashes;

  /** @param count of shares. */
  constructor(count: number) {
    this.#hashes = Array.from({ length: count }, () => createHash("sha256"));
  }

  /**
   * Adds the next record of a share.
   *
   * @param text of a JSON value. None of them is the beginning of another, so they need nothing between them.
   */
  add(share: number, text: Buffer | string): void {
    this.#hashes[share]?.update(text);
  }

  /** The digests, hexadecimal, when all records are added. */
  end(verdictsOf: (share: number) => Iterable<Verdict>): string[] {
    return this.#hashes.map((hash, share) => {
      for (const { number, verdict } of verdictsOf(share)) hash.update(`\n${number} ${verdict}`);
      return hash.digest("hex");
    });
  }
}
