import { count } from "../progress/batchProgress";
import { listCodes } from "../results/oneLine";

const RECORDS = 200;
const FAILED_SHARE = 0.5;

/** An early look at the results, once: a mistake in the mapping should not run through a million users. */
export class EarlyLook {
  #records = 0;
  #looked = false;
  readonly #codes = new Map<string, number>();

  /** A record came back. Those that had failed before are not to be told: it would stop every run that sends them again. */
  cameBack(failure?: { readonly code: string }): void {
    this.#records++;
    if (failure !== undefined) this.#codes.set(failure.code, (this.#codes.get(failure.code) ?? 0) + 1);
  }

  /** @returns what is to be told where most of the first records failed. */
  look(): Error | undefined {
    if (this.#looked || this.#records < RECORDS) return undefined;
    this.#looked = true;
    const failed = [...this.#codes.values()].reduce((sum, users) => sum + users, 0);
    if (failed <= FAILED_SHARE * this.#records) return undefined;
    return new Error(
      `${count(failed)} of the first ${count(this.#records)} users failed (${listCodes(this.#codes)}): that looks like a mistake in all of them. Correct it in the files, or in the transform.`,
    );
  }
}
