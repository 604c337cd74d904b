import type { Severity } from "../provider/schema/rule";

/** What is said of a problem here. */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
}

/** How many users have a problem with this code. */
export interface CodeCount extends Finding {
  readonly users: number;
}

const SOUND = 0;
const WARNED = 1;
const INVALID = 2;

/** What was found of each record of a source, in one byte: whether there is a problem, and how often which. */
export class Verdicts {
  #worst = new Uint8Array(1024);
  readonly #counts = new Map<string, CodeCount>();

  /** Problems of one record; for the same record again, with other codes. */
  add(index: number, problems: readonly Finding[]): void {
    if (problems.length === 0) return;
    if (index >= this.#worst.length) this.#grow(index);
    const worst = problems.some(({ severity }) => severity === "error") ? INVALID : WARNED;
    this.#worst[index] = Math.max(this.#worst[index] ?? SOUND, worst);
    this.#count(problems, 1);
  }

  /** The record does not count after all. These are its problems. */
  withdraw(index: number, problems: readonly Finding[]): void {
    this.#worst[index] = SOUND;
    this.#count(problems, -1);
  }

  /** How bad the worst problem of a record is. */
  worst(index: number): Severity | undefined {
    const worst = this.#worst[index] ?? SOUND;
    if (worst === SOUND) return undefined;
    return worst === INVALID ? "error" : "warning";
  }

  /** How many records have a worst problem that is as bad. */
  users(severity: Severity): number {
    const wanted = severity === "error" ? INVALID : WARNED;
    return this.#worst.reduce((sum, worst) => (worst === wanted ? sum + 1 : sum), 0);
  }

  /** By code: errors first, the most frequent first among them. */
  get counts(): CodeCount[] {
    return [...this.#counts.values()]
      .filter(({ users }) => users > 0)
      .sort((a, b) => a.severity.localeCompare(b.severity) || b.users - a.users || a.code.localeCompare(b.code));
  }

  #count(problems: readonly Finding[], by: number): void {
    // A record with three long names is one user with MAX_LENGTH.
    const kinds = new Map(problems.map(({ code, severity }) => [`${severity} ${code}`, { code, severity }]));
    for (const [name, kind] of kinds) {
      this.#counts.set(name, { ...kind, users: (this.#counts.get(name)?.users ?? 0) + by });
    }
  }

  #grow(index: number): void {
    const longer = new Uint8Array(2 * Math.max(index, this.#worst.length));
    longer.set(this.#worst);
    this.#worst = longer;
  }
}
