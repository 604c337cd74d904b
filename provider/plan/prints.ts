import { jsonText } from "../json/exactNumber";
import {
  contentFingerprint,
  type Fingerprint,
  identityFingerprint,
  NO_IDENTITY,
  RECORD_BITS,
  RecordHasher,
  secondIdentityFingerprint,
} from "../ledger/fingerprint";
import { identityOf, normalizeUser } from "../schema/identity";
import type { Source } from "../source";
import { Column } from "../source/column";
import type { Merges } from "./merge";
import type { Share } from "./share";
import { sharersOf } from "./sharers";

/** Fingerprints under one key of who the users of a source are, and of what their records say. */
export class Prints {
  readonly #identities = new Column((length) => new Float64Array(length));
  readonly #records = new Column((length) => new Float64Array(length));
  readonly #hasher: RecordHasher;

  constructor(private readonly key: string) {
    this.#hasher = new RecordHasher(key);
  }

  identity(index: number): Fingerprint {
    return this.#identities.at(index);
  }

  record(index: number): Fingerprint {
    return this.#records.at(index);
  }

  /** @param text the user as JSON, as it stands in the file where it stands so. */
  take(index: number, identity: string | undefined, text: Buffer): void {
    this.#identities.set(index, identity === undefined ? NO_IDENTITY : identityFingerprint(this.key, identity));
    this.#records.set(index, this.#hasher.fingerprint(text));
  }

  /** A record says what others say, too; all of them taken. */
  merge(index: number, earlier: readonly number[]): void {
    if (earlier.length === 0) return;
    const records = [...earlier, index].map((each) => this.record(each));
    this.#records.set(index, contentFingerprint(this.key, "merged records", records, RECORD_BITS));
  }

  /**
   * Two users of one batch with the same fingerprint would be taken for one: all but the first go under a second one.
   *
   * @param indices a share's records, all of them taken.
   * @param counts whether a record counts: not one that another one keeps out.
   */
  async partCollisions(source: Source, indices: Uint32Array, counts: (index: number) => boolean): Promise<void> {
    const identities = Float64Array.from(indices, (index) => this.identity(index));
    const others = sharersOf(identities, (number) => counts(indices[number] as number)).map(
      (number) => indices[number],
    );
    if (others.length === 0) return;
    for await (const { index, user } of source.records(others as number[])) {
      const identity = identityOf(normalizeUser(user));
      if (identity !== undefined) this.#identities.set(index, secondIdentityFingerprint(this.key, identity));
    }
  }
}

/** What there is to know of a source that has been read through. */
export interface Divided {
  readonly source: Source;
  indicesOf(share: Share): Uint32Array;
  counts(index: number): boolean;
  readonly merges: Merges;
}

/**
 * Takes the fingerprints of a source that was read before its key was known: of the shares whose batches ask for them,
 * whose records are read again. Batches that ask while others are being served are served together.
 */
export class LaterPrints {
  readonly #prints: Prints;
  readonly #served = new Map<number, Promise<void>>();
  #asking: Share[] = [];
  /** When those who ask now are served, and those before them. */
  #next: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(
    key: string,
    private readonly of: Divided,
  ) {
    this.#prints = new Prints(key);
  }

  /** @throws SourceError when a file has changed since. */
  async ofShare(share: Share): Promise<Prints> {
    const served = this.#served.get(share.index) ?? this.#ask(share);
    this.#served.set(share.index, served);
    await served;
    return this.#prints;
  }

  #ask(share: Share): Promise<void> {
    this.#asking.push(share);
    if (this.#next === undefined) {
      this.#next = this.#last.then(() => this.#serve());
      this.#last = this.#next.catch(() => {});
    }
    return this.#next;
  }

  async #serve(): Promise<void> {
    const { source, indicesOf, counts, merges } = this.of;
    const shares = this.#asking.map((share) => indicesOf(share));
    this.#asking = [];
    this.#next = undefined;
    const parts = shares.map((indices) => partsOf(indices, merges));
    await source.show(ascending([...shares, ...parts]), ({ index, user }, text) => {
      const identity = identityOf(normalizeUser(user));
      this.#prints.take(index, identity, text ?? Buffer.from(jsonText(user)));
    });
    for (const index of merges.isEmpty ? [] : ascending(shares)) this.#prints.merge(index, merges.earlierThan(index));
    for (const indices of shares) await this.#prints.partCollisions(source, indices, counts);
  }
}

/** The records that those of a share are merged with. */
function partsOf(indices: Uint32Array, merges: Merges): Uint32Array {
  const parts: number[] = [];
  if (!merges.isEmpty) for (const index of indices) parts.push(...merges.earlierThan(index));
  return Uint32Array.from(parts);
}

/** The numbers of several lists, which have none in common. One that is alone ascends. */
function ascending(lists: readonly Uint32Array[]): Iterable<number> {
  const [first, ...others] = lists.filter(({ length }) => length > 0);
  if (first === undefined) return [];
  if (others.length === 0) return first;
  const all = new Uint32Array(first.length + others.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const numbers of [first, ...others]) {
    all.set(numbers, at);
    at += numbers.length;
  }
  return all.sort();
}
