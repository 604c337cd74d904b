import { count, countOf } from "../progress/batchProgress";
import { FEWEST_READ_SINGLY, MOST_PATCHED, MOST_READ_SINGLY, PATCH_CALLS, READ_CALLS } from "../tenant/callSizes";
import type { Plan } from "./preview";

/** Calls a second that tenants allow: in enterprise production, and elsewhere (Auth0 documentation). */
const RATES = [16, 2] as const;

const EXPORT = "one export job of the connection";

/** From so many calls on it is told how long they take. */
const WORTH_A_WORD = 120;

/**
 * What an update reads of users, and what it changes of them one by one, as far as that can be known: a preview asks Auth0
 * nothing, so nobody knows whose metadata an application has changed. `undefined` where nobody is read.
 *
 * @param takesExisting whether users who are there before the first import are taken or written over.
 * @example
 * ```text
 * Reads 13 users before it writes to them: 13 to 26 calls. For up to 2, whose metadata an application may have changed, 2 calls more each (PATCH).
 * ```
 */
export function readingLine(
  plan: Pick<Plan, "new" | "changed" | "changes">,
  takesExisting: boolean,
): string | undefined {
  const users = plan.changed + (takesExisting ? plan.new : 0);
  if (users === 0) return undefined;
  const most = READ_CALLS * users;
  const calls =
    most > MOST_READ_SINGLY
      ? EXPORT
      : `${count(users)} to ${countOf(most, "call")}${most > FEWEST_READ_SINGLY ? `, or ${EXPORT}` : ""}`;
  const metadata = (plan.changes.get("user_metadata") ?? 0) + (plan.changes.get("app_metadata") ?? 0);
  const patched = Math.min(plan.changed, metadata, MOST_PATCHED);
  const patches =
    patched === 0
      ? ""
      : ` For up to ${count(patched)}, whose metadata an application may have changed, ${PATCH_CALLS} calls more each (PATCH)${timeOf(PATCH_CALLS * patched)}.`;
  return `Reads ${countOf(users, "user")} before it writes to them: ${calls}.${patches}`;
}

function timeOf(calls: number): string {
  if (calls < WORTH_A_WORD) return "";
  const [fast, slow] = RATES.map((rate) => countOf(Math.max(1, Math.round(calls / rate / 60)), "minute"));
  return `: ${countOf(calls, "call")}, ${fast} at ${RATES[0]} a second, ${slow} at ${RATES[1]}`;
}
