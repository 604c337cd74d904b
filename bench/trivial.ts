import { writeFile } from "node:fs/promises";
import path from "node:path";
import { Workspace } from "../test/support/workspace";

const RESOURCES = 16;

/** What the program reads, and one resource holds. */
const VALUE_FILE = "value.txt";

/** @param bytes that each resource holds in the state, in pieces as the ledger is */
const program = (bytes: number) => `const { readFileSync } = require("node:fs");
const pulumi = require("@pulumi/pulumi");
const made = (inputs) => ({ ...inputs, held: "x".repeat(${bytes}).match(/.{1,16384}/g) ?? [] });
const provider = {
  check: async (_olds, inputs) => ({ inputs }),
  diff: async (_id, olds, news) => ({ changes: olds.value !== news.value }),
  create: async (inputs) => ({ id: "trivial", outs: made(inputs) }),
  update: async (_id, _olds, news) => ({ outs: made(news) }),
};
class Trivial extends pulumi.dynamic.Resource {
  constructor(name, value) {
    super(provider, name, { value, held: undefined });
  }
}
const value = readFileSync("${VALUE_FILE}", "utf8");
for (let i = 0; i < ${RESOURCES}; i++) new Trivial("trivial-" + i, i === 0 ? value : "the same");
`;

/** A stack of dynamic resources that do nothing: what Pulumi itself takes for a state of a size. */
export class Trivial {
  private constructor(readonly workspace: Workspace) {}

  /** @param bytes that the resources hold together */
  static async create(bytes: number): Promise<Trivial> {
    const files = { "index.js": program(Math.round(bytes / RESOURCES)), [VALUE_FILE]: "first" };
    const trivial = new Trivial(await Workspace.create({ files }));
    try {
      await trivial.workspace.succeed(["up", "--yes", "--skip-preview"]);
      return trivial;
    } catch (error) {
      trivial.workspace.remove();
      throw error;
    }
  }

  /** Changes one of the resources, with the next update. */
  async edit(value: string): Promise<void> {
    await writeFile(path.join(this.workspace.folder, VALUE_FILE), value);
  }
}
