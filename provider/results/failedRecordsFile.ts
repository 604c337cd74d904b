import { pipeline } from "node:stream/promises";
import { jsonText } from "../json/exactNumber";
import type { User } from "../schema/identity";
import { FAILED_RECORDS } from "./resultsFolder";
import { removeWholeFile, writeWholeFile } from "./wholeFile";

export { FAILED_RECORDS };

/**
 * Writes the records that failed as an array that can be imported as it is. It holds personal data and password hashes:
 * only the owner may read it.
 */
export function writeFailedRecords(directory: string, records: AsyncIterable<User>): Promise<void> {
  return writeWholeFile(directory, FAILED_RECORDS, (file) => pipeline(toArray(records), file));
}

/** Nothing failed: what an earlier run wrote is out of date. */
export function removeFailedRecords(directory: string): Promise<void> {
  return removeWholeFile(directory, FAILED_RECORDS);
}

/** A record a line. */
async function* toArray(records: AsyncIterable<User>): AsyncIterable<string> {
  let separator = "[\n";
  for await (const record of records) {
    yield `${separator}${jsonText(record)}`;
    separator = ",\n";
  }
  yield separator === "[\n" ? "[]\n" : "\n]\n";
}
