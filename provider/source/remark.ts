/** What a remark is about. */
export type RemarkCode =
  /** Texts that begin with an apostrophe. */
  | "APOSTROPHES"
  /** The users stand in an array inside of one JSON object. */
  | "ENVELOPE"
  /** Backslashes that seem to be doubled. */
  | "ESCAPES"
  /** Records that the transform made no user of. */
  | "LEFT_OUT"
  /** A later file's records lack what an earlier file's have. */
  | "LESS_THAN_BEFORE"
  /** Columns without a name, or cells behind the last column, that hold nothing. */
  | "NAMELESS_COLUMNS"
  /** Cells with a text that often stands for nothing. */
  | "NULL_TEXTS"
  /** A line before the header that names the delimiter. */
  | "SEPARATOR_LINE"
  /** Rows with fewer cells than the header. */
  | "SHORT_ROWS";

/** What is to be said of a source, once and with a count, where all of it was read. Quotes no record. */
export interface Remark {
  readonly code: RemarkCode;
  /** A warning is what may well be a mistake; a note is how the file was understood. */
  readonly severity: "warning" | "note";
  /** As the user named it, or relative to the program's folder. */
  readonly file: string;
  readonly message: string;
}

/** A remark on a file whose name the teller does not know. */
export type FileRemark = Omit<Remark, "file">;
