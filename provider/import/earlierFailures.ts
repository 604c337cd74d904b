import type { Fingerprint } from "../ledger/fingerprint";
import type { FailedRecord } from "../results/types";
import type { Failure } from "./findings";
import type { Subject } from "./members";

/** Why records failed in earlier runs: what is not sent again is listed with what was said then. */
export class EarlierFailures {
  /** What the run before said. */
  readonly #messages: ReadonlyMap<string, FailedRecord>;
  /** What the jobs of an interrupted run said. */
  readonly #learnt = new Map<Fingerprint, Failure>();

  constructor(records: readonly FailedRecord[] = []) {
    this.#messages = new Map(records.map((record) => [record.identity ?? "", record]));
  }

  learn(identity: Fingerprint, failure: Failure): void {
    this.#learnt.set(identity, failure);
  }

  of({ identity, name }: Subject, code: string): Failure {
    const earlier = this.#learnt.get(identity) ?? this.#messages.get(name);
    return earlier?.code === code ? earlier : { code, message: "Failed before, and was not sent again since" };
  }
}
