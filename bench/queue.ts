import path from "node:path";
import { parseArgs } from "node:util";
import { MAX_REQUEST_BYTES } from "../provider/plan/pack";
import { shareOf } from "../provider/plan/share";
import { EmulatorProcess } from "../test/support/emulator";
import { serversHere } from "../test/support/queueServers";
import { workerProcess } from "../test/support/queueTest";
import { Workspace } from "../test/support/workspace";
import { writeNdjson } from "../tools/generate-users";

/*
 * What a queue costs of a tenant's slots: the same import with the real engine, without a queue and with three
 * workers. Slot utilisation is job time over two slots over the span from the first job's beginning to the last one's
 * end, by the tenant's clock.
 */

const BATCHES = 16;
const SLOTS = 2;
const JOB_SECONDS = 5;
const RECORD_BYTES = 4_000;
/** What an insert job adds to a record: an id that is made up, and the comma. */
const ADDED_BYTES = 38;
const USERS_A_JOB = Math.floor(MAX_REQUEST_BYTES / (RECORD_BYTES + ADDED_BYTES));
const SECRET = "emulator";
const LONGEST_RUN_MS = 3_600_000;

/** Of the utilisation without a queue. */
const GOAL = 0.97;

/** As many for each batch, so that both ways end with full jobs. */
function* makeUsers(jobsPerBatch: number): Generator<object> {
  const left = Array.from({ length: BATCHES }, () => jobsPerBatch * USERS_A_JOB);
  for (let i = 0; left.some((users) => users > 0); i++) {
    const user = { email: `user${String(i).padStart(7, "0")}@example.com`, email_verified: true };
    const share = shareOf(user, BATCHES);
    if (left[share] === 0) continue;
    left[share] = (left[share] as number) - 1;
    const room = RECORD_BYTES - JSON.stringify({ ...user, user_metadata: { notes: "" } }).length;
    yield { ...user, user_metadata: { notes: "x".repeat(room) } };
  }
}

/** Utilisation and seconds of one import. */
async function measure(jobsPerBatch: number, queue: string | undefined) {
  const emulator = await EmulatorProcess.start(
    ...["--max-active-jobs", String(SLOTS)],
    ...["--users-per-second", String(Math.round(USERS_A_JOB / JOB_SECONDS))],
  );
  const program = await Workspace.create({
    files: {
      "index.js": `const { UserImport } = require("pulumi-auth0-user-import");
new UserImport("everyone", { connectionId: "con_0000000000000001", users: "users.ndjson", batches: ${BATCHES} });
`,
    },
    config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
    secrets: { "auth0:clientSecret": SECRET, ...(queue === undefined ? {} : { "auth0-user-import:queue": queue }) },
  });
  const workers =
    queue === undefined ? [] : [0, 1, 2].map(() => workerProcess(program.folder, queue, emulator.url, SECRET));
  try {
    await writeNdjson(path.join(program.folder, "users.ndjson"), makeUsers(jobsPerBatch));
    await program.succeed(["up", "--yes", "--skip-preview", "--parallel", String(BATCHES + 1)], LONGEST_RUN_MS);
    const { list } = (await emulator.stats()).jobs;
    const begun = list.map(({ created }) => Date.parse(created));
    const ended = list.map(({ finished }) => Date.parse(String(finished)));
    const span = Math.max(...ended) - Math.min(...begun);
    const busy = ended.reduce((sum, end, i) => sum + end - (begun[i] as number), 0);
    return { jobs: list.length, utilisation: busy / SLOTS / span, seconds: span / 1_000 };
  } finally {
    for (const worker of workers) {
      worker.kill();
      await worker.finished.catch(() => {});
    }
    program.remove();
    await emulator.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { jobs: { type: "string", default: "6" } } });
  const jobsPerBatch = Number(values.jobs);
  console.log(`${BATCHES} batches of ${jobsPerBatch} jobs of ${JOB_SECONDS} s, ${SLOTS} slots`);
  const show = (name: string, { jobs, utilisation, seconds }: Awaited<ReturnType<typeof measure>>) =>
    console.log(`${name.padEnd(34)} ${jobs} jobs  ${(100 * utilisation).toFixed(1)} %  ${seconds.toFixed(0)} s`);
  const without = await measure(jobsPerBatch, undefined);
  show("without a queue", without);
  for (const [kind, start] of serversHere) {
    const server = await start();
    try {
      const workers = await measure(jobsPerBatch, server.url);
      show(`three workers on ${kind}`, workers);
      const part = workers.utilisation / without.utilisation;
      console.log(`  ${part.toFixed(3)} of it; the goal is ${GOAL}`);
      if (part < GOAL) process.exitCode = 1;
    } finally {
      await server.stop();
    }
  }
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
