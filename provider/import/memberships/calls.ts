import pLimit from "p-limit";
import { type GrantText, grantOf } from "../../plan/memberships";
import { MEMBERS_OF_CALL, USERS_OF_CALL } from "../../tenant/callSizes";
import { TenantError } from "../../tenant/errors";
import type { Failure } from "../findings";
import type { MembershipTenant } from "../types";

/** Calls on their way at a time; how fast they go is the tenant's to say. */
const AT_ONCE = 8;

export const MEMBERSHIP_FAILED = "MEMBERSHIP_FAILED";

/** After so many refusals in a row, one by one, it is not about the users: an organization is full, say. */
const HOPELESS = 30;

/** What is to be done for one user, whose id in the tenant is known. */
export interface Due {
  readonly user: string;
  readonly give: readonly GrantText[];
  readonly take: readonly GrantText[];
}

/** What came of it. */
export interface Made {
  /** For whom it did not work, by their ids. */
  readonly failed: ReadonlyMap<string, Failure>;
  /** What was given to them, or taken from them, by then. */
  has(user: string, text: GrantText): boolean;
}

/** One call, of which more than one user may be. */
interface Call {
  readonly users: readonly string[];
  readonly texts: readonly GrantText[];
  make(users: readonly string[]): Promise<void>;
  /** Whether a user has it all the same: what the service says of a second time is not known. */
  has?(user: string): Promise<boolean>;
}

/**
 * Gives and takes roles and memberships, in as few calls as the service takes. A call that it refuses is made in halves,
 * so that one user does not keep the others from theirs.
 */
export class MembershipCalls {
  readonly #limit = pLimit(AT_ONCE);
  readonly #exists = new Map<string, Promise<boolean>>();
  /** How often in a row a role or a membership was refused to a user, and why the last time. */
  readonly #refusals = new Map<string, { readonly times: number; readonly last: Failure }>();

  constructor(
    private readonly tenant: MembershipTenant,
    private readonly onRetry: (reason: string) => void,
    /** @throws Error when no more is to be sent */
    private readonly assertMaySend: () => void,
  ) {}

  /** @throws TenantError that is no single user's: what is done by then may be all or none. */
  async make(due: readonly Due[]): Promise<Made> {
    const failed = new Map<string, Failure>();
    const done = new Map<string, Set<GrantText>>(due.map(({ user }) => [user, new Set()]));
    // A member before a member's roles; and these before the membership goes.
    for (const phase of [
      this.#memberRolesTaken,
      this.#rolesTaken,
      this.#membersTaken,
      this.#given,
      this.#memberRolesGiven,
    ]) {
      const calls = phase.call(
        this,
        due.filter(({ user }) => !failed.has(user)),
      );
      await Promise.all(
        calls.map((call) =>
          this.#inHalves(
            call,
            (user) => {
              for (const text of call.texts) done.get(user)?.add(text);
            },
            (user, failure) => failed.set(user, failure),
          ),
        ),
      );
    }
    return { failed, has: (user, text) => done.get(user)?.has(text) ?? false };
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

  #memberRolesTaken(due: readonly Due[]): Call[] {
    const { organizations } = this.tenant;
    return due.flatMap(({ user, take }) =>
      byOrganization(take).map(([organization, roles, texts]) => ({
        ...{ users: [user], texts },
        make: () => organizations.takeRoles(organization, user, roles, this.onRetry),
      })),
    );
  }

  #rolesTaken(due: readonly Due[]): Call[] {
    return due.flatMap(({ user, take }) => {
      const texts = take.filter((text) => grantOf(text).organization === undefined);
      if (texts.length === 0) return [];
      return [{ users: [user], texts, make: () => this.tenant.roles.take(user, texts, this.onRetry) }];
    });
  }

  #membersTaken(due: readonly Due[]): Call[] {
    return [...byGrant(due, ({ take }) => take)].flatMap(([text, users]) => {
      const { role, organization } = grantOf(text);
      if (role !== undefined || organization === undefined) return [];
      const make = (some: readonly string[]) => this.tenant.organizations.remove(organization, some, this.onRetry);
      return parts(users, MEMBERS_OF_CALL).map((some) => ({ users: some, texts: [text], make }));
    });
  }

  #given(due: readonly Due[]): Call[] {
    const { roles, organizations } = this.tenant;
    return [...byGrant(due, ({ give }) => give)].flatMap(([text, users]) => {
      const { role, organization } = grantOf(text);
      if (organization === undefined && role !== undefined) {
        const make = (some: readonly string[]) => roles.give(role, some, this.onRetry);
        const has = async (user: string) => (await roles.of(user, this.onRetry)).includes(role);
        return parts(users, USERS_OF_CALL).map((some) => ({ users: some, texts: [text], make, has }));
      }
      if (organization === undefined || role !== undefined) return [];
      const make = (some: readonly string[]) => organizations.add(organization, some, this.onRetry);
      const has = async (user: string) => (await organizations.of(user, this.onRetry)).includes(organization);
      return parts(users, MEMBERS_OF_CALL).map((some) => ({ users: some, texts: [text], make, has }));
    });
  }

  #memberRolesGiven(due: readonly Due[]): Call[] {
    const { organizations } = this.tenant;
    return due.flatMap(({ user, give }) =>
      byOrganization(give).map(([organization, roles, texts]) => ({
        ...{ users: [user], texts },
        make: () => organizations.giveRoles(organization, user, roles, this.onRetry),
        has: async () => {
          const held = await organizations.rolesOf(organization, user, this.onRetry);
          return roles.every((role) => held.includes(role));
        },
      })),
    );
  }

  async #inHalves(call: Call, done: (user: string) => void, fail: (user: string, failure: Failure) => void) {
    const { users, texts, has = async () => false } = call;
    const what = texts.join();
    try {
      const hopeless = await this.#limit(async () => {
        const refusals = this.#refusals.get(what);
        if (refusals !== undefined && refusals.times >= HOPELESS) return refusals.last;
        this.assertMaySend();
        await call.make(users);
        return undefined;
      });
      if (hopeless !== undefined) {
        for (const user of users) fail(user, hopeless);
        return;
      }
      this.#refusals.delete(what);
      for (const user of users) done(user);
    } catch (error) {
      if (!isOfUsers(error)) throw error;
      const [user, other] = users;
      if (user === undefined) return;
      if (other !== undefined) {
        const half = Math.ceil(users.length / 2);
        for (const some of [users.slice(0, half), users.slice(half)]) {
          await this.#inHalves({ ...call, users: some }, done, fail);
        }
        return;
      }
      // Who has it by now has it from us: it was not there when they were read.
      if (await this.#limit(() => has(user).catch(() => false))) done(user);
      else {
        const failure = { code: MEMBERSHIP_FAILED, message: error.detail ?? error.message };
        // Who is not there says nothing of others.
        const { times = 0 } = this.#refusals.get(what) ?? {};
        if (error.status !== 404) this.#refusals.set(what, { times: times + 1, last: failure });
        fail(user, failure);
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

/** The roles in each organization, and the same as texts. */
function byOrganization(
  all: readonly GrantText[],
): (readonly [organization: string, roles: string[], texts: GrantText[]])[] {
  const inside = new Map<string, [roles: string[], texts: GrantText[]]>();
  for (const text of all) {
    const { role, organization } = grantOf(text);
    if (role === undefined || organization === undefined) continue;
    const [roles, texts] = inside.get(organization) ?? [[], []];
    inside.set(organization, [
      [...roles, role],
      [...texts, text],
    ]);
  }
  return [...inside].map(([organization, [roles, texts]]) => [organization, roles, texts]);
}

function parts<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
