import { parse } from "papaparse";
import type { Fault } from "./recordFormat";

export const DELIMITERS = [",", ";", "\t"] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** The cells of one row. A line end in it is in quotes, and part of a cell. */
export function cellsOf(row: string, delimiter: Delimiter): string[] {
  return parse<string[]>(row, { delimiter, newline: "\n" }).data[0] ?? [""];
}

const QUOTE = '"';

/**
 * Where quotes are not as RFC 4180 has them. The parser takes such cells as best it can, and who forgot to double a
 * quote would get a name with half of the next cell in it.
 */
export function findQuotingFault(row: string, rowOffset: number, delimiter: Delimiter): Fault | undefined {
  const faultAt = (open: number, message: string): Fault => ({
    message: `not valid CSV: ${message}`,
    offset: rowOffset + Buffer.byteLength(row.slice(0, open)),
    cutOff: false,
  });
  let open = row.indexOf(QUOTE);
  while (open !== -1) {
    if (open > 0 && row[open - 1] !== delimiter) {
      return faultAt(open, "quote in a cell that does not start with one");
    }
    let close = row.indexOf(QUOTE, open + 1);
    while (close !== -1 && row[close + 1] === QUOTE) {
      close = row.indexOf(QUOTE, close + 2);
    }
    if (close === -1) {
      return faultAt(open, "quoted cell is not closed");
    }
    if (close + 1 < row.length && row[close + 1] !== delimiter) {
      return faultAt(open, "quoted cell goes on behind a quote: double the quotes in it");
    }
    open = row.indexOf(QUOTE, close + 1);
  }
  return undefined;
}
