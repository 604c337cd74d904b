import { type MochaOptions, type Runner, reporters } from "mocha";

const SLOW_MS = 2_000;

/**
 * Mocha's own report, with what was slow before its list of failures: where a log is cut, its end says what failed. The
 * last line counts: `12 passed, 0 failed`.
 */
export default class CountingReporter extends reporters.Spec {
  private readonly slow: string[] = [];

  constructor(runner: Runner, options?: MochaOptions) {
    super(runner, options);
    runner.on("pass", (test) => {
      const duration = test.duration ?? 0;
      if (duration >= SLOW_MS) this.slow.push(`  ${(duration / 1000).toFixed(1)} s  ${test.fullTitle()}`);
    });
  }

  override epilogue(): void {
    if (this.slow.length > 0) console.log(`Slow tests:\n${this.slow.join("\n")}\n`);
    super.epilogue();
    console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`);
  }
}
