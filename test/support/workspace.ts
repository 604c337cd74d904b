import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { version as pulumiVersion } from "@pulumi/pulumi/version";
import { findPulumi, type PulumiCli } from "../../tools/findPulumi";
import { endAtExit } from "./atExit";
import { type Finished, Running, run } from "./run";

const root = path.resolve(__dirname, "../../..");

export interface WorkspaceOptions {
  /** A program's folder, `Pulumi.yaml` and `package.json` included, to take a copy of. */
  copyOf?: string;
  /** Files by their path in the program's folder; without a copy one of them is `index.ts`, `index.js` or `index.mjs`. */
  files?: Record<string, string>;
  /**
   * Of the program's package.json.
   *
   * @default "commonjs"
   */
  type?: "commonjs" | "module";
  /** Stack configuration in clear, such as `auth0:domain`. */
  config?: Record<string, string>;
  /** Stack configuration that is encrypted. */
  secrets?: Record<string, string>;
  /** Further environment variables of every command. */
  env?: Record<string, string>;
  /**
   * Whether the folder gets an `npm install` of its own, as a user's has, or the package unpacked beside the
   * dependencies that the repository has: at once, without the registry, and at the locked versions.
   *
   * @default false
   */
  ownInstall?: boolean;
  /** The Pulumi CLI; by default the one that `findPulumi` finds. */
  cli?: PulumiCli;
  /** Fills the folder's node_modules in a way of its own. */
  install?: (folder: string) => Promise<void>;
}

/**
 * A Pulumi program in a folder of its own, with the package installed from its tarball, a stack `test` in a local
 * backend, and the real CLI.
 */
export class Workspace {
  private constructor(
    readonly folder: string,
    readonly cli: PulumiCli,
    /** The environment of its commands: nothing of the developer's own Pulumi or Auth0. */
    readonly env: NodeJS.ProcessEnv,
  ) {}

  /** May take minutes where no Pulumi CLI is at hand yet: call it in a hook without a time limit. */
  static async create(options: WorkspaceOptions): Promise<Workspace> {
    const cli = options.cli ?? (await findPulumi((line) => console.log(line)));
    const folder = mkdtempSync(path.join(tmpdir(), "user-import-"));
    const stateFolder = path.join(folder, ".pulumi-state");
    mkdirSync(stateFolder);
    const inherited = Object.entries(process.env).filter(([name]) => !/^(PULUMI|AUTH0|npm)_/.test(name));
    const asUsersInstall = options.install !== undefined || options.ownInstall === true;
    const workspace = new Workspace(folder, cli, {
      ...Object.fromEntries(inherited),
      PATH: cli.path,
      PULUMI_HOME: path.join(folder, ".pulumi-home"),
      PULUMI_BACKEND_URL: pathToFileURL(stateFolder).href,
      PULUMI_CONFIG_PASSPHRASE: "test",
      PULUMI_SKIP_UPDATE_CHECK: "1",
      // No test downloads a plugin, whatever SDKs are in node_modules.
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      // A program of ours is type-checked once, with the package as a user installs it; the examples by docs.test.ts.
      ...(!asUsersInstall && { PULUMI_NODEJS_TRANSPILE_ONLY: "true" }),
      ...options.env,
    });

    const { files = {}, copyOf, type = "commonjs" } = options;
    if (copyOf !== undefined) {
      cpSync(copyOf, folder, { recursive: true });
    } else {
      workspace.write("Pulumi.yaml", "name: program\nruntime: nodejs\n");
      const main = Object.keys(files).find((name) => /^index\.(ts|js|mjs)$/.test(name));
      workspace.write("package.json", JSON.stringify({ private: true, type, main }));
    }
    for (const [name, content] of Object.entries(files)) workspace.write(name, content);
    if (options.install) await options.install(folder);
    else if (options.ownInstall) await install(folder);
    else symlinkSync(await sharedInstall(), path.join(folder, "node_modules"));

    await workspace.succeed(["stack", "init", "test"]);
    await workspace.configure(options.config ?? {}, options.secrets ?? {});
    return workspace;
  }

  /** Writes a file, given by its path in the folder. */
  write(name: string, content: string | Uint8Array): void {
    const file = path.join(this.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** Starts a Pulumi command, to be watched and interrupted. It prints plain lines, as where there is no terminal. */
  start(args: readonly string[], timeoutMs?: number): Running {
    const options = { cwd: this.folder, env: this.env, ...(timeoutMs !== undefined && { timeoutMs }) };
    return new Running(this.cli.command, [...args, "--non-interactive"], options);
  }

  /** Runs a Pulumi command to its end, whatever its exit code. */
  pulumi(args: readonly string[], timeoutMs?: number): Promise<Finished> {
    return this.start(args, timeoutMs).finished;
  }

  /**
   * Runs a Pulumi command that has to succeed.
   *
   * @throws Error with all that it printed
   */
  async succeed(args: readonly string[], timeoutMs?: number): Promise<Finished> {
    const finished = await this.pulumi(args, timeoutMs);
    if (finished.code !== 0) {
      throw new Error(`pulumi ${args.join(" ")} ended with ${finished.code}:\n${finished.output}`);
    }
    return finished;
  }

  async configure(config: Record<string, string>, secrets: Record<string, string> = {}): Promise<void> {
    const values = [
      ...Object.entries(config).flatMap(([name, value]) => ["--plaintext", `${name}=${value}`]),
      ...Object.entries(secrets).flatMap(([name, value]) => ["--secret", `${name}=${value}`]),
    ];
    if (values.length > 0) await this.succeed(["config", "set-all", ...values]);
  }

  preview(...flags: string[]): Promise<Finished> {
    return this.pulumi(["preview", ...flags]);
  }

  up(...flags: string[]): Promise<Finished> {
    return this.pulumi(["up", "--yes", "--skip-preview", ...flags]);
  }

  /**
   * Takes back the lock of an update that was killed. Of a local backend the kill may have left an empty file of
   * attributes beside that of the state: the backend can't read it, and does without (docs/troubleshooting.md).
   */
  async cancel(): Promise<void> {
    const stacks = path.join(this.folder, ".pulumi-state/.pulumi/stacks");
    for (const name of readdirSync(stacks, { recursive: true, encoding: "utf8" })) {
      const file = path.join(stacks, name);
      if (name.endsWith(".attrs") && statSync(file).size === 0) rmSync(file);
    }
    await this.succeed(["cancel", "--yes"]);
  }

  refresh(...flags: string[]): Promise<Finished> {
    return this.pulumi(["refresh", "--yes", "--skip-preview", ...flags]);
  }

  destroy(...flags: string[]): Promise<Finished> {
    return this.pulumi(["destroy", "--yes", "--skip-preview", ...flags]);
  }

  /** The stack's outputs, secrets in clear. */
  async outputs<Outputs>(): Promise<Outputs> {
    return JSON.parse((await this.succeed(["stack", "output", "--json", "--show-secrets"])).stdout) as Outputs;
  }

  /** The stack as Pulumi stores it, as JSON with its secrets encrypted. */
  async exportStack(): Promise<string> {
    return (await this.succeed(["stack", "export"])).stdout;
  }

  /** Removes the folder. No command may be running any more. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

let packed: Promise<string> | undefined;
let installed: Promise<string> | undefined;

/** The package's tarball as it would be published, made of what is in dist/ once in a test run. */
export function packedPackage(): Promise<string> {
  packed ??= (async () => {
    const folder = temporaryFolder("user-import-package-");
    // Without its scripts: `prepack` would empty dist/ under the feet of this very run.
    const { stdout } = await succeed("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], root);
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    return path.join(folder, filename);
  })();
  return packed;
}

/**
 * A node_modules folder with the packed package, and beside it what the repository has installed, as locked: no
 * registry, and no time.
 */
export function sharedInstall(): Promise<string> {
  installed ??= (async () => {
    const folder = temporaryFolder("user-import-install-");
    const modules = path.join(folder, "node_modules");
    const own = path.join(modules, "pulumi-auth0-user-import");
    mkdirSync(own, { recursive: true });
    await succeed("tar", ["-xzf", await packedPackage(), "-C", own, "--strip-components=1"], folder);
    for (const name of readdirSync(path.join(root, "node_modules"))) {
      if (!name.startsWith(".")) symlinkSync(path.join(root, "node_modules", name), path.join(modules, name));
    }
    return modules;
  })();
  return installed;
}

async function install(folder: string): Promise<void> {
  await succeed("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...(await userPackages())], folder);
}

/** What a user's program installs, at the versions that the repository has. */
export async function userPackages(
  sdkVersion = pulumiVersion,
  typescriptVersion = versionOf("typescript"),
): Promise<string[]> {
  return [await packedPackage(), `@pulumi/pulumi@${sdkVersion}`, `typescript@${typescriptVersion}`];
}

function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), "utf8")) as { version: string };
  return version;
}

async function succeed(command: string, args: readonly string[], cwd: string): Promise<Finished> {
  const finished = await run(command, args, { cwd, timeoutMs: 600_000 });
  if (finished.code !== 0) {
    throw new Error(`${command} ${args.join(" ")} ended with ${finished.code}:\n${finished.output}`);
  }
  return finished;
}

function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  endAtExit(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
