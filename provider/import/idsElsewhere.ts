import { count, countOf } from "../progress/batchProgress";
import type { TenantUser } from "../tenant/client";
import { TenantError } from "../tenant/errors";
import type { ImportTenant } from "./types";

/** So many of the source's ids are looked up: a second import of an old connection's users shows in each of them. */
export const SAMPLED_IDS = 20;

/** What a look at some of the ids of a source has shown. */
export interface IdsElsewhere {
  /** Why the import is not begun. */
  readonly problem?: string;
  /** Why it could not be told. */
  readonly note?: string;
}

/**
 * Whether ids that the source gives its users are those of users of another connection already. The same id in two
 * connections happens (Auth0's staff; documents call ids unique, but nothing enforces it), and calls by id then act on
 * the first user found: nobody could tell the two apart any more. It is asked before a first import, of a few.
 *
 * @param ids without `auth0|`.
 * @param connection the name of the one that is imported into.
 */
export async function idsElsewhere(
  tenant: Pick<ImportTenant, "user">,
  ids: readonly string[],
  connection: string,
): Promise<IdsElsewhere> {
  const others = new Map<string, number>();
  let found = 0;
  for (const id of ids) {
    let user: TenantUser | undefined;
    try {
      user = await tenant.user(`auth0|${id}`, () => {});
    } catch (error) {
      if (!(error instanceof TenantError) || error.status !== 403) throw error;
      return {
        note: "The scope read:users is missing, so it was not checked whether user_ids of the files belong to users of another connection (docs/semantics.md).",
      };
    }
    const names = user?.identities?.flatMap(({ connection: name }) => (name === undefined ? [] : [name])) ?? [];
    if (names.length === 0 || names.includes(connection)) continue;
    found++;
    for (const name of names) others.set(name, (others.get(name) ?? 0) + 1);
  }
  if (found === 0) return {};
  const where = [...others.keys()].map((name) => `"${name}"`).join(", ");
  return {
    problem: `Of ${countOf(ids.length, "user_id")} that were looked up, ${count(found)} belong to users of another connection (${where}). Auth0 acts on the first user that it finds by an id, so the two could not be told apart. Leave the ids out of the records (docs/semantics.md has a transform), or delete the users of the old connection first.`,
  };
}
