import { identifierOf, identityOf, normalizeUser, type User } from "../schema/identity";
import { claimant } from "../schema/origin";
import type { Remark, Source } from "../source";
import { Column } from "../source/column";
import { IdentifierIndex, UNIQUE_ATTRIBUTES, type UniqueAttribute, uniqueValue } from "./duplicates";
import { IndexSet } from "./indexSet";
import { Losses } from "./losses";
import { Merges } from "./merge";
import { MergedSource } from "./mergedSource";

/** A record that has an identifier of another record, which counts. */
export interface Double {
  readonly attribute: UniqueAttribute;
  /** Where the record begins that counts. */
  readonly of: { readonly file: string; readonly line: number };
}

/** What becomes of records, by their numbers. */
export interface Doubles {
  /**
   * Those of which a later file has the same user: as if they were not in the source; or, where records are merged, a part
   * of the one in the later file.
   */
  readonly overridden: IndexSet;
  /** Those that are left out, since of the rest an earlier one that is not left out has an identifier of theirs. */
  readonly doubles: ReadonlyMap<number, Double>;
  /** None, where records are not merged. */
  readonly merges: Merges;
  /** The records as they count. */
  readonly source: Source;
  /** Of the source and its files together. */
  readonly remarks: readonly Remark[];
}

/**
 * Sees which of the suspects are records of one user, or claim an identifier of another. A record in a later file
 * overrides all of the same user in earlier files, or takes them in; what identifiers it had there, others may have. Of
 * those that are left, the first one counts.
 *
 * @param suspects the records that an `IdentifierIndex` told to share something, the earlier ones included
 * @param merge whether the records of a user in several files are one
 * @throws {SourceError} when a file has changed since
 */
export async function resolveDoubles(source: Source, suspects: IndexSet, merge = false): Promise<Doubles> {
  const { overridden, doubles, merges, remarks } = await findOverridden(source, suspects, merge);
  const merged = merges.isEmpty ? source : new MergedSource(source, merges);
  const isLeft = (index: number) => suspects.has(index) && !overridden.has(index) && !doubles.has(index);
  // Where a file overrides all of another one, hardly any of the suspects still is one.
  const rest = overridden.size === 0 ? suspects : await suspectsAmong(merged, isLeft);
  for (const [index, double] of await findDoubles(merged, rest)) doubles.set(index, double);
  return { overridden, doubles, merges, source: merged, remarks: [...source.remarks, ...remarks] };
}

async function findOverridden(source: Source, suspects: IndexSet, merge: boolean) {
  const overridden = new IndexSet();
  const doubles = new Map<number, Double>();
  const merges = new Merges();
  const losses = new Losses();
  const found = () => ({ overridden, doubles, merges, remarks: merge ? [] : losses.remarks() });
  if (source.files.length === 1) return found();
  const lastOf = new Map<string, number>();
  /** The record of the same user before it in the same file, its number plus 1. */
  const before = new Column((length) => new Uint32Array(length));
  for await (const { index, file, user: asItStands } of source.records((each) => suspects.has(each))) {
    const user = normalizeUser(asItStands);
    const identity = identityOf(user);
    if (identity === undefined) continue;
    losses.add(index, user);
    const last = lastOf.get(identity);
    lastOf.set(identity, index);
    if (last === undefined) continue;
    if (source.place(last).file === file) {
      before.set(index, last + 1);
      continue;
    }
    const earlier = [last];
    for (let each = before.at(last); each > 0; each = before.at(each - 1)) earlier.unshift(each - 1);
    const [first = last, ...others] = earlier;
    overridden.add(first);
    if (merge) {
      merges.add(index, first);
      // In the file that they stand in, the first one counts.
      const { file, line } = source.place(first);
      const double = { attribute: identifierOf(user) as UniqueAttribute, of: { file, line } };
      for (const each of others) doubles.set(each, double);
    } else {
      for (const each of others) overridden.add(each);
      losses.replaces(index, last, file);
    }
  }
  return found();
}

async function suspectsAmong(source: Source, select: (index: number) => boolean): Promise<IndexSet> {
  const identifiers = new IdentifierIndex();
  const suspects = new IndexSet();
  for await (const { index, user } of source.records(select)) {
    for (const { earlier } of identifiers.add(index, claimant(user))) suspects.add(index).add(earlier);
  }
  return suspects;
}

async function findDoubles(source: Source, suspects: IndexSet): Promise<Map<number, Double>> {
  const doubles = new Map<number, Double>();
  const holders = new Map<string, Double["of"]>();
  for await (const { index, file, line, user } of source.records((each) => suspects.has(each))) {
    const claims = claimsOf(claimant(user));
    const taken = claims.find(({ name }) => holders.has(name));
    const of = taken && holders.get(taken.name);
    if (taken !== undefined && of !== undefined) {
      doubles.set(index, { attribute: taken.attribute, of });
      continue;
    }
    const place = { file, line };
    for (const { name } of claims) holders.set(name, place);
  }
  return doubles;
}

function claimsOf(user: User): { readonly attribute: UniqueAttribute; readonly name: string }[] {
  return UNIQUE_ATTRIBUTES.flatMap((attribute) => {
    const value = uniqueValue(user, attribute);
    return value === undefined ? [] : [{ attribute, name: `${attribute}:${value}` }];
  });
}

/** Why the record of a double is not sent. */
export function doubleFailure({ attribute, of: { file, line } }: Double) {
  return {
    code: "DUPLICATED_USER",
    message: `${attribute} is that of the record at ${file}:${line}, which counts`,
    path: attribute,
  };
}
