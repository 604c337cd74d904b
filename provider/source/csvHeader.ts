import { type Columns, columnsOf, isAttribute } from "./csvColumns";
import { cellsOf, DELIMITERS, type Delimiter, findQuotingFault } from "./csvText";
import { attributeNames } from "./exportNames";
import { type Fault, findUtf8Fault } from "./recordFormat";

/** What the rows below are. */
export interface CsvHeader {
  readonly delimiter: Delimiter;
  /** Of each column; empty for one that has none. */
  readonly names: readonly string[];
  readonly columns: Columns;
}

export interface CsvHeaderOptions {
  /** The names need not be those of attributes, since something else makes users of the records. */
  readonly anyNames: boolean;
  /** What the line before has said. */
  readonly separator: Delimiter | undefined;
}

/** What Excel writes and reads before the header: `sep=;`. As a table it may have got quotes, or more cells. */
const SEPARATOR = /^"?sep=(\\t|.)"?[,;\t]*$/i;

/** The delimiter that a line before the header names; or what is wrong with it; or `undefined` for another line. */
export function readSeparator(line: string, offset: number): Delimiter | Fault | undefined {
  const [, separator] = SEPARATOR.exec(line) ?? [];
  if (separator === undefined) return undefined;
  const named = separator === "\\t" ? "\t" : separator;
  return DELIMITERS.find((delimiter) => delimiter === named) ?? faultAt(offset, OTHER_SEPARATOR);
}

const OTHER_SEPARATOR = "sep= names a delimiter other than comma, semicolon and tab";
const OTHER_DELIMITER = "the header has another delimiter than the line with sep= before it says";
const NO_HEADER =
  "no header: the first row has what a user has, such as an e-mail address. Put a line with the columns' names before it";
const OLD_MAC = "lines end with a carriage return alone: save the file with LF or CRLF";

/**
 * Reads the first row of what may be CSV.
 * @returns what the rows that follow are; or what is wrong; or `undefined` when it is no header of users at all
 */
export function readCsvHeader(
  header: Buffer,
  headerOffset: number,
  { anyNames, separator }: CsvHeaderOptions,
): CsvHeader | Fault | undefined {
  const text = header.toString("utf8");
  const likely = mostLikely(text);
  const { delimiter, names, known } = separator === undefined ? likely : readingOf(text, separator);
  if (names.some((name) => ADDRESS.test(name)) || (likely.known === 0 && names.some(isValue))) {
    return faultAt(headerOffset, NO_HEADER);
  }
  if (likely.known === 0 && !anyNames) return undefined;
  const isOther = known < likely.known || (names.length === 1 && likely.names.length > 1);
  if (isOther) return faultAt(headerOffset, OTHER_DELIMITER);
  const fault = findUtf8Fault(header, headerOffset) ?? findQuotingFault(text, headerOffset, delimiter);
  if (fault !== undefined) return fault;
  const columns = text.includes("\r") ? OLD_MAC : columnsOf(names);
  return typeof columns === "string" ? faultAt(headerOffset, columns) : { delimiter, names, columns };
}

function faultAt(offset: number, message: string): Fault {
  return { message, offset, cutOff: false };
}

/** The delimiter that makes most attributes of a header, and among equals most columns. */
function mostLikely(header: string): HeaderReading {
  return DELIMITERS.map((delimiter) => readingOf(header, delimiter)).reduce((best, other) =>
    other.known > best.known || (other.known === best.known && other.names.length > best.names.length) ? other : best,
  );
}

interface HeaderReading {
  readonly delimiter: Delimiter;
  readonly names: readonly string[];
  /** How many of them are attributes. */
  readonly known: number;
}

function readingOf(header: string, delimiter: Delimiter): HeaderReading {
  const names = attributeNames(cellsOf(header, delimiter).map((name) => name.trim()));
  return { delimiter, names, known: names.filter(isAttribute).length };
}

const ADDRESS = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/** What no column is called, and what users have: a phone number, a date, a hash, an id, a long number. */
const VALUE =
  /^'?(?:true|false|\+?\d{6,}|\d{4}-\d\d-\d\d(?:[T ].*)?|[$][0-9a-z-]+[$].*|[0-9a-f]{8}-[0-9a-f]{4}-.*|auth0\|.+)$/i;

function isValue(name: string): boolean {
  return VALUE.test(name);
}
