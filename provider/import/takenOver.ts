import { Knowledge } from "../census/knowledge";
import { BOOLEANS, type BooleanAttribute, type Group } from "../ledger/attributes";
import { type KnownRecord, withoutHad } from "../ledger/entry";
import type { Change, Difference } from "../plan/delta";
import type { User } from "../schema/identity";

// What the ledger knows of users who were there before the first import, and were taken or written over. Pure.

/** The groups and attributes that a record states, and of which the tenant has something else, or nobody knows what. */
export function differingIn({ had }: Pick<KnownRecord, "had">): Change[] {
  return had === undefined ? [] : [...(Object.keys(had.prints) as Group[]), ...booleansOf(had.booleans)];
}

function booleansOf(booleans: object): BooleanAttribute[] {
  return BOOLEANS.filter((attribute) => attribute in booleans);
}

/** What should be brought to a user who is there, and what no import job can bring them. */
export type NotBrought = "username" | "phone_number" | "phone_verified" | "blocked";

/** What of that differs; only what the file says is true, of what is true or false. */
export function notBrought(differing: readonly Change[], user: User): NotBrought[] {
  const texts = (["username", "phone_number"] as const).filter((attribute) => differing.includes(attribute));
  const truths = (["phone_verified", "blocked"] as const).filter(
    (attribute) => differing.includes(attribute) && user[attribute] === true,
  );
  return [...texts, ...truths];
}

/** What is not brought stays unsettled: so it shows for as long as it differs. */
export function taken(known: KnownRecord, listed: readonly NotBrought[]): KnownRecord {
  if (listed.length === 0) return known;
  const next = new Knowledge(known);
  const nothing = { print: undefined, of: [] };
  for (const attribute of listed) {
    if (attribute === "username" || attribute === "phone_number") next.settle(attribute, nothing, nothing);
    else next.settleTruth(attribute, undefined, undefined);
  }
  const { attributes: _, had: __, ...rest } = known;
  return { ...rest, ...next.known, differs: true };
}

/** What is known of a user who was written over: they keep their password, or the random one that they were given. */
export function writtenOver(
  known: KnownRecord,
  sent: readonly Change[],
  listed: readonly NotBrought[],
): { readonly known: KnownRecord; readonly differences: Difference[] } {
  const { attributes, had: before, ...rest } = known;
  const { password_hash, custom_password_hash, ...prints } = attributes.prints;
  const had = withoutHad(before, sent);
  const left: KnownRecord = {
    ...rest,
    attributes: { ...attributes, prints },
    ...(had === undefined ? {} : { had }),
  };
  const differences: Difference[] = [
    ...differencesOf(listed),
    ...(password_hash === undefined ? [] : differencesOf(["password_hash"])),
    ...(custom_password_hash === undefined
      ? []
      : [{ attribute: "custom_password_hash", reason: "passwordSet" } as const]),
  ];
  return { known: { ...taken(left, listed), differs: known.differs || differences.length > 0 }, differences };
}

export function differencesOf(listed: readonly (NotBrought | "password_hash")[]): Difference[] {
  return listed.map((attribute) => ({ attribute, reason: "notUpsertable" }));
}
