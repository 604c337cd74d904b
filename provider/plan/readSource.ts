import { jsonText } from "../json/exactNumber";
import type { Fingerprint } from "../ledger/fingerprint";
import { identityOf, type User } from "../schema/identity";
import { claimant } from "../schema/origin";
import { prepareUser, type UnsupportedPasswordHash } from "../schema/prepare";
import { type Tallied, Tally } from "../schema/tally";
import { openSource, projectFolder, type Remark, type Source, type SourceRecord } from "../source";
import { Column } from "../source/column";
import { CheckHelper, type RecordRange } from "./checkHelper";
import { type Double, type Doubles, resolveDoubles } from "./doubles";
import { IdentifierIndex } from "./duplicates";
import { IndexSet } from "./indexSet";
import type { Merges } from "./merge";
import { MAX_REQUEST_BYTES } from "./pack";
import { LaterPrints, Prints } from "./prints";
import { type Share, shareHash } from "./share";
import { ShareDigests, type Verdict } from "./shareDigests";
import { Statements } from "./statements";

/** What is wanted of a source, besides its digest. */
export interface Reading {
  readonly patterns: readonly string[];
  readonly transform: string | undefined;
  /** Cells of CSV that mean nothing. */
  readonly nullText?: readonly string[] | undefined;
  /** Whether the records of a user in several files are one; else the last one counts. */
  readonly merge?: boolean | undefined;
  readonly unsupportedPasswordHash: UnsupportedPasswordHash;
  /** Among how many batches the users are divided. */
  readonly batches: number;
  /** For fingerprints; not known at the first preview, nor to the ImportKey. */
  readonly key: string | undefined;
  /** Whether every record is checked, as a first preview does; else each as it is sent. */
  readonly validate: boolean;
}

/** A source that has been read through once, with what was found meanwhile: some 50 bytes a record, no personal data. */
export interface ReadSource {
  /** Its records say what those of earlier files say, where they are merged. */
  readonly source: Source;
  /** What there is to say of the files. */
  readonly remarks: readonly Remark[];
  /** The share's records, in order, without those of which a later file has the same user. */
  indicesOf(share: Share): Uint32Array;
  /** Digest of all that the source says to a share: see `ShareDigests`. Of a source in one share it is the source's own. */
  shareDigest(index: number): string;
  /** Set where the record stands for a user whom an earlier record has. */
  doubleAt(index: number): Double | undefined;
  /** Who the user is, and what the record says: of a share's record, after `withPrints` of that share. */
  identity(index: number): Fingerprint;
  record(index: number): Fingerprint;
  /** 32 bits of a hash of the `user_id` that the record states; `undefined` where it states none. */
  userIdHash(index: number): number | undefined;
  /** Whether the record was checked, and found wrong. `undefined` where it was not checked. */
  isInvalid(index: number): boolean | undefined;
  /** Size of the record as an insert job sends it, in bytes; where it was checked. */
  insertBytes(index: number, generateUserIds: boolean): number;
  /** What there is to say of it besides its errors; where it was checked. */
  readonly notes: Tallied;
  /** What its records say of roles and organizations, those that are merged together. */
  readonly statements: Statements;
  /** The same for a share, with fingerprints under the key. Where the source was read without it, its records are read again. */
  withPrints(key: string, share: Share): Promise<ReadSource>;
}

/** Reads a source through, and holds what is found meanwhile. */
export class SourceReader {
  readonly #shareHashes = new Column((length) => new Uint32Array(length));
  /** 1 where the record states a `user_id`; it is then what the share's hash is of. */
  readonly #withId = new Column((length) => new Uint8Array(length));
  readonly #sentBytes = new Column((length) => new Uint32Array(length));
  readonly #invalid = new IndexSet();
  readonly #tally: Tally;
  readonly #helper: CheckHelper;
  /** Records that seem to have an identifier of an earlier one, and those earlier ones. */
  readonly #suspects = new IndexSet();
  readonly #prints: Prints | undefined;
  readonly #digests: ShareDigests | undefined;
  readonly #statements = new Statements();

  private constructor(private readonly reading: Reading) {
    this.#prints = reading.key === undefined ? undefined : new Prints(reading.key);
    this.#digests = reading.batches === 1 ? undefined : new ShareDigests(reading.batches);
    this.#tally = new Tally(reading.unsupportedPasswordHash);
    this.#helper = new CheckHelper(reading.unsupportedPasswordHash, (first, { sizes, wrong, tallied }) => {
      for (const [i, bytes] of sizes.entries()) this.#setChecked(first + i, bytes, false);
      for (const i of wrong) this.#invalid.add(first + i);
      this.#tally.add(tallied);
    });
  }

  static async read(reading: Reading): Promise<ReadSource> {
    const reader = new SourceReader(reading);
    const opened = await reader.#readThrough();
    const { source, overridden, doubles, merges, remarks } = await reader.#resolve(opened);
    const divided = new Map<number, Uint32Array[]>();
    const indicesOf = ({ index, count }: Share) => {
      const known = divided.get(count) ?? reader.#divide(source.users, count, overridden);
      divided.set(count, known);
      return known[index] as Uint32Array;
    };
    const counts = (index: number) => !overridden.has(index) && !doubles.has(index);
    const { key, batches: count } = reading;
    reader.#mergeRecords(source.users, merges);
    for (let index = 0; index < count; index++) {
      await reader.#prints?.partCollisions(source, indicesOf({ index, count }), counts);
    }
    const digests = reader.#digests?.end(
      verdicts(source.users, reader.#shareHashes, count, overridden, doubles, reading.merge),
    );
    const later = new Map<string, LaterPrints>();
    const printsOf = async (wanted: string, share: Share): Promise<Prints> => {
      if (reader.#prints !== undefined && wanted === key && share.count === count) return reader.#prints;
      const of = { source, indicesOf, counts, merges };
      const known = later.get(`${share.count} ${wanted}`) ?? new LaterPrints(wanted, of);
      later.set(`${share.count} ${wanted}`, known);
      return known.ofShare(share);
    };
    const read: ReadSource = {
      source,
      remarks,
      indicesOf,
      shareDigest: (index) => digests?.[index] ?? source.digest,
      doubleAt: (index) => doubles.get(index),
      identity: unprinted,
      record: unprinted,
      userIdHash: (index) => (reader.#withId.at(index) === 1 ? reader.#shareHashes.at(index) : undefined),
      notes: reader.#tally,
      statements: reader.#statements,
      isInvalid: (index) => (reading.validate ? reader.#invalid.has(index) : undefined),
      insertBytes: (index, generateUserIds) => {
        const sent = reader.#sentBytes.at(index);
        return Math.floor(sent / 2) + (generateUserIds && sent % 2 === 1 ? GENERATED_ID_BYTES : 0);
      },
      withPrints: async (wanted, share) => {
        const prints = await printsOf(wanted, share);
        return { ...read, identity: (index) => prints.identity(index), record: (index) => prints.record(index) };
      },
    };
    return read;
  }

  /** The index of identifiers takes as much memory as all that is kept of the source, and lives no longer than this. */
  async #readThrough(): Promise<Source> {
    const { patterns, transform, nullText, merge } = this.reading;
    const identifiers = new IdentifierIndex();
    try {
      const cwd = process.cwd();
      const source = await openSource(patterns, cwd, {
        transform,
        nullText,
        merge,
        notesKeysTwice: true,
        root: projectFolder(cwd),
        onRecord: (record, text) => this.#take(record, text, identifiers),
      });
      await this.#checkHere(source, await this.#helper.end()).catch(async (error: unknown) => {
        await source.close();
        throw error;
      });
      return source;
    } finally {
      await this.#helper.stop();
    }
  }

  /** Which records count, and as what. What was found of those that are merged is found anew. */
  async #resolve(opened: Source): Promise<Doubles> {
    try {
      const found = await resolveDoubles(opened, this.#suspects, this.reading.merge);
      const { source, merges } = found;
      if (!this.reading.validate || found.overridden.size === 0) return found;
      const isPart = (index: number) => found.overridden.has(index) || merges.earlierThan(index).length > 0;
      await opened.show(isPart, ({ user }, text) => this.#tally.withdraw(user, text));
      for await (const { index, user, problem } of source.records((each) => merges.earlierThan(each).length > 0)) {
        this.#invalid.delete(index);
        this.#sentBytes.set(index, this.#sentBytes.at(index) % 2);
        this.#check(index, user, problem !== undefined);
      }
      return found;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  #mergeRecords(users: number, merges: Merges): void {
    if (merges.isEmpty) return;
    // From the end: what is known of earlier records is still their own.
    for (let index = users - 1; index >= 0; index--) {
      const earlier = merges.earlierThan(index);
      if (earlier.length === 0) continue;
      this.#prints?.merge(index, earlier);
      this.#statements.merge(index, earlier);
    }
  }

  #take(
    { index, user: asItStands, raw, problem }: SourceRecord,
    text: Buffer | undefined,
    identifiers: IdentifierIndex,
  ): void {
    const { validate, batches } = this.reading;
    const { user } = prepareUser(asItStands, this.reading.unsupportedPasswordHash);
    const identity = identityOf(user);
    // Where the transform failed there is no user; the batches share out these records, too.
    const hash = problem === undefined ? shareHash(user, identity) : shareHash(raw);
    this.#shareHashes.set(index, hash);
    if (problem === undefined && identity?.startsWith(BY_USER_ID)) this.#withId.set(index, 1);
    if (problem === undefined && identity !== undefined) this.#statements.take(index, asItStands);
    for (const { earlier } of identifiers.add(index, claimant(asItStands, user)))
      this.#suspects.add(index).add(earlier);
    if (validate) {
      // The lowest bit says whether an id is still to be made up.
      this.#sentBytes.set(index, user.user_id === undefined ? 1 : 0);
      if (text === undefined || !this.#helper.take(index, text))
        this.#check(index, asItStands, problem !== undefined, text);
    }
    if (this.#prints === undefined && this.#digests === undefined) return;
    const json = text ?? Buffer.from(jsonText(asItStands));
    this.#digests?.add(hash % batches, problem === undefined ? json : jsonText([problem.message, raw]));
    this.#prints?.take(index, identity, json);
  }

  /** Checks what the other thread was to check. */
  async #checkHere(source: Source, ranges: readonly RecordRange[]): Promise<void> {
    if (ranges.length === 0) return;
    await source.show(numbersIn(ranges), ({ index, user }, text) => this.#check(index, user, false, text));
  }

  #check(index: number, asItStands: User, hasProblem: boolean, text?: Buffer): void {
    const { bytes, isWrong } = this.#tally.check(asItStands, text);
    this.#setChecked(index, bytes, isWrong || hasProblem);
  }

  #setChecked(index: number, bytes: number, isWrong: boolean): void {
    if (isWrong || bytes > MAX_REQUEST_BYTES) this.#invalid.add(index);
    this.#sentBytes.set(index, this.#sentBytes.at(index) + 2 * bytes);
  }

  /** The records of each share. */
  #divide(users: number, count: number, overridden: IndexSet): Uint32Array[] {
    const shares = Array.from({ length: count }, () => new Column((length) => new Uint32Array(length)));
    const sizes = new Uint32Array(count);
    for (let index = 0; index < users; index++) {
      if (overridden.has(index)) continue;
      const share = this.#shareHashes.at(index) % count;
      (shares[share] as Column<Uint32Array>).set(sizes[share] as number, index);
      sizes[share] = (sizes[share] as number) + 1;
    }
    return shares.map((share, i) => share.copy(sizes[i] as number));
  }
}

function unprinted(): never {
  throw new Error("There are no fingerprints without the key.");
}

/** Which records of a share don't count, and why. */
function verdicts(
  users: number,
  shareHashes: Column<Uint32Array>,
  count: number,
  overridden: IndexSet,
  doubles: ReadonlyMap<number, Double>,
  merge = false,
): (share: number) => readonly Verdict[] {
  const found = Array.from({ length: count }, (): Verdict[] => []);
  const sizes = new Uint32Array(count);
  // Hardly any source has some.
  for (let index = 0; index < (overridden.size + doubles.size > 0 ? users : 0); index++) {
    const share = shareHashes.at(index) % count;
    const number = sizes[share] as number;
    sizes[share] = number + 1;
    const verdict = overridden.has(index) ? (merge ? "merged" : "overridden") : doubles.get(index)?.attribute;
    if (verdict !== undefined) found[share]?.push({ number, verdict });
  }
  return (share) => found[share] ?? [];
}

function* numbersIn(ranges: readonly RecordRange[]): Generator<number> {
  for (const { first, records } of ranges) for (let i = 0; i < records; i++) yield first + i;
}

/** How the identity begins of a user who has an id. */
const BY_USER_ID = "user_id:";

/** `,"user_id":"…"` */
const GENERATED_ID_BYTES = 37;
