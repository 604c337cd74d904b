import type { ProfileAttribute } from "../ledger/attributes";
import type { TenantRecord } from "./equal";

/**
 * Whether an attribute of a user's profile is there only because Auth0 fills what a new user lacks: the email as `name`,
 * its local part as `nickname`, a Gravatar link as `picture` (recorded for users made by the API, assumed for imports).
 * Of attributes that no record ever stated such a value counts as absent.
 *
 * @param isKnownEmail tells whether a text is the email that the ledger knows by its print: the user may have another one
 *   by now, and the name stayed.
 */
export function isDefault(
  attribute: ProfileAttribute,
  there: TenantRecord,
  isKnownEmail: (text: string) => boolean = () => false,
): boolean {
  const value = there[attribute];
  if (typeof value !== "string") return false;
  if (attribute === "picture") return isDefaultPicture(value);
  if (attribute !== "name" && attribute !== "nickname") return false;
  const names = [there.email, there.username, there.phone_number].filter((each) => typeof each === "string");
  if (typeof there.name === "string" && isKnownEmail(there.name)) names.push(there.name);
  const text = value.toLowerCase();
  return names.some((name) => text === (attribute === "name" ? name : localPart(name)).toLowerCase());
}

function localPart(name: string): string {
  const at = name.lastIndexOf("@");
  return at === -1 ? name : name.slice(0, at);
}

function isDefaultPicture(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hostname, pathname } = new URL(text);
  return /(^|\.)gravatar\.com$/.test(hostname) || (hostname === "cdn.auth0.com" && pathname.startsWith("/avatars/"));
}
