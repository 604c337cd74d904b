import type { JournalMember } from "../journal/format";
import type { Fingerprint } from "../ledger/fingerprint";
import type { Place } from "./findings";
import type { BatchRecords } from "./types";

/** A record of the source whose user is known by an identifier. */
export interface Subject extends Place {
  readonly name: string;
  readonly identity: Fingerprint;
}

/** A record on its way: what is needed of it once it has been sent, in few bytes. Not its content. */
export interface Member extends JournalMember {
  readonly index: number;
  /** The text of `identityOf`. */
  readonly name: string;
  /** When its user was read, in milliseconds, where what is sent rests on that. */
  readonly readAt?: number;
  /** The print of the email that the job has, where the user has another one now than the record says. */
  readonly sentAs?: Fingerprint;
}

/** The record of a member of a job. */
export function subjectOf(records: BatchRecords, { index, name, identity }: Member): Subject {
  const { file, line } = records.place(index);
  return { index, file, line, name, identity };
}
