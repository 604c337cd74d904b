import Papa from "papaparse";

/**
 * A table for people, as the text of a CSV file: UTF-8 with a byte-order mark, which Excel needs, and nothing in it that
 * a spreadsheet would take for a formula.
 */
export async function* csvTable(
  columns: readonly string[],
  rows: AsyncIterable<readonly (string | number)[]>,
): AsyncIterable<string> {
  yield `\ufeff${toLine(columns)}`;
  for await (const row of rows) yield toLine(row);
}

function toLine(row: readonly (string | number)[]): string {
  const cells = row.map((cell) => (typeof cell === "string" ? plainCell(cell) : cell));
  return `${Papa.unparse([cells], { quotes: true })}\r\n`;
}

/**
 * Where a cell might begin, an apostrophe goes before `=`, `+`, `-`, `@` and their full-width forms. A cell begins at the
 * start of the text, and, for a program that has other ideas of separators and quotes than we, behind each of those.
 * Control characters become spaces.
 */
function plainCell(text: string): string {
  return text
    .replace(/[\p{Cc}\u2028\u2029]/gu, " ")
    .replace(/(^|[,;|"])(\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])/g, "$1$2'$3");
}
