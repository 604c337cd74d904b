import path from "node:path";
import { parseArgs } from "node:util";
import { type Emulator, startEmulator, type TenantStats } from "../emulator";
import { Workspace } from "../test/support/workspace";
import { generateUsers, writeNdjson } from "../tools/generate-users";

/*
 * What it costs to write over nothing: 10,000 edits of a million users with the real Pulumi, and the same without reading
 * anybody back (no scope read:users, `onConflict: "overwrite"`): time and calls. The tenant itself takes no time, but for
 * the export of its users, which takes a minute.
 */

/** To reach: export jobs, and reads of single users. */
const GOALS = { exports: 1, reads: 250 };

const ALL = ["create:users", "read:users", "update:users", "read:connections"];
const UP = ["up", "--yes", "--skip-preview"];
const LONGEST_RUN_MS = 3_600_000;
const CONNECTION = "con_0000000000000001";

const { values } = parseArgs({
  options: {
    users: { type: "string", default: "1000000" },
    edits: { type: "string", default: "10000" },
    batches: { type: "string", default: "16" },
    "export-seconds": { type: "string", default: "60" },
  },
});
const users = Number(values.users);
const edits = Number(values.edits);
const exportUsersPerSecond = users / Number(values["export-seconds"]);

async function write(program: Workspace, isEdited: boolean): Promise<void> {
  const every = Math.floor(users / edits);
  const all = function* () {
    let i = 0;
    for (const user of generateUsers({ users })) {
      // Who never verified has to be read again, by themselves: here nobody.
      user.email_verified = true;
      if (isEdited && i % every === 0 && i / every < edits) user.user_metadata.plan = "changed";
      i++;
      yield user;
    }
  };
  await writeNdjson(path.join(program.folder, "users.ndjson"), all());
}

interface Measured {
  readonly seconds: number;
  readonly calls: number;
  readonly exports: number;
  readonly reads: number;
  readonly jobs: number;
}

async function measure(reads: boolean): Promise<Measured> {
  const emulator: Emulator = await startEmulator({
    ...{ usersPerSecond: 0, exportUsersPerSecond },
    scopes: ALL.filter((scope) => reads || scope !== "read:users"),
  });
  const program = await Workspace.create({
    files: {
      "index.js": `const { UserImport } = require("pulumi-auth0-user-import");
new UserImport("everyone", { connectionId: "${CONNECTION}", users: "users.ndjson", batches: ${values.batches}, onConflict: "${reads ? "keep" : "overwrite"}" });
`,
    },
    config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
    secrets: { "auth0:clientSecret": "emulator" },
  });
  try {
    await write(program, false);
    await program.succeed(UP, LONGEST_RUN_MS);
    await write(program, true);
    const before = emulator.tenant.stats();
    const startedMs = Date.now();
    await program.succeed(UP, LONGEST_RUN_MS);
    const seconds = (Date.now() - startedMs) / 1_000;
    const after = emulator.tenant.stats();
    const made = (isMeant: (route: string) => boolean) => callsOf(after, isMeant) - callsOf(before, isMeant);
    return {
      seconds,
      calls: made(() => true),
      exports: made((route) => route.startsWith("POST") && route.includes("users-exports")),
      reads: made((route) => route.startsWith("GET") && /\/users($|[/-])/.test(route)),
      jobs: after.jobs.total - before.jobs.total,
    };
  } finally {
    program.remove();
    await emulator.stop();
  }
}

function callsOf({ requests }: TenantStats, isMeant: (route: string) => boolean): number {
  return Object.entries(requests).reduce((sum, [route, calls]) => sum + (isMeant(route) ? calls : 0), 0);
}

async function main(): Promise<void> {
  console.log(`${edits} edits of ${users} users, an export takes ${values["export-seconds"]} s`);
  const without = await measure(false);
  console.log(`without a reading: ${line(without)}`);
  const read = await measure(true);
  console.log(`read back:         ${line(read)}`);
  if (read.exports > GOALS.exports || read.reads > GOALS.reads) {
    console.error(`To reach: at most ${GOALS.exports} export job and ${GOALS.reads} single reads`);
    process.exitCode = 1;
  }
}

function line({ seconds, calls, exports, reads, jobs }: Measured): string {
  return `${seconds.toFixed(1)} s, ${calls} calls, of which ${exports} export jobs and ${reads} single reads; ${jobs} import jobs`;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
