import path from "node:path";
import { pipeline } from "node:stream/promises";
import { Command } from "commander";
import type { AttributeCount } from "../provider/census/unlikeCounts";
import { SourceError } from "../provider/source/sourceError";
import type { Comparison, Exception } from "./compareExport";
import { count, counted } from "./counted";
import { ProgressLine } from "./progressLine";
import { type ReadingFlags, readingOf, several } from "./readingFlags";
import { textBytes } from "./textBytes";

const NOT_ALL = 1;
const FAILED = 2;

/** How many exceptions are shown to a person, and how many to a program. The table holds all. */
const SHOWN = 10;
const SHOWN_AS_JSON = 1_000;

interface Flags extends ReadingFlags {
  readonly export: readonly string[];
  readonly json?: true;
  readonly csv?: string;
}

/** `verify`: whether everybody whom the files have is in an export of the tenant, and as they say. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("Compare users files with an export of the connection, without Pulumi and without calling Auth0.")
    .argument("<files...>", "files or globs, as in `users`; later files override earlier ones on the same user")
    .requiredOption("--export <files...>", "files or globs: an export of Auth0, as JSON (best) or CSV, also gzipped")
    .option("--transform <module>", "map each record first, as the argument `transform` does")
    .option(
      "--null-text <text>",
      "a text that means nothing in CSV files, as the argument `nullText`; may be repeated",
      several,
    )
    .option("--merge", "put the records of a user in several files together, as the argument `merge` does")
    .option("--json", "print the result as JSON, with the first 1,000 exceptions")
    .option("--csv <file>", "write all exceptions into a table, which holds no personal data")
    .addHelpText(
      "after",
      "\nEnds with 0; with 1 where users are missing or different, or records can't be imported; with 2 where a file can't be read or written, or the export lacks what has to be compared.",
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : FAILED))
    .action(verify);
}

async function verify(patterns: string[], flags: Flags): Promise<void> {
  const { json, csv } = flags;
  try {
    const comparison = await compareVisibly(patterns, flags);
    try {
      if (csv !== undefined) await writeExceptions(csv, comparison);
      console.log(json ? await asJson(comparison) : await asText(comparison, csv));
      const { missing, different, invalid, notExported } = comparison;
      if (missing + different + invalid > 0) process.exitCode = NOT_ALL;
      if (notExported.length > 0) process.exitCode = FAILED;
    } finally {
      await comparison.close();
    }
  } catch (error) {
    process.exitCode = FAILED;
    const message = error instanceof Error ? error.message : String(error);
    console.error(message);
    // A program that reads the result gets one in any case.
    const fileProblems = error instanceof SourceError ? error.problems : [];
    if (json) console.log(JSON.stringify({ error: message, fileProblems }));
  }
}

async function compareVisibly(patterns: readonly string[], flags: Flags): Promise<Comparison> {
  // Loaded here, so that the other commands don't pay for it.
  const { compareExport } = await import("./compareExport.js");
  const totals = { export: await textBytes(flags.export), files: await textBytes(patterns) };
  const progress = new ProgressLine(process.stderr);
  const onRead = (what: "export" | "files", users: number, bytes: number) =>
    progress.show(() => {
      const total = totals[what];
      const percent = total === undefined ? "" : `${Math.floor((100 * bytes) / total)}%, `;
      return `${what === "export" ? "the export" : "the files"}: ${percent}${counted(users, "user")}`;
    });
  try {
    return await compareExport(patterns, flags.export, process.cwd(), onRead, readingOf(flags));
  } finally {
    progress.clear();
  }
}

/** Of a comparison, what a program reads. */
async function asJson(comparison: Comparison): Promise<string> {
  const { files, exportFiles, users, overridden, merged, invalid, present, linked, missing, otherIds, different } =
    comparison;
  const { exported, others, attributes, spelling, notComparable, notExported, normalised } = comparison;
  const exceptions = await firstExceptions(comparison, SHOWN_AS_JSON);
  const counts = {
    users,
    overridden,
    merged,
    invalid,
    present,
    linked,
    missing,
    otherIds,
    different,
    exported,
    others,
  };
  const details = { attributes, spelling, notComparable, notExported, normalised, exceptions };
  return JSON.stringify({ files, exportFiles, ...counts, ...details }, undefined, 2);
}

async function asText(comparison: Comparison, csv: string | undefined): Promise<string> {
  const { files, users, exportFiles, exported, overridden, merged } = comparison;
  const { notExported, normalised, spelling, notComparable } = comparison;
  const over =
    overridden > 0
      ? `, ${count(overridden)} of them overridden by later files`
      : merged > 0
        ? `, ${count(merged)} of them merged into records of later files`
        : "";
  const head = `${counted(users, "user")} in ${counted(files.length, "file")}${over}; ${counted(exported, "user")} in ${exportFiles.length === 1 ? "the export" : `${exportFiles.length} files of the export`}.`;

  const notes = [
    ...(notExported.length === 0
      ? []
      : [
          `No user of the export has ${notExported.join(", ")}, which the files have: whether that differs can't be told. Export it, too.`,
        ]),
    ...(normalised.length === 0
      ? []
      : [
          `More than 1 % differ in ${normalised.join(", ")}: unless these users were updated since, that looks like a form of Auth0's own (normalisation).`,
        ]),
    ...(spelling.length === 0 ? [] : [`The same in another spelling of Unicode: ${listed(spelling)}.`]),
    ...(notComparable.length === 0
      ? []
      : [`Not compared, because of numbers that no double keeps: ${listed(notComparable)}.`]),
  ];
  const parts = [head, table(comparison), ...(notes.length === 0 ? [] : [notes.join("\n")])];
  const exceptions = (await firstExceptions(comparison, SHOWN + 1)).map(describe);
  const hasMore = exceptions.length > SHOWN;
  if (hasMore) exceptions.splice(SHOWN, 1, "…");
  if (csv !== undefined) exceptions.push(`All of them are in ${csv}.`);
  else if (hasMore) exceptions.push("--csv FILE writes all of them into a table.");
  if (exceptions.length > 0) parts.push(exceptions.join("\n"));
  return parts.join("\n\n");
}

/** How many there are of each kind; what there is none of, goes without saying, but for those who are missing. */
function table(comparison: Comparison): string {
  const { present, otherIds, different, attributes, linked, missing, invalid, others } = comparison;
  const rows: readonly (readonly [number, string])[] = [
    [present, "present"],
    [different, `of them different: ${listed(attributes)}`],
    [otherIds, "of them under another user_id than the files say"],
    [linked, "linked to another account, and not compared"],
    [missing, "missing"],
    [invalid, "that an import leaves out"],
    [others, "others, who are in the export alone"],
  ];
  const shown = rows.filter(([users], i) => users > 0 || i === 0 || i === 4);
  const width = Math.max(...shown.map(([users]) => count(users).length));
  return shown.map(([users, text]) => `${count(users).padStart(width)}  ${text}`).join("\n");
}

function listed(counts: readonly AttributeCount[]): string {
  return counts.map(({ attribute, users }) => `${attribute} ${count(users)}`).join(", ");
}

function describe({ file, line, what, attributes, message, identity }: Exception): string {
  const said = {
    missing: "missing",
    different: `differs in ${attributes.join(", ")}`,
    invalid: `left out: ${message}`,
    other: "in the export alone",
  };
  return `${file}:${line}: ${said[what]}${identity === "" ? "" : ` (${identity})`}`;
}

/** Those who are missing first: among a million who differ, one who is missing is what matters. */
async function firstExceptions(comparison: Comparison, limit: number): Promise<Exception[]> {
  const first: Exception[] = [];
  for (const kinds of [["missing"], ["invalid", "different"], ["other"]] as const) {
    if (first.length === limit) break;
    for await (const exception of comparison.exceptions(kinds)) {
      first.push(exception);
      if (first.length === limit) break;
    }
  }
  return first;
}

const COLUMNS = ["file", "line", "identity", "what", "attributes", "message"];

/** Writes a table without personal data. All the same, only the owner may read it; it is whole or not there. */
async function writeExceptions(file: string, comparison: Comparison): Promise<void> {
  const { csvTable } = await import("../provider/results/csvTable.js");
  const { writeWholeFile } = await import("../provider/results/wholeFile.js");
  async function* rows(): AsyncIterable<(string | number)[]> {
    for await (const { file, line, identity, what, attributes, message } of comparison.exceptions()) {
      yield [file, line, identity, what, attributes.join(" "), message];
    }
  }
  await writeWholeFile(path.dirname(file), path.basename(file), (stream) =>
    pipeline(csvTable(COLUMNS, rows()), stream),
  );
}
