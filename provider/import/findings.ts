import { type Difference, isConflict, type JobKind, type NotAppliedReason } from "../plan/delta";
import { IndexSet } from "../plan/indexSet";
import { toRanges } from "../results/ranges";
import {
  type Conflict,
  type Counts,
  type DifferenceCount,
  EMPTY_SUMMARY,
  type FailedAt,
  type FailedRecord,
  MAX_LISTED_RECORDS,
  type NotApplied,
  type NotAppliedAt,
  type PasswordResetRequired,
} from "../results/types";
import type { RecordFailure } from "../tenant/matchErrors";

/** Where a record stands, and whom it is about. */
export interface Place {
  readonly index: number;
  readonly file: string;
  readonly line: number;
  /** The text of `identityOf`. */
  readonly name: string | undefined;
}

/** Why one record failed, as far as it is listed. */
export type Failure = Pick<RecordFailure, "code" | "message" | "path">;

/** Reasons for users. */
export const REASONS: Record<NotAppliedReason, string> = {
  notUpsertable: "an import job can't change it of a user who exists",
  removed: "it is no longer in the file, and an import job can't remove it",
  noEmail: "an import job finds its user by email, and the record's is missing or changed",
  emailNotUnique: "emails are not unique in this connection, and an import job finds its user by email",
  notFound: "no user of the connection has the record's email now",
  changedThere: "it was changed in Auth0, too, since the file last said something else of it",
  unknown: "it may have been changed in Auth0, too: after a lost answer, or of a large number, that can't be told",
  deleted: "the user was deleted in Auth0 since",
  linked: "the user was linked to another account in Auth0 since",
  emailGone: "the user has no email in Auth0 now, and an import job finds its user by email",
  passwordSet: "the user has a password in Auth0, and no import job can change it",
};

/** What a run finds out about records: counted, and the first of them listed, in the order of the source. */
export class Findings {
  readonly summary: { -readonly [K in keyof Counts]: number } = { ...EMPTY_SUMMARY };
  readonly #failed = new First<FailedRecord>();
  readonly #notApplied = new First<NotApplied>();
  readonly #conflicts = new First<Conflict>();
  /** Records that have a conflict. */
  readonly #inConflict = new IndexSet();
  /** Records of which nothing was sent, though something differs. */
  readonly #leftOut = new IndexSet();
  readonly #withoutPassword = new First<PasswordResetRequired>();
  readonly #differences = new Map<string, Omit<NotAppliedAt, "at"> & { readonly at: Set<number> }>();
  readonly #failedAt = new Map<string, { readonly code: string; readonly kind?: JobKind; readonly at: number[] }>();
  /** Records of users who came in without a password. */
  readonly #passwordResets: number[] = [];

  /**
   * @param kind of the job that it failed in; absent for a record that was not sent.
   * @param isThere whether the user is in the tenant all the same, since an earlier job or before the first import.
   */
  failed(place: Place, { code, message, path }: Failure, kind?: JobKind, isThere = false): void {
    this.summary[kind === undefined ? "invalid" : isThere ? "outdated" : "failed"]++;
    const group = `${code} ${kind}`;
    const places = this.#failedAt.get(group) ?? { code, ...(kind === undefined ? {} : { kind }), at: [] };
    places.at.push(place.index);
    this.#failedAt.set(group, places);
    const { name, file, line } = place;
    this.#failed.add(place.index, {
      ...(name === undefined ? {} : { identity: name }),
      code,
      message,
      ...(path === undefined ? {} : { path }),
      file,
      line,
    });
  }

  /** Of a user who was counted and is in the tenant: what came after the job failed. */
  failedAfter(counted: keyof Counts, place: Place, failure: Failure): void {
    this.summary[counted]--;
    this.failed(place, failure, counted === "inserted" ? "insert" : "upsert", true);
  }

  /** Lists what could not be brought to the tenant, and what is a conflict; counts nobody. */
  differs({ index, file, line, name }: Place, differences: readonly Difference[]): void {
    for (const reason of new Set(differences.map((difference) => difference.reason))) {
      const attributes = differences.filter((each) => each.reason === reason).map(({ attribute }) => attribute);
      const conflict = isConflict(reason) ? ({ conflict: true } as const) : {};
      const list = isConflict(reason) ? this.#conflicts : this.#notApplied;
      if (isConflict(reason)) this.#inConflict.add(index);
      list.add(index, { identity: name ?? "", attributes, reason: REASONS[reason], file, line });
      for (const attribute of attributes) {
        const group = `${attribute} ${reason}`;
        const known = this.#differences.get(group) ?? {
          ...{ attribute, reason: REASONS[reason], ...conflict },
          at: new Set<number>(),
        };
        known.at.add(index);
        this.#differences.set(group, known);
      }
    }
  }

  /** The same of a user who was counted, with what was sent of them. */
  differsAfter(counted: keyof Counts, place: Place, differences: readonly Difference[]): void {
    this.summary[this.countedAs(place.index, counted)]--;
    this.differs(place, differences);
    this.summary[this.countedAs(place.index, counted)]++;
  }

  isInConflict(index: number): boolean {
    return this.#inConflict.has(index);
  }

  /** What a record counts as: of a conflict it is told, whatever else of it was sent. */
  countedAs(index: number, otherwise: keyof Counts): keyof Counts {
    if (this.#inConflict.has(index)) return "conflicts";
    return this.#leftOut.has(index) ? "notApplied" : otherwise;
  }

  /** Counts a record of which nothing was sent, though something differs. */
  countLeft(index: number): void {
    this.#leftOut.add(index);
    this.summary[this.countedAs(index, "notApplied")]++;
  }

  /** What was listed of a record that is decided on once more. */
  forgetDifferences(index: number): void {
    this.#conflicts.delete(index);
    this.#notApplied.delete(index);
    this.#inConflict.delete(index);
    for (const [group, { at }] of this.#differences)
      if (at.delete(index) && at.size === 0) this.#differences.delete(group);
  }

  withoutPassword({ index, file, line, name }: Place): void {
    this.#passwordResets.push(index);
    this.#withoutPassword.add(index, { identity: name ?? "", file, line });
  }

  get failedRecords(): FailedRecord[] {
    return this.#failed.list();
  }

  get notApplied(): NotApplied[] {
    return this.#notApplied.list();
  }

  get conflicts(): Conflict[] {
    return this.#conflicts.list();
  }

  get passwordResetRequired(): PasswordResetRequired[] {
    return this.#withoutPassword.list();
  }

  /** In the order of the attributes' names. */
  get differences(): DifferenceCount[] {
    return sorted(this.#differences).map(({ at, ...difference }) => ({ ...difference, users: at.size }));
  }

  get notAppliedAt(): NotAppliedAt[] {
    return sorted(this.#differences).map((difference) => ({ ...difference, at: toRanges([...difference.at]) }));
  }

  get passwordResets(): number {
    return this.#passwordResets.length;
  }

  get passwordResetsAt(): string {
    return toRanges(this.#passwordResets);
  }

  /** In the order of the codes. */
  get failedAt(): FailedAt[] {
    return sorted(this.#failedAt).map((group) => ({ ...group, at: toRanges(group.at) }));
  }

  /** As the outputs keep them. */
  get all() {
    const { failedRecords, failedAt, notApplied, differences, passwordResetRequired, passwordResets } = this;
    const { conflicts, notAppliedAt, passwordResetsAt } = this;
    return {
      ...{ summary: { ...this.summary }, failedRecords, failedAt, conflicts, notApplied, differences },
      ...{ passwordResetRequired, passwordResets, notAppliedAt, passwordResetsAt },
    };
  }
}

function sorted<T>(groups: ReadonlyMap<string, T>): T[] {
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

/** Keeps those that come first in the source. Where there is one for everybody, they must not all be kept. */
class First<T> {
  readonly #items: { readonly index: number; readonly item: T }[] = [];

  add(index: number, item: T): void {
    this.#items.push({ index, item });
    if (this.#items.length > 2 * MAX_LISTED_RECORDS) this.#cut();
  }

  delete(index: number): void {
    for (let i = this.#items.length - 1; i >= 0; i--) if (this.#items[i]?.index === index) this.#items.splice(i, 1);
  }

  list(): T[] {
    this.#cut();
    return this.#items.map(({ item }) => item);
  }

  #cut(): void {
    this.#items.sort((a, b) => a.index - b.index).splice(MAX_LISTED_RECORDS);
  }
}
