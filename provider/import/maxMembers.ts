import { sentUserId } from "../ledger/fingerprint";
import { comingOf, type GrantText } from "../plan/memberships";
import { count, countOf } from "../progress/batchProgress";
import type { Asking } from "./asking";
import type { ImportSettings, MembershipTenant } from "./types";

/** A role that may not have more than so many members. */
export interface LimitedRole {
  readonly name: string;
  readonly id: string;
  readonly most: number;
}

export function limitedRoles({ maxMembers = {}, memberships }: ImportSettings): LimitedRole[] {
  return Object.entries(maxMembers).flatMap(([name, most]) => {
    const id = memberships?.roles?.[name];
    return id === undefined ? [] : [{ name, id, most }];
  });
}

/** How many are to get each of these, by its id; without those who have it, under the ids that they are sent with. */
export async function countComing(
  settings: ImportSettings,
  holders: ReadonlyMap<string, ReadonlySet<string>>,
  asking: AsyncIterable<Asking>,
): Promise<ReadonlyMap<GrantText, number>> {
  const coming = new Map<GrantText, number>([...holders.keys()].map((id) => [id, 0]));
  for await (const { user, name, step, given } of asking) {
    for (const text of comingOf(step, given)) {
      const known = coming.get(text);
      if (known === undefined) continue;
      const isHeld = holders.get(text)?.has(`auth0|${sentUserId(user, name, settings)}`);
      if (!isHeld) coming.set(text, known + 1);
    }
  }
  return coming;
}

/** What the batches of an import share in one run about roles that may not have more than so many members. */
export class SharedMembers {
  readonly #holders = new Map<string, Promise<ReadonlySet<string>>>();
  readonly #coming = new Map<object, ReadonlyMap<GrantText, number>>();
  /** What the batches have given and taken by now, by the roles' ids. */
  readonly #changes = new Map<string, number>();
  #ofAll: Promise<ReadonlyMap<GrantText, number>> | undefined;

  /** Who has them before the run: by the roles' ids. */
  async holders(
    roles: MembershipTenant["roles"],
    limited: readonly LimitedRole[],
  ): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const all = new Map<string, ReadonlySet<string>>();
    for (const { id, most } of limited) {
      const asked = this.#holders.get(id) ?? holdersOf(roles, id, most);
      this.#holders.set(id, asked);
      all.set(id, await asked);
    }
    return all;
  }

  /** How many are to get it by the whole import, of which nobody was imported before: counted once. */
  once(counted: () => Promise<ReadonlyMap<GrantText, number>>): Promise<ReadonlyMap<GrantText, number>> {
    this.#ofAll ??= counted();
    return this.#ofAll;
  }

  /** How many are to get it by this batch, and by those that have begun before. */
  together(batch: object, coming: ReadonlyMap<GrantText, number>): ReadonlyMap<GrantText, number> {
    this.#coming.set(batch, coming);
    const sum = new Map<GrantText, number>();
    for (const each of this.#coming.values()) for (const [id, by] of each) sum.set(id, (sum.get(id) ?? 0) + by);
    return sum;
  }

  /** @throws Error when the role would have more than it may. */
  async assertNotTooMany(
    roles: MembershipTenant["roles"],
    role: LimitedRole,
    coming: ReadonlyMap<GrantText, number>,
  ): Promise<void> {
    const { name, id, most } = role;
    const more = coming.get(id) ?? 0;
    const has = (await this.holders(roles, [role])).get(id)?.size ?? 0;
    if (more === 0 || has + more <= most) return;
    throw new Error(
      `The role ${name} would have more than ${count(most)} members (maxMembers): it has ${has > most ? "more" : count(has)}, and ${countOf(more, "user")} of the files ${more === 1 ? "is" : "are"} to get it. Nothing was sent. Correct the files, or raise maxMembers.`,
    );
  }

  /** Somebody was given it, or it was taken from somebody. */
  changed(id: string, by: 1 | -1): void {
    this.#changes.set(id, (this.#changes.get(id) ?? 0) + by);
  }

  /** `admin 3 → 1,003`, by all batches so far; nothing of a role that has as many as before. */
  async told(roles: MembershipTenant["roles"], limited: readonly LimitedRole[]): Promise<string[]> {
    const holders = await this.holders(roles, limited);
    return limited.flatMap(({ name, id, most }) => {
      const [has, by] = [holders.get(id)?.size ?? 0, this.#changes.get(id) ?? 0];
      return by === 0 || has > most ? [] : [`${name} ${count(has)} → ${count(has + by)}`];
    });
  }
}

/** Not further than it takes: there may be a million. */
async function holdersOf(roles: MembershipTenant["roles"], id: string, most: number): Promise<ReadonlySet<string>> {
  const holders = new Set<string>();
  for await (const page of roles.holders(id, () => {})) {
    for (const user of page) holders.add(user);
    if (holders.size > most) break;
  }
  return holders;
}
