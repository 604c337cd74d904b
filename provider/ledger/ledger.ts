import {
  type KnownRecord,
  mostBytes,
  partBytes,
  readParts,
  readRecordFingerprint,
  writeParts,
  writeRecordFingerprint,
} from "./entry";
import { shapeOf01 } from "./entry01";
import { type Fingerprint, NO_RECORD } from "./fingerprint";
import { FingerprintTable } from "./fingerprintTable";
import { fixedBytes, hasGiven, type Shape, shapeDiffers, shapeOf, unshaped } from "./shape";
import { LONGEST_VARINT, readVarint, writeVarint } from "./varint";

/**
 * What is known of one user. In the tenant, since an earlier import (`imported`) or brought there by the one that is
 * going on or ended last (`inserted`, `updated`), or there before the first import and taken as it was (`adopted`).
 * Never imported, with Auth0's code (`failed`). In the tenant, and the last update failed (`outdated`). In the tenant,
 * and no longer in the source (`removed`).
 */
export type UserState =
  | "imported"
  | "inserted"
  | "updated"
  | "adopted"
  | `failed:${string}`
  | `outdated:${string}`
  | "removed";

/** Auth0's code, where the record that was sent last failed. */
export function failureCode(state: UserState | undefined): string | undefined {
  return state?.match(/^(?:failed|outdated):(.*)$/s)?.[1];
}

/** Whether the user is not in the tenant, as far as is known. */
export function neverIn(state: UserState): boolean {
  return state.startsWith("failed:");
}

/** What an import brings, or finds. */
const BROUGHT = ["inserted", "updated", "adopted"] as const satisfies readonly UserState[];

/** Whether the import that is going on, or ended last, brought the user to what they are. */
export function isBrought<S extends string>(state: S): state is S & (typeof BROUGHT)[number] {
  return (BROUGHT as readonly string[]).includes(state);
}

/** One user's line in the ledger. */
export interface LedgerEntry extends KnownRecord {
  readonly state: UserState;
}

/** How a user stands, for a record that is as it was. */
export interface Standing {
  readonly state: UserState;
  readonly differs: boolean;
}

const VERSION = 4;

/** That of 0.1. */
const VERSION_01 = 2;

/** A ledger as the state keeps it: base64, in pieces; in one, where a version wrote it that did not divide it. */
export type EncodedLedger = readonly string[] | string;

/**
 * Characters of a piece. Pulumi's Node SDK writes a text byte by byte into an array that grows: for a ledger in one piece
 * that takes thirty times its memory.
 */
const PIECE = 2 ** 14;

/** Of a row in memory: the number of its kind, before the parts. */
const ROW_HEAD_BYTES = 4;

/** What is known of a user at a glance: without their fingerprints, and shared by all who have the same. */
export interface Glance extends Pick<KnownRecord, "origin" | "hasOtherId"> {
  readonly state: UserState;
  /** 0 where it is not known. */
  readonly run: number;
  /** Whether the tenant had all that the record said, as far as is known. */
  readonly hadAll: boolean;
}

/** All that is known of a user and is no fingerprint: many users have the same. */
interface Kind {
  readonly shape: Shape;
  readonly state: UserState;
  /** 0 where no run is known. */
  readonly run: number;
  /** Of the parts, but for what was given. */
  readonly bytes: number;
}

/** A kind as the ledger writes it. */
type WrittenKind = readonly [...shape: Shape, run: number, state: UserState];

/**
 * What is known of each user of a batch, kept in the stack's state and handed to the next run.
 *
 * Encoded in columns, in the order of the identities' fingerprints: the distances between these as varints (6 bytes a
 * user in a batch of some thousand, 5 in one of a million), the kind of each as a number, the most frequent ones lowest
 * (1 byte), and the fingerprints: 5 bytes for the record, 5 for an email that is not the identity, 3 for each group of
 * attributes. A typical user (an id, an email, a profile, both kinds of metadata, a hash) takes 29 bytes, and 39 in base64.
 * Where the tenant had something else than the file said, 3 for each such group (5 for the email); what was given takes a
 * byte, and one for each. All fingerprints are keyed by the import's key, a secret; without it the ledger says nothing of
 * anybody.
 *
 * Odds: two of a million users in one batch have the same fingerprint of identity with a probability of 1 in 9,000
 * (1 in 2 million for 62,500). Inside one source that is found, and the later user goes under a second fingerprint;
 * against a user who left the source it shows as a changed email, and nothing is sent. A changed record is taken for
 * unchanged with 2^-40, and a changed group of a changed record with 2^-24.
 */
export class Ledger {
  readonly #offsets: FingerprintTable;
  #rows = Buffer.alloc(4096);
  #end = 0;
  #kinds: Kind[] = [];
  readonly #glances = new WeakMap<Kind, Glance>();
  /** The number of each kind, by its text. */
  readonly #numbers = new Map<string, number>();

  /** @param users how many there will be at least, where that is known. */
  constructor(users = 0) {
    this.#offsets = new FingerprintTable(users);
  }

  get size(): number {
    return this.#offsets.size;
  }

  has(identity: Fingerprint): boolean {
    return this.#offsets.get(identity) !== undefined;
  }

  get(identity: Fingerprint): LedgerEntry | undefined {
    const offset = this.#offsets.get(identity);
    if (offset === undefined) return undefined;
    const { shape, state, run } = this.#kindAt(offset);
    const known = readParts(shape, this.#rows, offset + ROW_HEAD_BYTES);
    return { ...known, ...(run === 0 ? {} : { run }), state };
  }

  /** The same at a glance: asked of a million users, it makes no object for each. */
  glance(identity: Fingerprint): Glance | undefined {
    const offset = this.#offsets.get(identity);
    if (offset === undefined) return undefined;
    const kind = this.#kindAt(offset);
    const known = this.#glances.get(kind) ?? glanceOf(kind);
    this.#glances.set(kind, known);
    return known;
  }

  stateOf(identity: Fingerprint): UserState {
    return this.#kindAt(this.#offsets.get(identity) as number).state;
  }

  /** How the user stands, where the record is the one that was dealt with last; else `undefined`. */
  standing(identity: Fingerprint, record: Fingerprint): Standing | undefined {
    const offset = this.#offsets.get(identity);
    if (offset === undefined || readRecordFingerprint(this.#rows, offset + ROW_HEAD_BYTES) !== record) return undefined;
    const { shape, state } = this.#kindAt(offset);
    return { state, differs: shapeDiffers(shape) };
  }

  set(identity: Fingerprint, entry: LedgerEntry): void {
    const shape = shapeOf(entry);
    const most = ROW_HEAD_BYTES + mostBytes(shape, entry);
    while (this.#end + most > this.#rows.length) {
      this.#rows = Buffer.concat([this.#rows, Buffer.alloc(this.#rows.length)]);
    }
    // A row that was there before is abandoned: few users change in one run.
    this.#offsets.set(identity, this.#end);
    const at = this.#rows.writeUInt32BE(this.#numberOf(shape, entry.state, entry.run ?? 0), this.#end);
    this.#end = writeParts(shape, entry, this.#rows, at);
  }

  setState(identity: Fingerprint, state: UserState): void {
    const offset = this.#offsets.get(identity);
    if (offset === undefined) return;
    const { shape, run } = this.#kindAt(offset);
    this.#rows.writeUInt32BE(this.#numberOf(shape, state, run), offset);
  }

  delete(identity: Fingerprint): void {
    this.#offsets.delete(identity);
  }

  /** Marks records that failed to be sent again, though they did not change: all of them, or one user's. */
  resendFailed(only?: Fingerprint): void {
    for (const identity of only === undefined ? this.identities() : [only]) {
      const offset = this.#offsets.get(identity);
      if (offset !== undefined && failureCode(this.#kindAt(offset).state) !== undefined) {
        writeRecordFingerprint(NO_RECORD, this.#rows, offset + ROW_HEAD_BYTES);
      }
    }
  }

  /** A new import begins: what the last one brought is what was there before. */
  beginImport(): void {
    this.#kinds = this.#kinds.map((kind) => (isBrought(kind.state) ? { ...kind, state: "imported" } : kind));
    this.#numbers.clear();
    // Of two kinds that are one now, either will do.
    for (const [number, { shape, state, run }] of this.#kinds.entries()) {
      this.#numbers.set(textOf(shape, run, state), number);
    }
  }

  /** How many are in the tenant, as far as is known. */
  usersInTenant(): number {
    let users = 0;
    for (const identity of this.identities()) if (!neverIn(this.stateOf(identity))) users++;
    return users;
  }

  /** The runs that last wrote somebody, in ascending order. */
  runs(): number[] {
    const runs = new Set<number>();
    for (const identity of this.identities()) runs.add(this.#kindAt(this.#offsets.get(identity) as number).run);
    runs.delete(0);
    return [...runs].sort((a, b) => a - b);
  }

  /** In ascending order. */
  identities(): Float64Array {
    return this.#offsets.sortedKeys();
  }

  encode(): string[] {
    const identities = this.identities();
    const users = identities.length;
    const { kinds, written } = this.#writtenKinds(identities);
    const distances = Buffer.alloc(LONGEST_VARINT * users);
    const kindNumbers = Buffer.alloc(LONGEST_VARINT * users);
    const parts = Buffer.alloc(this.#end);
    const ends = { distances: 0, kindNumbers: 0, parts: 0 };
    let before = 0;
    for (const identity of identities) {
      const offset = this.#offsets.get(identity) as number;
      ends.distances = writeVarint(distances, ends.distances, identity - before);
      ends.kindNumbers = writeVarint(kindNumbers, ends.kindNumbers, kinds[this.#rows.readUInt32BE(offset)] as number);
      const start = offset + ROW_HEAD_BYTES;
      ends.parts += this.#rows.copy(parts, ends.parts, start, start + this.#partBytes(this.#kindAt(offset), start));
      before = identity;
    }
    const header = Buffer.from(JSON.stringify({ users, kinds: written }));
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(VERSION, 0);
    head.writeUInt32BE(header.length, 1);
    const encoded = Buffer.concat([
      head,
      header,
      distances.subarray(0, ends.distances),
      kindNumbers.subarray(0, ends.kindNumbers),
      parts.subarray(0, ends.parts),
    ]).toString("base64");
    return encoded.match(PIECES) ?? [];
  }

  /** The kinds that users have, the most frequent ones first, and the number in that order of each of ours. */
  #writtenKinds(identities: Float64Array): { readonly kinds: Uint32Array; readonly written: WrittenKind[] } {
    const users = new Map<string, number>();
    const texts = this.#kinds.map(({ shape, run, state }) => textOf(shape, run, state));
    for (const identity of identities) {
      const text = texts[this.#rows.readUInt32BE(this.#offsets.get(identity) as number)] as string;
      users.set(text, (users.get(text) ?? 0) + 1);
    }
    const ordered = [...users].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([text]) => text);
    const numbers = new Map(ordered.map((text, number) => [text, number]));
    return {
      kinds: Uint32Array.from(texts, (text) => numbers.get(text) ?? 0),
      written: ordered.map((text) => {
        const { shape, run, state } = this.#kinds[texts.indexOf(text)] as Kind;
        return [...shape, run, state];
      }),
    };
  }

  /** @throws Error when another version of this package wrote it, or when it is not whole. */
  static decode(encoded: EncodedLedger): Ledger {
    const buffer = Buffer.from(typeof encoded === "string" ? encoded : encoded.join(""), "base64");
    const [version] = buffer;
    if (version !== undefined && version !== VERSION && version !== VERSION_01) {
      const writer = version > VERSION ? "a newer version" : "an unreleased version";
      throw new Error(
        `The state was written by ${writer} of pulumi-auth0-user-import (ledger version ${version}; this one reads ${VERSION}). Nothing was sent. Install the version that wrote it, or a later one, and run again.`,
      );
    }
    try {
      return Ledger.#decodeColumns(buffer);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
      throw new Error(
        "The state is damaged: the ledger of this batch is not whole, so what it has imported can't be told. Nothing was sent. Restore an earlier state (`pulumi stack export --version`, `pulumi stack import`) and run again.",
      );
    }
  }

  /** @throws RangeError, SyntaxError when something is missing, or too much. */
  static #decodeColumns(buffer: Buffer): Ledger {
    let at = HEAD_BYTES + buffer.readUInt32BE(1);
    const { users, kinds } = JSON.parse(buffer.toString("utf8", HEAD_BYTES, at)) as {
      users: number;
      kinds: (WrittenKind | [shape: number, state: UserState])[];
    };
    const next = (): number => {
      const [value, end] = readVarint(buffer, at);
      at = end;
      return value;
    };
    const identities = new Float64Array(users);
    let before = 0;
    for (let row = 0; row < users; row++) {
      before += next();
      identities[row] = before;
    }
    const kindNumbers = Uint32Array.from({ length: users }, next);

    const ledger = new Ledger(users);
    const numbers = kinds.map((kind) =>
      kind.length === 2
        ? ledger.#numberOf(shapeOf01(kind[0], kind[1]), kind[1], 0)
        : ledger.#numberOf([kind[0], kind[1], kind[2]], kind[4], kind[3]),
    );
    ledger.#rows = Buffer.alloc(Math.max(4096, buffer.length - at + users * ROW_HEAD_BYTES));
    for (let row = 0; row < users; row++) {
      const number = numbers[kindNumbers[row] as number];
      if (number === undefined) throw new RangeError("there is no such kind");
      const { shape } = ledger.#kinds[number] as Kind;
      const length = partBytes(shape, buffer, at);
      if (at + length > buffer.length) throw new RangeError("ends within a user");
      ledger.#offsets.set(identities[row] as number, ledger.#end);
      const start = ledger.#rows.writeUInt32BE(number, ledger.#end);
      ledger.#end = start + buffer.copy(ledger.#rows, start, at, at + length);
      at += length;
    }
    if (at !== buffer.length) throw new RangeError(`${buffer.length - at} bytes are left`);
    return ledger;
  }

  /** The numbers of the runs that last wrote somebody, 0 for those whose run is not known; told without reading the users. */
  static runsIn(encoded: EncodedLedger): ReadonlySet<number> {
    const pieces = typeof encoded === "string" ? [encoded] : encoded;
    let head = Buffer.alloc(0);
    let end = HEAD_BYTES;
    for (const piece of pieces) {
      head = Buffer.concat([head, Buffer.from(piece, "base64")]);
      if (head.length >= HEAD_BYTES) end = HEAD_BYTES + head.readUInt32BE(1);
      if (head.length >= end) break;
    }
    const { kinds } = JSON.parse(head.toString("utf8", HEAD_BYTES, end)) as {
      kinds: (WrittenKind | [number, UserState])[];
    };
    return new Set(kinds.map((kind) => (kind.length === 2 ? 0 : kind[3])));
  }

  #kindAt(offset: number): Kind {
    return this.#kinds[this.#rows.readUInt32BE(offset)] as Kind;
  }

  #partBytes({ shape, bytes }: Kind, start: number): number {
    return hasGiven(shape) ? partBytes(shape, this.#rows, start) : bytes;
  }

  #numberOf(shape: Shape, state: UserState, run: number): number {
    const text = textOf(shape, run, state);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#kinds.push({ shape, state, run, bytes: fixedBytes(shape) }) - 1;
    this.#numbers.set(text, number);
    return number;
  }
}

const HEAD_BYTES = 5;

const PIECES = new RegExp(`.{1,${PIECE}}`, "g");

function glanceOf({ shape, state, run }: Kind): Glance {
  const { attributes, had, origin, hasOtherId } = unshaped(shape);
  const isOutdated = failureCode(state) !== undefined;
  return {
    ...{ state, run },
    hadAll: !shapeDiffers(shape) && !isOutdated && had === undefined && attributes.unknown === undefined,
    ...(origin === undefined ? {} : { origin }),
    ...(hasOtherId ? { hasOtherId } : {}),
  };
}

/** Tells one kind from another. */
function textOf(shape: Shape, run: number, state: UserState): string {
  return `${shape.join()},${run},${state}`;
}
