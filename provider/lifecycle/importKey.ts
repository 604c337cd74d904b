import { randomBytes } from "node:crypto";
import type { dynamic } from "@pulumi/pulumi";
import { configure, failures, type Properties } from "./engine";

const SKIPS_CHECKPOINTS =
  "PULUMI_SKIP_CHECKPOINTS is set, and this is the import's first run: Pulumi would save nothing before its end. Should it be killed, the import's key would be lost, and with it what tells the users that it has brought from others. Nothing was sent. Unset the variable for the first run; from the second on it may be set.";

/** Made once; never changed, because all that it keyed would be unreadable. */
export const importKey: dynamic.ResourceProvider<Properties, Properties> = {
  configure: async (request) => configure(request),

  async check(olds, news) {
    const isNew = Object.keys(olds).length === 0;
    if (isNew && skipsCheckpoints()) return { inputs: news, failures: failures([SKIPS_CHECKPOINTS]) };
    return { inputs: news };
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

/** As Pulumi reads the variable, which it hands on to its providers. */
function skipsCheckpoints(): boolean {
  const value = process.env.PULUMI_SKIP_CHECKPOINTS;
  return value === "1" || value?.toLowerCase() === "true";
}
