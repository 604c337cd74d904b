import type { CsvFormat } from "./csvFormat";
import type { CsvHeader } from "./csvHeader";
import { CsvSurvey, isExport } from "./csvSurvey";
import type { FileRemark } from "./remark";
import type { TextPosition } from "./textWindow";

/** So many rows tell whether Auth0 exported a file, or as many as are so large. */
const SAMPLE = { rows: 5_000, bytes: 4 * 2 ** 20 };

export type TakeRow = (cells: readonly string[], at: TextPosition, byteLength: number) => void;

/**
 * The rows of one CSV file as they are first read. Holds the first thousands of them back until they show how texts are
 * marked: one row could be one that somebody added to an export.
 */
export class CsvIntake {
  readonly #survey: CsvSurvey;
  #held: { readonly cells: readonly string[]; readonly at: TextPosition; readonly byteLength: number }[] | undefined =
    [];
  #heldBytes = 0;

  constructor(
    private readonly format: CsvFormat,
    private readonly header: CsvHeader,
    private readonly take: TakeRow,
  ) {
    this.#survey = new CsvSurvey(format, header.names);
  }

  add(cells: readonly string[], at: TextPosition, byteLength: number): void {
    if (this.#held === undefined) {
      this.#take(cells, at, byteLength);
      return;
    }
    this.#held.push({ cells, at, byteLength });
    this.#heldBytes += byteLength;
    if (this.#held.length === SAMPLE.rows || this.#heldBytes > SAMPLE.bytes) this.flush();
  }

  /** Lets go what is held back: more is not to be seen, or not to be waited for. */
  flush(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.format.isExport = isExport(
      held.map(({ cells }) => cells),
      this.header.names,
    );
    for (const { cells, at, byteLength } of held) this.#take(cells, at, byteLength);
  }

  remarks(): FileRemark[] {
    return this.#survey.remarks();
  }

  #take(cells: readonly string[], at: TextPosition, byteLength: number): void {
    this.#survey.add(cells);
    this.take(cells, at, byteLength);
  }
}
