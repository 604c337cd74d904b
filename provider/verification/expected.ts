import { sentUserId } from "../ledger/fingerprint";
import { type Glance, type Ledger, type LedgerEntry, neverIn } from "../ledger/ledger";
import type { ReadSource } from "../plan/readSource";
import { type Share, shareHash } from "../plan/share";
import { identityOf, normalizeUser, type User } from "../schema/identity";
import type { SourceRecord } from "../source";

/** What a verification is about: an import, its batches, and the files as they were imported. */
export interface Imported {
  readonly connectionId: string;
  /** Of the import. */
  readonly key: string;
  readonly generateUserIds: boolean;
  /** In their order, all of them. */
  readonly batches: readonly ImportedBatch[];
  readonly read: ReadSource;
}

export interface ImportedBatch {
  readonly ledger: Ledger;
  /** When its runs ended, by their numbers, in milliseconds; of some it is not known. */
  readonly ends: ReadonlyMap<number, number>;
  /** The run after which it was verified last, and who was missing then. */
  readonly verified?: { readonly run: number; readonly missing: ReadonlySet<number> };
}

/** A record whose user should be in the tenant. */
export interface Expected {
  readonly user: User;
  /** As `identityOf` names the user. */
  readonly whose: string;
  /** The fingerprint of that. */
  readonly print: number;
  /** What the ledger knows of them at a glance; `known` has all of it. */
  readonly glance: Glance;
  readonly batch: ImportedBatch;
  /** The user's id within the connection; `undefined` where Auth0 has made it, and nobody knows it. */
  readonly id: string | undefined;
  /** Whether the tenant may have the user under another id: then other identifiers count. */
  readonly mayHaveOtherId: boolean;
}

/** Says of records whether their users should be there, and what is known of them. */
export class Expectations {
  private constructor(
    readonly imported: Imported,
    private readonly printed: ReadSource,
  ) {}

  /** Reads the files again where the run has not taken the fingerprints of their records. */
  static async of(imported: Imported): Promise<Expectations> {
    const { batches, key, read } = imported;
    const { length: count } = batches;
    // Those who ask together are served together. What is known of one share is known of all.
    const printed = await Promise.all(batches.map((_, index) => read.withPrints(key, { index, count })));
    return new Expectations(imported, printed[0] as ReadSource);
  }

  /** The numbers of the records that count, in order. */
  indices(): Iterable<number> {
    const { batches, read } = this.imported;
    const { length: count } = batches;
    if (count === 1) return read.indicesOf({ index: 0, count });
    const shares = batches.map((_, index): Share => ({ index, count }));
    const all = new Uint32Array(shares.reduce((sum, share) => sum + read.indicesOf(share).length, 0));
    let at = 0;
    for (const share of shares) {
      all.set(read.indicesOf(share), at);
      at += read.indicesOf(share).length;
    }
    return all.sort();
  }

  /** @returns `undefined` where the user never came in. */
  of({ index, user: asItStands, problem }: SourceRecord): Expected | undefined {
    const { batches } = this.imported;
    if (problem !== undefined || this.printed.doubleAt(index) !== undefined) return undefined;
    const user = normalizeUser(asItStands);
    const whose = identityOf(user);
    if (whose === undefined) return undefined;
    const batch = batches[shareHash(user, whose) % batches.length] as ImportedBatch;
    const print = this.printed.identity(index);
    const glance = batch.ledger.glance(print);
    if (glance === undefined || neverIn(glance.state)) return undefined;
    const id = sentUserId(user, whose, this.imported);
    // Whom we have inserted has the id that we gave.
    const mayHaveOtherId = id === undefined || glance.hasOtherId === true || glance.origin !== "inserted";
    return { user, whose, print, glance, batch, id, mayHaveOtherId };
  }

  /** Whether the record is as it was when it was last dealt with, and the tenant had all that it says. */
  isAsWritten(index: number, { glance, batch, print }: Expected): boolean {
    return glance.hadAll && batch.ledger.standing(print, this.printed.record(index)) !== undefined;
  }
}

/** All that the ledger knows of a user. */
export function knownOf({ batch, print }: Expected): LedgerEntry {
  return batch.ledger.get(print) as LedgerEntry;
}

/** Whether a verification has covered the user: they were brought before it, and were there. */
export function wasSeen({ glance, print, batch }: Expected): boolean {
  return batch.verified !== undefined && glance.run <= batch.verified.run && !batch.verified.missing.has(print);
}
