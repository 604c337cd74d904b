import { droppedAttributes, emptyAttributes, type User } from "./identity";
import { prepareUser, type UnsupportedPasswordHash } from "./prepare";
import { problemsOf } from "./validate";

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

  constructor(private readonly unsupported: UnsupportedPasswordHash) {}

  check(asItStands: User): Verdict {
    const { user, isWrong } = this.#warn(asItStands, 1);
    for (const attribute of droppedAttributes(asItStands)) increase(this.dropped, attribute, 1);
    for (const attribute of emptyAttributes(asItStands)) increase(this.empty, attribute, 1);
    return { isWrong, bytes: Buffer.byteLength(JSON.stringify(user)) };
  }

  /** Takes back what was warned of a record that does not count by itself. What is left out of it, still is. */
  withdraw(asItStands: User): void {
    this.#warn(asItStands, -1);
  }

  #warn(asItStands: User, by: 1 | -1): { readonly user: User; readonly isWrong: boolean } {
    const { user, passwordOmitted } = prepareUser(asItStands, this.unsupported);
    let isWrong = false;
    for (const { severity, code } of problemsOf(user, asItStands)) {
      if (severity === "error") isWrong = true;
      else increase(this.warnings, code, by);
    }
    if (passwordOmitted && !isWrong) this.passwordsOmitted += by;
    return { user, isWrong };
  }

  add({ warnings, dropped, empty, passwordsOmitted }: Tallied): void {
    for (const [code, records] of warnings) increase(this.warnings, code, records);
    for (const [attribute, records] of dropped) increase(this.dropped, attribute, records);
    for (const [attribute, records] of empty) increase(this.empty, attribute, records);
    this.passwordsOmitted += passwordsOmitted;
  }
}

function increase(counts: Map<string, number>, name: string, by: number): void {
  const sum = (counts.get(name) ?? 0) + by;
  if (sum === 0) counts.delete(name);
  else counts.set(name, sum);
}
