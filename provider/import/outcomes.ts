import type { JournalMember, Outcome } from "../journal/format";
import type { Attributes } from "../ledger/attributes";
import { unpackRecord } from "../ledger/entry";
import type { ChunkKind } from "../plan/delta";
import { count } from "../progress/batchProgress";
import type { FinishedJob } from "../tenant/importJob";
import { matchErrors } from "../tenant/matchErrors";
import type { Books } from "./books";
import { FACTORS_FAILED } from "./codes";
import type { Course } from "./course";
import { CLOCKS_APART_MS, type Duplicates } from "./duplicates";
import type { Failure } from "./findings";
import type { Lookups } from "./lookups";
import type { Member } from "./members";
import type { Workplace } from "./types";

/** A member of a job; of one that an interrupted run has sent, not all is known. */
type SentMember = JournalMember & Pick<Partial<Member>, "sentAs">;

const MADE_ANEW: Failure = {
  code: "MADE_ANEW",
  message:
    "The user's email was changed in Auth0, or they were deleted, while the job was on its way: it made a second account with the old email",
};

/** How one record of a job ended. */
export interface Ended {
  readonly outcome: Outcome;
  /** Why it failed, where it did. */
  readonly failure?: Failure;
  /** What a user has whom an earlier version of the record brought: the outcome is `existing` then. */
  readonly has?: Attributes;
}

/** Codes of a record whose form is wrong. Auth0 documentation. */
const OF_THE_RECORD =
  /^(ANY_OF_MISSING|ARRAY_LENGTH_.*|ENUM_MISMATCH|FORMAT|INVALID_TYPE|M(AX|IN)(IMUM|_LENGTH)|NOT_PASSED|O(BJECT|NE_OF)_.*|PATTERN|DUPLICATED_USER)$/;

/**
 * Whether a record of a hash alone failed for what it says. Else Auth0 did not take the hash, since the user has signed
 * in, or has a password: it tells so with a text (Auth0's support); the code is not documented.
 */
function isOfRecord({ code }: Failure): boolean {
  return OF_THE_RECORD.test(code) || code === FACTORS_FAILED;
}

/** Tells how each record of a job ended, from what the tenant says of the job. Writes nothing down. */
export class Outcomes {
  constructor(
    private readonly key: string,
    private readonly at: Pick<Workplace, "warn">,
    private readonly course: Course,
    private readonly books: Books,
    private readonly duplicates: Duplicates,
    private readonly lookups: Lookups,
  ) {}

  /**
   * @returns in the order of the members; `undefined` where the service does not say it of all of them: the job failed
   *   as a whole, is gone, or its errors don't add up.
   */
  async of(kind: ChunkKind, members: readonly SentMember[], job: FinishedJob): Promise<Ended[] | undefined> {
    if (job.status !== "completed") return undefined;
    this.course.connection ??= job.connection;
    const { failures, unmatched } = this.#failuresOf(members, job);
    if (unmatched > 0 || (job.failed !== undefined && job.failed > failures.size)) return undefined;
    if (kind !== "insert") this.#warnOfSecondAccounts(members, job);
    const success: Ended = { outcome: kind === "insert" ? "inserted" : "updated" };
    if (failures.size === 0) return members.map(() => success);
    if (kind === "insert") await this.duplicates.expect(failures);
    return Promise.all(
      members.map(async (member): Promise<Ended> => {
        const failure = failures.get(member.identity);
        if (failure === undefined) return success;
        if (kind === "hash" && !isOfRecord(failure)) return { outcome: "passwordSet" };
        const outcome: Outcome = `failed:${failure.code}`;
        if (kind !== "insert" || !this.duplicates.isOne(failure)) return { outcome, failure };
        const who = await this.lookups.oneOfFew(() => this.duplicates.identify(member, failure));
        if ("outcome" in who) return who;
        return { outcome, failure: { ...failure, message: `${failure.message}${who.note}` } };
      }),
    );
  }

  /**
   * Names those whom an upsert job made anew: they have changed or lost their email in the minutes since they were read.
   *
   * @param emailOf the email that the job had of a member.
   */
  async withMadeAnew(ended: readonly Ended[], job: FinishedJob, emailOf: (i: number) => string): Promise<Ended[]> {
    const earliest = job.started.getTime() - CLOCKS_APART_MS;
    const made: { readonly i: number; readonly created: number }[] = [];
    const look = async ({ outcome }: Ended, i: number) => {
      if (outcome !== "updated") return;
      const user = await this.lookups.oneOfFew(() => this.lookups.byEmail(emailOf(i)));
      const created = Date.parse(user?.created_at ?? "");
      if (created >= earliest) made.push({ i, created });
    };
    await Promise.all(ended.map(look));
    // Of all who have come lately, the last ones.
    made.sort((a, b) => b.created - a.created).splice(job.inserted ?? 0);
    const anew = new Set(made.map(({ i }) => i));
    return ended.map((end, i) => (anew.has(i) ? { outcome: `failed:${MADE_ANEW.code}`, failure: MADE_ANEW } : end));
  }

  #failuresOf(members: readonly SentMember[], { errors }: FinishedJob): ReturnType<typeof matchErrors> {
    if (errors.length === 0) return { failures: new Map(), unmatched: 0 };
    const sent = new Set(members.map(({ identity }) => identity));
    const byEmail = new Map(
      members.flatMap(({ identity, after, sentAs }) => {
        const email = sentAs ?? unpackRecord(after).attributes.prints.email;
        return email === undefined ? [] : [[email, identity]];
      }),
    );
    return matchErrors(this.key, sent, errors, byEmail);
  }

  /** Users whom an upsert did not find by their email, though they were in the tenant: their email was changed there. */
  #warnOfSecondAccounts(members: readonly JournalMember[], { id, inserted }: FinishedJob): void {
    if (!inserted || members.some(({ identity }) => !this.books.ledger.has(identity))) return;
    this.at.warn(
      `${count(inserted)} of the ${count(members.length)} users updated by ${id} came in a second time: the email of a user was changed in Auth0 since, and an import job finds its user by email alone. Take the new email over into the users file, and remove the second account.`,
    );
  }
}
