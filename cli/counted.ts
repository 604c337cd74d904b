/** `1 user`, `12,345 users`. */
export function counted(n: number, what: string): string {
  return `${count(n)} ${what}${n === 1 ? "" : "s"}`;
}

/** 12345 → `12,345`. */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}
