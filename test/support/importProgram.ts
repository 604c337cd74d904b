import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Summary } from "../../provider";
import type { ReviewedBatch } from "../../provider/resources/finalizer";
import type { BatchOutputs, BatchTest } from "./batch";
import { PartialFailure, type Properties } from "./providerProcess";

const IMPORT = "urn:pulumi:dev::test::auth0import:UserImport$pulumi-nodejs:dynamic/auth0import";

/** What the Finalizer is told of a batch. */
const REVIEWED = [
  ...["summary", "jobs", "failedAt", "failedRecords", "differences", "passwordResets", "interruptions", "source"],
  "applied",
];

/** The run was ended by `kill -9` before it wrote the state once more. */
export class Killed extends Error {}

/** A resource as the state has it. */
interface Saved {
  readonly inputs: Properties;
  readonly outputs: Properties;
}

/** What an import tells its program. */
export interface ImportOutputs extends Pick<BatchOutputs, "jobs" | "failedRecords" | "notApplied"> {
  readonly summary: Summary;
}

export interface RunOptions {
  /** Of the batches, by their numbers. */
  readonly order?: readonly number[];
  /** So often the state is written; before the next time the run is killed. */
  readonly writes?: number;
  readonly preview?: boolean;
  /** With `--target`: names of resources. The others are not looked at. */
  readonly targets?: readonly string[];
}

/** Arguments that are the Finalizer's alone. */
const OF_VERIFICATION = ["verify", "maxMissing", "verifyTriggers"];

/**
 * A program with one `UserImport` of several batches, run as Pulumi's engine runs it: each resource is checked, compared,
 * and created or updated, in the process of a `BatchTest`. The state is written where the engine writes it.
 */
export class ImportProgram {
  /** Counts how often the state was written. */
  writes = 0;
  readonly #state = new Map<string, Saved>();
  #limit = Number.POSITIVE_INFINITY;

  constructor(
    private readonly at: BatchTest,
    readonly batches: number,
  ) {}

  /** Of a resource, by its name. */
  outputs<T = Properties>(name: string): T {
    return this.#state.get(name)?.outputs as T;
  }

  inputs(name: string): Properties {
    return this.#state.get(name)?.inputs ?? {};
  }

  /** The state is one that another version made, or somebody else's edit. */
  rewrite(name: string, change: (saved: Saved) => Saved): void {
    this.#state.set(name, change(this.#state.get(name) as Saved));
  }

  get batchNames(): string[] {
    return Array.from({ length: this.batches }, (_, i) => `everyone-${String(i).padStart(2, "0")}`);
  }

  /**
   * `pulumi up`, or a preview.
   *
   * @param args of the import.
   * @returns the names of the resources that were created or updated, or would be.
   * @throws PartialFailure where a batch failed; {@link Killed}
   */
  async up(given: Properties = {}, { order, writes, preview = false, targets }: RunOptions = {}): Promise<string[]> {
    this.#limit = writes === undefined ? Number.POSITIVE_INFINITY : this.writes + writes;
    const changed: string[] = [];
    const isOfVerification = ([name]: [string, unknown]) => OF_VERIFICATION.includes(name);
    const ofVerification = Object.fromEntries(Object.entries(given).filter(isOfVerification));
    const args = Object.fromEntries(Object.entries(given).filter((each) => !isOfVerification(each)));
    const told = preview ? { preview } : {};
    const verifies = given.verify === undefined ? {} : { verifies: given.verify };
    const all = this.at.inputs(args);
    const { connectionId, users, transform, nullText, merge, unsupportedPasswordHash, sealed, resultsDir } = all;
    const source = { users, transform, nullText, merge, unsupportedPasswordHash, sealed };
    const divided = this.batches === 1 ? {} : { ...source, batches: this.batches };
    await this.#run("ImportKey", "everyone-key", divided, preview, changed);
    const { key, created } = this.outputs("everyone-key") ?? { key: all.key };

    for (const index of order ?? this.batchNames.keys()) {
      const share = { index, count: this.batches };
      const name = this.batchNames[index] as string;
      if (targets?.includes(name) === false) continue;
      await this.#run("UserBatch", name, { ...all, key, created, share, ...told, ...verifies }, preview, changed);
    }

    const reviews = this.batchNames.map((batch) => {
      const outputs = this.outputs(batch) ?? {};
      return { batch, ...Object.fromEntries(REVIEWED.map((name) => [name, outputs[name]])) };
    });
    const { maxFailures } = args;
    const results = { ...source, connectionId, resultsDir, maxFailures, batches: reviews, ...told, ...ofVerification };
    await this.#run("Finalizer", "everyone-results", results, preview, changed);
    return changed;
  }

  /** As `UserImport` puts them together. */
  get told(): ImportOutputs {
    const batches = this.batchNames.map((name) => this.outputs<BatchOutputs>(name));
    const results = this.outputs<{ summary: Summary; reviewedBatches: ReviewedBatch[] }>("everyone-results");
    return {
      summary: results.summary,
      jobs: batches.filter((_, i) => results.reviewedBatches[i]?.isOfLastRun).flatMap(({ jobs }) => jobs),
      failedRecords: batches.flatMap(({ failedRecords }) => failedRecords),
      notApplied: batches.flatMap(({ notApplied }) => notApplied),
    };
  }

  async #run(
    kind: "ImportKey" | "UserBatch" | "Finalizer",
    name: string,
    program: Properties,
    isPreview: boolean,
    changed: string[],
  ): Promise<void> {
    const { provider } = this.at;
    const old = this.#state.get(name);
    const news = { ...program, resourceUrn: `${IMPORT}:${kind}::${name}` };
    const { inputs, failures } = await provider.check(kind, old?.inputs ?? {}, news);
    assert.deepEqual(failures, []);
    if (old === undefined) {
      changed.push(name);
      if (isPreview) return;
      this.#write();
      const outputs = await this.#apply(name, inputs, async () => (await provider.create(kind, inputs)).outputs);
      this.#write(name, { inputs, outputs });
      return;
    }
    const { changes } = await provider.diff(kind, old.outputs, inputs);
    if (changes) changed.push(name);
    if (isPreview) return;
    if (changes) {
      this.#write();
      const outputs = await this.#apply(name, old.inputs, () => provider.update(kind, old.outputs, inputs));
      this.#write(name, { inputs, outputs });
    } else if (!isDeepStrictEqual(unnamed(inputs), unnamed(old.inputs))) {
      this.#write(name, { inputs, outputs: old.outputs });
    }
  }

  /** A failed update is saved with the inputs that it had before. */
  async #apply(name: string, inputs: Properties, call: () => Promise<Properties>): Promise<Properties> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof PartialFailure) this.#write(name, { inputs, outputs: error.properties });
      throw error;
    }
  }

  #write(name?: string, saved?: Saved): void {
    if (this.writes >= this.#limit) throw new Killed();
    this.writes++;
    if (name !== undefined && saved !== undefined) this.#state.set(name, saved);
  }
}

/** A process serves many runs here, so that each has a users file of another name: that is no edit. */
function unnamed({ users: _, ...inputs }: Properties): Properties {
  return inputs;
}
