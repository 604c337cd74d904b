import type { Fingerprint } from "./fingerprint";

/**
 * What is known of one user. In the tenant as the record says: since an earlier import (`imported`), or brought there
 * by the one that is going on or ended last (`inserted`, `updated`). Never imported, with Auth0's code. In the tenant
 * as an earlier record said, because sending this one failed. In the tenant, and no longer in the source.
 */
export type UserState = "imported" | "inserted" | "updated" | `failed:${string}` | `outdated:${string}` | "removed";

/** Auth0's code, where the record that was sent last failed. */
export function failureCode(state: UserState | undefined): string | undefined {
  return state?.match(/^(?:failed|outdated):(.*)$/s)?.[1];
}

/** One user's line in the ledger. */
export interface LedgerEntry {
  /** The fingerprint of the record that was sent last. */
  readonly content: Fingerprint;
  /** The fingerprint of its email: an upsert with another one would be about somebody else. */
  readonly email: Fingerprint;
  readonly state: UserState;
}

const VERSION = 1;
const FINGERPRINT_BYTES = 8;

/**
 * What is known of each user of a batch, kept in the stack's state and handed to the next run.
 *
 * Encoded: a version, the list of states that occur, then one column each of the fingerprints of identities (sorted),
 * contents and emails, and of states: 26 bytes a user, 35 in base64. All fingerprints are keyed by the import's key, a secret;
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

  /** A new import begins: what the last one brought is what was there before. */
  beginImport(): void {
    for (const [identity, entry] of this.#entries) {
      const { state } = entry;
      if (state === "inserted" || state === "updated") this.#entries.set(identity, { ...entry, state: "imported" });
    }
  }

  entries(): IterableIterator<[Fingerprint, LedgerEntry]> {
    return this.#entries.entries();
  }

  encode(): string {
    const sorted = [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1));
    const states = [...new Set(sorted.map(([, { state }]) => state))];
    const stateNumber = new Map(states.map((state, number) => [state, number]));
    const header = Buffer.from(JSON.stringify({ users: sorted.length, states }));
    const buffer = Buffer.alloc(5 + header.length + sorted.length * (3 * FINGERPRINT_BYTES + 2));
    buffer.writeUInt8(VERSION, 0);
    buffer.writeUInt32BE(header.length, 1);
    let offset = 5 + header.copy(buffer, 5);
    for (const [identity] of sorted) offset += buffer.write(identity, offset, "hex");
    for (const [, { content }] of sorted) offset += buffer.write(content, offset, "hex");
    for (const [, { email }] of sorted) offset += buffer.write(email, offset, "hex");
    for (const [, { state }] of sorted) offset = buffer.writeUInt16BE(stateNumber.get(state) as number, offset);
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
    const columns = 5 + buffer.readUInt32BE(1);
    const { users, states } = JSON.parse(buffer.toString("utf8", 5, columns)) as { users: number; states: UserState[] };
    const fingerprint = (column: number, row: number): Fingerprint => {
      const at = columns + (column * users + row) * FINGERPRINT_BYTES;
      return buffer.toString("hex", at, at + FINGERPRINT_BYTES);
    };
    const stateNumbers = columns + 3 * users * FINGERPRINT_BYTES;
    const ledger = new Ledger();
    for (let row = 0; row < users; row++) {
      ledger.set(fingerprint(0, row), {
        content: fingerprint(1, row),
        email: fingerprint(2, row),
        state: states[buffer.readUInt16BE(stateNumbers + 2 * row)] as UserState,
      });
    }
    return ledger;
  }
}
