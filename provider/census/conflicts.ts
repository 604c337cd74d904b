import { groupPrint, PROFILE, type ProfileAttribute } from "../ledger/attributes";
import type { Fingerprint } from "../ledger/fingerprint";
import type { User } from "../schema/identity";
import { isDefault } from "./defaults";
import {
  type ComparedAttribute,
  compareAttribute,
  isIncomparable,
  isMetadata,
  isStated,
  normalValue,
  type TenantRecord,
} from "./equal";
import { changedFields, differingFields, type Fields, fieldOf, withFields } from "./mixtures";

/*
 * What is done about a group of attributes that changed in the file, given what the tenant has. Pure: S is what the file
 * says now, T what the tenant has now, F what the file said when the group was last settled, W what the tenant had then.
 * Of F and W only prints are known.
 *
 * | | |
 * | --- | --- |
 * | S = F, or S says nothing of the group | nothing, whatever the tenant has |
 * | T = S | nothing; F := W := S |
 * | F is found, in T itself or among the mixtures of S and T | T with the fields that the file changed as in S is sent; F := S, W := what is sent |
 * | F is not found, `keep` | a conflict `changedThere`; F and W stay |
 * | F is not found, `merge` | metadata: T overlaid by S at the first level is sent; F := S, W := what is sent. Else as `keep` |
 * | F is not found, `overwrite` | S is sent; F := W := S |
 * | F is unknown, or T can't be told | not updated there since our last write, and W was F then: S is sent; F := W := S. Else as where F is not found, with the reason `unknown` |
 *
 * So nothing that somebody else wrote is lost under `keep`. `email_verified`, `blocked` and `phone_verified` are in
 * truths.ts. That nobody is made anew, and by which email a job goes, is the caller's part.
 */

/**
 * What is done where file and tenant have both changed since the file last said something: nothing, which is told; the
 * file's keys laid over the tenant's metadata; or the file written over the tenant's.
 */
export type OnConflict = "keep" | "merge" | "overwrite";

/** The groups that can be read back, but for those that are true or false. */
export type ContestedGroup = "email" | "username" | "phone_number" | "user_metadata" | "app_metadata" | "profile";

/** What is known of a group: its print, `undefined` where it said nothing, `"unknown"` after a lost answer. */
export interface KnownGroup {
  readonly print: Fingerprint | undefined | "unknown";
  /** Of `profile`: which attributes the print is of. Else empty. */
  readonly of: readonly ProfileAttribute[];
  /** Nobody knows what exactly the print is of: it tells that nothing changed, and else it is as unknown. */
  readonly isDoubtful?: boolean;
}

/** A group that is to be settled. */
export interface Question {
  readonly group: ContestedGroup;
  /** S: the record. */
  readonly user: User;
  /** T: the tenant's user. */
  readonly there: TenantRecord;
  /** F and W, as the ledger has them: the same object, where W is F. */
  readonly said: KnownGroup;
  readonly had: KnownGroup;
  readonly onConflict: OnConflict;
  /** Whether the tenant's user was updated after our last write of it: see {@link isUpdatedSince}. */
  readonly updatedSince: boolean;
  /** The import's key, and who the user is, as `identityOf` has it: they key the prints. */
  readonly key: string;
  readonly whose: string;
  /** Whether a text is the email that the ledger knows: see {@link isDefault}. */
  readonly isKnownEmail?: (text: string) => boolean;
}

/** Why something is sent. */
export type Because = "unchangedThere" | "merged" | "overlaid" | "overwritten";

export type ConflictReason = "changedThere" | "unknown";

/** What comes of a group. */
export interface Settlement {
  /** F and W afterwards; where something is sent, once it has arrived. */
  readonly said: KnownGroup;
  readonly had: KnownGroup;
  /** What to send. */
  readonly send?: {
    /** For an upsert, which replaces metadata whole: attributes of the user. Of a profile only those that changed. */
    readonly attributes: User;
    /** For `PATCH`, which merges metadata at the first level: only what changes, `null` where a key goes. */
    readonly patch: User;
    readonly because: Because;
  };
  /** Nothing is sent because of this. The attributes are those of the user: keys of metadata are often data. */
  readonly conflict?: { readonly attributes: readonly ComparedAttribute[]; readonly reason: ConflictReason };
}

/** What may pass between our last write and `updated_at` of it: clocks, and a job's own time. */
const GRACE_MS = 10 * 60_000;

/**
 * Whether a user was updated after the run that last wrote them had ended, and ten minutes more. Where that can't be
 * told, they were.
 *
 * @param lastRunEnded `undefined` where it is not known.
 */
export function isUpdatedSince(there: TenantRecord, lastRunEnded: Date | undefined): boolean {
  const updated = Date.parse(String(there.updated_at ?? there.created_at));
  return lastRunEnded === undefined || !(updated <= lastRunEnded.getTime() + GRACE_MS);
}

/** Settles one group of one user. */
export function settleGroup(question: Question): Settlement {
  const { said, had } = question;
  const contest = contestOf(question);
  if (contest === undefined || contest.isSaid(contest.file)) return { said, had };
  const { file, tenant } = contest;
  const { all } = contest;
  const settle = (names: readonly string[], because?: Because): Settlement => {
    const result = withFields(tenant, file, names);
    const isWhole = differingFields(file, result).length === 0;
    const [now, there] = [contest.known(file), contest.known(result)];
    const known = { said: now, had: isWhole ? now : there };
    // An attribute that the file no longer states is all that changed.
    if (because === undefined || names.length === 0) return known;
    return { ...known, send: { ...contest.sent(isWhole ? file : result, names), because } };
  };
  if (!contest.isUncertain && contest.isSame()) return settle(all);
  const isUnknown = said.print === "unknown" || said.isDoubtful === true || contest.isUncertain;
  if (isUnknown) {
    // Where the tenant had something besides what the file said, that would be lost.
    if (!question.updatedSince && had === said) return settle(all, "unchangedThere");
  } else {
    const changed = contest.changed();
    if (changed !== undefined) return settle(changed, changed.length === all.length ? "unchangedThere" : "merged");
  }
  if (question.onConflict === "overwrite") return settle(all, "overwritten");
  if (question.onConflict === "merge" && isMetadata(question.group) && !contest.isUncertain) {
    return settle(
      all.filter((name) => fieldOf(file, name) !== undefined),
      "overlaid",
    );
  }
  const { attributes } = contest;
  if (!isUnknown) return { said, had, conflict: { attributes, reason: "changedThere" } };
  // From now on it is known that W was not F: another group's change makes nothing of this one ours.
  return { said, had: { print: "unknown", of: had.of }, conflict: { attributes, reason: "unknown" } };
}

/** File and tenant in one group, field by field, and what the kinds of groups do in their own way. */
interface Contest {
  readonly file: Fields;
  readonly tenant: Fields;
  /** The fields that the file can set, and that are not the same in the tenant. */
  readonly all: readonly string[];
  /** Those attributes of the user that differ. */
  readonly attributes: readonly ComparedAttribute[];
  /** What the tenant has can't be told: a number that no double keeps. */
  readonly isUncertain: boolean;
  isSame(): boolean;
  /** Whether the file said this when the group was last settled. */
  isSaid(fields: Fields): boolean;
  /** The fields that the file changed since; `undefined` where that can't be found out. */
  changed(): readonly string[] | undefined;
  known(fields: Fields): KnownGroup;
  /** @param names the fields that are to change in the tenant. */
  sent(fields: Fields, names: readonly string[]): { readonly attributes: User; readonly patch: User };
}

function contestOf(question: Question): Contest | undefined {
  const { group, user } = question;
  if (group === "profile") return PROFILE.some((name) => isStated(user[name])) ? new Profile(question) : undefined;
  if (!isStated(user[group])) return undefined;
  return isMetadata(group) ? new Metadata(question, group) : new Scalar(question, group);
}

/** Whether a value of the group has the print of what the file said: as it is taken now, or as version 0.1 took it. */
function hasPrint({ key, whose, group, said }: Question, value: unknown): boolean {
  const print = groupPrint(key, whose, group, value);
  // Metadata without a key says as little as none.
  if (said.print === undefined) return print === undefined || normalValue(group, value) === undefined;
  return print === said.print || groupPrint(key, whose, group, value, "kept") === said.print;
}

/** An attribute that changes as a whole: one field, named after it. */
class Scalar implements Contest {
  readonly file: Fields;
  readonly tenant: Fields;
  readonly all: readonly string[];
  readonly attributes: readonly ComparedAttribute[];
  readonly isUncertain = false;

  constructor(
    private readonly question: Question,
    private readonly attribute: "email" | "username" | "phone_number",
  ) {
    this.all = [attribute];
    this.attributes = [attribute];
    this.file = { [attribute]: question.user[attribute] };
    const there = question.there[attribute];
    this.tenant = isStated(there) ? { [attribute]: there } : {};
  }

  isSame(): boolean {
    return isAlike(this.attribute, this.file[this.attribute], this.tenant[this.attribute]);
  }

  isSaid(fields: Fields): boolean {
    return hasPrint(this.question, fields[this.attribute]);
  }

  changed(): readonly string[] | undefined {
    return this.isSaid(this.tenant) ? [this.attribute] : undefined;
  }

  known(fields: Fields): KnownGroup {
    const { key, whose, group } = this.question;
    return { print: groupPrint(key, whose, group, fields[this.attribute]), of: [] };
  }

  sent(fields: Fields): { readonly attributes: User; readonly patch: User } {
    return { attributes: { ...fields }, patch: { ...fields } };
  }
}

/** Its fields are the keys of the first level. */
class Metadata implements Contest {
  readonly file: Fields;
  readonly tenant: Fields;
  readonly all: readonly string[];
  readonly attributes: readonly ComparedAttribute[];
  readonly isUncertain: boolean;

  constructor(
    private readonly question: Question,
    private readonly attribute: "user_metadata" | "app_metadata",
  ) {
    this.file = fieldsOf(question.user[attribute]);
    this.tenant = fieldsOf(question.there[attribute]);
    this.isUncertain = isIncomparable(this.file) || isIncomparable(this.tenant);
    // Where doubles can't tell, any may differ.
    const names = Object.keys({ ...this.tenant, ...this.file });
    this.all = this.isUncertain ? names : differingFields(this.file, this.tenant);
    this.attributes = [attribute];
  }

  isSame(): boolean {
    return isAlike(this.attribute, this.file, this.tenant);
  }

  isSaid(fields: Fields): boolean {
    return hasPrint(this.question, fields);
  }

  changed(): readonly string[] | undefined {
    // The tenant's own comes first: in however many keys it differs.
    if (this.isSaid(this.tenant)) return this.all;
    return changedFields(this.file, this.tenant, (mixture) => this.isSaid(mixture));
  }

  known(fields: Fields): KnownGroup {
    const { key, whose, group } = this.question;
    return { print: groupPrint(key, whose, group, fields), of: [] };
  }

  sent(fields: Fields, names: readonly string[]): { readonly attributes: User; readonly patch: User } {
    const patch = Object.fromEntries(names.map((name) => [name, fieldOf(fields, name) ?? null]));
    return { attributes: { [this.attribute]: fields }, patch: { [this.attribute]: patch } };
  }
}

/**
 * Its fields are attributes of the user. Which of them the file said something of is known, so that an attribute that it
 * did not is no matter of prints: the file has changed it, and has the right to where the tenant has nothing but what
 * Auth0 fills in. An attribute that the file no longer states is left as it is: nothing can remove it.
 */
class Profile implements Contest {
  readonly file: Fields;
  readonly tenant: Fields;
  readonly all: readonly string[];
  readonly attributes: readonly ComparedAttribute[];
  readonly isUncertain = false;

  constructor(private readonly question: Question) {
    const { user, there, said, isKnownEmail } = question;
    const isTheirs = (name: ProfileAttribute) =>
      said.of.includes(name) || (isStated(user[name]) && !isDefault(name, there, isKnownEmail));
    this.file = profileOf(user, () => true);
    this.tenant = profileOf(there, isTheirs);
    const all = PROFILE.filter((name) => this.file[name] !== undefined && this.file[name] !== this.tenant[name]);
    this.all = all;
    this.attributes = all.filter((name) => !isAlike(name, user[name], there[name]));
  }

  isSame(): boolean {
    const { user, there } = this.question;
    return PROFILE.every((name) => !isStated(user[name]) || isAlike(name, user[name], there[name]));
  }

  isSaid(fields: Fields): boolean {
    return hasPrint(this.question, fields);
  }

  changed(): readonly string[] | undefined {
    const { of } = this.question.said;
    const isNew = (name: string) => !of.includes(name as ProfileAttribute);
    const added = Object.keys(this.file).filter(isNew);
    const isOpen = (name: string) =>
      this.tenant[name] === undefined || isAlike(name as ProfileAttribute, this.file[name], this.tenant[name]);
    if (!added.every(isOpen)) return undefined;
    const known = (fields: Fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => !isNew(name)));
    const changed = changedFields(known(this.file), known(this.tenant), (mixture) => this.isSaid(mixture));
    if (changed === undefined) return undefined;
    return this.all.filter((name) => changed.includes(name) || isNew(name));
  }

  known(fields: Fields): KnownGroup {
    const { key, whose, group } = this.question;
    return { print: groupPrint(key, whose, group, fields), of: PROFILE.filter((name) => fields[name] !== undefined) };
  }

  sent(fields: Fields, names: readonly string[]): { readonly attributes: User; readonly patch: User } {
    const attributes = Object.fromEntries(
      names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])),
    );
    return { attributes, patch: attributes };
  }
}

function profileOf(user: Fields, isCounted: (name: ProfileAttribute) => boolean): Fields {
  const stated = PROFILE.filter((name) => isStated(user[name]) && isCounted(name));
  return Object.fromEntries(stated.map((name) => [name, user[name]]));
}

function isAlike(attribute: ComparedAttribute, said: unknown, there: unknown): boolean {
  const likeness = compareAttribute(attribute, said, there);
  return likeness === "same" || likeness === "spelling";
}

/** Metadata that is no object, which the service refuses, has no fields. */
function fieldsOf(metadata: unknown): Fields {
  return typeof metadata === "object" && metadata !== null && !Array.isArray(metadata) ? (metadata as Fields) : {};
}
