import type { CsvFormat } from "./csvFormat";
import { hasApostrophe, isMarked, isText } from "./exportMarks";
import type { FileRemark } from "./remark";

/** What programs write that have nothing to write. */
const NULL_TEXTS = new Set([
  ...["\\N", "NULL", "null", "(null)", "(NULL)", "<null>", "<NULL>", "[null]", "[NULL]"],
  ...["None", "nil", "NIL", "NaN", "#N/A", "N/A", "undefined"],
]);

/** What one column holds. */
interface ColumnCounts {
  texts: number;
  /** Texts that begin with an apostrophe. */
  marked: number;
  /** How often each of the texts above. */
  readonly nulls: Map<string, number>;
}

/** Columns that identify users, of which each row has one. */
const IDENTITIES: ReadonlySet<string> = new Set(["email", "user_id", "username", "phone_number"]);

/** Looks at the rows of one CSV file, for what is to be said of all of them together. */
export class CsvSurvey {
  readonly #columns: ColumnCounts[] = [];
  #shortRows = 0;
  #longRows = 0;
  #exportedRows = 0;
  #plainRows = 0;
  /** Cells with an apostrophe in rows without one where Auth0 would have put it. */
  #apostrophes = 0;

  constructor(
    private readonly format: CsvFormat,
    private readonly names: readonly string[],
  ) {}

  /** A row that was read; `cells` as they stand in the file. */
  add(cells: readonly string[]): void {
    if (cells.length < this.format.width) this.#shortRows++;
    if (cells.length > this.format.width) this.#longRows++;
    const texts = this.format.texts(cells);
    const marked = isMarked(cells);
    if (texts !== cells) this.#exportedRows++;
    else if (marked === false) this.#plainRows++;
    for (const [i, text] of texts.entries()) {
      if (text === "") continue;
      const column = columnOf(this.#columns, i);
      if (isText(text)) column.texts++;
      if (texts === cells && hasApostrophe(text)) {
        column.marked++;
        if (marked === false) this.#apostrophes++;
      }
      if (NULL_TEXTS.has(text) && this.format.means(text)) {
        column.nulls.set(text, (column.nulls.get(text) ?? 0) + 1);
      }
    }
  }

  remarks(): FileRemark[] {
    return [...this.#shapeRemarks(), ...this.#apostropheRemarks(), ...this.#nullRemarks()];
  }

  #shapeRemarks(): FileRemark[] {
    const remarks: FileRemark[] = [];
    if (this.#shortRows > 0) {
      const message = `${counted(this.#shortRows, "row is", "rows are")} shorter than the header: what is missing at the end counts as empty`;
      remarks.push({ code: "SHORT_ROWS", severity: "warning", message });
    }
    const nameless = this.names.filter((name) => name === "").length;
    if (nameless > 0) {
      const message = `${counted(nameless, "column", "columns")} without a name, and without content, ${nameless === 1 ? "is" : "are"} passed over`;
      remarks.push({ code: "NAMELESS_COLUMNS", severity: "note", message });
    }
    if (this.#longRows > 0) {
      const message = `${counted(this.#longRows, "row has", "rows have")} empty cells behind the last column, which are passed over`;
      remarks.push({ code: "NAMELESS_COLUMNS", severity: "note", message });
    }
    return remarks;
  }

  #apostropheRemarks(): FileRemark[] {
    const remarks: FileRemark[] = [];
    const remark = (severity: FileRemark["severity"], message: string) =>
      remarks.push({ code: "APOSTROPHES", severity, message });
    const { length: others } = this.names;
    if (this.#exportedRows > 0) {
      // One such row in a table of another origin may be a slip of the hand.
      remark(
        this.#exportedRows < this.#plainRows ? "warning" : "note",
        `an apostrophe is taken from the beginning of each text in ${counted(this.#exportedRows, "row", "rows")}, as Auth0 puts one there when it exports`,
      );
    }
    for (let i = 0; i < others; i++) {
      const { marked, texts } = columnOf(this.#columns, i);
      if (2 * marked <= texts) continue;
      remark(
        "warning",
        `${counted(marked, "cell", "cells")} of ${this.#nameOf(i)} ${marked === 1 ? "begins" : "begin"} with an apostrophe, which is kept: take it out if a spreadsheet or an export has put it there`,
      );
    }
    if (this.#exportedRows > 0 && this.#apostrophes > 0) {
      remark(
        "warning",
        `${counted(this.#apostrophes, "cell", "cells")} with an apostrophe at the beginning ${this.#apostrophes === 1 ? "stands" : "stand"} in rows that Auth0 has not exported, so it is kept`,
      );
    }
    return remarks;
  }

  #nullRemarks(): FileRemark[] {
    return [...this.names.keys()].flatMap((i): FileRemark[] => {
      const { nulls } = columnOf(this.#columns, i);
      if (nulls.size === 0) return [];
      const cells = [...nulls.values()].reduce((sum, count) => sum + count, 0);
      const message = `${counted(cells, "cell", "cells")} of ${this.#nameOf(i)} ${cells === 1 ? "says" : "say"} ${[...nulls.keys()].join(", ")}, and ${cells === 1 ? "is a text" : "are texts"} like others: name what means nothing in nullText (--null-text), or leave such cells empty in the export`;
      return [{ code: "NULL_TEXTS", severity: "warning", message }];
    });
  }

  /** A name that is no data, as far as one can tell. */
  #nameOf(column: number): string {
    const name = this.names[column] ?? "";
    return /^[\p{L}\p{N}_.:[\] -]{1,60}$/u.test(name) && !/\d{5}/.test(name)
      ? `column ${column + 1} (${name})`
      : `column ${column + 1}`;
  }
}

function columnOf(columns: ColumnCounts[], i: number): ColumnCounts {
  columns[i] ??= { texts: 0, marked: 0, nulls: new Map() };
  return columns[i];
}

function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

/**
 * Whether Auth0 has exported these rows, of those that do not tell themselves: nearly all texts in all columns begin with
 * an apostrophe, in more than one column or in one that identifies users.
 */
export function isExport(rows: readonly (readonly string[])[], names: readonly string[]): boolean {
  const kinds = rows.map(isMarked);
  const marked = kinds.filter((kind) => kind === true).length;
  const plain = kinds.filter((kind) => kind === false).length;
  if (marked + plain > 0) return marked >= plain;
  const columns: ColumnCounts[] = [];
  for (const cell of rows.flatMap((row) => row.map((text, i) => ({ text, i })))) {
    if (!isText(cell.text)) continue;
    const column = columnOf(columns, cell.i);
    column.texts++;
    if (hasApostrophe(cell.text)) column.marked++;
  }
  const withTexts = [...columns.entries()].filter(([, column]) => column !== undefined);
  return (
    withTexts.every(([, { texts, marked }]) => 10 * marked >= 9 * texts) &&
    (withTexts.length > 1 || withTexts.some(([i]) => IDENTITIES.has(names[i] ?? "")))
  );
}
