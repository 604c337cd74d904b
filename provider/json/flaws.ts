import { visit } from "jsonc-parser";
import { ExactNumber, isKept, isUnsafe, isWritten, jsonText } from "./exactNumber";

/** What gets lost of a record when it is parsed as JSON. */
export interface Flaw {
  /** A number that doubles do not keep for certain; the same that a transform got; a key that its object has twice. */
  readonly kind: "number" | "rounded" | "key";
  /** The keys that lead there. */
  readonly path: readonly (string | number)[];
}

const NONE: readonly Flaw[] = [];
const noted = new WeakMap<object, readonly Flaw[]>();

/** What got lost of this record; nothing, where nothing was noted. */
export function flawsOf(record: object): readonly Flaw[] {
  return noted.get(record) ?? NONE;
}

/** Notes it, besides what was noted before. */
export function noteFlaws(record: object, flaws: readonly Flaw[]): void {
  if (flaws.length > 0) noted.set(record, [...flawsOf(record), ...flaws]);
}

/** Sixteen digits in a row. Spelt out, V8 makes a search of it that skips, and takes a fifth of the time. */
const LONG = /\d\d\d\d\d\d\d\d\d\d\d\d\d\d\d\d/;
/** An exponent of three digits. Its search costs more, so it is not made of every record that is read. */
const LARGE = /\d[eE][+-]?\d\d\d+[\s,}\]]/;

/** Whether there may be a long number in a text of JSON that a double does not keep. Costs next to nothing. */
export function mayBeLong(text: string): boolean {
  return LONG.test(text);
}

/** The same, of a number with an exponent. What is neither, a double keeps to the sixteenth digit. */
export function mayBeLarge(text: string): boolean {
  return LARGE.test(text);
}

/**
 * Puts exact numbers into a value in the place of those that are rounded.
 *
 * @param text of which the value was parsed
 * @returns which they are, and whole numbers beyond 2^53
 */
export function keepNumbers(value: unknown, text: string): readonly Flaw[] {
  const flaws: Flaw[] = [];
  each(text, {
    onNumber(spelt, path) {
      const isRounded = !isKept(spelt) || !isWritten(spelt);
      // Of long whole numbers some are kept by chance.
      if (isRounded || isUnsafe(spelt)) flaws.push({ kind: "number", path });
      if (isRounded) replace(value, path, spelt);
    },
  });
  return flaws;
}

/** The keys that an object in this text has a second time, or more often. */
export function keysTwice(text: string): readonly Flaw[] {
  const flaws: Flaw[] = [];
  const seen: Set<string>[] = [];
  each(text, {
    onObject(isBegin) {
      if (isBegin) seen.push(new Set());
      else seen.pop();
    },
    onKey(key, path) {
      if (seen.at(-1)?.has(key)) flaws.push({ kind: "key", path: [...path(), key] });
      seen.at(-1)?.add(key);
    },
  });
  return flaws;
}

/** Whether an object in this text may have a key twice. @param record of which this is the text */
export function mayHaveKeyTwice(text: string, record: object): boolean {
  return colonsIn(text) !== colonsIn(jsonText(record));
}

/** Notes such keys of a record that JSON.parse has made of this text. */
export function noteKeysTwice(record: object, text: Buffer): void {
  const written = text.toString();
  if (mayHaveKeyTwice(written, record)) noteFlaws(record, keysTwice(written));
}

/** A colon for each key, and those in texts, which are the same. */
function colonsIn(text: string): number {
  let colons = 0;
  for (let at = text.indexOf(":"); at !== -1; at = text.indexOf(":", at + 1)) colons++;
  return colons;
}

interface Visitor {
  onNumber?(spelt: string, path: Flaw["path"]): void;
  onObject?(isBegin: boolean): void;
  onKey?(key: string, path: () => Flaw["path"]): void;
}

function each(text: string, visitor: Visitor): void {
  try {
    visit(text, {
      onObjectBegin() {
        visitor.onObject?.(true);
      },
      onObjectEnd() {
        visitor.onObject?.(false);
      },
      onObjectProperty(key, _offset, _length, _line, _character, path) {
        visitor.onKey?.(key, path);
      },
      onLiteralValue(value, offset, length, _line, _character, path) {
        if (typeof value === "number") visitor.onNumber?.(text.slice(offset, offset + length), path());
      },
    });
  } catch (error) {
    // Nested too deeply for a recursive parser; such a record is refused.
    if (!(error instanceof RangeError)) throw error;
  }
}

/** Where the key that leads there is twice, another value may have won. */
function replace(root: unknown, path: Flaw["path"], spelt: string): void {
  const parent = path.slice(0, -1).reduce<unknown>((value, key) => Object(value)[key], root);
  const key = path.at(-1) as string | number;
  if (typeof parent !== "object" || parent === null || !Object.hasOwn(parent, key)) return;
  if (!Object.is((parent as Record<string | number, unknown>)[key], Number(spelt))) return;
  const value = new ExactNumber(spelt);
  // An assignment to `__proto__` would be something else.
  Object.defineProperty(parent, key, { value, configurable: true, enumerable: true, writable: true });
}
