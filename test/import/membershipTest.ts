import assert from "node:assert/strict";
import type { BatchResult, ImportSettings } from "../../provider/import/types";
import type { MembershipMaps } from "../../provider/plan/memberships";
import type { User } from "../../provider/schema/identity";
import { ImportTest, type RunOptions, type Saved } from "./importTest";
import { PlainMemberships } from "./plainMemberships";
import { plainTenant } from "./plainTenant";

export const MAPS: MembershipMaps = {
  roles: { admin: "rol_a", editor: "rol_e" },
  organizations: { acme: "org_a", globex: "org_g" },
};

/** Roles and organizations of users, in this process. */
export class MembershipTest extends ImportTest {
  memberships = new PlainMemberships(this.tenant);
  maps = MAPS;

  /** @param before users who are there before us */
  override startAnew(before: Parameters<typeof plainTenant>[0] = []): void {
    super.startAnew();
    this.tenant = plainTenant(before);
    this.memberships = new PlainMemberships(this.tenant);
  }

  protected override tenantOfRun() {
    return Object.assign(this.tenant, { roles: this.memberships.roles, organizations: this.memberships.organizations });
  }

  /** A run that comes to its end, unless it is to fail. */
  async import(users: readonly User[], before?: Saved, options: RunOptions & { fails?: RegExp } = {}): Promise<Saved> {
    const { fails, settings, ...others } = options;
    const memberships: Partial<ImportSettings> = { memberships: this.maps };
    this.memberships.calls.length = 0;
    const { result, problem } = await this.run(users, { ...others, before, settings: { ...memberships, ...settings } });
    if (fails === undefined) assert.equal(problem, undefined);
    else assert.match(problem?.message ?? "", fails);
    return result;
  }

  has(name: string): string {
    return this.memberships.of(`auth0|${name}`).join(", ");
  }
}

export function user(name: string, more: object = {}): User {
  return { user_id: name, email: `${name}@example.com`, email_verified: true, ...more };
}

/** Who failed, and with which code. */
export function codesIn({ failedRecords }: Pick<BatchResult, "failedRecords">): string[] {
  return failedRecords.map(({ code, identity }) => `${identity} ${code}`);
}
