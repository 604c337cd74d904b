import { isAbsent, SENDABLE, type User } from "../schema/identity";
import type { Remark } from "../source";
import { Column } from "../source/column";

/** All that a record can say, but for the id; the two kinds of hashes are one. */
const ATTRIBUTES = [...SENDABLE].filter((name) => name !== "user_id" && name !== "custom_password_hash");

/** Counts what is lost where a later file has a record of the same user that says less. */
export class Losses {
  /** Which attributes each record has, a bit for each of the above. */
  readonly #said = new Column((length) => new Uint32Array(length));
  readonly #files = new Map<string, { records: number; readonly attributes: Map<string, number> }>();

  add(index: number, user: User): void {
    let said = 0;
    for (const [i, name] of ATTRIBUTES.entries()) {
      if (has(user, name) || (name === "password_hash" && has(user, "custom_password_hash"))) said |= 1 << i;
    }
    this.#said.set(index, said);
  }

  /** A record counts in the place of an earlier one. */
  replaces(index: number, earlier: number, file: string): void {
    const lost = this.#said.at(earlier) & ~this.#said.at(index);
    if (lost === 0) return;
    const found = this.#files.get(file) ?? { records: 0, attributes: new Map<string, number>() };
    this.#files.set(file, found);
    found.records++;
    for (const [i, name] of ATTRIBUTES.entries()) {
      if ((lost >> i) & 1) found.attributes.set(name, (found.attributes.get(name) ?? 0) + 1);
    }
  }

  remarks(): Remark[] {
    return [...this.#files].map(([file, { records, attributes }]) => {
      const names = [...attributes].map(([name, count]) => `${name} ${count.toLocaleString("en-US")}`).join(", ");
      const those = records === 1 ? "1 record lacks" : `${records.toLocaleString("en-US")} records lack`;
      const message = `${those} what an earlier file says of the same users, and ${records === 1 ? "counts" : "count"} alone: ${names}. merge (--merge) puts the records of a user together`;
      return { code: "LESS_THAN_BEFORE", severity: "warning", file, message };
    });
  }
}

function has(user: User, name: string): boolean {
  const value = user[name];
  return value !== undefined && !isAbsent(name, value);
}
