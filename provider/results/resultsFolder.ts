import path from "node:path";
import { projectFolder, wayUp } from "../source/projectFolder";
import { unfinishedFile } from "./wholeFile";

/**
 * Where results go, relative to the program's folder: `resultsDir` is relative to the folder of `Pulumi.yaml`, so that
 * a build that empties the program's folder leaves them alone.
 */
export function placeOfResults(resultsDir: string): string {
  return path.isAbsolute(resultsDir) ? resultsDir : wayToProject() + resultsDir;
}

/**
 * The other way round: relative to the folder of `Pulumi.yaml`, letter by letter as the program gave it. So it is told
 * to people, who are in that folder mostly. And there, taken from the program's folder, 0.1 had the results.
 */
export function asGiven(place: string): string {
  const way = wayToProject();
  return place.startsWith(way) ? place.slice(way.length) : place;
}

function wayToProject(): string {
  const program = process.cwd();
  return wayUp(program, projectFolder(program));
}

// What a results folder holds, beside the folder `journal`.

/** The failed records, whole, as an array that can be imported. */
export const FAILED_RECORDS = "failed-records.json";

/** The records that a preview found to be wrong, as a table for people. */
export const INVALID_RECORDS_CSV = "invalid-records.csv";

/** The failed records as a table for people. */
export const FAILED_RECORDS_CSV = "failed-records.csv";

/** All users of whom something could not be applied, as a table for people. */
export const NOT_APPLIED_CSV = "not-applied.csv";

/** All users of whom something was left as it is in the tenant, as a table for people. */
export const CONFLICTS_CSV = "conflicts.csv";

/** All users without a password, with their identifiers. */
export const PASSWORD_RESET_CSV = "password-reset-required.csv";

/** All users who are not simply there as written, as a table for people. */
export const VERIFICATION_CSV = "verification.csv";

/** The evidence of a verification. */
export const VERIFICATION_JSON = "verification.json";

/** Who was missing at the last verification, in fingerprints: so that a change of `triggers` sends them again. */
export const MISSING_USERS = "missing-users.json";

/** The report. */
export const REPORT = "report.html";

/** What goes with the import. */
export const RESULT_FILES = [
  FAILED_RECORDS,
  FAILED_RECORDS_CSV,
  INVALID_RECORDS_CSV,
  NOT_APPLIED_CSV,
  CONFLICTS_CSV,
  PASSWORD_RESET_CSV,
  REPORT,
  VERIFICATION_CSV,
  VERIFICATION_JSON,
  MISSING_USERS,
] as const;

/** Whether a file of a results folder holds personal data, by its name: also one that was never finished. */
export function isPersonal(name: string): boolean {
  const finished = unfinishedFile(name)?.name ?? name;
  return finished === FAILED_RECORDS || finished === PASSWORD_RESET_CSV;
}
