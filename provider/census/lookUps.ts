import type { Tenant } from "../tenant/client";
import { EXPORT_FIELDS } from "../tenant/exports";
import { CensusIndex, type FoundBy } from "./census";
import type { TenantRecord } from "./equal";

/*
 * Whoever an export does not have is looked for once more, singly: exports promise nothing about how fresh they are, a
 * deletion takes seconds to be seen everywhere, and an identity that was linked to another account is not at its own place
 * any more. Only who is not found then is called missing or deleted.
 */

/** So many are looked up; beyond that a message says how many were not. */
export const MOST_LOOKED_UP = 1_000;

/** By what a user is looked for. */
export interface Sought {
  /** Within the connection, without `auth0|`. */
  readonly id?: string | undefined;
  readonly email?: string | undefined;
}

/**
 * What a look-up found: as an identity of the connection, `present`; as one that was linked to another account, `linked`;
 * nowhere, `absent`. `notLookedUp` where there is nothing to look for, or too many were looked up already.
 */
export type Standing =
  | { readonly is: "present" | "linked"; readonly user: TenantRecord }
  | { readonly is: "absent" | "notLookedUp" };

/** Looks users up, one by one, and no more than a thousand. */
export class LookUps {
  #left: number;

  /** @param connection its name. */
  constructor(
    private readonly tenant: Tenant,
    private readonly connection: string,
    private readonly onRetry: (reason: string) => void = () => {},
    most: number = MOST_LOOKED_UP,
  ) {
    this.#left = most;
  }

  /** How many more may be looked up. */
  get left(): number {
    return this.#left;
  }

  /** @throws TenantError when the tenant refuses, or gives no answer. */
  async find({ id, email }: Sought): Promise<Standing> {
    const by = id !== undefined ? "user_id" : "email";
    const value = id ?? email;
    if (value === undefined || this.#left === 0) return { is: "notLookedUp" };
    this.#left--;
    const users = id === undefined ? await this.#byEmail(value) : await this.#byId(id);
    return this.#standing(users, by, value);
  }

  async #byId(id: string): Promise<TenantRecord[]> {
    const user = await this.tenant.wholeUser(`auth0|${id}`, EXPORT_FIELDS, this.onRetry);
    // The id may be another connection's, too: then ours is not at its place, but perhaps it is linked.
    if (user !== undefined && this.#standing([user], "user_id", id).is !== "absent") return [user];
    return this.tenant.usersByIdentity(id, EXPORT_FIELDS, this.onRetry);
  }

  #byEmail(email: string): Promise<TenantRecord[]> {
    return this.tenant.wholeUsersByEmail(email, EXPORT_FIELDS, this.onRetry);
  }

  /** By the rules of a census, of a few lines. */
  #standing(users: readonly TenantRecord[], by: FoundBy, value: string): Standing {
    const census = new CensusIndex(async (line) => users[line] as TenantRecord, this.connection);
    for (const user of users) census.add(user);
    const found = census.find(by, value);
    const [first] = [...found.filter(({ isLinked }) => !isLinked), ...found];
    if (first === undefined) return { is: "absent" };
    return { is: first.isLinked ? "linked" : "present", user: users[first.line] as TenantRecord };
  }
}
