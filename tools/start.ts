// `npm start`: the quickstart, from a fresh clone to the stack's outputs.
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { findPulumi } from "./findPulumi";
import { writeUsers } from "./generate-users";
import { openQuickstart, programFolder, root, stack } from "./quickstart";

async function main(): Promise<number> {
  const say = console.log;
  const cli = await findPulumi(say);
  say(`Pulumi ${cli.version}: ${cli.command}`);

  const usersFile = join(programFolder, "data", "users.ndjson");
  if (!existsSync(usersFile)) {
    say(`Writing an export of 5,000 made-up users, five of them wrong: ${relative(root, usersFile)}`);
    await writeUsers(usersFile, { users: 5_000, wrong: true });
  }

  const quickstart = await openQuickstart(cli, say);
  try {
    if (quickstart.sharedWith) throw new Error(`Another run is under way here: process ${quickstart.sharedWith}.`);
    say(`Auth0 emulator: ${quickstart.url}\n`);
    const code = await quickstart.pulumi(["up", "--yes", "--stack", stack]);
    if (code !== 0) return code;

    const outputs = JSON.parse(await quickstart.pulumiOutput(["stack", "output", "--json", "--stack", stack])) as {
      failedRecordsFile?: string;
    };
    if (outputs.failedRecordsFile) {
      say(`Failed records:   ${relative(root, join(programFolder, outputs.failedRecordsFile))}`);
      say("Why they failed:  npm run pulumi -- stack output failedRecords --show-secrets");
    }
    say(`Next:             edit ${relative(root, usersFile)} and run \`npm start\` again: only changes are sent`);
    say("To start afresh:  remove .scratch/quickstart");
    return 0;
  } finally {
    await quickstart.stop();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  },
);
