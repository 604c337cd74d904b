import type { SourceFile } from "./sourceFile";
import type { TextPosition } from "./textWindow";

const NEWLINE = 0x0a;

/**
 * Line and column (in UTF-16 code units, as editors count) of a byte offset in the file's text, 1-based, counted from
 * the start of an earlier line. Only for what goes wrong: counting while all goes well would cost every file.
 */
export async function lineAndColumn(
  file: SourceFile,
  from: TextPosition,
  offset: number,
): Promise<{ line: number; column: number }> {
  let { line } = from;
  let column = 1;
  const buffer = Buffer.allocUnsafe(64 * 1024);
  for (let position = from.lineStart; position < offset; ) {
    const bytes = buffer.subarray(0, Math.min(buffer.length, offset - position));
    const length = await file.readText(bytes, position);
    if (length < bytes.length) {
      throw file.changed();
    }
    for (const byte of bytes) {
      if (byte === NEWLINE) {
        line++;
        column = 1;
      } else if (byte >= 0xf0) {
        // Starts a character outside the Basic Multilingual Plane: a pair of units.
        column += 2;
      } else if ((byte & 0xc0) !== 0x80) {
        column++;
      }
    }
    position += length;
  }
  return { line, column };
}
