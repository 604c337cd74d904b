import { parseArgs } from "node:util";
import fc from "fast-check";
import { lives } from "./import/deeds";
import { live } from "./import/lives";

/*
 * Lives of users whom file and application both change, as in test/import/conflicts.property.test.ts, more and longer
 * ones: `npm run soak:conflicts -- --seed 1 --runs 2000`. Prints the seed of a failure, and its shortest life.
 */

const USAGE = "soakConflicts [--seed N] [--runs N]";

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seed: { type: "string" }, runs: { type: "string", default: "2000" } } });
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : wholeNumber(values.seed);
  const numRuns = wholeNumber(values.runs);
  console.log(`Seed ${seed}, ${numRuns} lives`);
  const began = performance.now();
  await fc.assert(fc.asyncProperty(lives({}, 40), live), { seed, numRuns });
  console.log(`passed in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(USAGE);
  return Number(text);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof Error && error.cause instanceof Error) console.error(error.cause.message);
  process.exitCode = 1;
});
