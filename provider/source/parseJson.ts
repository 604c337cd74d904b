/** The value in this text; `undefined` when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // JSON.parse's message must not get out, since it quotes the text.
    return undefined;
  }
}
