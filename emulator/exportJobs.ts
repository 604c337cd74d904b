import type { Clock } from "./clock";
import type { Connection } from "./connections";
import { type ExportField, type ExportFormat, lineWriter } from "./exportFields";
import { ExportFile } from "./exportFile";
import type { ExportFault } from "./faultPlan";
import type { Faults } from "./faults";
import { randomId } from "./ids";
import { type ProfileSource, profileOf } from "./profile";
import type { User } from "./userStore";

const dataLifetime = 24 * 60 * 60 * 1000;

/** What a `POST /api/v2/jobs/users-exports` asks for. */
export interface ExportRequest {
  /** None: all of the tenant's. */
  connection: Connection | undefined;
  format: ExportFormat;
  limit: number | undefined;
  fields: ExportField[] | undefined;
}

export interface ExportJob extends ExportRequest {
  readonly id: string;
  /** Milliseconds since the epoch, like the other time. */
  readonly createdAt: number;
  /** Never, for one that a fault keeps from it. */
  readonly finishedAt: number;
  /** Lines of its file. */
  readonly total: number;
  readonly file: ExportFile;
  /** How it ends other than well. */
  readonly ending: { how: "fail" | "vanish"; details: string | undefined } | undefined;
}

/** Where exports come from. */
export interface ExportSource extends ProfileSource {
  /** The users as somebody sees them who learns of changes so many seconds late. */
  usersAsOf(secondsAgo: number): { all(): Iterable<User> };
}

export type ExportStatus = "pending" | "processing" | "completed" | "failed";

/**
 * The tenant's export jobs. Each shows the users as they were when it was asked for, in no order, and is finished when
 * the clock says so; its file is written in the meantime. Not kept between runs of the emulator.
 */
export class ExportJobs {
  /** Those whose data is not deleted, oldest first. */
  private readonly jobs = new Map<string, ExportJob>();

  constructor(
    private readonly source: ExportSource,
    private readonly clock: Clock,
    private readonly usersPerSecond: number,
    private readonly faults: Faults,
  ) {}

  create(request: ExportRequest): ExportJob {
    this.advance();
    const faults = this.faults.atExport();
    const users = this.usersFor(request, secondsIn(faults, "stale"));
    const now = this.clock.now();
    const end = faults.find(({ kind }) => kind === "fail" || kind === "vanish" || kind === "stall");
    const seconds = (this.usersPerSecond === 0 ? 0 : users.length / this.usersPerSecond) + secondsIn(faults, "slow");
    const job: ExportJob = {
      ...request,
      id: `job_${randomId(16)}`,
      createdAt: now,
      finishedAt: end?.kind === "stall" ? Number.POSITIVE_INFINITY : now + seconds * 1000,
      total: users.length,
      file: new ExportFile(this.linesOf(users, request, faults)),
      ending: endingBy(end),
    };
    this.jobs.set(job.id, job);
    return job;
  }

  /** Nothing for a job that never was, and for one whose data is deleted. */
  find(id: string): ExportJob | undefined {
    this.advance();
    const job = this.jobs.get(id);
    return job?.ending?.how === "vanish" && this.isOver(job) ? undefined : job;
  }

  statusOf(job: ExportJob): ExportStatus {
    if (this.isOver(job)) {
      if (job.ending || job.file.error) return "failed";
      if (job.file.isReady) return "completed";
    }
    return this.clock.now() === job.createdAt ? "pending" : "processing";
  }

  /** What `GET /api/v2/jobs/{id}` says of it, but for the link. */
  describe(job: ExportJob): Record<string, unknown> {
    const status = this.statusOf(job);
    const details = job.ending?.details ?? job.file.error?.message;
    return {
      ...announceExport(job),
      status,
      ...(status === "processing" && this.progress(job)),
      ...(status === "failed" && details !== undefined && { status_details: details }),
    };
  }

  advance(): void {
    for (const [id, job] of this.jobs) {
      if (this.clock.now() < job.createdAt + dataLifetime) return;
      job.file.close();
      this.jobs.delete(id);
    }
  }

  clear(): void {
    for (const { file } of this.jobs.values()) file.close();
    this.jobs.clear();
  }

  private isOver(job: ExportJob): boolean {
    return this.clock.now() >= job.finishedAt;
  }

  private progress({ createdAt, finishedAt }: ExportJob): Record<string, number> {
    const now = this.clock.now();
    const share = finishedAt > createdAt ? (now - createdAt) / (finishedAt - createdAt) : 1;
    return {
      // One that the clock takes for finished waits for its file.
      percentage_done: Math.min(99, Math.floor(share * 100)),
      ...(Number.isFinite(finishedAt) && { time_left_seconds: Math.max(0, Math.ceil((finishedAt - now) / 1000)) }),
    };
  }

  private usersFor({ connection, limit }: ExportRequest, secondsAgo: number): User[] {
    const { users, assumptions } = this.source;
    const isOfConnection = (user: User) =>
      connection === undefined ||
      user.connectionId === connection.id ||
      (assumptions.exportLinked && users.secondariesOf(user).some((each) => each.connectionId === connection.id));
    const found: User[] = [];
    for (const user of this.source.usersAsOf(secondsAgo).all()) if (isOfConnection(user)) found.push(user);
    shuffle(found);
    return found.slice(0, limit);
  }

  private *linesOf(
    users: readonly User[],
    { format, fields }: ExportRequest,
    faults: readonly ExportFault[],
  ): Iterable<string> {
    const writer = lineWriter(format, fields, this.source.assumptions.exportAbsent);
    const broken = faults.some(({ kind }) => kind === "brokenLine") ? users[Math.floor(users.length / 2)] : undefined;
    yield writer.head;
    for (const user of users) {
      const line = writer.line(profileOf(user, this.source));
      yield user === broken ? `${line.slice(0, line.length / 2)}\n` : line;
    }
  }
}

/** The answer to the request that made the job. */
export function announceExport({
  connection,
  format,
  limit,
  fields,
  createdAt,
  id,
}: ExportJob): Record<string, unknown> {
  return {
    type: "users_export",
    status: "pending",
    ...(connection && { connection_id: connection.id }),
    format,
    ...(limit !== undefined && { limit }),
    ...(fields && { fields }),
    ...(connection && { connection: connection.name }),
    created_at: new Date(createdAt).toISOString(),
    id,
  };
}

function secondsIn(faults: readonly ExportFault[], kind: "slow" | "stale"): number {
  return faults.reduce((sum, fault) => (fault.kind === kind ? sum + fault.seconds : sum), 0);
}

/** The service's own words are not known [assumed]. */
const someDetails = "Failed to export users: internal error";

function endingBy(fault: ExportFault | undefined): ExportJob["ending"] {
  if (fault?.kind === "vanish") return { how: "vanish", details: undefined };
  if (fault?.kind !== "fail") return undefined;
  const { details = someDetails } = fault;
  return { how: "fail", details: details ?? undefined };
}

function shuffle(users: User[]): void {
  for (let last = users.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [users[last], users[other]] = [users[other] as User, users[last] as User];
  }
}
