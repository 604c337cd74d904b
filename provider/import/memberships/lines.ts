import { MEMBERSHIP_GROUPS, type MembershipGroup } from "../../plan/memberships";
import type { ReadSource } from "../../plan/readSource";
import { count, countOf } from "../../progress/batchProgress";
import { listCodes } from "../../results/oneLine";
import type { Source } from "../../source";
import { MEMBERSHIP_CALLS_A_MINUTE } from "../../tenant/callSizes";
import { addTo } from "../counts";
import { shownName } from "./grantNames";
import type { MembershipPlan, UnknownNameUse } from "./preview";

// What is said of roles and organizations before anything is sent.

/** So many names are told, and how many there are besides. */
const NAMES = 10;

/** From so many minutes on it is told what goes without calls. */
const LONG_MINUTES = 60;

/**
 * `roles and organizations: admin 1,000, acme 20 given, editor 3 taken: 25 calls`; `undefined` where there is nothing to
 * say.
 *
 * @param requestsPerSecond as the stack configuration has it
 */
export function membershipLine(plan: MembershipPlan, requestsPerSecond?: number): string | undefined {
  const { given, taken, calls } = plan;
  const parts = [
    ...(given.size === 0 ? [] : [`${listNames(given)} given`]),
    ...(taken.size === 0 ? [] : [`${listNames(taken)} taken`]),
  ];
  if (parts.length === 0) return undefined;
  const all = calls.roles + calls.members + calls.memberRoles;
  const readings = calls.readings === 0 ? "" : `, up to ${count(calls.readings)} more to read what the users have`;
  const time = tellTime(all + calls.readings, requestsPerSecond);
  return `roles and organizations: ${parts.join(", ")}: ${all === 0 ? "no calls" : countOf(all, "call")}${readings}${time === undefined ? "" : `, about ${time}`}`;
}

/** What goes without calls, where they take long. */
export function signInHints({ calls }: MembershipPlan, requestsPerSecond?: number): string[] {
  const isLong = (some: number) => some / callsAMinute(requestsPerSecond) >= LONG_MINUTES;
  const told = (some: number) =>
    `${countOf(some, "call")}, ${tellTime(some, requestsPerSecond)} at ${count(callsAMinute(requestsPerSecond))} a minute`;
  return [
    ...(isLong(calls.memberRoles)
      ? [
          `Roles in organizations take a call for each user: ${told(calls.memberRoles)}. Without calls, an Action can assign them at sign-in: then leave them out of the records.`,
        ]
      : []),
    ...(isLong(calls.members)
      ? [
          `Memberships of organizations take a call for 10 users: ${told(calls.members)}. Without calls, users become members at their first sign-in where the organization's connection has assignMembershipOnLogin: then leave the organization out of the records.`,
        ]
      : []),
  ];
}

/** Names that the arguments lack: what comes of it, and what to do. */
export function unknownNameLines(unknown: readonly UnknownNameUse[], source: Pick<Source, "place">): string[] {
  return MEMBERSHIP_GROUPS.flatMap((argument) => {
    const names = unknown.filter((each) => each.argument === argument).sort((a, b) => b.records - a.records);
    if (names.length === 0) return [];
    const told = names
      .slice(0, NAMES)
      .map(
        ({ name, records, first }) => `${name} in ${countOf(records, "record")}, first at ${placeOf(source, first)}`,
      );
    const more = names.length > NAMES ? `; and ${count(names.length - NAMES)} more` : "";
    const code = argument === "roles" ? "UNKNOWN_ROLE" : "UNKNOWN_ORGANIZATION";
    return [
      `Records name ${argument} that the argument \`${argument}\` does not have: ${told.join("; ")}${more}. Their users come in without these, and are failed records (${code}). Add the names to the argument, or correct the files.`,
    ];
  });
}

/**
 * Records with roles or organizations for which the program has no argument, in the whole source: they are not sent.
 *
 * @param lacking which arguments there are not
 * @param batches among how many batches its users are divided
 */
export function unsentLines(
  { source, statements, indicesOf, doubleAt }: Pick<ReadSource, "source" | "statements" | "indicesOf" | "doubleAt">,
  batches: number,
  lacking: readonly MembershipGroup[],
): string[] {
  if (statements.isEmpty || lacking.length === 0) return [];
  const found = statements.count(counting());
  return lacking.flatMap((group) => {
    const { records, first } = found.get(group) ?? NOBODY;
    if (records === 0) return [];
    return [
      `${countOf(records, "record")} with \`${group}\`, the first at ${placeOf(source, first)}, and the program has no argument \`${group}\`: they are not sent, and their users come in without them. Add the argument, or leave \`${group}\` out of the records.`,
    ];
  });

  function* counting(): Generator<number> {
    for (let index = 0; index < batches; index++) {
      for (const each of indicesOf({ index, count: batches })) if (doubleAt(each) === undefined) yield each;
    }
  }
}

const NOBODY = { records: 0, first: 0 };

function placeOf(source: Pick<Source, "place">, index: number): string {
  const { file, line } = source.place(index);
  return `${file}:${line}`;
}

/** `admin 1,000, acme/owner 20, 12 others 300` */
function listNames(users: ReadonlyMap<string, number>): string {
  const shown = new Map<string, number>();
  for (const [name, some] of users) addTo(shown, shownName(name), some);
  if (shown.size <= NAMES) return listCodes(shown);
  const sorted = [...shown].sort(([, a], [, b]) => b - a);
  const others = sorted.slice(NAMES).reduce((sum, [, some]) => sum + some, 0);
  return `${listCodes(new Map(sorted.slice(0, NAMES)))}, ${count(sorted.length - NAMES)} others ${count(others)}`;
}

function callsAMinute(requestsPerSecond = Number.POSITIVE_INFINITY): number {
  return Math.min(MEMBERSHIP_CALLS_A_MINUTE, 60 * requestsPerSecond);
}

/** @returns `undefined` for less than a minute. */
function tellTime(calls: number, requestsPerSecond: number | undefined): string | undefined {
  const minutes = calls / callsAMinute(requestsPerSecond);
  if (minutes < 1) return undefined;
  if (minutes < 120) return countOf(Math.round(minutes), "minute");
  const hours = minutes / 60;
  return hours < 48 ? countOf(Math.round(hours), "hour") : countOf(Math.round(hours / 24), "day");
}
