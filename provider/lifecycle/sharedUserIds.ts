import { FingerprintTable } from "../ledger/fingerprintTable";
import type { OnExisting } from "../plan/delta";
import type { ReadSource } from "../plan/readSource";
import type { Share } from "../plan/share";
import { normalizeUser } from "../schema/identity";
import { isUnknown } from "./engine";

/** A batch of which this run reads the source. */
export interface ReadBatch {
  readonly read: ReadSource;
  /** Of the tenant. */
  readonly origin: string;
  readonly connectionId: string;
  readonly resultsDir: string;
  readonly share: Share;
  readonly onExisting: OnExisting;
  /** Of the import, for messages. */
  readonly name: string;
}

/** A `user_id` that two imports of the program would bring into one tenant. The message names no user. */
export class SharedUserIdError extends Error {
  override readonly name = "SharedUserIdError";
}

/** One process serves all imports of a run. */
const batches: ReadBatch[] = [];

/**
 * Takes a batch down, and compares it with those of other imports. A `user_id` that two connections of a tenant have is a
 * trap (Auth0 staff): calls by id act on the first user that Auth0 finds.
 *
 * @throws {@link SharedUserIdError}
 */
export async function refuseSharedUserIds(batch: ReadBatch): Promise<void> {
  batches.push(batch);
  for (const other of batches) {
    if (isSameImport(batch, other) || !mustDiffer(batch, other)) continue;
    const shared = await sharedBy(other.read, batch.read);
    if (shared === undefined) continue;
    throw new SharedUserIdError(
      `${shared.second} has the user_id of ${shared.first}, which the import "${other.name}" brings into the same tenant: calls by id would act on either of the two, whatever the connection. Import this user once; or, into another connection, without a user_id (a transform can leave it out), so that one is made up.`,
    );
  }
}

function isSameImport(a: ReadBatch, b: ReadBatch): boolean {
  if (a.resultsDir === b.resultsDir) return true;
  // Batches that a program has divided a source among by itself.
  const haveSameSource = a.read.source.digest === b.read.source.digest && a.connectionId === b.connectionId;
  return haveSameSource && a.share.count === b.share.count && a.share.index !== b.share.index;
}

/** Users of one connection may be in two imports where the later one is to adopt or to overwrite them. */
function mustDiffer(a: ReadBatch, b: ReadBatch): boolean {
  if (a.origin !== b.origin) return false;
  const differ = !isUnknown(a.connectionId) && !isUnknown(b.connectionId) && a.connectionId !== b.connectionId;
  return differ || (a.onExisting === "fail" && b.onExisting === "fail");
}

interface SharedUserId {
  /** File and line of the one and the other record. */
  readonly first: string;
  readonly second: string;
}

/** By the two sources, which many batches share. */
const compared = new WeakMap<ReadSource, WeakMap<ReadSource, Promise<SharedUserId | undefined>>>();

function sharedBy(first: ReadSource, second: ReadSource): Promise<SharedUserId | undefined> {
  const known = compared.get(first) ?? new WeakMap<ReadSource, Promise<SharedUserId | undefined>>();
  compared.set(first, known);
  const found = known.get(second) ?? compare(first, second);
  known.set(second, found);
  return found;
}

/**
 * So many equal hashes are not all by chance: two sources of a million users each have some 230 by chance, and it takes
 * six million in each for this number. So the records that are looked at again, and kept meanwhile, are few.
 */
const MOST_SUSPECTS = 10_000;

async function compare(first: ReadSource, second: ReadSource): Promise<SharedUserId | undefined> {
  const hashes = new FingerprintTable();
  for (let index = 0; index < first.source.users; index++) {
    const hash = first.userIdHash(index);
    if (hash !== undefined) hashes.set(hash, index);
  }
  const suspects = new Set<number | undefined>();
  for (let index = 0; index < second.source.users && suspects.size < MOST_SUSPECTS; index++) {
    const hash = second.userIdHash(index);
    if (hash !== undefined && hashes.get(hash) !== undefined) suspects.add(hash);
  }
  if (suspects.size === 0) return undefined;

  const places = new Map<unknown, string>();
  for await (const { file, line, user } of first.source.records((index) => suspects.has(first.userIdHash(index)))) {
    places.set(normalizeUser(user).user_id, `${file}:${line}`);
  }
  for await (const { file, line, user } of second.source.records((index) => suspects.has(second.userIdHash(index)))) {
    const place = places.get(normalizeUser(user).user_id);
    if (place !== undefined) return { first: place, second: `${file}:${line}` };
  }
  return undefined;
}
