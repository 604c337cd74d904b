import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CensusIndex } from "../../provider/census/census";
import { CallBudget } from "../../provider/census/readBudget";
import { Census, SharedCensus } from "../../provider/census/takeCensus";
import type { Member } from "../../provider/import/members";
import type { SharedMembers } from "../../provider/import/memberships/maxMembers";
import type { ReadBack } from "../../provider/import/readings";
import { assemble, runImport } from "../../provider/import/run";
import type { BatchRecords, BatchResult, ImportSettings, ImportTenant, Workplace } from "../../provider/import/types";
import { Journal } from "../../provider/journal/journal";
import type { SavedRun } from "../../provider/journal/left";
import { jsonText } from "../../provider/json/exactNumber";
import { packRecord } from "../../provider/ledger/entry";
import { identityFingerprint, keyId, RecordHasher } from "../../provider/ledger/fingerprint";
import { describe as describeRecord } from "../../provider/plan/describe";
import { type Stated, statedIn } from "../../provider/plan/memberships";
import { BatchProgress } from "../../provider/progress/batchProgress";
import type { ConnectionRules } from "../../provider/schema/connectionRules";
import { identityOf, type User } from "../../provider/schema/identity";
import { CONNECTION_NAME, exported, type PlainTenant, plainTenant } from "./plainTenant";

export const KEY = "0123456789abcdef";
const CONNECTION = "con_0000000000000001";

/** What a batch knows after a run, as the state keeps it. */
export type Saved = BatchResult & SavedRun;

export interface RunOptions {
  readonly before?: Saved | undefined;
  readonly settings?: Partial<ImportSettings>;
  readonly terms?: string;
  /** The process dies after it has written so many lines into the journal. */
  readonly dieAfterLine?: number;
  /** What batches share, and the records of all of them. */
  readonly members?: SharedMembers;
  readonly everybody?: readonly User[];
  readonly preflight?: () => Promise<ConnectionRules | undefined>;
  /** How the tenant may be read back; not at all, where it is not given. */
  readonly reads?: "singly" | "census" | ReadBack;
}

/** Of a connection that wants nothing of its users. */
export const RULES: ConnectionRules = {
  connection: CONNECTION_NAME,
  required: [],
  hasUniqueEmails: true,
  isSignupOpen: true,
};

export const ANN: User = {
  user_id: "ann",
  email: "ann@example.com",
  email_verified: true,
  given_name: "Ann",
  user_metadata: { plan: "a", lang: "de" },
};

/** Runs of one batch in this process, with a journal in a folder of its own and a tenant that is a plain object. */
export class ImportTest {
  tenant: PlainTenant = plainTenant();
  readonly folder: string;
  readonly stop = new AbortController();
  warnings: string[] = [];
  notes: string[] = [];
  /** Whether single users may be changed. */
  mayPatch = true;
  /** How often all users were read back. */
  censuses = 0;
  /** How often the records of all batches were read. */
  everybodyRead = 0;
  #journals: Journal[] = [];

  /** @param parent where its files lie. */
  constructor(parent: string = tmpdir()) {
    this.folder = mkdtempSync(path.join(parent, "user-import-"));
  }

  /** For every test of the suite in which it is called. */
  static forEach(): () => ImportTest {
    let test: ImportTest;
    beforeEach(() => {
      test = new ImportTest();
    });
    afterEach(() => test.end());
    return () => test;
  }

  get journalFile(): string {
    return path.join(this.folder, "journal", "batch.ndjson");
  }

  /** Each run has its own, as each process has. */
  protected tenantOfRun(): ImportTenant {
    return this.tenant;
  }

  /** One run, as of one process. */
  async run(users: readonly User[], options: RunOptions = {}) {
    const { workplace, settings, before, journal } = await this.#prepare(options);
    const ran = await runImport(recordsOf(users), settings, before, workplace);
    this.#close(journal);
    // The process is dead, the tenant is not.
    this.tenant.isCut = false;
    const saved: Saved = {
      ...ran.result,
      run: journal.run,
      runNumber: journal.runNumber,
      journalEntries: journal.size,
    };
    return { ...ran, result: saved };
  }

  /** The parts of a run that begins. */
  async parts(users: readonly User[], options: RunOptions = {}) {
    const { workplace, settings, before } = await this.#prepare(options);
    return { ...workplace, ...(await assemble(recordsOf(users), settings, before, workplace)) };
  }

  get journal(): string {
    return readFileSync(this.journalFile, "utf8");
  }

  set journal(text: string) {
    writeFileSync(this.journalFile, text);
  }

  /** How many lines the journal has, its first one aside. */
  get journalLines(): number {
    return this.journal.trimEnd().split("\n").length - 1;
  }

  /** Another tenant and no journal, as at first. */
  startAnew(): void {
    this.tenant = plainTenant();
    this.forget();
  }

  /** The journal is lost. */
  forget(): void {
    rmSync(this.journalFile, { force: true });
  }

  /** The process ends. */
  exit(): void {
    for (const journal of this.#journals) this.#close(journal);
  }

  end(): void {
    this.exit();
    rmSync(this.folder, { recursive: true });
  }

  /** A census of the plain tenant, as it is now. */
  census(tookMs = 0): Census {
    this.censuses++;
    const users = exported(this.tenant);
    const read = async (line: number) => users[line] as User;
    const index = new CensusIndex(read, CONNECTION_NAME);
    for (const user of users) index.add(user);
    const started = new Date(Date.now() - tookMs);
    const close = async () => {};
    const file = { job: "job_export", started, sha256: "", connection: CONNECTION_NAME, lines: users.length };
    return new Census(index, { ...file, read: () => read(0), close }, tookMs);
  }

  #read(everybody: readonly User[]) {
    this.everybodyRead++;
    return recordsOf(everybody).select(() => true);
  }

  #readBack(reads: RunOptions["reads"]): ReadBack | undefined {
    if (typeof reads !== "string") return reads;
    const budget = { left: reads === "census" ? 0 : 1_000, spend: () => reads !== "census" };
    const patches = new CallBudget(this.mayPatch ? 2_000 : 0);
    return { budget, patches, census: new SharedCensus(async () => this.census()), follow: () => () => {} };
  }

  async #prepare({ before, terms = "terms", preflight, members, everybody, ...options }: RunOptions) {
    const { connectionId = CONNECTION } = options.settings ?? {};
    const identity = { keyId: keyId(KEY), connectionId };
    const { signal } = this.stop;
    const journal = await Journal.open(this.journalFile, identity, terms, before, () => {}, signal);
    this.#journals.push(journal);
    const { dieAfterLine } = options;
    const readBack = this.#readBack(options.reads);
    const workplace: Workplace = {
      ...(readBack === undefined ? {} : { readBack }),
      ...(members === undefined ? {} : { members }),
      ...(everybody === undefined
        ? {}
        : { everybody: { records: () => this.#read(everybody), said: () => said(everybody) } }),
      tenant: this.tenantOfRun(),
      journal: dieAfterLine === undefined ? journal : dying(journal, dieAfterLine, this.tenant),
      progress: new BatchProgress(0, 2, () => {}),
      stop: signal,
      warn: (message) => this.warnings.push(message),
      inform: (message) => this.notes.push(message),
      preflight: preflight ?? (async () => undefined),
    };
    const settings: ImportSettings = {
      connectionId: CONNECTION,
      key: KEY,
      externalId: "test",
      onExisting: "fail",
      onConflict: options.reads === undefined ? "overwrite" : "keep",
      unsupportedPasswordHash: "fail",
      generateUserIds: true,
      sendCompletionEmail: false,
      resendFailed: false,
      ...options.settings,
    };
    return { workplace, settings, before, journal };
  }

  #close(journal: Journal): void {
    this.#journals = this.#journals.filter((each) => each !== journal);
    journal.close();
  }
}

/** A journal whose process dies after a line of it: what was written stays, and nothing is done any more. */
function dying(journal: Journal, lines: number, tenant: PlainTenant): Journal {
  let left = lines;
  const names = new Set<string | symbol>([
    ...["intent", "accepted", "refused", "finished", "abandoned"],
    ...["patch", "patched"],
    ...["grant", "memberships"],
  ]);
  return new Proxy(journal, {
    get: (_, name) => {
      const value: unknown = Reflect.get(journal, name, journal);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (names.has(name) && left <= 0) throw new Error("dead");
        const answer: unknown = value.apply(journal, args);
        if (names.has(name) && --left === 0) {
          tenant.isCut = true;
          throw new Error("dead");
        }
        return answer;
      };
    },
  });
}

function said(users: readonly User[]): Stated[] {
  return users.flatMap((user) => statedIn(user) ?? []);
}

/** Users as the records of a batch, one on a line. */
export function recordsOf(users: readonly User[]): BatchRecords {
  const hasher = new RecordHasher(KEY);
  const texts = users.map((user) => Buffer.from(jsonText(user)));
  const place = (index: number) => ({ file: "users.ndjson", line: index + 1, offset: 100 * index, byteLength: 99 });
  return {
    count: users.length,
    async *select(needs) {
      for (const [index, user] of users.entries()) {
        if (needs(index)) yield { ...place(index), index, user, raw: user };
      }
    },
    place,
    identity: (index) => identityFingerprint(KEY, identityOf(users[index] as User) ?? ""),
    record: (index) => hasher.fingerprint(texts[index] as Buffer),
    doubleAt: () => undefined,
    statesMemberships: (index) => statedIn(users[index] as User) !== undefined,
  };
}

/** Records on their way. */
export function membersOf(users: readonly User[]): Member[] {
  const records = recordsOf(users);
  return users.map((user, index) => {
    const { record, attributes } = describeRecord(KEY, user, records.record(index));
    const after = packRecord({ record, attributes, differs: false });
    return { index, name: identityOf(user) as string, identity: records.identity(index), after };
  });
}

export function memberOf(user: User): Member {
  return membersOf([user])[0] as Member;
}

/** The parts of a summary that are not 0. */
export function countsIn({ summary }: Pick<BatchResult, "summary">): Record<string, number> {
  return Object.fromEntries(Object.entries(summary).filter(([name, users]) => Number(users) > 0 && name !== "total"));
}
