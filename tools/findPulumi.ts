import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, copyFileSync, existsSync, realpathSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { PulumiCommand } from "@pulumi/pulumi/automation";
import { version as sdkVersion } from "@pulumi/pulumi/version";
import { isRunning } from "./isRunning";

/** A Pulumi CLI that can run programs on Node. */
export interface PulumiCli {
  /** Absolute path of the executable. */
  command: string;
  /** The PATH to run it with: its plugins are found there. */
  path: string;
  /** In its own words: `v3.200.0`. */
  version: string;
  source: "PATH" | "cache" | "download" | "build";
}

type Say = (line: string) => void;

/** Where these two aren't found, the engine tries the network. The second serves dynamic resources. */
const PLUGINS = ["pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"];

const INSTALLER = "https://get.pulumi.com/install.sh";
const INSTALLER_TIMEOUT_MS = 20_000;
const HEARTBEAT_MS = 30_000;

// This file runs as dist/tools/findPulumi.js.
const toolsFolder = resolve(__dirname, "../../tools");
const cliModule = join(toolsFolder, "pulumi-cli");
const oldestCliModule = join(toolsFolder, "pulumi-cli-3.200");
const languageHostModule = join(toolsFolder, "pulumi-language-nodejs");

/**
 * Finds a Pulumi CLI, or makes one. In this order: `pulumi` on PATH; what an earlier call left in the user's cache
 * folder; Pulumi's own installer, into that folder; a build of the Go modules that tools/ pins, into that folder.
 *
 * @param say takes lines for the terminal: what will take long, every 30 s that it still does, and why a way failed
 * @throws Error that lists what was tried and says to install Pulumi
 */
export async function findPulumi(say: Say): Promise<PulumiCli> {
  const installed = findExecutable("pulumi", process.env.PATH ?? "");
  const downloaded = join(cacheFolder(), `pulumi-${sdkVersion}-${process.platform}-${process.arch}`);
  const built = await buildFolder(cliModule);

  const ways: Way[] = [];
  if (installed) ways.push([installed, () => inspect(installed, "PATH")]);
  if (existsSync(downloaded)) ways.push([downloaded, () => inspect(pulumiIn(downloaded), "cache")]);
  if (existsSync(built)) ways.push([built, () => inspect(pulumiIn(built), "cache")]);
  ways.push(["download", () => make(downloaded, "download", (folder) => download(folder, say))]);
  ways.push(["build", () => make(built, "build", (folder) => build(cliModule, folder, say))]);
  return firstOf(ways, say);
}

/**
 * The oldest Pulumi CLI that is supported, 3.200: of the user's cache folder, or built with Go into it.
 *
 * @param say as of `findPulumi`
 * @throws Error as `findPulumi` does
 */
export async function oldestPulumi(say: Say): Promise<PulumiCli> {
  const built = await buildFolder(oldestCliModule);
  const ways: Way[] = [];
  if (existsSync(built)) ways.push([built, () => inspect(pulumiIn(built), "cache")]);
  ways.push(["build", () => make(built, "build", (folder) => build(oldestCliModule, folder, say))]);
  return firstOf(ways, say);
}

type Way = [name: string, find: () => Promise<PulumiCli>];

async function firstOf(ways: readonly Way[], say: Say): Promise<PulumiCli> {
  const failures: string[] = [];
  for (const [name, find] of ways) {
    try {
      return await find();
    } catch (error) {
      const failure = `${name}: ${messageOf(error)}`;
      failures.push(failure);
      say(`No Pulumi CLI from ${failure}`);
    }
  }
  throw new Error(
    [
      "There is no Pulumi CLI. Tried:",
      ...failures,
      "Install Pulumi (https://www.pulumi.com/docs/install/) and try again.",
    ].join("\n"),
  );
}

/** @throws Error when the CLI doesn't run, is not Pulumi 3, or can't run programs on Node without the network */
async function inspect(command: string, source: PulumiCli["source"]): Promise<PulumiCli> {
  const userPath = process.env.PATH ?? "";
  // An installed CLI is left with the user's own PATH: its folder may hold another `node` than the one in use.
  const path = source === "PATH" ? userPath : dirname(command) + delimiter + userPath;
  const { stdout } = await promisify(execFile)(command, ["version"], {
    env: { ...process.env, PATH: path, PULUMI_SKIP_UPDATE_CHECK: "1" },
    timeout: 60_000,
  });
  const version = stdout.trim();
  if (!/^v?3\.\d+\.\d+/.test(version)) throw new Error(`Pulumi 3 is needed, this is ${version || "something else"}`);

  const bundled = [dirname(command), dirname(realpathSync(command))].join(delimiter);
  const missing = PLUGINS.filter((plugin) => !findExecutable(plugin, bundled + delimiter + path));
  if (missing.length > 0) throw new Error(`it lacks ${missing.join(" and ")}`);
  return { command, path, version, source };
}

/**
 * Fills a folder of the cache. It gets its name only when it is complete and its CLI runs, so neither an interrupted
 * call nor two at the same time leave a broken one there.
 */
async function make(
  target: string,
  source: PulumiCli["source"],
  fill: (folder: string) => Promise<void>,
): Promise<PulumiCli> {
  await mkdir(dirname(target), { recursive: true });
  await removeAbandoned(dirname(target));
  const folder = await mkdtemp(join(dirname(target), `partial-${process.pid}-`));
  try {
    await mkdir(join(folder, "bin"));
    await fill(folder);
    await inspect(pulumiIn(folder), source);
    await rename(folder, target).catch(async (error: unknown) => {
      // It exists. Another process may have been faster, and its CLI may be in use by now; a broken one makes way.
      if (await inspect(pulumiIn(target), "cache").catch(() => undefined)) return;
      if (!existsSync(target)) throw error;
      await rm(target, { recursive: true });
      await rename(folder, target);
    });
    return await inspect(pulumiIn(target), source);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes what calls left behind whose process was killed. */
async function removeAbandoned(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const owner = /^partial-(\d+)-/.exec(name)?.[1];
    if (owner && !isRunning(Number(owner))) await rm(join(cache, name), { recursive: true, force: true });
  }
}

async function download(folder: string, say: Say): Promise<void> {
  say(`Downloading the Pulumi CLI ${sdkVersion} from get.pulumi.com`);
  // The installer itself would wait for minutes where the network swallows its packets.
  const response = await fetch(INSTALLER, { signal: AbortSignal.timeout(INSTALLER_TIMEOUT_MS) });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`get.pulumi.com answers ${response.status}`);
  await withHeartbeat("downloading", say, () => PulumiCommand.install({ root: folder }));
}

async function build(module: string, folder: string, say: Say): Promise<void> {
  say("Building the Pulumi CLI with Go, from the modules that tools/ pins. Once only, it takes some minutes");
  const bin = join(folder, "bin");
  await withHeartbeat("building", say, async () => {
    const version = await versionPinnedIn(module);
    const setVersion = `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`;
    await goBuild(module, pulumiIn(folder), "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", setVersion);
    const host = "pulumi-language-nodejs";
    await goBuild(languageHostModule, join(bin, host), `github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/${host}`);
  });
  // A copy, because a plugin from elsewhere on PATH makes the engine warn in every run.
  const dynamicProvider = "pulumi-resource-pulumi-nodejs";
  copyFileSync(
    join(dirname(require.resolve("@pulumi/pulumi/package.json")), dynamicProvider),
    join(bin, dynamicProvider),
  );
}

/** @throws Error with the end of what Go said */
async function goBuild(module: string, output: string, packageName: string, linkerFlags = ""): Promise<void> {
  const flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", `-ldflags=-s -w ${linkerFlags}`];
  const go = spawn("go", ["build", ...flags, "-o", output, packageName], {
    cwd: module,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  go.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2_000);
  });
  // Unlike Ctrl-C, these come to this process alone.
  const stop = () => go.kill();
  process.on("SIGTERM", stop).on("SIGHUP", stop);
  await new Promise<void>((resolve, reject) => {
    go.on("error", (error) => {
      reject(
        "code" in error && error.code === "ENOENT"
          ? new Error("Go is not installed (https://go.dev/doc/install)")
          : error,
      );
    });
    go.on("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`\`go build\` ended with ${signal ?? code}\n${said.trim()}`));
    });
  }).finally(() => process.off("SIGTERM", stop).off("SIGHUP", stop));
}

async function withHeartbeat<T>(what: string, say: Say, work: () => Promise<T>): Promise<T> {
  const start = Date.now();
  const timer = setInterval(() => say(`  still ${what}, ${Math.round((Date.now() - start) / 1000)} s`), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pulumi-auth0-user-import");
}

function pulumiIn(folder: string): string {
  return join(folder, "bin", "pulumi");
}

/** Names a build by all that goes into it, so that a change of the pinned modules makes a new one. */
async function buildFolder(module: string): Promise<string> {
  const hash = createHash("sha256");
  for (const each of [module, languageHostModule]) {
    for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(each, file)));
  }
  return join(cacheFolder(), `pulumi-go-${hash.digest("hex").slice(0, 12)}-${process.platform}-${process.arch}`);
}

async function versionPinnedIn(module: string): Promise<string> {
  const goMod = await readFile(join(module, "go.mod"), "utf8");
  const version = /github\.com\/pulumi\/pulumi\/pkg\/v3 (v\S+)/.exec(goMod)?.[1];
  if (!version) throw new Error(`${join(module, "go.mod")} does not require the CLI`);
  return version;
}

function findExecutable(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => resolve(folder, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // `fetch` says no more than "fetch failed"; why is in its cause.
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
