import type { Job, Queue, QueueOptions, Worker, WorkerOptions } from "bullmq";
import type { Redis, RedisOptions } from "ioredis";
import type { Pool } from "pg";
import type { Credentials } from "../provider/tenant/credentials";
import { inTime } from "./inTime";
import { PostgresStore } from "./postgresStore";
import { parseQueueUrl, QueueError, type QueueUrl, queueNameOf } from "./queueUrl";
import { RedisStore } from "./redisStore";
import { Seal } from "./seal";
import { Blobs, type PieceStore, StopMarks } from "./store";
import type { BatchJob, Returned } from "./task";

export type BatchQueue = Queue<BatchJob, Returned, string>;
export type QueuedBatch = Job<BatchJob, Returned, string>;
export type BatchWorker = Worker<BatchJob, Returned, string>;

/** A tenant's queue, by whoever uses it. */
export interface Connected {
  readonly name: string;
  /** For people. */
  readonly place: string;
  readonly queue: BatchQueue;
  readonly blobs: Blobs;
  readonly stops: StopMarks;
  /** All batches of an import that the queue has, whatever has become of them. */
  batchesOf(importId: string): Promise<QueuedBatch[]>;
  worker(carryOut: (job: QueuedBatch, token: string) => Promise<Returned>, options: WorkerLimits): BatchWorker;
  close(): Promise<void>;
}

type WorkerLimits = Pick<
  WorkerOptions,
  "concurrency" | "lockDuration" | "lockRenewTime" | "stalledInterval" | "maxStalledCount" | "name"
>;

/** How long a connection may take, and the first answer, before which a server may have tables to make. */
const CONNECT_MS = 10_000;
const ANSWER_MS = 30_000;

/**
 * Connects to the queue of a tenant.
 *
 * @param onError is told of what BullMQ meets in the background.
 * @throws {@link QueueError} where the URL is wrong, a package is missing, or nobody answers.
 */
export async function connect(
  url: string,
  credentials: Credentials,
  onError: (error: Error) => void,
): Promise<Connected> {
  const at = parseQueueUrl(url);
  const name = queueNameOf(credentials.origin);
  const seal = Seal.by(credentials, name);
  const bullmq = await optional(() => import("bullmq"), "bullmq", at);
  const server = at.kind === "redis" ? await redisServer(at, name) : await postgresServer(at, name);
  const { connection, blocking, store } = server;
  const backend = at.kind === "redis" ? undefined : bullmq.createPostgresBackend;
  type Make<T, O> = new (name: string, ...args: O[]) => T;
  const queueClass = bullmq.Queue as unknown as Make<BatchQueue, unknown>;
  const workerClass = bullmq.Worker as unknown as Make<BatchWorker, unknown>;
  const queue = new queueClass(name, { connection } satisfies Pick<QueueOptions, "connection">, backend);
  queue.on("error", onError);
  try {
    await answering(queue.waitUntilReady(), at);
  } catch (error) {
    await queue.close().catch(() => {});
    await server.close();
    throw error;
  }
  return {
    name,
    place: at.place,
    queue,
    blobs: new Blobs(store, seal),
    stops: new StopMarks(store),
    batchesOf: async (importId) => {
      const jobs = await queue.getJobs(["waiting", "active", "completed", "failed"]);
      return jobs.filter((job) => job?.data.import.id === importId);
    },
    worker: (carryOut, options) => {
      const process = (job: QueuedBatch) => carryOut(job, job.token ?? "");
      const worker = new workerClass(name, process, { connection: blocking(), ...options }, backend);
      worker.on("error", onError);
      return worker;
    },
    close: async () => {
      await queue.close().catch(() => {});
      await server.close();
    },
  };
}

/** A server of either kind: what BullMQ is given to connect to it, and where blobs go. */
interface Server {
  readonly connection: QueueOptions["connection"];
  /** What a worker is given, who waits in a connection of its own. */
  blocking(): QueueOptions["connection"];
  readonly store: PieceStore;
  close(): Promise<void>;
}

async function redisServer(at: QueueUrl, queue: string): Promise<Server> {
  const { Redis } = await optional(() => import("ioredis"), "ioredis", at);
  const redis = new Redis(at.href, {
    ...{ lazyConnect: true, connectTimeout: CONNECT_MS },
    // A command that is not answered fails: who has asked says so, and asks again.
    maxRetriesPerRequest: 3,
  } satisfies RedisOptions);
  let last: Error | undefined;
  redis.on("error", (error: Error) => {
    last = error;
  });
  const waiting: Redis[] = [];
  try {
    await heard(redis.connect());
  } catch (error) {
    redis.disconnect();
    throw unanswered(at, last ?? (error as Error));
  }
  return {
    connection: redis,
    blocking: () => {
      const own = redis.duplicate({ maxRetriesPerRequest: null, lazyConnect: false });
      own.on("error", () => {});
      waiting.push(own);
      return own;
    },
    store: new RedisStore(redis, queue),
    close: async () => {
      for (const each of [redis, ...waiting]) each.disconnect();
    },
  };
}

async function postgresServer(at: QueueUrl, queue: string): Promise<Server> {
  const { default: pg } = await optional(() => import("pg"), "pg", at);
  const pool: Pool = new pg.Pool({ connectionString: at.href, connectionTimeoutMillis: CONNECT_MS, max: 4 });
  // Of a connection that nobody is using; the next query makes another.
  pool.on("error", () => {});
  // BullMQ's tables are made by whoever comes first.
  const connection = { connectionString: at.href, connectionTimeoutMillis: CONNECT_MS, max: 4, migrate: true };
  let store: PostgresStore;
  try {
    store = await heard(PostgresStore.open(pool, queue));
  } catch (error) {
    // Not awaited: it would wait for a connection that says nothing.
    void pool.end();
    throw unanswered(at, error as Error);
  }
  const given = connection as unknown as QueueOptions["connection"];
  return { connection: given, blocking: () => given, store, close: () => store.close() };
}

/** A package that only those need who use a queue. */
async function optional<T>(load: () => Promise<T>, name: string, { kind }: QueueUrl): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "MODULE_NOT_FOUND" && code !== "ERR_MODULE_NOT_FOUND") throw error;
    const packages = kind === "redis" ? "bullmq ioredis" : "bullmq pg";
    throw new QueueError(`The queue needs the package ${name}, which is not installed: npm install ${packages}`);
  }
}

async function answering(ready: Promise<unknown>, at: QueueUrl): Promise<void> {
  try {
    await heard(ready);
  } catch (error) {
    throw unanswered(at, error as Error);
  }
}

/** A server may take a connection and say nothing. */
function heard<T>(answer: Promise<T>): Promise<T> {
  return inTime(answer, ANSWER_MS, () => new Error(`nothing within ${ANSWER_MS / 1_000} s`));
}

function unanswered({ place }: QueueUrl, error: Error): QueueError {
  return new QueueError(`The queue at ${place} does not answer (${reasonOf(error)}).`);
}

/** Without what a driver may tell of the URL. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (typeof code === "string") return code;
  const inner =
    error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined)?.code : undefined;
  return inner ?? (message.replace(/\w+:\/\/\S+/g, "…") || "no reason given");
}
