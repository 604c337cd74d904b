import { keyOf } from "./userLinks";
import type { User, UserStore } from "./userStore";

interface Former {
  /** When it ceased to be so: milliseconds since the epoch. */
  readonly until: number;
  readonly user: User;
}

/**
 * What users were until a short while ago, for readers who see changes late. Nothing is kept unless somebody wants it:
 * in most tenants nobody does, and a million changes cost nothing.
 */
export class UserHistory {
  /** Oldest first, as sets are. */
  private readonly changed = new Set<Former>();
  private readonly deleted = new Set<Former>();

  /** @param horizon how many milliseconds back anybody may look */
  constructor(private readonly horizon: () => number) {}

  noteChange(user: User, now: number): void {
    note(this.changed, { user, until: now }, this.horizon());
  }

  noteDeletion(user: User, now: number): void {
    note(this.deleted, { user, until: now }, this.horizon());
  }

  /** By the user's key, what was changed or deleted after the time: as it was then. */
  changedSince(time: number): Map<string, User> {
    return since(this.changed, time);
  }

  deletedSince(time: number): Map<string, User> {
    return since(this.deleted, time);
  }

  clear(): void {
    this.changed.clear();
    this.deleted.clear();
  }
}

function note(formers: Set<Former>, former: Former, horizon: number): void {
  for (const old of formers) {
    if (old.until > former.until - horizon) break;
    formers.delete(old);
  }
  if (horizon > 0) formers.add(former);
}

function since(formers: Set<Former>, time: number): Map<string, User> {
  const users = new Map<string, User>();
  for (const { user, until } of formers) {
    // Of several changes the first one tells what was before all of them.
    if (until > time && !users.has(keyOf(user))) users.set(keyOf(user), user);
  }
  return users;
}

/** The users as somebody sees them who learns of changes, and of deletions, up to some time only. */
export class UserView {
  private readonly changed: ReadonlyMap<string, User>;
  private readonly deleted: ReadonlyMap<string, User>;

  /** @param changes those after it are not seen; `deletions` likewise. Milliseconds since the epoch */
  constructor(
    private readonly users: UserStore,
    private readonly changes: number,
    deletions: number,
  ) {
    this.changed = users.history.changedSince(changes);
    this.deleted = users.history.deletedSince(deletions);
  }

  get(id: string): User | undefined {
    return this.withId(id)[0];
  }

  withId(id: string): User[] {
    return this.see(this.users.withId(id), (user) => user.id === id);
  }

  withEmail(email: string): User[] {
    return this.see(this.users.withEmail(email), (user) => user.email === email);
  }

  *all(): IterableIterator<User> {
    for (const user of this.users.all()) {
      const seen = this.seen(user);
      if (seen) yield seen;
    }
    for (const user of this.deleted.values()) if (this.lingers(user)) yield this.formerOf(user);
  }

  private see(present: readonly User[], fits: (user: User) => boolean): User[] {
    const users = new Set<User>();
    for (const user of present) {
      const seen = this.seen(user);
      if (seen && fits(seen)) users.add(seen);
    }
    for (const user of this.changed.values()) {
      const there = this.users.getIn(user.connectionId, user.id);
      if (there && fits(user) && this.seen(there) === user) users.add(user);
    }
    for (const user of this.deleted.values()) {
      if (this.lingers(user) && fits(this.formerOf(user))) users.add(this.formerOf(user));
    }
    return [...users];
  }

  /** The user who is there now, as it was then. */
  private seen(user: User): User | undefined {
    if (user.createdAt > this.changes) return undefined;
    return this.changed.size === 0 ? user : this.formerOf(user);
  }

  private lingers(user: User): boolean {
    if (user.createdAt > this.changes) return false;
    const there = this.users.getIn(user.connectionId, user.id);
    return there === undefined || this.seen(there) === undefined;
  }

  private formerOf(user: User): User {
    const former = this.changed.get(keyOf(user));
    // One with this id that was there before is somebody else.
    return former && former.createdAt === user.createdAt ? former : user;
  }
}
