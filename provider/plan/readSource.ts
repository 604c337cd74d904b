import { identityFingerprint, NO_IDENTITY, RecordHasher, secondIdentityFingerprint } from "../ledger/fingerprint";
import { identityOf, normalizeUser, type User } from "../schema/identity";
import { prepareUser, type UnsupportedPasswordHash } from "../schema/prepare";
import { type Tallied, Tally } from "../schema/tally";
import { openSource, projectFolder, type Source, type SourceRecord } from "../source";
import { Column } from "../source/column";
import { CheckHelper, type RecordRange } from "./checkHelper";
import { type Double, resolveDoubles } from "./doubles";
import { IdentifierIndex } from "./duplicates";
import { IndexSet } from "./indexSet";
import { MAX_REQUEST_BYTES } from "./pack";
import { type Share, shareHash } from "./share";
import { sharersOf } from "./sharers";

/** What is wanted of a source, besides its digest. */
export interface Reading {
  readonly patterns: readonly string[];
  readonly transform: string | undefined;
  /** For fingerprints; not known at the first preview. */
  readonly key: string | undefined;
  readonly unsupportedPasswordHash: UnsupportedPasswordHash;
  /** Whether every record is checked, as a first preview does; else each as it is sent. */
  readonly validate: boolean;
}

/** A source that has been read through once, with what was found meanwhile: some 50 bytes a record, no personal data. */
export interface ReadSource {
  readonly source: Source;
  /** The share's records, in order, without those of which a later file has the same user. */
  indicesOf(share: Share): Uint32Array;
  /** Set where the record stands for a user whom an earlier record has. */
  doubleAt(index: number): Double | undefined;
  /** Who the user is, and what the record says. Needs the key. */
  identity(index: number): number;
  record(index: number): number;
  /** 32 bits of a hash of the `user_id` that the record states; `undefined` where it states none. */
  userIdHash(index: number): number | undefined;
  /** Whether the record was checked, and found wrong. `undefined` where it was not checked. */
  isInvalid(index: number): boolean | undefined;
  /** Size of the record as an insert job sends it, in bytes; where it was checked. */
  insertBytes(index: number, generateUserIds: boolean): number;
  /** What there is to say of it besides its errors; where it was checked. */
  readonly notes: Tallied;
}

/** Reads a source through, and holds what is found meanwhile. */
export class SourceReader {
  readonly #shareHashes = new Column((length) => new Uint32Array(length));
  /** 1 where the record states a `user_id`; it is then what the share's hash is of. */
  readonly #withId = new Column((length) => new Uint8Array(length));
  readonly #identities = new Column((length) => new Float64Array(length));
  readonly #records = new Column((length) => new Float64Array(length));
  readonly #sentBytes = new Column((length) => new Uint32Array(length));
  readonly #invalid = new IndexSet();
  readonly #tally: Tally;
  readonly #helper: CheckHelper;
  /** Records that seem to have an identifier of an earlier one, and those earlier ones. */
  readonly #suspects = new IndexSet();
  readonly #hasher: RecordHasher | undefined;

  private constructor(private readonly reading: Reading) {
    this.#hasher = reading.key === undefined ? undefined : new RecordHasher(reading.key);
    this.#tally = new Tally(reading.unsupportedPasswordHash);
    this.#helper = new CheckHelper(reading.unsupportedPasswordHash, (first, { sizes, wrong, tallied }) => {
      for (const [i, bytes] of sizes.entries()) this.#setChecked(first + i, bytes, false);
      for (const i of wrong) this.#invalid.add(first + i);
      this.#tally.add(tallied);
    });
  }

  static async read(reading: Reading): Promise<ReadSource> {
    const reader = new SourceReader(reading);
    const source = await reader.#readThrough();
    const { overridden, doubles } = await resolveDoubles(source, reader.#suspects);
    await reader.#partCollisions(source, (index) => !overridden.has(index) && !doubles.has(index));
    const divided = new Map<number, Uint32Array[]>();
    return {
      source,
      indicesOf: ({ index, count }) => {
        const known = divided.get(count) ?? reader.#divide(source.users, count, overridden);
        divided.set(count, known);
        return known[index] as Uint32Array;
      },
      doubleAt: (index) => doubles.get(index),
      identity: (index) => reader.#identities.at(index),
      record: (index) => reader.#records.at(index),
      userIdHash: (index) => (reader.#withId.at(index) === 1 ? reader.#shareHashes.at(index) : undefined),
      notes: reader.#tally,
      isInvalid: (index) => (reading.validate ? reader.#invalid.has(index) : undefined),
      insertBytes: (index, generateUserIds) => {
        const sent = reader.#sentBytes.at(index);
        return Math.floor(sent / 2) + (generateUserIds && sent % 2 === 1 ? GENERATED_ID_BYTES : 0);
      },
    };
  }

  /** The index of identifiers takes as much memory as all that is kept of the source, and lives no longer than this. */
  async #readThrough(): Promise<Source> {
    const { patterns, transform } = this.reading;
    const identifiers = new IdentifierIndex();
    try {
      const cwd = process.cwd();
      const source = await openSource(patterns, cwd, {
        transform,
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

  #take(
    { index, user: asItStands, raw, problem }: SourceRecord,
    text: Buffer | undefined,
    identifiers: IdentifierIndex,
  ): void {
    const { key, validate } = this.reading;
    const { user } = prepareUser(asItStands, this.reading.unsupportedPasswordHash);
    const identity = identityOf(user);
    // Where the transform failed there is no user; the batches share out these records, too.
    this.#shareHashes.set(index, problem === undefined ? shareHash(user, identity) : shareHash(raw));
    if (problem === undefined && identity?.startsWith(BY_USER_ID)) this.#withId.set(index, 1);
    for (const { earlier } of identifiers.add(index, user)) this.#suspects.add(index).add(earlier);
    if (validate) {
      // The lowest bit says whether an id is still to be made up.
      this.#sentBytes.set(index, user.user_id === undefined ? 1 : 0);
      if (text === undefined || !this.#helper.take(index, text)) this.#check(index, asItStands, problem !== undefined);
    }
    if (key === undefined) return;
    this.#identities.set(index, identity === undefined ? NO_IDENTITY : identityFingerprint(key, identity));
    this.#records.set(
      index,
      (this.#hasher as RecordHasher).fingerprint(text ?? Buffer.from(JSON.stringify(asItStands))),
    );
  }

  /** Checks what the other thread was to check. */
  async #checkHere(source: Source, ranges: readonly RecordRange[]): Promise<void> {
    if (ranges.length === 0) return;
    for await (const { index, user } of source.records(numbersIn(ranges))) this.#check(index, user, false);
  }

  #check(index: number, asItStands: User, hasProblem: boolean): void {
    const { bytes, isWrong } = this.#tally.check(asItStands);
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

  /** Two users with the same fingerprint would be taken for one: all but the first go under a second fingerprint. */
  async #partCollisions(source: Source, counts: (index: number) => boolean): Promise<void> {
    const { key } = this.reading;
    if (key === undefined) return;
    const others = new Set(sharersOf(this.#identities.copy(source.users), counts));
    if (others.size === 0) return;
    for await (const { index, user } of source.records((each) => others.has(each))) {
      const identity = identityOf(normalizeUser(user));
      if (identity !== undefined) this.#identities.set(index, secondIdentityFingerprint(key, identity));
    }
  }
}

function* numbersIn(ranges: readonly RecordRange[]): Generator<number> {
  for (const { first, records } of ranges) for (let i = 0; i < records; i++) yield first + i;
}

/** How the identity begins of a user who has an id. */
const BY_USER_ID = "user_id:";

/** `,"user_id":"…"` */
const GENERATED_ID_BYTES = 37;
