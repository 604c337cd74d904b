import { count } from "../progress/batchProgress";
import type { ImportSettings, MembershipTenant } from "./types";

/** A role that may not have more than so many members. */
export interface LimitedRole {
  readonly name: string;
  readonly id: string;
  readonly most: number;
}

export function limitedRoles({ maxMembers = {}, memberships }: ImportSettings): LimitedRole[] {
  return Object.entries(maxMembers).flatMap(([name, most]) => {
    const id = memberships?.roles?.[name];
    return id === undefined ? [] : [{ name, id, most }];
  });
}

/**
 * @param more how many are to get it
 * @throws Error when it would have more than it may
 */
export async function assertNotTooMany(
  roles: MembershipTenant["roles"],
  { name, id, most }: LimitedRole,
  more: number,
): Promise<void> {
  if (more === 0) return;
  let members = 0;
  // Not further than it takes: there may be a million.
  for await (const page of more > most ? [] : roles.holders(id, () => {})) {
    members += page.length;
    if (members + more > most) break;
  }
  if (members + more <= most) return;
  throw new Error(
    `The role ${name} would have more than ${count(most)} members (maxMembers): ${count(more)} users of the files are to get it${members === 0 ? "" : `, and at least ${count(members)} have it`}. Nothing was sent. Correct the files, or raise maxMembers.`,
  );
}
