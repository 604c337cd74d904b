import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { SentJob } from "./recorder";
import { FIXTURES, type StateFixture } from "./stateFixture";

/**
 * An import in the middle of which a version of this package was killed, with Pulumi. Its `users.ndjson` has nothing
 * that could fail. Never edited, never removed.
 */
export interface KilledFixture extends StateFixture {
  /** What lay in the results folder, by path from the program's folder. */
  journals: Record<string, string>;
  /** All that the tenant has been sent and has taken, in that order. */
  jobs: readonly SentJob[];
}

/** All fixtures, by file name. */
export function killedFixtures(): [name: string, fixture: KilledFixture][] {
  return readdirSync(FIXTURES)
    .filter((name) => /^killed-.*\.json$/.test(name))
    .map((name) => [name, JSON.parse(readFileSync(path.join(FIXTURES, name), "utf8")) as KilledFixture]);
}
