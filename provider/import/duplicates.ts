import type { JournalMember } from "../journal/format";
import type { Attributes } from "../ledger/attributes";
import { unpackRecord } from "../ledger/entry";
import { failureCode } from "../ledger/ledger";
import { sameAttributes, withoutFactors } from "../plan/delta";
import type { TenantUser } from "../tenant/client";
import { TenantError } from "../tenant/errors";
import type { RecordFailure } from "../tenant/matchErrors";
import type { Books } from "./books";
import { FACTORS_FAILED, JOB_FAILED } from "./codes";
import type { Course } from "./course";
import type { Doubts } from "./doubts";
import type { Lookups } from "./lookups";
import type { Readings } from "./readings";
import type { ImportSettings } from "./types";

/** Codes that a user gets who is there already, perhaps by our own doing. */
const ALREADY_THERE = new Set(["DUPLICATED_USER", "CONFLICT", "CONFLICT_EMAIL", "CONFLICT_USERNAME"]);

/** The tenant's clock may be so far from ours. */
export const CLOCKS_APART_MS = 10 * 60_000;

/** Where none of so many users with an id of the source is ours, no journal was lost: the others are not asked about. */
const ASKED_IN_VAIN = 200;

/** Who a user is who «already exists». */
export type Identified =
  /** Ours, or taken as they are. */
  | { readonly outcome: "inserted" | "adopted" }
  /** To be written over; or, where `has` says what they have, brought by us with an earlier version of the record. */
  | { readonly outcome: "existing"; readonly has?: Attributes }
  /** Somebody else: what to add to the service's message. */
  | { readonly note: string };

/**
 * Decides who a user is whom an insert job refused because they exist: brought by ourselves, by a job whose answer was
 * lost, or there before; and with `onExisting`, what becomes of those who were there before.
 *
 * Ours is who is in the connection with the record's email, and has
 *
 * - an id that only we can have made up; or
 * - the id that the source has, and has come since we may have sent it: a job with them is doubtful (`Doubts`), or the
 *   import's key was made before (`ImportSettings.created`), so that a journal may have been lost.
 *
 * Asked is only where it can matter: a question about each duplicate would cost more calls than the jobs.
 */
export class Duplicates {
  /** Users asked about for the sake of a lost journal, as long as none of them was ours. */
  #askedInVain = 0;

  constructor(
    private readonly settings: ImportSettings,
    private readonly course: Pick<Course, "rules">,
    private readonly books: Books,
    private readonly doubts: Doubts,
    private readonly lookups: Lookups,
    private readonly readings: Readings,
  ) {}

  /** Whether an insert job refused the user for being there. */
  isOne({ code }: RecordFailure): boolean {
    return ALREADY_THERE.has(code);
  }

  /** So many are about to be identified, at once: a pile of them is read back by one job. */
  async expect(failures: ReadonlyMap<JournalMember["identity"], RecordFailure>): Promise<void> {
    if (this.settings.onExisting !== "fail") return;
    let asked = 0;
    for (const [identity, failure] of failures) {
      if (!this.isOne(failure)) continue;
      if (failure.isGeneratedId || this.doubts.get(identity) !== undefined || this.#mayHaveBeenLost(failure)) asked++;
    }
    // Of ids of the source, no more are asked about where the first are all others'.
    const mayEnd = this.doubts.size === 0 && this.#askedInVain >= 0 && asked <= ASKED_IN_VAIN;
    if (asked > 0 && !mayEnd) await this.readings.expect(asked);
  }

  async identify(member: JournalMember, failure: RecordFailure): Promise<Identified> {
    const { onExisting } = this.settings;
    const since = this.#sentSince(member, failure);
    let note = "";
    // An id that we made up proves that it was us. Where users who exist are taken or written over, it makes no difference
    // unless one was sent before.
    const isUnheardOf = since === undefined && !failure.isGeneratedId;
    const matters = since !== undefined || (onExisting === "fail" && (!isUnheardOf || this.#mayHaveBeenLost(failure)));
    if (matters) {
      const verdict = await this.#isOurs(failure, since);
      if (isUnheardOf) this.#askedInVain = verdict === true ? Number.NEGATIVE_INFINITY : this.#askedInVain + 1;
      if (verdict === true) return this.#asBrought(member);
      note = verdict;
    }
    if (onExisting === "fail") return { note };
    // Who has come since all were read, or can't be seen: read once more, with the record at hand.
    if ((await this.readings.mode()) !== "not") return { outcome: "existing" };
    if (failure.email === undefined) return { note };
    if (onExisting === "overwrite") {
      return this.course.rules?.hasUniqueEmails === false
        ? { note: " (emails are not unique in this connection, so an import job can't tell whom to write over)" }
        : { outcome: "existing" };
    }
    // By another identifier than the email, it may be about somebody else.
    if (failure.onlyEmail || (await this.lookups.byEmail(failure.email)) !== undefined) return { outcome: "adopted" };
    return { note: " (by another user, who has a different email)" };
  }

  /** Since when a record of this user was sent that may have brought them; of one that made jobs fail, at any time. */
  #sentSince({ identity }: JournalMember, failure: RecordFailure): Date | undefined {
    const doubt = this.doubts.get(identity);
    if (doubt !== undefined) return doubt.since;
    const madeJobsFail = failureCode(this.books.ledger.get(identity)?.state) === JOB_FAILED;
    return madeJobsFail && failure.isGeneratedId ? new Date(0) : undefined;
  }

  /** Whether a user whom we brought without being told has what the record says now: it may have changed since. */
  #asBrought({ identity, after: packed }: JournalMember): Identified {
    const after = unpackRecord(packed);
    const failed = this.books.ledger.get(identity);
    const sent = this.doubts.get(identity)?.attributes ?? failed?.attributes ?? after.attributes;
    const has = failureCode(failed?.state) === FACTORS_FAILED ? withoutFactors(sent) : sent;
    return sameAttributes(has, after.attributes) ? { outcome: "inserted" } : { outcome: "existing", has };
  }

  /** Whether a run may have sent them of which nothing is known any more. */
  #mayHaveBeenLost({ userId }: RecordFailure): boolean {
    return userId !== undefined && this.settings.created !== undefined && this.#askedInVain < ASKED_IN_VAIN;
  }

  /** Whether a user is there by our own doing; else what to add to the service's message. */
  async #isOurs({ userId, email, isGeneratedId }: RecordFailure, since: Date | undefined): Promise<true | string> {
    if (userId === undefined) {
      return since !== undefined ? " (perhaps by this import: a lost answer can't be settled without a user_id)" : "";
    }
    let user: TenantUser | undefined;
    try {
      user = await this.lookups.byId(userId, email);
    } catch (error) {
      if (error instanceof TenantError && error.status === 403) {
        return " (perhaps by this import: the scope read:users is missing to tell)";
      }
      throw error;
    }
    if (user === undefined) return "";
    const has = user.email?.toLowerCase();
    const isOther = email !== undefined && has !== undefined && has !== email;
    if (isOther) return "";
    if (isGeneratedId) return true;
    if (since !== undefined && !isBefore(user, since)) return true;
    // Of no job that we know of: then all of it has to be told.
    const { created } = this.settings;
    return created !== undefined && has === email && user.created_at !== undefined && !isBefore(user, created)
      ? true
      : "";
  }
}

/** Whether the user was there before. */
function isBefore({ created_at }: TenantUser, time: Date): boolean {
  return Date.parse(created_at ?? "") < time.getTime() - CLOCKS_APART_MS;
}
