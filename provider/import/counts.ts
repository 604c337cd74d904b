/** Counts by name. */
export function addTo<K>(counts: Map<K, number>, name: K, users = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + users);
}

/** The sum over batches. */
export function sumOf(all: Iterable<ReadonlyMap<string, number>>): Map<string, number> {
  const sum = new Map<string, number>();
  for (const counts of all) for (const [name, users] of counts) addTo(sum, name, users);
  return sum;
}
