import { createReadStream, readFileSync } from "node:fs";

// What more than one of the measurements needs.

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/**
 * The most memory in bytes that the process had resident so far; not a number where it has none any more. Linux tells.
 *
 * @throws Error when there is no such process any more
 */
export function peakMemory(pid: number | "self"): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return 1024 * Number(kilobytes);
}

/** The yardstick of those who read records: one bare pass of JSON.parse over the lines. Returns how many there are. */
export async function parseLines(file: string): Promise<number> {
  let lines = 0;
  for await (const chunk of chunksOfLines(file)) {
    for (const line of chunk) JSON.parse(line);
    lines += chunk.length;
  }
  return lines;
}

/** The lines of a file, each ended by a line feed, some thousand at a time. */
export async function* chunksOfLines(file: string): AsyncGenerator<string[]> {
  let rest = "";
  for await (const chunk of createReadStream(file, { encoding: "utf8", highWaterMark: 1 << 20 })) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() as string;
    yield lines;
  }
}

/** Of a bare pass of JSON.parse over the lines, in milliseconds. */
export async function parseTime(file: string): Promise<number> {
  const started = Date.now();
  await parseLines(file);
  return Date.now() - started;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

export function ratio(value: number): string {
  return `${value.toFixed(3)} times`;
}
