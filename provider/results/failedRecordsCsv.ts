import { pipeline } from "node:stream/promises";
import type { JobKind } from "../plan/delta";
import { csvTable } from "./csvTable";
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
 * Writes the failed records as a table for people, `failed-records.csv`. It holds no personal data, so that it may be kept
 * as an artifact of a pipeline: identities are masked, messages redacted.
 *
 * @param name of the file.
 */
export function writeFailedRecordsCsv(
  directory: string,
  rows: AsyncIterable<FailedRow>,
  name: string = FAILED_RECORDS_CSV,
): Promise<void> {
  return writeWholeFile(directory, name, (file) => pipeline(csvTable(COLUMNS, toCells(rows)), file));
}

/** Nothing failed: what an earlier run wrote is out of date. */
export function removeFailedRecordsCsv(directory: string): Promise<void> {
  return removeWholeFile(directory, FAILED_RECORDS_CSV);
}

async function* toCells(rows: AsyncIterable<FailedRow>): AsyncIterable<(string | number)[]> {
  for await (const { file, line, identity, code, path = "", message = "", kind, user } of rows) {
    const { retryHelps, whatToDo } = explain(code, kind);
    const masked = identity === undefined ? "" : maskIdentity(identity);
    const values = [identity?.slice(identity.indexOf(":") + 1), user];
    const texts = [masked, code, redactValues(path, values), redactValues(message, values)];
    yield [file, line, ...texts, retryHelps ? "yes" : "no", whatToDo];
  }
}
