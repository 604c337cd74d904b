import type { Fingerprint } from "../ledger/fingerprint";
import { sentUserId } from "../ledger/fingerprint";
import type { LedgerEntry } from "../ledger/ledger";
import type { GrantText, MembershipGroup, MembershipStep } from "../plan/memberships";
import type { User } from "../schema/identity";
import type { Failure } from "./findings";
import { heldBy } from "./held";
import type { Lookups } from "./lookups";
import type { Subject } from "./members";
import type { MembershipCalls } from "./membershipCalls";
import type { ImportSettings, MembershipTenant, Workplace } from "./types";

/** A user of whose roles or memberships there is something to do. */
export interface Work {
  readonly subject: Subject;
  readonly user: User;
  readonly known: LedgerEntry;
  readonly ours: readonly GrantText[];
  readonly step: MembershipStep;
  /** Of what the record says. */
  readonly prints: { readonly [G in MembershipGroup]?: Fingerprint };
  readonly unknown: Failure | undefined;
}

/** What is to be done for a user, now that it is known what they have; and what is ours afterwards. */
export interface Plan extends Work {
  readonly id: string;
  readonly give: readonly GrantText[];
  readonly take: readonly GrantText[];
  readonly oursThen: readonly GrantText[];
}

export function needsCalls({ step: { give, take, replace } }: Work): boolean {
  return give.length + take.length + replace.length > 0;
}

/** Finds out which user of the tenant is meant and what they have, and so what is to be given and taken. */
export class MembershipPlanner {
  constructor(
    private readonly settings: ImportSettings,
    private readonly at: Workplace,
    private readonly lookups: Lookups,
    private readonly tenant: MembershipTenant,
    private readonly calls: MembershipCalls,
  ) {}

  /** @returns or why nothing can be done for the user. */
  async planOf(work: Work): Promise<Plan | string> {
    const { step, ours, known } = work;
    const { give, take, replace } = step;
    if (give.length + take.length + replace.length === 0)
      return { ...work, id: "", give: [], take: [], oursThen: ours };
    const id = this.#knownId(work) ?? (await this.#findId(work));
    if (id === undefined) return "The user is not in the connection any more, or under another id and email";
    // Whom this run brought has nothing yet.
    const isNew = known.state === "inserted" && known.run === this.at.journal.runNumber && ours.length === 0;
    const asked = isNew ? [] : [...give, ...replace.flat()];
    const held = await heldBy(this.tenant, id, asked, (reason) => this.at.progress.retrying(reason));
    const gone: GrantText[] = [];
    const wanted: GrantText[] = [...give];
    for (const [former, now] of replace) {
      // One that is deleted is nobody's by now: then who had it from us is who still has it.
      const has = held.has(former) || !(await this.calls.exists(former));
      gone.push(former);
      if (has) wanted.push(now);
    }
    const missing = wanted.filter((text) => !held.has(text));
    const there = await Promise.all(missing.map((text) => this.calls.exists(text)));
    const lost = missing.filter((_, i) => !there[i]);
    if (lost.length > 0) return `The tenant has no ${lost.join(", ")}`;
    const taken = [...take, ...gone.filter((text) => held.has(text))];
    const left = ours.filter((text) => !take.includes(text) && !gone.includes(text));
    return { ...work, id, give: missing, take: taken, oursThen: [...new Set([...left, ...missing])] };
  }

  #knownId({ user, subject, known }: Work): string | undefined {
    if (known.origin !== "inserted" || known.hasOtherId) return undefined;
    const id = sentUserId(user, subject.name, this.settings);
    return id === undefined ? undefined : `auth0|${id}`;
  }

  /** The id of the connection's user, and nobody else's: the same one can be in two connections. */
  async #findId({ user: { user_id, email }, known }: Work): Promise<string | undefined> {
    const address = typeof email === "string" ? email : undefined;
    const byId =
      typeof user_id === "string" && !known.hasOtherId ? await this.lookups.byId(user_id, address) : undefined;
    return (byId ?? (address === undefined ? undefined : await this.lookups.byEmail(address)))?.user_id;
  }
}
