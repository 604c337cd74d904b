import type { Ledger, LedgerEntry } from "../../ledger/ledger";
import { IndexSet } from "../../plan/indexSet";
import {
  askedBy,
  askedOf,
  changedByMaps,
  comingOf,
  type Given,
  groupsIn,
  type MembershipMaps,
  type MembershipStep,
  membershipStep,
  type Stated,
  sameMaps,
  statedIn,
  type UnknownName,
  wantedBy,
} from "../../plan/memberships";
import type { ReadSource } from "../../plan/readSource";
import type { Share } from "../../plan/share";
import { identityOf, normalizeUser, type User } from "../../schema/identity";
import type { SourceRecord } from "../../source";
import { addTo, sumOf } from "../counts";
import { type CallCounts, MembershipCallCount } from "./callCount";
import { givenAt } from "./grantList";

/** A name that its argument does not have, and in which records. */
export interface UnknownNameUse extends UnknownName {
  readonly records: number;
  /** The number of the first one. */
  readonly first: number;
}

/** What the files give and take, by the names in them, and in how many calls. */
export interface MembershipPlan {
  /** Users by what they are given: `admin`, `acme/`, `acme/admin`. */
  readonly given: ReadonlyMap<string, number>;
  readonly taken: ReadonlyMap<string, number>;
  readonly unknown: readonly UnknownNameUse[];
  readonly calls: CallCounts;
}

/** What the last run knew. */
interface Before {
  readonly ledger?: Ledger | undefined;
  readonly grants?: readonly string[] | undefined;
  /** What names meant then, where all was applied. */
  readonly membershipMaps?: MembershipMaps | undefined;
}

/** What of a user has to be given and taken. */
interface Due {
  readonly names: readonly string[];
  readonly unknown: readonly UnknownName[];
  readonly step: MembershipStep;
  readonly given: readonly Given[];
}

/**
 * What an update would do about roles and organizations, by the rules that it goes by. Asks the tenant nothing.
 *
 * It reads no record that `planBatch` does not read: what records say is known from when the source was read through. Two
 * cases are left, whose records are read again. A record of which it is not known what it asked for when it was dealt with
 * last, since that run has not come to its end or the user had left the files: what the ledger has of it can be compared
 * with the record alone. And records beyond what `Statements` keeps of different ones.
 */
export class MembershipPreview {
  readonly #seen = new IndexSet();
  readonly #ledger: Ledger | undefined;
  /** Of users of whom nothing is known, by what their records say. */
  readonly #news = new Map<number, Due>();
  readonly #given = new Map<string, number>();
  readonly #taken = new Map<string, number>();
  readonly #unknown = new Map<string, UnknownNameUse>();
  readonly #calls = new MembershipCallCount();

  /** @param takesExisting whether users who are there before the first import are taken or written over */
  constructor(
    private readonly read: ReadSource,
    private readonly share: Share,
    private readonly key: string | undefined,
    private readonly maps: MembershipMaps,
    private readonly before: Before,
    private readonly takesExisting = false,
  ) {
    this.#ledger = key === undefined ? undefined : before.ledger;
  }

  /** A record that has to be looked at anyway. @param isIn whether its user is or comes into the tenant */
  see({ index, user }: SourceRecord, isIn: boolean): void {
    if (this.read.statements.numberAt(index) === 0) return;
    this.#seen.add(index);
    if (isIn) this.#look(index, user);
  }

  /** After all that had to be looked at was seen. */
  async end(): Promise<MembershipPlan> {
    const again = this.read.statements.isEmpty ? [] : this.#takeUnseen();
    if (again.length > 0) {
      for await (const { index, user } of this.read.source.records(again)) this.#look(index, user);
    }
    return {
      given: this.#given,
      taken: this.#taken,
      unknown: [...this.#unknown.values()],
      calls: this.#calls.end(),
    };
  }

  /** The records that stand as they did, or are new and sound. @returns those that have to be read. */
  #takeUnseen(): number[] {
    const { read, maps } = this;
    const { membershipMaps: mapsBefore } = this.before;
    const isSettled = mapsBefore !== undefined && sameMaps(maps, mapsBefore);
    const again: number[] = [];
    for (const index of read.indicesOf(this.share)) {
      const number = read.statements.numberAt(index);
      if (number === 0 || this.#seen.has(index)) continue;
      const state = this.#ledger?.glance(read.identity(index))?.state;
      if (isSettled && state !== undefined && state !== "removed") continue;
      const stated = read.statements.statement(number);
      if (stated === undefined) again.push(index);
      else if (state === undefined) this.#takeNew(index, stated);
      else if (mapsBefore === undefined || state === "removed") again.push(index);
      else {
        const { attributes, given: positions } = this.#ledger?.get(read.identity(index)) as LedgerEntry;
        const given = givenAt(this.before.grants, positions);
        const asked = askedOf(stated, maps);
        const changed = changedByMaps(asked, maps, mapsBefore, attributes.prints);
        this.#take(index, dueOf(asked, maps, membershipStep(asked, maps, changed, given), given), false);
      }
    }
    return again;
  }

  #look(index: number, asItStands: User): void {
    const user = normalizeUser(asItStands);
    const [name, all] = [identityOf(user), statedIn(user)];
    if (name === undefined || all === undefined) return;
    const known = this.#ledger?.get(this.read.identity(index));
    if (known === undefined) {
      this.#takeNew(index, all);
      return;
    }
    const given = givenAt(this.before.grants, known.given);
    const { step } = askedBy(this.key ?? "", name, all, this.maps, { prints: known.attributes.prints, given });
    this.#take(index, dueOf(askedOf(all, this.maps), this.maps, step, given), false);
  }

  /** A user of whom nothing is known gets all that the record names. */
  #takeNew(index: number, all: Stated): void {
    const { statements } = this.read;
    const number = statements.numberAt(index);
    const isKept = statements.statement(number) !== undefined;
    let due = isKept ? this.#news.get(number) : undefined;
    if (due === undefined) {
      const asked = askedOf(all, this.maps);
      due = dueOf(asked, this.maps, membershipStep(asked, this.maps, groupsIn(asked), []), []);
      if (isKept) this.#news.set(number, due);
    }
    this.#take(index, due, !this.takesExisting);
  }

  /** @param isNew whether the user has nothing yet, so that it need not be asked what they have */
  #take(index: number, { names, unknown, step, given }: Due, isNew: boolean): void {
    for (const name of names) addTo(this.#given, name);
    for (const each of unknown) addUse(this.#unknown, { ...each, records: 1, first: index });
    const wanted = new Set(step.wanted.values());
    const replaced = step.replace.flatMap(([{ text, isOurs }]) => (isOurs && !wanted.has(text) ? [text] : []));
    const taken = new Set([...step.take, ...replaced]);
    for (const name of new Set(given.flatMap((each) => (taken.has(each.text) ? [each.name] : [])))) {
      addTo(this.#taken, name);
    }
    const asked = isNew ? [] : [...step.give, ...step.replace.flatMap(([former, now]) => [former.text, now])];
    this.#calls.add([...comingOf(step, given)], [...taken], asked);
  }
}

function dueOf(asked: Stated, maps: MembershipMaps, step: MembershipStep, given: readonly Given[]): Due {
  const coming = comingOf(step, given);
  return {
    names: [...step.wanted].flatMap(([name, text]) => (coming.has(text) ? [name] : [])),
    unknown: uniqueNames(wantedBy(asked, maps).unknownNames),
    step,
    given,
  };
}

/** A role that is missing in two organizations of a record counts once. */
function uniqueNames(names: readonly UnknownName[]): UnknownName[] {
  return [...new Map(names.map((each) => [`${each.argument} ${each.name}`, each])).values()];
}

/** A name that was found in more records. */
function addUse(all: Map<string, UnknownNameUse>, { argument, name, records, first }: UnknownNameUse): void {
  const key = JSON.stringify([argument, name]);
  const known = all.get(key);
  all.set(key, {
    ...{ argument, name },
    records: records + (known?.records ?? 0),
    first: Math.min(first, known?.first ?? first),
  });
}

/** The sum over batches. */
export function mergeMembershipPlans(plans: readonly MembershipPlan[]): MembershipPlan {
  const merged = (of: (plan: MembershipPlan) => ReadonlyMap<string, number>) => sumOf(plans.map(of));
  const unknown = new Map<string, UnknownNameUse>();
  for (const each of plans.flatMap((plan) => plan.unknown)) addUse(unknown, each);
  const sum = (of: (calls: CallCounts) => number) => plans.reduce((total, { calls }) => total + of(calls), 0);
  return {
    given: merged((plan) => plan.given),
    taken: merged((plan) => plan.taken),
    unknown: [...unknown.values()],
    calls: {
      roles: sum((calls) => calls.roles),
      members: sum((calls) => calls.members),
      memberRoles: sum((calls) => calls.memberRoles),
      readings: sum((calls) => calls.readings),
    },
  };
}
