import type { Clock } from "./clock";
import { UserHistory } from "./userHistory";
import { UserIndex } from "./userIndex";
import { keyOf, UserLinks } from "./userLinks";

/**
 * A user of a connection. Immutable, so that a copy of the list is a copy of the store; and compact, as there may be a
 * million: what is neither a key nor needed for finding the user stays JSON text.
 */
export interface User {
  /** With its `auth0|`, or what else its connection's strategy is. */
  readonly id: string;
  readonly connectionId: string;
  /** In lower case, like the username. */
  readonly email: string | undefined;
  readonly username: string | undefined;
  readonly phoneNumber: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** JSON of {@link Attributes}. */
  readonly attributes: string;
}

/**
 * Everything else about a user, under the names of the users file and of `GET /api/v2/users/{id}`, secrets included:
 * `logins_count`, `last_login`, `last_ip` and `last_password_reset`, too, which a fresh user lacks.
 */
export type Attributes = Record<string, unknown>;

/** How often records with one identity were sent to a connection, and what became of them. Immutable. */
export interface Tally {
  readonly sent: number;
  readonly inserted: number;
  readonly updated: number;
}

const nothingYet: Tally = { sent: 0, inserted: 0, updated: 0 };

interface Database {
  byEmail: UserIndex;
  byUsername: UserIndex;
  byPhoneNumber: UserIndex;
  tallies: Map<string, Tally>;
}

/**
 * The users of all connections. Who may share a key with whom is up to those who put them in: here a `user_id` may be
 * in several connections, and several users of one may have the same email.
 */
export class UserStore {
  private readonly byId = new UserIndex();
  private readonly databases = new Map<string, Database>();
  private readonly links = new UserLinks();
  readonly history: UserHistory;
  /** Is told of each user who is deleted, or becomes an identity of another. */
  onGone: (user: User) => void = () => {};
  private count = 0;
  private changes = 0;

  /** @param horizon how many milliseconds back {@link history} has to reach */
  constructor(
    private readonly clock: Clock,
    horizon: () => number,
  ) {
    this.history = new UserHistory(horizon);
  }

  /** Grows with every change. */
  get revision(): number {
    return this.changes;
  }

  /** How many there are, without those who became identities of others. */
  get size(): number {
    return this.count;
  }

  all(): IterableIterator<User> {
    return this.byId.values();
  }

  /** The first, where connections share the id. */
  get(id: string): User | undefined {
    return this.byId.first(id);
  }

  withId(id: string): readonly User[] {
    return this.byId.all(id);
  }

  getIn(connectionId: string, id: string): User | undefined {
    return this.byId.all(id).find((user) => user.connectionId === connectionId);
  }

  /** The user as it is by now, also where it became an identity of another. */
  current(user: User): User | undefined {
    return this.holdersOf(user.id).find(({ connectionId }) => connectionId === user.connectionId);
  }

  /** Those with the id, those who became identities of others among them. */
  holdersOf(id: string): readonly User[] {
    const linked = this.links.withId(id);
    return linked.length === 0 ? this.byId.all(id) : [...this.byId.all(id), ...linked];
  }

  /** One who became an identity of another is found, too: it keeps its email. So with the other two. */
  findByEmail(connectionId: string, email: string): User | undefined {
    return this.database(connectionId).byEmail.first(email);
  }

  findByUsername(connectionId: string, username: string): User | undefined {
    return this.database(connectionId).byUsername.first(username);
  }

  findByPhoneNumber(connectionId: string, phoneNumber: string): User | undefined {
    return this.database(connectionId).byPhoneNumber.first(phoneNumber);
  }

  /** Users with this email in any connection. */
  withEmail(email: string): User[] {
    return [...this.databases.values()].flatMap(({ byEmail }) =>
      byEmail.all(email).filter((user) => !this.isLinked(user)),
    );
  }

  /** Adds the user, or replaces the one with its id in its connection. */
  put(user: User): void {
    this.changes += 1;
    const former = this.current(user);
    if (former) {
      const now = this.clock.now();
      this.history.noteChange(former, former.updatedAt < user.updatedAt ? user.updatedAt : now);
    } else {
      this.count += 1;
    }
    if (former && this.isLinked(former)) this.links.replace(former, user);
    else this.byId.put(user.id, user, former);
    this.putKeys(user, former);
  }

  delete(user: User): void {
    this.changes += 1;
    this.history.noteDeletion(user, this.clock.now());
    this.count -= 1;
    this.byId.delete(user.id, user);
    for (const each of [user, ...this.links.deletePrimary(user)]) this.deleteKeys(each);
    this.onGone(user);
  }

  /** Makes the one user an identity of the other; what was linked to it comes along. */
  link(primary: User, secondary: User): void {
    this.changes += 1;
    this.count -= 1;
    this.byId.delete(secondary.id, secondary);
    for (const user of [secondary, ...this.links.deletePrimary(secondary)]) this.links.add(keyOf(primary), user);
    this.onGone(secondary);
  }

  /** The users who became identities of this one, in the order of linking. */
  secondariesOf(primary: User): readonly User[] {
    return this.links.secondariesOf(primary);
  }

  isLinked(user: User): boolean {
    return this.links.primaryKeyOf(user) !== undefined;
  }

  /** The user whose identity this one became. */
  primaryOf(user: User): User | undefined {
    const key = this.links.primaryKeyOf(user);
    return key === undefined ? undefined : this.byKey(key);
  }

  /** All who became identities of others, each with the other one's id and connection. */
  *linked(): IterableIterator<{ primary: User; secondary: User }> {
    for (const secondary of this.links.all()) {
      const primary = this.primaryOf(secondary);
      if (primary) yield { primary, secondary };
    }
  }

  clear(): void {
    this.changes += 1;
    this.count = 0;
    this.byId.clear();
    this.links.clear();
    this.history.clear();
    this.databases.clear();
  }

  tally(connectionId: string, identity: string, event: keyof Tally): void {
    this.changes += 1;
    const { tallies } = this.database(connectionId);
    const tally = tallies.get(identity) ?? nothingYet;
    tallies.set(identity, { ...tally, [event]: tally[event] + 1 });
  }

  setTally(connectionId: string, identity: string, tally: Tally): void {
    this.database(connectionId).tallies.set(identity, tally);
  }

  *tallies(): IterableIterator<[connectionId: string, tallies: ReadonlyMap<string, Tally>]> {
    for (const [connectionId, { tallies }] of this.databases) yield [connectionId, tallies];
  }

  private byKey(key: string): User | undefined {
    const space = key.indexOf(" ");
    return this.getIn(key.slice(0, space), key.slice(space + 1));
  }

  private putKeys(user: User, former: User | undefined): void {
    const { byEmail, byUsername, byPhoneNumber } = this.database(user.connectionId);
    replaceKey(byEmail, user.email, user, former?.email, former);
    replaceKey(byUsername, user.username, user, former?.username, former);
    replaceKey(byPhoneNumber, user.phoneNumber, user, former?.phoneNumber, former);
  }

  private deleteKeys(user: User): void {
    const { byEmail, byUsername, byPhoneNumber } = this.database(user.connectionId);
    if (user.email !== undefined) byEmail.delete(user.email, user);
    if (user.username !== undefined) byUsername.delete(user.username, user);
    if (user.phoneNumber !== undefined) byPhoneNumber.delete(user.phoneNumber, user);
  }

  private database(connectionId: string): Database {
    let database = this.databases.get(connectionId);
    if (!database) {
      database = {
        byEmail: new UserIndex(),
        byUsername: new UserIndex(),
        byPhoneNumber: new UserIndex(),
        tallies: new Map(),
      };
      this.databases.set(connectionId, database);
    }
    return database;
  }
}

function replaceKey(
  index: UserIndex,
  key: string | undefined,
  user: User,
  formerKey: string | undefined,
  former: User | undefined,
): void {
  // Most replacements keep their keys, and taking a key out of a large map to put it back is slow.
  if (former && formerKey !== undefined && formerKey !== key) index.delete(formerKey, former);
  if (key !== undefined) index.put(key, user, former);
}
