import type { CensusIndex } from "./census";
import { COMPARED, type ComparedAttribute, type Unlike } from "./equal";

/** Of fewer users than that, nothing is concluded about the others. */
const TELLING_USERS = 100;

/** More than this share of users who differ in one attribute is no matter of single users. */
const TELLING_SHARE = 0.01;

/** How many users differ in an attribute. */
export interface AttributeCount {
  readonly attribute: ComparedAttribute;
  readonly users: number;
}

/**
 * Counts what is unlike by attribute, and tells what is a matter of the export or of Auth0 rather than of single users: an
 * attribute that no line has, though 100 users or more should have it; one that Auth0 seems to keep in a form of its own.
 */
export class UnlikeCounts {
  readonly #other = new Map<ComparedAttribute, number>();
  readonly #unwritten = new Map<ComparedAttribute, number>();
  readonly #spelling = new Map<ComparedAttribute, number>();
  readonly #unknown = new Map<ComparedAttribute, number>();

  constructor(private readonly census: CensusIndex) {}

  /**
   * Counts a user who is there, and not just as the record says.
   *
   * @param updatedSince whether they were updated after our last write; `undefined` where nobody knows.
   */
  add(unlike: readonly Unlike[], updatedSince?: boolean): void {
    for (const { attribute, likeness } of unlike) {
      if (likeness === "spelling") increase(this.#spelling, attribute);
      else if (likeness === "unknown") increase(this.#unknown, attribute);
      else {
        increase(this.#other, attribute);
        if (updatedSince !== true) increase(this.#unwritten, attribute);
      }
    }
  }

  /** Attributes that no user has, of a hundred or more who should: the export lacks them. That is no difference of anybody. */
  get notExported(): ComparedAttribute[] {
    return COMPARED.filter(
      (attribute) => (this.#other.get(attribute) ?? 0) >= TELLING_USERS && this.census.having(attribute) === 0,
    );
  }

  /**
   * Attributes in which so many differ, though nobody has updated them, that it looks like normalisation.
   *
   * @param users how many were compared.
   */
  normalised(users: number): ComparedAttribute[] {
    if (users < TELLING_USERS) return [];
    const lacking = this.notExported;
    return COMPARED.filter(
      (attribute) => !lacking.includes(attribute) && (this.#unwritten.get(attribute) ?? 0) > TELLING_SHARE * users,
    );
  }

  /** In what users differ, the most frequent first; without what was not exported. */
  get other(): AttributeCount[] {
    const lacking = this.notExported;
    return sorted(this.#other).filter(({ attribute }) => !lacking.includes(attribute));
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

function increase(counts: Map<ComparedAttribute, number>, attribute: ComparedAttribute): void {
  counts.set(attribute, (counts.get(attribute) ?? 0) + 1);
}

function sorted(counts: ReadonlyMap<ComparedAttribute, number>): AttributeCount[] {
  return [...counts]
    .map(([attribute, users]) => ({ attribute, users }))
    .sort((a, b) => b.users - a.users || a.attribute.localeCompare(b.attribute));
}
