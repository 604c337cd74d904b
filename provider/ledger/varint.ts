/** Of 52 bits. */
export const LONGEST_VARINT = 8;

/** Seven bits a byte, the lowest first; by division, since it may be too large for shifts. Returns the offset behind. */
export function writeVarint(buffer: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 128) {
    buffer[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  buffer[at++] = rest;
  return at;
}

/** @throws RangeError where the bytes end within it. */
export function readVarint(buffer: Buffer, offset: number): [value: number, end: number] {
  let at = offset;
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = buffer[at++];
    if (byte === undefined) throw new RangeError("ends within a number");
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at];
  }
}
