import type { ManagementClient } from "auth0";
import { z } from "zod";
import type { OnRetry } from "./client";
import { TenantError } from "./errors";

/**
 * Makes a call that does no harm when it is made twice: again, where the fault is a passing one.
 *
 * @throws TenantError
 */
export type Ask = <T>(
  doing: string,
  shape: z.ZodType<T>,
  call: (client: ManagementClient) => PromiseLike<unknown>,
  onRetry: OnRetry,
) => Promise<T>;

/** Of a list by checkpoint, and of most others. */
export const PAGE = 100;

const Anything = z.unknown();
const Holders = z.object({ users: z.array(z.object({ user_id: z.string() })), next: z.string().optional() });
const Names = z.array(z.object({ id: z.string(), name: z.string().optional() }));

/** @returns false where the tenant has no such thing */
export async function isThere(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    if (error instanceof TenantError && error.status === 404) return false;
    throw error;
  }
}

/**
 * A list by checkpoint, page by page: a last page may still name a next one, which is empty; an empty one before the last is
 * no end.
 *
 * @param page asks for the one that begins there; for the first one without
 * @throws TenantError where it leads back: what is left of it is not known.
 */
export async function* pagesOf<T>(
  page: (start: { readonly from?: string }) => Promise<{ readonly items: T[]; readonly next?: string | undefined }>,
): AsyncGenerator<T[]> {
  let from: string | undefined;
  do {
    const { items, next } = await page(from === undefined ? {} : { from });
    yield items;
    if (next !== undefined && next === from) {
      throw new TenantError("A list of members leads back to the page that it has just shown.");
    }
    from = next;
  } while (from !== undefined);
}

/** The roles of the tenant and who has them. Users go by their whole ids, `auth0|…`. */
export class Roles {
  constructor(private readonly ask: Ask) {}

  async exists(role: string, onRetry: OnRetry): Promise<boolean> {
    return isThere(this.ask("reading a role", Anything, (client) => client.roles.get(role), onRetry));
  }

  /** Of at most 50 users: how many a call takes is not documented. */
  async give(role: string, users: readonly string[], onRetry: OnRetry): Promise<void> {
    const call = (client: ManagementClient) => client.roles.users.assign(role, { users: [...users] });
    await this.ask("giving users a role", Anything, call, onRetry);
  }

  async take(user: string, roles: readonly string[], onRetry: OnRetry): Promise<void> {
    const call = (client: ManagementClient) => client.users.roles.delete(user, { roles: [...roles] });
    await this.ask("taking roles from a user", Anything, call, onRetry);
  }

  /** The ids of those that the user has by themselves: 50 at most. */
  async of(user: string, onRetry: OnRetry): Promise<string[]> {
    const call = async (client: ManagementClient) => (await client.users.roles.list(user, { per_page: PAGE })).data;
    return (await this.ask("reading the roles of a user", Names, call, onRetry)).map(({ id }) => id);
  }

  /** Who has the role: their ids, a page at a time. */
  holders(role: string, onRetry: OnRetry): AsyncGenerator<string[]> {
    return pagesOf(async (start) => {
      const call = async (client: ManagementClient) =>
        (await client.roles.users.list(role, { take: PAGE, ...start })).response;
      const { users, next } = await this.ask("reading who has a role", Holders, call, onRetry);
      return { items: users.map(({ user_id }) => user_id), next };
    });
  }
}
