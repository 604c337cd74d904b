import { keyOf } from "./userLinks";
import type { User } from "./userStore";

/** A user's place in a role or an organization. */
export interface Member {
  readonly connectionId: string;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Of a deleted user, whom lists may still show for a while. */
  goneAt?: number;
  /** Roles in the organization. */
  readonly roles: Set<string>;
}

/** Who has a role, or belongs to an organization. */
export class Members {
  readonly #members = new Map<string, Member>();
  /** In the order of lists, until somebody comes or goes. */
  #ordered: Member[] | undefined;
  #gone = 0;

  /** Without those who are deleted. */
  get size(): number {
    return this.#members.size - this.#gone;
  }

  has(user: User): boolean {
    return this.get(user) !== undefined;
  }

  get(user: User): Member | undefined {
    const member = this.#members.get(keyOf(user));
    return member?.goneAt === undefined ? member : undefined;
  }

  /** Whoever is there already stays as they are. */
  add({ connectionId, id }: Pick<User, "connectionId" | "id">, since: number, roles: Iterable<string> = []): Member {
    const key = keyOf({ connectionId, id });
    const known = this.#members.get(key);
    if (known !== undefined && known.goneAt === undefined) return known;
    if (known !== undefined) this.#gone--;
    const member: Member = { connectionId, id, since, roles: new Set(roles) };
    this.#members.set(key, member);
    this.#ordered = undefined;
    return member;
  }

  delete(user: User): boolean {
    if (!this.has(user)) return false;
    this.#ordered = undefined;
    return this.#members.delete(keyOf(user));
  }

  /** The user is deleted. */
  lose(user: User, now: number): void {
    const member = this.#members.get(keyOf(user));
    if (member === undefined || member.goneAt !== undefined) return;
    member.goneAt = now;
    this.#gone++;
  }

  /** In the order in which they came; of those who came at one moment, by id. */
  ordered(): readonly Member[] {
    this.#ordered ??= [...this.#members.values()].sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
    return this.#ordered;
  }
}

/**
 * A page of a list by checkpoint: so many who came after the one that `from` names. Inside of a page they are in another
 * order, as on the service; and a full last page has a `next`, which leads to an empty one.
 *
 * @param from the `next` of the page before
 */
export function pageFrom(members: readonly Member[], from: string | undefined, take: number) {
  const start = from === undefined ? 0 : placeAfter(members, Buffer.from(from, "base64").toString());
  const page = members.slice(start, start + take);
  const last = page.at(-1);
  const isFull = last !== undefined && page.length === take;
  return { page: page.reverse(), ...(isFull && { next: Buffer.from(checkpointOf(last)).toString("base64") }) };
}

function checkpointOf({ since, id }: Member): string {
  return `${new Date(since).toISOString()} UTC,${id}`;
}

/** By halves: there may be a million. */
function placeAfter(members: readonly Member[], checkpoint: string): number {
  const comma = checkpoint.indexOf(",");
  const since = Date.parse(checkpoint.slice(0, comma).replace(" UTC", ""));
  const id = checkpoint.slice(comma + 1);
  let [low, high] = [0, members.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const member = members[middle] as Member;
    if (member.since < since || (member.since === since && member.id <= id)) low = middle + 1;
    else high = middle;
  }
  return low;
}
