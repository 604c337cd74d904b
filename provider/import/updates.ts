import { isUsed } from "../census/census";
import type { TenantRecord } from "../census/equal";
import { type SettledUser, settleUser } from "../census/settleUser";
import type { Sought } from "../census/singleReads";
import { recognized } from "../census/written";
import { emailFingerprint } from "../ledger/attributes";
import type { KnownRecord } from "../ledger/entry";
import { type Fingerprint, NO_RECORD } from "../ledger/fingerprint";
import type { LedgerEntry } from "../ledger/ledger";
import type { Difference, Step } from "../plan/delta";
import type { User } from "../schema/identity";
import type { TenantUser } from "../tenant/answers";
import type { Books } from "./books";
import type { Course } from "./course";
import type { Lookups } from "./lookups";
import type { Member, Subject } from "./members";
import type { Patches } from "./patches";
import type { Reading, Readings } from "./readings";
import type { ImportSettings } from "./types";
import type { Whereabouts } from "./whereabouts";

/** A known record of which something changed, and what carries it out. */
export interface Changed {
  readonly subject: Subject;
  readonly step: Extract<Step, { do: "update" }>;
  readonly user: User;
  /** Sends it; `sentAs` is the print of the email where that is not the record's. */
  send(after: KnownRecord, sent: User, readAt: Date, sentAs: Fingerprint | undefined): Promise<void>;
  /** What the journal and the books are told of it, where it is sent by a call of its own. */
  member(after: KnownRecord): Member;
  /** Its hash, where it has one, is sent after this. */
  followHash(): void;
  /** Of the rest nothing is to be sent, and the hash follows. */
  awaitHash(): void;
}

const BLIND =
  'Without the scope read:users nobody can tell what a change would write over, so no change is sent. Grant it (docs/operations.md); or set onConflict: "overwrite", which writes over whatever an application or the user has written since.';

/**
 * Sends what changed of users who are in the tenant, by what they have there now: the table of conflicts is in
 * census/conflicts.ts. Nobody is made anew: who is not there any more, or has become another account's identity, is left
 * alone and listed. A job goes by the email that the user has now.
 */
export class Updates {
  constructor(
    private readonly settings: ImportSettings,
    private readonly course: Course,
    private readonly books: Books,
    private readonly readings: Readings,
    private readonly lookups: Lookups,
    private readonly patches: Patches,
    private readonly whereabouts: Whereabouts,
  ) {}

  /**
   * Whether users are read before they are written to; `false` where they may not be, and are written over all the same.
   *
   * @throws Error where they may not be, and `onConflict` does not say so.
   */
  async areRead(): Promise<boolean> {
    if ((await this.readings.mode()) !== "not") return true;
    if (this.settings.onConflict !== "overwrite") throw new Error(BLIND);
    return false;
  }

  /** Returns when not too many are being read. */
  async meet(changed: Changed): Promise<void> {
    const sought = this.whereabouts.soughtFor(changed.subject, changed.user, changed.step.isMoved);
    if (this.readings.census !== undefined) return this.#settle(changed, sought, await this.readings.of(sought), false);
    await this.lookups.doing(async () => {
      const reading = await this.lookups.oneOfFew(() => this.readings.of(sought));
      if (!this.course.isStopped) await this.#settle(changed, sought, reading, true);
    });
  }

  /**
   * @param isWithin whether this is among what is looked up.
   * @param isToBePatched whether the user was read once more, so that they may be changed by a call of their own.
   */
  async #settle(
    changed: Changed,
    sought: Sought,
    reading: Reading | undefined,
    isWithin: boolean,
    isToBePatched = false,
  ): Promise<void> {
    const { subject, step, user } = changed;
    const present = await this.#present(changed, sought, reading);
    if (present === undefined) return;
    const { known, there, from } = present;
    const states = this.books.unanswered.statesOf(subject.identity);
    const how = { key: this.settings.key, whose: subject.name };
    const isKnown = states.length === 0 ? known : recognized(known, states, there, how);
    const settled = settleUser({
      ...{ user, there, known: isKnown, key: this.settings.key, onConflict: this.settings.onConflict },
      // Who has neither what they had before, nor what was sent, was changed by somebody, whatever the clocks say.
      lastRunEnded: states.length === 0 ? this.whereabouts.lastRunEnded(known) : undefined,
      canSend: (attribute) => attribute === "user_metadata" || attribute === "app_metadata" || attribute === "profile",
    });
    const after = afterwards(step, settled);
    const differences = differencesOf(step, settled);
    const differs = after.differs || differences.length > 0;
    const hasFactors = step.changes.includes("mfa_factors");
    if (settled.changes.length === 0 && !hasFactors) {
      // Of a lost answer it shows now what came of it.
      const isTold = known.record === NO_RECORD && known.attributes.unknown !== undefined;
      this.#nothing(changed, { ...after, differs }, differences, isTold && settled.conflicts.length === 0);
      return;
    }
    const { email, user_id: id } = there;
    const isAsked = from.byId === id;
    if (!hasFactors && (isToBePatched ? isAsked && this.patches.fits(settled) : this.patches.takes(settled))) {
      if (!isAsked) return this.#readToPatch(changed, there, isWithin);
      const patched = await this.#patch(changed, String(id), { ...after, differs }, settled.patch, differences);
      if (patched) return;
    }
    if (typeof email !== "string") return this.books.withheld(subject, step, "emailGone");
    const send = async (email_verified: unknown) => {
      this.books.differs(subject, differences);
      const factors = hasFactors ? { mfa_factors: user.mfa_factors } : {};
      const sent = { email, ...settled.upsert, ...factors, email_verified };
      await changed.send({ ...after, differs }, sent, from.at, this.#sentAs(email, user));
    };
    const verified = settled.upsert.email_verified ?? there.email_verified === true;
    if (verified === true || (!settled.readAgain && settled.changes.length > 0) || from.isSingle) return send(verified);
    await this.#sendAsVerified(changed, email, isWithin, send);
  }

  /** The user as they are in the tenant, and what is known of them. `undefined` where they are not there, which is told. */
  async #present({ subject, step }: Changed, sought: Sought, reading: Reading | undefined) {
    if (reading === undefined) throw new Error(BLIND);
    const known = this.books.ledger.get(subject.identity) as LedgerEntry;
    const { now, from } = await this.whereabouts.find(known, sought, reading);
    if (now.is === "there") return { known, there: now.there, from };
    this.books.withheld(subject, step, now.is);
    return undefined;
  }

  /** Sends it with `email_verified` as it is now: they may have verified it since all were read. */
  #sendAsVerified(
    { subject, step }: Changed,
    email: string,
    isWithin: boolean,
    send: (email_verified: boolean) => Promise<void>,
  ): Promise<void> {
    const then = async (found: TenantUser | undefined) => {
      if (found === undefined) this.books.withheld(subject, step, "notFound");
      else await send(found.email_verified ?? false);
    };
    return this.lookups.later(email, then, isWithin);
  }

  /**
   * Sends a hash, where the user can still get one: who has signed in or set a password since has one that no import
   * changes. Returns when not too many are being read.
   */
  async meetHash(changed: Changed): Promise<void> {
    const sought = this.whereabouts.soughtFor(changed.subject, changed.user);
    await this.lookups.doing(async () => {
      const reading = await this.lookups.oneOfFew(() => this.readings.of(sought));
      if (!this.course.isStopped) await this.#settleHash(changed, sought, reading);
    });
  }

  async #settleHash(changed: Changed, sought: Sought, reading: Reading | undefined): Promise<void> {
    const { subject, step, user } = changed;
    const present = await this.#present(changed, sought, reading);
    if (present === undefined) return;
    const { there, from } = present;
    if (isUsed(there)) {
      const member = changed.member(step.after);
      this.books.enter("hash", member, "passwordSet");
      this.books.count("hash", member, { outcome: "passwordSet" });
      return;
    }
    const { email } = there;
    if (typeof email !== "string") return this.books.withheld(subject, step, "emailGone");
    const hash = { custom_password_hash: user.custom_password_hash };
    const send = (email_verified: boolean) =>
      changed.send(step.after, { email, ...hash, email_verified }, from.at, this.#sentAs(email, user));
    if (there.email_verified === true || from.isSingle) return send(there.email_verified === true);
    await this.#sendAsVerified(changed, email, true, send);
  }

  /** Reads whom a call by the user's id is about: it may be another connection's user. */
  async #readToPatch(changed: Changed, { user_id, email }: TenantRecord, isWithin: boolean): Promise<void> {
    const sought: Sought = {
      id: String(user_id).replace(/^auth0\|/, ""),
      ...(typeof email === "string" ? { email: email.toLowerCase() } : {}),
    };
    const work = async () => {
      const reading = await this.lookups.oneOfFew(() => this.readings.singly(sought));
      if (!this.course.isStopped) await this.#settle(changed, sought, reading, true, true);
    };
    await (isWithin ? work() : this.lookups.doing(work));
  }

  /** @returns whether it is dealt with; else a job is to bring it, or to tell what is wrong with it. */
  async #patch(
    changed: Changed,
    id: string,
    after: KnownRecord,
    patch: User,
    differences: readonly Difference[],
  ): Promise<boolean> {
    const { subject, step } = changed;
    const member = changed.member(after);
    const patched = await this.lookups.oneOfFew(() => this.patches.send(id, member, patch));
    if (patched === "refused") return false;
    if (patched === "gone") this.books.withheld(subject, step, "deleted");
    else {
      this.books.differs(subject, differences);
      changed.followHash();
      this.books.enter("upsert", member, "updated");
      this.books.count("upsert", member, { outcome: "updated" });
    }
    return true;
  }

  #nothing(
    { subject, step, awaitHash }: Changed,
    after: KnownRecord,
    differences: readonly Difference[],
    isTold: boolean,
  ): void {
    if (isTold && !step.hashFollows) {
      this.books.wasUpdated(subject, after, differences);
      return;
    }
    if (!step.hashFollows) {
      this.books.stands(subject, { do: "nothing", differences, after });
      return;
    }
    this.books.settled(subject, after, differences);
    awaitHash();
  }

  /** The print of the email that a job goes by, where that is not the record's. */
  #sentAs(email: string, user: User): Fingerprint | undefined {
    const isRecords = email.toLowerCase() === String(user.email).toLowerCase();
    return isRecords ? undefined : emailFingerprint(this.settings.key, email);
  }
}

/** What is known of the user once all has arrived. */
function afterwards({ after, changes }: Changed["step"], { known }: SettledUser): KnownRecord {
  const { attributes: sent, had: sentBeside, ...rest } = after;
  const { mfa_factors, profile } = sent.prints;
  const attributes =
    changes.includes("mfa_factors") && mfa_factors !== undefined
      ? { ...known.attributes, prints: { ...known.attributes.prints, mfa_factors } }
      : known.attributes;
  // Attributes that the file no longer names stay in the tenant beside those that it does.
  const isMore = sentBeside?.prints.profile === "unknown" && attributes.prints.profile === profile;
  if (!isMore) return { ...rest, ...known, attributes };
  const { prints = {}, booleans = {} } = known.had ?? {};
  return {
    ...rest,
    attributes,
    had: { prints: { ...prints, profile: "unknown" }, booleans, profile: sentBeside.profile },
  };
}

/** What can be read is told as it is; of the rest what was decided without. */
function differencesOf({ differences }: Changed["step"], { notSent, conflicts }: SettledUser): Difference[] {
  const isRead = ({ attribute, reason }: Difference) =>
    reason === "notUpsertable" && attribute !== "password_hash" && attribute !== "custom_password_hash";
  return [
    ...differences.filter((each) => !isRead(each)),
    ...notSent.map((attribute): Difference => ({ attribute, reason: "notUpsertable" })),
    ...conflicts.map(({ attribute, reason }): Difference => ({ attribute, reason })),
  ];
}
