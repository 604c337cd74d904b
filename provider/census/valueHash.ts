import { ExactNumber } from "../json/exactNumber";
import { MAX_DEPTH } from "../source/depth";
import { isInexact } from "./equal";

/** Whether what was hashed can't be compared: set on the way, since to look for it would be another walk. */
let isIncomparable = false;

/**
 * 32 bits of a value of JSON, of which the order of keys is no part, and neither are keys that are `null`: what
 * `compareJson` calls the same has the same. Two others have it with odds of 2^-32.
 *
 * @returns 0 where it can't be compared (see `isIncomparable` of equal.ts), and for nothing else.
 */
export function valueHash(value: unknown): number {
  isIncomparable = false;
  const hash = hashOf(value, MAX_DEPTH);
  return isIncomparable ? 0 : hash || 1;
}

const PRIME = 0x9e3779b1;

/** What tells `"1"` from 1, `[]` from `{}`, and `false` from `null`. */
const SEEDS = { text: 0x2545f491, number: 0x1b873593, list: 0x7feb352d, object: 0x846ca68b, word: 0x5bd1e995 };

/** @param levels how deep it may be. */
function hashOf(value: unknown, levels: number): number {
  switch (typeof value) {
    case "string":
      return textOf(value);
    case "number":
      return numberOf(value);
    case "object":
      if (value === null) return mixed(SEEDS.word);
      if (levels === 0 || value instanceof ExactNumber) {
        isIncomparable = true;
        return 0;
      }
      return Array.isArray(value) ? listOf(value, levels - 1) : objectOf(value, levels - 1);
    default:
      return mixed(SEEDS.word + (value === true ? 1 : 2));
  }
}

function textOf(text: string): number {
  const { length } = text;
  let hash = SEEDS.text ^ length;
  // Two units at a time: most of the work of a comparison is here.
  for (let i = 1; i < length; i += 2) {
    hash = Math.imul(hash ^ (text.charCodeAt(i - 1) | (text.charCodeAt(i) << 16)), PRIME);
    hash ^= hash >>> 15;
  }
  if (length & 1) hash = Math.imul(hash ^ text.charCodeAt(length - 1), PRIME);
  return mixed(hash);
}

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

function numberOf(value: number): number {
  if (isInexact(value)) isIncomparable = true;
  // -0 is 0.
  double[0] = value + 0;
  return mixed(Math.imul((words[0] as number) ^ SEEDS.number, PRIME) ^ (words[1] as number));
}

function listOf(list: readonly unknown[], levels: number): number {
  let hash = SEEDS.list ^ list.length;
  for (const each of list) hash = mixed(Math.imul(hash, PRIME) ^ hashOf(each, levels));
  return hash;
}

function objectOf(object: object, levels: number): number {
  let sum = SEEDS.object;
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key];
    if (value !== null) sum = (sum + mixed(Math.imul(textOf(key), PRIME) ^ hashOf(value, levels))) >>> 0;
  }
  return mixed(sum);
}

/** All bits of a number into all bits of another (murmur3's finalizer, public domain). */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
