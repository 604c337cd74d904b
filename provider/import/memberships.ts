import pLimit from "p-limit";
import type { Journal } from "../journal/journal";
import { groupPrint } from "../ledger/attributes";
import { packRecord } from "../ledger/entry";
import { type LedgerEntry, neverIn } from "../ledger/ledger";
import { IndexSet } from "../plan/indexSet";
import {
  type GrantText,
  MEMBERSHIP_GROUPS,
  membershipStep,
  type Stated,
  statedIn,
  unknownIn,
} from "../plan/memberships";
import { count, countOf } from "../progress/batchProgress";
import { identityOf, normalizeUser, type User } from "../schema/identity";
import type { SourceRecord } from "../source";
import type { Books } from "./books";
import type { Course } from "./course";
import type { Failure } from "./findings";
import { granted, intended, recalled, unsettled } from "./granted";
import type { GrantList } from "./grantList";
import type { Lookups } from "./lookups";
import { assertNotTooMany, limitedRoles } from "./maxMembers";
import { MEMBERSHIP_FAILED, MembershipCalls } from "./membershipCalls";
import { MembershipPlanner, needsCalls, type Plan, type Work } from "./membershipPlanner";
import type { BatchRecords, ImportSettings, MembershipTenant, Workplace } from "./types";

/** Users who are dealt with together: their calls are full, and little is done again after a `kill -9`. */
const WINDOW = 1_000;
const READINGS_AT_ONCE = 8;

/**
 * Gives users the roles and memberships that their records name, and takes those that are ours and no longer named. Comes
 * after the jobs. The calls do no harm twice, so what was not entered in the ledger is done again; but what was about to
 * be given is in the journal before, since afterwards it could not be told from what somebody had before us.
 */
export class Memberships {
  readonly #noted = new IndexSet();
  /** Records that name what there is no argument for. */
  readonly #unsent = { roles: 0, organizations: 0 };
  readonly #total = { given: 0, taken: 0 };
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
  ) {}

  /** A record that is looked at: what it says of memberships is dealt with later. */
  note(index: number, user: User): void {
    const stated = statedIn(user);
    if (stated === undefined) return;
    const { memberships = {} } = this.settings;
    for (const group of MEMBERSHIP_GROUPS) {
      if (stated[group] === undefined) continue;
      if (memberships[group] === undefined) this.#unsent[group]++;
      else this.#noted.add(index);
    }
  }

  /** What the outputs keep. */
  get result() {
    return {
      ...(this.grants.all.length === 0 ? {} : { grants: this.grants.all }),
      ...(this.#hasFailed ? { membershipsFailed: true as const } : {}),
    };
  }

  /** What the summary says. */
  get counts() {
    return this.#total.given + this.#total.taken === 0 ? {} : { memberships: { ...this.#total } };
  }

  /** What an interrupted run gave, or was about to. */
  takeUp(): void {
    const { grants, memberships } = this.journal.replay;
    for (const { position, grant } of grants) this.grants.restore(position, grant);
    for (const { members, isDone } of memberships) {
      for (const { identity, after } of members) {
        if (this.books.ledger.has(identity)) this.books.change(identity, (known) => recalled(known, after, isDone));
      }
    }
  }

  /** @throws Error when a role would have more members than it may. Asked before anything is sent. */
  async refuseTooMany(): Promise<void> {
    const roles = limitedRoles(this.settings);
    if (roles.length === 0) return;
    const coming = new Map<GrantText, number>();
    for await (const record of this.records.select((index) => this.#isNews(index))) {
      const work = this.#workOf(record, true);
      for (const text of work?.step.give ?? []) {
        if (!work?.ours.includes(text)) coming.set(text, (coming.get(text) ?? 0) + 1);
      }
    }
    for (const role of roles) await assertNotTooMany(this.#tenant.roles, role, coming.get(role.id) ?? 0);
  }

  /** Deals with all records that were noted; with every one where a name means another role or organization now. */
  async carryOut(): Promise<void> {
    for (const group of MEMBERSHIP_GROUPS) {
      const unsent = this.#unsent[group];
      if (unsent > 0)
        this.at.warn(
          `${countOf(unsent, "record")} with ${group}, which are given only with the argument \`${group}\`.`,
        );
    }
    if (this.settings.memberships === undefined) return;
    let window: Work[] = [];
    for await (const record of this.records.select((index) => this.#isAgain || this.#noted.has(index))) {
      if (this.course.isStopped) return;
      const work = this.#workOf(record, false);
      if (work === undefined) continue;
      window.push(work);
      if (window.length < WINDOW) continue;
      await this.#deal(window);
      window = [];
    }
    await this.#deal(window);
    const { given, taken } = this.#total;
    if (given + taken > 0) this.at.inform(`Roles and memberships: ${count(given)} given, ${count(taken)} taken.`);
  }

  get #tenant(): MembershipTenant {
    const { roles, organizations } = this.at.tenant;
    if (roles === undefined || organizations === undefined) throw new Error("The tenant has no roles.");
    return { roles, organizations };
  }

  /** Whether names mean something else than when they were last applied. */
  get #isAgain(): boolean {
    const { memberships = {}, membershipsBefore = {} } = this.settings;
    return MEMBERSHIP_GROUPS.some(
      (group) => JSON.stringify(memberships[group]) !== JSON.stringify(membershipsBefore[group]),
    );
  }

  #isNews(index: number): boolean {
    return (
      this.#isAgain ||
      this.books.ledger.standing(this.records.identity(index), this.records.record(index)) === undefined
    );
  }

  /** @param isBefore the jobs: who is not there yet will be. */
  #workOf({ index, file, line, user: asItStands, problem }: SourceRecord, isBefore: boolean): Work | undefined {
    const { key, memberships: maps = {}, membershipsBefore = {} } = this.settings;
    const user = normalizeUser(asItStands);
    const [name, all] = [identityOf(user), statedIn(user)];
    if (problem !== undefined || name === undefined || all === undefined) return undefined;
    if (this.records.doubleAt(index) !== undefined) return undefined;
    const identity = this.records.identity(index);
    const known = this.books.ledger.get(identity);
    if (!isBefore && (known === undefined || neverIn(known.state))) return undefined;
    const groups = MEMBERSHIP_GROUPS.filter((group) => all[group] !== undefined && maps[group] !== undefined);
    const stated = Object.fromEntries(groups.map((group) => [group, all[group]])) as Stated;
    const prints = Object.fromEntries(groups.map((group) => [group, groupPrint(key, name, group, all[group])]));
    const changed = groups.filter((group) => prints[group] !== known?.attributes.prints[group]);
    const ours = this.grants.at(known?.given ?? []);
    const step = membershipStep(stated, maps, changed, ours, membershipsBefore);
    const unknown = unknownIn(stated, maps);
    const isNothing = step.give.length + step.take.length + step.replace.length === 0;
    if (changed.length === 0 && isNothing && unknown === undefined) return undefined;
    const subject = { index, file, line, name, identity };
    return { subject, user, known: known as LedgerEntry, ours, step, prints, unknown };
  }

  async #deal(window: readonly Work[]): Promise<void> {
    if (window.length === 0) return;
    const limit = pLimit(READINGS_AT_ONCE);
    const plans = (await Promise.all(window.map((work) => limit(() => this.#planOf(work))))).flatMap(
      (plan) => plan ?? [],
    );
    const due = plans.filter(({ give, take }) => give.length + take.length > 0);
    let failed: ReadonlyMap<string, Failure> = new Map();
    if (due.length > 0) {
      await this.#begin();
      const members = due.map(({ subject, ours, give }) => {
        const given = this.grants.positionsOf([...new Set([...ours, ...give])]);
        return {
          identity: subject.identity,
          after: packRecord(this.books.change(subject.identity, (known) => intended(known, given))),
        };
      });
      this.journal.memberships(members, false);
      failed = await this.#caller.make(due.map(({ id, give, take }) => ({ user: id, give, take })));
    }
    const settled = plans.map((plan) => this.#settle(plan, failed.get(plan.id)));
    this.journal.memberships(
      settled.flatMap((member) => member ?? []),
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

  /** @returns `undefined` where nothing can be done, which is told. */
  async #planOf(work: Work): Promise<Plan | undefined> {
    if (this.course.isStopped) return undefined;
    this.#planner ??= new MembershipPlanner(this.settings, this.at, this.lookups, this.#tenant, this.#caller);
    if (needsCalls(work)) await this.#begin();
    const plan = await this.#planner.planOf(work);
    if (typeof plan !== "string") return plan;
    this.#fails(work, plan);
    return undefined;
  }

  async #begin(): Promise<void> {
    await this.course.mayBegin();
    this.course.assertGoesOn();
    this.course.achieved = true;
  }

  #settle(plan: Plan, failure: Failure | undefined) {
    const { subject, give, take, oursThen, prints, unknown } = plan;
    if (failure !== undefined) {
      this.#fails(plan, failure.message);
      return undefined;
    }
    this.#total.given += give.length;
    this.#total.taken += take.length;
    const isSettled = unknown === undefined;
    const positions = this.grants.positionsOf(oursThen);
    const entry = this.books.change(subject.identity, (known) =>
      isSettled ? granted(known, positions, prints, this.records.record(subject.index)) : intended(known, positions),
    );
    if (!isSettled) this.books.lacksMemberships(subject, unknown);
    return { identity: subject.identity, after: packRecord(entry) };
  }

  #fails({ subject }: Work, message: string): void {
    this.#hasFailed = true;
    this.books.change(subject.identity, (known) => unsettled(known));
    this.books.lacksMemberships(subject, { code: MEMBERSHIP_FAILED, message });
  }
}
