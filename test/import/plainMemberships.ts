import type { MembershipTenant } from "../../provider/import/types";
import { type GrantText, grantOf, textOf } from "../../provider/plan/memberships";
import { TenantError } from "../../provider/tenant/errors";
import type { PlainTenant } from "./plainTenant";

/** Who gave it. `unsure`: somebody, after we did, or were about to; nobody can tell that from us. */
type Giver = "us" | "somebody" | "unsure";

/** What happens at a call: it is refused for what it says, fails for now, or the process dies before or after it. */
export type CallFate = "refused" | "fails" | "dies" | "dies after";

/** Roles and organizations of a plain tenant: who has what, from whom; and the calls that were made. */
export class PlainMemberships implements MembershipTenant {
  /** By the user's id, with its prefix. */
  readonly held = new Map<string, Map<GrantText, Giver>>();
  readonly calls: string[] = [];
  /** Roles and organizations that there are not. */
  readonly missing = new Set<string>();
  /** How many members an organization may have. */
  mostMembers = 100_000;
  /** Of lists. */
  pageSize = 100_000;
  /** Decides about each call. */
  fate: (call: string, number: number) => CallFate | undefined = () => undefined;
  /** What the service says of a second time. */
  isTwiceRefused = false;
  /** What was taken from users who had it from somebody else: it must stay empty. */
  readonly wronged: string[] = [];
  /** Was ours once, or was about to be. */
  readonly #wasOurs = new Set<string>();

  constructor(private readonly tenant: PlainTenant) {}

  of(user: string): GrantText[] {
    return [...(this.held.get(user)?.keys() ?? [])].sort();
  }

  giverOf(user: string, text: GrantText): Giver | undefined {
    return this.held.get(user)?.get(text);
  }

  byHand(user: string, text: GrantText, gives: boolean): void {
    const { organization, role } = grantOf(text);
    const held = this.#heldBy(user);
    if (!gives) {
      for (const each of this.of(user)) if (each === text || each.startsWith(`${text} `)) held.delete(each);
      return;
    }
    if (organization !== undefined && role !== undefined) this.byHand(user, organization, true);
    if (!held.has(text)) held.set(text, this.#wasOurs.has(`${user} ${text}`) ? "unsure" : "somebody");
  }

  /** A run that has died was about to give it. */
  intended(user: string, text: GrantText): void {
    if (!this.held.get(user)?.has(text)) this.#wasOurs.add(`${user} ${text}`);
  }

  /** How many belong to an organization. */
  count = (organization: string): Promise<number | undefined> =>
    this.#read("count", () => this.#holdersOf(organization).length);

  readonly roles: MembershipTenant["roles"] = {
    give: (role, users) => this.#call(`give ${role} to ${users.length}`, () => this.#give([...users], { role })),
    take: (user, roles) =>
      this.#call(`take ${roles}`, () =>
        this.#take(
          [user],
          roles.map((role) => textOf({ role })),
        ),
      ),
    of: (user) =>
      this.#read("roles of", () => {
        this.#assertUser(user);
        return this.of(user).filter((text) => text.startsWith("rol_"));
      }),
    exists: (role) => this.#read("role", () => !this.missing.has(role)),
    holders: (role) => this.#holders(role),
  };

  readonly organizations: MembershipTenant["organizations"] = {
    add: (organization, users) =>
      this.#call(`add ${users.length} to ${organization}`, () => this.#give([...users], { organization })),
    remove: (organization, users) =>
      this.#call(`remove ${users.length} from ${organization}`, () => {
        const inside = (user: string) => this.of(user).filter((text) => text.startsWith(`${organization} `));
        for (const user of users) this.#take([user], [organization, ...inside(user)]);
      }),
    giveRoles: (organization, user, roles) =>
      this.#call(`give ${roles} in ${organization}`, () => {
        if (!this.held.get(user)?.has(organization)) throw new TenantError("no member", 400, undefined, "no member");
        for (const role of roles) this.#give([user], { organization, role });
      }),
    takeRoles: (organization, user, roles) =>
      this.#call(`take ${roles} in ${organization}`, () =>
        this.#take(
          [user],
          roles.map((role) => textOf({ organization, role })),
        ),
      ),
    of: (user) =>
      this.#read("organizations of", () => {
        this.#assertUser(user);
        return this.of(user).filter((text) => /^org_\w+$/.test(text));
      }),
    rolesOf: (organization, user) =>
      this.#read("roles in", () =>
        this.of(user).flatMap((text) => {
          const grant = grantOf(text);
          return grant.organization === organization ? (grant.role ?? []) : [];
        }),
      ),
    exists: (organization) => this.#read("organization", () => !this.missing.has(organization)),
    members: (organization) => this.#holders(organization),
    count: (organization) => this.count(organization),
    connections: async () => [],
  };

  async *#holders(text: GrantText): AsyncGenerator<string[]> {
    let [page, from] = [this.pageSize, 0];
    for (let some: string[] = [text]; some.length > 0; from += page) {
      some = await this.#read("list", () => this.#holdersOf(text).slice(from, from + page));
      yield some;
    }
  }

  #holdersOf(text: GrantText): string[] {
    return [...this.held].filter(([, held]) => held.has(text)).map(([user]) => user);
  }

  #heldBy(user: string): Map<GrantText, Giver> {
    const held = this.held.get(user) ?? new Map<GrantText, Giver>();
    this.held.set(user, held);
    return held;
  }

  #give(users: readonly string[], grant: { role?: string; organization?: string }): void {
    const text = textOf(grant);
    this.#assertThere(grant.role, grant.organization);
    const members = [...this.held.values()].filter((held) => held.has(text)).length;
    if (grant.organization !== undefined && grant.role === undefined && members + users.length > this.mostMembers)
      throw new TenantError("full", 409, undefined, "No more members");
    for (const user of users) {
      this.#assertUser(user);
      if (this.isTwiceRefused && this.held.get(user)?.has(text))
        throw new TenantError("again", 409, undefined, "again");
    }
    for (const user of users) {
      if (!this.#heldBy(user).has(text)) this.#heldBy(user).set(text, "us");
      if (this.#heldBy(user).get(text) === "us") this.#wasOurs.add(`${user} ${text}`);
    }
  }

  #assertUser(user: string): void {
    if (!this.tenant.users.has(user.replace("auth0|", ""))) throw new TenantError("unknown", 404, undefined, "unknown");
  }

  #assertThere(...ids: readonly (string | undefined)[]): void {
    const missing = ids.find((id) => id !== undefined && this.missing.has(id));
    if (missing !== undefined) throw new TenantError(`no ${missing}`, 404, undefined, `no ${missing}`);
  }

  #take(users: readonly string[], texts: readonly GrantText[]): void {
    for (const text of texts) this.#assertThere(grantOf(text).role, grantOf(text).organization);
    for (const user of users) {
      for (const text of texts) {
        const giver = this.held.get(user)?.get(text);
        // A role of a member goes with the membership, whoever gave it.
        if (giver === "somebody" && !(text.includes(" ") && texts[0] !== text)) this.wronged.push(`${user} ${text}`);
        this.held.get(user)?.delete(text);
        this.#wasOurs.delete(`${user} ${text}`);
      }
    }
  }

  async #call(name: string, change: () => void): Promise<void> {
    if (this.tenant.isCut) throw new Error("dead");
    const fate = this.fate(name, this.calls.push(name));
    if (fate === "refused") throw new TenantError("refused", 400, undefined, "refused");
    if (fate === "fails") throw new TenantError("fails", 500);
    if (fate !== "dies") change();
    if (fate === undefined) return;
    this.tenant.isCut = true;
    throw new Error("dead");
  }

  async #read<T>(name: string, value: () => T): Promise<T> {
    if (this.tenant.isCut) throw new Error("dead");
    const fate = this.fate(name, this.calls.push(name));
    if (fate === "fails" || fate === "refused") throw new TenantError("fails", 500);
    if (fate === undefined) return value();
    this.tenant.isCut = true;
    throw new Error("dead");
  }
}
