import pLimit from "p-limit";
import { IdentifierTable } from "../../census/identifierTable";
import { FRESH_MS } from "../../census/takeCensus";
import type { GrantText } from "../../plan/memberships";
import { TenantError } from "../../tenant/errors";

/** When a list is read. */
export interface ListRules {
  /** For fewer users it is not begun: they are read one by one, and seen as they are at that moment. */
  readonly fewest: number;
  /** Calls that it may take for each that single users take, or would. */
  readonly calls: number;
}

const USUAL: ListRules = { fewest: 100, calls: 1 / 2 };

/** So many members are kept by their ids. */
const FEW = 1_000;

/** How a list is read. */
export interface ListReading {
  /** Opens it anew: users by their whole ids, page by page. */
  open(): AsyncGenerator<readonly string[]>;
  /** Whether the role or the organization is there. */
  exists(): Promise<boolean>;
  /** Asked before each page, with how many members are read by then. @throws Error when no more is to be asked */
  assertGoesOn(members: number): void;
}

/**
 * Who has a role or belongs to an organization: read where that takes fewer calls than to ask user by user. How long it is
 * nobody knows before its end. So it may cost half the calls that single users have cost, or would have, so far; it stops
 * there, and goes on when more are asked about. A list that was read in vain makes the whole half as dear again, at most.
 *
 * A million members are 10,000 calls, ten minutes at 16 a second, so there nothing is written on it; at 50 a second it
 * takes three to four. They take 25 MB: a hash of each.
 */
export class MemberList {
  readonly #turn = pLimit(1);
  #pages: AsyncGenerator<readonly string[]> | undefined;
  #members = new MemberSet();
  #startedAt = 0;
  #readingMs = 0;
  #isWhole = false;
  #isGivenUp = false;
  /** Users who were asked about, and the calls that they would have cost one by one. */
  #users = 0;
  #worth = 0;
  /** Calls that the list has cost. */
  #cost = 0;

  constructor(private readonly rules: ListRules) {}

  /** A user is to be asked about. @param calls that it would cost without the list: a part, where others come with it */
  asked(calls: number): void {
    this.#users++;
    this.#worth += calls;
  }

  /**
   * Whether the user has it.
   *
   * @param laterMs in how many milliseconds something is written on it
   * @returns `undefined` where the list does not tell, or is too old by then.
   */
  has(user: string, laterMs: number): boolean | undefined {
    return this.tells(laterMs) ? this.#members.has(user) : undefined;
  }

  /** Whether it is whole, and not too old by then. */
  tells(laterMs: number): boolean {
    return this.#isWhole && Date.now() + laterMs - this.#startedAt <= FRESH_MS;
  }

  /** We gave it, or took it. */
  changed(user: string, hasIt: boolean): void {
    if (this.#pages !== undefined) this.#members.set(user, hasIt);
  }

  /** Reads it as far as it is worth. What fails tells nothing: then users are asked about one by one. */
  async readOn(reading: ListReading, laterMs: number): Promise<void> {
    await this.#turn(async () => {
      if (this.#users < this.rules.fewest || this.#isGivenUp || this.tells(laterMs)) return;
      try {
        await this.#readOn(reading, FRESH_MS - laterMs);
      } catch (error) {
        this.#forget();
        if (!(error instanceof TenantError)) throw error;
        // What is not there is nobody's; two answers say so.
        if (error.status === 404 && !(await reading.exists())) this.#isWhole = true;
        else this.#isGivenUp = true;
      }
    });
  }

  async #readOn({ open, assertGoesOn }: ListReading, mayTakeMs: number): Promise<void> {
    while (mayTakeMs > 0) {
      if (Date.now() - this.#startedAt > mayTakeMs) {
        // It takes too long: another one would be as old at its end.
        this.#isGivenUp = !this.#isWhole && this.#readingMs > mayTakeMs / 2;
        this.#forget();
      }
      if (this.#isGivenUp || this.#cost >= Math.floor(this.#worth * this.rules.calls)) return;
      this.#pages ??= open();
      assertGoesOn(this.#members.size);
      const began = Date.now();
      const { done, value } = await this.#pages.next();
      this.#readingMs += Date.now() - began;
      if (done) {
        this.#isWhole = true;
        return;
      }
      this.#cost++;
      for (const user of value) this.#members.set(user, true);
    }
  }

  /** It begins anew. */
  #forget(): void {
    this.#pages = undefined;
    this.#members = new MemberSet();
    this.#startedAt = Date.now();
    this.#readingMs = 0;
    this.#isWhole = false;
  }
}

/** Users by their ids: few as they are, many by hashes. */
class MemberSet {
  readonly #few = new Map<string, boolean>();
  #many: IdentifierTable | undefined;
  size = 0;

  set(user: string, isMember: boolean): void {
    if (isMember) this.size++;
    if (isMember && this.#few.size >= FEW && !this.#few.has(user)) {
      this.#many ??= new IdentifierTable();
      this.#many.add(0, user, 0);
    } else this.#few.set(user, isMember);
  }

  has(user: string): boolean {
    return this.#few.get(user) ?? (this.#many?.find(0, user).length ?? 0) > 0;
  }
}

/** The lists that the batches of an import have begun. */
export class MemberLists {
  readonly #all = new Map<GrantText, MemberList>();

  constructor(private readonly rules = USUAL) {}

  of(text: GrantText): MemberList {
    const list = this.#all.get(text) ?? new MemberList(this.rules);
    this.#all.set(text, list);
    return list;
  }

  /** We gave it to the user, or took it from them. */
  changed(text: GrantText, user: string, hasIt: boolean): void {
    this.#all.get(text)?.changed(user, hasIt);
  }
}
