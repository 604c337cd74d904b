const MAX_KEY = 40;
const MAX_PATH = 200;

/**
 * Where in a record something is: `user_metadata.prefs[0]["a.b"]`, and `""` for the record itself. Keys of metadata
 * are often data (who is whose friend, by e-mail address): they are cut, and what looks personal in them is masked.
 */
export function pathOf(keys: readonly PropertyKey[]): string {
  let path = "";
  for (const key of keys) {
    if (path.length > MAX_PATH) return `${path}…`;
    path += segment(key, path === "");
  }
  return path;
}

function segment(key: PropertyKey, isFirst: boolean): string {
  if (typeof key === "number") return `[${key}]`;
  const name = shownKey(String(key));
  if (!/^[\w$-]+$/.test(name)) return `["${name}"]`;
  return isFirst ? name : `.${name}`;
}

function shownKey(key: string): string {
  if (key.includes("@")) return "‹email›";
  const characters = [...key.slice(0, 4 * MAX_KEY).replaceAll(/\d{7,}/g, "‹number›")];
  const cut = characters.length > MAX_KEY ? `${characters.slice(0, MAX_KEY).join("")}…` : characters.join("");
  // What could end the quotes, move a terminal's cursor, or turn the direction of its writing.
  return cut.replaceAll(/[^\p{L}\p{M}\p{N}\p{S}\p{P} ]|["\\]/gu, "\u{fffd}");
}
