import { randomInt } from "node:crypto";

/** So many of the items, each with the same odds, in no order that tells anything. */
export function drawn<T>(items: readonly T[], most: number): T[] {
  const pool = [...items];
  const size = Math.min(most, pool.length);
  for (let i = 0; i < size; i++) {
    const other = randomInt(i, pool.length);
    [pool[i], pool[other]] = [pool[other] as T, pool[i] as T];
  }
  return pool.slice(0, size);
}
