import type { Clock } from "./clock";
import type { Connection } from "./connections";
import type { User, UserStore } from "./userStore";

/** A connection that was deleted while it had users. */
export interface ConnectionDeletion {
  readonly connection: Connection;
  /** Milliseconds since the epoch. */
  readonly deletedAt: number;
  /** How many of its users are gone so far. */
  gone: number;
}

interface Pending extends ConnectionDeletion {
  /** The one whose turn is next, and those behind; not yet looked for before the first turn. */
  left?: { next: User | undefined; readonly others: Iterator<User, undefined> };
}

/**
 * Connections whose users are being deleted, as many in a second as a job imports. Until the last one is gone the
 * connection's name stays taken.
 */
export class ConnectionDeletions {
  private readonly pending = new Set<Pending>();
  private changes = 0;

  constructor(
    private readonly users: UserStore,
    private readonly clock: Clock,
    private readonly usersPerSecond: number,
  ) {}

  /** Grows with every change. */
  get revision(): number {
    return this.changes;
  }

  all(): ConnectionDeletion[] {
    return [...this.pending].map(({ connection, deletedAt, gone }) => ({ connection, deletedAt, gone }));
  }

  begin(connection: Connection): void {
    this.restore({ connection, deletedAt: this.clock.now(), gone: 0 });
    this.advance();
  }

  /** Takes one over from a data file. */
  restore(deletion: ConnectionDeletion): void {
    this.changes += 1;
    this.pending.add({ ...deletion });
  }

  hasName(name: string): boolean {
    return [...this.pending].some(({ connection }) => connection.name === name);
  }

  /** Deletes the users who are due by now. */
  advance(): void {
    for (const deletion of this.pending) {
      const seconds = (this.clock.now() - deletion.deletedAt) / 1000;
      const due = this.usersPerSecond === 0 ? Number.POSITIVE_INFINITY : Math.floor(seconds * this.usersPerSecond);
      deletion.left ??= this.usersOf(deletion.connection);
      const { left } = deletion;
      while (left.next && deletion.gone < due) {
        // As it is by now, if it is still there.
        const user = this.users.getIn(deletion.connection.id, left.next.id);
        if (user) this.users.delete(user);
        deletion.gone += 1;
        left.next = left.others.next().value;
      }
      if (left.next) continue;
      this.changes += 1;
      this.pending.delete(deletion);
    }
  }

  clear(): void {
    this.pending.clear();
  }

  private usersOf(connection: Connection) {
    const others = usersOf(this.users, connection);
    return { next: others.next().value, others };
  }
}

function* usersOf(users: UserStore, { id }: Connection): Iterator<User, undefined> {
  // A map's own iterator goes on where it is, whatever is deleted or put meanwhile.
  for (const user of users.all()) if (user.connectionId === id) yield user;
  return undefined;
}
