import type { Clock } from "./clock";
import { Groups } from "./groups";
import { randomId } from "./ids";
import type { Member } from "./members";
import type { User } from "./userStore";

/** A connection by which members sign in to an organization. */
export interface EnabledConnection {
  readonly connection_id: string;
  readonly assign_membership_on_login: boolean;
  readonly is_signup_enabled: boolean;
  readonly show_as_button: boolean;
}

export interface Organization {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly connections: readonly EnabledConnection[];
}

/** The organizations of the tenant, and who belongs to them. */
export class Organizations extends Groups<Organization> {
  constructor(private readonly clock: Clock) {
    super();
  }

  /** By id or name. */
  find(idOrName: string): Organization | undefined {
    return this.get(idOrName) ?? this.all().find(({ name }) => name === idOrName);
  }

  create(name: string, display_name: string, connections: readonly EnabledConnection[]): Organization {
    const organization = { id: `org_${randomId(16)}`, name, display_name, connections };
    this.put(organization);
    return organization;
  }

  memberOf(id: string, user: User): Member | undefined {
    return this.members.get(id)?.get(user);
  }

  organizationsOf(user: User): Organization[] {
    return this.all().filter(({ id }) => this.memberOf(id, user) !== undefined);
  }

  count(id: string): number {
    return this.members.get(id)?.size ?? 0;
  }

  /**
   * In the order in which they came.
   *
   * @param lag milliseconds after which lists show who came
   * @param deletionLag milliseconds for which they still show who was deleted
   */
  membersOf(id: string, lag: number, deletionLag: number): readonly Member[] {
    const now = this.clock.now();
    const all = this.members.get(id)?.ordered() ?? [];
    return all.filter(
      ({ since, goneAt }) => since <= now - lag && (goneAt === undefined || now - goneAt < deletionLag),
    );
  }

  add(
    id: string,
    user: Pick<User, "connectionId" | "id">,
    since = this.clock.now(),
    roles: Iterable<string> = [],
  ): void {
    this.changed();
    this.members.get(id)?.add(user, since, roles);
  }

  remove(id: string, user: User): void {
    if (this.members.get(id)?.delete(user)) this.changed();
  }

  giveRoles(member: Member, roles: readonly string[]): void {
    this.changed();
    for (const role of roles) member.roles.add(role);
  }

  takeRoles(member: Member, roles: readonly string[]): void {
    this.changed();
    for (const role of roles) member.roles.delete(role);
  }

  /** Whoever is deleted belongs to none; lists may show them for a while. */
  forget(user: User): void {
    for (const members of this.members.values()) members.lose(user, this.clock.now());
  }

  /** A role that is gone is nobody's. */
  forgetRole(role: string): void {
    for (const members of this.members.values()) for (const member of members.ordered()) member.roles.delete(role);
  }
}
