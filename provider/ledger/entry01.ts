import { BOOLEANS, type Group, PROFILE } from "./attributes";
import { type KnownRecord, type PackedRecord, packRecord, readParts } from "./entry";
import { fixedBytes, type Shape, shapeOf } from "./shape";

/*
 * Known records as version 0.1 wrote them: a shape of 22 bits, and then the parts as today. It knew one thing of each
 * group, what the tenant has; that is both F and W. What it did not know:
 *
 * - who was inserted and who was adopted, but for those that its last run has adopted;
 * - what the profile's print is of, where the record differed: the bits were those of all that records ever named. The
 *   print is kept, and marked as doubtful: a record that still has it did not change.
 */

/** The groups of 0.1, by their bits. */
const GROUPS_01 = [
  "email",
  "username",
  "phone_number",
  "user_metadata",
  "app_metadata",
  "profile",
  "custom_password_hash",
  "mfa_factors",
  "password_hash",
] as const satisfies readonly Group[];

const PROFILE_AT = GROUPS_01.length;
const BOOLEANS_AT = PROFILE_AT + PROFILE.length;
const DIFFERS_AT = BOOLEANS_AT + 2 * BOOLEANS.length;
const ATTEMPT_AT = DIFFERS_AT + 1;
const TRUTHS = [undefined, false, "unknown", true] as const;

/**
 * The shape that says the same today; the parts are the same bytes.
 *
 * @param state as 0.1 kept it, where it did: `adopted` tells the origin.
 */
export function shapeOf01(shape: number, state?: string): Shape {
  const has = (bit: number) => ((shape >> bit) & 1) === 1;
  const differs = has(DIFFERS_AT);
  // Any number will do: a shape is of what there is.
  const prints = Object.fromEntries(GROUPS_01.filter((_, i) => has(i)).map((group) => [group, 0]));
  const booleans = Object.fromEntries(
    BOOLEANS.flatMap((attribute, i) => {
      const truth = TRUTHS[(shape >> (BOOLEANS_AT + 2 * i)) & 3];
      return truth === undefined ? [] : [[attribute, truth]];
    }),
  );
  const profile = PROFILE.filter((_, i) => has(PROFILE_AT + i));
  const isDoubtful = differs && prints.profile !== undefined;
  const known: KnownRecord = {
    record: 0,
    attributes: { prints, profile, booleans, ...(isDoubtful ? { unknown: ["profile"] } : {}) },
    differs,
    ...(has(ATTEMPT_AT) ? { attempt: 0 } : {}),
    ...(state === "adopted" ? { origin: "adopted" } : {}),
    // Who had a hash in 0.1 may have one that can change.
    ...(prints.custom_password_hash === undefined ? {} : { broughtHash: true }),
  };
  return shapeOf(known);
}

const SHAPE_BYTES_01 = 4;

/** How long the packed record of 0.1 is that begins here. */
export function packedLength01(buffer: Buffer, offset: number): number {
  return SHAPE_BYTES_01 + fixedBytes(shapeOf01(buffer.readUInt32BE(offset)));
}

/** The packed record of 0.1 that begins here, as it is packed today. What it says of who brought a hash is for the books. */
export function packedOf01(buffer: Buffer, offset: number): PackedRecord {
  const known = readParts(shapeOf01(buffer.readUInt32BE(offset)), buffer, offset + SHAPE_BYTES_01);
  const { broughtHash: _, ...rest } = known;
  return packRecord(rest);
}
