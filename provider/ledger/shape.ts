import {
  BOOLEANS,
  type BooleanAttribute,
  GROUPS,
  type Group,
  PROFILE,
  type ProfileAttribute,
  printBits,
  type Truth,
} from "./attributes";
import type { Had, KnownRecord, Origin } from "./entry";
import { RECORD_BITS } from "./fingerprint";

/**
 * Which parts a known record has, and all of it that is no fingerprint: three numbers. Few of them occur, so that the
 * ledger writes each once, and a user's takes a byte.
 *
 * | number | bits from the lowest |
 * | --- | --- |
 * | 0 | two for each group of F: {@link SAID}; differs, attempt, two for the origin, broughtHash, passwordSet, hasOtherId, given |
 * | 1 | of F: one for each attribute of the profile, two for each boolean; of W the same, where a boolean's 0 means as in F |
 * | 2 | two for each group of W: {@link HAD} |
 */
export type Shape = readonly [said: number, values: number, had: number];

/** What the two bits of a group of F say. `doubtful`: there is a print, but it is not certain what it is of. */
const SAID = { absent: 0, known: 1, unknown: 2, doubtful: 3 } as const;

/** Of a group of W. */
const HAD = { asSaid: 0, absent: 1, known: 2, unknown: 3 } as const;

const FLAGS_AT = 2 * GROUPS.length;
const DIFFERS = 1 << FLAGS_AT;
const ATTEMPT = 1 << (FLAGS_AT + 1);
const ORIGIN_AT = FLAGS_AT + 2;
const BROUGHT_HASH = 1 << (FLAGS_AT + 4);
const PASSWORD_SET = 1 << (FLAGS_AT + 5);
const OTHER_ID = 1 << (FLAGS_AT + 6);
const GIVEN = 1 << (FLAGS_AT + 7);

const BOOLEANS_AT = PROFILE.length;
const HAD_PROFILE_AT = BOOLEANS_AT + 2 * BOOLEANS.length;
const HAD_BOOLEANS_AT = HAD_PROFILE_AT + PROFILE.length;

/** What the two bits of a boolean mean; none where nothing is said of it. */
const TRUTHS: readonly (Truth | undefined)[] = [undefined, false, "unknown", true];
const ORIGINS: readonly (Origin | undefined)[] = [undefined, "inserted", "adopted"];

export const RECORD_BYTES = RECORD_BITS / 8;
export const GROUP_BYTES = GROUPS.map((group) => printBits(group) / 8);

export function shapeOf(known: KnownRecord): Shape {
  const { attributes, had } = known;
  let said = 0;
  let hadGroups = 0;
  for (const [i, group] of GROUPS.entries()) {
    const isKnown = attributes.prints[group] !== undefined;
    const isUnknown = attributes.unknown?.includes(group) === true;
    const state = isUnknown ? (isKnown ? SAID.doubtful : SAID.unknown) : isKnown ? SAID.known : SAID.absent;
    said |= state << (2 * i);
    hadGroups |= hadState(had?.prints[group]) << (2 * i);
  }
  if (known.differs) said |= DIFFERS;
  if (known.attempt !== undefined) said |= ATTEMPT;
  said |= ORIGINS.indexOf(known.origin) << ORIGIN_AT;
  if (known.broughtHash) said |= BROUGHT_HASH;
  if (known.passwordSet) said |= PASSWORD_SET;
  if (known.hasOtherId) said |= OTHER_ID;
  if (known.given !== undefined && known.given.length > 0) said |= GIVEN;
  let values = bitsOf(attributes.profile) | (bitsOf(had?.profile ?? []) << HAD_PROFILE_AT);
  for (const [i, attribute] of BOOLEANS.entries()) {
    values |= TRUTHS.indexOf(attributes.booleans[attribute]) << (BOOLEANS_AT + 2 * i);
    values |= TRUTHS.indexOf(had?.booleans[attribute]) << (HAD_BOOLEANS_AT + 2 * i);
  }
  return [said >>> 0, values, hadGroups];
}

function hadState(print: Had["prints"][Group]): number {
  if (print === undefined) return HAD.asSaid;
  if (print === null) return HAD.absent;
  return print === "unknown" ? HAD.unknown : HAD.known;
}

function bitsOf(profile: readonly ProfileAttribute[]): number {
  return profile.reduce((bits, attribute) => bits | (1 << PROFILE.indexOf(attribute)), 0);
}

export function shapeDiffers([said]: Shape): boolean {
  return (said & DIFFERS) !== 0;
}

export function hasAttempt([said]: Shape): boolean {
  return (said & ATTEMPT) !== 0;
}

export function hasGiven([said]: Shape): boolean {
  return (said & GIVEN) !== 0;
}

/** The numbers of the groups of F whose prints there are, and then those of W. */
export function printedGroups([said, , had]: Shape): {
  readonly said: readonly number[];
  readonly had: readonly number[];
} {
  const groups = { said: [] as number[], had: [] as number[] };
  for (let i = 0; i < GROUPS.length; i++) {
    if ((said >> (2 * i)) & 1) groups.said.push(i);
    if (((had >> (2 * i)) & 3) === HAD.known) groups.had.push(i);
  }
  return groups;
}

/** How many bytes the parts take whose length the shape tells: all but what was given. */
export function fixedBytes(shape: Shape): number {
  const { said, had } = printedGroups(shape);
  const prints = [...said, ...had].reduce((sum, i) => sum + (GROUP_BYTES[i] as number), 0);
  return RECORD_BYTES + (hasAttempt(shape) ? RECORD_BYTES : 0) + prints;
}

/** All of a known record that is no fingerprint. */
export function unshaped(shape: Shape): Omit<KnownRecord, "record" | "attempt" | "given"> {
  const [said, values, hadGroups] = shape;
  const unknown = GROUPS.filter((_, i) => ((said >> (2 * i)) & 3) >= SAID.unknown);
  const booleans: { [B in BooleanAttribute]?: Truth } = {};
  const hadBooleans: { [B in BooleanAttribute]?: Truth } = {};
  for (const [i, attribute] of BOOLEANS.entries()) {
    const truth = TRUTHS[(values >> (BOOLEANS_AT + 2 * i)) & 3];
    if (truth !== undefined) booleans[attribute] = truth;
    const other = TRUTHS[(values >> (HAD_BOOLEANS_AT + 2 * i)) & 3];
    if (other !== undefined) hadBooleans[attribute] = other;
  }
  const hadPrints: { [G in Group]?: "unknown" | null } = {};
  for (const [i, group] of GROUPS.entries()) {
    const state = (hadGroups >> (2 * i)) & 3;
    if (state === HAD.absent) hadPrints[group] = null;
    if (state === HAD.unknown) hadPrints[group] = "unknown";
  }
  const isOther = hadGroups !== 0 || Object.keys(hadBooleans).length > 0;
  const origin = ORIGINS[(said >> ORIGIN_AT) & 3];
  return {
    attributes: {
      prints: {},
      profile: attributesIn(values),
      booleans,
      ...(unknown.length === 0 ? {} : { unknown }),
    },
    ...(isOther
      ? { had: { prints: hadPrints, profile: attributesIn(values >> HAD_PROFILE_AT), booleans: hadBooleans } }
      : {}),
    differs: shapeDiffers(shape),
    ...(origin === undefined ? {} : { origin }),
    ...((said & BROUGHT_HASH) === 0 ? {} : { broughtHash: true }),
    ...((said & PASSWORD_SET) === 0 ? {} : { passwordSet: true }),
    ...((said & OTHER_ID) === 0 ? {} : { hasOtherId: true }),
  };
}

function attributesIn(bits: number): ProfileAttribute[] {
  return PROFILE.filter((_, i) => (bits >> i) & 1);
}
