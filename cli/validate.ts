import { Command } from "commander";
import { SourceError, type SourceProblem } from "../provider/source/sourceError";
import { count, counted } from "./counted";
import type { Examination, FoundProblem, Names, ReadingOptions } from "./examine";
import { ProgressLine } from "./progressLine";
import { type ReadingFlags, readingOf, several } from "./readingFlags";
import { textBytes } from "./textBytes";

const INVALID_USERS = 1;
const FAILED = 2;

/** How many problems are shown to a person, and how many to a program. The table holds all. */
const SHOWN = 10;
const SHOWN_AS_JSON = 1_000;

interface Flags extends ReadingFlags, Names {
  readonly json?: true;
  readonly csv?: string;
}

/** `validate`: what `pulumi preview` finds wrong with users files, for those who prepare them. */
export function validateCommand(): Command {
  return new Command("validate")
    .description("Check users files as an import does, without Pulumi and without Auth0.")
    .argument("<files...>", "files or globs, as in `users`; later files override earlier ones on the same user")
    .option("--transform <module>", "map each record first, by a file or a recipe, as the argument `transform` does")
    .option(
      "--null-text <text>",
      "a text that means nothing in CSV files, as the argument `nullText`; may be repeated",
      several,
    )
    .option("--merge", "put the records of a user in several files together, as the argument `merge` does")
    .option("--roles <names>", "the names in the argument `roles`, with commas between: others are errors", listed)
    .option("--organizations <names>", "the same of the argument `organizations`", listed)
    .option("--json", "print the result as JSON, with the first 1,000 problems")
    .option("--csv <file>", "write all problems into a table, which holds no personal data")
    .addHelpText(
      "after",
      "\nEnds with 0; with 1 where users have errors; with 2 where a file can't be read or written, or isn't a users file.",
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : FAILED))
    .action(validate);
}

async function validate(patterns: string[], flags: Flags): Promise<void> {
  const { json, csv, roles, organizations } = flags;
  const reading = readingOf(flags);
  try {
    const examination = await examineVisibly(patterns, reading, { roles, organizations });
    try {
      // Users that Auth0 takes need no recipe, whatever they look like.
      const recipe =
        reading.transform === undefined && examination.invalid > 0 ? await recipeLike(patterns) : undefined;
      if (csv !== undefined) {
        const { writeProblemsCsv } = await import("./problemsCsv.js");
        await writeProblemsCsv(csv, examination.problems());
      }
      console.log(json ? await asJson(examination, recipe) : await asText(examination, csv));
      if (recipe !== undefined && !json) console.log(`\n${hint(recipe)}`);
      if (examination.invalid > 0) process.exitCode = INVALID_USERS;
    } finally {
      await examination.close();
    }
  } catch (error) {
    process.exitCode = FAILED;
    const message = error instanceof Error ? error.message : String(error);
    console.error(message);
    const recipe =
      reading.transform === undefined && error instanceof SourceError ? await recipeLike(patterns) : undefined;
    if (recipe !== undefined) console.error(hint(recipe));
    // A program that reads the result gets one in any case.
    if (json) console.log(JSON.stringify({ error: message, fileProblems: problemsOfFiles(error), recipe }));
  }
}

function listed(value: string): readonly string[] {
  return value.split(",").map((name) => name.trim());
}

async function recipeLike(patterns: readonly string[]): Promise<string | undefined> {
  const { recipeFor } = await import("./recipeHint.js");
  return recipeFor(patterns, process.cwd());
}

function hint(recipe: string): string {
  const name = recipe.slice(recipe.lastIndexOf("/") + 1);
  return `This looks like an export that the recipe ${name} is for: try --transform ${recipe}`;
}

function problemsOfFiles(error: unknown): readonly SourceProblem[] {
  return error instanceof SourceError ? error.problems : [];
}

async function examineVisibly(
  patterns: readonly string[],
  reading: ReadingOptions,
  names: Names,
): Promise<Examination> {
  // Loaded here, so that the other commands don't pay for it.
  const { examine } = await import("./examine.js");
  const total = await textBytes(patterns);
  const progress = new ProgressLine(process.stderr);
  const line = (users: number, bytes: number) => {
    const percent = total === undefined ? "" : `${Math.floor((100 * bytes) / total)}%, `;
    return `${percent}${counted(users, "user")}`;
  };
  try {
    const onRead = (users: number, bytes: number) => progress.show(() => line(users, bytes));
    return await examine(patterns, process.cwd(), onRead, reading, names);
  } finally {
    progress.clear();
  }
}

async function asJson(examination: Examination, recipe: string | undefined): Promise<string> {
  const { files, users, invalid, warned, overridden, merged, counts, remarks, leftOut, unchecked } = examination;
  const problems = await firstProblems(examination, SHOWN_AS_JSON);
  return JSON.stringify(
    { files, users, invalid, warned, overridden, merged, counts, remarks, leftOut, unchecked, problems, recipe },
    undefined,
    2,
  );
}

async function asText(examination: Examination, csv: string | undefined): Promise<string> {
  const { files, users, invalid, warned, overridden, merged, counts, remarks, leftOut, unchecked } = examination;
  const parts = [`${counted(users, "user")} in ${counted(files.length, "file")}`];
  if (overridden > 0) parts.push(`${count(overridden)} of them overridden by later files`);
  if (merged > 0) parts.push(`${count(merged)} of them merged into records of later files`);
  parts.push(invalid === 0 ? "no errors" : `${count(invalid)} with errors`);
  if (warned > 0) parts.push(`${count(warned)} with warnings only`);
  const head = [`${parts.join(", ")}.`];
  const said = remarks.map((each) => `${each.file}: ${each.severity}: ${each.message} (${each.code})`);
  for (const [attributes, why] of [
    [leftOut.readOnly, "since only Auth0 sets them"],
    [leftOut.empty, "since they are empty texts"],
  ] as const) {
    const list = Object.entries(attributes).map(([attribute, records]) => `${attribute} ${count(records)}`);
    if (list.length > 0) said.push(`Left out, ${why}: ${list.join(", ")}.`);
  }
  for (const { argument, records, file, line } of unchecked) {
    said.push(
      `${counted(records, "record")} with \`${argument}\`, the first at ${file}:${line}. They are sent only if the program has the argument \`${argument}\`. --${argument} checks their names.`,
    );
  }
  if (said.length > 0) head.push("", ...said);
  if (counts.length === 0) return head.join("\n");

  const table = [["users", "", "code"], ...counts.map((each) => [count(each.users), each.severity, each.code])];
  const width = Math.max(...table.map(([users = ""]) => users.length));
  const rows = table.map(([users = "", severity = "", code = ""]) => {
    return `${users.padStart(width)}  ${severity.padEnd(7)}  ${code}`;
  });
  const first = await firstProblems(examination, SHOWN + 1);
  const problems = first.map(describe);
  const hasMore = problems.length > SHOWN;
  if (hasMore) problems.splice(SHOWN, 1, "…");
  if (csv !== undefined) problems.push(`All of them are in ${csv}.`);
  else if (hasMore) problems.push("--csv FILE writes all of them into a table.");
  return [...head, "", ...rows, "", ...problems, "", ...helpFor(first)].join("\n");
}

/** What helps with the problems: an option where there is one, and the page that says of each code what to do. */
function helpFor(first: readonly FoundProblem[]): string[] {
  const areHashes = first.some(({ severity, code, path }) => severity === "error" && isUnsupportedHash(code, path));
  return [
    ...(areHashes ? ['unsupportedPasswordHash: "omit" lets these users in without their password hashes.'] : []),
    "What to do about each code: docs/failure-codes.md",
  ];
}

function isUnsupportedHash(code: string, path: string): boolean {
  return ["PATTERN", "ENUM_MISMATCH"].includes(code) && /^(custom_)?password_hash\b/.test(path);
}

function describe({ file, line, severity, code, path, message, identity }: FoundProblem): string {
  const what = `${path === "" ? "the record" : path} ${message}`;
  return `${file}:${line}: ${severity}: ${what} (${identity === "" ? code : `${code}, ${identity}`})`;
}

/** The first errors, and then warnings where there is room: among a million warnings, one error is what matters. */
async function firstProblems(examination: Examination, limit: number): Promise<FoundProblem[]> {
  const first: FoundProblem[] = [];
  for (const severity of ["error", "warning"] as const) {
    if (first.length === limit) break;
    for await (const problem of examination.problems(severity)) {
      first.push(problem);
      if (first.length === limit) break;
    }
  }
  return first;
}
