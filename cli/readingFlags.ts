import type { ReadingOptions } from "./examine";

/** How users files are read, as commands are told. */
export interface ReadingFlags {
  readonly transform?: string;
  readonly nullText?: readonly string[];
  readonly merge?: true;
}

export function readingOf({ transform, nullText, merge }: ReadingFlags): ReadingOptions {
  return { transform, nullText, merge };
}

/** Gathers the values of an option that may be given several times: one that takes several would take the files, too. */
export function several(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
