import { type EncodedLedger, Ledger } from "../ledger/ledger";
import {
  askedBy,
  comingOf,
  type GrantText,
  grantOf,
  MEMBERSHIP_GROUPS,
  type MembershipMaps,
} from "../plan/memberships";
import type { ReadSource } from "../plan/readSource";
import type { Share } from "../plan/share";
import { count, countOf } from "../progress/batchProgress";
import { listCodes } from "../results/oneLine";
import { MEMBERS_OF_CALL, USERS_OF_CALL } from "../tenant/callSizes";
import { recordsStating } from "./asking";
import { givenAt } from "./grantList";

/** What the files give and take, by the names in them, and in how many calls at least. */
export interface MembershipPlan {
  readonly given: ReadonlyMap<string, number>;
  readonly taken: number;
  /** Records with a name that the arguments lack. */
  readonly unknown: ReadonlyMap<string, number>;
  /** Records with roles or organizations for which there is no argument. */
  readonly unsent: ReadonlyMap<string, number>;
  /** To give them; one or two more for each user who was not brought by this run. */
  readonly calls: number;
  /** The most calls of one kind, at the 200 a minute that Auth0 takes of these. */
  readonly minutes: number;
}

/** What the last run knew. */
interface Before {
  readonly ledger?: EncodedLedger | undefined;
  readonly grants?: readonly string[] | undefined;
}

/** What an update would do about roles and organizations, by the rules that it goes by. Asks the tenant nothing. */
export async function planMemberships(
  read: ReadSource,
  share: Share,
  key: string | undefined,
  maps: MembershipMaps,
  before: Before,
): Promise<MembershipPlan> {
  const ledger = before.ledger === undefined || key === undefined ? undefined : Ledger.decode(before.ledger);
  const given = new Map<string, number>();
  const unknown = new Map<string, number>();
  const unsent = new Map<string, number>();
  const users = new Map<GrantText, number>();
  let [taken, takers, memberRoles] = [0, 0, 0];
  const ofShare = read.source.records(read.indicesOf(share));
  for await (const { record, name, all } of recordsStating(read.doubleAt, ofShare)) {
    for (const group of MEMBERSHIP_GROUPS) if (all[group] && !maps[group]) add(unsent, group, 1);
    const known = ledger?.get(read.identity(record.index));
    const givenBefore = givenAt(before.grants, known?.given);
    const prints = known?.attributes.prints ?? {};
    const asked = askedBy(key ?? "", name, all, maps, { prints, given: givenBefore });
    const { step } = asked;
    if (asked.unknown !== undefined) add(unknown, asked.unknown.code, 1);
    const coming = comingOf(step, givenBefore);
    for (const text of coming) add(users, text, 1);
    for (const [named, text] of step.wanted) {
      if (!coming.has(text)) continue;
      add(given, named.replace(/\/$/, ""), 1);
    }
    const inside = [...coming].map((text) => grantOf(text)).filter(({ role, organization }) => role && organization);
    memberRoles += new Set(inside.map(({ organization }) => organization)).size;
    const gone = step.take.length + step.replace.length;
    taken += gone;
    if (gone > 0) takers++;
  }
  const callsOf = (isOf: (text: GrantText) => boolean, most: number) =>
    [...users].reduce((sum, [text, some]) => sum + (isOf(text) ? Math.ceil(some / most) : 0), 0);
  const roles = callsOf((text) => grantOf(text).organization === undefined, USERS_OF_CALL);
  const members = callsOf(
    (text) => grantOf(text).organization !== undefined && grantOf(text).role === undefined,
    MEMBERS_OF_CALL,
  );
  const calls = roles + members + memberRoles + takers;
  return { given, taken, unknown, unsent, calls, minutes: Math.max(members, memberRoles, takers, roles) / 200 };
}

/** `roles and organizations: admin 1,000, acme 20 given, 3 taken: 23 calls`; `undefined` where there is nothing to say. */
export function membershipLine({ given, taken, unknown, unsent, calls, minutes }: MembershipPlan): string | undefined {
  const parts = [
    ...(given.size === 0 ? [] : [`${listCodes(given)} given`]),
    ...(taken === 0 ? [] : [`${count(taken)} taken`]),
    ...(unknown.size === 0 ? [] : [`not in the arguments: ${listCodes(unknown)}`]),
    ...(unsent.size === 0 ? [] : [`not sent without the argument: ${listCodes(unsent)}`]),
  ];
  if (parts.length === 0) return undefined;
  const hint = minutes > 60 ? ` (${tellMinutes(minutes)}; where a sign-in can make members, none are needed)` : "";
  return `roles and organizations: ${parts.join(", ")}: ${calls === 0 ? "no calls" : countOf(calls, "call")}${hint}`;
}

function tellMinutes(minutes: number): string {
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `some ${countOf(hours, "hour")}` : `some ${countOf(Math.round(hours / 24), "day")}`;
}

function add(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}
