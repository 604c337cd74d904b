import type { User } from "./userStore";

/** Users by a key that few of them share: a list stands only where there is more than one. */
export class UserIndex {
  private readonly entries = new Map<string, User | User[]>();

  /** Of those with the key, the one that has it longest. */
  first(key: string): User | undefined {
    const entry = this.entries.get(key);
    return Array.isArray(entry) ? entry[0] : entry;
  }

  all(key: string): readonly User[] {
    const entry = this.entries.get(key);
    return entry === undefined ? [] : Array.isArray(entry) ? entry : [entry];
  }

  /** Adds the user, in the place of its former self if that has the key. */
  put(key: string, user: User, former: User | undefined): void {
    const entry = this.entries.get(key);
    if (entry === undefined || entry === former) {
      this.entries.set(key, user);
    } else if (Array.isArray(entry)) {
      const at = former ? entry.indexOf(former) : -1;
      if (at < 0) entry.push(user);
      else entry[at] = user;
    } else {
      this.entries.set(key, [entry, user]);
    }
  }

  delete(key: string, user: User): void {
    const entry = this.entries.get(key);
    if (entry === user) {
      this.entries.delete(key);
    } else if (Array.isArray(entry)) {
      const others = entry.filter((other) => other !== user);
      this.entries.set(key, others.length === 1 ? (others[0] as User) : others);
    }
  }

  clear(): void {
    this.entries.clear();
  }

  *values(): IterableIterator<User> {
    for (const entry of this.entries.values()) {
      if (Array.isArray(entry)) yield* entry;
      else yield entry;
    }
  }
}
