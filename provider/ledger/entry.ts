import {
  type Attributes,
  type BooleanAttribute,
  GROUPS,
  type Group,
  PROFILE,
  type ProfileAttribute,
  type Truth,
} from "./attributes";
import type { Fingerprint } from "./fingerprint";
import {
  fixedBytes,
  GROUP_BYTES,
  hasAttempt,
  hasGiven,
  printedGroups,
  RECORD_BYTES,
  type Shape,
  shapeOf,
  unshaped,
} from "./shape";
import { LONGEST_VARINT, readVarint, writeVarint } from "./varint";

/**
 * What is known of a record that was dealt with, and of its user.
 *
 * Of each group of attributes it is known what the file said when the group was last settled (F: `attributes`), and what
 * the tenant had then (W: `had`, where that is something else). Whether the file has changed a group is told by F alone;
 * whether the tenant has, by W.
 */
export interface KnownRecord {
  /** The record that was dealt with last, by its bytes. */
  readonly record: Fingerprint;
  /**
   * F. A group that changed in the file and could not be sent is not settled: it stays as it was. Of a user who never got
   * in, what the record said that failed.
   */
  readonly attributes: Attributes;
  /** W, where it is not F: of users who were adopted, or merged. Absent where the tenant had what the file said. */
  readonly had?: Had;
  /** Whether the record says what the tenant does not have, because an upsert can't bring it there. */
  readonly differs: boolean;
  /** All that the record said whose update failed. */
  readonly attempt?: Fingerprint;
  /**
   * Whether we brought the user, or they were there before us; for good. Not known of users in states of 0.1, unless they
   * were adopted last: who has an id that we made up was inserted by us.
   */
  readonly origin?: Origin;
  /** Whether the user came in with a custom hash: no upsert can give one to anybody else. */
  readonly broughtHash?: boolean;
  /** Whether Auth0 has refused the record's hash, as the user has a password of their own by now. */
  readonly passwordSet?: boolean;
  /** Whether the tenant knows the user by another id than the record says, or than we would make up: calls take that. */
  readonly hasOtherId?: boolean;
  /** The number of the batch's run (`Journal.runNumber`) that last wrote the user, brought or adopted them. */
  readonly run?: number;
  /**
   * Roles and memberships that we gave, as positions in a list that the outputs keep and that only grows; ascending, each
   * once.
   */
  readonly given?: readonly number[];
}

/** How a user came to be in the connection. */
export type Origin = "inserted" | "adopted";

/** What the tenant had, in what it was something else than the file said. At least one group or boolean. */
export interface Had {
  /** `null` where it had nothing, `unknown` where nobody knows. */
  readonly prints: { readonly [G in Group]?: Fingerprint | "unknown" | null };
  /** Which attributes of the profile it had, of those that the file has ever said; empty unless `prints` has the profile. */
  readonly profile: readonly ProfileAttribute[];
  /** `false` for what it did not have. */
  readonly booleans: { readonly [B in BooleanAttribute]?: Truth };
}

/** What is known of a user for good, whatever their record says. */
export function lastingOf(known: KnownRecord): Partial<KnownRecord> {
  const { origin, broughtHash, passwordSet, hasOtherId, run, given } = known;
  return {
    ...(origin === undefined ? {} : { origin }),
    ...(broughtHash ? { broughtHash } : {}),
    ...(passwordSet ? { passwordSet } : {}),
    ...(hasOtherId ? { hasOtherId } : {}),
    ...(run === undefined ? {} : { run }),
    ...(given === undefined ? {} : { given }),
  };
}

/** What the tenant had, without groups and booleans of which something else is known now. */
export function withoutHad(had: Had | undefined, settled: readonly (Group | BooleanAttribute)[]): Had | undefined {
  if (had === undefined) return undefined;
  const isLeft = ([name]: readonly [string, unknown]) => !(settled as readonly string[]).includes(name);
  const prints: Had["prints"] = Object.fromEntries(Object.entries(had.prints).filter(isLeft));
  const booleans: Had["booleans"] = Object.fromEntries(Object.entries(had.booleans).filter(isLeft));
  if (Object.keys(prints).length + Object.keys(booleans).length === 0) return undefined;
  return { prints, booleans, profile: prints.profile === undefined ? [] : had.profile };
}

/**
 * What the tenant had after something was sent of which no answer came: of the groups that are unknown since, nothing is
 * known; but where it was something else than the file said, before or afterwards, that is.
 */
export function unknownHad(before: Had | undefined, sent: Had | undefined, unknown: readonly Group[]): Had | undefined {
  const left = withoutHad(before, unknown);
  const others = unknown.filter((group) => before?.prints[group] !== undefined || sent?.prints[group] !== undefined);
  if (others.length === 0) return left;
  const { prints = {}, booleans = {}, profile = [] } = left ?? {};
  const ever = [...(before?.profile ?? []), ...(sent?.profile ?? [])];
  return {
    prints: { ...prints, ...Object.fromEntries(others.map((group) => [group, "unknown" as const])) },
    booleans,
    profile: others.includes("profile") ? PROFILE.filter((attribute) => ever.includes(attribute)) : profile,
  };
}

// A known record in bytes, as the ledger and the journal keep it: its shape, then the parts. These are fingerprints: the
// record's, the attempt's, of the groups of F, of those of W; and what was given, as a count and the distances.

/** How many bytes the parts take that begin here. */
export function partBytes(shape: Shape, buffer: Buffer, offset: number): number {
  const fixed = fixedBytes(shape);
  if (!hasGiven(shape)) return fixed;
  let at = offset + fixed;
  const [count, start] = readVarint(buffer, at);
  at = start;
  for (let i = 0; i < count; i++) [, at] = readVarint(buffer, at);
  return at - offset;
}

/** The most that they can take. */
export function mostBytes(shape: Shape, { given = [] }: KnownRecord): number {
  return fixedBytes(shape) + LONGEST_VARINT * (given.length + 1);
}

/** The record's fingerprint alone: it comes first. */
export function readRecordFingerprint(buffer: Buffer, offset: number): Fingerprint {
  return buffer.readUIntBE(offset, RECORD_BYTES);
}

export function writeRecordFingerprint(record: Fingerprint, buffer: Buffer, offset: number): void {
  buffer.writeUIntBE(record, offset, RECORD_BYTES);
}

/** @returns the offset behind it. */
export function writeParts(shape: Shape, known: KnownRecord, buffer: Buffer, offset: number): number {
  let at = buffer.writeUIntBE(known.record, offset, RECORD_BYTES);
  if (known.attempt !== undefined) at = buffer.writeUIntBE(known.attempt, at, RECORD_BYTES);
  const { said, had } = printedGroups(shape);
  for (const [groups, prints] of [
    [said, known.attributes.prints],
    [had, known.had?.prints],
  ] as const) {
    for (const i of groups) {
      at = buffer.writeUIntBE(prints?.[GROUPS[i] as Group] as Fingerprint, at, GROUP_BYTES[i] as number);
    }
  }
  if (!hasGiven(shape)) return at;
  const given = known.given as readonly number[];
  at = writeVarint(buffer, at, given.length);
  let before = 0;
  for (const position of given) {
    at = writeVarint(buffer, at, position - before);
    before = position;
  }
  return at;
}

export function readParts(shape: Shape, buffer: Buffer, offset: number): KnownRecord {
  let at = offset;
  const read = (bytes: number): Fingerprint => {
    at += bytes;
    return buffer.readUIntBE(at - bytes, bytes);
  };
  const record = read(RECORD_BYTES);
  const attempt = hasAttempt(shape) ? { attempt: read(RECORD_BYTES) } : {};
  const { attributes, had, ...rest } = unshaped(shape);
  const groups = printedGroups(shape);
  const printsOf = (printed: readonly number[]) =>
    Object.fromEntries(printed.map((i) => [GROUPS[i] as Group, read(GROUP_BYTES[i] as number)]));
  const said = { ...attributes, prints: printsOf(groups.said) };
  const other = had === undefined ? {} : { had: { ...had, prints: { ...had.prints, ...printsOf(groups.had) } } };
  const given = hasGiven(shape) ? { given: readGiven(buffer, at) } : {};
  return { record, attributes: said, ...other, ...rest, ...attempt, ...given };
}

function readGiven(buffer: Buffer, offset: number): number[] {
  let [count, at] = readVarint(buffer, offset);
  const given: number[] = [];
  for (let position = 0; count > 0; count--) {
    const [distance, end] = readVarint(buffer, at);
    position += distance;
    given.push(position);
    at = end;
  }
  return given;
}

/**
 * A known record in bytes, with its shape in front, each byte a character: of the thousands of users in each job on its
 * way, objects would take ten times the memory. Which run wrote the user is not in it: that shows when it is settled.
 */
export type PackedRecord = string;

const SHAPE_BYTES = 12;

export function packRecord(known: KnownRecord): PackedRecord {
  const shape = shapeOf(known);
  const buffer = Buffer.allocUnsafe(SHAPE_BYTES + mostBytes(shape, known));
  let at = 0;
  for (const number of shape) at = buffer.writeUInt32BE(number, at);
  return buffer.toString("latin1", 0, writeParts(shape, known, buffer, at));
}

export function unpackRecord(packed: PackedRecord): KnownRecord {
  const buffer = Buffer.from(packed, "latin1");
  return readParts(readShape(buffer, 0), buffer, SHAPE_BYTES);
}

/** How long the packed record is that begins here. */
export function packedLength(buffer: Buffer, offset: number): number {
  return SHAPE_BYTES + partBytes(readShape(buffer, offset), buffer, offset + SHAPE_BYTES);
}

function readShape(buffer: Buffer, offset: number): Shape {
  return [buffer.readUInt32BE(offset), buffer.readUInt32BE(offset + 4), buffer.readUInt32BE(offset + 8)];
}
