import { randomBytes } from "node:crypto";

/** Whether there is any in this process; and what `toJSON` is asked for, and has answered. */
let isAnyMade = false;
let isAsked = false;
let isAnswered = false;

/** Nobody can write it into a file beforehand. */
const MARK = randomBytes(16).toString("hex");
const MARKED = new RegExp(`"${MARK}([^"]*)"`, "g");

/**
 * A number as it is spelt, where a double does not keep it, or is written otherwise: `15793596808644611`, `1e400`. Whoever
 * takes it for a number gets the rounded one.
 */
export class ExactNumber extends Number {
  readonly #text: string;

  /** @param text as in JSON */
  constructor(text: string) {
    super(text);
    this.#text = text;
    isAnyMade = true;
  }

  /** What it is in a fingerprint: the number, where a double keeps it; else what is no other value's. */
  get print(): number | string {
    return isKept(this.#text) ? this.valueOf() : `\0number ${this.#text}`;
  }

  toJSON(): unknown {
    if (!isAsked) return this.valueOf();
    isAnswered = true;
    return MARK + this.#text;
  }
}

/** As `JSON.stringify`, with each {@link ExactNumber} as it is spelt. */
export function jsonText(value: unknown): string {
  if (!isAnyMade) return JSON.stringify(value);
  isAsked = true;
  isAnswered = false;
  try {
    const text = JSON.stringify(value);
    return isAnswered ? text.replaceAll(MARKED, "$1") : text;
  } finally {
    isAsked = false;
  }
}

/** A copy with rounded numbers in the place of exact ones, for code that expects no others. */
export function withPlainNumbers<T>(value: T): T {
  return plain(value) as T;
}

function plain(value: unknown): unknown {
  if (value instanceof ExactNumber) return value.valueOf();
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

/** Whether `JSON.stringify` writes the same number again, if in another spelling. */
export function isWritten(text: string): boolean {
  const number = Number(text);
  return Number.isFinite(number) && decimal(text) === decimal(String(number));
}

/** Whether a double keeps this number of JSON: a whole one to its last digit, others as far as they are written again. */
export function isKept(text: string): boolean {
  return WHOLE.test(text) ? BigInt(Number(text)) === BigInt(text) : isWritten(text);
}

/** Whether it is a whole number beyond 2^53, where every second one and then more are no doubles. */
export function isUnsafe(text: string): boolean {
  return WHOLE.test(text) && !Number.isSafeInteger(Number(text));
}

const WHOLE = /^-?\d{1,308}$/;

/** Digits and exponent, in the one spelling that all others of a number have in common. */
function decimal(text: string): string {
  const [, sign, whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
