import { type GrantText, grantOf, textOf } from "../../plan/memberships";
import { countOf } from "../../progress/batchProgress";
import type { Course } from "../course";
import type { MembershipTenant, Workplace } from "../types";
import type { MembershipCalls } from "./calls";
import type { MemberList, MemberLists } from "./memberLists";

/** From a reading to the calls that rest on it: at least, and more for each call that comes between. */
const SOON_MS = 60_000;

/** At the lowest rates that go with many users: 150 calls a minute that read, 200 for the roles of a member: read, given. */
const READ_MS = 400;
const MEMBER_ROLE_MS = 2 * 300;

/**
 * What users have, of what is asked for: by the lists of members where these take fewer calls, else user by user. Roles in
 * an organization are read member by member.
 */
export class Holdings {
  /** How long after a question something is written on it. */
  #writtenAfterMs = SOON_MS;

  constructor(
    private readonly tenant: MembershipTenant,
    private readonly lists: MemberLists,
    private readonly calls: Pick<MembershipCalls, "exists">,
    private readonly at: Pick<Workplace, "progress">,
    private readonly course: Pick<Course, "assertGoesOn">,
  ) {}

  /**
   * Reads lists, as far as they are worth it.
   *
   * @param window what is to be asked of each user who is dealt with together with these
   * @param memberRoles how many of these are to be given or lose roles in an organization
   */
  async prepare(window: readonly (readonly GrantText[])[], memberRoles: number): Promise<void> {
    const all = new Map<GrantText, MemberList>();
    const questions = window.flatMap((asked) => questionsIn(asked));
    for (const texts of questions) {
      for (const text of texts) {
        const list = this.lists.of(text);
        list.asked(1 / texts.length);
        all.set(text, list);
      }
    }
    this.#writtenAfterMs = SOON_MS + MEMBER_ROLE_MS * memberRoles;
    try {
      for (const [text, list] of all) await list.readOn(this.#reading(text), this.#writtenAfterMs);
    } finally {
      this.at.progress.doing(undefined);
    }
    const single = questions.filter((texts) => !texts.every((text) => all.get(text)?.tells(this.#writtenAfterMs)));
    this.#writtenAfterMs += READ_MS * single.length;
  }

  /** Which of these a user has by now. @throws TenantError 404 where there is no such user, as far as they are asked for */
  async of(user: string, asked: readonly GrantText[]): Promise<ReadonlySet<GrantText>> {
    const { roles, organizations } = this.tenant;
    const [ofRoles = [], ofOrganizations = []] = splitIn(asked);
    const held = new Set<GrantText>();
    const onRetry = (reason: string) => this.at.progress.retrying(reason);
    const ownRoles = this.#listed(user, ofRoles) ?? (await roles.of(user, onRetry)).map((role) => textOf({ role }));
    const members =
      this.#listed(user, ofOrganizations) ??
      (await organizations.of(user, onRetry)).map((organization) => textOf({ organization }));
    for (const text of [...ownRoles, ...members]) held.add(text);
    const grants = asked.map((text) => grantOf(text));
    const withRoles = grants.flatMap(({ role, organization }) => (role === undefined ? [] : (organization ?? [])));
    for (const organization of new Set(withRoles)) {
      if (!held.has(textOf({ organization }))) continue;
      const there = await organizations.rolesOf(organization, user, onRetry);
      for (const role of there) held.add(textOf({ role, organization }));
    }
    return held;
  }

  /** Which of these the user has by the lists; `undefined` where they do not tell it of all. */
  #listed(user: string, texts: readonly GrantText[]): GrantText[] | undefined {
    const held: GrantText[] = [];
    for (const text of texts) {
      const has = this.lists.of(text).has(user, this.#writtenAfterMs);
      if (has === undefined) return undefined;
      if (has) held.push(text);
    }
    return held;
  }

  #reading(text: GrantText) {
    const { role, organization } = grantOf(text);
    const { progress } = this.at;
    const onRetry = (reason: string) => progress.retrying(reason);
    const { roles, organizations } = this.tenant;
    return {
      open: () =>
        organization === undefined ? roles.holders(role ?? "", onRetry) : organizations.members(organization, onRetry),
      exists: () => this.calls.exists(text),
      assertGoesOn: (members: number) => {
        this.course.assertGoesOn();
        progress.doing(`reading who has ${text}, ${countOf(members, "user")} so far`);
      },
    };
  }
}

/** Roles of the tenant, and organizations with those of whose roles something is asked: a call each tells all of a user's. */
function splitIn(asked: readonly GrantText[]): [roles: GrantText[], organizations: GrantText[]] {
  const [roles, organizations] = [new Set<GrantText>(), new Set<GrantText>()];
  for (const text of asked) {
    const { organization } = grantOf(text);
    if (organization === undefined) roles.add(text);
    else organizations.add(textOf({ organization }));
  }
  return [[...roles], [...organizations]];
}

function questionsIn(asked: readonly GrantText[]): GrantText[][] {
  return splitIn(asked).filter((texts) => texts.length > 0);
}
