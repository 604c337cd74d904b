import path from "node:path";
import { pipeline } from "node:stream/promises";
import { type Circumstances, evidence } from "../verification/evidence";
import type { Exception } from "../verification/types";
import type { Verified } from "../verification/verify";
import { csvTable } from "./csvTable";
import { type ReportVerification, SHOWN_EXCEPTIONS } from "./report/verification";
import { VERIFICATION_CSV, VERIFICATION_JSON } from "./resultsFolder";
import { writeWholeFile } from "./wholeFile";

const COLUMNS = ["file", "line", "identity", "what", "attributes"];

/**
 * Writes `verification.csv` and `verification.json`, each exception in both: no personal data, identities are masked.
 *
 * @returns what the report tells.
 */
export async function writeVerification(
  resultsDir: string,
  { verification, details, exceptions }: Verified,
  circumstances: Circumstances,
): Promise<ReportVerification> {
  const directory = path.resolve(resultsDir);
  await writeWholeFile(directory, VERIFICATION_CSV, (file) => pipeline(csvTable(COLUMNS, rows(exceptions())), file));
  const missing: Exception[] = [];
  const others: Exception[] = [];
  const seen = tapped(exceptions(), (exception) => {
    const list = exception.what === "missing" ? missing : others;
    if (list.length < SHOWN_EXCEPTIONS) list.push(exception);
  });
  let sha256 = "";
  const text = evidence(circumstances, verification, details, seen, (digest) => {
    sha256 = digest;
  });
  await writeWholeFile(directory, VERIFICATION_JSON, (file) => pipeline(text, file));
  const first = [...missing, ...others].slice(0, SHOWN_EXCEPTIONS);
  return { verification, details, exceptions: first, evidence: sha256, circumstances };
}

async function* rows(exceptions: AsyncIterable<Exception>): AsyncIterable<(string | number)[]> {
  for await (const { file, line, identity, what, attributes } of exceptions) {
    yield [file, line, identity, what, attributes.join(" ")];
  }
}

async function* tapped<T>(items: AsyncIterable<T>, see: (item: T) => void): AsyncIterable<T> {
  for await (const item of items) {
    see(item);
    yield item;
  }
}
