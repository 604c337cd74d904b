import { identitiesOf, profileOf } from "../census/census";
import type { TenantRecord } from "../census/equal";
import { identityFingerprint } from "../ledger/fingerprint";
import { FingerprintTable } from "../ledger/fingerprintTable";
import { shareHash } from "../plan/share";
import { identityOf, type User } from "../schema/identity";
import { Column } from "../source/column";
import type { Imported } from "./expected";

/**
 * Users whom the import has brought, and who are in no file any more. Only their fingerprints are known, so each line of
 * the export is asked whether it is one of them, while it is read.
 */
export class RemovedUsers {
  readonly #batches: readonly FingerprintTable[];
  readonly #lines = new Column((length) => new Uint32Array(length));
  #found = 0;
  readonly size: number;

  constructor(private readonly imported: Imported) {
    let size = 0;
    this.#batches = imported.batches.map(({ ledger }) => {
      const removed = new FingerprintTable();
      for (const print of ledger.identities()) if (ledger.stateOf(print) === "removed") removed.set(print, size++);
      return removed;
    });
    this.size = size;
  }

  /** The next user of the export. */
  see(line: number, user: TenantRecord, connection: string): void {
    if (this.size === 0) return;
    for (const [i, identity] of identitiesOf(user).entries()) {
      if (identity.connection !== connection) continue;
      const isLinked = i > 0;
      const { email, username, phone_number } = isLinked ? profileOf(identity) : user;
      const id = identity.user_id;
      // As a record may have named them: by the id, or where it had none by what comes next.
      const names: User[] = [
        { user_id: id },
        { email },
        ...(email === undefined ? [{ username }] : []),
        ...(email === undefined && username === undefined ? [{ phone_number }] : []),
      ];
      if (names.some((name) => this.#take(name, line, isLinked))) return;
    }
  }

  #take(name: User, line: number, isLinked: boolean): boolean {
    const whose = identityOf(name);
    if (whose === undefined) return false;
    const batch = this.#batches[shareHash(name, whose) % this.#batches.length] as FingerprintTable;
    const print = identityFingerprint(this.imported.key, whose);
    if (batch.get(print) === undefined) return false;
    batch.delete(print);
    this.#lines.set(this.#found++, 2 * line + (isLinked ? 1 : 0));
    return true;
  }

  /** Those who were found. */
  *found(): Generator<{ readonly line: number; readonly isLinked: boolean }> {
    for (let i = 0; i < this.#found; i++) {
      const value = this.#lines.at(i);
      yield { line: value >>> 1, isLinked: (value & 1) === 1 };
    }
  }
}
