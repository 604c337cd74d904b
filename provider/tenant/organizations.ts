import type { ManagementClient } from "auth0";
import { z } from "zod";
import type { OnRetry } from "./client";
import { type Ask, isThere, PAGE, pagesOf } from "./roles";

const Anything = z.unknown();
const Ids = z.array(z.object({ id: z.string() }));
const Member = z.object({ user_id: z.string() });
const Total = z.object({ total: z.int().min(0) });
const Page = z.object({ members: z.array(Member), next: z.string().optional() });
const Connections = z.array(
  z.object({ connection_id: z.string(), assign_membership_on_login: z.boolean().optional().catch(undefined) }),
);

/** Beyond these a list goes on by checkpoint only. */
const MOST_SHOWN = 1_000;

/** The organizations of the tenant, their members and the roles of these. Users go by their whole ids, `auth0|…`. */
export class Organizations {
  constructor(private readonly ask: Ask) {}

  async exists(organization: string, onRetry: OnRetry): Promise<boolean> {
    return isThere(
      this.ask("reading an organization", Anything, (client) => client.organizations.get(organization), onRetry),
    );
  }

  /** @param users at most `MEMBERS_OF_CALL` */
  async add(organization: string, users: readonly string[], onRetry: OnRetry): Promise<void> {
    const call = (client: ManagementClient) =>
      client.organizations.members.create(organization, { members: [...users] });
    await this.ask("adding members to an organization", Anything, call, onRetry);
  }

  /** @param users at most `MEMBERS_OF_CALL` */
  async remove(organization: string, users: readonly string[], onRetry: OnRetry): Promise<void> {
    const call = (client: ManagementClient) =>
      client.organizations.members.delete(organization, { members: [...users] });
    await this.ask("removing members of an organization", Anything, call, onRetry);
  }

  /** Of a member. */
  async giveRoles(organization: string, user: string, roles: readonly string[], onRetry: OnRetry): Promise<void> {
    const call = (client: ManagementClient) =>
      client.organizations.members.roles.assign(organization, user, { roles: [...roles] });
    await this.ask("giving a member of an organization roles", Anything, call, onRetry);
  }

  async takeRoles(organization: string, user: string, roles: readonly string[], onRetry: OnRetry): Promise<void> {
    const call = (client: ManagementClient) =>
      client.organizations.members.roles.delete(organization, user, { roles: [...roles] });
    await this.ask("taking roles from a member of an organization", Anything, call, onRetry);
  }

  /** The ids of those that the user belongs to. */
  async of(user: string, onRetry: OnRetry): Promise<string[]> {
    const all: string[] = [];
    for (let page = 0, isLast = false; !isLast; page++) {
      const call = async (client: ManagementClient) =>
        (await client.users.organizations.list(user, { page, per_page: PAGE })).data;
      const found = await this.ask("reading the organizations of a user", Ids, call, onRetry);
      all.push(...found.map(({ id }) => id));
      isLast = found.length < PAGE;
    }
    return all;
  }

  /** The ids of the roles that the user has there. */
  async rolesOf(organization: string, user: string, onRetry: OnRetry): Promise<string[]> {
    const call = async (client: ManagementClient) =>
      (await client.organizations.members.roles.list(organization, user, { per_page: PAGE })).data;
    return (await this.ask("reading the roles of a member", Ids, call, onRetry)).map(({ id }) => id);
  }

  /** Who belongs to it: their ids, a page at a time. The list lags behind by some seconds. */
  members(organization: string, onRetry: OnRetry): AsyncGenerator<string[]> {
    const how = { take: PAGE, fields: "user_id", include_fields: true };
    return pagesOf(async (start) => {
      const call = async (client: ManagementClient) =>
        (await client.organizations.members.list(organization, { ...how, ...start })).response;
      const { members, next } = await this.ask("reading the members of an organization", Page, call, onRetry);
      return { items: members.map(({ user_id }) => user_id), next };
    });
  }

  /**
   * How many belong to it, by one call. Whether the service counts beyond the 1,000 that it shows by such calls is not
   * documented: then it is `undefined`.
   */
  async count(organization: string, onRetry: OnRetry): Promise<number | undefined> {
    // The SDK lists by checkpoint, and then there are no totals: without `take` it is by pages.
    const byPage = { queryParams: { page: 0, per_page: 1, include_totals: true } };
    const call = async (client: ManagementClient) =>
      (await client.organizations.members.list(organization, { take: null }, byPage)).response;
    const { total } = await this.ask("counting the members of an organization", Total, call, onRetry);
    return total === MOST_SHOWN ? undefined : total;
  }

  /** By which connections members sign in, and whether who does becomes one. */
  async connections(organization: string, onRetry: OnRetry): Promise<z.output<typeof Connections>> {
    const call = async (client: ManagementClient) =>
      (await client.organizations.enabledConnections.list(organization, { per_page: PAGE })).data;
    return this.ask("reading the connections of an organization", Connections, call, onRetry);
  }
}
