import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TenantStats } from "../../emulator";
import type { Summary } from "../../provider";
import { MAX_REQUEST_BYTES } from "../../provider/plan/pack";
import { findPulumi } from "../../tools/findPulumi";
import { generateUsers, writeNdjson } from "../../tools/generate-users";
import { EmulatorProcess } from "./emulator";
import type { Running } from "./run";
import { Workspace } from "./workspace";

/** A migration, and a tenant that takes some ten seconds for it: time enough to be killed in. */
export interface KilledMigration {
  readonly users: number;
  readonly batches: number;
  /** About how large a record is: the fewer go into a job, the more jobs there are. */
  readonly recordBytes: number;
  /** Of each of the tenant's two slots. */
  readonly usersPerSecond: number;
}

const SLOTS = 2;
const UP = ["up", "--yes", "--skip-preview"];
const RESULTS = ".user-import";
const LOOK_MS = 50;
const LONGEST_RUN_MS = 600_000;

/** Of the users, in the tenant when the second run is killed. */
const PART = 0.15;

interface Tally {
  readonly sent: number;
  readonly inserted: number;
  readonly updated: number;
}

/**
 * With the real engine: `kill -9` of the CLI, the provider and the language host before any job has ended, in the middle
 * of it, the journal then lost, and when a first batch is saved. Then once to the end.
 */
export function testKilledMigration(size: KilledMigration): void {
  const { users, batches, recordBytes, usersPerSecond } = size;
  describe(`a migration of ${users} users in ${batches} batches`, function () {
    this.timeout(LONGEST_RUN_MS);
    let emulator: EmulatorProcess;
    let program: Workspace;

    before(async function () {
      this.timeout(0);
      await findPulumi(console.log);
      emulator = await EmulatorProcess.start(
        ...["--max-active-jobs", String(SLOTS)],
        ...["--users-per-second", String(usersPerSecond)],
      );
      program = await Workspace.create({
        files: {
          "index.js": `const { UserImport } = require("pulumi-auth0-user-import");
const everyone = new UserImport("everyone", {
  connectionId: "con_0000000000000001",
  users: "users.ndjson",
  batches: ${batches},
});
exports.summary = everyone.summary;
`,
        },
        config: { "auth0:domain": emulator.url, "auth0:clientId": "emulator" },
        secrets: { "auth0:clientSecret": "emulator" },
      });
      await writeNdjson(path.join(program.folder, "users.ndjson"), recordsOf(size));
    });
    after(async () => {
      program?.remove();
      await emulator?.stop();
    });

    it("killed three times, once with its results folder gone: each user is in once, and counted once", async () => {
      const first = program.start(UP, LONGEST_RUN_MS);
      const { jobs: begun } = await tenantHas(first, ({ jobs }) => jobs.active > 0);
      assert.ok(begun.list.every(({ finished }) => finished === null));
      await kill(first);

      const second = program.start(UP, LONGEST_RUN_MS);
      await tenantHas(second, (stats) => stats.users >= PART * users);
      await kill(second);
      const sentByNow = sum((await tallies()).map(({ sent }) => sent));
      rmSync(path.join(program.folder, RESULTS), { recursive: true });

      // Two batches at a time, so that much is left to do when one is saved.
      const third = program.start([...UP, "--parallel", "2"], LONGEST_RUN_MS);
      await third.printed(/everyone-\d\d created/);
      await kill(third);
      assert.ok((await stats()).users < users, "nothing was left to do");

      const { code, output } = await program.start(UP, LONGEST_RUN_MS).finished;
      assert.equal(code, 0, output);
      assert.match(output, /everyone-results created/);
      const { summary } = await program.outputs<{ summary: Summary }>();
      assert.deepEqual(summary, {
        total: users,
        inserted: users,
        ...{
          updated: 0,
          unchanged: 0,
          adopted: 0,
          conflicts: 0,
          outdated: 0,
          failed: 0,
          invalid: 0,
          notApplied: 0,
          removed: 0,
        },
      });

      assert.equal((await stats()).users, users);
      const all = await tallies();
      assert.equal(all.length, users);
      assert.deepEqual(
        all.filter(({ inserted, updated }) => inserted !== 1 || updated !== 0),
        [],
      );
      // Without the journal all are, else those of whom it doesn't know whether they were taken.
      const again = sum(all.map(({ sent }) => sent - 1));
      const usersAJob = Math.ceil(MAX_REQUEST_BYTES / recordBytes);
      assert.ok(again <= sentByNow + 2 * SLOTS * usersAJob, `${again} users were sent again`);

      const { jobs } = await stats();
      const unchanged = await program.succeed(UP, LONGEST_RUN_MS);
      assert.match(unchanged.stdout, new RegExp(`${batches + 4} unchanged`));
      assert.equal((await stats()).jobs.total, jobs.total);
    });

    /** Waits for the tenant to have come so far, and returns what it then said. */
    async function tenantHas(up: Running, reached: (stats: TenantStats) => boolean): Promise<TenantStats> {
      let ended = false;
      void up.exited.then(() => {
        ended = true;
      });
      for (;;) {
        const seen = await stats();
        if (reached(seen)) return seen;
        if (ended) throw new Error(`It ended before it could be killed:\n${(await up.finished).output}`);
        await sleep(LOOK_MS);
      }
    }

    /** `kill -9` of all that the update has started, in the middle of its work. */
    async function kill(up: Running): Promise<void> {
      const running = up.processes().map(({ commandLine }) => commandLine);
      for (const kind of ["/cmd/dynamic-provider", "pulumi-language-nodejs", "/cmd/run"]) {
        assert.ok(
          running.some((line) => line.includes(kind)),
          `${kind} was not running`,
        );
      }
      up.kill("all");
      assert.equal((await up.finished).code, null, "it had ended");
      await program.cancel();
    }

    function stats(): Promise<TenantStats> {
      return emulator.stats();
    }

    async function tallies(): Promise<Tally[]> {
      const response = await fetch(`${emulator.url}/emulator/stats?users=1`);
      return Object.values(((await response.json()) as { tallies: Record<string, Tally> }).tallies);
    }
  });
}

/** Without ids: those that are made up settle what a lost journal leaves open. */
function* recordsOf({ users, recordBytes }: KilledMigration): Generator<object> {
  for (const { user_id: _, user_metadata, ...user } of generateUsers({ users })) {
    const bytes = Buffer.byteLength(JSON.stringify({ ...user, user_metadata }));
    yield { ...user, user_metadata: { ...user_metadata, notes: "x".repeat(Math.max(0, recordBytes - bytes)) } };
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
