import type { Connection } from "./connections";

/**
 * A user of a database connection. Immutable, so that a copy of the list is a copy of the store; and compact, as
 * there may be a million: what is neither a key nor needed for finding the user stays JSON text.
 */
export interface User {
  /** With its `auth0|`. */
  readonly id: string;
  readonly connectionId: string;
  /** In lower case, like the username. */
  readonly email: string;
  readonly username: string | undefined;
  readonly phoneNumber: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** JSON of {@link Attributes}. */
  readonly attributes: string;
}

/** Everything else about a user, under the names of the users file, secrets included. */
export type Attributes = Record<string, unknown>;

/** How often records with one identity were sent to a connection, and what became of them. Immutable. */
export interface Tally {
  readonly sent: number;
  readonly inserted: number;
  readonly updated: number;
}

const nothingYet: Tally = { sent: 0, inserted: 0, updated: 0 };

interface Database {
  byEmail: Map<string, User>;
  byUsername: Map<string, User>;
  byPhoneNumber: Map<string, User>;
  tallies: Map<string, Tally>;
}

/** The users of all connections. User ids are unique in the tenant, the other keys in their connection. */
export class UserStore {
  private readonly byId = new Map<string, User>();
  private readonly databases = new Map<string, Database>();

  private changes = 0;

  /** Grows with every change. */
  get revision(): number {
    return this.changes;
  }

  get size(): number {
    return this.byId.size;
  }

  all(): IterableIterator<User> {
    return this.byId.values();
  }

  get(id: string): User | undefined {
    return this.byId.get(id);
  }

  findByEmail(connectionId: string, email: string): User | undefined {
    return this.database(connectionId).byEmail.get(email);
  }

  findByUsername(connectionId: string, username: string): User | undefined {
    return this.database(connectionId).byUsername.get(username);
  }

  findByPhoneNumber(connectionId: string, phoneNumber: string): User | undefined {
    return this.database(connectionId).byPhoneNumber.get(phoneNumber);
  }

  /** Users with this email in any connection. */
  findEverywhere(email: string): User[] {
    return [...this.databases.values()].flatMap(({ byEmail }) => byEmail.get(email) ?? []);
  }

  /** Adds the user, or replaces the one with its id. Its keys must be free. */
  put(user: User): void {
    this.changes += 1;
    const previous = this.byId.get(user.id);
    // Most replacements keep their keys, and taking a key out of a large map to put it back is slow.
    if (previous && !hasSameKeys(previous, user)) this.removeKeys(previous);
    this.byId.set(user.id, user);
    const { byEmail, byUsername, byPhoneNumber } = this.database(user.connectionId);
    byEmail.set(user.email, user);
    if (user.username !== undefined) byUsername.set(user.username, user);
    if (user.phoneNumber !== undefined) byPhoneNumber.set(user.phoneNumber, user);
  }

  delete(user: User): void {
    this.changes += 1;
    this.removeKeys(user);
    this.byId.delete(user.id);
  }

  clear(): void {
    this.changes += 1;
    this.byId.clear();
    this.databases.clear();
  }

  count(connectionId: string, identity: string, event: keyof Tally): void {
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

  private removeKeys(user: User): void {
    const { byEmail, byUsername, byPhoneNumber } = this.database(user.connectionId);
    byEmail.delete(user.email);
    if (user.username !== undefined) byUsername.delete(user.username);
    if (user.phoneNumber !== undefined) byPhoneNumber.delete(user.phoneNumber);
  }

  private database(connectionId: string): Database {
    let database = this.databases.get(connectionId);
    if (!database) {
      database = { byEmail: new Map(), byUsername: new Map(), byPhoneNumber: new Map(), tallies: new Map() };
      this.databases.set(connectionId, database);
    }
    return database;
  }
}

function hasSameKeys(a: User, b: User): boolean {
  return a.email === b.email && a.username === b.username && a.phoneNumber === b.phoneNumber;
}

const notShown = ["password_hash", "custom_password_hash", "mfa_factors"];

/** The user as `GET /api/v2/users/{id}` shows it. */
export function toProfile(user: User, connection: Connection | undefined): Record<string, unknown> {
  const profile: Record<string, unknown> = {
    user_id: user.id,
    email: user.email,
    ...(user.username !== undefined && { username: user.username }),
    ...(user.phoneNumber !== undefined && { phone_number: user.phoneNumber }),
    ...(JSON.parse(user.attributes) as Attributes),
    identities: [
      {
        connection: connection?.name,
        provider: "auth0",
        user_id: user.id.slice(user.id.indexOf("|") + 1),
        isSocial: false,
      },
    ],
    created_at: new Date(user.createdAt).toISOString(),
    updated_at: new Date(user.updatedAt).toISOString(),
  };
  for (const attribute of notShown) delete profile[attribute];
  return profile;
}
