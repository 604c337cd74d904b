import type { Envelope } from "./envelope";
import type { TextPosition } from "./textWindow";

export type RecordVerdict =
  /** It ends where the splitter says, whatever else may be wrong with it. */
  | "sound"
  | "malformed"
  /** It shows that the text is no list of records at all. */
  | "not a record";

/** What the first row of a text that is no JSON is. */
export type HeaderVerdict =
  /** A header, so that records follow. */
  | "header"
  /** A line before the header. */
  | "preamble"
  /** Neither; what is wrong was reported. */
  | "refused";

/** Takes what the splitter finds. The bytes handed over are overwritten after the call. */
export interface RecordSink {
  /** The first row of a text that is no JSON, or the one behind a preamble, lies in `bytes` from `start` to `end`. */
  onHeader(bytes: Buffer, start: number, end: number, at: TextPosition): HeaderVerdict;
  /**
   * The text is one JSON object with an array of objects in it.
   * @returns whether these are the records; if not, the object is one itself
   */
  onEnvelope(envelope: Envelope): boolean;
  /** A record, or whatever stands in its place, lies in `bytes` from `start` to `end`. */
  onRecord(bytes: Buffer, start: number, end: number, at: TextPosition): RecordVerdict;
  /**
   * A record has begun, but the text or the room for it ends first.
   * @returns whether a fault was found in what there is of it; if not, its missing end is reported as a problem next
   */
  onUnfinishedRecord(bytes: Buffer, start: number, end: number, at: TextPosition): boolean;
  /** `at` is missing where it is the whole file that is wrong. */
  onProblem(message: string, at?: TextPosition): void;
}

export const NOT_A_USERS_FILE =
  "not a users file: neither a JSON array, nor NDJSON, nor CSV with a header that names attributes of users";
