import type { Clock } from "./clock";
import { type Connection, seededConnections } from "./connections";
import { Faults } from "./faults";
import { failedIn, ImportJobs, type JobStatus, statusOf } from "./importJobs";
import { RateLimiter } from "./rateLimiter";
import type { TenantSettings } from "./settings";
import { Tokens } from "./tokens";
import { type Tally, UserStore } from "./userStore";

/** An emulated tenant, without its HTTP side. */
export class Tenant {
  readonly connections: ReadonlyMap<string, Connection>;
  readonly users = new UserStore();
  readonly jobs: ImportJobs;
  readonly tokens: Tokens;
  readonly rateLimiter: RateLimiter | undefined;
  readonly faults: Faults;
  /** Answers since the start, by method and route, then by status. */
  private readonly answers = new Map<string, Map<number, number>>();

  constructor(
    readonly settings: TenantSettings,
    readonly clock: Clock,
    readonly signingKey: Buffer = Tokens.newSigningKey(),
  ) {
    this.connections = new Map(seededConnections().map((connection) => [connection.id, connection]));
    this.faults = new Faults(clock);
    this.jobs = new ImportJobs(this.users, clock, settings, this.faults);
    this.tokens = new Tokens(signingKey, clock);
    const { requestsPerSecond, burst } = settings;
    this.rateLimiter = requestsPerSecond > 0 ? new RateLimiter(requestsPerSecond, burst, clock) : undefined;
  }

  /** Grows with every change that is worth keeping. */
  get revision(): number {
    return this.users.revision + this.jobs.revision;
  }

  countAnswer(route: string, status: number): void {
    const statuses = this.answers.get(route) ?? new Map<number, number>();
    this.answers.set(route, statuses.set(status, (statuses.get(status) ?? 0) + 1));
  }

  /** Forgets users, jobs and counts; connections, tokens and the fault plan stay. */
  reset(): void {
    this.users.clear();
    this.jobs.clear();
    this.answers.clear();
    this.faults.restart();
  }

  /** What the tenant has seen and done, for a test or a benchmark to check. */
  stats(): TenantStats {
    this.jobs.advance();
    const answers = [...this.answers];
    return {
      jobs: {
        total: [...this.jobs.all()].length,
        active: this.jobs.activeCount,
        maxActiveSeen: this.jobs.maxActiveSeen,
        foreign: this.jobs.foreignCount,
        list: [...this.jobs.all()].map((job) => ({
          id: job.id,
          connection_id: job.connection.id,
          external_id: job.externalId ?? null,
          upsert: job.upsert ?? false,
          users: job.total,
          bytes: job.bytes,
          status: statusOf(job),
          inserted: job.inserted,
          updated: job.updated,
          failed: failedIn(job),
          created: new Date(job.createdAt).toISOString(),
          started: job.startedAt === undefined ? null : new Date(job.startedAt).toISOString(),
          finished: job.finishedAt === undefined ? null : new Date(job.finishedAt).toISOString(),
        })),
      },
      requests: Object.fromEntries(
        answers.map(([route, statuses]) => [route, [...statuses.values()].reduce((sum, count) => sum + count, 0)]),
      ),
      answers: Object.fromEntries(answers.map(([route, statuses]) => [route, Object.fromEntries(statuses)])),
      users: this.users.size,
    };
  }

  /** How often each user was sent, inserted and updated, by email or else by id; in one connection or in all. */
  tallies(onlyConnection?: string): Record<string, Tally> {
    this.jobs.advance();
    const byIdentity = new Map<string, Tally>();
    for (const [connectionId, tallies] of this.users.tallies()) {
      if (onlyConnection !== undefined && connectionId !== onlyConnection) continue;
      for (const [identity, tally] of tallies) {
        const other = byIdentity.get(identity);
        byIdentity.set(identity, other ? sum(tally, other) : tally);
      }
    }
    return Object.fromEntries(byIdentity);
  }
}

function sum(a: Tally, b: Tally): Tally {
  return { sent: a.sent + b.sent, inserted: a.inserted + b.inserted, updated: a.updated + b.updated };
}

/** The body of `GET /emulator/stats`. Times are ISO 8601, or null for what has not happened yet. */
export interface TenantStats {
  jobs: {
    total: number;
    active: number;
    maxActiveSeen: number;
    /** Slots that somebody else's jobs have now; the other numbers don't count those. */
    foreign: number;
    list: JobStats[];
  };
  /** Requests since the start by method and route, such as `GET /api/v2/jobs/:id`. */
  requests: Record<string, number>;
  /** The same divided by status; 0 where a fault kept the answer, or a part of it, from the client. */
  answers: Record<string, Record<string, number>>;
  users: number;
}

export interface JobStats {
  id: string;
  connection_id: string;
  external_id: string | null;
  upsert: boolean;
  users: number;
  /** Of the whole request's body. */
  bytes: number;
  status: JobStatus;
  inserted: number;
  updated: number;
  failed: number;
  created: string;
  started: string | null;
  finished: string | null;
}
