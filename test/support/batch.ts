import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../emulator";
import type {
  Conflict,
  FailedAt,
  FailedRecord,
  Job,
  NotApplied,
  PasswordResetRequired,
  SourceInfo,
  Summary,
} from "../../provider";
import { type Properties, ProviderProcess } from "./providerProcess";
import { addUser, changeUser } from "./tenantUsers";

export const CONNECTION = "con_0000000000000001";
export const URN =
  "urn:pulumi:dev::test::auth0import:UserImport$pulumi-nodejs:dynamic/auth0import:UserBatch::everyone-00";

/** What a test looks at of a batch's outputs. */
export interface BatchOutputs {
  summary: Summary;
  jobs: Job[];
  failedRecords: FailedRecord[];
  failedAt: FailedAt[];
  notApplied: NotApplied[];
  conflicts: Conflict[];
  passwordResetRequired: PasswordResetRequired[];
  source: SourceInfo;
  ledger: string[];
  complete: boolean;
  applied?: string;
}

/** What a program hands to a batch where it says nothing besides. */
export const USUAL_INPUTS: Properties = {
  connectionId: CONNECTION,
  users: ["users.json"],
  key: "0123456789abcdef",
  share: { index: 0, count: 1 },
  onExisting: "fail",
  unsupportedPasswordHash: "fail",
  generateUserIds: true,
  triggers: [],
  sealed: false,
  externalId: "test/dev/everyone",
  sendCompletionEmail: false,
  configNamespace: "auth0",
  resultsDir: ".user-import/dev/everyone",
  resourceUrn: URN,
};

/** One batch of a program, run by run, each in a provider process of its own; and the tenant that it imports into. */
export class BatchTest {
  emulator!: Emulator;
  provider!: ProviderProcess;
  readonly #written = new Map<string, string | Buffer>();

  /** For every test of the suite in which it is called. */
  static forEach(): BatchTest {
    const test = new BatchTest();
    beforeEach(() => test.start());
    afterEach(() => test.stop());
    return test;
  }

  async start(options: EmulatorOptions = {}): Promise<void> {
    this.emulator = await startEmulator({ usersPerSecond: 0, ...options });
    await this.restart();
  }

  async stop(): Promise<void> {
    this.forgetFiles();
    await this.provider.stop();
    await this.emulator.stop();
  }

  /** A new provider process for the same program, as every run of `pulumi up` has one. */
  async restart(config: Record<string, string> = {}, env: Record<string, string> = {}): Promise<void> {
    await this.provider?.stop();
    const all = {
      "auth0:domain": this.emulator.url,
      "auth0:clientId": "emulator",
      "auth0:clientSecret": "emulator",
      ...config,
    };
    this.provider = ProviderProcess.onDemand(all, undefined, env);
    for (const [name, content] of this.#written) this.write(name, content);
  }

  write(name: string, content: string | Buffer): void {
    this.#written.set(name, content);
    const file = path.join(this.provider.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** The next process does not find the files. */
  forgetFiles(): void {
    this.#written.clear();
  }

  writeUsers(users: readonly object[], name = "users.json"): void {
    this.write(name, JSON.stringify(users));
  }

  inputs(overrides: Properties = {}): Properties {
    return { ...USUAL_INPUTS, ...overrides };
  }

  async create(overrides: Properties = {}): Promise<BatchOutputs> {
    const { inputs, failures } = await this.provider.check("UserBatch", {}, this.inputs(overrides));
    assert.deepEqual(failures, []);
    return (await this.provider.create("UserBatch", inputs)).outputs as unknown as BatchOutputs;
  }

  /** As a run of `pulumi up` does: updates where there is something to do, else returns the old outputs. */
  async update(old: BatchOutputs, overrides: Properties = {}): Promise<BatchOutputs> {
    const olds = old as unknown as Properties;
    const { inputs, changes } = await this.#compare(old, overrides);
    if (!changes) return old;
    return (await this.provider.update("UserBatch", olds, inputs)) as unknown as BatchOutputs;
  }

  /** What a preview says on the batch's line; a new process, as `pulumi preview` has one. */
  async preview(old?: BatchOutputs, overrides: Properties = {}): Promise<string[]> {
    await this.restart();
    if (old !== undefined) await this.#compare(old, { ...overrides, preview: true });
    else await this.provider.check("UserBatch", {}, this.inputs({ ...overrides, preview: true }));
    return this.provider.logs.filter(({ urn, ephemeral }) => urn === URN && !ephemeral).map(({ message }) => message);
  }

  async #compare(old: BatchOutputs, overrides: Properties) {
    const { inputs, failures } = await this.provider.check(
      "UserBatch",
      this.inputs({ source: old.source }),
      this.inputs(overrides),
    );
    assert.deepEqual(failures, []);
    const { changes } = await this.provider.diff("UserBatch", old as unknown as Properties, inputs);
    return { inputs, changes };
  }

  /** The tenant's users, as `GET /api/v2/users/{id}` shows them, and secrets too. */
  users(): Record<string, unknown>[] {
    return [...this.emulator.tenant.users.all()].map(({ id, email, username, phoneNumber, attributes }) => ({
      user_id: id,
      email,
      username,
      phone_number: phoneNumber,
      ...(JSON.parse(attributes) as Record<string, unknown>),
    }));
  }

  user(email: string): Record<string, unknown> | undefined {
    return this.users().find((user) => user.email === email);
  }

  /** Somebody who was there before any import. */
  addToTenant(email: string, attributes: Record<string, unknown>): void {
    addUser(this.emulator, email, attributes);
  }

  /** The application writes something to a user, or an administrator does. */
  changeInTenant(email: string, attributes: Record<string, unknown>): void {
    changeUser(this.emulator, email, attributes);
  }
}
