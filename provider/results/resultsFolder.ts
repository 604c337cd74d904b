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

/** The report. */
export const REPORT = "report.html";

/** Whether a file of a results folder holds personal data, by its name: also one that was never finished. */
export function isPersonal(name: string): boolean {
  const finished = unfinishedFile(name)?.name ?? name;
  return finished === FAILED_RECORDS;
}
