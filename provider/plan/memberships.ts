import type { User } from "../schema/identity";

/** Auth0's ids of the roles and organizations that records name. */
export interface MembershipMaps {
  readonly roles?: Readonly<Record<string, string>> | undefined;
  readonly organizations?: Readonly<Record<string, string>> | undefined;
}

/** What a record says of its user's roles and organizations. What is absent says nothing. */
export interface Stated {
  readonly roles?: readonly string[];
  readonly organizations?: readonly { readonly name: string; readonly roles: readonly string[] }[];
}

/** The groups of a record that memberships are made of. */
export const MEMBERSHIP_GROUPS = ["roles", "organizations"] as const;
export type MembershipGroup = (typeof MEMBERSHIP_GROUPS)[number];

/** One role, one membership, or one role in an organization, by Auth0's ids. */
export interface Grant {
  readonly role?: string;
  readonly organization?: string;
}

/** A grant as it is kept: `rol_1`, `org_1` or `org_1 rol_1`. */
export type GrantText = string;

export function textOf({ role, organization }: Grant): GrantText {
  return [organization, role].filter((id) => id !== undefined).join(" ");
}

export function grantOf(text: GrantText): Grant {
  const [first = "", role] = text.split(" ");
  if (role !== undefined) return { organization: first, role };
  return first.startsWith("org_") ? { organization: first } : { role: first };
}

export function groupOf(text: GrantText): MembershipGroup {
  return grantOf(text).organization === undefined ? "roles" : "organizations";
}

/** @returns `undefined` where the record says nothing of either, or something else than lists. */
export function statedIn({ roles, organizations }: User): Stated | undefined {
  const stated = {
    ...(isNames(roles) && { roles: [...new Set(roles)].sort() }),
    ...(Array.isArray(organizations) && { organizations: organizations.map(organizationIn).sort(byName) }),
  };
  return stated.roles === undefined && stated.organizations === undefined ? undefined : stated;
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

function organizationIn(item: unknown): { name: string; roles: string[] } {
  if (typeof item === "string") return { name: item, roles: [] };
  const { name, roles } = Object(item) as { name?: unknown; roles?: unknown };
  return { name: String(name), roles: isNames(roles) ? [...new Set(roles)].sort() : [] };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

/** What a record wants, by the names in it; and the names that the maps lack. */
export interface Wanted {
  readonly grants: ReadonlyMap<string, GrantText>;
  readonly unknownRoles: readonly string[];
  readonly unknownOrganizations: readonly string[];
}

export function wantedBy(stated: Stated, maps: MembershipMaps): Wanted {
  const grants = new Map<string, GrantText>();
  const unknownRoles = new Set<string>();
  const unknownOrganizations = new Set<string>();
  const roleNamed = (name: string) => {
    const role = ownValue(maps.roles, name);
    if (role === undefined) unknownRoles.add(name);
    return role;
  };
  for (const name of maps.roles === undefined ? [] : (stated.roles ?? [])) {
    const role = roleNamed(name);
    if (role !== undefined) grants.set(name, textOf({ role }));
  }
  for (const { name, roles } of maps.organizations === undefined ? [] : (stated.organizations ?? [])) {
    const organization = ownValue(maps.organizations, name);
    if (organization === undefined) {
      unknownOrganizations.add(name);
      continue;
    }
    grants.set(`${name}/`, textOf({ organization }));
    for (const each of roles) {
      const role = roleNamed(each);
      if (role !== undefined) grants.set(`${name}/${each}`, textOf({ organization, role }));
    }
  }
  return { grants, unknownRoles: [...unknownRoles], unknownOrganizations: [...unknownOrganizations] };
}

/** A name may be that of anything, `constructor` too. */
function ownValue(map: Readonly<Record<string, string>> | undefined, name: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}

/** Names that the maps lack; `undefined` where they have all. */
export function unknownIn(stated: Stated, maps: MembershipMaps) {
  const { unknownRoles, unknownOrganizations } = wantedBy(stated, maps);
  if (unknownRoles.length > 0) {
    return { code: "UNKNOWN_ROLE", message: `\`roles\` has no ${unknownRoles.join(", ")}`, path: "roles" };
  }
  if (unknownOrganizations.length === 0) return undefined;
  const message = `\`organizations\` has no ${unknownOrganizations.join(", ")}`;
  return { code: "UNKNOWN_ORGANIZATION", message, path: "organizations" };
}

/** What is to be done for a user, before it is known what they have. */
export interface MembershipStep {
  /** To be given to a user who does not have it. */
  readonly give: readonly GrantText[];
  /** Ours, and no longer wanted. */
  readonly take: readonly GrantText[];
  /** To be given to a user who still has the first one from us, in its place: the name means another one now. */
  readonly replace: readonly (readonly [former: GrantText, now: GrantText])[];
}

/**
 * What a record asks for. Where a group changed in the file all of it is looked at; else only what its names mean
 * otherwise than before: what somebody took by hand is not given again.
 *
 * @param changed the groups of the record that are not as they were when they were last settled
 * @param ours what we gave
 * @param before what names meant then
 */
export function membershipStep(
  stated: Stated,
  maps: MembershipMaps,
  changed: readonly MembershipGroup[],
  ours: readonly GrantText[],
  before: MembershipMaps,
): MembershipStep {
  const wanted = wantedBy(stated, maps).grants;
  const former = wantedBy(stated, before).grants;
  const isChanged = (text: GrantText) => changed.includes(groupOf(text));
  const give: GrantText[] = [];
  const replace: [GrantText, GrantText][] = [];
  for (const [name, now] of wanted) {
    const then = former.get(name);
    if (then !== undefined && then !== now && ours.includes(then) && !isChanged(now)) replace.push([then, now]);
    else if (isChanged(now) || then === undefined) give.push(now);
  }
  const values = new Set(wanted.values());
  // A name that the maps have lost says nothing of what it meant.
  const lost = new Set([...former].filter(([name]) => !wanted.has(name)).map(([, then]) => then));
  const take = ours.filter((text) => isChanged(text) && !values.has(text) && !lost.has(text));
  return { give, take, replace };
}
