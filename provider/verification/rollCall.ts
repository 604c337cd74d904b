import type { CensusIndex, Found } from "../census/census";
import { IndexSet } from "../plan/indexSet";
import type { SourceRecord } from "../source";
import { Column } from "../source/column";
import type { Expectations, Expected } from "./expected";
import type { RemovedUsers } from "./removedUsers";

/**
 * What is known of a record, in a byte. `uncalled`: its user never came in. `unlike`: there, and hashes can't tell that all
 * is as it was written. `absent`: not in the export, and still to be looked for.
 */
const STANDINGS = [
  "uncalled",
  "asWritten",
  "unlike",
  "notAsWritten",
  "changedThere",
  "linked",
  "absent",
  "missing",
  "gone",
  "untold",
] as const;
export type Standing = (typeof STANDINGS)[number];

/** Set beside the standing: found by another identifier than the id. */
const BY_NAME = 1 << 4;

/** Who is there as a user of the connection. */
const PRESENT: ReadonlySet<Standing> = new Set<Standing>(["asWritten", "unlike", "notAsWritten", "changedThere"]);

/** Finds the users of the files in a census; in 5 bytes a record. */
export class RollCall {
  /** Lines of the export on which somebody is. */
  readonly #taken = new IndexSet();
  /** Lines to which somebody is linked. */
  readonly #linkedTo = new IndexSet();
  readonly #standings = new Column((length) => new Uint8Array(length));
  readonly #lines = new Column((length) => new Uint32Array(length));
  /** Who is in no file any more. */
  readonly removed = { present: 0, linked: 0, untold: 0 };

  constructor(
    private readonly expectations: Expectations,
    private readonly census: CensusIndex,
    private readonly users: number,
  ) {}

  /** The next record. */
  call(record: SourceRecord): void {
    const expected = this.expectations.of(record);
    if (expected !== undefined) this.#standings.set(record.index, this.#find(record.index, expected));
  }

  #find(index: number, expected: Expected): number {
    const { id, user, mayHaveOtherId } = expected;
    let found = id === undefined ? undefined : first(this.census.find("user_id", id));
    let flags = 0;
    if (found === undefined && mayHaveOtherId) {
      for (const by of ["email", "username", "phone_number"] as const) {
        const value = user[by];
        found ??= typeof value === "string" && value !== "" ? first(this.census.find(by, value)) : undefined;
      }
      flags = BY_NAME;
    }
    if (found === undefined) return numberOf("absent");
    this.#lines.set(index, found.line);
    if (found.isLinked) return numberOf("linked") | flags;
    const isSame = this.expectations.isAsWritten(index, expected) && this.census.isAs(found.line, user);
    return numberOf(isSame ? "asWritten" : "unlike") | flags;
  }

  /**
   * All records have been called. Nobody is there by an email or username whose account is that of another record, by its
   * id or because that came first.
   */
  settle(removed: RemovedUsers): void {
    for (const flag of [0, BY_NAME]) {
      for (let index = 0; index < this.users; index++) {
        if ((this.#standings.at(index) & BY_NAME) !== flag) continue;
        if (this.standing(index) === "linked") this.#linkedTo.add(this.line(index));
        if (!this.isPresent(index)) continue;
        if (this.#taken.has(this.line(index))) this.set(index, "absent");
        else this.#taken.add(this.line(index));
      }
    }
    for (const { line, isLinked } of removed.found()) {
      if (isLinked) this.#linkedTo.add(line);
      else if (this.#taken.has(line)) continue;
      else this.#taken.add(line);
      this.removed[isLinked ? "linked" : "present"]++;
    }
    this.removed.untold = removed.size - this.removed.present - this.removed.linked;
  }

  standing(index: number): Standing {
    return STANDINGS[this.#standings.at(index) & (BY_NAME - 1)] as Standing;
  }

  set(index: number, standing: Standing): void {
    this.#standings.set(index, numberOf(standing));
  }

  isPresent(index: number): boolean {
    return PRESENT.has(this.standing(index));
  }

  /** Where the user is in the export. */
  line(index: number): number {
    return this.#lines.at(index);
  }

  /** Somebody is there on a line, as has shown otherwise. */
  take(line: number): void {
    this.#taken.add(line);
  }

  /** Whether a line is somebody's. */
  isTaken(line: number): boolean {
    return this.#taken.has(line);
  }

  /** How many accounts are there to which somebody is linked, and which are nobody's otherwise. */
  get linkedTo(): number {
    let lines = 0;
    for (let line = 0; line < this.census.lines; line++) {
      if (this.#linkedTo.has(line) && !this.#taken.has(line)) lines++;
    }
    return lines;
  }

  /** Lines that are nobody's. */
  get others(): number {
    return this.census.lines - this.#taken.size - this.linkedTo;
  }

  /** The numbers of the records that stand so. */
  those(...standings: readonly Standing[]): number[] {
    const wanted = new Set<Standing>(standings);
    const indices: number[] = [];
    for (let index = 0; index < this.users; index++) if (wanted.has(this.standing(index))) indices.push(index);
    return indices;
  }

  count(...standings: readonly Standing[]): number {
    const wanted = new Set<Standing>(standings);
    let users = 0;
    for (let index = 0; index < this.users; index++) if (wanted.has(this.standing(index))) users++;
    return users;
  }
}

function numberOf(standing: Standing): number {
  return STANDINGS.indexOf(standing);
}

/** Of several users with one identifier, the one who is there under a profile of their own. */
function first(found: readonly Found[]): Found | undefined {
  return found.find(({ isLinked }) => !isLinked) ?? found[0];
}
