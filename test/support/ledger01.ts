import { BOOLEANS, PROFILE } from "../../provider/ledger/attributes";

// Ledgers and packed records as version 0.1 wrote them, for what has to read them for good.

/** The groups of 0.1, in the order of its bits, and the bytes of their prints. */
export const GROUPS_01 = {
  ...{ email: 5, username: 3, phone_number: 3, user_metadata: 3, app_metadata: 3, profile: 3 },
  ...{ custom_password_hash: 3, mfa_factors: 3, password_hash: 3 },
} as const;
type Group01 = keyof typeof GROUPS_01;

export interface Entry01 {
  readonly record: number;
  readonly attributes: {
    readonly prints: { readonly [G in Group01]?: number };
    readonly profile: readonly (typeof PROFILE)[number][];
    readonly booleans: { readonly [B in (typeof BOOLEANS)[number]]?: boolean | "unknown" };
  };
  readonly differs: boolean;
  readonly attempt?: number;
  readonly state: string;
}

const names = Object.keys(GROUPS_01) as Group01[];

function shapeOf({ attributes: { prints, profile, booleans }, differs, attempt }: Entry01): number {
  let shape = 0;
  for (const [i, name] of names.entries()) if (prints[name] !== undefined) shape |= 1 << i;
  for (const [i, name] of PROFILE.entries()) if (profile.includes(name)) shape |= 1 << (9 + i);
  for (const [i, name] of BOOLEANS.entries()) {
    shape |= [undefined, false, "unknown", true].indexOf(booleans[name]) << (14 + 2 * i);
  }
  return shape | (differs ? 1 << 20 : 0) | (attempt === undefined ? 0 : 1 << 21);
}

function partsOf({ record, attempt, attributes }: Entry01): Buffer {
  const parts = Buffer.alloc(100);
  let at = parts.writeUIntBE(record, 0, 5);
  if (attempt !== undefined) at = parts.writeUIntBE(attempt, at, 5);
  for (const name of names) {
    const print = attributes.prints[name];
    if (print !== undefined) at = parts.writeUIntBE(print, at, GROUPS_01[name]);
  }
  return parts.subarray(0, at);
}

/** A known record in bytes, as the journal had it. */
export function packed01(entry: Entry01): Buffer {
  const shape = Buffer.alloc(4);
  shape.writeUInt32BE(shapeOf(entry));
  return Buffer.concat([shape, partsOf(entry)]);
}

/** A ledger, in ascending order of the identities. */
export function ledger01(users: readonly (readonly [identity: number, entry: Entry01])[]): string {
  const kinds: [shape: number, state: string][] = [];
  const columns = { distances: [] as Buffer[], numbers: [] as Buffer[], parts: [] as Buffer[] };
  let before = 0;
  for (const [identity, entry] of users) {
    const shape = shapeOf(entry);
    let number = kinds.findIndex(([each, state]) => each === shape && state === entry.state);
    if (number === -1) number = kinds.push([shape, entry.state]) - 1;
    columns.distances.push(varint(identity - before));
    columns.numbers.push(varint(number));
    columns.parts.push(partsOf(entry));
    before = identity;
  }
  const header = Buffer.from(JSON.stringify({ users: users.length, kinds }));
  const head = Buffer.alloc(5);
  head.writeUInt8(2, 0);
  head.writeUInt32BE(header.length, 1);
  return Buffer.concat([head, header, ...columns.distances, ...columns.numbers, ...columns.parts]).toString("base64");
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}
