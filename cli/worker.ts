import { statSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { resolveCredentials } from "../provider/tenant/credentials";

const DEFAULT_JOBS = 2;
const MOST_JOBS = 20;

/** For how long a batch is this worker's from each renewal on. Tests are quicker. */
const LOCK_MS = Number(process.env.USER_IMPORT_TEST_LOCK_MS ?? 300_000);

interface Flags {
  readonly queue: string;
  readonly dir: string;
  readonly jobs: number;
}

/** `worker`: carries out the batches that `pulumi up` has handed over. */
export function workerCommand(): Command {
  return new Command("worker")
    .description("Carry out batches that `pulumi up` has handed over to a queue (auth0-user-import:queue).")
    .addOption(
      new Option("--queue <url>", "redis://, rediss:// or postgres://")
        .env("AUTH0_USER_IMPORT_QUEUE")
        .makeOptionMandatory(),
    )
    .option("--dir <dir>", "the program's folder, with the same users files", ".")
    .option("--jobs <n>", "batches at a time; all workers together carry out maxActiveJobs", jobsOf, DEFAULT_JOBS)
    .addHelpText(
      "after",
      "\nThe tenant is that of AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET, as for `pulumi up`.\nCtrl-C gives the batches back when their jobs have ended; a second one ends at once.",
    )
    .action(work);
}

function jobsOf(text: string): number {
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= MOST_JOBS) return jobs;
  throw new InvalidArgumentError(`must be a whole number from 1 to ${MOST_JOBS}.`);
}

async function work({ queue, dir, jobs }: Flags): Promise<void> {
  const credentials = resolveCredentials(() => undefined, "auth0");
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`--dir ${dir} is not a folder.`);
  process.chdir(dir);
  // Loaded here, so that the other commands don't pay for it.
  const { startWorker } = await import("../queue/worker.js");
  const say = (line: string) => console.log(line);
  const working = await startWorker({ url: queue, credentials, jobs, lockMs: LOCK_MS, say });
  console.log(
    `Worker of the queue ${working.queue} at ${working.place}, ${jobs} at a time. Users files are looked for in ${process.cwd()}.`,
  );
  await new Promise<void>((resolve) => {
    let asked = false;
    const end = () => {
      // Its batches are then another's when their lock has run out.
      if (asked) process.exit(130);
      asked = true;
      console.log("Asked to end: takes no more batches, and gives back those in hand when their jobs have ended.");
      resolve();
    };
    process.on("SIGINT", end);
    process.on("SIGTERM", end);
  });
  await working.end();
}
