import { randomBytes } from "node:crypto";
import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import { SourceError } from "../source";
import { configure, failures, hasUnknown, type Properties, UNKNOWN } from "./engine";
import { isUnchanged, type KnownSource, noteSource, type SourceArgs, sharedDigest, sharedSource } from "./sources";

/** The inputs of the key of an import with several batches, as they come over the wire; see `KeyedSource`. */
const Inputs = z.object({
  users: z.array(z.string()).min(1),
  transform: z.string().optional(),
  nullText: z.array(z.string()).optional(),
  merge: z.boolean().optional(),
  unsupportedPasswordHash: z.enum(["fail", "omit"]),
  batches: z.int().min(2),
});

const SKIPS_CHECKPOINTS =
  "PULUMI_SKIP_CHECKPOINTS is set, and this is the import's first run: Pulumi would save nothing before its end. If the run is killed, the import's key is lost, and without it nobody can tell which users it has imported. Nothing was sent. Unset the variable for the first run; from the second on it may be set.";

/**
 * Made once; never changed, because all that it keyed would be unreadable.
 *
 * Checked before all batches, since they take the key: so it is its `check` that finds out whose users an edit is about.
 * What it found stays in its inputs, of which others are no change, and cost one write of the state.
 */
export const importKey: dynamic.ResourceProvider<Properties, Properties> = {
  configure: async (request) => configure(request),

  async check(olds, news) {
    const isNew = Object.keys(olds).length === 0;
    if (isNew && skipsCheckpoints()) return { inputs: news, failures: failures([SKIPS_CHECKPOINTS]) };
    // No program gives a source: it is the old one, which `ignoreChanges` keeps.
    if (news.source !== undefined) return { inputs: news };
    const { users, transform, nullText, merge, unsupportedPasswordHash } = news;
    if (news.sealed === true) return { inputs: olds.source === undefined ? news : { ...news, source: olds.source } };
    if (hasUnknown([users, transform, nullText, merge, unsupportedPasswordHash]))
      return { inputs: { ...news, source: UNKNOWN } };
    const parsed = Inputs.safeParse(news);
    // What is wrong with them, the batches tell; and a key that is alone has none.
    if (!parsed.success) return { inputs: news };
    try {
      return { inputs: { ...news, source: await describeSource(parsed.data, olds) } };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      return { inputs: news, failures: failures([error.message]) };
    }
  },

  diff: async () => ({ changes: false }),

  async create() {
    const key = randomBytes(32).toString("hex");
    return { id: randomBytes(8).toString("hex"), outs: { key, created: new Date().toISOString() } };
  },

  read: async (id, props = {}) => ({ id, props }),
  update: async (_id, olds) => ({ outs: olds }),
  delete: async () => {},
};

/**
 * What the files are: at first their digest alone, since the batches are all concerned, and read them with the key. Where
 * they are others than before, they are read through for what they say to each batch.
 */
async function describeSource({ users, ...rest }: z.infer<typeof Inputs>, olds: Properties): Promise<KnownSource> {
  const args: SourceArgs = { transform: undefined, ...rest, patterns: users };
  const old = olds.source as KnownSource | undefined;
  if (old === undefined) {
    const known = await sharedDigest(args);
    noteSource(args, known);
    return known;
  }
  const isDividedSo = olds.unsupportedPasswordHash === rest.unsupportedPasswordHash && olds.batches === rest.batches;
  if (isDividedSo && (await isUnchanged(args, old))) {
    noteSource(args, old);
    return old;
  }
  const read = await sharedSource({ ...args, key: undefined, validate: false });
  const { digest, bytes, files } = read.source;
  const known: KnownSource = {
    digest,
    bytes,
    files: files.map((name, file) => ({ name, users: read.source.recordsIn(file) })),
    shares: Array.from({ length: rest.batches }, (_, share) => read.shareDigest(share)),
  };
  noteSource(args, { ...known, read });
  return known;
}

/** As Pulumi reads the variable, which it hands on to its providers. */
function skipsCheckpoints(): boolean {
  const value = process.env.PULUMI_SKIP_CHECKPOINTS;
  return value === "1" || value?.toLowerCase() === "true";
}
