import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { withPlainNumbers } from "../json/exactNumber";
import { type Flaw, flawsOf, noteFlaws } from "../json/flaws";
import { isDeeper, MAX_DEPTH } from "./depth";
import { digestTransform } from "./digest";
import { isObject, kindOf } from "./jsonFormat";
import type { JsonObject } from "./recordFormat";
import { SourceError } from "./sourceError";
import type { RecordProblem } from "./sourceRecord";
import { transformFiles } from "./transformFiles";

/** The user's function: a record to an Auth0 user, or to nothing, at once or later. */
type TransformFunction = (record: JsonObject) => unknown;

/** What a transform made of a record: see `SourceRecord`. */
export interface Transformed {
  readonly user: JsonObject;
  readonly problem?: RecordProblem;
}

/** A user's module that makes users of the source's records. */
export class Transform {
  /** See `digestTransform`. */
  readonly digest: Buffer;
  /** As the user wrote it. */
  readonly #name: string;
  readonly #transform: TransformFunction;

  private constructor(name: string, digest: Buffer, transform: TransformFunction) {
    this.#name = name;
    this.digest = digest;
    this.#transform = transform;
  }

  /**
   * @param name a file, or a module of a package: see `transformFiles`
   * @throws {SourceError} when it can't be loaded or has no function as its default export
   */
  static async load(name: string, cwd: string, root?: string): Promise<Transform> {
    const files = await transformFiles(name, cwd, root);
    const digest = await digestTransform(files, cwd);
    const { default: exported } = await importModule(files[0], cwd);
    // What TypeScript and Babel make of `export default` in a CommonJS module.
    const transform = isObject(exported) && "default" in exported ? exported.default : exported;
    if (typeof transform !== "function") {
      throw errorIn(name, "a transform has to export a function: `export default` or `module.exports =`");
    }
    return new Transform(name, digest, transform as TransformFunction);
  }

  /**
   * @param record which the module may do with what it likes
   * @param raw the same, which it does not get
   * @returns `undefined` when the record is to be left out
   */
  async apply(record: JsonObject, raw: JsonObject): Promise<Transformed | undefined> {
    const flaws = flawsOf(raw);
    let made: unknown;
    try {
      made = await this.#transform(flaws.length === 0 ? record : withPlainNumbers(record));
    } catch (error) {
      // Only what kind of error: its text may quote the record.
      return this.#problem(`threw ${classOf(error)}`);
    }
    if (made === undefined || made === null) {
      return undefined;
    }
    if (!isObject(made)) {
      return this.#problem(`returned ${kindOf(made)} instead of a user`);
    }
    const user = asJson(made);
    if (!isObject(user) || isDeeper(user, MAX_DEPTH)) {
      return this.#problem("returned an object that JSON can't express");
    }
    noteFlaws(user, flaws.map(afterRounding));
    return { user };
  }

  /** As `apply`, for a record that it did not leave out. */
  async applyAgain(record: JsonObject, raw: JsonObject): Promise<Transformed> {
    const transformed = await this.apply(record, raw);
    return transformed ?? this.#problem("left out a record that it did not leave out before");
  }

  #problem(what: string): Transformed {
    return { user: {}, problem: { code: "TRANSFORM_FAILED", message: `The transform ${this.#name} ${what}` } };
  }
}

async function importModule(path: string, cwd: string): Promise<{ default?: unknown }> {
  try {
    return (await import(pathToFileURL(resolve(cwd, path)).href)) as { default?: unknown };
  } catch (error) {
    throw errorIn(path, `the transform can't be loaded (${classOf(error)}); \`node ${path}\` tells why`);
  }
}

function errorIn(file: string, message: string): SourceError {
  return new SourceError([{ file, message }]);
}

/** The function got doubles. */
function afterRounding(flaw: Flaw): Flaw {
  return flaw.kind === "number" ? { ...flaw, kind: "rounded" } : flaw;
}

/** Dates are texts then, and what is undefined is gone; `undefined` for what has no JSON: circles, big integers. */
function asJson(value: object): unknown {
  try {
    return JSON.parse(JSON.stringify(value));
  } catch {
    return undefined;
  }
}

function classOf(error: unknown): string {
  const name = error instanceof Error ? error.constructor?.name : "";
  return /^\w{1,64}$/.test(name) ? name : "something that is no Error";
}
