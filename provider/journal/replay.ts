import type { ChunkKind } from "../plan/delta";
import { type Entry, type JournalMember, LAYOUT, membersOf, type Outcome, outcomesOf, type Span } from "./format";

/** A job of an interrupted run whose end the journal does not tell. */
export interface OpenJob {
  readonly number: number;
  readonly kind: ChunkKind;
  /** When it was about to be sent. */
  readonly at: Date;
  /** On which terms its run sent: see `Journal.open`. */
  readonly terms: string;
  /** Of its users file. */
  readonly bytes: number;
  /** Between which bytes of the users files its records lay; those of other batches may lie between them. */
  readonly spans: readonly Span[];
  readonly members: readonly JournalMember[];
  /** Auth0's id; absent where it is not known whether the tenant took the job. */
  readonly id?: string;
  /** When the tenant took it. */
  readonly started?: Date;
  /** The tenant may have taken it once before. */
  readonly uncertain?: boolean;
}

/** A job of an interrupted run whose end the journal tells; or a call that was to change a single user. */
export interface EndedJob extends Pick<OpenJob, "kind" | "at" | "terms" | "members"> {
  /** How each member ended. Absent where nobody knows: some may be in the tenant, with what they were sent with. */
  readonly outcomes?: readonly Outcome[];
  /** Whether the state holds what came of it. */
  readonly isSaved: boolean;
}

/** What an interrupted run left in its journal. */
export interface Replay {
  /** In the order of their ends. */
  readonly ended: readonly EndedJob[];
  readonly open: readonly OpenJob[];
  /** Roles and memberships that were given for the first time, and to whom; not those that the state holds. */
  readonly grants: readonly { readonly position: number; readonly grant: string }[];
  readonly memberships: readonly { readonly members: readonly JournalMember[]; readonly isDone: boolean }[];
  /** The number of the last job. */
  readonly lastNumber: number;
  /** When the tenant took the last job: ISO 8601, UTC. */
  readonly lastHeard?: string;
}

/** @param inState the state holds what came of so many of the entries. */
export function replayOf(entries: readonly Entry[], inState: number): Replay {
  const open = new Map<number, OpenJob>();
  const ended: EndedJob[] = [];
  /** Where in `ended` calls for single users are of which nobody knows whether they were made. */
  const patches = new Map<number, number>();
  const grants: { position: number; grant: string }[] = [];
  const memberships: { members: JournalMember[]; isDone: boolean }[] = [];
  let lastNumber = 0;
  let lastHeard: string | undefined;
  for (const [i, entry] of entries.entries()) {
    if ("intent" in entry) {
      const { intent: number, at, members, layout, ...job } = entry;
      open.set(number, { ...job, number, at: new Date(at), members: membersOf(members, layout) });
      lastNumber = Math.max(lastNumber, number);
    } else if ("accepted" in entry) {
      const { accepted: number, job: id, at, uncertain } = entry;
      lastHeard = at;
      const job = open.get(number);
      if (job !== undefined) open.set(number, { ...job, id, started: new Date(at), uncertain });
    } else if ("patch" in entry) {
      patches.set(entry.patch, ended.length);
      const members = membersOf(entry.member, LAYOUT);
      ended.push({ kind: "upsert", at: new Date(entry.at), terms: entry.terms, members, isSaved: i < inState });
    } else if ("patched" in entry) {
      const place = patches.get(entry.patched);
      const call = place === undefined ? undefined : ended[place];
      if (place === undefined || call === undefined) continue;
      const came = entry.isDone ? { outcomes: ["updated" as const] } : { members: [], outcomes: [] };
      ended[place] = { ...call, ...came, isSaved: i < inState };
    } else if ("grant" in entry) {
      if (i >= inState) grants.push(entry);
    } else if ("memberships" in entry) {
      const { memberships: members, isDone } = entry;
      if (i >= inState) memberships.push({ members: membersOf(members, LAYOUT), isDone });
    } else if ("refused" in entry) {
      open.delete(entry.refused);
    } else {
      const isKnown = "finished" in entry;
      const number = isKnown ? entry.finished : entry.abandoned;
      const job = open.get(number);
      if (job === undefined) continue;
      const { kind, at, terms, members } = job;
      const outcomes = isKnown ? { outcomes: outcomesOf(entry, members.length) } : {};
      ended.push({ kind, at, terms, members, ...outcomes, isSaved: i < inState });
      open.delete(number);
    }
  }
  return {
    ended,
    open: [...open.values()],
    grants,
    memberships,
    lastNumber,
    ...(lastHeard === undefined ? {} : { lastHeard }),
  };
}
