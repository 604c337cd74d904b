import { randomBytes } from "node:crypto";
import type { dynamic } from "@pulumi/pulumi";
import { configure } from "./engine";

/** Made once; never changed, because all that it keyed would be unreadable. */
export const importKey: dynamic.ResourceProvider = {
  configure: async (request) => configure(request),
  check: async (_olds, news) => ({ inputs: news }),
  diff: async () => ({ changes: false }),
  create: async () => {
    const key = randomBytes(32).toString("hex");
    return { id: randomBytes(8).toString("hex"), outs: { key } };
  },
  read: async (id, props = {}) => ({ id, props }),
  update: async (_id, olds) => ({ outs: olds }),
  delete: async () => {},
};
