import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../emulator";
import { type BatchOutputs, URN, USUAL_INPUTS } from "./batch";
import { PartialFailure, type Properties, ProviderProcess, programFolder } from "./providerProcess";
import { type QueueServer, serversHere } from "./queueServers";
import { Running, run } from "./run";

const CLI = path.resolve(__dirname, "../../cli/main.js");
const SECRET = "the-secret-of-the-client";

/** So long a batch is a dead worker's. */
const LOCK_MS = 3_000;

/** What Node says where more and more is left behind. */
const LEAK = /MaxListenersExceededWarning/;

/** How an `up` of one batch ended. */
export interface Up {
  readonly outputs?: BatchOutputs;
  readonly error?: string;
}

/** A worker as users start it. */
export function workerProcess(
  folder: string,
  queue: string,
  tenant: string,
  secret: string,
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Running {
  return new Running(process.execPath, [CLI, "worker", "--dir", folder, ...flags], {
    env: { ...workerEnvironment(queue, tenant, secret), ...env },
    timeoutMs: 3_600_000,
  });
}

function workerEnvironment(queue: string, tenant: string, secret: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    AUTH0_USER_IMPORT_QUEUE: queue,
    AUTH0_DOMAIN: tenant,
    AUTH0_CLIENT_ID: "emulator",
    AUTH0_CLIENT_SECRET: secret,
    USER_IMPORT_TEST_LOCK_MS: String(LOCK_MS),
  };
}

/** Batches that go through a queue of a real server, in provider processes and workers of their own. */
export class QueueTest {
  emulator!: Emulator;
  folder = "";
  #workers: Running[] = [];
  #providers: ProviderProcess[] = [];
  #secret = SECRET;

  constructor(readonly server: () => QueueServer) {}

  async start(options: EmulatorOptions = {}): Promise<void> {
    this.#secret = SECRET;
    this.emulator = await startEmulator({ usersPerSecond: 0, clientSecret: SECRET, ...options });
    this.folder = programFolder();
  }

  async stop(): Promise<void> {
    await this.killWorkers();
    for (const provider of this.#providers.splice(0)) {
      await provider.stop();
      assert.doesNotMatch(provider.output, LEAK);
    }
    await this.emulator.stop();
  }

  /** The same program on another machine: the users files, and no results folder. */
  otherMachine(): string {
    const folder = programFolder();
    symlinkSync(path.join(this.folder, "users"), path.join(folder, "users"));
    return folder;
  }

  writeUsers(users: readonly object[], folder = this.folder): void {
    mkdirSync(path.join(folder, "users"), { recursive: true });
    writeFileSync(path.join(folder, "users", "all.json"), JSON.stringify(users));
  }

  worker(folder = this.folder, env: Record<string, string> = {}, ...flags: string[]): Running {
    return this.workerAt(this.server().url, folder, env, ...flags);
  }

  /** One that reaches the queue by another URL. */
  workerAt(queue: string, folder = this.folder, env: Record<string, string> = {}, ...flags: string[]): Running {
    const worker = workerProcess(folder, queue, this.emulator.url, this.#secret, env, flags);
    this.#workers.push(worker);
    return worker;
  }

  async killWorkers(): Promise<void> {
    for (const worker of this.#workers.splice(0)) {
      worker.kill();
      const { output } = await worker.finished;
      assert.doesNotMatch(output, LEAK);
    }
  }

  inputs(batch = 0, batches = 1, overrides: Properties = {}): Properties {
    return {
      ...USUAL_INPUTS,
      users: ["users/*.json"],
      created: new Date(Date.now() - 60_000).toISOString().replace(/\d\d\.\d+Z/, "00.000Z"),
      share: { index: batch, count: batches },
      resourceUrn: URN.replace(/00$/, String(batch).padStart(2, "0")),
      ...overrides,
    };
  }

  provider(
    queue: string | undefined = this.server().url,
    config: Record<string, string> = {},
    env: Record<string, string> = {},
  ): ProviderProcess {
    const provider = ProviderProcess.onDemand(
      {
        "auth0:domain": this.emulator.url,
        "auth0:clientId": "emulator",
        "auth0:clientSecret": this.#secret,
        ...(queue === "" ? {} : { "auth0-user-import:queue": queue }),
        ...config,
      },
      this.folder,
      env,
    );
    this.#providers.push(provider);
    return provider;
  }

  /** One batch of an `up`, in a process of its own where none is given. */
  async up(old?: BatchOutputs, inputs = this.inputs(), provider = this.provider()): Promise<Up> {
    const { inputs: checked, failures } = await provider.check("UserBatch", old === undefined ? {} : inputs, inputs);
    if (failures.length > 0) return { error: failures.join(" ") };
    try {
      if (old === undefined) return { outputs: (await provider.create("UserBatch", checked)).outputs as never };
      return { outputs: (await provider.update("UserBatch", old as never, checked)) as never };
    } catch (error) {
      const failed = error as Error;
      if (error instanceof PartialFailure) return { outputs: error.properties as never, error: failed.message };
      return { error: failed.message };
    }
  }

  /** Resolves when the tenant has got so many jobs. */
  async hasJobs(count: number): Promise<void> {
    while (this.emulator.tenant.stats().jobs.total < count) await sleep(20);
  }

  /** Resolves when an update shows such a line. */
  async says(provider: ProviderProcess, line: RegExp): Promise<void> {
    while (!provider.logs.some(({ message }) => line.test(message))) await sleep(20);
  }

  /** `stop`, in the folder of the program. */
  async stopCommand(folder = this.folder): Promise<void> {
    const { code, output } = await run(process.execPath, [CLI, "stop"], { cwd: folder });
    assert.equal(code, 0, output);
  }

  /** The same by the queue, on a machine that has none of the files. Returns what it says. */
  async stopByQueue(...flags: string[]): Promise<string> {
    const { code, output } = await run(process.execPath, [CLI, "stop", ...flags], {
      cwd: tmpdir(),
      env: workerEnvironment(this.server().url, this.emulator.url, this.#secret),
    });
    assert.equal(code, 0, output);
    return output;
  }

  /** For the tenant, and for all that is started from now on. */
  rotateSecret(secret: string): void {
    this.#secret = secret;
    this.emulator.tenant.settings.clientSecret = secret;
  }

  /** The users of the tenant by email, each of whom has to be there once. */
  emails(): string[] {
    return [...this.emulator.tenant.users.all()].map(({ email }) => email ?? "").sort();
  }

  assertOnce(users: readonly { readonly email: string }[]): void {
    assert.deepEqual(this.emails(), users.map(({ email }) => email).sort());
  }
}

/** Defines the suite once for each kind of server that this machine has. */
export function onEachServer(define: (at: QueueTest) => void): void {
  for (const [kind, start] of serversHere) {
    describe(`on ${kind}`, () => {
      let server: QueueServer;
      const at = new QueueTest(() => server);
      before(async () => {
        server = await start();
      });
      after(() => server.stop());
      beforeEach(() => at.start());
      afterEach(async () => {
        await at.stop();
        await server.loseData();
      });
      define(at);
    });
  }
}

/** Users whose records fill a job with a few dozen of them. */
export function usersOf(count: number, bytes = 0, first = 0): { email: string; email_verified: boolean }[] {
  return Array.from({ length: count }, (_, i) => ({
    email: `user-${String(first + i).padStart(5, "0")}@example.com`,
    email_verified: true,
    ...(bytes === 0 ? {} : { user_metadata: { notes: "x".repeat(bytes) } }),
  }));
}
