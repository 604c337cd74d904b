import path from "node:path";
import { pipeline } from "node:stream/promises";
import { csvTable } from "../provider/results/csvTable";
import { writeWholeFile } from "../provider/results/wholeFile";
import type { FoundProblem } from "./examine";

const COLUMNS = ["file", "line", "identity", "code", "severity", "path", "message"];

/** Writes problems as a table without personal data. All the same, only the owner may read it; it is whole or not there. */
export function writeProblemsCsv(file: string, problems: AsyncIterable<FoundProblem>): Promise<void> {
  return writeWholeFile(path.dirname(file), path.basename(file), (stream) =>
    pipeline(csvTable(COLUMNS, toRows(problems)), stream),
  );
}

async function* toRows(problems: AsyncIterable<FoundProblem>): AsyncIterable<(string | number)[]> {
  for await (const { file, line, identity, code, severity, path, message } of problems) {
    yield [file, line, identity, code, severity, path, message];
  }
}
