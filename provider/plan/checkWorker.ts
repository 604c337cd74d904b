import { parentPort, workerData } from "node:worker_threads";
import type { UnsupportedPasswordHash } from "../schema/prepare";
import { Tally } from "../schema/tally";
import { jsonFormat } from "../source/jsonFormat";
import type { RecordTexts, Verdicts } from "./checkHelper";

// The thread that `CheckHelper` starts.
parentPort?.on("message", ({ bytes, ends }: RecordTexts) => {
  const tally = new Tally(workerData as UnsupportedPasswordHash);
  const text = Buffer.from(bytes);
  const sizes = new Uint32Array(ends.length);
  const wrong: number[] = [];
  let start = 0;
  for (const [i, end] of ends.entries()) {
    // The other thread has parsed it already.
    const record = jsonFormat.parse(text, start, end, true) as Record<string, unknown>;
    const verdict = tally.check(record, text.subarray(start, end));
    sizes[i] = verdict.bytes;
    if (verdict.isWrong) wrong.push(i);
    start = end;
  }
  const { warnings, dropped, empty, passwordsOmitted } = tally;
  const verdicts: Verdicts = { sizes, wrong, tallied: { warnings, dropped, empty, passwordsOmitted }, bytes };
  parentPort?.postMessage(verdicts, [sizes.buffer, bytes]);
});
