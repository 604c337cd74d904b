import { type MochaOptions, type Runner, reporters } from "mocha";

const SLOW_MS = 2_000;

/**
 * Mocha's own report, with what was slow before its list of failures: where a log is cut, its end says what failed. The
 * last lines count, `12 passed, 0 failed`, and say which servers had a queue, where any had.
 */
export default class CountingReporter extends reporters.Spec {
  private readonly slow: string[] = [];
  private readonly servers = new Set<string>();

  constructor(runner: Runner, options?: MochaOptions) {
    super(runner, options);
    runner.on("pass", (test) => {
      const server = / on (PostgreSQL|Redis)\b/.exec(test.fullTitle())?.[1];
      if (server !== undefined) this.servers.add(server);
      const duration = test.duration ?? 0;
      if (duration >= SLOW_MS) this.slow.push(`  ${(duration / 1000).toFixed(1)} s  ${test.fullTitle()}`);
    });
  }

  override epilogue(): void {
    if (this.slow.length > 0) console.log(`Slow tests:\n${this.slow.join("\n")}\n`);
    super.epilogue();
    console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`);
    if (this.servers.size === 0) return;
    const without = this.servers.has("Redis") ? "" : ", and not on Redis: there is no redis-server on PATH";
    console.log(`Queues ran on ${[...this.servers].sort().join(" and ")}${without}.`);
  }
}
