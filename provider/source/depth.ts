/** What is nested deeper can't be turned into JSON again: the stack would overflow. */
export const MAX_DEPTH = 500;

/** Whether the value is nested more than so many levels deep. */
export function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
