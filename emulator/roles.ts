import type { Clock } from "./clock";
import { randomId } from "./ids";
import { type Member, Members } from "./members";
import type { User } from "./userStore";

/** A role of the tenant. */
export interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

/** The roles of the tenant, and who has them. */
export class Roles {
  readonly #roles = new Map<string, Role>();
  readonly #members = new Map<string, Members>();
  #changes = 0;

  constructor(private readonly clock: Clock) {}

  /** Grows with every change. */
  get revision(): number {
    return this.#changes;
  }

  all(): Role[] {
    return [...this.#roles.values()];
  }

  get(id: string): Role | undefined {
    return this.#roles.get(id);
  }

  create(name: string, description: string): Role {
    const role = { id: `rol_${randomId(16)}`, name, description };
    this.put(role);
    return role;
  }

  put(role: Role): void {
    this.#changes++;
    this.#roles.set(role.id, role);
    if (!this.#members.has(role.id)) this.#members.set(role.id, new Members());
  }

  delete(id: string): void {
    this.#changes++;
    this.#roles.delete(id);
    this.#members.delete(id);
  }

  /** In the order in which they got it. */
  membersOf(id: string): readonly Member[] {
    return this.#members.get(id)?.ordered() ?? [];
  }

  rolesOf(user: User): Role[] {
    return this.all().filter(({ id }) => this.has(id, user));
  }

  has(id: string, user: User): boolean {
    return this.#members.get(id)?.has(user) ?? false;
  }

  give(id: string, user: Pick<User, "connectionId" | "id">, since = this.clock.now()): void {
    this.#changes++;
    this.#members.get(id)?.add(user, since);
  }

  take(id: string, user: User): void {
    if (this.#members.get(id)?.delete(user)) this.#changes++;
  }

  /** Whoever is deleted has none. */
  forget(user: User): void {
    for (const id of this.#members.keys()) this.take(id, user);
  }

  /** Nobody has a role any more; the roles stay. */
  clear(): void {
    this.#changes++;
    for (const id of this.#members.keys()) this.#members.set(id, new Members());
  }
}
