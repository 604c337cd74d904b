import { unfinishedFile } from "./wholeFile";

// What a results folder holds, beside the folder `journal`.

/** The failed records, whole, as an array that can be imported. */
export const FAILED_RECORDS = "failed-records.json";

/** The records that a preview found to be wrong, as a table for people. */
export const INVALID_RECORDS_CSV = "invalid-records.csv";

/** The failed records as a table for people. */
export const FAILED_RECORDS_CSV = "failed-records.csv";

/** The report. */
export const REPORT = "report.html";

/** Whether a file of a results folder holds personal data, by its name: also one that was never finished. */
export function isPersonal(name: string): boolean {
  const finished = unfinishedFile(name)?.name ?? name;
  return finished === FAILED_RECORDS;
}
