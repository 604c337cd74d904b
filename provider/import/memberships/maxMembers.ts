import { sentUserId } from "../../ledger/fingerprint";
import { comingOf, type GrantText, type MembershipMaps, type Stated, wantedBy } from "../../plan/memberships";
import { count, countOf } from "../../progress/batchProgress";
import { TenantError } from "../../tenant/errors";
import { addTo } from "../counts";
import type { Everybody, ImportSettings, MembershipTenant } from "../types";
import type { Asking } from "./asking";
import { type ListRules, MemberLists } from "./memberLists";

/** Auth0's entity limit of an organization; 2,000,000 where it has raised it. */
const MOST_OF_ORGANIZATION = 100_000;

/** For so many new members it is asked how many an organization has: fewer take no more calls than ten to be refused. */
const WORTH_ASKING = 100;

/** A role or an organization that may not have more than so many members. */
export interface Limit {
  readonly of: "role" | "organization";
  readonly name: string;
  readonly id: string;
  readonly most: number;
  /** Whether it is the program's, and not the service's. */
  readonly isOwn: boolean;
}

/** The roles that `maxMembers` names, and all organizations: it raises their limit, or lowers it. */
function limitsIn({ maxMembers = {}, memberships = {} }: ImportSettings): Limit[] {
  const { roles = {}, organizations = {} } = memberships;
  const own = (name: string) => (Object.hasOwn(maxMembers, name) ? maxMembers[name] : undefined);
  return [
    ...Object.entries(roles).flatMap(([name, id]): Limit[] => {
      const most = own(name);
      return most === undefined ? [] : [{ of: "role", name, id, most, isOwn: true }];
    }),
    ...Object.entries(organizations).map(([name, id]): Limit => {
      const most = Object.hasOwn(roles, name) ? undefined : own(name);
      return { of: "organization", name, id, most: most ?? MOST_OF_ORGANIZATION, isOwn: most !== undefined };
    }),
  ];
}

/**
 * How many are to get each of these, by its id.
 *
 * @param holders who has it: they are not counted, under the ids that they are sent with.
 */
async function countComing(
  settings: ImportSettings,
  limits: readonly Limit[],
  holders: ReadonlyMap<GrantText, ReadonlySet<string>>,
  asking: AsyncIterable<Asking>,
): Promise<Map<GrantText, number>> {
  const coming = new Map<GrantText, number>(limits.map(({ id }) => [id, 0]));
  for await (const { user, name, step, given } of asking) {
    for (const text of comingOf(step, given)) {
      if (!coming.has(text)) continue;
      const isHeld = holders.get(text)?.has(`auth0|${sentUserId(user, name, settings)}`);
      if (!isHeld) addTo(coming, text);
    }
  }
  return coming;
}

/**
 * The same of everybody, where nobody is imported yet and nobody has anything: what they are to get is what their records
 * say.
 *
 * @returns `undefined` where that is not known of each without reading them.
 */
function countSaid(
  maps: MembershipMaps,
  limits: readonly Limit[],
  said: Iterable<Stated | undefined>,
): Map<GrantText, number> | undefined {
  const coming = new Map<GrantText, number>(limits.map(({ id }) => [id, 0]));
  const limited = new Map<Stated, GrantText[]>();
  for (const stated of said) {
    if (stated === undefined) return undefined;
    const wanted =
      limited.get(stated) ?? [...new Set(wantedBy(stated, maps).grants.values())].filter((text) => coming.has(text));
    limited.set(stated, wanted);
    for (const text of wanted) addTo(coming, text);
  }
  return coming;
}

/** Who has something, and how many had it when the run began. */
interface Holders {
  readonly users: ReadonlySet<string>;
  readonly before: number;
}

/** What the batches of an import share in one run about the members that roles and organizations have. */
export class SharedMembers {
  /** Who has them, as their lists tell it. */
  readonly lists: MemberLists;
  readonly #holders = new Map<string, Promise<Holders>>();
  readonly #counts = new Map<string, Promise<number | undefined>>();
  readonly #coming = new Map<object, ReadonlyMap<GrantText, number>>();
  /** What the batches have given and taken by now, by the ids of roles and organizations. */
  readonly #changes = new Map<string, number>();
  #ofAll: Promise<Coming> | undefined;

  constructor(rules?: ListRules) {
    this.lists = new MemberLists(rules);
  }

  /** Who has it; no further than it takes: there may be a million. */
  holders(tenant: MembershipTenant, { id, most, of }: Limit): Promise<Holders> {
    const known = this.#holders.get(id);
    if (known !== undefined) return known;
    const pages = of === "role" ? tenant.roles.holders(id, () => {}) : tenant.organizations.members(id, () => {});
    const asked = holdersIn(pages, most).then((users) => ({ users, before: users.size - this.changeOf(id) }));
    this.#holders.set(id, asked);
    return asked;
  }

  /** How many belong to an organization before the run, by one call; `undefined` where that tells nothing. */
  counted({ organizations }: MembershipTenant, id: string): Promise<number | undefined> {
    const asked =
      this.#counts.get(id) ??
      organizations.count(id, () => {}).then((has) => (has === undefined ? undefined : has - this.changeOf(id)));
    this.#counts.set(id, asked);
    return asked;
  }

  /** How many are to get it by the whole import, of which nobody was imported before: counted once. */
  once(counted: () => Promise<Coming>): Promise<Coming> {
    this.#ofAll ??= counted();
    return this.#ofAll;
  }

  begins(batch: object, coming: ReadonlyMap<GrantText, number>): void {
    this.#coming.set(batch, coming);
  }

  /** How many are to get it by the batches that have begun. */
  comingOf(id: string): number {
    return [...this.#coming.values()].reduce((sum, each) => sum + (each.get(id) ?? 0), 0);
  }

  /** Somebody was given it, or it was taken from somebody. */
  changed(text: GrantText, user: string, by: 1 | -1): void {
    addTo(this.#changes, text, by);
    this.lists.changed(text, user, by > 0);
  }

  changeOf(id: string): number {
    return this.#changes.get(id) ?? 0;
  }
}

/** Not further than it takes: there may be a million. */
async function holdersIn(pages: AsyncIterable<readonly string[]>, most: number): Promise<ReadonlySet<string>> {
  const holders = new Set<string>();
  for await (const page of pages) {
    for (const user of page) holders.add(user);
    if (holders.size > most) break;
  }
  return holders;
}

/** Who is to get something. */
interface Coming {
  /** How many, by its id. */
  readonly more: ReadonlyMap<GrantText, number>;
  /** Organizations that may have no room for them. */
  readonly doubtful: readonly Limit[];
}

/** Sees to it, for one batch, that no role and no organization gets more members than it may. */
export class MemberLimits {
  readonly #limits: readonly Limit[];
  #coming: Coming = { more: new Map(), doubtful: [] };
  #isOfAll = false;

  constructor(
    private readonly settings: ImportSettings,
    private readonly tenant: () => MembershipTenant,
    private readonly shared: SharedMembers,
  ) {
    this.#limits = limitsIn(settings);
  }

  get #roles(): readonly Limit[] {
    return this.#limits.filter(({ of }) => of === "role");
  }

  /**
   * Counts who is to get what is limited. Comes before the batch has its turn, so that those which wait for theirs know of
   * each other.
   *
   * @param asking the records that ask for something: those of all batches, where `saidByAll` is given.
   * @param saidByAll what these say, without reading them
   */
  async count(asking: () => AsyncIterable<Asking>, saidByAll: Everybody["said"] | undefined): Promise<void> {
    if (this.#limits.length === 0) return;
    this.#isOfAll = saidByAll !== undefined;
    const counted = () => this.#count(asking, saidByAll);
    this.#coming = this.#isOfAll ? await this.shared.once(counted) : await counted();
    if (!this.#isOfAll) this.shared.begins(this, this.#coming.more);
  }

  /** @throws Error when one would have more members than it may. Asked before the batch sends anything. */
  async refuse(): Promise<void> {
    const { more, doubtful } = this.#coming;
    for (const limit of [...this.#roles, ...doubtful]) {
      const { id, of, most } = limit;
      const ours = more.get(id) ?? 0;
      if (ours === 0) continue;
      const { before } = await this.shared.holders(this.tenant(), limit);
      // That batches won't have room together is told of roles alone: an organization is too full when it is.
      const isTogether = this.#isOfAll || of === "role";
      const has = isTogether ? before : before + this.shared.changeOf(id);
      const coming = isTogether && !this.#isOfAll ? this.shared.comingOf(id) : ours;
      if (has + coming > most) throw new Error(refusalOf(limit, has, coming));
    }
  }

  /** `admin 3 → 1,003`, by all batches so far; nothing of a role that has as many as before. */
  async told(): Promise<string[]> {
    const told: string[] = [];
    for (const limit of this.#roles) {
      const { name, id, most } = limit;
      const by = this.shared.changeOf(id);
      const { before } = await this.shared.holders(this.tenant(), limit);
      if (by !== 0 && before <= most) told.push(`${name} ${count(before)} → ${count(before + by)}`);
    }
    return told;
  }

  async #count(asking: () => AsyncIterable<Asking>, saidByAll: Everybody["said"] | undefined): Promise<Coming> {
    const ofRoles = await this.#holders(this.#roles);
    const isNobodys = [...ofRoles.values()].every(({ size }) => size === 0);
    const said =
      saidByAll !== undefined && isNobodys
        ? countSaid(this.settings.memberships ?? {}, this.#limits, saidByAll())
        : undefined;
    const more = said ?? (await countComing(this.settings, this.#limits, ofRoles, asking()));
    const doubtful: Limit[] = [];
    for (const limit of this.#limits) if (await this.#isDoubtful(limit, more.get(limit.id) ?? 0)) doubtful.push(limit);
    // Who is a member already needs no room.
    const members = await this.#holders(doubtful);
    const again = doubtful.length === 0 ? [] : await countComing(this.settings, doubtful, members, asking());
    return { more: new Map([...more, ...again]), doubtful };
  }

  async #isDoubtful({ of, id, most, isOwn }: Limit, more: number): Promise<boolean> {
    if (of === "role" || more < (isOwn ? 1 : WORTH_ASKING)) return false;
    try {
      const has = await this.shared.counted(this.tenant(), id);
      return has === undefined || has + (this.#isOfAll ? 0 : this.shared.changeOf(id)) + more > most;
    } catch (error) {
      // Without the scope, or where there is none, it is Auth0 that refuses.
      if (error instanceof TenantError && [403, 404].includes(error.status ?? 0)) return false;
      throw error;
    }
  }

  async #holders(limits: readonly Limit[]): Promise<ReadonlyMap<GrantText, ReadonlySet<string>>> {
    const all = new Map<GrantText, ReadonlySet<string>>();
    for (const limit of limits) all.set(limit.id, (await this.shared.holders(this.tenant(), limit)).users);
    return all;
  }
}

function refusalOf({ of, name, most, isOwn }: Limit, has: number, coming: number): string {
  const before = has > most ? "more" : count(has);
  const are = `${countOf(coming, "user")} of the files ${coming === 1 ? "is" : "are"}`;
  if (of === "role") {
    return `The role ${name} would have more than ${count(most)} members (maxMembers): it has ${before}, and ${are} to get it. Nothing was sent. Correct the files, or raise maxMembers.`;
  }
  if (isOwn) {
    return `The organization ${name} would have more than ${count(most)} members (maxMembers): it has ${before}, and ${are} to belong to it. Nothing was sent. Correct the files, or raise maxMembers.`;
  }
  return `The organization ${name} would have more than ${count(most)} members (Auth0's limit): it has ${before}, and ${are} to belong to it. Nothing was sent. Correct the files; where Auth0 has raised the limit, name the organization in maxMembers.`;
}
