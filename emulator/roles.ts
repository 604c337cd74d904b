import type { Clock } from "./clock";
import { Groups } from "./groups";
import { randomId } from "./ids";
import type { Member } from "./members";
import type { User } from "./userStore";

/** A role of the tenant. */
export interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

/** The roles of the tenant, and who has them. */
export class Roles extends Groups<Role> {
  constructor(private readonly clock: Clock) {
    super();
  }

  create(name: string, description: string): Role {
    const role = { id: `rol_${randomId(16)}`, name, description };
    this.put(role);
    return role;
  }

  /** In the order in which they got it. */
  membersOf(id: string): readonly Member[] {
    return this.members.get(id)?.ordered() ?? [];
  }

  rolesOf(user: User): Role[] {
    return this.all().filter(({ id }) => this.has(id, user));
  }

  has(id: string, user: User): boolean {
    return this.members.get(id)?.has(user) ?? false;
  }

  give(id: string, user: Pick<User, "connectionId" | "id">, since = this.clock.now()): void {
    this.changed();
    this.members.get(id)?.add(user, since);
  }

  take(id: string, user: User): void {
    if (this.members.get(id)?.delete(user)) this.changed();
  }

  /** Whoever is deleted has none. */
  forget(user: User): void {
    for (const id of this.members.keys()) this.take(id, user);
  }
}
