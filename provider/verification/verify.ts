import { COMPARED, type ComparedAttribute, type TenantRecord } from "../census/equal";
import { MOST_LOOKED_UP, SingleReads } from "../census/singleReads";
import { type Census, takeCensus } from "../census/takeCensus";
import { UnlikeCounts } from "../census/unlikeCounts";
import { unlikeWritten } from "../census/written";
import type { UserState } from "../ledger/ledger";
import { count, countOf } from "../progress/batchProgress";
import { maskIdentity } from "../results/maskIdentity";
import { Column } from "../source/column";
import type { Tenant } from "../tenant/client";
import { Expectations, type Expected, type Imported, knownOf, wasSeen } from "./expected";
import { RemovedUsers } from "./removedUsers";
import { RollCall, type Standing } from "./rollCall";
import { drawn } from "./sample";
import type { AttributeUsers, Exception, Verification, VerificationDetails, Word } from "./types";

/** So many of the users who are present are read singly, to try the export. */
const SAMPLE = 200;

/** How often the connection is read back where an export turns out to be out of date, before we give up. */
const READINGS = 2;

/** A verification that can't say who is there. Nothing is concluded. */
export class NotVerified extends Error {
  override readonly name = "NotVerified";
}

export interface VerifyOptions {
  /** The name of the connection, where it is known. */
  readonly connection?: string | undefined;
  /** In a few words; `undefined` at the end. */
  onProgress(line: string | undefined): void;
  onRetry(reason: string): void;
  /** Ends it; its reason is thrown. */
  readonly stop: AbortSignal;
}

/** What is said of who is not there. */
type Absence = "missing" | "gone" | "untold";

/** What a verification has found. */
export interface Verified {
  readonly verification: Verification;
  readonly details: VerificationDetails;
  /** The numbers of the records whose users are missing, in order. */
  readonly missing: readonly number[];
  /** Of each batch: their fingerprints, and how they stood until now. */
  readonly missingOf: readonly { readonly prints: number[]; readonly states: UserState[] }[];
  /** The records whose users are not simply there as written, in the order of the files; these are read again for that. */
  exceptions(): AsyncIterable<Exception>;
}

/**
 * Reads the connection of an import back, and tells of everybody whom it has brought whether they are there, and as they
 * were written.
 *
 * @throws TenantError, ExportError, SourceError where something can't be read; NotVerified where the export shows less than
 *   there is, again and again; the reason of `stop`.
 */
export async function verifyImport(imported: Imported, tenant: Tenant, options: VerifyOptions): Promise<Verified> {
  const expectations = await Expectations.of(imported);
  for (let reading = 1; ; reading++) {
    const removed = new RemovedUsers(imported);
    const expected = imported.batches.reduce((sum, { ledger }) => sum + ledger.usersInTenant(), 0);
    const census = await takeCensus(tenant, imported.connectionId, {
      ...options,
      expected,
      onUser: (line, user, connection) => removed.see(line, user, connection),
    });
    try {
      const inspection = new Inspection(expectations, removed, census, tenant, options);
      if (await inspection.isConclusive()) return inspection.result();
    } finally {
      options.onProgress(undefined);
      await census.close();
    }
    if (reading === READINGS) {
      throw new NotVerified(
        "Auth0's export lacks users who are there: some of those whom it does not have were looked up and found, and they are too many to look up all. Nothing is concluded from it.",
      );
    }
  }
}

/** What a census says of everybody, and single reads of those whom it does not have. */
class Inspection {
  readonly #roll: RollCall;
  readonly #reads: SingleReads;
  /** So many more users may be looked up. */
  #mayLookUp = MOST_LOOKED_UP;
  readonly #unlike: UnlikeCounts;
  /** In what users differ: a bit for each of {@link COMPARED}. */
  readonly #differing = new Column((length) => new Uint16Array(length));
  #sample = { read: 0, there: 0 };
  /** Who is in the export, and was not there any more a moment later. */
  readonly #vanished = new Set<number>();
  #notLookedUp = 0;
  #foundSingly = 0;

  constructor(
    private readonly expectations: Expectations,
    private readonly removed: RemovedUsers,
    private readonly census: Census,
    tenant: Tenant,
    private readonly options: VerifyOptions,
  ) {
    const { source } = expectations.imported.read;
    this.#roll = new RollCall(expectations, census.users, source.users);
    this.#reads = new SingleReads(tenant, census.connection, options.onRetry);
    this.#unlike = new UnlikeCounts(census.users);
  }

  /** @returns whether something follows: not where the export is out of date by more than can be looked up. */
  async isConclusive(): Promise<boolean> {
    const { source } = this.expectations.imported.read;
    for await (const record of source.records(this.expectations.indices())) this.#roll.call(record);
    this.#roll.settle(this.removed);
    await this.#compare();
    await this.#drawSample();
    const isConclusive = await this.#lookUp();
    this.#passOverUnexported();
    return isConclusive;
  }

  /** Compares those of whom hashes can't tell that they are as they were written. */
  async #compare(): Promise<void> {
    for await (const expected of this.#recordsOf("unlike")) {
      const there = await this.census.users.read(this.#roll.line(expected.index));
      this.#compared(expected.index, expected, there);
    }
  }

  #compared(index: number, expected: Expected, there: TenantRecord): void {
    const { glance, whose, user, batch } = expected;
    const unlike = unlikeWritten(knownOf(expected), there, { key: this.expectations.imported.key, whose, user });
    if (unlike.length === 0) {
      this.#roll.set(index, "asWritten");
      return;
    }
    const end = batch.ends.get(glance.run);
    const updated = Date.parse(String(there.updated_at));
    const isOurs = end !== undefined && updated <= end;
    this.#unlike.add(
      unlike.map((attribute) => ({ attribute, likeness: "other" })),
      end === undefined || Number.isNaN(updated) ? undefined : !isOurs,
    );
    this.#differing.set(index, bitsOf(unlike));
    this.#roll.set(index, isOurs ? "notAsWritten" : "changedThere");
  }

  /** Reads some of those who are present singly: an export promises nothing about how true it is. */
  async #drawSample(): Promise<void> {
    const present = this.#roll.those("asWritten", "notAsWritten", "changedThere");
    for (const index of drawn(present, SAMPLE)) {
      this.options.stop.throwIfAborted();
      this.options.onProgress(`looking at ${countOf(Math.min(SAMPLE, present.length), "user")} singly`);
      const id = ownId(await this.census.users.read(this.#roll.line(index)), this.census.connection);
      const { is } = await this.#reads.find({ id });
      if (is === "notLookedUp") continue;
      this.#sample.read++;
      if (is !== "absent") {
        this.#sample.there++;
        continue;
      }
      this.#vanished.add(index);
      this.#roll.set(index, "absent");
    }
  }

  /** Looks those up whom the export does not have; who was never seen comes first. */
  async #lookUp(): Promise<boolean> {
    const absent: Record<Absence, number[]> = { missing: [], gone: [], untold: [] };
    for await (const expected of this.#recordsOf("absent")) {
      // Auth0 has made the id, and other identifiers change.
      const word = expected.id === undefined ? "untold" : wasSeen(expected) ? "gone" : "missing";
      absent[word].push(expected.index);
    }
    for (const word of ["missing", "gone", "untold"] as const) {
      if (!(await this.#lookUpAll(word, absent[word]))) return false;
    }
    return true;
  }

  /**
   * Where they are too many to look up all, some from everywhere among them are. Nothing follows for the rest where one of
   * those is there; but who is linked to another account may be in no export at all, and then the rest is looked up, too.
   */
  async #lookUpAll(word: Absence, indices: readonly number[]): Promise<boolean> {
    const most = Math.min(this.#mayLookUp, indices.length);
    this.#mayLookUp -= most;
    const step = indices.length / most;
    const chosen = new Set(Array.from({ length: most }, (_, i) => indices[Math.floor(i * step)] as number));
    const found = await this.#lookEachUp(word, chosen);
    const rest = new Set(indices.filter((index) => !chosen.has(index)));
    if (rest.size === 0) return true;
    if (found.present > 0) return false;
    if (found.linked > 0) {
      await this.#lookEachUp(word, rest);
      return true;
    }
    for (const index of rest) this.#roll.set(index, word);
    this.#notLookedUp += rest.size;
    return true;
  }

  async #lookEachUp(word: Absence, indices: ReadonlySet<number>) {
    const { source } = this.expectations.imported.read;
    const found = { present: 0, linked: 0 };
    let looked = 0;
    for await (const record of source.records((index) => indices.has(index))) {
      const { index } = record;
      this.options.stop.throwIfAborted();
      this.options.onProgress(`looking for ${count(++looked)} of ${countOf(indices.size, "user")} singly`);
      const standing = await this.#standingOf(index, this.expectations.of(record) as Expected);
      this.#roll.set(index, standing ?? word);
      if (standing === undefined) continue;
      if (standing === "linked") found.linked++;
      else found.present++;
      this.#vanished.delete(index);
    }
    return found;
  }

  /** How a user stands whom the export does not have. @returns `undefined` where they are not there. */
  async #standingOf(index: number, expected: Expected): Promise<Standing | undefined> {
    const { id, user, mayHaveOtherId, batch } = expected;
    const email = typeof user.email === "string" ? user.email : undefined;
    let standing = await this.#reads.find({ id, email });
    const isById = id !== undefined && standing.is !== "absent";
    // Whom we brought under the record's own id is at that id, or nowhere.
    const mayBeByEmail = mayHaveOtherId || user.user_id === undefined;
    if (id !== undefined && standing.is === "absent" && email !== undefined && mayBeByEmail) {
      const other = await this.#reads.find({ email });
      if (mayHaveOtherId) standing = other;
      else if ("user" in other) {
        // Where no ids were made up when the user came in. Who has signed up with the email since is somebody else.
        const end = batch.ends.get(expected.glance.run);
        if (end !== undefined && Date.parse(String(other.user.created_at)) <= end) standing = other;
      }
    }
    if (!("user" in standing)) return undefined;
    if (standing.is === "linked") return "linked";
    const [known] = this.census.users.find("user_id", ownId(standing.user, this.census.connection) ?? "");
    if (!isById && known !== undefined && this.#roll.isTaken(known.line)) return undefined;
    if (known === undefined) this.#foundSingly++;
    else this.#roll.take(known.line);
    this.#compared(index, expected, standing.user);
    return this.#roll.standing(index);
  }

  /** What no line has though many should, is a matter of the export. */
  #passOverUnexported(): void {
    const unexported = bitsOf(this.#unlike.notExported);
    if (unexported === 0) return;
    for (const index of this.#roll.those("notAsWritten", "changedThere")) {
      const bits = this.#differing.at(index) & ~unexported;
      this.#differing.set(index, bits);
      if (bits === 0) this.#roll.set(index, "asWritten");
    }
  }

  async *#recordsOf(standing: Standing): AsyncGenerator<Expected & { readonly index: number }> {
    const { source } = this.expectations.imported.read;
    for await (const record of source.records(this.#roll.those(standing))) {
      this.options.stop.throwIfAborted();
      yield { ...(this.expectations.of(record) as Expected), index: record.index };
    }
  }

  async result(): Promise<Verified> {
    const roll = this.#roll;
    const { census, expectations, removed } = this;
    const present = roll.count("asWritten", "notAsWritten", "changedThere") + roll.removed.present;
    const linked = roll.count("linked") + roll.removed.linked;
    const missing = roll.those("missing");
    const gone = roll.count("gone");
    const { batches } = expectations.imported;
    const missingOf = batches.map(() => ({ prints: [] as number[], states: [] as UserState[] }));
    for await (const { batch, print, glance } of this.#recordsOf("missing")) {
      const own = missingOf[batches.indexOf(batch)];
      own?.prints.push(print);
      own?.states.push(glance.state);
    }
    const verification: Verification = {
      checkedAt: census.started.toISOString(),
      expected: present + linked + missing.length + gone,
      present,
      linked,
      missing: missing.length,
      gone,
      notAsWritten: roll.count("notAsWritten"),
      changedThere: roll.count("changedThere"),
      others: roll.others,
      attributes: this.#unlike.other.map(({ attribute, users }): AttributeUsers => ({ attribute, users })),
    };
    const details: VerificationDetails = {
      connection: census.connection,
      job: census.job,
      lines: census.users.lines,
      sha256: census.sha256,
      tookMs: census.tookMs,
      linkedTo: roll.linkedTo,
      untold: roll.count("untold") + removed.size - roll.removed.present - roll.removed.linked,
      notLookedUp: this.#notLookedUp,
      foundSingly: this.#foundSingly,
      vanished: this.#vanished.size,
      notExported: this.#unlike.notExported,
      normalised: this.#unlike.normalised(present),
      sample: this.#sample,
    };
    return { verification, details, missing, missingOf, exceptions: () => this.#exceptions() };
  }

  async *#exceptions(): AsyncGenerator<Exception> {
    const { source } = this.expectations.imported.read;
    const words: readonly Word[] = ["missing", "gone", "linked", "notAsWritten", "changedThere", "untold"];
    for await (const record of source.records(this.#roll.those(...words))) {
      const { index, file, line } = record;
      const { whose } = this.expectations.of(record) as Expected;
      const attributes = COMPARED.filter((_, i) => (this.#differing.at(index) >> i) & 1);
      yield { what: this.#roll.standing(index) as Word, file, line, identity: maskIdentity(whose), attributes };
    }
  }
}

/** The id of a user within the connection. */
function ownId({ identities }: TenantRecord, connection: string): string | undefined {
  if (!Array.isArray(identities)) return undefined;
  const own = (identities as TenantRecord[]).find((each) => each?.connection === connection);
  return typeof own?.user_id === "string" ? own.user_id : undefined;
}

function bitsOf(attributes: readonly ComparedAttribute[]): number {
  return attributes.reduce((bits, attribute) => bits | (1 << COMPARED.indexOf(attribute)), 0);
}
