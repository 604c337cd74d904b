import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { endAtExit } from "./atExit";

const LEFT_BEHIND_AFTER_MS = 5_000;

/** How a command ended, and all that it printed. */
export interface Finished {
  /** The exit code; `null` where a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
  /** Both, as they came. */
  output: string;
  /** Command lines of the processes that it left running. They have been killed since. */
  leftBehind: string[];
}

export interface RunOptions {
  cwd?: string;
  /** The whole environment. Default: this process's. */
  env?: NodeJS.ProcessEnv;
  /** After this time it is killed, and the run fails. Default: two minutes. */
  timeoutMs?: number;
  /** How long what it started may outlive it before it counts as left behind. Default: five seconds. */
  outlivedMs?: number;
}

/** A command that runs in a session of its own, so that whatever it starts can be found and ended with it. */
export class Running {
  /** Rejects when the command can't be started or takes too long; an exit code is no failure here. */
  readonly finished: Promise<Finished>;
  /** Resolves when the command itself has ended, though what it started may live on. */
  readonly exited: Promise<void>;
  private readonly child: ChildProcess;
  private output = "";
  private readonly watchers = new Set<() => void>();

  constructor(command: string, args: readonly string[], options: RunOptions = {}) {
    const { timeoutMs = 120_000, outlivedMs = LEFT_BEHIND_AFTER_MS, ...spawnOptions } = options;
    const child = spawn(command, args, { ...spawnOptions, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    this.exited = new Promise((resolve) => child.once("exit", () => resolve()));
    const printed = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        printed[stream] += text;
        this.output += text;
        for (const watch of this.watchers) watch();
      });
    }
    const hasEnded = endAtExit(() => this.kill());
    this.finished = new Promise<Finished>((resolve, reject) => {
      const shown = `${command} ${args.join(" ")}`;
      const timer = globalThis.setTimeout(() => {
        this.kill();
        reject(new Error(`${shown} was not done after ${timeoutMs / 1000} s. It printed:\n${this.output}`));
      }, timeoutMs);
      child.on("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      // Not `close`: it would wait for those left behind, which may hold the same pipes.
      child.on("exit", async (code) => {
        clearTimeout(timer);
        const closed = once(child, "close");
        const leftBehind = (await this.lastOfSession(outlivedMs)).map(commandLine);
        this.kill();
        await closed;
        resolve({ code, ...printed, output: this.output, leftBehind });
      });
    }).finally(hasEnded);
    // A test may look at it late.
    this.finished.catch(() => {});
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves with the match as soon as it has printed that; rejects where it ends without. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    let watch = () => {};
    const seen = new Promise<void>((resolve) => {
      watch = () => {
        if (pattern.test(this.output)) resolve();
      };
    });
    this.watchers.add(watch);
    watch();
    try {
      await Promise.race([seen, this.finished]);
    } finally {
      this.watchers.delete(watch);
    }
    const match = pattern.exec(this.output);
    if (!match) throw new Error(`${pattern} was never printed, but:\n${this.output}`);
    return match;
  }

  /** Ctrl-C, as a terminal sends it: to the command and those children that share its process group. */
  interrupt(): void {
    process.kill(-this.pid, "SIGINT");
  }

  /** The processes of its session, itself first, by the lines that they were started with. */
  processes(): { readonly pid: number; readonly commandLine: string }[] {
    return [this.pid, ...this.session()].map((pid) => ({ pid, commandLine: commandLine(pid) }));
  }

  /** SIGKILL to the command alone, or to all that it started. */
  kill(which: "alone" | "all" = "all"): void {
    for (const pid of which === "alone" ? [this.pid] : [this.pid, ...this.session()]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  }

  /** Pulumi puts its plugins into process groups of their own, but not into sessions. */
  private session(): number[] {
    return processIds().filter((pid) => pid !== this.pid && sessionOf(pid) === this.pid);
  }

  /** Who doesn't end soon after the command. Nothing tells when somebody else's child has ended. */
  private async lastOfSession(outlivedMs: number): Promise<number[]> {
    const deadline = Date.now() + outlivedMs;
    while (this.session().length > 0 && Date.now() < deadline) await setTimeout(50);
    return this.session();
  }
}

/** Runs a command to its end. */
export function run(command: string, args: readonly string[], options?: RunOptions): Promise<Finished> {
  return new Running(command, args, options).finished;
}

/** Nobody where there is no /proc: then only the command itself is ended. */
function processIds(): number[] {
  if (!existsSync("/proc/self/stat")) return [];
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

function sessionOf(pid: number): number | undefined {
  // "PID (NAME) STATE PPID PGRP SESSION …", where the name may hold anything.
  const fields = readProc(pid, "stat").split(") ").at(-1)?.split(" ");
  return fields?.[0] === "Z" ? undefined : Number(fields?.[3]);
}

function commandLine(pid: number): string {
  return readProc(pid, "cmdline").replaceAll("\0", " ").trim();
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
