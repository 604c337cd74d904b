import { setImmediate as nextTurn } from "node:timers/promises";
import { IndexSet } from "../plan/indexSet";
import type { SourceRecord } from "../source";
import { Adoption } from "./adoption";
import { Books } from "./books";
import { Course } from "./course";
import { Delivery } from "./delivery";
import { Doubts } from "./doubts";
import { Duplicates } from "./duplicates";
import { History } from "./history";
import { Intake } from "./intake";
import { Lookups } from "./lookups";
import { EarlierGrants } from "./memberships/earlierGrants";
import { GrantList } from "./memberships/grantList";
import { Memberships } from "./memberships/memberships";
import { Outbox } from "./outbox";
import { Outcomes } from "./outcomes";
import { Patches } from "./patches";
import { Readings } from "./readings";
import { Resumption } from "./resume";
import { Sending } from "./sending";
import { Settlement } from "./settlement";
import type { BatchRecords, BatchResult, ImportSettings, Workplace } from "./types";
import { risksUnseen } from "./unseen";
import { Updates } from "./updates";
import { Whereabouts } from "./whereabouts";

/** Records that are prepared before the process looks for answers: a millisecond or two of work. */
const RECORDS_A_TURN = 64;

/** How a run has ended. */
interface Ran {
  readonly result: BatchResult;
  /** Whether anything was sent, now or by a run whose journal was found. */
  readonly achieved: boolean;
  /** Whether it is known of each job that was offered whether the tenant has it. */
  readonly isSettled: boolean;
  readonly problem?: Error;
}

/**
 * Makes the tenant hold what the source says: goes on where an interrupted run stopped, sends what is new in insert
 * jobs and what changed in upsert jobs, nothing else, and writes down how each record ended.
 *
 * What was achieved is in the result even where not everything was: then `problem` says what happened.
 */
export async function runImport(
  records: BatchRecords,
  settings: ImportSettings,
  before: BatchResult | undefined,
  at: Workplace,
): Promise<Ran> {
  const {
    course,
    books,
    history,
    lookups,
    delivery,
    outbox,
    sending,
    intake,
    resumption,
    readings,
    adoption,
    whereabouts,
    sizes,
    memberships,
  } = await assemble(records, settings, before, at);
  const each = async (needs: (index: number) => boolean, take: (record: SourceRecord) => Promise<void>) => {
    let taken = 0;
    for await (const record of records.select(needs)) {
      if (course.isStopped) break;
      await take(record);
      // Preparing a whole job at a stretch would keep the answers of others waiting, and their slots idle.
      if (++taken % RECORDS_A_TURN === 0) await nextTurn();
    }
  };
  // What is left over, also what turns up while the rest is on its way: users who exist and are written over.
  const settleAll = async () => {
    do {
      await lookups.ended();
      await outbox.flush(() => course.isStopped);
      if (course.isStopped) break;
      await delivery.ended();
    } while (lookups.pending > 0 || !outbox.isEmpty);
  };
  /** Takes what is due, and again what has become due by that. */
  const takeAll = async (due: () => Pick<IndexSet, "has" | "size">, take: (record: SourceRecord) => Promise<void>) => {
    for (let some = due(); some.size > 0; some = due()) {
      const taken = some;
      await each((index) => taken.has(index), take);
      await settleAll();
    }
  };
  try {
    await resumption.takeUp();
    memberships.takeUp();
    await memberships.countComing();
    await inTurn(at, async () => {
      await memberships.refuseTooMany();
      const take = (record: SourceRecord) => intake.take(record);
      // What changed goes before what is new: what is read of users does not stay fresh.
      const [changed, others] = [new IndexSet(), new IndexSet()];
      await each((index) => {
        if (intake.needs(index)) (intake.isKnown(index) ? changed : others).add(index);
        return false;
      }, take);
      sizes.changed = changed.size;
      sizes.others = others.size;
      await each((index) => changed.has(index), take);
      if (changed.size > 0) {
        await lookups.ended();
        await outbox.flush(() => course.isStopped);
      }
      await each((index) => others.has(index), take);
      if (!sending.hasInserts) return;
      // Who is new waits for those who are written over.
      await lookups.ended();
      await outbox.flush(() => course.isStopped);
      await each(
        (index) => sending.awaitsInsert(index),
        (record) => intake.takeAgain(record),
      );
    });
    await settleAll();
    // What has waited for a slot until what was read of its users was too old.
    await takeAll(
      () => sending.takeAgain(),
      (record) => intake.take(record),
    );
    // Hashes come last and alone: Auth0 may refuse them, and with them all that a record says besides.
    await takeAll(
      () => sending.takeHashes(),
      (record) => intake.takeAgain(record),
    );
    if (!course.isStopped) await memberships.carryOut();
  } catch (error) {
    course.fail(error);
  }
  // Lets what is on its way come to its end.
  do {
    await lookups.ended();
    await delivery.ended();
  } while (lookups.pending > 0);
  readings.close();
  if (at.stop.aborted) course.fail(at.stop.reason);
  const { achieved, unanswered, problem, connection } = course;
  const adopted = adoption.tally.said(history.sent);
  if (adopted !== undefined) at.inform(adopted);
  const { saidOfNotLookedUp } = whereabouts;
  if (saidOfNotLookedUp !== undefined) at.warn(saidOfNotLookedUp);
  const closed = books.close(problem === undefined);
  const result: BatchResult = {
    ...closed,
    summary: { ...closed.summary, ...memberships.counts },
    ...history.close(problem),
    ...memberships.result(problem === undefined),
    ...(connection === undefined ? {} : { connection }),
  };
  return { result, achieved, isSettled: unanswered === 0, ...(problem === undefined ? {} : { problem }) };
}

/** One batch after the other: side by side they would all end at the very end, and none be saved before. */
async function inTurn({ tenant, progress }: Workplace, work: () => Promise<void>): Promise<void> {
  if (tenant.turn.activeCount > 0) progress.waiting("its turn");
  await tenant.turn(() => {
    progress.waiting(undefined);
    return work();
  });
}

/** The parts of a run, and who works with whom. */
export async function assemble(
  records: BatchRecords,
  settings: ImportSettings,
  before: BatchResult | undefined,
  at: Workplace,
) {
  const { tenant, journal, progress } = at;
  const course = new Course(at, settings.deadline, before?.connection);
  const doubts = new Doubts();
  const books = new Books(records, before, settings.resendFailed, progress, doubts, journal.runNumber);
  const history = new History(before, journal.replay);
  const sizes = { changed: 0, others: 0 };
  const readings = new Readings(
    at,
    course,
    () => sizes.changed + (settings.onExisting === "fail" ? 0 : sizes.others),
    () => settings.onExisting === "overwrite" || sizes.changed > 0,
    () => risksUnseen(settings, sizes),
  );
  const lookups = new Lookups(tenant, course, readings);
  const adoption = new Adoption(settings, course, books, readings, lookups);
  const patches = new Patches(at, course);
  const whereabouts = new Whereabouts(settings, books, readings, before?.runEnds);
  const updates = new Updates(settings, course, books, readings, lookups, patches, whereabouts);
  const duplicates = new Duplicates(settings, course, books, doubts, lookups, readings);
  const outcomes = new Outcomes(settings.key, at, course, books, duplicates, lookups);
  const settlement = new Settlement(journal, books, course);
  const delivery = new Delivery(
    ...([settings, records, at, course, books, history, outcomes, settlement] as const),
    (existing) => sending.bringUp(existing),
    (kind, index) => sending.decideAgain(kind, index),
  );
  const outbox = await Outbox.open(settings, (kind, chunk) => delivery.start(kind, chunk));
  const sending = new Sending(settings, records, course, books, doubts, lookups, adoption, updates, readings, outbox);
  const grants = new GrantList(before?.grants, (position, grant) => journal.grant(position, grant));
  const earlier = new EarlierGrants(books, grants, before);
  const memberships = new Memberships(
    ...([settings, records, at, course, books, lookups, journal, grants, earlier, before?.membershipMaps] as const),
  );
  const intake = new Intake(settings, records, books, sending, memberships);
  const resumption = new Resumption(at, course, books, history, doubts, outcomes);
  return {
    course,
    doubts,
    books,
    history,
    lookups,
    outcomes,
    settlement,
    delivery,
    outbox,
    sending,
    intake,
    resumption,
    readings,
    adoption,
    whereabouts,
    sizes,
    memberships,
  };
}
