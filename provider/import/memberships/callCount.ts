import { type GrantText, grantOf } from "../../plan/memberships";
import { MEMBERS_OF_CALL, READ_WEIGHT, USERS_DEALT_WITH, USERS_OF_CALL } from "../../tenant/callSizes";
import { addTo } from "../counts";

/** Calls by what they are for. Those to see whether a role or an organization is there, one for each, are not counted. */
export interface CallCounts {
  /** Give a role to up to 50 users, or take one user's roles. */
  readonly roles: number;
  /** Add up to 10 members to an organization, or remove them. */
  readonly members: number;
  /** Give or take the roles that one user has in one organization. */
  readonly memberRoles: number;
  /** Read what users have who were there before; at most. */
  readonly readings: number;
}

/** Counts the calls for roles and memberships as `MembershipCalls` makes them, so many users at a time. */
export class MembershipCallCount {
  #roles = 0;
  #members = 0;
  #memberRoles = 0;
  #readings = 0;
  #weight = 0;
  readonly #added = new Map<GrantText, number>();
  readonly #removed = new Map<GrantText, number>();

  /** @param asked of what it has to be asked whether the user has it; of one who is new nothing */
  add(give: readonly GrantText[], take: readonly GrantText[], asked: readonly GrantText[]): void {
    const { roles, members, within } = byKind(asked);
    if (roles.length > 0) this.#readings++;
    if (members.length + within > 0) this.#readings += 1 + within;
    if (give.length + take.length === 0) return;
    const [given, taken] = [byKind(give), byKind(take)];
    this.#memberRoles += given.within + taken.within;
    if (taken.roles.length > 0) this.#roles++;
    for (const text of [...given.roles, ...given.members]) addTo(this.#added, text);
    for (const text of taken.members) addTo(this.#removed, text);
    this.#weight += asked.length > 0 ? READ_WEIGHT : 1;
    if (this.#weight >= USERS_DEALT_WITH) this.#endWindow();
  }

  end(): CallCounts {
    this.#endWindow();
    return { roles: this.#roles, members: this.#members, memberRoles: this.#memberRoles, readings: this.#readings };
  }

  #endWindow(): void {
    this.#weight = 0;
    for (const window of [this.#added, this.#removed]) {
      for (const [text, users] of window) {
        if (grantOf(text).organization === undefined) this.#roles += Math.ceil(users / USERS_OF_CALL);
        else this.#members += Math.ceil(users / MEMBERS_OF_CALL);
      }
      window.clear();
    }
  }
}

/** Roles, memberships, and in how many organizations there are roles. */
function byKind(texts: readonly GrantText[]) {
  const roles: GrantText[] = [];
  const members: GrantText[] = [];
  const within = new Set<string>();
  for (const text of texts) {
    const { role, organization } = grantOf(text);
    if (organization === undefined) roles.push(text);
    else if (role === undefined) members.push(text);
    else within.add(organization);
  }
  return { roles, members, within: within.size };
}
