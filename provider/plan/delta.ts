import {
  type Attributes,
  BOOLEANS,
  type BooleanAttribute,
  GROUPS,
  type Group,
  hasPrint,
  PROFILE,
  type ProfileAttribute,
  type Truth,
} from "../ledger/attributes";
import { type Had, type KnownRecord, lastingOf, withoutHad } from "../ledger/entry";
import { type Fingerprint, NO_RECORD } from "../ledger/fingerprint";
import { failureCode, type LedgerEntry, neverIn } from "../ledger/ledger";
import type { User } from "../schema/identity";

/**
 * What is done about a user who is already in the connection when first imported: a failed record, taken as it is, or
 * written over.
 */
export type OnExisting = "fail" | "adopt" | "overwrite";

/** The kind of job that a record goes into: `insert` refuses a user who exists, `upsert` updates one with that email. */
export type JobKind = "insert" | "upsert";

/**
 * What the jobs of a run are filled with. `hash`: upserts of nothing but a password hash. Auth0 refuses a record whole
 * whose hash it can't take (Auth0's support), so a hash never travels with anything else.
 */
export type ChunkKind = JobKind | "hash";

/** The kind of job that carries it. */
export function jobKindOf(kind: ChunkKind): JobKind {
  return kind === "hash" ? "upsert" : kind;
}

/** Groups of attributes that an upsert can set. Auth0 documentation. */
export const UPSERTABLE = [
  "user_metadata",
  "app_metadata",
  "profile",
  "mfa_factors",
] as const satisfies readonly Group[];

/** What can change of a user: a group of attributes, or an attribute that is true or false. */
export type Change = Group | BooleanAttribute;

/**
 * Why the tenant does not have what a record says. `passwordSet`: the user has a password that no import can change, as
 * they came in without a custom hash, have set one, or have signed in.
 */
export type NotAppliedReason =
  | ("notUpsertable" | "removed" | "noEmail" | "emailNotUnique" | "passwordSet")
  | (typeof CONFLICTS)[number];

/**
 * Those of conflicts: file and tenant have both changed, or the user is not there as they were. `notFound`: they are not
 * there by what was read, and nobody has looked further.
 */
const CONFLICTS = ["changedThere", "unknown", "deleted", "linked", "notFound", "emailGone"] as const;

export function isConflict(reason: NotAppliedReason): boolean {
  return (CONFLICTS as readonly string[]).includes(reason);
}

/** Something that a record says, and that can't be brought to the tenant. */
export interface Difference {
  readonly attribute: Change | ProfileAttribute;
  readonly reason: NotAppliedReason;
}

/**
 * What is not brought of a user of whom nothing is sent.
 *
 * @param others what could not be sent in any case: where the user is not there, that is no reason of its own.
 */
export function withheldFor(
  reason: NotAppliedReason,
  changes: readonly Change[],
  others: readonly Difference[],
): Difference[] {
  const isMoot = (other: Difference) => isConflict(reason) && other.reason === "notUpsertable";
  return [
    ...others.map((other) => (isMoot(other) ? { ...other, reason } : other)),
    ...changes.map((attribute) => ({ attribute, reason })),
  ];
}

/** What a record says, as far as deciding about it takes. */
export interface Described {
  readonly record: Fingerprint;
  /** All that it says; asked for only where an update failed before. */
  readonly whole: () => Fingerprint;
  readonly attributes: Attributes;
  /** Whether it has an email, which is the key of an upsert. */
  readonly hasEmail: boolean;
  /** Whether a password hash was left out of it: such a user is to be listed as long as that is so. */
  readonly passwordOmitted: boolean;
}

/** What a run does about one record. */
export type Step =
  /** The user is not in the tenant, as far as is known. */
  | { readonly do: "insert"; readonly after: KnownRecord }
  /** Some of what the record says is to be sent. `after` is what the tenant has then. */
  | {
      readonly do: "update";
      /** `hash`: nothing but the hash is left to be sent. */
      readonly kind: Exclude<ChunkKind, "insert">;
      readonly changes: readonly Change[];
      /** The hash changed, too: once this is settled, the record is to be decided about again. */
      readonly hashFollows: boolean;
      /** The file has another email of them, so that they are found by their id alone; there may be no other change. */
      readonly isMoved?: true;
      readonly differences: readonly Difference[];
      readonly after: KnownRecord;
    }
  /** Nothing of it can be sent, and nothing differs but that. */
  | { readonly do: "nothing"; readonly differences: readonly Difference[]; readonly after: KnownRecord }
  /** It failed before, and is not to be sent again. */
  | {
      readonly do: "listFailure";
      readonly code: string;
      readonly differences: readonly Difference[];
      readonly after: KnownRecord;
    };

/**
 * Decides about one record, given what is known of its user.
 *
 * A user who left the source and came back is still in the tenant: an insert would fail as a duplicate, so it is an
 * update like any other. A record that failed is sent again when it changed or when it is marked for that (`Ledger.resendFailed`).
 *
 * An upsert replaces whole what it holds, so it holds only what changed. It finds its user by email alone: with another
 * email than before it would miss this user and write over whoever has that one. So such a user is read by id, and what
 * is sent goes by the email that they have; without an id of ours, nothing is.
 *
 * A hash goes alone, after the rest, and only to users whom we brought with a custom hash: to anybody else Auth0 gives none.
 *
 * What a record no longer says stays in the tenant. It is told as a difference, but for hashes and factors: a file
 * without them is what a careful person keeps.
 */
export function decide(described: Described, known: LedgerEntry | undefined): Step {
  const { record, whole, attributes, hasEmail, passwordOmitted } = described;
  const asItIs: KnownRecord = { record, attributes, differs: passwordOmitted };
  if (known === undefined) return { do: "insert", after: asItIs };
  const code = failureCode(known.state);
  const isMarked = known.record === NO_RECORD;
  if (neverIn(known.state)) {
    // Of a user who was to be written over, the ledger has what an upsert can set, and the attempt tells the record.
    const same = known.attempt === undefined ? sameAttributes(known.attributes, attributes) : known.attempt === whole();
    return same && !isMarked
      ? { do: "listFailure", code: code as string, differences: [], after: asItIs }
      : { do: "insert", after: asItIs };
  }

  const said = known.attributes;
  const isChanged = (group: Group) => attributes.prints[group] !== undefined && !hasPrint(attributes, said, group);
  const changed: Change[] = UPSERTABLE.filter(isChanged);
  if (isNews(attributes, said, "email_verified")) changed.push("email_verified");
  const hash = hashStep(attributes, known);
  const differences: Difference[] = [
    ...NOT_UPSERTABLE.filter(isChanged).map((attribute): Difference => ({ attribute, reason: "notUpsertable" })),
    ...(["phone_verified", "blocked"] as const)
      .filter((attribute) => isNews(attributes, said, attribute))
      .map((attribute): Difference => ({ attribute, reason: "notUpsertable" })),
    ...(hash === "refused" ? [{ attribute: "custom_password_hash", reason: "passwordSet" } as const] : []),
    ...removed(attributes, known),
  ];
  if (code !== undefined && known.attempt === whole() && !isMarked) {
    return { do: "listFailure", code, differences, after: { ...known, record } };
  }
  const canUpsert = hasEmail && attributes.prints.email === said.prints.email;
  const wanted: Change[] = hash === "send" ? [...changed, "custom_password_hash"] : changed;
  const isMoved = hasEmail && !canUpsert && known.hasOtherId !== true;
  const lost = canUpsert ? [] : isMoved ? wanted.filter((each) => each === "custom_password_hash") : wanted;
  differences.push(...lost.map((attribute): Difference => ({ attribute, reason: "noEmail" })));
  const differs = differences.length > 0 || passwordOmitted;
  const lasting = lastingOf(known);
  if (isMoved) {
    const after = { ...lasting, record, ...withChanges(known, attributes, changed), differs };
    return { do: "update", kind: "upsert", changes: changed, hashFollows: false, isMoved, differences, after };
  }
  if (!canUpsert || wanted.length === 0) {
    const had = known.had === undefined ? {} : { had: known.had };
    return { do: "nothing", differences, after: { ...lasting, record, attributes: said, ...had, differs } };
  }
  const hashFollows = hash === "send" && changed.length > 0;
  const kind = changed.length > 0 ? "upsert" : "hash";
  const changes = kind === "hash" ? wanted : changed;
  const { passwordSet: _, ...withoutRefusal } = lasting;
  return {
    ...{ do: "update", kind, changes, hashFollows, differences },
    after: {
      ...(kind === "hash" ? withoutRefusal : lasting),
      record,
      ...withChanges(known, attributes, changes),
      // While the hash is on its way the record is to be looked at again, whatever becomes of the run.
      differs: differs || hashFollows,
    },
  };
}

/** What is done about the hash of a record: it is sent, or it is known that Auth0 does not take it. */
function hashStep({ prints }: Attributes, known: LedgerEntry): "send" | "refused" | undefined {
  const hash = prints.custom_password_hash;
  if (hash === undefined) return undefined;
  if (hash === known.attributes.prints.custom_password_hash) return known.passwordSet ? "refused" : undefined;
  return known.broughtHash && known.origin !== "adopted" ? "send" : "refused";
}

/** What an upsert can't set. */
const NOT_UPSERTABLE = ["email", "username", "phone_number", "password_hash"] as const satisfies readonly Group[];

/** Whose absence from a record means nothing. */
const SILENT: ReadonlySet<Group> = new Set<Group>([
  ...(["password_hash", "custom_password_hash", "mfa_factors"] as const),
  ...(["roles", "organizations"] as const),
]);

function isNews(record: Attributes, tenant: Attributes, attribute: BooleanAttribute): boolean {
  const value = record.booleans[attribute];
  // What was never stated is false in the tenant.
  return value !== undefined && value !== (tenant.booleans[attribute] ?? false);
}

function removed(record: Attributes, { attributes: said, had }: KnownRecord): Difference[] {
  const profile = had?.prints.profile === undefined ? said.profile : had.profile;
  const gone = [
    ...GROUPS.filter(
      (group) =>
        group !== "profile" &&
        !SILENT.has(group) &&
        said.prints[group] !== undefined &&
        record.prints[group] === undefined,
    ),
    ...profile.filter((attribute) => !record.profile.includes(attribute)),
    // Who was blocked stays so. Of `email_verified` a record may be silent: the tenant then knows better.
    ...(["phone_verified", "blocked"] as const).filter(
      (attribute) => said.booleans[attribute] && record.booleans[attribute] === undefined,
    ),
  ] as const;
  return gone.map((attribute) => ({ attribute, reason: "removed" }));
}

/**
 * What the file has said, and what the tenant has, after an upsert of these changes: of the groups that changed the same.
 * Only attributes of the profile that the record no longer names stay in the tenant beside those that it does.
 */
function withChanges(
  { attributes: said, had }: KnownRecord,
  record: Attributes,
  changes: readonly Change[],
): Pick<KnownRecord, "attributes" | "had"> {
  const sent = ([...UPSERTABLE, "custom_password_hash"] as const).filter((group) => changes.includes(group));
  const prints: { [G in Group]?: Fingerprint } = { ...said.prints };
  for (const group of sent) {
    const print = record.prints[group];
    if (print !== undefined) prints[group] = print;
  }
  // A hash of the other kind takes the place of the one that there was.
  if (changes.includes("custom_password_hash")) delete prints.password_hash;
  const isProfileSent = changes.includes("profile");
  const { email_verified } = record.booleans;
  const unknown = said.unknown?.filter((group) => !(sent as readonly Group[]).includes(group)) ?? [];
  const attributes: Attributes = {
    prints,
    profile: isProfileSent ? record.profile : said.profile,
    booleans: email_verified === undefined ? said.booleans : { ...said.booleans, email_verified },
    ...(unknown.length === 0 ? {} : { unknown }),
  };
  const before = had?.prints.profile === undefined ? said.profile : had.profile;
  const profile = PROFILE.filter((attribute) => before.includes(attribute) || record.profile.includes(attribute));
  const isMore = isProfileSent && profile.length > record.profile.length;
  const settled = [...sent, ...(email_verified === undefined ? [] : (["email_verified"] as const))];
  return withHad(attributes, withoutHad(had, settled), isMore ? profile : undefined);
}

/** @param profile which attributes of the profile the tenant has, where that is more than the file says: of what, nobody knows. */
function withHad(
  attributes: Attributes,
  had: Had | undefined,
  profile: readonly ProfileAttribute[] | undefined,
): Pick<KnownRecord, "attributes" | "had"> {
  if (profile === undefined) return { attributes, ...(had === undefined ? {} : { had }) };
  const { prints = {}, booleans = {} } = had ?? {};
  return { attributes, had: { prints: { ...prints, profile: "unknown" }, booleans, profile } };
}

/** What the tenant has of a user who was there before, when it was written over with all that an upsert can set. */
export function overwritten(attributes: Attributes): { readonly has: Attributes; readonly differences: Difference[] } {
  const prints: { [G in Group]?: Fingerprint } = { ...attributes.prints };
  const differences: Difference[] = [];
  for (const group of NOT_UPSERTABLE) {
    // The upsert has found the user by this email.
    if (group === "email" || prints[group] === undefined) continue;
    delete prints[group];
    differences.push({ attribute: group, reason: "notUpsertable" });
  }
  // They have a password, or had a random one made: no upsert gives them another.
  if (prints.custom_password_hash !== undefined) {
    delete prints.custom_password_hash;
    differences.push({ attribute: "custom_password_hash", reason: "passwordSet" });
  }
  const { email_verified } = attributes.booleans;
  for (const attribute of ["phone_verified", "blocked"] as const) {
    if (attributes.booleans[attribute]) differences.push({ attribute, reason: "notUpsertable" });
  }
  const booleans = email_verified === undefined ? {} : { email_verified };
  return { has: { ...attributes, prints, booleans }, differences };
}

/** What the tenant has where all was applied but the factors: those, if any, are as they were before. */
export function withoutFactors(applied: Attributes, before?: Attributes): Attributes {
  const { mfa_factors: _, ...prints } = applied.prints;
  const factors = before?.prints.mfa_factors;
  return { ...applied, prints: factors === undefined ? prints : { ...prints, mfa_factors: factors } };
}

/** The attributes of a record that an upsert of these changes holds, its key and `email_verified` apart. */
export function changedAttributes(user: User, changes: readonly Change[]): User {
  const sent: User = {};
  for (const change of changes) {
    for (const attribute of change === "profile" ? PROFILE : [change]) {
      if (user[attribute] !== undefined) sent[attribute] = user[attribute];
    }
  }
  return sent;
}

/** What is certain of a user who has one or the other: where they differ, whatever a record says is news. */
export function commonAttributes(a: Attributes, b: Attributes): Attributes {
  const prints: { [G in Group]?: Fingerprint } = {};
  const unknown: Group[] = [];
  for (const group of GROUPS) {
    const print = a.prints[group];
    const isUnknown = [a, b].some((each) => each.unknown?.includes(group));
    if (print !== b.prints[group] || (isUnknown && print === undefined)) unknown.push(group);
    else {
      if (print !== undefined) prints[group] = print;
      // Both have the same print, and of neither is it certain what it is of.
      if (isUnknown) unknown.push(group);
    }
  }
  const booleans: { [B in BooleanAttribute]?: Truth } = { ...a.booleans };
  for (const attribute of BOOLEANS) {
    // What was never stated is false.
    if ((a.booleans[attribute] ?? false) !== (b.booleans[attribute] ?? false)) booleans[attribute] = "unknown";
  }
  return { prints, profile: a.profile, booleans, ...(unknown.length === 0 ? {} : { unknown }) };
}

export function sameAttributes(a: Attributes, b: Attributes): boolean {
  return (
    GROUPS.every((group) => hasPrint(a, b, group) || hasPrint(b, a, group)) &&
    BOOLEANS.every((attribute) => a.booleans[attribute] === b.booleans[attribute])
  );
}
