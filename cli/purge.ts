import { existsSync, lstatSync, readdirSync, realpathSync, rmSync } from "node:fs";
import path from "node:path";
import { Command } from "commander";
import { FAILED_RECORDS_CSV, isPersonal, REPORT } from "../provider/results/resultsFolder";
import { isBeingWritten, unfinishedFile } from "../provider/results/wholeFile";
import { resultsFolders } from "./resultsFolders";
import { byProcess, drivenBelow } from "./stop";

/** The folder that holds the results of all imports of a project, where they have no other. */
const COMMON_FOLDER = ".user-import";

/** `purge`: for when the failed records are dealt with, or the results go into an archive. */
export function purgeCommand(): Command {
  return new Command("purge")
    .description(
      "Remove personal data from a results folder: the failed records, and who needs a new password. The report, the other tables and the journal hold none, and stay.",
    )
    .argument("<dir>", "a resultsDir, or the project's .user-import with those of all its imports")
    .action(purge);
}

function purge(given: string): void {
  const folders = resultsFolders(given);
  for (const folder of folders) refuseWhileRunning(folder);
  const emptied = folders.flatMap(mayBeEmptied);
  if (emptied.length === 0) {
    throw new Error(
      `${folders.join(" and ")} is not a results folder: it has neither a journal nor a report. Give the folder that the import has as resultsDir, or the project's ${COMMON_FOLDER}.`,
    );
  }
  const found = emptied.flatMap((each) =>
    readdirSync(each)
      .filter(isPersonal)
      .map((name) => path.join(each, name)),
  );
  const files = found.filter((file) => lstatSync(file).isFile());
  for (const file of files) refuseWhileWritten(file);
  for (const file of files) {
    rmSync(file);
    console.log(`Removed ${file}`);
  }
  if (files.length === 0) console.log(`There is no personal data to remove below ${folders.join(" and ")}.`);
  const left = found.filter((file) => !files.includes(file));
  if (left.length > 0) {
    throw new Error(
      `Left ${left.join(", ")}: not a file but a link or a folder. Whatever it leads to was not touched; remove it yourself.`,
    );
  }
}

/** @throws Error when an import is at work below it */
function refuseWhileRunning(folder: string): void {
  const [first] = byProcess(drivenBelow(folder));
  if (first === undefined) return;
  const [process, names] = first;
  throw new Error(
    `${process} is at work on an import below ${folder} (${names.join(", ")}). Nothing was removed. Let it end, or run \`npx pulumi-auth0-user-import stop --wait\`, then run this again.`,
  );
}

/** The review at the end of a run holds no lock. */
function refuseWhileWritten(file: string): void {
  const unfinished = unfinishedFile(path.basename(file));
  if (unfinished === undefined || !isBeingWritten(file, unfinished.pid)) return;
  throw new Error(
    `${file} is being written by process ${unfinished.pid}. Nothing was removed. Run this again when it has ended.`,
  );
}

/**
 * The folders that may be emptied of personal data. In the program's common folder all are; any other one has to show by
 * what lies in it that it holds results: a file of the same name may be somebody's corrections elsewhere.
 */
function mayBeEmptied(folder: string): string[] {
  const isCommon = [path.resolve(folder), realpathSync(folder)].some((each) =>
    each.split(path.sep).includes(COMMON_FOLDER),
  );
  if (isCommon) return [folder, ...foldersBelow(folder)];
  const holdsResults = ["journal", REPORT, FAILED_RECORDS_CSV].some((name) => existsSync(path.join(folder, name)));
  return holdsResults ? [folder] : [];
}

/** Links are not followed: a folder that one leads to is not among them. */
function foldersBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(folder, name))
    .flatMap((each) => [each, ...foldersBelow(each)]);
}
