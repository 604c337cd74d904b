import { jsonText } from "../json/exactNumber";
import { parseExactly } from "../json/parseExactly";
import type { Attributes } from "../ledger/attributes";
import { wholeFingerprint } from "../ledger/attributes";
import { type KnownRecord, packRecord, unpackRecord } from "../ledger/entry";
import { type Fingerprint, generatedUserId, sentUserId } from "../ledger/fingerprint";
import { type ChunkKind, changedAttributes, decide, overwritten, type Step, UPSERTABLE } from "../plan/delta";
import { describe } from "../plan/describe";
import { IndexSet } from "../plan/indexSet";
import { TOO_LARGE } from "../plan/pack";
import { refusalBy } from "../schema/connectionRules";
import type { User } from "../schema/identity";
import type { Adoption, Newcomer } from "./adoption";
import type { Books } from "./books";
import type { Course } from "./course";
import type { Doubts } from "./doubts";
import type { Lookups } from "./lookups";
import { type Member, type Subject, subjectOf } from "./members";
import type { Outbox } from "./outbox";
import type { Readings } from "./readings";
import type { Existing } from "./settlement";
import type { BatchRecords, ImportSettings } from "./types";
import type { Updates } from "./updates";

/**
 * Carries out what was decided about a record: puts together what is sent of its user, and into a job. Who exists and is
 * to be written over, or came in with an earlier version of the record, comes back here from the job that found out.
 */
export class Sending {
  /** Records whose hashes wait. */
  #hashes = new IndexSet();
  /** New records, which wait until those are written over who are there: a reading does not stay fresh. */
  readonly #inserts = new IndexSet();

  /** Records that are to be decided on once more. */
  #again = new IndexSet();

  constructor(
    private readonly settings: ImportSettings,
    private readonly records: BatchRecords,
    private readonly course: Course,
    private readonly books: Books,
    private readonly doubts: Doubts,
    private readonly lookups: Lookups,
    private readonly adoption: Adoption,
    private readonly updates: Updates,
    private readonly readings: Readings,
    private readonly outbox: Outbox,
  ) {}

  async carryOut(step: Step, subject: Subject, user: User): Promise<void> {
    if (step.do === "insert") await this.#meet(subject, step.after, user);
    else if (step.do !== "update") this.books.stands(subject, step);
    else if (step.kind === "hash") this.#hashes.add(subject.index);
    else await this.#update(subject, step, user);
  }

  /** Records whose hashes wait until all else is settled, since this was asked last. */
  takeHashes(): IndexSet {
    const hashes = this.#hashes;
    this.#hashes = new IndexSet();
    return hashes;
  }

  /** What was sent of a record came too late: it is to be decided on once more. */
  decideAgain(kind: ChunkKind, index: number): void {
    if (kind === "hash") {
      this.#hashes.add(index);
      return;
    }
    this.books.decideAgain(index);
    this.#again.add(index);
  }

  /** Which those are, since this was asked last. */
  takeAgain(): IndexSet {
    const again = this.#again;
    this.#again = new IndexSet();
    return again;
  }

  /** Whether new records wait. */
  get hasInserts(): boolean {
    return this.#inserts.size > 0;
  }

  awaitsInsert(index: number): boolean {
    return this.#inserts.has(index);
  }

  /** Sends a new record that has waited. */
  async sendInsert(step: Step, subject: Subject, user: User): Promise<void> {
    if (step.do === "insert") await this.#insert(subject, step.after, user);
  }

  /** Sends a hash that has waited, where nothing else is left to be sent of its user. */
  async sendHash(step: Step, subject: Subject, user: User): Promise<void> {
    if (step.do === "update" && step.kind === "hash") await this.#update(subject, step, user);
  }

  /** Brings a user up to the record of an insert job that found them there. */
  async bringUp({ member, record, has }: Existing): Promise<void> {
    const user = withoutGeneratedId(member, parseExactly(record.toString()) as User);
    if (has !== undefined) return this.#catchUp(member, user, has);
    if ((await this.readings.mode()) === "not") return this.#overwrite(member, user);
    const subject = subjectOf(this.records, member);
    await this.adoption.meetAgain(this.#newcomer(subject, unpackRecord(member.after), user));
  }

  /** Sends a record as a new user, where nobody is to be taken over. */
  async #meet(subject: Subject, after: KnownRecord, user: User): Promise<void> {
    const isOurs = this.doubts.get(subject.identity) !== undefined;
    if (this.settings.onExisting === "fail" || isOurs) await this.#insert(subject, after, user);
    else await this.adoption.meet(this.#newcomer(subject, after, user));
  }

  #newcomer(subject: Subject, after: KnownRecord, user: User): Newcomer {
    const waits = () => this.settings.onExisting === "overwrite" && this.readings.census !== undefined;
    return {
      ...{ subject, user, after },
      insert: async () => {
        if (waits()) this.#inserts.add(subject.index);
        else await this.#insert(subject, after, user);
      },
      upsert: (known, sent, readAt) =>
        this.#send("upsert", subject, this.#withAttempt(known, user), sent, { readAt: readAt.getTime() }),
    };
  }

  async #insert(subject: Subject, after: KnownRecord, user: User): Promise<void> {
    await this.course.mayBegin();
    const { rules } = this.course;
    const unfit = rules === undefined ? undefined : refusalBy(rules, user);
    if (unfit !== undefined) this.books.refuse(subject, unfit);
    else await this.#send("insert", subject, after, this.#withId(subject.name, user));
  }

  /**
   * Sends what changed of a user. An upsert that does not state `email_verified` resets it, so it always does: as the
   * source has it where it says so now, else as the tenant has it.
   */
  async #update(subject: Subject, step: Extract<Step, { do: "update" }>, user: User): Promise<void> {
    await this.course.mayBegin();
    if (this.course.rules?.hasUniqueEmails === false) {
      this.books.withheld(subject, step, "emailNotUnique");
      return;
    }
    const isFound = async () =>
      sentUserId(user, subject.name, this.settings) !== undefined && (await this.readings.mode()) !== "not";
    if (step.isMoved && !(await isFound())) {
      this.books.withheld(subject, step, "noEmail");
      return;
    }
    if (await this.updates.areRead()) {
      const awaitHash = () => this.#hashes.add(subject.index);
      const send = async (after: KnownRecord, sent: User, readAt: Date, sentAs: Fingerprint | undefined) => {
        this.#followHash(step, subject);
        const how = { readAt: readAt.getTime(), ...(sentAs === undefined ? {} : { sentAs }) };
        await this.#send(step.kind, subject, this.#withAttempt(after, user), sent, how);
      };
      const member = (after: KnownRecord): Member => ({
        ...subject,
        after: packRecord(this.#withAttempt(after, user)),
      });
      const followHash = () => this.#followHash(step, subject);
      const changed = { subject, step, user, send, member, followHash, awaitHash };
      await (step.kind === "hash" ? this.updates.meetHash(changed) : this.updates.meet(changed));
      return;
    }
    const stated = user.email_verified;
    const send = async (email_verified: unknown) => {
      // With a hash that follows, they were listed before.
      if (!this.books.isHashToFollow(subject.index)) this.books.differs(subject, step.differences);
      this.#followHash(step, subject);
      const sent = { email: user.email, ...changedAttributes(user, step.changes), email_verified };
      await this.#send(step.kind, subject, this.#withAttempt(step.after, user), sent);
    };
    if (typeof stated === "boolean" && (stated || step.changes.includes("email_verified"))) {
      await send(stated);
      return;
    }
    await this.lookups.later(user.email as string, async (found) => {
      if (found === undefined) this.books.withheld(subject, step, "notFound");
      else await send(found.email_verified ?? false);
    });
  }

  #followHash(step: Extract<Step, { do: "update" }>, { index }: Subject): void {
    if (!step.hashFollows) return;
    this.#hashes.add(index);
    this.books.hashFollows(index);
  }

  /** Writes over a user who was there before us, unseen, with all that an upsert can set. */
  async #overwrite(member: Member, user: User): Promise<void> {
    const subject = subjectOf(this.records, member);
    const sentBefore = unpackRecord(member.after);
    const { has, differences } = overwritten(sentBefore.attributes);
    const after: KnownRecord = { ...sentBefore, attributes: has, differs: differences.length > 0, origin: "adopted" };
    const send = async (email_verified: boolean) => {
      this.books.differs(subject, differences);
      const sent = { email: user.email, ...changedAttributes(user, UPSERTABLE), email_verified };
      await this.#send("upsert", subject, this.#withAttempt(after, user), sent);
    };
    if (typeof user.email_verified === "boolean") {
      await send(user.email_verified);
      return;
    }
    await this.lookups.later(user.email as string, (found) => send(found?.email_verified ?? false));
  }

  /** Sends what changed of a record since it brought its user without our being told. */
  async #catchUp(member: Member, user: User, has: Attributes): Promise<void> {
    const after = unpackRecord(member.after);
    const broughtHash = after.attributes.prints.custom_password_hash !== undefined;
    const known = this.books.cameInWith(member.identity, has, broughtHash);
    const described = describe(this.settings.key, user, after.record, after.differs);
    await this.carryOut(decide(described, known), subjectOf(this.records, member), user);
  }

  /** @param after what the tenant has of the user if the job succeeds. */
  async #send(
    kind: ChunkKind,
    subject: Subject,
    after: KnownRecord,
    user: User,
    how: Pick<Member, "readAt" | "sentAs"> = {},
  ): Promise<void> {
    const record = jsonText(user);
    if (!this.outbox.fits(kind, record)) {
      this.books.refuse(subject, TOO_LARGE);
      return;
    }
    const { index, name, identity } = subject;
    await this.outbox.add(kind, { index, name, identity, after: packRecord(after), ...how }, record);
  }

  #withId(name: string, user: User): User {
    const { key, connectionId, generateUserIds } = this.settings;
    if (!generateUserIds || user.user_id !== undefined) return user;
    return { ...user, user_id: generatedUserId(key, connectionId, name) };
  }

  /** Remembers all that a record says, in case its update fails. */
  #withAttempt(known: KnownRecord, user: User): KnownRecord {
    return { ...known, attempt: wholeFingerprint(this.settings.key, user) };
  }
}

/** A user of a job as the source has it. */
function withoutGeneratedId({ name }: Member, user: User): User {
  const { user_id: _, ...withoutId } = user;
  return name.startsWith("user_id:") ? user : withoutId;
}
