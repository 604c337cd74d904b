import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import pg from "pg";
import { endAtExit } from "./atExit";
import { findPostgres } from "./findPostgres";

/** A real server of a queue, that can be killed and comes back with its data, or loses them. */
export interface QueueServer {
  readonly url: string;
  /** `kill -9`; what it has said to have written stays. */
  kill(): Promise<void>;
  /** After `kill`. */
  restart(): Promise<void>;
  loseData(): Promise<void>;
  /** All that it holds, as far as a text can be found in it. */
  dump(): Promise<string>;
  stop(): Promise<void>;
}

/** The kinds of servers that there are here: PostgreSQL always, and Redis where `redis-server` is on PATH. */
export const serversHere: ReadonlyMap<string, () => Promise<QueueServer>> = new Map([
  ["PostgreSQL", startPostgres],
  ...(spawnSync("redis-server", ["--version"]).status === 0 ? [["Redis", startRedis] as const] : []),
]);

async function startRedis(): Promise<QueueServer> {
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const flags = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
  const server = new ServerProcess("redis-server", [...flags, "--appendfsync", "always"], async () => {
    await withRedis(url, (redis) => redis.ping());
  });
  await server.start();
  return {
    url,
    kill: () => server.end("SIGKILL"),
    restart: () => server.start(),
    loseData: () => withRedis(url, async (redis) => void (await redis.flushall())),
    dump: () =>
      withRedis(url, async (redis) => {
        const texts: string[] = [];
        for (const key of await redis.keys("*")) {
          texts.push(key, (await redis.dumpBuffer(key)).toString("latin1"), ...(await valuesOf(redis, key)));
        }
        return texts.join("\n");
      }),
    stop: async () => {
      await server.end("SIGKILL");
      rmSync(folder, { recursive: true });
    },
  };
}

/** A dump is compressed where that helps. */
async function valuesOf(redis: Redis, key: string): Promise<string[]> {
  const type = await redis.type(key);
  if (type === "string") return [(await redis.getBuffer(key))?.toString("latin1") ?? ""];
  if (type === "hash") return [JSON.stringify(await redis.hgetall(key))];
  if (type === "stream") return [JSON.stringify(await redis.xrange(key, "-", "+"))];
  if (type === "list") return [JSON.stringify(await redis.lrange(key, 0, -1))];
  if (type === "zset") return [JSON.stringify(await redis.zrange(key, 0, -1))];
  return [];
}

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    await redis.connect();
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

async function startPostgres(): Promise<QueueServer> {
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-postgres-"));
  let bin = await findPostgres();
  // It refuses to run as root. The one that it runs as can't look into root's own folders.
  const owner: { uid?: number; gid?: number } = process.getuid?.() === 0 ? ownerOf() : {};
  if (owner.uid !== undefined) {
    if (spawnSync(path.join(bin, "postgres"), ["--version"], owner).status !== 0) {
      cpSync(path.dirname(bin), path.join(folder, "native"), { recursive: true, verbatimSymlinks: true });
      bin = path.join(folder, "native", "bin");
    }
    execFileSync("chown", ["-R", String(owner.uid), folder]);
  }
  chmodSync(folder, 0o700);
  const data = path.join(folder, "data");
  execFileSync(path.join(bin, "initdb"), ["-D", data, "--auth=trust", "--no-sync", "-U", "tester"], {
    ...owner,
    stdio: "pipe",
  });
  const port = await freePort();
  const url = `postgres://tester@127.0.0.1:${port}/postgres`;
  const flags = ["-D", data, "-p", String(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"];
  const server = new ServerProcess(
    path.join(bin, "postgres"),
    flags,
    () => withPostgres(url, async (client) => void (await client.query("SELECT 1"))),
    owner,
  );
  await server.start();
  return {
    url,
    kill: () => server.end("SIGKILL"),
    restart: async () => {
      // Its children notice after a moment, and until then they hold what is shared.
      rmSync(path.join(data, "postmaster.pid"), { force: true });
      await server.start();
    },
    loseData: () =>
      withPostgres(url, async (client) => {
        for (const { schema, name } of await tablesOf(client)) {
          if (name.includes("migration")) continue;
          await client.query(`TRUNCATE "${schema}"."${name}" CASCADE`);
        }
      }),
    dump: () =>
      withPostgres(url, async (client) => {
        const texts: string[] = [];
        for (const { schema, name } of await tablesOf(client)) {
          const { rows } = await client.query(`SELECT * FROM "${schema}"."${name}"`);
          for (const row of rows as Record<string, unknown>[]) {
            for (const [column, value] of Object.entries(row)) {
              texts.push(`${column} ${Buffer.isBuffer(value) ? value.toString("latin1") : JSON.stringify(value)}`);
            }
          }
        }
        return texts.join("\n");
      }),
    stop: async () => {
      await server.end("SIGQUIT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The user that PostgreSQL's own packages make, or else one that has nothing. */
function ownerOf(): { uid: number; gid: number } {
  const user = ["postgres", "nobody"].find((name) => spawnSync("id", [name]).status === 0);
  const id = (flag: string) => Number(execFileSync("id", [flag, user ?? "nobody"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

async function tablesOf(client: pg.Client): Promise<{ schema: string; name: string }[]> {
  const { rows } = await client.query<{ schema: string; name: string }>(
    "SELECT table_schema AS schema, table_name AS name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')",
  );
  return rows;
}

async function withPostgres<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

class ServerProcess {
  #child: ChildProcess | undefined;
  #hasEnded = () => {};

  constructor(
    private readonly program: string,
    private readonly args: readonly string[],
    private readonly answers: () => Promise<void>,
    private readonly owner: { readonly uid?: number; readonly gid?: number } = {},
  ) {}

  /** Returns when it answers. */
  async start(): Promise<void> {
    for (;;) {
      const child = spawn(this.program, this.args, { ...this.owner, cwd: tmpdir(), stdio: "ignore" });
      this.#child = child;
      this.#hasEnded();
      this.#hasEnded = endAtExit(() => child.kill("SIGKILL"));
      while (child.exitCode === null && child.signalCode === null) {
        try {
          await this.answers();
          return;
        } catch {
          await sleep(50);
        }
      }
      // What is left of the one that was killed may still hold the port.
      await sleep(200);
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
    this.#hasEnded();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
