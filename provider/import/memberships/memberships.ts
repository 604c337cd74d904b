import pLimit from "p-limit";
import type { Journal } from "../../journal/journal";
import { packRecord } from "../../ledger/entry";
import { NO_RECORD } from "../../ledger/fingerprint";
import { type LedgerEntry, neverIn } from "../../ledger/ledger";
import { IndexSet } from "../../plan/indexSet";
import { type GrantText, groupsIn, type MembershipMaps, oursIn, sameMaps, statedIn } from "../../plan/memberships";
import { count } from "../../progress/batchProgress";
import type { User } from "../../schema/identity";
import type { SourceRecord } from "../../source";
import { READ_WEIGHT, USERS_DEALT_WITH } from "../../tenant/callSizes";
import type { Books } from "../books";
import type { Course } from "../course";
import type { Lookups } from "../lookups";
import type { BatchRecords, ImportSettings, MembershipTenant, Workplace } from "../types";
import { inParts, recordsAsking, worksOf } from "./asking";
import { type Made, MEMBERSHIP_FAILED, MembershipCalls } from "./calls";
import type { EarlierGrants } from "./earlierGrants";
import { granted, unsettled } from "./granted";
import type { GrantList } from "./grantList";
import { notMade } from "./grantNames";
import { Holdings } from "./held";
import { MemberLimits, SharedMembers } from "./maxMembers";
import { givenThen, groupsOf, MembershipPlanner, needsCalls, type Plan, type Work } from "./planner";

const READINGS_AT_ONCE = 8;

/**
 * Gives users the roles and memberships that their records name, and takes those that are ours and no longer named. Comes
 * after the jobs. The calls do no harm twice, so what was not entered in the ledger is done again; but what was about to
 * be given is in the journal before, since afterwards it could not be told from what somebody had before us.
 */
export class Memberships {
  readonly #noted = new IndexSet();
  /** Records that are not sent: nothing is done about what they say. */
  readonly #refused = new IndexSet();
  readonly #total = { given: 0, taken: 0 };
  readonly #members: SharedMembers;
  readonly #limits: MemberLimits;
  #hasFailed = false;
  #calls: MembershipCalls | undefined;
  #planner: MembershipPlanner | undefined;

  constructor(
    private readonly settings: ImportSettings,
    private readonly records: BatchRecords,
    private readonly at: Workplace,
    private readonly course: Course,
    private readonly books: Books,
    private readonly lookups: Lookups,
    private readonly journal: Journal,
    private readonly grants: GrantList,
    private readonly earlier: EarlierGrants,
    /** What names meant when all was applied the last time. */
    private readonly mapsBefore: MembershipMaps | undefined,
  ) {
    this.#members = at.members ?? new SharedMembers();
    this.#limits = new MemberLimits(settings, () => this.#tenant, this.#members);
  }

  /** A record that is looked at: what it says of memberships is dealt with later. */
  note(index: number, user: User): void {
    const stated = statedIn(user);
    if (stated === undefined) return;
    const { memberships = {} } = this.settings;
    if (groupsIn(stated).some((group) => memberships[group] !== undefined)) this.#noted.add(index);
  }

  /** A record as it was when its user left the files: names may mean something else since. */
  cameBack(index: number): void {
    if (this.settings.memberships !== undefined) this.#noted.add(index);
  }

  /** A record that can't be sent. */
  refuse(index: number): void {
    this.#refused.add(index);
  }

  /**
   * What the outputs keep. What names mean is kept where all was applied: a run that goes on with another's looks at every
   * record.
   */
  result(isComplete: boolean) {
    const { memberships } = this.settings;
    return {
      ...(this.grants.all.length === 0 ? {} : { grants: this.grants.all }),
      ...(memberships === undefined || !isComplete ? {} : { membershipMaps: memberships }),
      ...this.earlier.result,
      ...(this.#hasFailed ? { membershipsFailed: true as const } : {}),
    };
  }

  /** What the summary says. */
  get counts() {
    return this.#total.given + this.#total.taken === 0 ? {} : { memberships: { ...this.#total } };
  }

  /** What an interrupted run gave, or was about to. */
  takeUp(): void {
    this.earlier.takeUp(this.journal.replay);
  }

  /** Counts who is to come to the roles and organizations with limits. */
  async countComing(): Promise<void> {
    const { everybody } = this.at;
    // Of records of other batches nothing is known but what they say.
    const isFirst = everybody !== undefined && !this.#wasInterrupted;
    const isNews = (index: number) => this.records.statesMemberships(index) && this.#isNews(index);
    const records = () => (isFirst ? everybody.records() : this.records.select(isNews));
    const known = (index: number) => (isFirst ? undefined : this.books.ledger.get(this.records.identity(index)));
    await this.#limits.count(() => this.#asked(records(), known), isFirst ? () => everybody.said() : undefined);
  }

  /** @throws Error when one of these would have more members than it may. Asked before anything is sent. */
  refuseTooMany(): Promise<void> {
    return this.#limits.refuse();
  }

  /** Deals with all records that were noted; with every one where a name means another role or organization now. */
  async carryOut(): Promise<void> {
    this.earlier.settle();
    if (this.settings.memberships === undefined) return;
    const isAgain = this.#isAgain;
    const isWanted = (index: number) =>
      (isAgain || this.#noted.has(index)) && this.records.statesMemberships(index) && !this.#refused.has(index);
    const inTenant = (index: number) => {
      const known = this.books.ledger.get(this.records.identity(index));
      return known === undefined || neverIn(known.state) ? undefined : known;
    };
    const works = worksOf(this.#asked(this.records.select(isWanted), inTenant), this.records, inTenant);
    const weightOf = (work: Work) => (needsCalls(work) && this.#works.isRead(work) ? READ_WEIGHT : 1);
    for await (const window of inParts(works, USERS_DEALT_WITH, weightOf)) {
      if (this.course.isStopped) return;
      await this.#deal(window);
    }
    const { given, taken } = this.#total;
    if (given + taken === 0) return;
    const told = await this.#limits.told();
    const change = told.length === 0 ? "" : ` Members: ${told.join(", ")}.`;
    this.at.inform(`Roles and memberships: ${count(given)} given, ${count(taken)} taken.${change}`);
  }

  get #tenant(): MembershipTenant {
    const { roles, organizations } = this.at.tenant;
    if (roles === undefined || organizations === undefined) throw new Error("The tenant has no roles.");
    return { roles, organizations };
  }

  /** Whether names mean something else than when they were last applied, or that is not known of everybody. */
  get #isAgain(): boolean {
    return this.#wasInterrupted || !sameMaps(this.settings.memberships, this.mapsBefore);
  }

  /** Whether a run has done something that the state does not know. */
  get #wasInterrupted(): boolean {
    const { ended, open, memberships } = this.journal.replay;
    return open.length + memberships.length > 0 || ended.some(({ isSaved }) => !isSaved);
  }

  #isNews(index: number): boolean {
    const standing = this.books.ledger.standing(this.records.identity(index), this.records.record(index));
    return this.#isAgain || standing === undefined || standing.state === "removed";
  }

  #asked(records: AsyncIterable<SourceRecord>, knownOf: (index: number) => LedgerEntry | undefined) {
    const { key, memberships = {} } = this.settings;
    return recordsAsking(this.records, records, key, memberships, knownOf, this.grants);
  }

  async #deal(window: readonly Work[]): Promise<void> {
    const limit = pLimit(READINGS_AT_ONCE);
    if (window.some(needsCalls)) {
      await this.#begin();
      await this.#works.prepare(window);
    }
    const plans = (await Promise.all(window.map((work) => limit(() => this.#planOf(work))))).flatMap(
      (plan) => plan ?? [],
    );
    const due = plans.filter(({ give, take }) => give.length + take.length > 0);
    let made: Made | undefined;
    if (due.length > 0) {
      await this.#begin();
      const members = due.map((plan) => {
        const ours = new Set([...oursIn(plan.given), ...plan.give]);
        const positions = this.grants.positionsOf([...plan.given, ...givenThen(plan, ours, plan.held)]);
        const { identity } = plan.subject;
        const entry = this.books.change(identity, (known) => unsettled(known, positions, groupsOf(plan)));
        return { identity, after: packRecord(entry) };
      });
      this.journal.memberships(members, false);
      made = await this.#caller.make(due.map(({ id, give, take }) => ({ user: id, give, take })));
    }
    this.journal.memberships(
      plans.map((plan) => this.#settle(plan, made)),
      true,
    );
  }

  get #caller(): MembershipCalls {
    this.#calls ??= new MembershipCalls(
      this.#tenant,
      (reason) => this.at.progress.retrying(`a call is made again: ${reason}`),
      () => this.course.assertGoesOn(),
    );
    return this.#calls;
  }

  get #works(): MembershipPlanner {
    const { at, course } = this;
    this.#planner ??= new MembershipPlanner(
      this.settings,
      this.lookups,
      new Holdings(this.#tenant, this.#members.lists, this.#caller, at, course),
      this.#caller,
      this.books,
    );
    return this.#planner;
  }

  /** @returns `undefined` where nothing can be done, which is told. */
  async #planOf(work: Work): Promise<Plan | undefined> {
    if (this.course.isStopped) return undefined;
    if (needsCalls(work)) await this.#begin();
    const plan = await this.#works.planOf(work);
    if (typeof plan !== "string") return plan;
    this.#fails(work, this.grants.positionsOf(work.given), plan);
    return undefined;
  }

  async #begin(): Promise<void> {
    await this.course.mayBegin();
    this.course.assertGoesOn();
    this.course.achieved = true;
  }

  #settle(plan: Plan, made: Made | undefined) {
    const { subject, prints, unknown, id, held, give, take, gone, step, given } = plan;
    const failure = made?.failed.get(id);
    const isDone = (text: GrantText) => failure === undefined || made?.has(id, text) === true;
    const [gave, took] = [give.filter(isDone), take.filter(isDone)];
    this.#total.given += gave.length;
    this.#total.taken += took.length;
    for (const text of gave) this.#members.changed(text, id, 1);
    for (const text of took) this.#members.changed(text, id, -1);
    const ours = new Set([...oursIn(given), ...gave]);
    for (const text of [...took, ...gone]) ours.delete(text);
    if (failure !== undefined) {
      const left = given.filter(({ text, isOurs }) => isOurs === ours.has(text));
      const positions = this.grants.positionsOf([...left, ...givenThen(plan, ours, held)]);
      const isLeft = (text: GrantText) => !isDone(text);
      return this.#fails(plan, positions, notMade(give.filter(isLeft), take.filter(isLeft), plan, failure.message));
    }
    const wanted = new Set(step.wanted.values());
    for (const [{ text }] of step.replace) if (!wanted.has(text)) ours.delete(text);
    const positions = this.grants.positionsOf(givenThen(plan, ours, held));
    const record = this.records.record(subject.index);
    const entry = this.books.change(subject.identity, (known) =>
      unknown === undefined
        ? granted(known, positions, prints, record)
        : { ...granted(known, positions, prints, undefined), record: NO_RECORD },
    );
    if (unknown !== undefined) this.books.lacksMemberships(subject, unknown);
    return { identity: subject.identity, after: packRecord(entry) };
  }

  #fails(work: Work, positions: readonly number[], message: string) {
    const { subject } = work;
    this.#hasFailed = true;
    const entry = this.books.change(subject.identity, (known) => unsettled(known, positions, groupsOf(work)));
    this.books.lacksMemberships(subject, { code: MEMBERSHIP_FAILED, message });
    return { identity: subject.identity, after: packRecord(entry) };
  }
}
