import { type KnownGroup, settleGroup } from "../provider/census/conflicts";
import { groupPrint } from "../provider/ledger/attributes";

/** What came of three-way merges of which nobody knew what the file had said, but for its print. */
export interface Merges {
  readonly triples: number;
  /** Merged, or the file's written where the tenant had what it said before. */
  readonly found: number;
  /** Left alone as conflicts. */
  readonly notFound: number;
  /** Of the found ones, those in which another key was changed than the file had changed. */
  readonly wrong: number;
  /** Of the found ones, those in which something is gone that the tenant had changed. */
  readonly lost: number;
  /** Of those not found, the ones in which file and tenant had not changed the same key. */
  readonly needless: number;
}

const KEYS = ["plan", "lang", "cart", "seen", "tags", "note", "tier", "home"];
const KEY = "0123456789abcdef".repeat(4);

type Values = Record<string, unknown>;

/**
 * Random triples of what a file said, what it says now and what the tenant has, in eight keys. File and tenant each
 * change, add or remove one to three; a third of the users were adopted with values of their own.
 */
export function mergeTriples(triples: number, seed = 1): Merges {
  const random = lcg(seed);
  const counts = { found: 0, notFound: 0, wrong: 0, lost: 0, needless: 0 };
  for (let i = 0; i < triples; i++) {
    const whose = `user_id:${i}`;
    const print = (value: Values): KnownGroup => ({
      print: groupPrint(KEY, whose, "user_metadata", value),
      of: [],
    });
    const said = edited({}, KEYS.length, random);
    const file = edited(said, 1 + random(3), random);
    const had = random(3) === 0 ? edited(said, 1 + random(3), random) : said;
    const there = edited(had, 1 + random(3), random);
    const { send, conflict } = settleGroup({
      ...{ group: "user_metadata", user: { user_metadata: file }, there: { user_metadata: there } },
      ...{ said: print(said), had: print(had), onConflict: "keep", updatedSince: true, key: KEY, whose },
    });
    const changed = KEYS.filter((key) => said[key] !== file[key]);
    if (conflict !== undefined) {
      counts.notFound++;
      if (!changed.some((key) => said[key] !== there[key])) counts.needless++;
    }
    if (send === undefined) continue;
    counts.found++;
    const after = send.attributes.user_metadata as Values;
    if (KEYS.some((key) => after[key] !== (changed.includes(key) ? file[key] : there[key]))) counts.wrong++;
    if (KEYS.some((key) => said[key] !== there[key] && after[key] !== there[key])) counts.lost++;
  }
  return { triples, ...counts };
}

/** With so many changes: other values, new keys, and keys that go. */
function edited(values: Values, changes: number, random: (below: number) => number): Values {
  const result = { ...values };
  for (let i = 0; i < changes; i++) {
    const key = KEYS[random(KEYS.length)] as string;
    if (random(4) === 0) delete result[key];
    else result[key] = random(6);
  }
  return result;
}

/** Numbers from 0 to below `below`, the same for the same seed (Numerical Recipes' generator). */
function lcg(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
