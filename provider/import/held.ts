import { type GrantText, grantOf, textOf } from "../plan/memberships";
import type { MembershipTenant } from "./types";

/** Which of these a user has by now. Costs a call for roles, one for organizations, and one for each whose roles are asked for. */
export async function heldBy(
  { roles, organizations }: MembershipTenant,
  user: string,
  asked: readonly GrantText[],
  onRetry: (reason: string) => void,
): Promise<ReadonlySet<GrantText>> {
  const grants = asked.map((text) => grantOf(text));
  const held: GrantText[] = [];
  if (grants.some(({ organization }) => organization === undefined)) {
    held.push(...(await roles.of(user, onRetry)).map((role) => textOf({ role })));
  }
  if (grants.some(({ organization }) => organization !== undefined)) {
    const members = await organizations.of(user, onRetry);
    held.push(...members.map((organization) => textOf({ organization })));
    const withRoles = grants.flatMap(({ role, organization }) => (role === undefined ? [] : (organization ?? [])));
    for (const organization of new Set(withRoles)) {
      if (!members.includes(organization)) continue;
      const there = await organizations.rolesOf(organization, user, onRetry);
      held.push(...there.map((role) => textOf({ role, organization })));
    }
  }
  return new Set(held);
}
