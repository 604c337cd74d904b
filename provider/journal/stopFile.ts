import { existsSync, rmSync } from "node:fs";

const WATCH_MS = 1_000;

/** The file whose appearance asks the process that drives a journal to stop. */
export function stopFile(journalFile: string): string {
  return `${journalFile}.stop`;
}

/**
 * Does the work, and looks meanwhile whether somebody asks it to stop.
 *
 * @param journalFile `undefined` where others keep the journal, and are asked themselves.
 * @param onTick is called about once a second.
 */
export async function untilAsked<T>(
  journalFile: string | undefined,
  onTick: () => void,
  onAsked: (reason: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const file = journalFile === undefined ? undefined : stopFile(journalFile);
  // What is left of an earlier run was not meant for this one.
  if (file !== undefined) rmSync(file, { force: true });
  const timer = setInterval(() => {
    onTick();
    if (file === undefined || !existsSync(file)) return;
    rmSync(file, { force: true });
    onAsked(ASKED);
  }, WATCH_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Whoever has asked. */
export const ASKED = "The run was asked to stop.";
