import type { Found } from "../census/census";
import { isUpdatedSince } from "../census/conflicts";
import type { TenantRecord } from "../census/equal";
import { MOST_LOOKED_UP, type Sought } from "../census/singleReads";
import type { KnownRecord } from "../ledger/entry";
import { sentUserId } from "../ledger/fingerprint";
import type { LedgerEntry } from "../ledger/ledger";
import { count, countOf } from "../progress/batchProgress";
import type { User } from "../schema/identity";
import type { Books } from "./books";
import type { Subject } from "./members";
import type { Reading, Readings } from "./readings";
import type { BatchResult, ImportSettings } from "./types";

/** Who a known user is in the tenant now. */
type Now = { readonly is: "there"; readonly there: TenantRecord } | { readonly is: "linked" | "deleted" | "notFound" };

/** Finds known users in what was read of the tenant, by the id that we brought them under, or else by email. */
export class Whereabouts {
  #lookedUp = 0;
  #notLookedUp = 0;

  constructor(
    private readonly settings: ImportSettings,
    private readonly books: Books,
    private readonly readings: Readings,
    private readonly runEnds: BatchResult["runEnds"] = {},
  ) {}

  /** How many were not looked for once more who are not there by what was read; `undefined` where that is nobody. */
  get saidOfNotLookedUp(): string | undefined {
    if (this.#notLookedUp === 0) return undefined;
    return `${countOf(this.#notLookedUp, "user")} who ${this.#notLookedUp === 1 ? "is" : "are"} not in the connection as it was read ${this.#notLookedUp === 1 ? "was" : "were"} not looked up singly, since they are too many: ${count(this.#lookedUp)} were. Nothing of them is sent, and they are listed. They may be deleted, or Auth0's export was out of date.`;
  }

  /** Whoever a census does not have is looked for singly: it promises nothing about how fresh it is. */
  async find(
    known: LedgerEntry,
    sought: Sought,
    reading: Reading,
  ): Promise<{ readonly now: Now; readonly from: Reading }> {
    const now = await this.#find(known, sought, reading);
    if (now.is !== "deleted") return { now, from: reading };
    if (this.#lookedUp >= MOST_LOOKED_UP) {
      this.#notLookedUp++;
      return { now: { is: "notFound" }, from: reading };
    }
    this.#lookedUp++;
    const from = await this.readings.singly(sought, true);
    return { now: await this.#find(known, sought, from), from };
  }

  async #find(known: LedgerEntry, { id, email }: Sought, { users }: Reading): Promise<Now> {
    const read = async ({ line }: Found): Promise<Now> => ({ is: "there", there: await users.read(line) });
    const byId = id === undefined ? [] : users.find("user_id", id);
    const own = byId.find(({ isLinked }) => !isLinked);
    if (own !== undefined) return read(own);
    if (byId.length > 0) return { is: "linked" };
    const byEmail = email === undefined ? [] : users.find("email", email);
    const [first, ...others] = byEmail.filter(({ isLinked }) => !isLinked);
    if (first === undefined) return { is: byEmail.length > 0 ? "linked" : "deleted" };
    // Whom we brought under an id is at that id, or nowhere: that email is somebody else's by now.
    if (others.length > 0 || (known.origin === "inserted" && id !== undefined)) return { is: "deleted" };
    const now = await read(first);
    const ended = this.lastRunEnded(known);
    // Somebody has made an account with that email since.
    const isAnother =
      now.is === "there" && ended !== undefined && isUpdatedSince({ updated_at: now.there.created_at }, ended);
    return isAnother ? { is: "deleted" } : now;
  }

  /** When the run ended that last wrote the user; `undefined` where nobody knows. */
  lastRunEnded({ run }: KnownRecord): Date | undefined {
    const end = run === undefined ? undefined : this.runEnds?.[run];
    return end === undefined ? undefined : new Date(end);
  }

  /**
   * By what a known user is looked for.
   *
   * @param isMoved whether the record has another email than before: who has that by now is not known to be them.
   */
  soughtFor(subject: Subject, user: User, isMoved = false): Sought {
    const { hasOtherId } = this.books.ledger.get(subject.identity) as LedgerEntry;
    const id = sentUserId(user, subject.name, this.settings);
    const email = typeof user.email === "string" && !isMoved ? user.email.toLowerCase() : undefined;
    return { id: hasOtherId ? undefined : id, email };
  }
}
