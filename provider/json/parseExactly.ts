import { keepNumbers, mayBeLarge, mayBeLong } from "./flaws";

/** As `JSON.parse`, with an `ExactNumber` for each number that a double does not keep. */
export function parseExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (mayBeLong(text) || mayBeLarge(text)) keepNumbers(value, text);
  return value;
}
