import { STRATEGIES } from "../schema/strategies";

// Auth0 puts an apostrophe before each text in a CSV file that it exports, so that no spreadsheet takes one for a formula
// (Auth0 documentation, «Bulk User Exports»). People then sort the file, edit cells and add rows. And there are names
// that begin with an apostrophe: 't Hooft.

/** A user's id, or an e-mail address, which begin with an apostrophe in exports only. */
const ID = /^'?([a-z][a-z0-9-]*)\|./;
const ADDRESS = /^'?[^\s'@|][^\s@|]*@[^\s@]+\.[^\s@]+$/;

/** Whether Auth0 has marked the texts of this row; `undefined` where nothing in it tells. */
export function isMarked(row: readonly string[]): boolean | undefined {
  let isPlain = false;
  for (const cell of row) {
    if (!isTelling(cell)) continue;
    if (cell.startsWith("'")) return true;
    isPlain = true;
  }
  return isPlain ? false : undefined;
}

function isTelling(cell: string): boolean {
  if (cell.includes("@")) return ADDRESS.test(cell);
  if (!cell.includes("|")) return false;
  const [, strategy] = ID.exec(cell) ?? [];
  return strategy !== undefined && STRATEGIES.has(strategy);
}

/** Cells that Auth0 does not mark: booleans, numbers, its own dates. */
const NO_TEXT = /^(|true|false|\d+(\.\d+)?|\d{4}-\d\d-\d\dT[\d:.]+Z)$/;

export function isText(cell: string): boolean {
  return !NO_TEXT.test(cell);
}

export function hasApostrophe(cell: string): boolean {
  return cell.startsWith("'");
}

export function withoutApostrophe(cell: string): string {
  return hasApostrophe(cell) ? cell.slice(1) : cell;
}
