import type { LedgerEntry } from "../../ledger/ledger";
import { askedBy, type MembershipMaps, statedIn } from "../../plan/memberships";
import { identityOf, normalizeUser } from "../../schema/identity";
import type { SourceRecord } from "../../source";
import type { BatchRecords } from "../types";
import type { GrantList } from "./grantList";
import type { Work } from "./planner";

/** A record that asks for something. */
export type Asking = Pick<Work, "user" | "given" | "step" | "prints" | "unknown"> & {
  readonly record: SourceRecord;
  readonly name: string;
};

/** The records that count and say something of roles or organizations. */
async function* recordsStating(doubleAt: BatchRecords["doubleAt"], records: AsyncIterable<SourceRecord>) {
  for await (const record of records) {
    const user = normalizeUser(record.user);
    const [name, all] = [identityOf(user), statedIn(user)];
    if (record.problem !== undefined || name === undefined || all === undefined) continue;
    if (doubleAt(record.index) === undefined) yield { record, user, name, all };
  }
}

/**
 * The records with which there is something to do about roles or organizations, or to tell.
 *
 * @param knownOf what is known of a record's user
 */
export async function* recordsAsking(
  { doubleAt }: Pick<BatchRecords, "doubleAt">,
  records: AsyncIterable<SourceRecord>,
  key: string,
  maps: MembershipMaps,
  knownOf: (index: number) => LedgerEntry | undefined,
  grants: Pick<GrantList, "at">,
): AsyncGenerator<Asking> {
  for await (const { record, user, name, all } of recordsStating(doubleAt, records)) {
    const known = knownOf(record.index);
    const given = grants.at(known?.given);
    const { isSettled, ...asked } = askedBy(key, name, all, maps, { prints: known?.attributes.prints ?? {}, given });
    if (!isSettled) yield { record, name, user, given, ...asked };
  }
}

/** What there is to do for each, of users who are known. */
export async function* worksOf(
  asking: AsyncIterable<Asking>,
  { identity }: Pick<BatchRecords, "identity">,
  knownOf: (index: number) => LedgerEntry | undefined,
): AsyncGenerator<Work> {
  for await (const { record, name, ...asked } of asking) {
    const { index, file, line } = record;
    const known = knownOf(index);
    if (known !== undefined) yield { ...asked, subject: { index, file, line, name, identity: identity(index) }, known };
  }
}

/** In parts that weigh so much, the last one less. */
export async function* inParts<T>(
  items: AsyncIterable<T>,
  weight: number,
  weightOf: (item: T) => number,
): AsyncGenerator<T[]> {
  let [part, weighs]: [T[], number] = [[], 0];
  for await (const item of items) {
    part.push(item);
    weighs += weightOf(item);
    if (weighs < weight) continue;
    yield part;
    [part, weighs] = [[], 0];
  }
  if (part.length > 0) yield part;
}
