import type { JournalMember, Outcome } from "../journal/format";
import { type KnownRecord, packRecord, unpackRecord } from "../ledger/entry";
import type { Fingerprint } from "../ledger/fingerprint";
import { FingerprintTable } from "../ledger/fingerprintTable";
import { isBrought, Ledger, type LedgerEntry, neverIn, type UserState } from "../ledger/ledger";
import { type ChunkKind, type Difference, jobKindOf, type Step, withheldFor } from "../plan/delta";
import { IndexSet } from "../plan/indexSet";
import { keepDoubts, runEnds, setRemoved } from "./closing";
import { FACTORS_FAILED } from "./codes";
import type { Doubts } from "./doubts";
import { EarlierFailures } from "./earlierFailures";
import { entryAfter, entryOfEarlier, writtenBy } from "./entryAfter";
import { type Failure, Findings, type Place } from "./findings";
import { type Member, type Subject, subjectOf } from "./members";
import type { Ended } from "./outcomes";
import type { BatchRecords, BatchResult, Workplace } from "./types";
import { Unanswered } from "./unanswered";

/**
 * The books of a run: the ledger, what was found out about records, and the counts. Nobody else writes into the ledger.
 *
 * A record counts once: when it is refused, when nothing is to be sent of it, or when the job is settled that it was in.
 * What came of jobs of an interrupted run is entered before its records are looked at, and counts when they are.
 */
export class Books {
  readonly unanswered = new Unanswered();
  readonly #ledger: Ledger;
  readonly #findings = new Findings();
  /** Users whom the source has. */
  readonly #seen: FingerprintTable;
  /** Records whose users have no password, should they be in the tenant. */
  readonly #withoutPassword = new IndexSet();
  /** Records whose users were inserted by jobs of this process: they have nothing else yet. */
  readonly #insertedNow = new IndexSet();
  /** Records that were sent, and whose hashes follow in another job: they count once. */
  readonly #hashFollows = new IndexSet();
  /** Records that are decided on once more in this run. */
  readonly #again = new IndexSet();
  readonly #earlier: EarlierFailures;

  constructor(
    private readonly records: BatchRecords,
    private readonly before: BatchResult | undefined,
    resendFailed: boolean,
    private readonly progress: Workplace["progress"],
    private readonly doubts: Doubts,
    /** The number of the batch's run. */
    private readonly run: number,
  ) {
    this.#findings.summary.total = records.count;
    this.#ledger = before === undefined ? new Ledger() : Ledger.decode(before.ledger);
    this.#seen = new FingerprintTable(this.#ledger.size);
    if (resendFailed) this.#ledger.resendFailed();
    // A run that goes on where another had to stop is one import to the user.
    if (before?.complete !== false) this.#ledger.beginImport();
    this.#earlier = new EarlierFailures(before?.failedRecords);
  }

  get ledger(): Pick<Ledger, "get" | "has" | "stateOf" | "standing"> {
    return this.#ledger;
  }

  /** The source has this user. */
  sees(identity: Fingerprint, index: number): void {
    this.#seen.set(identity, index);
  }

  /** A password hash was left out of the record, and its user has none. */
  hasNoPassword(index: number): void {
    this.#withoutPassword.add(index);
  }

  /** The record's hash is sent alone, after this. */
  hashFollows(index: number): void {
    this.#hashFollows.add(index);
  }

  isInsertedNow(index: number): boolean {
    return this.#insertedNow.has(index);
  }

  isHashToFollow(index: number): boolean {
    return this.#hashFollows.has(index);
  }

  /** A record that is not sent, since the tenant would refuse it. */
  refuse(place: Place, failure: Failure): void {
    this.#findings.failed(place, failure);
    this.progress.settled(1, 1);
  }

  /** A record is to be decided on once more: what was found then may not be so now. */
  decideAgain(index: number): void {
    this.#again.add(index);
    this.#hashFollows.delete(index);
    this.#findings.forgetDifferences(index);
  }

  isAgain(index: number): boolean {
    return this.#again.has(index);
  }

  /** Lists what can't be brought to the tenant; counts nobody. */
  differs(place: Place, differences: readonly Difference[]): void {
    this.#findings.differs(place, differences);
  }

  /** Counts a user of whom there is nothing to send. Who came back is in the tenant as before. */
  unchanged(identity: Fingerprint, state: UserState): void {
    this.#findings.summary[isBrought(state) ? state : "unchanged"]++;
    if (state === "removed") this.#ledger.setState(identity, "imported");
    this.progress.settled(1);
  }

  /** A record of which nothing is sent, or that failed before and is not sent again. */
  stands(subject: Subject, step: Extract<Step, { do: "nothing" | "listFailure" }>): void {
    const { identity } = subject;
    const state = this.#ledger.stateOf(identity);
    this.#ledger.set(identity, { ...step.after, state });
    this.differs(subject, step.differences);
    if (step.do === "listFailure") {
      const isThere = !neverIn(state);
      const failure = this.#earlier.of(subject, step.code);
      this.#findings.failed(subject, failure, isThere ? "upsert" : "insert", isThere);
      if (isThere) this.#listPassword(subject);
      this.progress.settled(1, 1);
      return;
    }
    this.#listPassword(subject);
    if (step.differences.length === 0) this.unchanged(identity, state);
    else this.#notApplied(subject, state);
  }

  /** A job of which no answer told has brought the user to what the record says, as shows now. */
  wasUpdated(subject: Subject, after: KnownRecord, differences: readonly Difference[]): void {
    this.#ledger.set(subject.identity, { ...after, run: this.run, state: "updated" });
    this.differs(subject, differences);
    this.#listPassword(subject);
    this.unchanged(subject.identity, "updated");
  }

  /** Of a user whose hash is still to be sent, all else is settled. */
  settled(subject: Subject, after: KnownRecord, differences: readonly Difference[]): void {
    this.#ledger.set(subject.identity, { ...after, differs: true, state: this.#ledger.stateOf(subject.identity) });
    this.differs(subject, differences);
  }

  /** What changed is not sent, as shows when it is tried: the user is not there as they were, or can't be told from others. */
  withheld(
    subject: Subject,
    { changes, differences, after }: Extract<Step, { do: "update" }>,
    reason: "notFound" | "emailNotUnique" | "noEmail" | "emailGone" | "deleted" | "linked",
  ): void {
    const { identity } = subject;
    const known = this.#ledger.get(identity) as LedgerEntry;
    this.#ledger.set(identity, { ...known, record: after.record, differs: true });
    // Whose hash is left over was counted with the rest, and what can't be applied was listed then.
    const isCounted = this.isHashToFollow(subject.index);
    const listed = withheldFor(reason, changes, isCounted ? [] : differences);
    if (isCounted) this.#findings.differsAfter("updated", subject, listed);
    else this.differs(subject, listed);
    if (!isCounted) this.#notApplied(subject, known.state);
  }

  /** A user was brought with an earlier version of the record: the rest is still to be sent. */
  cameInWith(identity: Fingerprint, attributes: LedgerEntry["attributes"], broughtHash: boolean): LedgerEntry {
    const known = entryOfEarlier(attributes, broughtHash, this.run);
    this.#ledger.set(identity, known);
    return known;
  }

  /** A user who was there before the first import, or was brought by a run of which nothing is known, is taken as they are. */
  adopt(subject: Subject, known: KnownRecord, state: "adopted" | "inserted", differences: readonly Difference[]): void {
    const broughtHash = state === "inserted" && known.attributes.prints.custom_password_hash !== undefined;
    const entry = { ...known, ...(broughtHash ? { broughtHash } : {}), run: this.run, state, origin: state };
    this.#ledger.set(subject.identity, entry);
    this.#findings.summary[state]++;
    this.differs(subject, differences);
    this.#listPassword(subject);
    this.progress.settled(1);
  }

  /** A record of a user who may be somebody else is not sent. */
  fails(subject: Subject, after: KnownRecord, failure: Failure): void {
    const outcome: Outcome = `failed:${failure.code}`;
    this.enter("insert", { identity: subject.identity, after: packRecord(after) }, outcome);
    this.#findings.failed(subject, failure, "insert");
    this.progress.settled(1, 1);
  }

  /** No answer says what a job did to these users. Of those who were in the tenant before, less is known now. */
  doubt(kind: ChunkKind, members: readonly JournalMember[], sentAt: Date): void {
    for (const member of members) {
      if (kind === "insert") this.doubts.add(member, sentAt);
      const known = this.#ledger.get(member.identity);
      if (known === undefined || neverIn(known.state)) continue;
      this.#ledger.set(member.identity, this.unanswered.add(member, known));
    }
  }

  /** Enters into the ledger how a user ended. Who is in the tenant stays there when an update of them fails. */
  enter(kind: ChunkKind, { identity, after }: JournalMember, outcome: Outcome): void {
    if (outcome === "existing") return;
    const [before, earlier] = [this.#ledger.get(identity), this.doubts.get(identity)?.attributes];
    const entry = entryAfter(kind, unpackRecord(after), outcome, before, earlier);
    if (isBrought(outcome)) this.doubts.settle(identity);
    this.unanswered.settle(identity);
    if (entry === undefined) return;
    const isWritten = isBrought(outcome) || (kind !== "insert" && outcome === `failed:${FACTORS_FAILED}`);
    this.#ledger.set(identity, isWritten ? writtenBy(this.run, entry, before) : entry);
  }

  /** Enters what is known otherwise of a user who is in the ledger. */
  change(identity: Fingerprint, change: (known: LedgerEntry) => LedgerEntry): LedgerEntry {
    const entry = change(this.#ledger.get(identity) as LedgerEntry);
    this.#ledger.set(identity, entry);
    return entry;
  }

  /** A user who is in the tenant lacks roles or memberships: they count as failed, and once. */
  lacksMemberships(subject: Subject, failure: Failure): void {
    const { state } = this.#ledger.get(subject.identity) as LedgerEntry;
    if (!isBrought(state) && state !== "imported") return;
    const counted = this.#findings.countedAs(subject.index, isBrought(state) ? state : "unchanged");
    this.#findings.failedAfter(counted, subject, failure);
    this.progress.settled(0, 1);
  }

  /** A user of an interrupted run failed, and is to be sent again if they are in the source. */
  sendAgain(identity: Fingerprint): void {
    this.#ledger.resendFailed(identity);
  }

  /** Why a user of an interrupted run failed: it is listed when the record is looked at. */
  learn(identity: Fingerprint, failure: Failure): void {
    this.#earlier.learn(identity, failure);
  }

  /** Counts and lists a member of a job of this run. Who is still to be written over counts when that is done. */
  count(kind: ChunkKind, member: Member, ended: Ended): void {
    const { outcome, failure } = ended;
    if (outcome === "existing") return;
    if (kind === "hash") {
      this.#countHash(member, ended);
    } else if (isBrought(outcome)) {
      if (outcome === "inserted") this.#insertedNow.add(member.index);
      this.#findings.summary[this.#findings.countedAs(member.index, outcome)]++;
      if (this.#withoutPassword.has(member.index)) this.#findings.withoutPassword(subjectOf(this.records, member));
      this.progress.settled(1);
    } else {
      const isThere = !neverIn(this.#ledger.stateOf(member.identity));
      this.#findings.failed(subjectOf(this.records, member), failure as Failure, jobKindOf(kind), isThere);
      this.progress.settled(1, 1);
    }
  }

  /** A user counts once, with the job that carried the rest where there was one; but a failure counts in any case. */
  #countHash(member: Member, { outcome, failure }: Ended): void {
    const subject = subjectOf(this.records, member);
    const isCounted = this.#hashFollows.has(member.index);
    if (outcome === "passwordSet") {
      this.differs(subject, [{ attribute: "custom_password_hash", reason: "passwordSet" }]);
      if (!isCounted) this.#notApplied(subject, this.#ledger.stateOf(member.identity));
      return;
    }
    const counted = this.#findings.countedAs(member.index, "updated");
    if (isCounted) this.#findings.summary[counted]--;
    if (failure === undefined) this.#findings.summary[counted]++;
    else this.#findings.failed(subject, failure, "upsert", !neverIn(this.#ledger.stateOf(member.identity)));
    this.progress.settled(isCounted ? 0 : 1, failure === undefined ? 0 : 1);
  }

  /** @param complete whether every record of the source was dealt with. */
  close(complete: boolean): Omit<BatchResult, "jobs" | "interruptions" | "connection"> {
    if (complete) {
      keepDoubts(this.#ledger, this.doubts);
      this.#findings.summary.removed += setRemoved(this.#ledger, this.#seen);
    }
    return {
      ...this.#findings.all,
      ledger: this.#ledger.encode(),
      runEnds: runEnds(this.#ledger, this.before?.runEnds, this.run),
      complete,
    };
  }

  /** Counts a user of whom all that could be sent is in the tenant. */
  #notApplied({ index, identity }: Subject, state: UserState): void {
    // Who was brought or changed by this import counts as that.
    const counts = isBrought(state) && !this.#findings.isInConflict(index);
    if (!counts) this.#findings.countLeft(index);
    else this.#findings.summary[state]++;
    if (state === "removed") this.#ledger.setState(identity, "imported");
    this.progress.settled(1);
  }

  #listPassword(subject: Subject): void {
    if (this.#withoutPassword.has(subject.index)) this.#findings.withoutPassword(subject);
  }
}
