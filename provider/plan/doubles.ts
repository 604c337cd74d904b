import { identityOf, normalizeUser, type User } from "../schema/identity";
import { claimant } from "../schema/origin";
import type { Source } from "../source";
import { IdentifierIndex, UNIQUE_ATTRIBUTES, type UniqueAttribute, uniqueValue } from "./duplicates";
import { IndexSet } from "./indexSet";

/** A record that has an identifier of another record, which counts. */
export interface Double {
  readonly attribute: UniqueAttribute;
  /** Where the record begins that counts. */
  readonly of: { readonly file: string; readonly line: number };
}

/** What becomes of records, by their numbers. */
export interface Doubles {
  /** Those of which a later file has the same user: as if they were not in the source. */
  readonly overridden: IndexSet;
  /** Those that are left out, since of the rest an earlier one that is not left out has an identifier of theirs. */
  readonly doubles: ReadonlyMap<number, Double>;
}

/**
 * Sees which of the suspects are records of one user, or claim an identifier of another. A record in a later file
 * overrides all of the same user in earlier files; what identifiers it had there, others may have. Of those that are
 * left, the first one counts.
 *
 * @param suspects the records that an `IdentifierIndex` told to share something, the earlier ones included
 * @throws {SourceError} when a file has changed since
 */
export async function resolveDoubles(source: Source, suspects: IndexSet): Promise<Doubles> {
  const overridden = await findOverridden(source, suspects);
  const isLeft = (index: number) => suspects.has(index) && !overridden.has(index);
  // Where a file overrides all of another one, hardly any of the suspects still is one.
  const rest = overridden.size === 0 ? suspects : await suspectsAmong(source, isLeft);
  return { overridden, doubles: await findDoubles(source, rest) };
}

async function findOverridden(source: Source, suspects: IndexSet): Promise<IndexSet> {
  const overridden = new IndexSet();
  if (source.files.length === 1) return overridden;
  const isSuspect = (index: number) => suspects.has(index);
  const lastFileOf = new Map<string, string>();
  for await (const { file, user } of source.records(isSuspect)) {
    const identity = identityOf(normalizeUser(user));
    if (identity !== undefined) lastFileOf.set(identity, file);
  }
  for await (const { index, file, user } of source.records(isSuspect)) {
    const identity = identityOf(normalizeUser(user));
    if (identity !== undefined && lastFileOf.get(identity) !== file) overridden.add(index);
  }
  return overridden;
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
