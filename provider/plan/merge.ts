import { flawsOf, noteFlaws } from "../json/flaws";
import { isAbsent, normalizeUser, type User } from "../schema/identity";
import { Column } from "../source/column";
import { isObject } from "../source/jsonFormat";

/** Of these, each key is merged by itself. Deeper levels are not looked into, as Auth0's own updates don't. */
const METADATA: ReadonlySet<string> = new Set(["user_metadata", "app_metadata"]);

/** A user has one of them: who gets the one, loses the other. */
const HASHES: ReadonlySet<string> = new Set(["password_hash", "custom_password_hash"]);

/**
 * What several records say of one user, together, as it is sent. Attribute by attribute the last one that says something
 * counts; of metadata, key by key at the first level. `null` and an empty text say nothing, so they take nothing away.
 *
 * @param records in the order of their files; of one user
 */
export function mergeRecords(records: readonly User[]): User {
  // Not an object: a key `__proto__` would be none of its own.
  const merged = new Map<string, unknown>();
  for (const record of records) {
    for (const [name, value] of Object.entries(normalizeUser(record))) {
      if (isAbsent(name, value)) continue;
      if (HASHES.has(name)) for (const hash of HASHES) merged.delete(hash);
      merged.set(name, METADATA.has(name) ? mergeKeys(merged.get(name), value) : value);
    }
  }
  const user = Object.fromEntries(merged);
  for (const record of records) noteFlaws(user, flawsOf(record));
  return user;
}

function mergeKeys(earlier: unknown, later: unknown): unknown {
  if (!isObject(earlier) || !isObject(later)) return later;
  const keys = new Map(Object.entries(earlier));
  for (const [key, value] of Object.entries(later)) if (value !== null || !keys.has(key)) keys.set(key, value);
  return Object.fromEntries(keys);
}

/** Which records are merged: each that counts with the one of an earlier file before it, and that with the one before. */
export class Merges {
  /** The number of the record before, plus 1. */
  readonly #before = new Column((length) => new Uint32Array(length));
  isEmpty = true;

  add(index: number, earlier: number): void {
    this.#before.set(index, earlier + 1);
    this.isEmpty = false;
  }

  /** The records of earlier files, in their order; none where it is not merged. */
  earlierThan(index: number): readonly number[] {
    const first = this.#before.at(index);
    if (first === 0) return NONE;
    const earlier = [first - 1];
    for (let each = this.#before.at(first - 1); each > 0; each = this.#before.at(each - 1)) earlier.unshift(each - 1);
    return earlier;
  }
}

const NONE: readonly number[] = [];
