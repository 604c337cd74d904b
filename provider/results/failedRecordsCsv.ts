import { pipeline } from "node:stream/promises";
import Papa from "papaparse";
import type { JobKind } from "../plan/delta";
import { explain } from "./failureCodes";
import { maskIdentity } from "./maskIdentity";
import { redactValues } from "./redact";
import { FAILED_RECORDS_CSV } from "./resultsFolder";
import type { FailedRecord } from "./types";
import { removeWholeFile, writeWholeFile } from "./wholeFile";

/** A failed record, as a line of the table is made of it. */
export interface FailedRow extends Omit<FailedRecord, "message"> {
  /** Absent where only the code is known any more. */
  readonly message?: string;
  /** The kind of job that it failed in. */
  readonly kind?: JobKind;
  /** The record itself, to keep its values out of the message. */
  readonly user?: unknown;
}

const COLUMNS = ["file", "line", "identity", "code", "path", "message", "retry helps", "what to do"];

/**
 * Writes the failed records as a table for people, `failed-records.csv`: UTF-8 with a byte-order mark, which Excel needs.
 * It holds no personal data, so that it may be kept as an artifact of a pipeline: identities are masked, messages
 * redacted. And nothing that a spreadsheet would take for a formula: see {@link plainCell}.
 *
 * @param name of the file.
 */
export function writeFailedRecordsCsv(
  directory: string,
  rows: AsyncIterable<FailedRow>,
  name: string = FAILED_RECORDS_CSV,
): Promise<void> {
  return writeWholeFile(directory, name, (file) => pipeline(rows, toCells, toText, file));
}

/** Nothing failed: what an earlier run wrote is out of date. */
export function removeFailedRecordsCsv(directory: string): Promise<void> {
  return removeWholeFile(directory, FAILED_RECORDS_CSV);
}

async function* toText(lines: AsyncIterable<(string | number)[]>): AsyncIterable<string> {
  const toLine = (cells: readonly (string | number)[]) => `${Papa.unparse([cells], { quotes: true })}\r\n`;
  yield `\ufeff${toLine(COLUMNS)}`;
  for await (const cells of lines) yield toLine(cells);
}

async function* toCells(rows: AsyncIterable<FailedRow>): AsyncIterable<(string | number)[]> {
  for await (const { file, line, identity, code, path = "", message = "", kind, user } of rows) {
    const { retryHelps, whatToDo } = explain(code, kind);
    const masked = identity === undefined ? "" : maskIdentity(identity);
    const values = [identity?.slice(identity.indexOf(":") + 1), user];
    const texts = [masked, code, redactValues(path, values), redactValues(message, values)];
    yield [plainCell(file), line, ...texts.map(plainCell), retryHelps ? "yes" : "no", whatToDo];
  }
}

/**
 * A text that no spreadsheet takes for a formula: where a cell might begin, an apostrophe goes before `=`, `+`, `-`, `@`
 * and their full-width forms. A cell begins at the start of the text, and, for a program that has other ideas of
 * separators and quotes than we, behind each of those. Control characters become spaces.
 */
function plainCell(text: string): string {
  return text
    .replace(/[\p{Cc}\u2028\u2029]/gu, " ")
    .replace(/(^|[,;|"])(\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])/g, "$1$2'$3");
}
