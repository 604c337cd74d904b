import pLimit from "p-limit";
import { type GrantText, grantOf } from "../plan/memberships";
import { MEMBERS_OF_CALL, USERS_OF_CALL } from "../tenant/callSizes";
import { TenantError } from "../tenant/errors";
import type { Failure } from "./findings";
import type { MembershipTenant } from "./types";

/** Calls on their way at a time; how fast they go is the tenant's to say. */
const AT_ONCE = 8;

export const MEMBERSHIP_FAILED = "MEMBERSHIP_FAILED";

/** What is to be done for one user, whose id in the tenant is known. */
export interface Due {
  readonly user: string;
  readonly give: readonly GrantText[];
  readonly take: readonly GrantText[];
}

/**
 * Gives and takes roles and memberships, in as few calls as the service takes. A call that it refuses is made in halves,
 * so that one user does not keep the others from theirs.
 */
export class MembershipCalls {
  readonly #limit = pLimit(AT_ONCE);
  readonly #exists = new Map<string, Promise<boolean>>();

  constructor(
    private readonly tenant: MembershipTenant,
    private readonly onRetry: (reason: string) => void,
    /** @throws Error when no more is to be sent */
    private readonly assertMaySend: () => void,
  ) {}

  /**
   * @returns for whom it did not work, by their ids.
   * @throws TenantError that is no single user's: what is done by then may be all or none.
   */
  async make(due: readonly Due[]): Promise<ReadonlyMap<string, Failure>> {
    const failed = new Map<string, Failure>();
    const work = due.filter(({ give, take }) => give.length + take.length > 0);
    const isSound = ({ user }: Due) => !failed.has(user);
    // A member before a member's roles; and these before the membership goes.
    for (const phase of [
      this.#memberRolesTaken,
      this.#rolesTaken,
      this.#membersTaken,
      this.#given,
      this.#memberRolesGiven,
    ]) {
      const works = phase.call(this, work.filter(isSound), failed);
      await Promise.all(works);
    }
    return failed;
  }

  /** Whether a role or an organization is there. What is not is nobody's. */
  exists(text: GrantText): Promise<boolean> {
    const { role, organization } = grantOf(text);
    const ids = [organization, role].filter((id) => id !== undefined);
    return Promise.all(ids.map((id) => this.#isThere(id))).then((all) => all.every(Boolean));
  }

  #isThere(id: string): Promise<boolean> {
    const { roles, organizations } = this.tenant;
    const asked = this.#exists.get(id) ?? (id.startsWith("org_") ? organizations : roles).exists(id, this.onRetry);
    this.#exists.set(id, asked);
    return asked;
  }

  #memberRolesTaken(due: readonly Due[], failed: Map<string, Failure>): Promise<void>[] {
    return due.flatMap(({ user, take }) =>
      byOrganization(take).map(([organization, roles]) =>
        this.#one(user, failed, () => this.tenant.organizations.takeRoles(organization, user, roles, this.onRetry)),
      ),
    );
  }

  #rolesTaken(due: readonly Due[], failed: Map<string, Failure>): Promise<void>[] {
    return due.flatMap(({ user, take }) => {
      const roles = take
        .map((text) => grantOf(text))
        .flatMap(({ role, organization }) => (organization ? [] : (role ?? [])));
      if (roles.length === 0) return [];
      return [this.#one(user, failed, () => this.tenant.roles.take(user, roles, this.onRetry))];
    });
  }

  #membersTaken(due: readonly Due[], failed: Map<string, Failure>): Promise<void>[] {
    return [...byGrant(due, ({ take }) => take)].flatMap(([text, users]) => {
      const { role, organization } = grantOf(text);
      if (role !== undefined || organization === undefined) return [];
      const remove = (some: readonly string[]) => this.tenant.organizations.remove(organization, some, this.onRetry);
      return parts(users, MEMBERS_OF_CALL).map((some) => this.#inHalves(some, failed, remove, async () => false));
    });
  }

  #given(due: readonly Due[], failed: Map<string, Failure>): Promise<void>[] {
    const { roles, organizations } = this.tenant;
    return [...byGrant(due, ({ give }) => give)].flatMap(([text, users]) => {
      const { role, organization } = grantOf(text);
      if (organization === undefined && role !== undefined) {
        const give = (some: readonly string[]) => roles.give(role, some, this.onRetry);
        const has = async (user: string) => (await roles.of(user, this.onRetry)).includes(role);
        return parts(users, USERS_OF_CALL).map((some) => this.#inHalves(some, failed, give, has));
      }
      if (organization === undefined || role !== undefined) return [];
      const add = (some: readonly string[]) => organizations.add(organization, some, this.onRetry);
      const isMember = async (user: string) => (await organizations.of(user, this.onRetry)).includes(organization);
      return parts(users, MEMBERS_OF_CALL).map((some) => this.#inHalves(some, failed, add, isMember));
    });
  }

  #memberRolesGiven(due: readonly Due[], failed: Map<string, Failure>): Promise<void>[] {
    const { organizations } = this.tenant;
    return due.flatMap(({ user, give }) =>
      byOrganization(give).map(([organization, roles]) => {
        const call = () => organizations.giveRoles(organization, user, roles, this.onRetry);
        const has = async () => {
          const held = await organizations.rolesOf(organization, user, this.onRetry);
          return roles.every((role) => held.includes(role));
        };
        return this.#one(user, failed, call, has);
      }),
    );
  }

  #one(user: string, failed: Map<string, Failure>, call: () => Promise<void>, has = async () => false): Promise<void> {
    return this.#inHalves([user], failed, call, has);
  }

  /** @param has whether a user has it all the same: what the service says of a second time is not known. */
  async #inHalves(
    users: readonly string[],
    failed: Map<string, Failure>,
    call: (users: readonly string[]) => Promise<void>,
    has: (user: string) => Promise<boolean>,
  ): Promise<void> {
    try {
      await this.#limit(() => {
        this.assertMaySend();
        return call(users);
      });
    } catch (error) {
      if (!isOfUsers(error)) throw error;
      const [user, other] = users;
      if (user === undefined) return;
      if (other !== undefined) {
        const half = Math.ceil(users.length / 2);
        for (const some of [users.slice(0, half), users.slice(half)]) await this.#inHalves(some, failed, call, has);
      } else if (!(await this.#limit(() => has(user).catch(() => false)))) {
        failed.set(user, { code: MEMBERSHIP_FAILED, message: error.detail ?? error.message });
      }
    }
  }
}

/** Whether it may be about one of the users: not about the token, the scopes, the pace or the service. */
function isOfUsers(error: unknown): error is TenantError {
  if (!(error instanceof TenantError)) return false;
  return [400, 404, 409, 422].includes(error.status ?? 0);
}

function byGrant(due: readonly Due[], of: (due: Due) => readonly GrantText[]): Map<GrantText, string[]> {
  const users = new Map<GrantText, string[]>();
  for (const each of due) {
    for (const text of of(each)) {
      const known = users.get(text);
      if (known === undefined) users.set(text, [each.user]);
      else known.push(each.user);
    }
  }
  return users;
}

/** The roles in each organization. */
function byOrganization(texts: readonly GrantText[]): [organization: string, roles: string[]][] {
  const roles = new Map<string, string[]>();
  for (const { role, organization } of texts.map((text) => grantOf(text))) {
    if (role === undefined || organization === undefined) continue;
    roles.set(organization, [...(roles.get(organization) ?? []), role]);
  }
  return [...roles];
}

function parts<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
