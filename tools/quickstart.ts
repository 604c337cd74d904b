import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { constants, hostname } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { startEmulator } from "../emulator";
import type { PulumiCli } from "./findPulumi";
import { isRunning } from "./isRunning";

// This file runs as dist/tools/quickstart.js.
export const root = resolve(__dirname, "../..");
export const programFolder = join(root, "examples", "quickstart");
export const stack = "dev";

/** What lasts from run to run: the emulator's data and Pulumi's state. Without it the quickstart starts afresh. */
const scratch = join(root, ".scratch", "quickstart");
const stateFolder = join(scratch, "state");
const stackConfigFile = join(root, `Pulumi.${stack}.yaml`);

const DEFAULT_PORT = 4010;
/** Slow enough to watch, and no test of anybody's patience: with two jobs at a time some 10 s for 5,000 users. */
const USERS_PER_SECOND = 250;

/** A local Auth0 tenant, and Pulumi set up for it. */
export interface Quickstart {
  /** The tenant's origin. */
  url: string;
  /** Set where another process of this folder already runs the emulator; then that one is used. */
  sharedWith: number | undefined;
  /** Runs it in the foreground, and returns its exit code. */
  pulumi(args: string[]): Promise<number>;
  /** Runs it unseen, and returns what it prints. */
  pulumiOutput(args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/**
 * @param say takes a line for the terminal
 * @throws Error when the tenant of the stack's configuration is not ours, or Pulumi can't be set up
 */
export async function openQuickstart(cli: PulumiCli, say: (line: string) => void): Promise<Quickstart> {
  const configured = await configuredUrl();
  await mkdir(stateFolder, { recursive: true });
  const env = environment(cli);
  const pulumiOutput = async (args: string[]) => {
    const { stdout } = await promisify(execFile)(cli.command, [...args, "--non-interactive"], { cwd: root, env });
    return stdout;
  };
  const tenant = await startTenant();
  try {
    await releaseDeadLocks(pulumiOutput, say);
    await pulumiOutput(["stack", "select", "--create", stack]);
    if (configured !== tenant.url) {
      const plain = ["--plaintext", `auth0:domain=${tenant.url}`, "--plaintext", "auth0:clientId=emulator"];
      await pulumiOutput(["config", "set-all", ...plain, "--secret", "auth0:clientSecret=emulator", "--stack", stack]);
    }
  } catch (error) {
    await tenant.stop();
    throw error;
  }
  return {
    url: tenant.url,
    sharedWith: tenant.sharedWith,
    pulumi: (args) => inForeground(cli.command, args, env),
    pulumiOutput,
    stop: tenant.stop,
  };
}

/** The user's environment, but for what would lead to another backend, another stack or a real tenant. */
function environment(cli: PulumiCli): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PULUMI|AUTH0)_/.test(name));
  return {
    ...Object.fromEntries(inherited),
    PATH: cli.path,
    PULUMI_HOME: join(scratch, "home"),
    PULUMI_BACKEND_URL: pathToFileURL(stateFolder).href,
    // It keeps no secret: the emulator's credentials are public.
    PULUMI_CONFIG_PASSPHRASE: "quickstart",
    PULUMI_SKIP_UPDATE_CHECK: "1",
    // Pulumi takes every SDK in node_modules for one that is used. @pulumi/auth0 is there for the examples' types only,
    // and its plugin would be downloaded.
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
}

/**
 * The emulator runs in this process, so that nothing is left of it however this process ends. Its port is kept: the
 * stack's configuration names it.
 */
async function startTenant() {
  const runFile = join(scratch, "run.json");
  const last = await lastRun(runFile);
  const lastUrl = `http://127.0.0.1:${last?.port}`;
  if (last && isRunning(last.pid) && (await answers(lastUrl))) {
    return { url: lastUrl, sharedWith: last.pid, stop: async () => {} };
  }
  const port = last?.port ?? DEFAULT_PORT;
  const emulator = await startEmulator({
    port: (await isFree(port)) ? port : 0,
    dataFile: join(scratch, "emulator.json"),
    usersPerSecond: USERS_PER_SECOND,
  });
  await writeFile(runFile, JSON.stringify({ pid: process.pid, port: emulator.port }));
  return { url: emulator.url, sharedWith: undefined, stop: () => emulator.stop() };
}

async function lastRun(runFile: string): Promise<{ pid: number; port: number } | undefined> {
  try {
    return JSON.parse(await readFile(runFile, "utf8"));
  } catch {
    return undefined;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/emulator/stats`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
  } catch {
    return false;
  }
  await once(server.close(), "close");
  return true;
}

/** @throws Error when the stack's configuration is for a tenant that is not the emulator */
async function configuredUrl(): Promise<string | undefined> {
  if (!existsSync(stackConfigFile)) return undefined;
  const domain = /^ *auth0:domain: *(\S+)/m.exec(await readFile(stackConfigFile, "utf8"))?.[1];
  if (domain && !domain.startsWith("http://127.0.0.1:")) {
    throw new Error(`Pulumi.${stack}.yaml is for the tenant ${domain}. Move it away: the quickstart needs that name.`);
  }
  return domain;
}

/** A killed Pulumi leaves the stack locked. A lock whose process still runs is left to Pulumi, which explains it. */
async function releaseDeadLocks(pulumiOutput: Quickstart["pulumiOutput"], say: (line: string) => void): Promise<void> {
  const folder = join(stateFolder, ".pulumi", "locks", "organization", "user-import", stack);
  if (!existsSync(folder)) return;
  const files = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  const locks = await Promise.all(
    files.map(
      async (name) => JSON.parse(await readFile(join(folder, name), "utf8")) as { pid: number; hostname: string },
    ),
  );
  if (locks.length === 0 || locks.some((lock) => lock.hostname !== hostname() || isRunning(lock.pid))) return;
  say("An earlier run was killed: releasing its lock on the stack.");
  await pulumiOutput(["cancel", "--yes", stack]);
}

async function inForeground(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, args, { cwd: root, env, stdio: "inherit" });
  // Ctrl-C reaches Pulumi from the terminal itself, and makes it finish what runs. A second interrupt, from here, would
  // break that off. All other signals come to this process alone.
  const wait = () => {};
  const interrupt = () => child.kill("SIGINT");
  process.on("SIGINT", wait).on("SIGTERM", interrupt).on("SIGHUP", interrupt);
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[signal as NodeJS.Signals];
  } finally {
    process.off("SIGINT", wait).off("SIGTERM", interrupt).off("SIGHUP", interrupt);
  }
}
