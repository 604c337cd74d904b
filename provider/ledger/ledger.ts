import type { Fingerprint } from "./fingerprint";

/**
 * What is known of one user: in the tenant as the record says; never imported, with Auth0's code; in the tenant as an
 * earlier record said, because sending this one failed; in the tenant, and no longer in the source.
 */
export type UserState = "imported" | `failed:${string}` | `outdated:${string}` | "removed";

/** Auth0's code, where the record that was sent last failed. */
export function failureCode(state: UserState | undefined): string | undefined {
  return state?.match(/^(?:failed|outdated):(.*)$/s)?.[1];
}

/** One user's line in the ledger. */
export interface LedgerEntry {
  /** The fingerprint of the record that was sent last. */
  readonly content: Fingerprint;
  readonly state: UserState;
}

const VERSION = 1;
const FINGERPRINT_BYTES = 8;

/**
 * What is known of each user of a batch, kept in the stack's state and handed to the next run.
 *
 * Encoded: a version, the list of states that occur, then one column each of identity fingerprints (sorted), content
 * fingerprints and states: 17 bytes a user, 23 in base64. All fingerprints are keyed by the import's key, a secret;
 * without it the ledger says nothing about anybody.
 *
 * Two users are mixed up when their 64-bit identity fingerprints are equal: for a million users the odds are 1 in
 * 37 million. A changed record is missed with a probability of 2^-64.
 */
export class Ledger {
  readonly #entries = new Map<Fingerprint, LedgerEntry>();

  get size(): number {
    return this.#entries.size;
  }

  get(identity: Fingerprint): LedgerEntry | undefined {
    return this.#entries.get(identity);
  }

  set(identity: Fingerprint, entry: LedgerEntry): void {
    this.#entries.set(identity, entry);
  }

  delete(identity: Fingerprint): void {
    this.#entries.delete(identity);
  }

  entries(): IterableIterator<[Fingerprint, LedgerEntry]> {
    return this.#entries.entries();
  }

  encode(): string {
    const sorted = [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1));
    const states = [...new Set(sorted.map(([, { state }]) => state))];
    const stateNumber = new Map(states.map((state, number) => [state, number]));
    const header = Buffer.from(JSON.stringify({ users: sorted.length, states }));
    const buffer = Buffer.alloc(3 + header.length + sorted.length * (2 * FINGERPRINT_BYTES + 1));
    buffer.writeUInt8(VERSION, 0);
    buffer.writeUInt16BE(header.length, 1);
    header.copy(buffer, 3);
    let offset = 3 + header.length;
    for (const [identity] of sorted) offset += buffer.write(identity, offset, "hex");
    for (const [, { content }] of sorted) offset += buffer.write(content, offset, "hex");
    for (const [, { state }] of sorted) offset = buffer.writeUInt8(stateNumber.get(state) as number, offset);
    return buffer.toString("base64");
  }

  /** @throws Error when a newer version of this package wrote it. */
  static decode(text: string): Ledger {
    const buffer = Buffer.from(text, "base64");
    const version = buffer.readUInt8(0);
    if (version !== VERSION) {
      throw new Error(
        `The state was written by a newer version of pulumi-auth0-user-import (ledger version ${version}; this one reads ${VERSION}). Nothing was sent. Upgrade the package and run again.`,
      );
    }
    const columns = 3 + buffer.readUInt16BE(1);
    const { users, states } = JSON.parse(buffer.toString("utf8", 3, columns)) as { users: number; states: UserState[] };
    const contents = columns + users * FINGERPRINT_BYTES;
    const stateNumbers = contents + users * FINGERPRINT_BYTES;
    const ledger = new Ledger();
    for (let i = 0; i < users; i++) {
      const at = i * FINGERPRINT_BYTES;
      ledger.set(buffer.toString("hex", columns + at, columns + at + FINGERPRINT_BYTES), {
        content: buffer.toString("hex", contents + at, contents + at + FINGERPRINT_BYTES),
        state: states[buffer.readUInt8(stateNumbers + i)] as UserState,
      });
    }
    return ledger;
  }
}
