import type { User } from "../schema/identity";
import { Column } from "../source/column";
import { groupsIn, MEMBERSHIP_GROUPS, type MembershipGroup, type Stated, statedIn } from "./memberships";

/**
 * So many different statements are kept, and so many characters of them in all: some 60 MB. Of a record with another one
 * it is known that it has one.
 */
const MOST_KEPT = 65_536;
const MOST_CHARACTERS = 2 ** 24;

/** Added to the bits of the groups that stand in a record whose statement is not kept. */
const NOT_KEPT = 2 ** 31;

/** Records that have one of the two. */
export interface GroupUse {
  readonly records: number;
  /** The number of the first one. */
  readonly first: number;
}

/**
 * What the records of a source say of roles and organizations, found out while it is read: four bytes a record, nothing
 * where no record says anything, and each different statement once. Most users share theirs with many others.
 */
export class Statements {
  /** 0 where the record says nothing; else its statement. */
  readonly #numbers = new Column((length) => new Uint32Array(length));
  readonly #kept: Stated[] = [];
  readonly #known = new Map<string, number>();
  #characters = 0;
  /** Whether no record says anything. */
  isEmpty = true;

  constructor(
    private readonly mostKept = MOST_KEPT,
    private readonly mostCharacters = MOST_CHARACTERS,
  ) {}

  /** @param user as the source has it, or as it is sent */
  take(index: number, user: User): void {
    // Asked of every record of a million, most of which say nothing.
    const { roles, organizations } = user;
    if (roles === undefined && organizations === undefined) return;
    // A text is made in less time than a statement.
    const text = JSON.stringify([roles, organizations]);
    const known = this.#known.get(text);
    if (known !== undefined) {
      this.#numbers.set(index, known);
      return;
    }
    const stated = statedIn(user);
    if (stated !== undefined) this.#numbers.set(index, this.#keep(text, stated));
  }

  /** A record says what earlier ones say, too, where it says nothing of it itself. All of them taken. */
  merge(index: number, earlier: readonly number[]): void {
    const numbers = [...earlier, index].map((each) => this.numberAt(each)).filter((number) => number !== 0);
    if (numbers.length === 0) return;
    const parts = numbers.map((number) => this.statement(number));
    if (parts.includes(undefined)) {
      const groups = numbers.flatMap((number) => this.groupsOf(number));
      this.#numbers.set(index, notKept(groups));
      return;
    }
    const stated: Stated = Object.assign({}, ...parts);
    const text = JSON.stringify([stated.roles, stated.organizations]);
    this.#numbers.set(index, this.#known.get(text) ?? this.#keep(text, stated));
  }

  /** 0 where the record says nothing; records of one number say the same. */
  numberAt(index: number): number {
    return this.#numbers.at(index);
  }

  /** What a number stands for; `undefined` where it is not kept: the records have to be read again. */
  statement(number: number): Stated | undefined {
    return this.#kept[number - 1];
  }

  /** Which of the two records of a number have. */
  groupsOf(number: number): MembershipGroup[] {
    const stated = this.statement(number);
    if (stated !== undefined) return groupsIn(stated);
    return number < NOT_KEPT ? [] : MEMBERSHIP_GROUPS.filter((_, bit) => ((number >>> bit) & 1) === 1);
  }

  /** How many of these records have each of the two, and which is the first. */
  count(indices: Iterable<number>): Map<MembershipGroup, GroupUse> {
    const found = new Map<MembershipGroup, GroupUse>();
    if (this.isEmpty) return found;
    for (const index of indices) {
      for (const group of this.groupsOf(this.numberAt(index))) {
        const { records, first } = found.get(group) ?? { records: 0, first: index };
        found.set(group, { records: records + 1, first: Math.min(first, index) });
      }
    }
    return found;
  }

  #keep(text: string, stated: Stated): number {
    this.isEmpty = false;
    const characters = this.#characters + text.length;
    if (this.#kept.length >= this.mostKept || characters > this.mostCharacters) return notKept(groupsIn(stated));
    this.#characters = characters;
    const number = this.#kept.push(stated);
    this.#known.set(text, number);
    return number;
  }
}

function notKept(groups: readonly MembershipGroup[]): number {
  return MEMBERSHIP_GROUPS.reduce((number, group, bit) => number + (groups.includes(group) ? 1 << bit : 0), NOT_KEPT);
}
