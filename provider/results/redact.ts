/**
 * A text of the service, fit for messages and for the state: without what {@link mask} masks, and cut to 300 characters.
 */
export function redact(text: string): string {
  return mask(text).slice(0, 300);
}

/**
 * Masks what looks like an e-mail address, a phone number or another long number, and the value that the service quotes
 * at the end of some of its messages.
 */
export function mask(text: string): string {
  return text
    .replace(QUOTED_AT_THE_END, "$1: ‹value›")
    .replace(/[^\s"'<>(),;:=|]+@[^\s"'<>(),;:]*/g, "‹email›")
    .replace(/\+\d{7,15}\b/g, "‹phone›")
    .replace(/(?<![\p{L}\p{N}_])\d{7,}(?![\p{L}\p{N}_])/gu, "‹number›");
}

/**
 * "Object didn't pass validation for format email: jane.doe@", "No enum match for: Jane": the messages of the validator
 * that Auth0 has (z-schema), which give the value away [field].
 */
const QUOTED_AT_THE_END = /(pass validation for format [^:]*|No enum match for|match pattern[^:]*): .*$/s;

/**
 * What the service says of a record, without the values in that record: a message may quote any of them. For files that
 * others than the owner may read.
 */
export function redactValues(text: string, record: unknown): string {
  let redacted = text;
  for (const value of textsIn(record)) {
    if (!redacted.toLowerCase().includes(value.toLowerCase())) continue;
    const quoted = value.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    // A short one may be a part of any word: the city "Al" is not in «Additional».
    const pattern = value.length < 5 ? `(?<![\\p{L}\\p{N}])${quoted}(?![\\p{L}\\p{N}])` : quoted;
    redacted = redacted.replace(new RegExp(pattern, "giu"), "‹value›");
  }
  return redact(redacted);
}

/** All texts and large numbers in a value of JSON, the longest first: one may hold another. */
function textsIn(json: unknown): string[] {
  const texts = new Set<string>();
  const waiting = [json];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value === "object" && value !== null) for (const child of Object.values(value)) waiting.push(child);
    else if (typeof value === "string" ? value.trim().length > 1 : typeof value === "number" && value > 999) {
      texts.add(String(value));
    }
  }
  return [...texts].sort((a, b) => b.length - a.length);
}
