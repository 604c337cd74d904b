import path from "node:path";
import type { TenantStats } from "../../emulator";
import { Running } from "./run";

const cli = path.resolve(__dirname, "../../cli/main.js");

/** The emulator as users start it: a process of its own. */
export class EmulatorProcess {
  private constructor(
    /** Its origin, such as `http://127.0.0.1:4010`. */
    readonly url: string,
    private readonly running: Running,
  ) {}

  /** @param flags of `pulumi-auth0-user-import emulator`. The port is any free one where they don't say. */
  static async start(...flags: string[]): Promise<EmulatorProcess> {
    const running = new Running(process.execPath, [cli, "emulator", "--port", "0", ...flags], { timeoutMs: 3_600_000 });
    const [, url] = await running.printed(/^Auth0 emulator listening on (\S+)$/m);
    return new EmulatorProcess(url as string, running);
  }

  /** What it has counted so far. */
  async stats(): Promise<TenantStats> {
    const response = await fetch(`${this.url}/emulator/stats`);
    return (await response.json()) as TenantStats;
  }

  /** Ends it as Ctrl-C does: it saves its data first. */
  async stop(): Promise<void> {
    this.running.interrupt();
    const { code, output } = await this.running.finished;
    if (code !== 0) throw new Error(`The emulator ended with ${code}:\n${output}`);
  }
}
