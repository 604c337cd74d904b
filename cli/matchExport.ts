import type { CensusIndex, Found } from "../provider/census/census";
import type { Doubles } from "../provider/plan/doubles";
import { IdentifierIndex } from "../provider/plan/duplicates";
import { IndexSet } from "../provider/plan/indexSet";
import { identifierOf, normalizeUser, type User } from "../provider/schema/identity";
import type { SourceRecord } from "../provider/source";
import { Column } from "../provider/source/column";

/** What is known of a record, in a byte. `unlike`: there, and hashes can't tell that all is as it says. */
const STANDINGS = ["missing", "linked", "same", "unlike", "invalid"] as const;
export type Standing = (typeof STANDINGS)[number];

/** Set beside the standing: found otherwise than by its id; and the record says another id. */
const BY_NAME = 1 << 3;
const HAS_OTHER_ID = 1 << 4;

/** Finds the line of each record in an export, while the files are read; in 5 bytes a record. */
export class Matcher {
  /** Records that share an identifier with another one. */
  readonly suspects = new IndexSet();
  /** Lines of the export that a record is about. */
  readonly seen = new IndexSet();
  /** Of the records that count. */
  readonly counts: Record<Standing, number> = { missing: 0, linked: 0, same: 0, unlike: 0, invalid: 0 };
  /** Who is present under another id than the record says. */
  otherIds = 0;
  /** Of those, the lines of which a record is present. */
  readonly #taken = new IndexSet();
  readonly #identifiers: IdentifierIndex;
  readonly #standings = new Column((length) => new Uint8Array(length));
  readonly #lines = new Column((length) => new Uint32Array(length));
  #bytes = 0;

  constructor(
    private readonly census: CensusIndex,
    private readonly onRead: (users: number, bytes: number) => void,
  ) {
    // About as many users as the export has, with an id and an email each.
    this.#identifiers = new IdentifierIndex(2 * census.lines);
  }

  /** The next record. */
  take({ index, user: asItStands, problem, byteLength }: SourceRecord): void {
    const user = normalizeUser(asItStands);
    for (const { earlier } of this.#identifiers.add(index, user)) this.suspects.add(index).add(earlier);
    this.#standings.set(index, problem === undefined ? this.#match(index, user) : STANDINGS.indexOf("invalid"));
    this.#bytes += byteLength;
    this.onRead(index + 1, this.#bytes);
  }

  /** A record that says more than it did. */
  takeAgain({ index, user, problem }: SourceRecord): void {
    const standing = problem === undefined ? this.#match(index, normalizeUser(user)) : STANDINGS.indexOf("invalid");
    this.#standings.set(index, standing);
  }

  #match(index: number, user: User): number {
    const identifier = identifierOf(user);
    if (identifier === undefined) return STANDINGS.indexOf("invalid");
    let found = first(this.census.find(identifier, user[identifier] as string));
    let flags = identifier === "user_id" ? 0 : BY_NAME;
    if (found === undefined && identifier === "user_id" && typeof user.email === "string") {
      found = first(this.census.find("email", user.email));
      flags = BY_NAME | HAS_OTHER_ID;
    }
    if (found === undefined) return STANDINGS.indexOf("missing");
    this.#lines.set(index, found.line);
    const standing = found.isLinked ? "linked" : this.census.isAs(found.line, user) ? "same" : "unlike";
    return STANDINGS.indexOf(standing) | flags;
  }

  /**
   * All records are read, and it is known which of them count. Who is on a line that another record has by its id, or had
   * before, is not there: whatever email or username says, it is somebody else's account.
   */
  settle(users: number, { overridden, doubles }: Doubles): void {
    for (const index of doubles.keys()) this.#standings.set(index, STANDINGS.indexOf("invalid"));
    for (const flag of [0, BY_NAME]) {
      for (let index = 0; index < users; index++) {
        if (overridden.has(index) || (this.#standings.at(index) & BY_NAME) !== flag) continue;
        if (this.#isPresent(index) && this.#taken.has(this.line(index))) {
          this.#standings.set(index, STANDINGS.indexOf("missing") | flag);
        }
        this.#count(index);
      }
    }
  }

  /** How a record stands. */
  standing(index: number): Standing {
    return STANDINGS[this.#standings.at(index) & (BY_NAME - 1)] as Standing;
  }

  /** Where the record's user is in the export. */
  line(index: number): number {
    return this.#lines.at(index);
  }

  /** As a user with a profile of their own. */
  #isPresent(index: number): boolean {
    const standing = this.standing(index);
    return standing === "same" || standing === "unlike";
  }

  #count(index: number): void {
    const standing = this.standing(index);
    this.counts[standing]++;
    if (standing === "linked") this.seen.add(this.line(index));
    if (!this.#isPresent(index)) return;
    this.seen.add(this.line(index));
    this.#taken.add(this.line(index));
    if ((this.#standings.at(index) & HAS_OTHER_ID) > 0) this.otherIds++;
  }
}

/** Of several users with one identifier, the one who is there under a profile of their own. */
function first(found: readonly Found[]): Found | undefined {
  return found.find(({ isLinked }) => !isLinked) ?? found[0];
}
