import type { TenantRecord } from "../census/equal";
import type { Sought } from "../census/singleReads";
import { settleVerification } from "../census/truths";
import { adopted, withUnknownHad } from "../census/written";
import type { KnownRecord } from "../ledger/entry";
import { sentUserId } from "../ledger/fingerprint";
import { type Change, changedAttributes, UPSERTABLE } from "../plan/delta";
import type { User } from "../schema/identity";
import type { TenantUser } from "../tenant/answers";
import { AdoptionTally } from "./adoptionTally";
import type { Books } from "./books";
import type { Course } from "./course";
import type { Failure } from "./findings";
import type { Lookups } from "./lookups";
import type { Subject } from "./members";
import type { Reading, Readings } from "./readings";
import { differencesOf, differingIn, notBrought, taken, writtenOver } from "./takenOver";
import type { ImportSettings } from "./types";
import { LEFTOVER, type Who, whoIs } from "./whoIs";

/** A record that was never imported, and what becomes of it where nobody is there, or where something is to be sent. */
export interface Newcomer {
  readonly subject: Subject;
  readonly user: User;
  /** What is known of it once it is in. */
  readonly after: KnownRecord;
  /** Whether it is dealt with among what is looked up. */
  readonly isWithin?: boolean;
  /** Sends it as a new user. */
  insert(): Promise<void>;
  /** Sends these attributes of a user who is there; `readAt` is when they were read. */
  upsert(after: KnownRecord, sent: User, readAt: Date): Promise<void>;
}

/**
 * Takes over users who were there before the first import, by what the tenant has: who is who is in whoIs.ts. Nothing is
 * written of users who are as the file says, and with `adopt` of nobody. With `overwrite` the groups are sent that differ.
 *
 * Of a user who was taken the ledger knows what the file says (F) and what the tenant had (W); so only what the file
 * changes from now on is a change. What should be sent and can't be stays unsettled, and is listed for as long as it is.
 */
export class Adoption {
  readonly tally = new AdoptionTally();

  constructor(
    private readonly settings: ImportSettings,
    private readonly course: Course,
    private readonly books: Books,
    private readonly readings: Readings,
    private readonly lookups: Lookups,
  ) {}

  /** Settles a record whose user may be there. Returns when not too many are being read. */
  async meet(newcomer: Newcomer): Promise<void> {
    const sought = this.#soughtFor(newcomer);
    if ((await this.readings.mode()) === "not") return newcomer.insert();
    if (this.readings.census !== undefined) return this.#take(newcomer, await this.readings.of(sought));
    await this.lookups.doing(async () => {
      const reading = await this.lookups.oneOfFew(() => this.readings.of(sought));
      if (!this.course.isStopped) await this.#take({ ...newcomer, isWithin: true }, reading);
    });
  }

  /** Settles a record that an insert job refused for being there, as they have come since, or can't be seen. */
  async meetAgain(newcomer: Newcomer): Promise<void> {
    await this.lookups.doing(async () => {
      const sought = this.#soughtFor(newcomer);
      const reading = await this.lookups.oneOfFew(() => this.readings.singly(sought, true));
      if (this.course.isStopped) return;
      const { user } = newcomer;
      // By a name or a number that can't be looked up, it may be somebody who is there.
      const isElse = user.username !== undefined || user.phone_number !== undefined;
      const nobody = isElse ? SOMEBODY_ELSE : LEFTOVER;
      await this.#take({ ...newcomer, insert: async () => this.#refuse(newcomer, nobody), isWithin: true }, reading);
    });
  }

  async #take(newcomer: Newcomer, reading: Reading | undefined): Promise<void> {
    if (reading === undefined) return newcomer.insert();
    const { user, after, subject } = newcomer;
    const who = await whoIs(user, this.#idOf(newcomer), reading.users, this.course.rules?.isSignupOpen ?? true);
    if (who.is === "nobody") return newcomer.insert();
    if (who.is === "refused") return this.#refuse(newcomer, who.failure);
    if (who.is === "linked") {
      this.tally.linked++;
      this.books.adopt(subject, withUnknownHad({ ...after, ...otherId(who) }), "adopted", []);
      return;
    }
    await this.#takeOver(newcomer, who, reading);
  }

  async #takeOver(newcomer: Newcomer, who: Who & { readonly is: "there" }, reading: Reading): Promise<void> {
    const { user, after, subject } = newcomer;
    const { key, onExisting } = this.settings;
    const { users } = reading;
    // Only we can have made up that id.
    const isOurs = this.#idOf(newcomer).isMadeUp && !who.hasOtherId;
    const there = users.isAs(who.line, user) ? undefined : await users.read(who.line);
    const known = there === undefined ? { attributes: after.attributes } : adopted(after.attributes, user, there, key);
    const differing = differingIn(known);
    const isAgain = this.books.isAgain(subject.index);
    if (!isAgain) this.tally.met(user, differing, users.isTrue(who.line, "blocked"));
    const base: KnownRecord = { ...after, ...known, ...otherId(who), origin: isOurs ? "inserted" : "adopted" };
    if (onExisting === "overwrite") {
      const groups = UPSERTABLE.filter((group) =>
        group === "mfa_factors" ? after.attributes.prints.mfa_factors !== undefined : differing.includes(group),
      );
      if (groups.length > 0 || (user.email_verified === true && differing.includes("email_verified"))) {
        await this.#overwrite(newcomer, base, groups, differing, there ?? (await users.read(who.line)), reading);
        return;
      }
    }
    const listed = notBrought(differing, user).filter((each) => onExisting === "overwrite" || each === "blocked");
    this.books.adopt(subject, taken(base, listed), isOurs ? "inserted" : "adopted", differencesOf(listed));
  }

  async #overwrite(
    newcomer: Newcomer,
    base: KnownRecord,
    groups: readonly (typeof UPSERTABLE)[number][],
    differing: readonly Change[],
    there: TenantRecord,
    { at, isSingle }: Reading,
  ): Promise<void> {
    const { subject, user } = newcomer;
    const { email } = user;
    if (this.course.rules?.hasUniqueEmails === false) return this.#refuse(newcomer, NOT_UNIQUE);
    if (typeof email !== "string") return this.#refuse(newcomer, NO_EMAIL);
    if (!this.books.isAgain(subject.index)) this.tally.overwritten++;
    const { known, differences } = writtenOver(base, [...groups, "email_verified"], notBrought(differing, user));
    const send = async (email_verified: boolean) => {
      this.books.differs(subject, differences);
      await newcomer.upsert(known, { email, ...changedAttributes(user, groups), email_verified }, at);
    };
    const how = { saidOfEmail: false, onConflict: "overwrite", updatedSince: true } as const;
    const verified = settleVerification(user, there, undefined, undefined, how);
    if (!verified.readAgain || isSingle) return send(verified.state);
    // They may have verified it since all were read.
    const then = async (found: TenantUser | undefined) => {
      if (found === undefined) await newcomer.insert();
      else await send(found.email_verified ?? false);
    };
    await this.lookups.later(email, then, newcomer.isWithin);
  }

  #refuse({ subject, after }: Newcomer, failure: Failure): void {
    this.books.fails(subject, after, failure);
  }

  #soughtFor(newcomer: Newcomer): Sought {
    const { id, isMadeUp } = this.#idOf(newcomer);
    const { email } = newcomer.user;
    // Whoever has that id has the email, too.
    const byEmail = typeof email === "string";
    return { id: isMadeUp && byEmail ? undefined : id, email: byEmail ? email.toLowerCase() : undefined };
  }

  #idOf({ subject, user }: Newcomer): { readonly id: string | undefined; readonly isMadeUp: boolean } {
    return { id: sentUserId(user, subject.name, this.settings), isMadeUp: typeof user.user_id !== "string" };
  }
}

function otherId({ hasOtherId }: { readonly hasOtherId: boolean }): Partial<KnownRecord> {
  return hasOtherId ? { hasOtherId } : {};
}

const EXISTS = { code: "DUPLICATED_USER", message: "The user is there already" };

const SOMEBODY_ELSE: Failure = {
  ...EXISTS,
  message: "The user is there already (by another user, who has a different email)",
};

const NOT_UNIQUE: Failure = {
  ...EXISTS,
  message:
    "The user is there already (emails are not unique in this connection, so an import job can't tell whom to write over)",
};

const NO_EMAIL: Failure = {
  ...EXISTS,
  message: "The user is there already (an import job finds its user by email, and the record has none)",
};
