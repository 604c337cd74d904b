import { type Inputs, sourceArgsOf } from "../provider/lifecycle/batch";
import { type ReadSource, SourceReader } from "../provider/plan/readSource";
import { digestSource, projectFolder } from "../provider/source";

interface Held {
  readonly name: string;
  readonly read: Promise<ReadSource>;
  users: number;
}

/**
 * The users files as a worker reads them: once for all batches of an import, and anew when they have changed. What was
 * read last stays, for the batch that comes next.
 */
export class WorkerSources {
  #held: Held[] = [];

  /** Lends the source, with the fingerprints of the batch. */
  async use<T>(inputs: Inputs, work: (read: ReadSource) => Promise<T>): Promise<T> {
    const held = await this.#of(inputs);
    held.users++;
    try {
      const read = await held.read;
      return await work(await read.withPrints(inputs.key, inputs.share));
    } catch (error) {
      this.#held = this.#held.filter((each) => each !== held || each.users > 1);
      throw error;
    } finally {
      held.users--;
      await this.#closeUnused();
    }
  }

  async close(): Promise<void> {
    for (const { read } of this.#held.splice(0)) await read.then(({ source }) => source.close()).catch(() => {});
  }

  async #of(inputs: Inputs): Promise<Held> {
    const args = sourceArgsOf(inputs);
    const cwd = process.cwd();
    const { transform, nullText, merge, patterns } = args;
    const { digest } = await digestSource(patterns, cwd, { transform, nullText, merge, root: projectFolder(cwd) });
    const reading = { ...args, key: inputs.key, validate: false };
    const name = JSON.stringify([reading, digest]);
    const known = this.#held.find((each) => each.name === name);
    if (known !== undefined) return known;
    const held: Held = { name, read: SourceReader.read(reading), users: 0 };
    // Whoever uses it is told.
    held.read.catch(() => {});
    this.#held.push(held);
    return held;
  }

  async #closeUnused(): Promise<void> {
    const last = this.#held.at(-1);
    const unused = this.#held.filter((each) => each.users === 0 && each !== last);
    this.#held = this.#held.filter((each) => !unused.includes(each));
    for (const { read } of unused) await read.then(({ source }) => source.close()).catch(() => {});
  }
}
