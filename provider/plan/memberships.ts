import { groupPrint } from "../ledger/attributes";
import { canonicalJson, type Fingerprint } from "../ledger/fingerprint";
import type { User } from "../schema/identity";

/** Auth0's ids of the roles and organizations that records name. */
export interface MembershipMaps {
  readonly roles?: Readonly<Record<string, string>> | undefined;
  readonly organizations?: Readonly<Record<string, string>> | undefined;
}

/** Whether they say the same, in whatever order: the engine has one of its own. */
export function sameMaps(a: MembershipMaps | undefined, b: MembershipMaps | undefined): boolean {
  return canonicalJson(a ?? {}) === canonicalJson(b ?? {});
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

/** A grant as a text: `rol_1`, `org_1` or `org_1 rol_1`. */
export type GrantText = string;

/**
 * What a user has, and under which name of the records: the name may mean something else by now, or nothing. `admin`,
 * `acme/` for the membership itself, or `acme/admin`.
 */
export interface Given {
  readonly name: string;
  readonly text: GrantText;
  /** Whether we gave it; else the user had it already when we were to. */
  readonly isOurs: boolean;
}

/** As the outputs and the journal keep it: `admin=rol_1`, or `admin~rol_1` where it is not ours. */
export function keptText({ name, text, isOurs }: Given): string {
  return `${name}${isOurs ? "=" : "~"}${text}`;
}

/** No id has one of these signs in it. */
export function givenOf(kept: string): Given {
  const at = Math.max(kept.lastIndexOf("="), kept.lastIndexOf("~"));
  return { name: kept.slice(0, at), text: kept.slice(at + 1), isOurs: kept[at] === "=" };
}

export function oursIn(given: readonly Given[]): Set<GrantText> {
  return new Set(given.flatMap(({ text, isOurs }) => (isOurs ? [text] : [])));
}

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

/** A name in a record that its argument does not have. */
export interface UnknownName {
  /** The argument, which is also where the name would be given. */
  readonly argument: MembershipGroup;
  readonly name: string;
  /** Where it is a role in an organization: in which. */
  readonly inside?: string;
}

/** What a record wants, by the names in it (see {@link Given}); and the names that the maps lack. */
export interface Wanted {
  readonly grants: ReadonlyMap<string, GrantText>;
  readonly unknownNames: readonly UnknownName[];
  /** All that is lacking for it, by name. */
  readonly unknown: ReadonlySet<string>;
}

export function wantedBy(stated: Stated, maps: MembershipMaps): Wanted {
  const grants = new Map<string, GrantText>();
  const unknown = new Set<string>();
  const unknownNames: UnknownName[] = [];
  const wants = (name: string, role: string, organization?: { readonly name: string; readonly id: string }) => {
    const id = ownValue(maps.roles, role);
    if (id === undefined) {
      unknownNames.push({ argument: "roles", name: role, ...(organization && { inside: organization.name }) });
      unknown.add(name);
    } else if (organization === undefined) grants.set(name, textOf({ role: id }));
    else grants.set(name, textOf({ organization: organization.id, role: id }));
  };
  for (const role of maps.roles === undefined ? [] : (stated.roles ?? [])) wants(plain(role), role);
  for (const { name, roles } of maps.organizations === undefined ? [] : (stated.organizations ?? [])) {
    const id = ownValue(maps.organizations, name);
    const member = `${plain(name)}/`;
    if (id === undefined) {
      unknownNames.push({ argument: "organizations", name });
      for (const each of ["", ...roles.map(plain)]) unknown.add(member + each);
      continue;
    }
    grants.set(member, textOf({ organization: id }));
    for (const role of roles) wants(member + plain(role), role, { name, id });
  }
  return { grants, unknownNames, unknown };
}

/** A name without the sign that stands between two. */
function plain(name: string): string {
  return name.replace(/[%/]/g, encodeURIComponent);
}

/** A name may be that of anything, `constructor` too. */
function ownValue(map: Readonly<Record<string, string>> | undefined, name: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}

/** Names that the maps lack, what comes of it and what to do; `undefined` where they have all. */
export function unknownIn(stated: Stated, maps: MembershipMaps) {
  const { unknownNames } = wantedBy(stated, maps);
  const [first] = unknownNames;
  if (first === undefined) return undefined;
  const clauses = MEMBERSHIP_GROUPS.flatMap((argument) => {
    const names = unknownNames.filter((each) => each.argument === argument);
    if (names.length === 0) return [];
    const noun = names.length === 1 ? argument.slice(0, -1) : argument;
    const list = names.map(({ name, inside }) => (inside === undefined ? name : `${name} (in ${inside})`)).join(", ");
    return [`the ${noun} ${list}, which the argument \`${argument}\` does not have`];
  });
  const them = unknownNames.length === 1 ? "it" : "them";
  return {
    code: first.argument === "roles" ? "UNKNOWN_ROLE" : "UNKNOWN_ORGANIZATION",
    message: `names ${clauses.join(", and ")}. The user comes in without ${them}. Add ${them} to the argument, or correct the record`,
    path: first.inside === undefined ? first.argument : "organizations",
  };
}

/**
 * The print of what a record says in one group, as far as it is settled with these maps: once they have a name that they
 * lacked, the record is looked at again.
 */
function membershipPrint(
  key: string,
  whose: string,
  group: MembershipGroup,
  stated: Stated,
  maps: MembershipMaps,
): Fingerprint | undefined {
  const { unknown } = wantedBy({ [group]: stated[group] }, maps);
  const said = stated[group];
  return groupPrint(key, whose, group, unknown.size === 0 ? said : { said, unknown: [...unknown].sort() });
}

/** What is to be done for a user, before it is known what they have. */
export interface MembershipStep {
  /** All that the record wants, by name. */
  readonly wanted: ReadonlyMap<string, GrantText>;
  /** To be given to a user who does not have it. */
  readonly give: readonly GrantText[];
  /** Ours, and no longer wanted. */
  readonly take: readonly GrantText[];
  /** To be given to a user who still has the first one, in its place: the name means another one now. */
  readonly replace: readonly (readonly [former: Given, now: GrantText])[];
  /** What the user has under names that the record still says, and under those of groups that did not change. */
  readonly keep: readonly Given[];
}

/**
 * What a record asks for. Where a group changed in the file all of it is looked at; else only what its names mean
 * otherwise than when we gave it: what somebody took by hand is not given again.
 *
 * @param changed the groups of the record that are not as they were when they were last settled
 * @param given what the user has, as far as is known
 */
export function membershipStep(
  stated: Stated,
  maps: MembershipMaps,
  changed: readonly MembershipGroup[],
  given: readonly Given[],
): MembershipStep {
  const { grants: wanted, unknown } = wantedBy(stated, maps);
  const isChanged = (text: GrantText) => changed.includes(groupOf(text));
  const values = new Set(wanted.values());
  const replace = given.flatMap((former): [Given, GrantText][] => {
    const now = wanted.get(former.name);
    return now === undefined || now === former.text || isChanged(now) ? [] : [[former, now]];
  });
  const replaced = new Set(replace.map(([former]) => former));
  // A name that the maps lack says nothing of what it meant.
  const stays = ({ name, text }: Given) => !isChanged(text) || unknown.has(name) || wanted.get(name) === text;
  const keep = given.filter((each) => !replaced.has(each) && stays(each));
  const kept = oursIn(keep);
  return {
    wanted,
    give: [...values].filter(isChanged),
    take: [...oursIn(given)].filter((text) => isChanged(text) && !values.has(text) && !kept.has(text)),
    replace,
    keep,
  };
}

/** What a record asks for, by what is known of its user. */
export interface Asked {
  /** Of what it says, in the groups that there is an argument for. */
  readonly prints: { readonly [G in MembershipGroup]?: Fingerprint };
  readonly step: MembershipStep;
  readonly unknown: ReturnType<typeof unknownIn>;
  /** Whether there is nothing to do and nothing to tell. */
  readonly isSettled: boolean;
}

/**
 * @param name as `identityOf` names the user of the record
 * @param prints of what the record said when it was last settled
 * @param given what the user has, as far as is known
 */
export function askedBy(
  key: string,
  name: string,
  all: Stated,
  maps: MembershipMaps,
  known: { readonly prints: Asked["prints"]; readonly given: readonly Given[] },
): Asked {
  const stated = askedOf(all, maps);
  const groups = groupsIn(stated);
  const prints = Object.fromEntries(
    groups.map((group) => [group, membershipPrint(key, name, group, stated, maps)]),
  ) as Asked["prints"];
  const changed = groups.filter((group) => prints[group] !== known.prints[group]);
  const step = membershipStep(stated, maps, changed, known.given);
  const unknown = unknownIn(stated, maps);
  const isSettled =
    changed.length + step.give.length + step.take.length + step.replace.length === 0 && unknown === undefined;
  return { prints, step, unknown, isSettled };
}

/** What a record says in the groups that there is an argument for. */
export function askedOf(all: Stated, maps: MembershipMaps): Stated {
  const asked = groupsIn(all).filter((group) => maps[group] !== undefined);
  return Object.fromEntries(asked.map((group) => [group, all[group]])) as Stated;
}

export function groupsIn(stated: Stated): MembershipGroup[] {
  return MEMBERSHIP_GROUPS.filter((group) => stated[group] !== undefined);
}

/**
 * The groups that `askedBy` would find changed of a record that stands in the file as it did when it was last settled:
 * told without the key, and without whose record it is.
 *
 * @param before what names meant then
 */
export function changedByMaps(
  stated: Stated,
  maps: MembershipMaps,
  before: MembershipMaps,
  prints: Asked["prints"],
): MembershipGroup[] {
  return groupsIn(stated).filter((group) => {
    if (prints[group] === undefined) return true;
    const [now, then] = [maps, before].map((each) => [...wantedBy({ [group]: stated[group] }, each).unknown].sort());
    return JSON.stringify(now) !== JSON.stringify(then);
  });
}

/** What a user gets who does not have it, as far as is known. */
export function comingOf({ give, replace }: MembershipStep, given: readonly Given[]): Set<GrantText> {
  const ours = oursIn(given);
  return new Set([...give.filter((text) => !ours.has(text)), ...replace.map(([, now]) => now)]);
}
