import assert from "node:assert/strict";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../emulator";
import type { ImportTenant } from "../../provider/import/types";
import type { User } from "../../provider/schema/identity";
import { Tenant } from "../../provider/tenant/client";
import { attributesOf, changeUser } from "../support/tenantUsers";
import { ImportTest, type RunOptions, type Saved } from "./importTest";

/** Runs of one batch in this process, into the emulator over HTTP. */
export class EmulatedImport extends ImportTest {
  emulator!: Emulator;

  /** For every test of the suite in which it is called. */
  static override forEach(): () => EmulatedImport {
    let test: EmulatedImport;
    beforeEach(async () => {
      test = new EmulatedImport();
      await test.startTenant();
    });
    afterEach(async () => {
      test.end();
      await test.emulator.stop();
    });
    return () => test;
  }

  async startTenant(options: EmulatorOptions = {}): Promise<void> {
    await this.emulator?.stop();
    this.emulator = await startEmulator({ usersPerSecond: 0, ...options });
  }

  protected override tenantOfRun(): ImportTenant {
    const auth = { clientId: "emulator", clientSecret: "emulator" };
    return new Tenant({ origin: this.emulator.url, auth }, { maxActiveJobs: 2 });
  }

  /** A run that comes to its end. */
  async import(users: readonly object[], before?: Saved, options: RunOptions = {}): Promise<Saved> {
    // As they stand in a file: without what is not defined.
    const records = JSON.parse(JSON.stringify(users)) as User[];
    const { result, problem } = await this.run(records, { ...options, before });
    assert.equal(problem, undefined);
    return result;
  }

  /** The tenant as a verification has it. */
  get tenantToRead(): Tenant {
    return this.tenantOfRun() as Tenant;
  }

  /** The jobs that the tenant got. */
  get jobs(): number {
    return this.emulator.tenant.stats().jobs.total;
  }

  /** What the tenant has of a user, identifiers apart. */
  user(email: string): Record<string, unknown> | undefined {
    return attributesOf(this.emulator, email);
  }

  changeInTenant(email: string, attributes: Record<string, unknown>): void {
    changeUser(this.emulator, email, attributes);
  }
}
