/** One thing that is wrong with a users file. Never holds anything that the file itself says. */
export interface SourceProblem {
  /** As the user named it, or relative to the program's folder; with forward slashes. */
  readonly file: string;
  /** 1-based; of the unpacked text for a gzip file. */
  readonly line?: number;
  /** 1-based, in UTF-16 code units: what an editor shows. */
  readonly column?: number;
  readonly message: string;
}

/** More than this many are only counted: a mapping error in a million records is one finding, not a million lines. */
export const MAX_PROBLEMS = 10;

/**
 * The users files can't be used as they are. The message has a line for each problem, `file:line:column: what`,
 * and is fit for logs and state: it quotes no record.
 */
export class SourceError extends Error {
  override readonly name = "SourceError";
  /** The first ten. */
  readonly problems: readonly SourceProblem[];
  /** How many there are, those left out of `problems` included. */
  readonly total: number;

  constructor(problems: readonly SourceProblem[], total: number = problems.length) {
    const shown = problems.slice(0, MAX_PROBLEMS);
    const lines = shown.map(describe);
    if (total > shown.length) {
      lines.push(`… and ${total - shown.length} more`);
    }
    super(lines.join("\n"));
    this.problems = shown;
    this.total = total;
  }
}

function describe({ file, line, column, message }: SourceProblem): string {
  return [file, line, column]
    .filter((part) => part !== undefined)
    .join(":")
    .concat(`: ${message}`);
}
