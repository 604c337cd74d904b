/**
 * An identity, fit for files that many may read: `"email:jane.doe@example.com"` → `"email:ja***@ex***"`,
 * `"phone_number:+12125550001"` → `"phone_number:***01"`. Enough to check a find by, too little to find somebody by; who
 * has the source finds the record by file and line.
 *
 * The domain is masked as well: many a person has one of their own name. The stars don't tell how long the text is.
 */
export function maskIdentity(identity: string): string {
  const [, attribute, value] = /^(user_id|email|username|phone_number):(.*)$/s.exec(identity) ?? [];
  if (attribute === undefined || value === undefined) return mask(identity);
  if (attribute === "phone_number")
    return `${attribute}:***${shown([...value].reverse())
      .reverse()
      .join("")}`;
  const at = attribute === "email" ? value.lastIndexOf("@") : -1;
  if (at < 0) return `${attribute}:${mask(value)}`;
  return `${attribute}:${mask(value.slice(0, at))}@${mask(value.slice(at + 1))}`;
}

function mask(text: string): string {
  return `${shown([...text]).join("")}***`;
}

/** At most a quarter of a text, and two characters: of a short name nothing is shown. */
function shown(characters: readonly string[]): string[] {
  return characters.slice(0, Math.min(2, Math.floor(characters.length / 4)));
}
