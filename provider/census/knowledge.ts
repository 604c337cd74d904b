import {
  type Attributes,
  type BooleanAttribute,
  GROUPS,
  type Group,
  type ProfileAttribute,
  type Truth,
} from "../ledger/attributes";
import type { Had, KnownRecord } from "../ledger/entry";
import type { Fingerprint } from "../ledger/fingerprint";
import type { ContestedGroup, KnownGroup } from "./conflicts";

// F and W of single groups, out of what the ledger knows of a user and into it.

/** The groups that can be read back, but for those that are true or false. */
export const CONTESTED = [
  "email",
  "username",
  "phone_number",
  "user_metadata",
  "app_metadata",
  "profile",
] as const satisfies readonly ContestedGroup[];

/** F and W of a group, as the ledger has them. */
export function groupOf(
  { attributes, had }: Pick<KnownRecord, "attributes" | "had">,
  group: Group,
): { readonly said: KnownGroup; readonly had: KnownGroup } {
  const print = attributes.prints[group];
  const isUnknown = attributes.unknown?.includes(group) === true;
  const of = group === "profile" ? attributes.profile : [];
  const said: KnownGroup = isUnknown
    ? { print: print ?? "unknown", of, ...(print === undefined ? {} : { isDoubtful: true }) }
    : { print, of };
  const other = had?.prints[group];
  if (other === undefined) return { said, had: said };
  return { said, had: { print: other ?? undefined, of: group === "profile" ? (had?.profile ?? []) : [] } };
}

/** F and W of an attribute that is true or false. */
export function truthOf({ attributes, had }: Pick<KnownRecord, "attributes" | "had">, attribute: BooleanAttribute) {
  const said = attributes.booleans[attribute];
  return { said, had: had?.booleans[attribute] ?? said };
}

/** F and W, group by group, until they are a known record's again. */
export class Knowledge {
  readonly #prints: { [G in Group]?: Fingerprint };
  readonly #unknown: Set<Group>;
  #profile: readonly ProfileAttribute[];
  readonly #booleans: { [B in BooleanAttribute]?: Truth };
  readonly #had: { [G in Group]?: Fingerprint | "unknown" | null };
  #hadProfile: readonly ProfileAttribute[];
  readonly #hadBooleans: { [B in BooleanAttribute]?: Truth };

  constructor({ attributes, had }: Pick<KnownRecord, "attributes" | "had">) {
    this.#prints = { ...attributes.prints };
    this.#unknown = new Set(attributes.unknown);
    this.#profile = attributes.profile;
    this.#booleans = { ...attributes.booleans };
    this.#had = { ...had?.prints };
    this.#hadProfile = had?.profile ?? [];
    this.#hadBooleans = { ...had?.booleans };
  }

  get known(): Pick<KnownRecord, "attributes" | "had"> {
    const unknown = GROUPS.filter((group) => this.#unknown.has(group));
    const attributes: Attributes = {
      prints: this.#prints,
      profile: this.#profile,
      booleans: this.#booleans,
      ...(unknown.length === 0 ? {} : { unknown }),
    };
    if (Object.keys(this.#had).length + Object.keys(this.#hadBooleans).length === 0) return { attributes };
    const had: Had = { prints: this.#had, profile: this.#hadProfile, booleans: this.#hadBooleans };
    return { attributes, had };
  }

  settle(group: Group, said: KnownGroup, had: KnownGroup): void {
    if (typeof said.print === "number") this.#prints[group] = said.print;
    else delete this.#prints[group];
    if (said.print === "unknown" || said.isDoubtful) this.#unknown.add(group);
    else this.#unknown.delete(group);
    if (group === "profile") this.#profile = said.of;
    // An unknown W says that it was another one than F, also where that is unknown.
    const isSame =
      (had === said || had.print !== "unknown") && had.print === said.print && had.of.join() === said.of.join();
    if (isSame) delete this.#had[group];
    else this.#had[group] = had.print ?? null;
    if (group === "profile") this.#hadProfile = isSame ? [] : had.of;
  }

  settleTruth(attribute: BooleanAttribute, said: Truth | undefined, had: Truth | undefined): void {
    if (said === undefined) delete this.#booleans[attribute];
    else this.#booleans[attribute] = said;
    if ((had ?? false) === (said ?? false)) delete this.#hadBooleans[attribute];
    else this.#hadBooleans[attribute] = had ?? false;
  }
}
