import {
  type KnownRecord,
  partBytes,
  readParts,
  readRecordFingerprint,
  shapeDiffers,
  shapeOf,
  shapeOf01,
  writeParts,
  writeRecordFingerprint,
} from "./entry";
import { type Fingerprint, NO_RECORD } from "./fingerprint";
import { FingerprintTable } from "./fingerprintTable";

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

const VERSION = 3;

/** That of 0.1. */
const VERSION_01 = 2;

/** A ledger as the state keeps it: base64, in pieces; in one, where a version wrote it that did not divide it. */
export type EncodedLedger = readonly string[] | string;

/**
 * Characters of a piece. Pulumi's Node SDK writes a text byte by byte into an array that grows: for a ledger in one piece
 * that takes thirty times its memory.
 */
const PIECE = 2 ** 14;

/** Of a row in memory: its shape and the number of its state, before the parts. */
const ROW_HEAD_BYTES = 6;

/**
 * What is known of each user of a batch, kept in the stack's state and handed to the next run.
 *
 * Encoded in columns, in the order of the identities' fingerprints: the distances between these as varints (6 bytes a
 * user in a batch of some thousand, 5 in one of a million), the shape and state of each as the number of one that
 * occurs (1 byte), and the fingerprints: 5 bytes for the record, 5 for an email that is not the identity, 3 for each
 * group of attributes. A typical user (an id, an email, a profile, both kinds of metadata, a hash) takes 29 bytes, and
 * 39 in base64. All fingerprints are keyed by the import's key, a secret; without it the ledger says nothing of anybody.
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
  #states: UserState[] = [];

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
    const known = readParts(this.#rows.readUInt32BE(offset), this.#rows, offset + ROW_HEAD_BYTES);
    return { ...known, state: this.#stateAt(offset) };
  }

  stateOf(identity: Fingerprint): UserState {
    return this.#stateAt(this.#offsets.get(identity) as number);
  }

  /** How the user stands, where the record is the one that was dealt with last; else `undefined`. */
  standing(identity: Fingerprint, record: Fingerprint): Standing | undefined {
    const offset = this.#offsets.get(identity);
    if (offset === undefined || readRecordFingerprint(this.#rows, offset + ROW_HEAD_BYTES) !== record) return undefined;
    return { state: this.#stateAt(offset), differs: shapeDiffers(this.#rows.readUInt32BE(offset)) };
  }

  set(identity: Fingerprint, entry: LedgerEntry): void {
    const shape = shapeOf(entry);
    const bytes = ROW_HEAD_BYTES + partBytes(shape);
    if (this.#end + bytes > this.#rows.length)
      this.#rows = Buffer.concat([this.#rows, Buffer.alloc(this.#rows.length)]);
    this.#rows.writeUInt32BE(shape, this.#end);
    this.#rows.writeUInt16BE(this.#numberOf(entry.state), this.#end + 4);
    writeParts(entry, this.#rows, this.#end + ROW_HEAD_BYTES);
    // A row that was there before is abandoned: few users change in one run.
    this.#offsets.set(identity, this.#end);
    this.#end += bytes;
  }

  setState(identity: Fingerprint, state: UserState): void {
    const offset = this.#offsets.get(identity);
    if (offset !== undefined) this.#rows.writeUInt16BE(this.#numberOf(state), offset + 4);
  }

  delete(identity: Fingerprint): void {
    this.#offsets.delete(identity);
  }

  /** Marks records that failed to be sent again, though they did not change: all of them, or one user's. */
  resendFailed(only?: Fingerprint): void {
    for (const identity of only === undefined ? this.identities() : [only]) {
      const offset = this.#offsets.get(identity);
      if (offset !== undefined && failureCode(this.#stateAt(offset)) !== undefined) {
        writeRecordFingerprint(NO_RECORD, this.#rows, offset + ROW_HEAD_BYTES);
      }
    }
  }

  /** A new import begins: what the last one brought is what was there before. */
  beginImport(): void {
    this.#states = this.#states.map((state) => (isBrought(state) ? "imported" : state));
  }

  /** How many are in the tenant, as far as is known. */
  usersInTenant(): number {
    let users = 0;
    for (const identity of this.identities()) if (!neverIn(this.stateOf(identity))) users++;
    return users;
  }

  /** In ascending order. */
  identities(): Float64Array {
    return this.#offsets.sortedKeys();
  }

  encode(): string[] {
    const identities = this.identities();
    const users = identities.length;
    const kinds = new Map<string, number>();
    const distances = Buffer.alloc(LONGEST_VARINT * users);
    const kindNumbers = Buffer.alloc(LONGEST_VARINT * users);
    const parts = Buffer.alloc(this.#end);
    const ends = { distances: 0, kindNumbers: 0, parts: 0 };
    let before = 0;
    for (const identity of identities) {
      const offset = this.#offsets.get(identity) as number;
      const shape = this.#rows.readUInt32BE(offset);
      const kind = `${shape} ${this.#stateAt(offset)}`;
      let number = kinds.get(kind);
      if (number === undefined) {
        number = kinds.size;
        kinds.set(kind, number);
      }
      ends.distances = writeVarint(distances, ends.distances, identity - before);
      ends.kindNumbers = writeVarint(kindNumbers, ends.kindNumbers, number);
      const start = offset + ROW_HEAD_BYTES;
      ends.parts += this.#rows.copy(parts, ends.parts, start, start + partBytes(shape));
      before = identity;
    }
    const header = Buffer.from(JSON.stringify({ users, kinds: [...kinds.keys()].map(splitKind) }));
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
    const { users, kinds: asWritten } = JSON.parse(buffer.toString("utf8", HEAD_BYTES, at)) as {
      users: number;
      kinds: [shape: number, state: UserState][];
    };
    const is01 = buffer[0] === VERSION_01;
    const kinds = asWritten.map(([shape, state]): (typeof asWritten)[number] => [
      is01 ? shapeOf01(shape) : shape,
      state,
    ]);
    const readVarint = (): number => {
      let value = 0;
      for (let factor = 1; ; factor *= 128) {
        const byte = buffer[at++];
        if (byte === undefined) throw new RangeError("ends within a number");
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
    };
    const identities = new Float64Array(users);
    let before = 0;
    for (let row = 0; row < users; row++) {
      before += readVarint();
      identities[row] = before;
    }
    const kindNumbers = Uint32Array.from({ length: users }, readVarint);
    const bytes = kinds.map(([shape]) => partBytes(shape));
    const end = kindNumbers.reduce((sum, kind) => sum + (bytes[kind] ?? Number.NaN), at);
    if (end !== buffer.length) throw new RangeError(`${end} bytes are said, ${buffer.length} are there`);

    const ledger = new Ledger(users);
    const states = kinds.map(([, state]) => ledger.#numberOf(state));
    ledger.#rows = Buffer.alloc(Math.max(4096, buffer.length - at + users * ROW_HEAD_BYTES));
    for (let row = 0; row < users; row++) {
      const kind = kindNumbers[row] as number;
      const length = bytes[kind] as number;
      ledger.#rows.writeUInt32BE((kinds[kind] as [number, UserState])[0], ledger.#end);
      ledger.#rows.writeUInt16BE(states[kind] as number, ledger.#end + 4);
      buffer.copy(ledger.#rows, ledger.#end + ROW_HEAD_BYTES, at, at + length);
      ledger.#offsets.set(identities[row] as number, ledger.#end);
      ledger.#end += ROW_HEAD_BYTES + length;
      at += length;
    }
    return ledger;
  }

  #stateAt(offset: number): UserState {
    return this.#states[this.#rows.readUInt16BE(offset + 4)] as UserState;
  }

  #numberOf(state: UserState): number {
    const known = this.#states.indexOf(state);
    return known === -1 ? this.#states.push(state) - 1 : known;
  }
}

const HEAD_BYTES = 5;

const PIECES = new RegExp(`.{1,${PIECE}}`, "g");

function splitKind(kind: string): [shape: number, state: string] {
  const space = kind.indexOf(" ");
  return [Number(kind.slice(0, space)), kind.slice(space + 1)];
}

/** Of 52 bits. */
const LONGEST_VARINT = 8;

/** Seven bits a byte, the lowest first; by division, since it may be too large for shifts. Returns the offset behind. */
function writeVarint(buffer: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 128) {
    buffer[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  buffer[at++] = rest;
  return at;
}
