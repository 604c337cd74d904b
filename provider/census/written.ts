import {
  type Attributes,
  attributesOf,
  BOOLEANS,
  groupPrint,
  hasPrint,
  type ProfileAttribute,
} from "../ledger/attributes";
import type { Had, KnownRecord } from "../ledger/entry";
import { identifierOf, identityOf, type User } from "../schema/identity";
import type { KnownGroup } from "./conflicts";
import {
  type ComparedAttribute,
  compareAttribute,
  isIncomparable,
  isMetadata,
  type Likeness,
  normalValue,
  type TenantRecord,
} from "./equal";
import { CONTESTED, groupOf, Knowledge, truthOf } from "./knowledge";

/*
 * What the tenant has, beside what it had when the file was last settled (W): at the adoption of a user, and at the
 * verification of all. Pure.
 */

/**
 * What is known of a user who was there before us and is taken as they are: F is what the file says, W what the tenant has.
 *
 * @param attributes of the record, as `attributesOf` has them.
 */
export function adopted(
  attributes: Attributes,
  user: User,
  there: TenantRecord,
  key: string,
): Pick<KnownRecord, "attributes" | "had"> {
  const whose = identityOf(user) ?? "";
  const { former: _, ...known } = attributes;
  const next = new Knowledge({ attributes: known });
  for (const group of CONTESTED) {
    if (attributes.prints[group] === undefined) continue;
    const { said } = groupOf({ attributes }, group);
    const likeness = groupLikeness(group, user, there, said);
    const had =
      likeness === "unknown" ? { print: likeness, of: said.of } : tenantsGroup(group, said.of, there, key, whose);
    next.settle(group, said, likeness === "same" ? said : had);
  }
  for (const attribute of BOOLEANS) {
    const said = attributes.booleans[attribute];
    if (said !== undefined) next.settleTruth(attribute, said, there[attribute] === true);
  }
  return next.known;
}

/** What is known of a user of whom nobody has read what the tenant has: W is unknown in all that the record states. */
export function withUnknownHad<T extends Pick<KnownRecord, "attributes">>(known: T): T & Pick<KnownRecord, "had"> {
  const { prints, profile, booleans } = known.attributes;
  const groups = CONTESTED.filter((group) => prints[group] !== undefined);
  const truths = BOOLEANS.filter((attribute) => booleans[attribute] !== undefined);
  if (groups.length + truths.length === 0) return known;
  const had: Had = {
    prints: Object.fromEntries(groups.map((group) => [group, "unknown"])),
    profile: groups.includes("profile") ? profile : [],
    booleans: Object.fromEntries(truths.map((attribute) => [attribute, "unknown"])),
  };
  return { ...known, had };
}

/**
 * What is known of a user to whom something was sent, and no answer came: of each group that is unknown since, which of the
 * possible states is the one whose W the tenant has. Where none is, or several that differ in F, it stays unknown.
 *
 * @param states what was known before it was sent, and what was to be known afterwards.
 */
export function recognized(
  known: Pick<KnownRecord, "attributes" | "had">,
  states: readonly Pick<KnownRecord, "attributes" | "had">[],
  there: TenantRecord,
  { key, whose }: { readonly key: string; readonly whose: string },
): Pick<KnownRecord, "attributes" | "had"> {
  const next = new Knowledge(known);
  for (const group of CONTESTED) {
    if (!known.attributes.unknown?.includes(group)) continue;
    const fitting = states
      .map((state) => groupOf(state, group))
      .filter(({ said, had }) => {
        if (said.print === "unknown" || said.isDoubtful || had.print === "unknown") return false;
        const value = tenantsValue(group, had.of, there);
        const empty = isMetadata(group) && value === undefined ? [groupPrint(key, whose, group, {})] : [];
        return [groupPrint(key, whose, group, value), ...empty].includes(had.print);
      });
    const [first] = fitting;
    if (first === undefined || fitting.some(({ said }) => said.print !== first.said.print)) continue;
    next.settle(group, first.said, first.had);
  }
  for (const attribute of BOOLEANS) {
    if (known.attributes.booleans[attribute] !== "unknown") continue;
    const fitting = states
      .map((state) => truthOf(state, attribute))
      .filter(({ said, had }) => said !== "unknown" && (had ?? false) === (there[attribute] === true));
    const [first] = fitting;
    if (first === undefined || fitting.some(({ said }) => (said ?? false) !== (first.said ?? false))) continue;
    next.settleTruth(attribute, first.said, first.had);
  }
  return next.known;
}

/** Spelling is no difference. */
function groupLikeness(
  group: (typeof CONTESTED)[number],
  user: User,
  there: TenantRecord,
  { of }: KnownGroup,
): Exclude<Likeness, "spelling"> {
  const attributes: readonly ComparedAttribute[] = group === "profile" ? of : [group];
  const unlike = attributes
    .map((attribute) => compareAttribute(attribute, user[attribute], there[attribute]))
    .filter((likeness) => likeness === "other" || likeness === "unknown");
  return unlike[0] ?? "same";
}

/** What the tenant has of a group; of the profile, in those attributes. */
function tenantsGroup(
  group: (typeof CONTESTED)[number],
  of: readonly ProfileAttribute[],
  there: TenantRecord,
  key: string,
  whose: string,
): KnownGroup {
  const value = tenantsValue(group, of, there);
  const print = groupPrint(key, whose, group, value);
  return { print, of: group === "profile" ? of.filter((attribute) => isThere(attribute, there)) : [] };
}

function tenantsValue(
  group: (typeof CONTESTED)[number],
  of: readonly ProfileAttribute[],
  there: TenantRecord,
): unknown {
  if (group !== "profile") return normalValue(group, there[group]);
  const own = of.filter((attribute) => isThere(attribute, there));
  return Object.fromEntries(own.map((attribute) => [attribute, there[attribute]]));
}

function isThere(attribute: ProfileAttribute, there: TenantRecord): boolean {
  return normalValue(attribute, there[attribute]) !== undefined;
}

/**
 * The groups and attributes in which the tenant has something else than it had when they were last settled (T ≠ W). What
 * nobody knows of W is not compared.
 *
 * @param user the record, where it is at hand. Where it still says what it said then, and the tenant had that, values are
 *   compared, by the rules of equal.ts; else prints, to which another spelling is a difference.
 * @param whose the user, as `identityOf` has it of the record.
 */
export function unlikeWritten(
  known: Pick<KnownRecord, "attributes" | "had">,
  there: TenantRecord,
  { key, whose, user }: { readonly key: string; readonly whose: string; readonly user?: User | undefined },
): ComparedAttribute[] {
  const now = user === undefined ? undefined : attributesOf(key, user, identifierOf(user));
  const unlike: ComparedAttribute[] = [];
  for (const group of CONTESTED) {
    const { said, had } = groupOf(known, group);
    if (had.print === "unknown" || had.isDoubtful) continue;
    if (had === said && had.print === undefined) continue;
    if (user !== undefined && had === said && now !== undefined && hasPrint(now, known.attributes, group)) {
      for (const attribute of group === "profile" ? had.of : [group]) {
        if (compareAttribute(attribute, user[attribute], there[attribute]) === "other") unlike.push(attribute);
      }
      continue;
    }
    const value = tenantsValue(group, had.of, there);
    if (isMetadata(group) && isIncomparable(value)) continue;
    // Metadata without a key is none. Version 0.1 took nulls for something.
    const prints = [
      groupPrint(key, whose, group, value),
      ...(isMetadata(group) ? [groupPrint(key, whose, group, value ?? {}, "kept")] : []),
    ];
    if (!prints.includes(had.print)) unlike.push(...(group === "profile" ? had.of : [group]));
  }
  for (const attribute of BOOLEANS) {
    const { said, had } = truthOf(known, attribute);
    if (said === undefined && had === undefined) continue;
    if (had !== "unknown" && (had ?? false) !== (there[attribute] === true)) unlike.push(attribute);
  }
  return unlike;
}
