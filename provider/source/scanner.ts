import type { RecordSink } from "./recordSink";
import type { TextPosition, TextWindow } from "./textWindow";

/** What all scanners of one text share. */
export interface Scene {
  readonly window: TextWindow;
  readonly sink: RecordSink;
  readonly maxRecordBytes: number;
}

/** Finds the records in one kind of text, and hands them to the sink. */
export abstract class Scanner {
  /** The rest of the text is of no use: what is wrong has been reported. */
  stopped = false;
  /** Who goes on from where the window is scanned, where it is another one. */
  next: Scanner | undefined;
  protected readonly window: TextWindow;
  protected readonly sink: RecordSink;
  protected readonly maxRecordBytes: number;

  constructor(protected readonly scene: Scene) {
    ({ window: this.window, sink: this.sink, maxRecordBytes: this.maxRecordBytes } = scene);
  }

  /** Goes on from where the window is scanned to the end of its text. */
  abstract scan(text: Buffer): void;

  /** There is no more text. */
  abstract end(text: Buffer): void;

  /** The unfinished record, or what else the window holds on to, is larger than any may be. */
  onTooLarge(text: Buffer): void {
    this.stopAtTooLarge(text, text.length);
  }

  /** Where the unfinished record starts. */
  protected abstract get recordAt(): TextPosition;

  /** Whether a malformed record ends all the same where it seems to. */
  protected get endsAnyway(): boolean {
    return false;
  }

  protected emit(text: Buffer, start: number, end: number, at: TextPosition): void {
    if (end - start > this.maxRecordBytes) {
      this.stopAtTooLarge(text, end);
      return;
    }
    const verdict = this.sink.onRecord(text, start, end, at);
    // Without sound quotes and brackets, where an element or a row ends is a guess.
    if (verdict === "not a record" || (verdict === "malformed" && !this.endsAnyway)) {
      this.stopped = true;
    }
  }

  protected stopAtTooLarge(text: Buffer, end: number): void {
    const at = this.recordAt;
    // A quote too few looks like one huge record, so the fault may well lie inside.
    if (this.sink.onUnfinishedRecord(text, this.window.start, end, at)) {
      this.stopped = true;
    } else {
      this.stop(`record is larger than ${this.maxRecordBytes / 2 ** 20} MiB`, at);
    }
  }

  protected stop(message: string, at?: TextPosition): void {
    this.stopped = true;
    this.sink.onProblem(message, at);
  }
}
