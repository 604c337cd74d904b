// The bytes that mean something to who splits a text.

export const TAB = 0x09;
export const NEWLINE = 0x0a;
export const CARRIAGE_RETURN = 0x0d;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const OPEN_BRACKET = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;

/** White space of JSON, line feed excepted: that one counts lines. */
export function isBlank(byte: number): boolean {
  return byte === SPACE || byte === CARRIAGE_RETURN || byte === TAB;
}

/** Whether a number, `true`, `false` or `null` ends before this byte. */
export function endsPlainValue(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE || byte === NEWLINE || isBlank(byte);
}

/** Behind the quote that closes the string, or -1 when that is still to come. The native search is the fastest. */
export function afterString(text: Buffer, from: number): number {
  let quote = text.indexOf(QUOTE, from);
  while (quote !== -1 && isEscaped(text, quote)) {
    quote = text.indexOf(QUOTE, quote + 1);
  }
  return quote === -1 ? -1 : quote + 1;
}

function isEscaped(text: Buffer, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === BACKSLASH) {
    backslashes++;
  }
  return backslashes % 2 === 1;
}
