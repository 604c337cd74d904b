import { type Share, shareOf } from "../plan/share";
import { normalizeUser } from "../schema/identity";
import { digestSource, openSource, type Source, type SourceDigest, type SourceRecord } from "../source";

// One process serves all resources of a run. What one of them reads of a source, the others share.

/** A source that has been read once, and which share each of its records belongs to. */
interface OpenedSource {
  readonly source: Source;
  readonly shares: Uint8Array;
}

const digests = new Map<string, Promise<SourceDigest>>();
const opened = new Map<string, Promise<OpenedSource>>();

function once<T>(made: Map<string, Promise<T>>, key: readonly unknown[], make: () => Promise<T>): Promise<T> {
  const name = JSON.stringify(key);
  let promise = made.get(name);
  if (promise === undefined) {
    promise = make();
    made.set(name, promise);
  }
  return promise;
}

/** The digest of the files, without a parse. */
export function sharedDigest(patterns: readonly string[]): Promise<SourceDigest> {
  return once(digests, patterns, () => digestSource(patterns, process.cwd()));
}

/** The files, read and checked. */
export async function sharedSource(patterns: readonly string[], shareCount = 1): Promise<Source> {
  return (await openShared(patterns, shareCount)).source;
}

/** The records of one share, in the order of the source, and how many they are. */
export async function shareRecords(
  patterns: readonly string[],
  share: Share,
): Promise<{ readonly source: Source; readonly users: number; readonly records: AsyncIterable<SourceRecord> }> {
  const { source, shares } = await openShared(patterns, share.count);
  const users = shares.reduce((sum, index) => sum + (index === share.index ? 1 : 0), 0);
  return { source, users, records: source.records((position) => shares[position] === share.index) };
}

function openShared(patterns: readonly string[], shareCount: number): Promise<OpenedSource> {
  return once(opened, [patterns, shareCount], async () => {
    let shares = new Uint8Array(1024);
    const source = await openSource(patterns, process.cwd(), {
      onRecord: ({ index, user }) => {
        if (index >= shares.length) {
          const longer = new Uint8Array(2 * shares.length);
          longer.set(shares);
          shares = longer;
        }
        shares[index] = shareOf(normalizeUser(user), shareCount);
      },
    });
    return { source, shares: shares.subarray(0, source.users) };
  });
}
