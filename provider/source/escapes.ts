import type { FileRemark } from "./remark";

/** What to do about a file that PostgreSQL's `COPY … TO` has written. */
export const COPY_ADVICE =
  "this looks like PostgreSQL's COPY TO in its text format, which doubles backslashes: write the file with psql -At -c 'SELECT …' instead";

/** Backslashes, and what is behind them. */
const RUN = /(\\+)(.?)/gs;

/** What is an escape in JSON, behind one backslash. */
const ESCAPES = 'ntrbfu/"';

/**
 * Looks for texts in which the escapes of JSON stand as texts, because every backslash was doubled: `first\\nsecond`.
 * Where quotes were in a text, the record is malformed; without any, nothing else tells.
 */
export class EscapeSurvey {
  #records = 0;
  /** There is a backslash that is not doubled, so it is none of these files. */
  isSettled = false;

  /** @param record of JSON */
  add(record: Buffer): void {
    if (this.isSettled) return;
    let isSuspect = false;
    for (const [, backslashes = "", next = ""] of record.toString("latin1").matchAll(RUN)) {
      if (backslashes.length % 2 === 1) {
        this.isSettled = true;
        return;
      }
      isSuspect ||= ESCAPES.includes(next) || backslashes.length > 2;
    }
    if (isSuspect) this.#records++;
  }

  remarks(): FileRemark[] {
    if (this.isSettled || this.#records === 0) return [];
    const records = `${this.#records.toLocaleString("en-US")} record${this.#records === 1 ? " has" : "s have"}`;
    const message = `${records} a backslash in a text where JSON has an escape, such as \\n, and no backslash of the file stands alone: ${COPY_ADVICE}`;
    return [{ code: "ESCAPES", severity: "warning", message }];
  }
}

/** Whether a malformed record looks like one of these files. */
export function hasDoubledEscapes(record: string, faultAt: number): boolean {
  return record[faultAt] === "\\" || /\\\\"(?!\s*[,:}\]])/.test(record);
}
