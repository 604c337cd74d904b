import type { BooleanAttribute } from "../ledger/attributes";
import type { User } from "../schema/identity";
import {
  COMPARED,
  type ComparedAttribute,
  compareUser,
  isMetadata,
  isStated,
  normalValue,
  type TenantRecord,
  type Unlike,
} from "./equal";
import { IdentifierTable } from "./identifierTable";
import { valueHash } from "./valueHash";

/*
 * What an export says, indexed: who is there, by every identifier, and whether they are as a record says. Of each user
 * numbers are kept, and no text: some 80 bytes. Whoever needs the user reads the line again, by its number.
 *
 * - `find…` tell the numbers of the lines that have an identifier, first line first. Where an email is nobody's alone,
 *   there are several.
 * - `isAs` compares by hashes, without reading: `true` is certain but for odds of 2^-32 in each attribute. Where it says
 *   `false`, `compare` tells what is unlike by the rules of equal.ts, and reads the line where it has to.
 * - A line is `linked` where the identity of this connection that was looked for is a secondary one: the account is there,
 *   under somebody else's profile. It is not to be compared, written to, or deleted.
 */

/** A line of an export in which an identifier was found. */
export interface Found {
  /** The number of the line, from 0. */
  readonly line: number;
  readonly isLinked: boolean;
}

/** What each kind of identifier is in the table. An id is the one within the connection, without `auth0|`. */
const KINDS = { user_id: 1, email: 2, username: 3, phone_number: 4 } as const;

/** By which a user is found. `user_id` without the prefix that Auth0 adds. */
export type FoundBy = "user_id" | "email" | "username" | "phone_number";

const DATABASE = "auth0";

/** An id and an email: what most users have. */
const IDENTIFIERS_EACH = 2;

const NONE: readonly Found[] = [];

/** Attributes of which a hash is kept; those that are true or false are bits. In the order of {@link COMPARED}. */
const HASHED = COMPARED.filter((attribute) => !isTruth(attribute));
const TRUTHS = COMPARED.filter(isTruth);

function isTruth(attribute: string): boolean {
  return attribute === "blocked" || attribute.endsWith("_verified");
}

/** A line in numbers: those hashes, then the bits. Side by side, since memory is what a comparison waits for. */
const ROW = HASHED.length + 1;
const CHUNK_BITS = 12;
const CHUNK = 2 ** CHUNK_BITS;

/** The bits of a line, after those of {@link TRUTHS}. */
const INCOMPARABLE = { user_metadata: 1 << 3, app_metadata: 1 << 4 };

/** The users of one connection, as they were when the export began. */
export class CensusIndex {
  readonly #identifiers: IdentifierTable;
  readonly #rows: Uint32Array[] = [];
  /** How many lines have something in each attribute. */
  readonly #having = COMPARED.map(() => 0);
  #lines = 0;

  /**
   * @param readLine a line again, by its number.
   * @param connection whose identities count; all database connections', where it is `undefined`.
   * @param expected about how many users there will be, where that is known.
   */
  constructor(
    private readonly readLine: (line: number) => Promise<TenantRecord>,
    private readonly connection?: string,
    expected = 0,
  ) {
    this.#identifiers = new IdentifierTable(IDENTIFIERS_EACH * expected);
  }

  /** How many users there are. */
  get lines(): number {
    return this.#lines;
  }

  /** Adds the user of the next line. */
  add(user: TenantRecord): void {
    const line = this.#lines++;
    if (line % CHUNK === 0) this.#rows.push(new Uint32Array(ROW * CHUNK));
    const rows = this.#rows[line >>> CHUNK_BITS] as Uint32Array;
    const row = rowOf(line);
    let bits = 0;
    for (let i = 0; i < TRUTHS.length; i++) {
      if (user[TRUTHS[i] as string] !== true) continue;
      bits |= 1 << i;
      this.#count(HASHED.length + i);
    }
    for (let i = 0; i < HASHED.length; i++) {
      const attribute = HASHED[i] as ComparedAttribute;
      const value = normalValue(attribute, user[attribute]);
      if (value === undefined) continue;
      this.#count(i);
      const hash = valueHash(value);
      if (hash > 0) rows[row + i] = hash;
      else if (isMetadata(attribute)) bits |= INCOMPARABLE[attribute];
    }
    rows[row + HASHED.length] = bits;
    this.#addIdentifiers(line, user);
  }

  /** The lines with this identifier of a user of the connection; emails and usernames in any case. */
  find(by: FoundBy, value: string): readonly Found[] {
    return this.#find(KINDS[by], by === "email" || by === "username" ? value.toLowerCase() : value);
  }

  /** Whether the tenant has all that a record states just so; `false` where `compare` has to tell. */
  isAs(line: number, said: User): boolean {
    const bits = this.#at(line, HASHED.length);
    for (let i = 0; i < TRUTHS.length; i++) {
      if (this.#truth(bits, i, said) === "other") return false;
    }
    for (let i = 0; i < HASHED.length; i++) {
      if (this.#likeness(line, bits, i, said) !== "same") return false;
    }
    return true;
  }

  /** What of a record the tenant does not have just so. Reads the line only where hashes can't tell. */
  async compare(line: number, said: User): Promise<Unlike[]> {
    const bits = this.#at(line, HASHED.length);
    const unlike: Unlike[] = [];
    for (const attribute of COMPARED) {
      const truth = TRUTHS.indexOf(attribute);
      const likeness =
        truth < 0 ? this.#likeness(line, bits, HASHED.indexOf(attribute), said) : this.#truth(bits, truth, said);
      if (likeness === "unknown") return compareUser(said, await this.read(line));
      if (likeness === "other") unlike.push({ attribute, likeness });
    }
    return unlike;
  }

  /** Whether the tenant has `true` in an attribute that is true or false. */
  isTrue(line: number, attribute: BooleanAttribute): boolean {
    return ((this.#at(line, HASHED.length) >> TRUTHS.indexOf(attribute)) & 1) > 0;
  }

  /** How many lines have a value of this attribute, other than `false` or nothing. */
  having(attribute: ComparedAttribute): number {
    return this.#having[COMPARED.indexOf(attribute)] as number;
  }

  /** The user of a line. */
  read(line: number): Promise<TenantRecord> {
    return this.readLine(line);
  }

  #at(line: number, i: number): number {
    return (this.#rows[line >>> CHUNK_BITS] as Uint32Array)[rowOf(line) + i] as number;
  }

  #count(attribute: number): void {
    this.#having[attribute] = (this.#having[attribute] as number) + 1;
  }

  #truth(bits: number, truth: number, said: User): "same" | "other" {
    const value = said[TRUTHS[truth] as string];
    return !isStated(value) || (value === true) === ((bits >> truth) & 1) > 0 ? "same" : "other";
  }

  /** By hashes: `unknown` where the line has to be read. */
  #likeness(line: number, bits: number, i: number, said: User): "same" | "other" | "unknown" {
    const attribute = HASHED[i] as (typeof HASHED)[number];
    if (!isStated(said[attribute])) return "same";
    const value = normalValue(attribute, said[attribute]);
    const there = this.#at(line, i);
    const isUncertain = isMetadata(attribute) && (bits & INCOMPARABLE[attribute]) > 0;
    if (value === undefined || (there === 0 && !isUncertain)) {
      return value === undefined && there === 0 && !isUncertain ? "same" : "other";
    }
    return !isUncertain && valueHash(value) === there ? "same" : "unknown";
  }

  #find(kind: number, key: string): readonly Found[] {
    const values = this.#identifiers.find(kind, key);
    if (values.length === 0) return NONE;
    const found: Found[] = [];
    for (const value of values) found.push({ line: value >>> 1, isLinked: (value & 1) === 1 });
    return found;
  }

  /** A line without any identity, as a hand-made export may have, counts as one of the connection's. */
  #addIdentifiers(line: number, user: TenantRecord): void {
    const identities = identitiesOf(user);
    let own = -1;
    for (let i = 0; i < identities.length; i++) {
      const identity = identities[i] as Identity;
      if (!this.#isOwn(identity)) continue;
      if (own < 0) own = i;
      const isLinked = i > 0;
      if (isLinked) this.#addNames(line, profileOf(identity), true);
      const { user_id } = identity;
      // Of some providers it is a number.
      if (isText(user_id) || typeof user_id === "number") this.#add(KINDS.user_id, String(user_id), line, isLinked);
    }
    if (identities.length === 0 || own >= 0) this.#addNames(line, user, own > 0);
  }

  #addNames(line: number, { email, username, phone_number }: TenantRecord, isLinked: boolean): void {
    if (isText(email)) this.#add(KINDS.email, email.toLowerCase(), line, isLinked);
    if (isText(username)) this.#add(KINDS.username, username.toLowerCase(), line, isLinked);
    if (isText(phone_number)) this.#add(KINDS.phone_number, phone_number, line, isLinked);
  }

  #add(kind: number, text: string, line: number, isLinked: boolean): void {
    this.#identifiers.add(kind, text, 2 * line + (isLinked ? 1 : 0));
  }

  #isOwn({ provider, connection }: Identity): boolean {
    return this.connection === undefined ? provider === DATABASE : connection === this.connection;
  }
}

/** Where a line's numbers begin in its chunk. */
function rowOf(line: number): number {
  return ROW * (line & (CHUNK - 1));
}

/** One of a user's identities, as Auth0 tells it, unchecked. */
export interface Identity {
  readonly provider?: unknown;
  readonly connection?: unknown;
  readonly user_id?: unknown;
  /** Of a secondary identity: its own email and the like. */
  readonly profileData?: unknown;
}

/**
 * Who a line is about: as its identities say, the primary one first, or else its `user_id`, with or without a prefix.
 * What the Dashboard calls «Connection» is a name alone, and no identity.
 */
export function identitiesOf({ identities, user_id }: TenantRecord): readonly Identity[] {
  if (Array.isArray(identities)) return identities.every(isIdentity) ? identities : identities.filter(isIdentity);
  const [, provider, id] = /^([^|]*)\|(.*)$/s.exec(isText(user_id) ? user_id : "") ?? [];
  if (provider !== undefined && id !== undefined) return [{ provider, user_id: id }];
  return isText(user_id) ? [{ provider: DATABASE, user_id }] : [];
}

function isIdentity(value: unknown): value is Identity {
  return typeof value === "object" && value !== null;
}

export function profileOf({ profileData }: Identity): TenantRecord {
  return typeof profileData === "object" && profileData !== null ? (profileData as TenantRecord) : {};
}

/** Whether a user has signed in or set a password: then an imported hash is of no use any more. */
export function isUsed({ last_login, logins_count, last_password_reset }: TenantRecord): boolean {
  return isStated(last_login) || isStated(last_password_reset) || (isStated(logins_count) && logins_count !== 0);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
