import { parse } from "papaparse";
import { attributeNames } from "./exportNames";
import { parseJson } from "./jsonFormat";
import { decodeUtf8, type Fault, findUtf8Fault, type JsonObject, type RecordFormat } from "./recordFormat";

/** The attributes of a user, by what a cell can hold for them. All are texts but for these. */
const BOOLEANS = new Set(["email_verified", "phone_verified", "blocked"]);
const INTEGERS = new Set(
  ["keylen", "cost", "blockSize", "parallelization"].map((name) => `custom_password_hash.${name}`),
);
const TEXTS = [
  ...["email", "user_id", "username", "phone_number"],
  ...["name", "given_name", "family_name", "nickname", "picture", "password_hash"],
];
/** A dot in a column's name leads into one of these: `user_metadata.plan`. */
const OBJECTS = ["user_metadata", "app_metadata", "custom_password_hash"];
/** May hold lists, objects, numbers: a cell of them may be JSON. */
const JSON_HOLDERS = new Set(["user_metadata", "app_metadata", "mfa_factors"]);
const ATTRIBUTES = new Set([...BOOLEANS, ...TEXTS, ...OBJECTS, ...JSON_HOLDERS]);

const DELIMITERS = [",", ";", "\t"] as const;
type Delimiter = (typeof DELIMITERS)[number];

/** Nobody nests metadata deeper by names of columns, and no name can make the stack overflow. */
const MAX_LEVELS = 20;

/** What a record is made of: each attribute with how it is read from a row's cells, or with what is inside of it. */
type Columns = Map<string, ((cells: readonly string[]) => unknown) | Columns>;

export interface CsvHeaderOptions {
  /** The names need not be those of attributes, since something else makes users of the records. */
  readonly anyNames: boolean;
}

/**
 * Reads the first row of what may be CSV.
 * @returns how the rows that follow are written; or what is wrong; or `undefined` when it is no header of users at all
 */
export function readCsvHeader(
  header: Buffer,
  headerOffset: number,
  { anyNames }: CsvHeaderOptions,
): RecordFormat | Fault | undefined {
  const text = header.toString("utf8");
  const { delimiter, names, known } = mostLikely(text);
  if (known === 0 && !anyNames) {
    return undefined;
  }
  const fault = findUtf8Fault(header, headerOffset) ?? findQuotingFault(text, headerOffset, delimiter);
  if (fault !== undefined) {
    return fault;
  }
  const columns: Columns = new Map();
  const problem = text.includes("\r")
    ? "lines end with a carriage return alone: save the file with LF or CRLF"
    : addColumns(columns, names);
  return problem === undefined
    ? new CsvFormat(delimiter, columns, names.length)
    : { message: problem, offset: headerOffset, cutOff: false };
}

/** The delimiter that makes most attributes of a header, and among equals most columns. */
function mostLikely(header: string): { delimiter: Delimiter; names: readonly string[]; known: number } {
  const readings = DELIMITERS.map((delimiter) => {
    const names = attributeNames(cellsOf(header, delimiter).map((name) => name.trim()));
    return { delimiter, names, known: names.filter(isAttribute).length };
  });
  return readings.reduce((best, other) =>
    other.known > best.known || (other.known === best.known && other.names.length > best.names.length) ? other : best,
  );
}

function isAttribute(name: string): boolean {
  return ATTRIBUTES.has(name) || isNested(name);
}

function isNested(name: string): boolean {
  return OBJECTS.some((object) => name.startsWith(`${object}.`));
}

/** @returns what is wrong with the names; they are not quoted, since a file without a header starts with a user */
function addColumns(columns: Columns, names: readonly string[]): string | undefined {
  for (const [cell, name] of names.entries()) {
    const path = isNested(name) ? name.split(".") : [name];
    if (path.includes("")) {
      return `column ${cell + 1} of the header has no name`;
    }
    if (path.length > MAX_LEVELS) {
      return `column ${cell + 1} of the header is nested more than ${MAX_LEVELS} levels deep`;
    }
    if (!addColumn(columns, path, cell, readerOf(name, path[0] as string))) {
      return `column ${cell + 1} of the header has the name of another one, or is part of it`;
    }
  }
  return undefined;
}

/** @returns false where there is something already */
function addColumn(columns: Columns, [name = "", ...rest]: string[], cell: number, read: ReadText): boolean {
  const there = columns.get(name);
  if (rest.length > 0) {
    const nested = there ?? new Map();
    columns.set(name, nested);
    return nested instanceof Map && addColumn(nested, rest, cell, read);
  }
  columns.set(name, (cells) => {
    const text = cells[cell];
    return text === undefined || text === "" ? undefined : read(text);
  });
  return there === undefined;
}

type ReadText = (text: string) => unknown;

function readerOf(name: string, attribute: string): ReadText {
  if (BOOLEANS.has(name)) return readBoolean;
  if (INTEGERS.has(name)) return readInteger;
  return JSON_HOLDERS.has(attribute) || name === "custom_password_hash" ? readJson : (text) => text;
}

// What can't be read stays a text, so that validation tells of it with the rule and the place.

function readBoolean(text: string): boolean | string {
  const word = text.toLowerCase();
  if (["true", "1", "yes"].includes(word)) return true;
  return ["false", "0", "no"].includes(word) ? false : text;
}

function readInteger(text: string): number | string {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function readJson(text: string): unknown {
  return text.startsWith("{") || text.startsWith("[") ? (parseJson(text) ?? text) : text;
}

class CsvFormat implements RecordFormat {
  readonly #delimiter: Delimiter;
  readonly #columns: Columns;
  readonly #width: number;
  /** Whether texts are marked with an apostrophe; the first row that has any tells. */
  #isExport: boolean | undefined;

  constructor(delimiter: Delimiter, columns: Columns, width: number) {
    this.#delimiter = delimiter;
    this.#columns = columns;
    this.#width = width;
  }

  parse(bytes: Buffer, start: number, end: number): JsonObject | string | undefined {
    const text = decodeUtf8(bytes.subarray(start, end));
    if (text === undefined || findQuotingFault(text, 0, this.#delimiter) !== undefined) {
      return undefined;
    }
    const cells = cellsOf(text, this.#delimiter);
    if (cells.length !== this.#width) {
      return `row has ${cells.length} ${cells.length === 1 ? "cell" : "cells"}, the header ${this.#width}`;
    }
    this.#isExport ??= isOfExport(cells);
    return recordOf(this.#columns, this.#isExport ? cells.map(withoutApostrophe) : cells) ?? {};
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

/** @returns nothing where all cells are empty: an empty cell means that the attribute is absent */
function recordOf(columns: Columns, cells: readonly string[]): JsonObject | undefined {
  const entries: [string, unknown][] = [];
  for (const [name, column] of columns) {
    const value = column instanceof Map ? recordOf(column, cells) : column(cells);
    if (value !== undefined) entries.push([name, value]);
  }
  // As with JSON.parse, __proto__ is a key like any other.
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** Cells that Auth0 does not mark in an export: booleans, numbers, its own dates. */
const NO_TEXT = /^(|true|false|\d+(\.\d+)?|\d{4}-\d\d-\d\dT[\d:.]+Z)$/;

/**
 * Whether Auth0 exported this row: it puts an apostrophe before each text, so that no spreadsheet takes one for a
 * formula (Auth0 documentation, «Bulk User Exports»). A row without any text does not tell.
 */
function isOfExport(cells: readonly string[]): boolean | undefined {
  const texts = cells.filter((cell) => !NO_TEXT.test(cell));
  return texts.length === 0 ? undefined : texts.every((cell) => cell.startsWith("'"));
}

function withoutApostrophe(cell: string): string {
  return cell.startsWith("'") ? cell.slice(1) : cell;
}

/** The cells of one row. A line end in it is in quotes, and part of a cell. */
function cellsOf(row: string, delimiter: Delimiter): string[] {
  return parse<string[]>(row, { delimiter, newline: "\n" }).data[0] ?? [""];
}

const QUOTE = '"';

/**
 * Where quotes are not as RFC 4180 has them. The parser takes such cells as best it can, and who forgot to double a
 * quote would get a name with half of the next cell in it.
 */
function findQuotingFault(row: string, rowOffset: number, delimiter: Delimiter): Fault | undefined {
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
