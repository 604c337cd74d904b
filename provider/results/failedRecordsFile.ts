import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { finished } from "node:stream/promises";
import type { User } from "../schema/identity";

/** The name of the file with the failed records. */
export const FAILED_RECORDS = "failed-records.json";

/**
 * Writes the records that failed as an array that can be imported as it is. It holds personal data and password
 * hashes: only the owner may read it, and under its name it is whole or it is not there.
 */
export async function writeFailedRecords(directory: string, records: AsyncIterable<User>): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const target = path.join(directory, FAILED_RECORDS);
  const unfinished = `${target}.${process.pid}.tmp`;
  try {
    const file = createWriteStream(unfinished, { mode: 0o600, flags: "wx" });
    const closed = finished(file);
    let separator = "[\n";
    for await (const record of records) {
      if (!file.write(`${separator}${JSON.stringify(record)}`)) await Promise.race([once(file, "drain"), closed]);
      separator = ",\n";
    }
    file.end(separator === "[\n" ? "[]\n" : "\n]\n");
    await closed;
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Nothing failed: what an earlier run wrote is out of date. */
export async function removeFailedRecords(directory: string): Promise<void> {
  await rm(path.join(directory, FAILED_RECORDS), { force: true });
}
