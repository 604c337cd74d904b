import type { OnRetry, Tenant } from "../tenant/client";
import { EXPORT_FIELDS } from "../tenant/exports";
import { CensusIndex } from "./census";
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
 * nowhere, `absent`. `notLookedUp` where there is nothing to look for.
 */
export type Standing =
  | { readonly is: "present" | "linked"; readonly user: TenantRecord }
  | { readonly is: "absent" | "notLookedUp" };

/** Looks users up, one by one. */
export class SingleReads {
  /** @param connection its name. */
  constructor(
    private readonly tenant: UserReader,
    private readonly connection: string,
    private readonly onRetry: OnRetry = () => {},
  ) {}

  /**
   * Looks for a user by the id, or where there is none by the email.
   *
   * @throws TenantError when the tenant refuses, or gives no answer.
   */
  async find({ id, email }: Sought): Promise<Standing> {
    const by = id !== undefined ? "user_id" : "email";
    const value = id ?? email;
    if (value === undefined) return { is: "notLookedUp" };
    const sought = id !== undefined ? { id } : { email };
    const { users } = await readSingly(this.tenant, this.connection, sought, true, this.onRetry);
    const found = users.find(by, value);
    const [first] = [...found.filter(({ isLinked }) => !isLinked), ...found];
    if (first === undefined) return { is: "absent" };
    return { is: first.isLinked ? "linked" : "present", user: await users.read(first.line) };
  }
}

/** What of a tenant reads single users. */
export type UserReader = Pick<Tenant, "wholeUser" | "wholeUsersByEmail" | "usersByIdentity">;

/**
 * Everybody who may be a user, as they are now: by the id, and where it leads to nobody with the email by that. The same id
 * may be in another connection, too: what is found is to be asked as a census is.
 *
 * @param connection its name; all database connections, where it is `undefined`.
 * @param everywhere whether they are searched, too, where they are not at their own place: an identity that was linked to
 *   another account is not.
 * @returns as a census; and whether the connection has somebody at the place of the id, whom calls by that id reach.
 * @throws TenantError
 */
export async function readSingly(
  tenant: UserReader,
  connection: string | undefined,
  { id, email }: Sought,
  everywhere: boolean,
  onRetry: OnRetry = () => {},
): Promise<{ readonly users: CensusIndex; readonly isAtId: boolean }> {
  const found: TenantRecord[] = [];
  const users = new CensusIndex(async (line) => found[line] as TenantRecord, connection);
  const add = (read: readonly (TenantRecord | undefined)[]) => {
    for (const user of read) {
      if (user === undefined || found.some((each) => isSameAccount(each, user))) continue;
      found.push(user);
      users.add(user);
    }
  };
  const isThere = () =>
    (id !== undefined && users.find("user_id", id).length > 0) ||
    (email !== undefined && users.find("email", email).length > 0);
  if (id !== undefined) add([await tenant.wholeUser(`auth0|${id}`, EXPORT_FIELDS, onRetry)]);
  const isAtId = id !== undefined && users.find("user_id", id).some(({ isLinked }) => !isLinked);
  if (email !== undefined && users.find("email", email).length === 0) {
    add(await tenant.wholeUsersByEmail(email, EXPORT_FIELDS, onRetry));
  }
  if (everywhere && id !== undefined && !isThere()) add(await tenant.usersByIdentity(id, EXPORT_FIELDS, onRetry));
  return { users, isAtId };
}

/** One id can be in two connections. */
function isSameAccount(a: TenantRecord, b: TenantRecord): boolean {
  return a.user_id === b.user_id && JSON.stringify(a.identities) === JSON.stringify(b.identities);
}
