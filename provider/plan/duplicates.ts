import type { User } from "../schema/identity";
import { textHash } from "./textHash";

/** The attributes that no two users of a connection may share. */
export const UNIQUE_ATTRIBUTES = ["email", "user_id", "username", "phone_number"] as const;

export type UniqueAttribute = (typeof UNIQUE_ATTRIBUTES)[number];

/** An attribute that an earlier record has with the same value. */
export interface SeenBefore {
  readonly attribute: UniqueAttribute;
  /** The number of the first such record. */
  readonly earlier: number;
}

/** What makes two records collide: the attribute's value in lower case. Empty is not a value. */
export function uniqueValue(user: User, attribute: UniqueAttribute): string | undefined {
  const value = user[attribute];
  return typeof value === "string" && value !== "" ? value.toLowerCase() : undefined;
}

/**
 * A slot of the table, in units of 16 bits: a hash in three, the record's number plus 1 in two, which are 0 where the slot
 * is free.
 */
const SLOT = 5;
const UNIT = 2 ** 16;

const NONE: readonly SeenBefore[] = [];

/**
 * Learns the identifiers of each record of a source in turn, and tells which earlier record has one of them.
 *
 * It keeps a 48-bit hash of each in an open-addressing table, 13 to 27 bytes an identifier, and not the identifier. So
 * whether two records really share it, is for the caller to see; of a million users with two identifiers each, two only
 * seem to in one file of 140.
 */
export class IdentifierIndex {
  #table: Uint16Array;
  /** Slots of the table for each of all hashes. */
  #scale: number;
  #used = 0;

  /** @param expected about how many identifiers there will be, where that is known: it need not grow then. */
  constructor(expected = 0) {
    const slots = Math.ceil(Math.max(1024, (4 * (expected + 1)) / 3));
    this.#table = new Uint16Array(SLOT * slots);
    this.#scale = slots / 2 ** 32;
  }

  /**
   * @param index the record's number, below 2^32 - 1
   * @param user as `normalizeUser` returns it
   * @returns for each identifier that was seen before, the first record that probably has it
   */
  add(index: number, user: User): readonly SeenBefore[] {
    let seen = NONE;
    for (const attribute of UNIQUE_ATTRIBUTES) {
      const value = uniqueValue(user, attribute);
      if (value === undefined) continue;
      const earlier = this.#learn(index, attribute, value);
      if (earlier !== undefined) seen = [...seen, { attribute, earlier }];
    }
    return seen;
  }

  /** Notes the record as the one with this identifier, unless there is one. */
  #learn(index: number, attribute: UniqueAttribute, value: string): number | undefined {
    // At three quarters full, a search takes some eight steps through neighbouring memory.
    if (4 * SLOT * (this.#used + 1) > 3 * this.#table.length) this.#grow();
    const [high, low] = hash(attribute, value);
    const at = this.#find(high & 0xffff, low);
    const known = this.#numberAt(at);
    if (known > 0) return known - 1;
    this.#put(at, high & 0xffff, low, index + 1);
    this.#used++;
    return undefined;
  }

  /** Where in the table the hash, of 16 bits and 32, is, or would have its place. */
  #find(high: number, low: number): number {
    const table = this.#table;
    const [middle, lowest] = [low >>> 16, low & 0xffff];
    // There may be any number of slots.
    for (let at = SLOT * Math.floor(low * this.#scale); ; at += SLOT) {
      if (at === table.length) at = 0;
      if (table[at] === high && table[at + 1] === middle && table[at + 2] === lowest) return at;
      if (table[at + 3] === 0 && table[at + 4] === 0) return at;
    }
  }

  #put(at: number, high: number, low: number, value: number): void {
    const table = this.#table;
    table[at] = high;
    table[at + 1] = low >>> 16;
    table[at + 2] = low & 0xffff;
    table[at + 3] = value >>> 16;
    table[at + 4] = value & 0xffff;
  }

  #numberAt(at: number): number {
    return (this.#table[at + 3] as number) * UNIT + (this.#table[at + 4] as number);
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint16Array(2 * old.length);
    this.#scale *= 2;
    for (let at = 0; at < old.length; at += SLOT) {
      const value = (old[at + 3] as number) * UNIT + (old[at + 4] as number);
      if (value === 0) continue;
      const [high, low] = [old[at] as number, ((old[at + 1] as number) * UNIT + (old[at + 2] as number)) >>> 0];
      this.#put(this.#find(high, low), high, low, value);
    }
  }
}

function hash(attribute: UniqueAttribute, text: string): [high: number, low: number] {
  return textHash(Math.imul(UNIQUE_ATTRIBUTES.indexOf(attribute) + 1, 0x9e3779b1), text);
}
