import { z } from "zod";
import { type PackedRecord, packedLength } from "../ledger/entry";
import { packedLength01, packedOf01 } from "../ledger/entry01";
import type { Fingerprint } from "../ledger/fingerprint";

// The lines of a journal: a header, then entries.

/** A user in a job, as keyed fingerprints. */
export interface JournalMember {
  readonly identity: Fingerprint;
  /** What the tenant has of the user if the job succeeds; the `attempt` is what is to be remembered if it fails. */
  readonly after: PackedRecord;
}

/** A part of a users file, in bytes of its text (unpacked, where it is gzipped): from the first to behind the last one. */
const Span = z.tuple([z.string(), z.number(), z.number()]);
export type Span = z.infer<typeof Span>;

/**
 * How a member of a finished job ended. `existing`: there before us, and to be written over by another job, so nothing is
 * settled yet. `passwordSet`: Auth0 did not take the hash, as the user has a password of their own.
 */
export type Outcome = "inserted" | "updated" | "adopted" | "existing" | "passwordSet" | `failed:${string}`;

export const VERSION = 5;

/** That of 0.1, which sent no jobs of hashes alone. Else it is the same. */
export const VERSION_01 = 4;

/** The layout of members: `packRecord`. */
export const LAYOUT = 2;

export const Header = z.object({
  version: z.number(),
  /** The journal's own name. The state holds it once it holds what the journal says. */
  run: z.string(),
  /** Counts the journals of a batch: one that is put back from a copy is older than the state. */
  number: z.number(),
  /** Tells whether the fingerprints are of this import's key. */
  keyId: z.string(),
  connectionId: z.string(),
});
export type Header = z.infer<typeof Header>;

export const Entry = z.union([
  /** About to be sent. What follows says how that went; where nothing follows, nobody knows. */
  z.object({
    intent: z.number(),
    kind: z.enum(["insert", "upsert", "hash"]),
    at: z.string(),
    /** On which terms its run sends; the journal only keeps them. */
    terms: z.string(),
    bytes: z.number(),
    spans: z.array(Span),
    members: z.string(),
    /** How the members are written; absent where 0.1 has written them. */
    layout: z.literal(LAYOUT).optional(),
  }),
  /** The tenant took it; perhaps for the second time, where an answer was lost before. */
  z.object({ accepted: z.number(), job: z.string(), at: z.string(), uncertain: z.boolean() }),
  /** The tenant did not take it: its users were not sent. */
  z.object({ refused: z.number() }),
  /** How each member ended, in the order of the intent: a letter for each, and the codes of those who failed. */
  z.object({ finished: z.number(), outcomes: z.string(), codes: z.array(z.string()) }),
  /** A role or a membership that was never given before, and its place in the list of those that were. */
  z.object({ grant: z.string(), position: z.number() }),
  /**
   * Members whose roles and memberships are about to be given and taken, or (`isDone`) were: what was given to them is in
   * what is known then.
   */
  z.object({ memberships: z.string(), isDone: z.boolean() }),
  /** A user who is about to be changed by a call of their own. */
  z.object({ patch: z.number(), at: z.string(), terms: z.string(), member: z.string() }),
  /** Whether that was done. */
  z.object({ patched: z.number(), isDone: z.boolean() }),
  /** How these ended is not known, and they are in other jobs by now: it failed as a whole, or is gone. */
  z.object({ abandoned: z.number() }),
]);
export type Entry = z.infer<typeof Entry>;

const FAILED = "failed:";

/** Outcomes without a code, each known by its first letter. */
const WHOLE_OUTCOMES = [
  "inserted",
  "updated",
  "adopted",
  "existing",
  "passwordSet",
] as const satisfies readonly Outcome[];

/** A letter for each, and the codes of those who failed. */
export function encodeOutcomes(outcomes: readonly Outcome[]): { readonly outcomes: string; readonly codes: string[] } {
  return {
    outcomes: outcomes.map((outcome) => outcome[0]).join(""),
    codes: outcomes.filter((outcome) => outcome.startsWith(FAILED)).map((outcome) => outcome.slice(FAILED.length)),
  };
}

export function outcomesOf({ outcomes, codes }: Extract<Entry, { finished: number }>, members: number): Outcome[] {
  const nextCode = codes.values();
  return Array.from({ length: members }, (_, i): Outcome => {
    const whole = WHOLE_OUTCOMES.find((outcome) => outcome[0] === outcomes[i]);
    return whole ?? `${FAILED}${nextCode.next().value ?? "UNKNOWN"}`;
  });
}

/** Of a member: the identity's upper and lower half, before what is known then. */
const MEMBER_HEAD_BYTES = 8;

export function encodeMembers(members: readonly JournalMember[]): string {
  const bytes = members.reduce((sum, { after }) => sum + MEMBER_HEAD_BYTES + after.length, 0);
  const buffer = Buffer.alloc(bytes);
  let at = 0;
  for (const { identity, after } of members) {
    at = buffer.writeUInt32BE(Math.floor(identity / 2 ** 32), at);
    at = buffer.writeUInt32BE(identity % 2 ** 32, at);
    at += buffer.write(after, at, "latin1");
  }
  return buffer.toString("base64");
}

/** @param layout see `Entry`: a journal that 0.1 has begun may hold both. */
export function membersOf(text: string, layout: typeof LAYOUT | undefined): JournalMember[] {
  const buffer = Buffer.from(text, "base64");
  const members: JournalMember[] = [];
  for (let at = 0; at < buffer.length; ) {
    const identity = buffer.readUInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4);
    at += MEMBER_HEAD_BYTES;
    const end = at + (layout === undefined ? packedLength01(buffer, at) : packedLength(buffer, at));
    members.push({
      identity,
      after: layout === undefined ? packedOf01(buffer, at) : buffer.toString("latin1", at, end),
    });
    at = end;
  }
  return members;
}
