import { UserIndex } from "./userIndex";
import type { User } from "./userStore";

/** One user of the tenant: the same id may be in two connections. */
export function keyOf({ connectionId, id }: Pick<User, "connectionId" | "id">): string {
  return `${connectionId} ${id}`;
}

/**
 * Which users have become identities of others. Such a one is no user of its own any more: it goes by its primary, and
 * keeps its email, username and phone number in its connection.
 */
export class UserLinks {
  /** By the key of the primary. */
  private readonly secondaries = new Map<string, readonly User[]>();
  /** The primary's key by the secondary's. */
  private readonly primaries = new Map<string, string>();
  private readonly byId = new UserIndex();

  secondariesOf(primary: User): readonly User[] {
    // Nobody is linked in most tenants, and then a million reads build no key.
    return this.secondaries.size === 0 ? [] : (this.secondaries.get(keyOf(primary)) ?? []);
  }

  primaryKeyOf(user: Pick<User, "connectionId" | "id">): string | undefined {
    return this.primaries.size === 0 ? undefined : this.primaries.get(keyOf(user));
  }

  /** Secondaries by the id that they had as users. */
  withId(id: string): readonly User[] {
    return this.byId.all(id);
  }

  /** All who became identities of others, in the order of linking for each of these. */
  *all(): IterableIterator<User> {
    for (const users of this.secondaries.values()) yield* users;
  }

  add(primaryKey: string, secondary: User): void {
    this.secondaries.set(primaryKey, [...(this.secondaries.get(primaryKey) ?? []), secondary]);
    this.primaries.set(keyOf(secondary), primaryKey);
    this.byId.put(secondary.id, secondary, undefined);
  }

  replace(former: User, secondary: User): void {
    const primary = this.primaryKeyOf(former) as string;
    const users = this.secondaries.get(primary) ?? [];
    this.secondaries.set(
      primary,
      users.map((user) => (user === former ? secondary : user)),
    );
    this.byId.put(secondary.id, secondary, former);
  }

  /** Those that were linked to the primary. */
  deletePrimary(primary: User): readonly User[] {
    const users = this.secondariesOf(primary);
    for (const user of users) {
      this.primaries.delete(keyOf(user));
      this.byId.delete(user.id, user);
    }
    this.secondaries.delete(keyOf(primary));
    return users;
  }

  clear(): void {
    this.secondaries.clear();
    this.primaries.clear();
    this.byId.clear();
  }
}
