import type { Attributes } from "../ledger/attributes";
import { failureCode, neverIn } from "../ledger/ledger";
import { decide } from "../plan/delta";
import { describe } from "../plan/describe";
import { doubleFailure } from "../plan/doubles";
import { identityOf } from "../schema/identity";
import { prepareUser, refusalOf } from "../schema/prepare";
import type { SourceRecord } from "../source";
import type { Books } from "./books";
import type { Failure, Place } from "./findings";
import type { Memberships } from "./memberships/memberships";
import type { Sending } from "./sending";
import type { BatchRecords, ImportSettings } from "./types";

/** Why a record without any identifier is not sent. */
const NOBODY: Failure = {
  code: "ANY_OF_MISSING",
  message: "The record has none of email, phone_number, username and user_id",
};

/**
 * Takes the records of the source, each once: passes over those that stand as they did, refuses those that can't be
 * sent, and has the others carried out as `decide` says. A preview goes by the same rules (`planBatch`).
 */
export class Intake {
  constructor(
    private readonly settings: ImportSettings,
    private readonly records: BatchRecords,
    private readonly books: Books,
    private readonly sending: Sending,
    private readonly memberships: Memberships,
  ) {}

  /** Whether the record's user is in the tenant, as far as is known: then what changed goes before what is new. */
  isKnown(index: number): boolean {
    const { ledger } = this.books;
    const identity = this.records.identity(index);
    return ledger.has(identity) && !neverIn(ledger.stateOf(identity));
  }

  /** Whether a record has to be looked at. Those that stand in the file as they did are only counted. */
  needs(index: number): boolean {
    const identity = this.records.identity(index);
    const standing = this.books.ledger.standing(identity, this.records.record(index));
    if (
      standing === undefined ||
      standing.differs ||
      failureCode(standing.state) !== undefined ||
      this.records.doubleAt(index) !== undefined
    ) {
      return true;
    }
    this.books.sees(identity, index);
    if (standing.state === "removed") this.memberships.cameBack(index);
    this.books.unchanged(identity, standing.state);
    return false;
  }

  /** Decides anew about a record that has waited, its hash or all of it: by now the ledger has what came of the rest. */
  async takeAgain({ index, file, line, user: asItStands }: SourceRecord): Promise<void> {
    const { user, passwordOmitted } = prepareUser(asItStands, this.settings.unsupportedPasswordHash);
    const name = identityOf(user) as string;
    const identity = this.records.identity(index);
    const described = describe(this.settings.key, user, this.records.record(index), passwordOmitted);
    const step = decide(described, this.books.ledger.get(identity));
    const subject = { index, file, line, name, identity };
    if (this.sending.awaitsInsert(index)) await this.sending.sendInsert(step, subject, user);
    else await this.sending.sendHash(step, subject, user);
  }

  /** Decides about one record, and sends a job where that makes one full. */
  async take({ index, file, line, user: asItStands, problem }: SourceRecord): Promise<void> {
    const { user, passwordOmitted } = prepareUser(asItStands, this.settings.unsupportedPasswordHash);
    const name = identityOf(user);
    const place: Place = { index, file, line, name };
    const double = this.records.doubleAt(index);
    const failure = problem ?? (double === undefined ? undefined : doubleFailure(double));
    const identity = this.records.identity(index);
    // Also where it can't be sent: its user is in the source.
    if (problem === undefined && name !== undefined) this.books.sees(identity, index);
    if (failure !== undefined || name === undefined) {
      this.memberships.refuse(index);
      this.books.refuse(place, failure ?? refusalOf(user, asItStands) ?? NOBODY);
      return;
    }

    const known = this.books.ledger.get(identity);
    const step = decide(describe(this.settings.key, user, this.records.record(index), passwordOmitted), known);
    const saysNothingNew = step.do === "listFailure" || (step.do === "nothing" && step.differences.length === 0);
    const refusal = saysNothingNew ? undefined : refusalOf(user, asItStands);
    if (refusal !== undefined) {
      this.memberships.refuse(index);
      this.books.refuse(place, refusal);
      return;
    }
    this.memberships.note(index, asItStands);
    if (passwordOmitted && !hasPassword(known?.attributes)) this.books.hasNoPassword(index);
    await this.sending.carryOut(step, { ...place, name, identity }, user);
  }
}

function hasPassword(attributes: Attributes | undefined): boolean {
  const { password_hash, custom_password_hash } = attributes?.prints ?? {};
  return password_hash !== undefined || custom_password_hash !== undefined;
}
