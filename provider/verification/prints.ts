import type { Fingerprint } from "../ledger/fingerprint";
import { LONGEST_VARINT, readVarint, writeVarint } from "../ledger/varint";

// Who was missing, as the state keeps it: base64 of the distances between fingerprints, some 8 characters a user.

export function packPrints(prints: readonly Fingerprint[]): string {
  const sorted = Float64Array.from(prints).sort();
  const buffer = Buffer.alloc(LONGEST_VARINT * sorted.length);
  let end = 0;
  let before = 0;
  for (const print of sorted) {
    end = writeVarint(buffer, end, print - before);
    before = print;
  }
  return buffer.toString("base64", 0, end);
}

/** @throws RangeError where it is not whole. */
export function unpackPrints(packed: string): Set<Fingerprint> {
  const buffer = Buffer.from(packed, "base64");
  const prints = new Set<Fingerprint>();
  let print = 0;
  for (let at = 0; at < buffer.length; ) {
    const [distance, end] = readVarint(buffer, at);
    print += distance;
    prints.add(print);
    at = end;
  }
  return prints;
}
