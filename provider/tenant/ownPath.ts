import { SENDABLE } from "../schema/identity";

/** Auth0 tells some attributes where it keeps them, under names of its own [field]. */
const INSIDE = /^(?:identities\[\d+\]\.)?(?:profileData\.)?/;

/** An attribute's path as the record has it: `identities[0].profileData.email` → `email`, `passwordHash` → `password_hash`. */
export function ownPath(path: string): string {
  const inside = path.replace(INSIDE, "");
  const [, first = "", rest = ""] = /^(\w+)(.*)$/s.exec(inside) ?? [];
  const name = first.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return SENDABLE.has(name) ? name + rest : path;
}

const ERROR_IN = /\bError in (\S+) property\b/;

/** What is told of one error, with the path that the record has; of the message where there is no other. */
export function inOwnTerms(message: string, path: string | undefined): { readonly message: string; path?: string } {
  const [, told] = ERROR_IN.exec(message) ?? [];
  const named = path ?? told;
  return {
    message: message.replaceAll(new RegExp(ERROR_IN, "g"), (_, each: string) => `Error in ${ownPath(each)} property`),
    ...(named === undefined ? {} : { path: ownPath(named) }),
  };
}
