import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Where the fixtures are: in the repository, not in dist/. */
export const FIXTURES = path.resolve(__dirname, "../../../test/fixtures");

/** A stack as a version of this package left it, and the program that it belongs to. Never edited, never removed. */
export interface StateFixture {
  /** Of this package, which made it. */
  version: string;
  /** The program's files. `users.ndjson` has two records whose email is none, which therefore failed. */
  files: Record<string, string>;
  /** What `pulumi stack export` gave, its secrets under the passphrase that all test workspaces have. */
  stack: unknown;
}

/** All fixtures, by file name. */
export function stateFixtures(): [name: string, fixture: StateFixture][] {
  return readdirSync(FIXTURES)
    .filter((name) => /^state-.*\.json$/.test(name))
    .map((name) => [name, JSON.parse(readFileSync(path.join(FIXTURES, name), "utf8")) as StateFixture]);
}
