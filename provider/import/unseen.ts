import type { ImportSettings } from "./types";

const TAKEN =
  "Without the scope read:users nobody can be read back: users who are there already are taken or written over unseen, as the insert jobs refuse them. An account that somebody has registered with another person's address can't be told from theirs. Grant read:users (docs/operations.md), or see to it that sign-up is closed.";

const CHANGED =
  'Without the scope read:users changes are sent unseen, as onConflict: "overwrite" allows: over whatever an application or the user has written since. A user who was deleted in Auth0, or has another email there, comes in a second time. Grant read:users (docs/operations.md).';

/**
 * What a run risks that may not read users, before it sends anything.
 *
 * @param sizes about how many records are of users who are known, and how many of others.
 */
export function risksUnseen(
  { onExisting, onConflict }: Pick<ImportSettings, "onExisting" | "onConflict">,
  sizes: { readonly changed: number; readonly others: number },
): string[] {
  return [
    ...(onExisting !== "fail" && sizes.others > 0 ? [TAKEN] : []),
    ...(onConflict === "overwrite" && sizes.changed > 0 ? [CHANGED] : []),
  ];
}
