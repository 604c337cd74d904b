import { type Flaw, noteFlaws } from "../json/flaws";
import type { Columns, NoteFlaw } from "./csvColumns";
import type { CsvHeader } from "./csvHeader";
import { cellsOf, type Delimiter, findQuotingFault } from "./csvText";
import { isMarked, withoutApostrophe } from "./exportMarks";
import { isObject } from "./jsonFormat";
import { decodeUtf8, type Fault, findUtf8Fault, type JsonObject, type RecordFormat } from "./recordFormat";

/** The rows of a CSV file, of one with this header. */
export class CsvFormat implements RecordFormat {
  readonly #delimiter: Delimiter;
  readonly #columns: Columns;
  readonly #nameless: readonly number[];
  readonly width: number;
  readonly #nullTexts: ReadonlySet<string>;
  /** Whether there is a column for what of a hash is not the same in all rows. */
  readonly #hasHashes: boolean;
  /** Whether texts are marked with an apostrophe in rows that do not tell themselves. */
  isExport = false;

  /** @param nullTexts cells that mean nothing, as empty ones do. */
  constructor({ delimiter, columns, names }: CsvHeader, nullTexts: readonly string[]) {
    this.#delimiter = delimiter;
    this.#columns = columns;
    this.width = names.length;
    this.#nameless = [...names.keys()].filter((column) => names[column] === "");
    this.#nullTexts = new Set(nullTexts);
    this.#hasHashes = names.includes("custom_password_hash.hash.value");
  }

  parse(bytes: Buffer, start: number, end: number): JsonObject | string | undefined {
    const cells = this.cells(bytes, start, end);
    return cells === undefined ? undefined : this.record(cells);
  }

  /** The cells of a row; `undefined` where it is malformed. */
  cells(bytes: Buffer, start: number, end: number): string[] | undefined {
    const text = decodeUtf8(bytes.subarray(start, end));
    if (text === undefined || findQuotingFault(text, 0, this.#delimiter) !== undefined) {
      return undefined;
    }
    return cellsOf(text, this.#delimiter);
  }

  /** The record that a row's cells are; or what is wrong with them. Cells that are missing at its end are empty. */
  record(row: readonly string[]): JsonObject | string {
    const { width } = this;
    if (row.length > width && row.slice(width).some((cell) => cell.trim() !== "")) {
      return `row has ${row.length} cells, the header ${width}`;
    }
    const stray = this.#nameless.find((column) => (row[column] ?? "").trim() !== "");
    if (stray !== undefined) return `cell ${stray + 1} of the row stands in a column without a name`;
    const cells = this.texts(row).map((cell) => (this.means(cell) ? cell : ""));
    const flaws: Flaw[] = [];
    const record = recordOf(this.#columns, cells, (flaw) => flaws.push(flaw)) ?? {};
    if (this.#hasHashes) markEmptyHash(record);
    noteFlaws(record, flaws);
    return record;
  }

  /** The cells without the apostrophes that Auth0 has put before them. */
  texts(row: readonly string[]): readonly string[] {
    return (isMarked(row) ?? this.isExport) ? row.map(withoutApostrophe) : row;
  }

  /** Whether a text does not stand for nothing. */
  means(text: string): boolean {
    return !this.#nullTexts.has(text);
  }

  findFault(record: Buffer, recordOffset: number): Fault {
    return (
      findUtf8Fault(record, recordOffset) ??
      findQuotingFault(record.toString("utf8"), recordOffset, this.#delimiter) ?? {
        message: "not valid CSV",
        offset: recordOffset,
        cutOff: true,
      }
    );
  }
}

/**
 * Where a row says of a hash only what all rows do, such as its algorithm, its value is an empty text: `normalizeUser` takes
 * that for no hash at all, and has it counted.
 */
function markEmptyHash(record: JsonObject): void {
  const { custom_password_hash: hash } = record;
  if (!isObject(hash)) return;
  const { hash: inner = {} } = hash;
  if (isObject(inner) && inner.value === undefined) hash.hash = { ...inner, value: "" };
}

/** @returns nothing where all cells are empty: an empty cell means that the attribute is absent */
function recordOf(columns: Columns, cells: readonly string[], note: NoteFlaw): JsonObject | undefined {
  const entries: [string, unknown][] = [];
  for (const [name, column] of columns) {
    const value = column instanceof Map ? recordOf(column, cells, note) : column(cells, note);
    if (value !== undefined) entries.push([name, value]);
  }
  // As with JSON.parse, __proto__ is a key like any other.
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}
