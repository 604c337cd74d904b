// `npm run fixture:state`: imports that are killed in the middle by this version, kept as test/fixtures/killed-X.Y-….json.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EmulatorProcess } from "./support/emulator";
import type { KilledFixture } from "./support/killedFixture";
import { type Hears, Recorder } from "./support/recorder";
import { FIXTURES } from "./support/stateFixture";
import { Workspace } from "./support/workspace";

const { version } = require("../../package.json") as { version: string };

const program = (batches: number) => `const { UserImport } = require("pulumi-auth0-user-import");

const everyone = new UserImport("everyone", { connectionId: "con_0000000000000001", users: "users.ndjson", batches: ${batches} });

exports.summary = everyone.summary;
`;

const person = (i: number, attributes: object = {}) => ({
  ...(i % 3 === 0 && { user_id: `auth0|customer${i}` }),
  email: `person${i}@example.com`,
  email_verified: true,
  given_name: `Given${i}`,
  ...attributes,
});
const people = (count: number, attributes: (i: number) => object = () => ({})) =>
  Array.from({ length: count }, (_, i) => person(i, attributes(i)));
const ndjson = (users: readonly object[]) => users.map((user) => `${JSON.stringify(user)}\n`).join("");

const UP = ["up", "--yes", "--skip-preview"];

interface Killed {
  readonly batches: number;
  /** What an import brings that is not killed, before the one that is. */
  readonly before?: readonly object[];
  readonly users: readonly object[];
  /** Of the jobs; at the last one it is killed. */
  readonly hears: readonly Hears[];
}

const KILLED: Record<string, Killed> = {
  first: { batches: 3, users: people(18), hears: ["all", "taken", "nothing"] },
  update: {
    batches: 2,
    before: people(18),
    users: people(24, (i) => (i % 4 === 0 ? { given_name: "Renamed" } : {})),
    hears: ["all", "taken", "nothing"],
  },
};

async function make(kind: string, { batches, before, users, hears }: Killed): Promise<void> {
  const emulator = await EmulatorProcess.start("--users-per-second", "0");
  const recorder = await Recorder.start(emulator.url);
  const files = { "index.js": program(batches), "users.ndjson": ndjson(users) };
  const workspace = await Workspace.create({
    files: { ...files, "users.ndjson": ndjson(before ?? users) },
    config: {
      "auth0:domain": recorder.url,
      "auth0:audience": `${emulator.url}/api/v2/`,
      "auth0:clientId": "emulator",
    },
    secrets: { "auth0:clientSecret": "emulator" },
  });
  try {
    if (before !== undefined) await workspace.succeed(UP);
    workspace.write("users.ndjson", files["users.ndjson"]);
    const earlier = recorder.jobs.length;
    recorder.hears = [...hears];
    const up = workspace.start(UP);
    let ended = false;
    void up.exited.then(() => {
      ended = true;
    });
    while (recorder.jobs.length < earlier + hears.length && !ended) await sleep(50);
    if (ended) throw new Error(`It ended before it could be killed:\n${(await up.finished).output}`);
    // What a batch has finished is saved by then.
    if (before === undefined) await up.printed(/everyone-\d\d created/);
    up.kill("all");
    await up.finished;
    await workspace.cancel();
    const names = readdirSync(workspace.folder, { recursive: true, encoding: "utf8" });
    const journals = names.filter((name) => /^\.user-import.*\.ndjson$/.test(name));
    const fixture: KilledFixture = {
      version,
      files,
      stack: JSON.parse(await workspace.exportStack()),
      journals: Object.fromEntries(
        journals.map((name) => [name, readFileSync(path.join(workspace.folder, name), "utf8")]),
      ),
      jobs: recorder.jobs,
    };
    const name = `killed-${version.split(".").slice(0, 2).join(".")}-${kind}.json`;
    writeFileSync(path.join(FIXTURES, name), `${JSON.stringify(fixture, null, 2)}\n`);
    console.log(`test/fixtures/${name} is an import that version ${version} was killed in`);
  } finally {
    workspace.remove();
    recorder.stop();
    await emulator.stop();
  }
}

async function main(): Promise<void> {
  for (const [kind, killed] of Object.entries(KILLED)) await make(kind, killed);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
