import type { Fingerprint } from "../../ledger/fingerprint";
import { sentUserId } from "../../ledger/fingerprint";
import type { LedgerEntry } from "../../ledger/ledger";
import {
  type Given,
  type GrantText,
  grantOf,
  groupOf,
  type MembershipGroup,
  type MembershipStep,
  oursIn,
} from "../../plan/memberships";
import type { User } from "../../schema/identity";
import { TenantError } from "../../tenant/errors";
import type { Books } from "../books";
import type { Failure } from "../findings";
import type { Lookups } from "../lookups";
import type { Subject } from "../members";
import type { ImportSettings } from "../types";
import type { MembershipCalls } from "./calls";
import { namesOf } from "./grantNames";
import type { Holdings } from "./held";

/** A user of whose roles or memberships there is something to do. */
export interface Work {
  readonly subject: Subject;
  readonly user: User;
  readonly known: LedgerEntry;
  /** What the user has, as far as is known. */
  readonly given: readonly Given[];
  readonly step: MembershipStep;
  /** Of what the record says. */
  readonly prints: { readonly [G in MembershipGroup]?: Fingerprint };
  readonly unknown: Failure | undefined;
}

/** What is to be done for a user, now that it is known what they have. */
export interface Plan extends Work {
  readonly id: string;
  /** What the user had, as far as it was asked for. */
  readonly held: ReadonlySet<GrantText>;
  readonly give: readonly GrantText[];
  readonly take: readonly GrantText[];
  /** Gone by itself: its role or organization is deleted. */
  readonly gone: readonly GrantText[];
}

export function needsCalls(work: Work): boolean {
  return dueIn(work).length > 0;
}

/** Of what there is something to do. */
export function groupsOf(work: Work): MembershipGroup[] {
  return [...new Set(dueIn(work).map(groupOf))];
}

function dueIn({ step: { give, take, replace } }: Work): GrantText[] {
  return [...give, ...take, ...replace.map(([, now]) => now)];
}

/** What the user has then, under the names that the record has for it now. @param others what they have from somebody else */
export function givenThen(
  { step: { wanted, keep } }: Work,
  ours: ReadonlySet<GrantText>,
  others: ReadonlySet<GrantText>,
): Given[] {
  const kept = keep.filter(({ text, isOurs }) => isOurs === ours.has(text));
  const named = [...wanted].flatMap(([name, text]): Given[] =>
    ours.has(text) || others.has(text) ? [{ name, text, isOurs: ours.has(text) }] : [],
  );
  return [...kept, ...named];
}

const NOBODY = "The user is not in the connection any more, or under another id and email";

/** Finds out which user of the tenant is meant and what they have, and so what is to be given and taken. */
export class MembershipPlanner {
  constructor(
    private readonly settings: ImportSettings,
    private readonly lookups: Lookups,
    private readonly holdings: Holdings,
    private readonly calls: MembershipCalls,
    private readonly books: Pick<Books, "isInsertedNow">,
  ) {}

  /** Whether it is to be read what the user has. */
  isRead(work: Work): boolean {
    return this.#askedOf(work).length > 0;
  }

  /** What users have who are dealt with together is read as lists, where that takes fewer calls. */
  async prepare(window: readonly Work[]): Promise<void> {
    const asked = window.map((work) => this.#askedOf(work));
    const isMemberRole = (text: GrantText) => grantOf(text).role !== undefined && groupOf(text) === "organizations";
    await this.holdings.prepare(asked, window.filter((work) => dueIn(work).some(isMemberRole)).length);
  }

  /** @returns or why nothing can be done for the user. */
  async planOf(work: Work): Promise<Plan | string> {
    if (!needsCalls(work)) return { ...work, id: "", held: new Set(), give: [], take: [], gone: [] };
    const id = this.#knownId(work) ?? (await this.#findId(work));
    if (id === undefined) return NOBODY;
    const { step, given } = work;
    const held = await this.#heldBy(id, this.#askedOf(work));
    if (held === undefined) return NOBODY;
    const former = new Set(step.replace.map(([{ text }]) => text));
    const wanted = new Set(step.wanted.values());
    const isThere = new Map<GrantText, boolean>();
    for (const text of [...step.take, ...former]) isThere.set(text, await this.calls.exists(text));
    // One that is deleted is nobody's by now: then who had it is who still has it.
    const now = step.replace.flatMap(([{ text }, now]) => (held.has(text) || !isThere.get(text) ? [now] : []));
    const give = [...new Set([...step.give, ...now])].filter((text) => !held.has(text));
    const lost: GrantText[] = [];
    for (const text of give) if (!(await this.calls.exists(text))) lost.push(text);
    if (lost.length > 0)
      return `The tenant has no ${lost.map((text) => `${namesOf([text], work)} (${text})`).join(", ")}`;
    const ours = oursIn(given);
    const isToGo = (text: GrantText) => held.has(text) && ours.has(text) && !wanted.has(text);
    const take = [...step.take, ...[...former].filter(isToGo)];
    return {
      ...{ ...work, id, held, give },
      take: take.filter((text) => isThere.get(text)),
      gone: [...step.take, ...former].filter((text) => !isThere.get(text)),
    };
  }

  #askedOf({ step: { give, replace }, given, subject }: Work): GrantText[] {
    // Whom this process brought has nothing yet; an earlier one of the same run may have been hours ago.
    if (this.books.isInsertedNow(subject.index) && given.length === 0) return [];
    return [...give, ...replace.flatMap(([former, now]) => [former.text, now])];
  }

  /** @returns `undefined` where there is no such user. */
  async #heldBy(id: string, asked: readonly GrantText[]): Promise<ReadonlySet<GrantText> | undefined> {
    try {
      return await this.holdings.of(id, asked);
    } catch (error) {
      if (error instanceof TenantError && error.status === 404) return undefined;
      throw error;
    }
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
    return (byId ?? (address === undefined ? undefined : await this.lookups.byEmailAsRead(address)))?.user_id;
  }
}
