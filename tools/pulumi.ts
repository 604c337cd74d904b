// `npm run pulumi -- ARGUMENTS`: any Pulumi command, for the quickstart's stack, with its tenant at hand.
import { findPulumi } from "./findPulumi";
import { openQuickstart } from "./quickstart";

async function main(): Promise<number> {
  // Standard output is the command's own: `npm run --silent pulumi -- stack output --json` can be piped.
  const say = (line: string) => console.error(line);
  const quickstart = await openQuickstart(await findPulumi(say), say);
  try {
    return await quickstart.pulumi(process.argv.slice(2));
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
