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
class Last extends pulumi.dynamic.Resource {
  constructor(values) {
    super({ ...provider, create: async (value) => ({ id: "last", outs: value }), update: async (_id, _olds, outs) => ({ outs }) }, "last", values);
  }
}
const edited = readFileSync("${VALUE_FILE}", "utf8");
const all = Array.from({ length: ${RESOURCES} }, (_, i) => new Trivial("trivial-" + i, i === 0 ? edited : "the same"));
new Last({ value: pulumi.all(all.map(({ value }) => value)).apply((values) => values.join()) });
`;

/**
 * A stack of dynamic resources that do nothing, and of one that takes something of each, as the results of an import do:
 * what Pulumi itself takes for a state of a size.
 */
export class Trivial {
  private constructor(
    readonly workspace: Workspace,
    /** Of the first update, in milliseconds. */
    readonly firstUpMs: number,
  ) {}

  /** @param bytes that the resources hold together */
  static async create(bytes: number): Promise<Trivial> {
    const files = { "index.js": program(Math.round(bytes / RESOURCES)), [VALUE_FILE]: "first" };
    const workspace = await Workspace.create({ files });
    try {
      const started = Date.now();
      await workspace.succeed(["up", "--yes", "--skip-preview"]);
      return new Trivial(workspace, Date.now() - started);
    } catch (error) {
      workspace.remove();
      throw error;
    }
  }

  /** Changes one of the resources, with the next update. */
  async edit(value: string): Promise<void> {
    await writeFile(path.join(this.workspace.folder, VALUE_FILE), value);
  }
}
