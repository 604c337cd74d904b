import { canonicalJson } from "../ledger/fingerprint";

/** The first-level keys of metadata, or the attributes of a profile. A key that is missing or `null` is absent. */
export type Fields = Readonly<Record<string, unknown>>;

/** In how many fields file and tenant may differ: 2^8 mixtures are a millisecond of hashing. */
const MOST_FIELDS = 8;

/** Fields in which file and tenant are not the same, spelling included. */
export function differingFields(file: Fields, tenant: Fields): string[] {
  const names = new Set([...Object.keys(file), ...Object.keys(tenant)]);
  return [...names].filter((name) => textOf(file, name) !== textOf(tenant, name));
}

function textOf(fields: Fields, name: string): string {
  return canonicalJson(fieldOf(fields, name) ?? null, "dropped");
}

/** `undefined` where it is absent. What every object inherits is no field. */
export function fieldOf(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined;
}

/**
 * Finds what the file said before, of which the ledger has nothing but a print. The file then had each field either as it
 * has it now, or as the tenant still has it, unless both have changed it since. So it is one of the mixtures of the two:
 * each field in which they differ once as here, once as there. The print tells which one.
 *
 * @param isSaid whether this is what the file said: compares its print.
 * @returns the fields that the file has changed since, in each of which the tenant still has what the file said before;
 *   `undefined` where no mixture has the print, or more than one, or where there are more than eight such fields.
 *
 * Odds: where the file said something that is none of the mixtures, one of them has its print of 24 bits all the same with
 * 256 x 2^-24 = 2^-16 at most, and with 2^-24 for each mixture of fewer fields. So of 65,000 users in whom file and
 * application changed the same key, and eight keys differ, one is merged as if only one of them had. Where two mixtures
 * have it, nothing is found.
 *
 * @example The file said `{ plan: "a", lang: "de" }` and now says `{ plan: "b", lang: "de" }`; the tenant has
 *   `{ plan: "a", lang: "de", cart: 1 }`. They differ in `plan` and `cart`. The mixture with the tenant's `plan` and
 *   without a `cart` has the print: the file has changed `plan`, and nothing else.
 */
export function changedFields(
  file: Fields,
  tenant: Fields,
  isSaid: (mixture: Fields) => boolean,
): readonly string[] | undefined {
  const differing = differingFields(file, tenant);
  if (differing.length > MOST_FIELDS) return undefined;
  let found: readonly string[] | undefined;
  for (let choice = 0; choice < 2 ** differing.length; choice++) {
    const changed = differing.filter((_, i) => (choice >> i) & 1);
    if (!isSaid(withFields(file, tenant, changed))) continue;
    if (found !== undefined) return undefined;
    found = changed;
  }
  return found;
}

/** An object with these fields as the other one has them; absent where that lacks them. */
export function withFields(base: Fields, other: Fields, names: readonly string[]): Fields {
  // A null prototype, so that a key `__proto__` is a key like any other.
  const mixture = Object.assign(Object.create(null) as Record<string, unknown>, base);
  for (const name of names) {
    const value = fieldOf(other, name);
    if (value === undefined) delete mixture[name];
    else mixture[name] = value;
  }
  return mixture;
}
