import { type Assumptions, defaultAssumptions } from "./assumptions";
import { type Client, seededClients } from "./clients";
import type { Clock } from "./clock";
import { ConnectionDeletions } from "./connectionDeletions";
import { type Connection, seededConnections } from "./connections";
import { ExportJobs } from "./exportJobs";
import { Faults } from "./faults";
import { failedIn, type JobStatus, statusOf } from "./importJob";
import { ImportJobs } from "./importJobs";
import { Organizations } from "./organizations";
import { RateLimiter } from "./rateLimiter";
import { Roles } from "./roles";
import type { TenantSettings } from "./settings";
import { SignInAttempts } from "./signInAttempts";
import { Tokens } from "./tokens";
import { UserView } from "./userHistory";
import { type Tally, UserStore } from "./userStore";

/** An emulated tenant, without its HTTP side. */
export class Tenant {
  readonly #connections = new Map<string, Connection>();
  readonly #clients = new Map<string, Client>();
  #changes = 0;
  /** Can be changed at any time. */
  readonly assumptions: Assumptions;
  readonly users: UserStore;
  readonly jobs: ImportJobs;
  readonly exports: ExportJobs;
  readonly deletions: ConnectionDeletions;
  readonly roles: Roles;
  readonly organizations: Organizations;
  readonly tokens: Tokens;
  readonly rateLimiter: RateLimiter | undefined;
  readonly signInAttempts: SignInAttempts;
  readonly faults: Faults;
  /** Answers since the start, by method and route, then by status. */
  private readonly answers = new Map<string, Map<number, number>>();

  constructor(
    readonly settings: TenantSettings,
    readonly clock: Clock,
    readonly signingKey: Buffer = Tokens.newSigningKey(),
  ) {
    this.assumptions = { ...defaultAssumptions(), ...settings.assume };
    this.users = new UserStore(clock, () => this.horizon());
    this.roles = new Roles(clock);
    this.organizations = new Organizations(clock);
    this.users.onGone = (user) => {
      this.roles.forget(user);
      this.organizations.forget(user);
    };
    this.restoreConnections(seededConnections(), seededClients());
    this.faults = new Faults(clock);
    this.deletions = new ConnectionDeletions(this.users, clock, settings.usersPerSecond);
    this.jobs = new ImportJobs(this, clock, settings, this.faults);
    this.exports = new ExportJobs(this, clock, settings.exportUsersPerSecond, this.faults);
    this.tokens = new Tokens(signingKey, clock);
    this.signInAttempts = new SignInAttempts(settings, clock);
    this.rateLimiter = RateLimiter.of(settings, clock);
  }

  /** Grows with every change that is worth keeping. */
  get revision(): number {
    const { users, jobs, deletions, roles, organizations } = this;
    return [users, jobs, deletions, roles, organizations].reduce((sum, { revision }) => sum + revision, this.#changes);
  }

  get connections(): ReadonlyMap<string, Connection> {
    return this.#connections;
  }

  /** The applications. */
  get clients(): ReadonlyMap<string, Client> {
    return this.#clients;
  }

  /**
   * The users as they were so many seconds ago, as far as anybody had asked for that by then; to those who read now, for
   * 0. Whoever was deleted may linger.
   */
  usersAsOf(secondsAgo: number): UserView | UserStore {
    const { deletionLagSeconds } = this.assumptions;
    if (secondsAgo === 0 && deletionLagSeconds === 0) return this.users;
    const then = this.clock.now() - secondsAgo * 1000;
    return new UserView(this.users, then, then - deletionLagSeconds * 1000);
  }

  /** How many milliseconds back anybody may look. */
  private horizon(): number {
    const { searchLagSeconds, deletionLagSeconds } = this.assumptions;
    return (Math.max(searchLagSeconds, this.faults.longestStaleness) + deletionLagSeconds) * 1000;
  }

  putConnection(connection: Connection): void {
    this.#connections.set(connection.id, connection);
    this.#changes++;
  }

  /** Its users go one after the other, and with the last one its name. */
  deleteConnection(id: string): void {
    const connection = this.#connections.get(id);
    if (!connection) return;
    this.#changes++;
    this.#connections.delete(id);
    this.deletions.begin(connection);
  }

  /** Whether a new connection could have the name. */
  isNameFree(name: string): boolean {
    return ![...this.#connections.values()].some((other) => other.name === name) && !this.deletions.hasName(name);
  }

  putClient(client: Client): void {
    this.#clients.set(client.client_id, client);
    this.#changes++;
  }

  /** Who is gone can't be enabled for a connection any more. */
  deleteClient(id: string): void {
    if (!this.#clients.delete(id)) return;
    this.#changes++;
    for (const [key, connection] of this.#connections) {
      const enabled_clients = connection.enabled_clients.filter((client) => client !== id);
      this.#connections.set(key, { ...connection, enabled_clients });
    }
  }

  /** All that there are, in place of those that every tenant has. */
  restoreConnections(connections: readonly Connection[], clients: readonly Client[]): void {
    this.#connections.clear();
    this.#clients.clear();
    for (const connection of connections) this.#connections.set(connection.id, connection);
    for (const client of clients) this.#clients.set(client.client_id, client);
  }

  /** Does all that is due by now. */
  advance(): void {
    this.jobs.advance();
    this.exports.advance();
    this.deletions.advance();
  }

  countAnswer(route: string, status: number): void {
    const statuses = this.answers.get(route) ?? new Map<number, number>();
    this.answers.set(route, statuses.set(status, (statuses.get(status) ?? 0) + 1));
  }

  /** Forgets users, jobs and counts; connections, applications, roles, organizations, tokens and the fault plan stay. */
  reset(): void {
    this.users.clear();
    this.roles.clear();
    this.organizations.clear();
    this.jobs.clear();
    this.exports.clear();
    this.deletions.clear();
    this.signInAttempts.clear();
    this.answers.clear();
    this.faults.restart();
  }

  /** What the tenant has seen and done, for a test or a benchmark to check. */
  stats(): TenantStats {
    this.advance();
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
    this.advance();
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
