import { type MochaOptions, type Runner, reporters } from "mocha";

const SLOW_MS = 2_000;

/** Mocha's own report, then what was slow, then one last line that counts: `12 passed, 0 failed`. */
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
    super.epilogue();
    if (this.slow.length > 0) console.log(`Slow tests:\n${this.slow.join("\n")}\n`);
    console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`);
  }
}
