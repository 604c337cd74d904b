import {
  type Attributes,
  BOOLEANS,
  type BooleanAttribute,
  GROUPS,
  type Group,
  PROFILE,
  type ProfileAttribute,
  printBits,
  type Truth,
} from "./attributes";
import { type Fingerprint, RECORD_BITS } from "./fingerprint";

/** What is known of a record that was dealt with, and of its user. */
export interface KnownRecord {
  /** The record that was dealt with last, by its bytes. */
  readonly record: Fingerprint;
  /** What the tenant has of the user; of one who never got in, what the record said that failed. */
  readonly attributes: Attributes;
  /** Whether the record says what the tenant does not have, because an upsert can't bring it there. */
  readonly differs: boolean;
  /** All that the record said whose update failed. */
  readonly attempt?: Fingerprint;
  /** Whether we brought the user, or they were there before us. Not known of users in states of 0.1. */
  readonly origin?: Origin;
  /** Whether the user came in with a custom hash: no upsert can give one to anybody else. */
  readonly broughtHash?: boolean;
  /** Whether Auth0 has refused the record's hash, as the user has a password of their own by now. */
  readonly passwordSet?: boolean;
}

/** How a user came to be in the connection. */
export type Origin = (typeof ORIGINS)[number];
const ORIGINS = ["inserted", "adopted"] as const;

// A known record in bytes, as the ledger and the journal keep it: a number that tells which parts there are (its
// shape), then the parts.

const BOOLEAN_BITS = 2;
/** What the two bits of a boolean mean; none where nothing is said of it. */
const TRUTHS: readonly (Truth | undefined)[] = [undefined, false, "unknown", true];
const PROFILE_AT = GROUPS.length;
const BOOLEANS_AT = PROFILE_AT + PROFILE.length;
const DIFFERS_AT = BOOLEANS_AT + BOOLEAN_BITS * BOOLEANS.length;
const ATTEMPT_AT = DIFFERS_AT + 1;
/** Two bits: none where it is not known. */
const ORIGIN_AT = ATTEMPT_AT + 1;
const BROUGHT_HASH_AT = ORIGIN_AT + 2;
const PASSWORD_SET_AT = BROUGHT_HASH_AT + 1;

const RECORD_BYTES = RECORD_BITS / 8;

/** Which parts a known record has; 26 bits. */
export function shapeOf({ attributes, differs, attempt, origin, broughtHash, passwordSet }: KnownRecord): number {
  let shape = 0;
  for (const [i, group] of GROUPS.entries()) if (attributes.prints[group] !== undefined) shape |= 1 << i;
  for (const attribute of attributes.profile) shape |= 1 << (PROFILE_AT + PROFILE.indexOf(attribute));
  for (const [i, attribute] of BOOLEANS.entries()) {
    shape |= TRUTHS.indexOf(attributes.booleans[attribute]) << (BOOLEANS_AT + BOOLEAN_BITS * i);
  }
  if (differs) shape |= 1 << DIFFERS_AT;
  if (attempt !== undefined) shape |= 1 << ATTEMPT_AT;
  if (origin !== undefined) shape |= (1 + ORIGINS.indexOf(origin)) << ORIGIN_AT;
  if (broughtHash) shape |= 1 << BROUGHT_HASH_AT;
  if (passwordSet) shape |= 1 << PASSWORD_SET_AT;
  return shape;
}

export function shapeDiffers(shape: number): boolean {
  return ((shape >> DIFFERS_AT) & 1) === 1;
}

const GROUP_BYTES = GROUPS.map((group) => printBits(group) / 8);

/** How many bytes the parts of a known record of this shape take. */
export function partBytes(shape: number): number {
  let bytes = RECORD_BYTES;
  if ((shape >> ATTEMPT_AT) & 1) bytes += RECORD_BYTES;
  for (let i = 0; i < GROUP_BYTES.length; i++) if ((shape >> i) & 1) bytes += GROUP_BYTES[i] as number;
  return bytes;
}

/** The record's fingerprint alone: it comes first. */
export function readRecordFingerprint(buffer: Buffer, offset: number): Fingerprint {
  return buffer.readUIntBE(offset, RECORD_BYTES);
}

export function writeRecordFingerprint(record: Fingerprint, buffer: Buffer, offset: number): void {
  buffer.writeUIntBE(record, offset, RECORD_BYTES);
}

/** @returns the offset behind it. */
export function writeParts(known: KnownRecord, buffer: Buffer, offset: number): number {
  let at = buffer.writeUIntBE(known.record, offset, RECORD_BYTES);
  if (known.attempt !== undefined) at = buffer.writeUIntBE(known.attempt, at, RECORD_BYTES);
  for (const [i, group] of GROUPS.entries()) {
    const print = known.attributes.prints[group];
    if (print !== undefined) at = buffer.writeUIntBE(print, at, GROUP_BYTES[i] as number);
  }
  return at;
}

/**
 * A known record in bytes, with its shape in front, each byte a character: of the thousands of users in each job on its
 * way, objects would take ten times the memory.
 */
export type PackedRecord = string;

const SHAPE_BYTES = 4;

export function packRecord(known: KnownRecord): PackedRecord {
  const shape = shapeOf(known);
  const buffer = Buffer.allocUnsafe(SHAPE_BYTES + partBytes(shape));
  writeParts(known, buffer, buffer.writeUInt32BE(shape, 0));
  return buffer.toString("latin1");
}

export function unpackRecord(packed: PackedRecord): KnownRecord {
  const buffer = Buffer.from(packed, "latin1");
  return readParts(buffer.readUInt32BE(0), buffer, SHAPE_BYTES);
}

/** How long the packed record is that begins here. */
export function packedLength(buffer: Buffer, offset: number): number {
  return SHAPE_BYTES + partBytes(buffer.readUInt32BE(offset));
}

export function readParts(shape: number, buffer: Buffer, offset: number): KnownRecord {
  const has = (bit: number) => ((shape >> bit) & 1) === 1;
  let at = offset;
  const read = (bytes: number): Fingerprint => {
    at += bytes;
    return buffer.readUIntBE(at - bytes, bytes);
  };
  const record = read(RECORD_BYTES);
  const attempt = has(ATTEMPT_AT) ? { attempt: read(RECORD_BYTES) } : {};
  const prints: { [G in Group]?: Fingerprint } = {};
  for (const [i, group] of GROUPS.entries()) if (has(i)) prints[group] = read(GROUP_BYTES[i] as number);
  const profile: ProfileAttribute[] = PROFILE.filter((_, i) => has(PROFILE_AT + i));
  const booleans: { [B in BooleanAttribute]?: Truth } = {};
  for (const [i, attribute] of BOOLEANS.entries()) {
    const truth = TRUTHS[(shape >> (BOOLEANS_AT + BOOLEAN_BITS * i)) & 3];
    if (truth !== undefined) booleans[attribute] = truth;
  }
  const origin = ORIGINS[((shape >> ORIGIN_AT) & 3) - 1];
  return {
    record,
    attributes: { prints, profile, booleans },
    differs: has(DIFFERS_AT),
    ...attempt,
    ...(origin === undefined ? {} : { origin }),
    ...(has(BROUGHT_HASH_AT) ? { broughtHash: true } : {}),
    ...(has(PASSWORD_SET_AT) ? { passwordSet: true } : {}),
  };
}

/** The shape in a state of 0.1, which did not keep who brought a hash: whose hash it told may have one that can change. */
export function shapeOf01(shape: number): number {
  return (shape >> GROUPS.indexOf("custom_password_hash")) & 1 ? shape | (1 << BROUGHT_HASH_AT) : shape;
}
