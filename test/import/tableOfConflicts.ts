import type { OnConflict } from "../../provider/census/conflicts";
import type { User } from "../../provider/schema/identity";

/*
 * The table of conflicts of docs/semantics.md, written once more and by values: what the file said before is known here,
 * and need not be found by its print. For users whose values are texts, numbers, and whether the email is verified.
 */

export const GROUPS = ["user_metadata", "app_metadata", "profile", "email_verified"] as const;
export type Group = (typeof GROUPS)[number];

/** What is said of a group, by key, the keys in order. */
export type Values = Record<string, string | number | boolean>;

/** What the file may have said of each group when it was last settled. */
export type Said = Map<Group, readonly Values[]>;

/** What comes of a group. */
export interface Settled {
  readonly value: Values;
  /** The keys that are brought. */
  readonly sends: readonly string[];
  /** Whether what the file says counts as said from now on. */
  readonly settles: boolean;
}

const PROFILE = ["given_name", "nickname"];

export function valuesOf(user: User, group: Group): Values {
  if (group === "email_verified") return { is: user.email_verified === true };
  const entries =
    group === "profile" ? PROFILE.map((name) => [name, user[name]] as const) : Object.entries(user[group] ?? {});
  const stated = entries.filter(([, value]) => value !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(stated) as Values;
}

/** @param says what the file says now, `said` what it said before, `there` what the tenant has. */
export function settledBy(onConflict: OnConflict, group: Group, says: Values, said: Values, there: Values): Settled {
  const left: Settled = { value: there, sends: [], settles: false };
  if (isSame(says, said)) return { ...left, settles: true };
  if (group === "email_verified") return { value: says, sends: isSame(says, there) ? [] : ["is"], settles: true };
  const isProfile = group === "profile";
  // What the record does not state of a profile says nothing.
  if (isProfile && Object.keys(says).length === 0) return left;
  const keys = [...new Set([...Object.keys(says), ...Object.keys(there)])];
  const stated = isProfile ? Object.keys(says) : keys;
  const differing = stated.filter((key) => says[key] !== there[key]);
  if (differing.length === 0) return { ...left, settles: true };
  // Of what the file did not state before, a profile is whoever's has something there.
  const isNew = (key: string) => isProfile && !(key in said);
  const isOpen = (key: string) => !(key in there) || there[key] === says[key];
  const isKept = (key: string) => said[key] === says[key] || said[key] === there[key];
  const all = isProfile ? [...Object.keys(said), ...Object.keys(says)] : [...keys, ...Object.keys(said)];
  const isFound = all.every((key) => (isNew(key) ? isOpen(key) : isKept(key)));
  const sent = (names: readonly string[]): Settled => {
    const entries = Object.entries({ ...there, ...says }).filter(([key]) => !names.includes(key) || key in says);
    const value = Object.fromEntries(entries.map(([key]) => [key, names.includes(key) ? says[key] : there[key]]));
    const present = Object.entries(value).filter(([, each]) => each !== undefined);
    return {
      value: Object.fromEntries(present.sort(([a], [b]) => (a < b ? -1 : 1))) as Values,
      sends: names,
      settles: true,
    };
  };
  if (isFound) return sent(differing.filter((key) => isNew(key) || said[key] !== says[key]));
  if (onConflict === "overwrite") return sent(differing);
  if (onConflict === "merge" && !isProfile) return sent(differing.filter((key) => key in says));
  return left;
}

function isSame(a: Values, b: Values): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
