import type { Journal } from "../journal/journal";
import type { Attributes } from "../ledger/attributes";
import { failureCode } from "../ledger/ledger";
import type { ChunkKind } from "../plan/delta";
import { type Chunk, recordOf } from "../plan/pack";
import type { Books } from "./books";
import type { Course } from "./course";
import { EarlyLook } from "./earlyLook";
import type { Member } from "./members";
import type { Ended } from "./outcomes";

/** A member of an insert job whose user exists, and is to be brought up to the record by another job. */
export interface Existing {
  readonly member: Member;
  /** Its record as it was sent: JSON. */
  readonly record: Buffer;
  /** What the user has, where an earlier version of the record brought them; else they were there before us. */
  readonly has?: Attributes;
}

/** Writes down how the records of a job of this run ended: first on the disk, then in the books. */
export class Settlement {
  readonly #early = new EarlyLook();

  constructor(
    private readonly journal: Journal,
    private readonly books: Books,
    private readonly course: Course,
  ) {}

  /**
   * @param ended in the order of the members.
   * @returns of whom more is to be sent.
   */
  settle(number: number, kind: ChunkKind, chunk: Chunk<Member>, ended: readonly Ended[]): Existing[] {
    this.journal.finished(
      number,
      ended.map(({ outcome }) => outcome),
    );
    const existing: Existing[] = [];
    for (const [i, member] of chunk.members.entries()) {
      const end = ended[i] as Ended;
      // That these fail again is no news.
      const failedBefore = failureCode(this.books.ledger.get(member.identity)?.state) !== undefined;
      // Nor do hashes tell of a mistake in the mapping.
      if (!failedBefore && kind !== "hash") this.#early.cameBack(end.failure);
      this.books.enter(kind, member, end.outcome);
      this.books.count(kind, member, end);
      if (end.outcome !== "existing") continue;
      existing.push({ member, record: recordOf(chunk, i), ...(end.has === undefined ? {} : { has: end.has }) });
    }
    const mistake = this.#early.look();
    if (mistake !== undefined) this.course.fail(mistake);
    return existing;
  }
}
