import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import type { Dispatcher } from "undici";
import { redact } from "../results/redact";
import { Spool } from "../source/spool";
import { systemReason } from "../source/systemReason";
import { BACKOFF, CALL_TIMEOUT_MS, type JobStatus, RETRIES, type Tenant } from "./client";
import { LOOPBACK } from "./credentials";
import { TenantError } from "./errors";
import { LONGEST_JOB_MS } from "./pace";
import { dispatcherOf, proxyTo } from "./proxy";

/*
 * A users-export job, from its start to a file of its own. The file is what Auth0 gives: gzipped NDJSON, a user on each
 * line. It is spooled without a name, readable by nobody else, and gone with the process. What the lines say, and whether
 * the file is whole, is for exportedUsers.ts to find out.
 */

/**
 * What is read of each user: whole attributes, and no paths, which would come back under keys that Auth0 does not
 * document. Auth0 takes 30 fields at most, and any misspelt name without a word.
 */
export const EXPORT_FIELDS = [
  ...["user_id", "identities", "created_at", "updated_at"],
  ...["email", "email_verified", "username", "phone_number", "phone_verified", "blocked"],
  ...["name", "given_name", "family_name", "nickname", "picture"],
  ...["last_login", "logins_count", "last_password_reset"],
  ...["user_metadata", "app_metadata"],
] as const;

/** What the caller wants to know meanwhile. */
export interface ExportEvents {
  /** So much is done, 0 to 100: of the job, then of the fetching of its file. */
  progress(what: "exporting" | "fetching", percentage: number): void;
  /** Nothing moves, for a reason of the tenant's; `undefined` when it moves again. */
  waiting(reason: string | undefined): void;
  /** A call is made again, because of this. */
  retry(reason: string): void;
}

/** An export that can't be used: nothing may be concluded from it. Holds no user's data. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/** A finished export, as it was fetched. To be closed. */
export interface ExportFile {
  /** Auth0's id of the job. */
  readonly job: string;
  /** When it was about to be started: what was changed in the tenant since may not be in it. */
  readonly started: Date;
  /** The name of the connection, where the job tells it. */
  readonly connection?: string;
  /** The file as Auth0 has it; the caller closes it. */
  readonly spool: Spool;
}

/** How long to wait before asking again, where other jobs are in the way. */
const SLOT_WAIT_MS = 10_000;

/**
 * Has all users of a connection exported, and fetches the file.
 *
 * @param stop ends it; its reason is thrown. The job itself goes on at Auth0, which does no harm.
 * @param retries how often the file is fetched again; for tests.
 * @throws TenantError when the tenant refuses, or gives no answer any more; ExportError when the job fails, or its file
 *   can't be fetched whole.
 */
export async function exportUsers(
  tenant: Tenant,
  connectionId: string,
  events: ExportEvents,
  stop: AbortSignal,
  retries = RETRIES,
): Promise<ExportFile> {
  const started = new Date();
  const job = await start(tenant, connectionId, events, stop);
  const done = await awaitEnd(tenant, job, started, events, stop);
  const connection = done.connection ?? job.connection;
  const spool = await fetchFile(tenant, done, events, stop, retries);
  return { job: job.id, started, spool, ...(connection === undefined ? {} : { connection }) };
}

async function start(
  tenant: Tenant,
  connectionId: string,
  events: ExportEvents,
  stop: AbortSignal,
): Promise<JobStatus> {
  for (;;) {
    stop.throwIfAborted();
    try {
      const job = await tenant.startExport(connectionId, EXPORT_FIELDS, events.retry);
      events.waiting(undefined);
      return job;
    } catch (error) {
      if (!(error instanceof TenantError && error.isJobLimit)) throw error;
      events.waiting("other export jobs on the tenant to finish");
      await wait(SLOT_WAIT_MS, stop);
    }
  }
}

async function awaitEnd(
  tenant: Tenant,
  { id }: JobStatus,
  started: Date,
  events: ExportEvents,
  stop: AbortSignal,
): Promise<JobStatus> {
  const watch = tenant.pace.watch("export", 0);
  const elapsed = () => Date.now() - started.getTime();
  for (;;) {
    await wait(watch.untilNextLook(elapsed()), stop);
    const askedMs = elapsed();
    const seen = await tenant.job(id, events.retry);
    if (seen === undefined) throw new ExportError(`Auth0 does not know the export job ${id} any more. ${AGAIN}`);
    if (seen.status === "completed") return seen;
    const isOver = seen.status === "failed" || seen.status === "expired";
    if (isOver || elapsed() > LONGEST_JOB_MS) {
      const details = seen.status_details === undefined ? "" : `: ${redact(seen.status_details)}`;
      throw new ExportError(`The export job ${id} ${isOver ? seen.status : "does not end"}${details}. ${AGAIN}`);
    }
    watch.saw({ status: seen, askedMs, answeredMs: elapsed() });
    events.progress("exporting", seen.percentage_done ?? 0);
  }
}

const AGAIN = "Nothing is concluded from it. Run again.";

async function wait(milliseconds: number, stop: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal: stop }).catch(() => {});
  stop.throwIfAborted();
}

/** Each try takes a fresh link: one lasts 60 seconds, and a broken transfer begins anew. */
async function fetchFile(
  tenant: Tenant,
  done: JobStatus,
  events: ExportEvents,
  stop: AbortSignal,
  retries: number,
): Promise<Spool> {
  let job: JobStatus | undefined = done;
  const attempt = async (): Promise<Spool> => {
    job ??= await tenant.job(done.id, events.retry);
    const location = job?.location;
    job = undefined;
    if (location === undefined) throw new ExportError(`The export job ${done.id} has no file to fetch. ${AGAIN}`);
    const url = urlOf(location);
    const spool = await spooled(() => Spool.create());
    try {
      await download(url, spool, events, stop);
      return spool;
    } catch (error) {
      await spool.close();
      throw error;
    }
  };
  try {
    return await pRetry(attempt, {
      ...BACKOFF,
      retries,
      signal: stop,
      shouldRetry: ({ error }) => !isFinal(error),
      onFailedAttempt: ({ error }) => {
        if (!isFinal(error)) events.retry(error.message);
      },
    });
  } catch (error) {
    stop.throwIfAborted();
    if (isFinal(error) || !(error instanceof Error)) throw error;
    throw new ExportError(`The file of the export job ${done.id} can't be fetched: ${error.message}. ${AGAIN}`);
  }
}

/** The tenant's own calls have been tried again by then. */
function isFinal(error: unknown): boolean {
  return error instanceof TenantError || error instanceof ExportError;
}

async function spooled<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new ExportError(
      `The export can't be written to a temporary file (in TMPDIR): ${systemReason(error)}. Set TMPDIR to a folder with room, and run again.`,
    );
  }
}

/** The link is signed: who has it has the file. It goes into no message. */
function urlOf(location: string): URL {
  const url = URL.canParse(location) ? new URL(location) : undefined;
  if (url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.test(url.hostname))) return url;
  throw new ExportError(`The export's file is offered at an address that is not https: it was not fetched. ${AGAIN}`);
}

/**
 * Fetches a file as it is: no header but the link speaks for us, since the host is another one, and nothing is unpacked on
 * the way, since what `fetch` unpacks may be cut off without a word.
 *
 * @throws Error that says in a few words why there is no whole file.
 */
async function download(url: URL, spool: Spool, events: ExportEvents, stop: AbortSignal): Promise<void> {
  const { request } = await import("undici");
  const proxy = proxyTo(url.origin);
  const { statusCode, headers, body } = await request(url, {
    signal: stop,
    headersTimeout: CALL_TIMEOUT_MS,
    // Between two chunks.
    bodyTimeout: CALL_TIMEOUT_MS,
    reset: true,
    ...(proxy === undefined ? {} : { dispatcher: (await dispatcherOf(proxy)) as unknown as Dispatcher }),
  });
  if (statusCode !== 200) {
    await body.dump();
    throw new Error(`HTTP ${statusCode}`);
  }
  const told = Number(headers["content-length"] ?? Number.NaN);
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const position = bytes;
    await spooled(() => spool.write(chunk, position));
    bytes += chunk.length;
    if (told > 0) events.progress("fetching", (100 * bytes) / told);
  }
  // A file without users is a gzip file all the same.
  if (bytes === 0 || (told >= 0 && bytes !== told)) {
    throw new Error(`${bytes} bytes came${Number.isNaN(told) ? "" : ` instead of ${told}`}`);
  }
}
