import { jsonText } from "../json/exactNumber";
import { deskProblems } from "./desk";
import { droppedAttributes, emptyAttributes, type User } from "./identity";
import { type PreparedUser, prepareUser, type UnsupportedPasswordHash } from "./prepare";
import { problemsOf, type RecordProblem } from "./validate";

/** What was found of many records; counts of records, by code or attribute. */
export interface Tallied {
  readonly warnings: ReadonlyMap<string, number>;
  /** Attributes that only Auth0 sets, and that are not sent. */
  readonly dropped: ReadonlyMap<string, number>;
  /** Attributes that are an empty text, and are not sent. */
  readonly empty: ReadonlyMap<string, number>;
  /** Sound records without a password hash, because Auth0 can't take it. */
  readonly passwordsOmitted: number;
}

/** What was found of one record. */
export interface Verdict {
  /** Whether it breaks a rule of the service. */
  readonly isWrong: boolean;
  /** Of the user as JSON. */
  readonly bytes: number;
}

/** Checks records, and counts what there is to say of them besides their errors. */
export class Tally implements Tallied {
  readonly warnings = new Map<string, number>();
  readonly dropped = new Map<string, number>();
  readonly empty = new Map<string, number>();
  passwordsOmitted = 0;

  /** @param unsupported what is done about hashes that Auth0 can't take, in what is checked here. */
  constructor(private readonly unsupported: UnsupportedPasswordHash = "fail") {}

  /** @param text its own, where it stands so in the file. */
  check(asItStands: User, text?: Buffer): Verdict {
    const { prepared, bytes, problems } = this.#find(asItStands, text);
    return { isWrong: this.note(prepared, asItStands, problems), bytes };
  }

  /** Counts what was found of a record by the caller. Returns whether it breaks a rule. */
  note(prepared: PreparedUser, asItStands: User, problems: readonly RecordProblem[]): boolean {
    for (const attribute of droppedAttributes(asItStands)) increase(this.dropped, attribute, 1);
    for (const attribute of emptyAttributes(asItStands)) increase(this.empty, attribute, 1);
    return this.#warn(prepared, problems, 1);
  }

  /** Takes back what was warned of a record that does not count by itself. What is left out of it, still is. */
  withdraw(asItStands: User, text?: Buffer): void {
    const { prepared, problems } = this.#find(asItStands, text);
    this.#warn(prepared, problems, -1);
  }

  #find(asItStands: User, text: Buffer | undefined) {
    const prepared = prepareUser(asItStands, this.unsupported);
    const bytes = Buffer.byteLength(jsonText(prepared.user));
    const problems = problemsOf(prepared.user, asItStands);
    const others = deskProblems(prepared.user, bytes, asItStands, text);
    return { prepared, bytes, problems: others.length === 0 ? problems : [...problems, ...others] };
  }

  #warn({ passwordOmitted }: PreparedUser, problems: readonly RecordProblem[], by: 1 | -1): boolean {
    let isWrong = false;
    for (const { severity, code } of problems) {
      if (severity === "error") isWrong = true;
      else increase(this.warnings, code, by);
    }
    if (passwordOmitted && !isWrong) this.passwordsOmitted += by;
    return isWrong;
  }

  add({ warnings, dropped, empty, passwordsOmitted }: Tallied): this {
    for (const [code, records] of warnings) increase(this.warnings, code, records);
    for (const [attribute, records] of dropped) increase(this.dropped, attribute, records);
    for (const [attribute, records] of empty) increase(this.empty, attribute, records);
    this.passwordsOmitted += passwordsOmitted;
    return this;
  }
}

function increase(counts: Map<string, number>, name: string, by: number): void {
  const sum = (counts.get(name) ?? 0) + by;
  if (sum === 0) counts.delete(name);
  else counts.set(name, sum);
}
