const ends = new Set<() => void>();

process.once("exit", () => {
  for (const end of ends) end();
});

/**
 * Ends, when this process does, what would outlive it. Any number of things by one listener: a suite has more going on at
 * a time than Node takes for a leak.
 *
 * @returns a call that says that it has ended.
 */
export function endAtExit(end: () => void): () => void {
  ends.add(end);
  return () => ends.delete(end);
}
