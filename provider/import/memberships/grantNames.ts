import { type Given, type GrantText, grantOf, type MembershipStep } from "../../plan/memberships";

/** A name of `Given` as people read it: a membership goes by the organization's. */
export function shownName(name: string): string {
  return name.replace(/\/$/, "").replace(/%25|%2F/g, decodeURIComponent);
}

/** Grants by the names that the record has or had for them: `role admin, organization acme, role owner in acme`. */
export function namesOf(
  texts: readonly GrantText[],
  { step, given }: { readonly step: MembershipStep; readonly given: readonly Given[] },
): string {
  const names = new Map([
    ...given.map(({ name, text }) => [text, name] as const),
    ...[...step.wanted].map(([name, text]) => [text, name] as const),
  ]);
  return texts.map((text) => nameOf(text, names.get(text) ?? text)).join(", ");
}

function nameOf(text: GrantText, name: string): string {
  const { role, organization } = grantOf(text);
  if (organization === undefined) return `role ${shownName(name)}`;
  const [inside = "", own = role ?? ""] = name.split("/");
  return role === undefined ? `organization ${shownName(inside)}` : `role ${shownName(own)} in ${shownName(inside)}`;
}

/** What of a record's roles and memberships did not come about, and why. */
export function notMade(
  given: readonly GrantText[],
  taken: readonly GrantText[],
  work: Parameters<typeof namesOf>[1],
  reason: string,
): string {
  const parts = [
    ...(given.length === 0 ? [] : [`Not given: ${namesOf(given, work)}`]),
    ...(taken.length === 0 ? [] : [`Not taken: ${namesOf(taken, work)}`]),
  ];
  return [...parts, reason].join(". ");
}
