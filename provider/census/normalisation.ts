import type { User } from "../schema/identity";
import type { CensusIndex } from "./census";
import { COMPARED, type ComparedAttribute, isStated, type Unlike } from "./equal";

/** Fewer users than that may lack an attribute by chance. */
const TELLING_USERS = 100;

/** More than this share of users who differ in one attribute is no matter of single users. */
const TELLING_SHARE = 0.01;

/** How many users differ in an attribute. */
export interface AttributeCount {
  readonly attribute: ComparedAttribute;
  readonly users: number;
}

/**
 * Counts what is unlike by attribute, and tells what is a matter of the export or of Auth0 rather than of single users:
 * an attribute that no line has, though 100 users or more should have it; one that Auth0 keeps in a form of its own.
 */
export class UnlikeCounts {
  #users = 0;
  readonly #should = new Map<ComparedAttribute, number>();
  readonly #absent = new Map<ComparedAttribute, number>();
  readonly #other = new Map<ComparedAttribute, number>();
  readonly #unwritten = new Map<ComparedAttribute, number>();
  readonly #spelling = new Map<ComparedAttribute, number>();
  readonly #unknown = new Map<ComparedAttribute, number>();

  /**
   * Counts a user who is there.
   *
   * @param updatedSince whether they were updated after our last write; `undefined` where nobody knows.
   */
  add(census: CensusIndex, line: number, said: User, unlike: readonly Unlike[], updatedSince?: boolean): void {
    this.#users++;
    for (const attribute of COMPARED) {
      if (!hasSomething(said[attribute])) continue;
      increase(this.#should, attribute);
      if (!census.has(line, attribute)) increase(this.#absent, attribute);
    }
    for (const { attribute, likeness } of unlike) {
      if (likeness === "spelling") increase(this.#spelling, attribute);
      else if (likeness === "unknown") increase(this.#unknown, attribute);
      else {
        increase(this.#other, attribute);
        if (updatedSince !== true) increase(this.#unwritten, attribute);
      }
    }
  }

  /** Attributes that no user has, of all those who should: the export lacks them, and what differs in them means nothing. */
  get notExported(): ComparedAttribute[] {
    return COMPARED.filter((attribute) => {
      const should = this.#should.get(attribute) ?? 0;
      return should >= TELLING_USERS && this.#absent.get(attribute) === should;
    });
  }

  /** Attributes in which so many differ, though nobody has updated them, that it looks like normalisation. */
  get normalised(): ComparedAttribute[] {
    const lacking = this.notExported;
    return COMPARED.filter(
      (attribute) =>
        !lacking.includes(attribute) && (this.#unwritten.get(attribute) ?? 0) > TELLING_SHARE * this.#users,
    );
  }

  /** In what users differ, the most frequent first. */
  get other(): AttributeCount[] {
    return sorted(this.#other);
  }

  /** What is the same but for its spelling. */
  get spelling(): AttributeCount[] {
    return sorted(this.#spelling);
  }

  /** What can't be compared. */
  get unknown(): AttributeCount[] {
    return sorted(this.#unknown);
  }
}

function hasSomething(value: unknown): boolean {
  if (value === false || !isStated(value)) return false;
  return typeof value !== "object" || Object.values(value as object).some((each) => each !== null);
}

function increase(counts: Map<ComparedAttribute, number>, attribute: ComparedAttribute): void {
  counts.set(attribute, (counts.get(attribute) ?? 0) + 1);
}

function sorted(counts: ReadonlyMap<ComparedAttribute, number>): AttributeCount[] {
  return [...counts]
    .map(([attribute, users]) => ({ attribute, users }))
    .sort((a, b) => b.users - a.users || a.attribute.localeCompare(b.attribute));
}
