import { isIncomparable } from "../census/equal";
import type { SettledUser } from "../census/settleUser";
import type { User } from "../schema/identity";
import { TenantError } from "../tenant/errors";
import type { Course } from "./course";
import type { Member } from "./members";
import type { Workplace } from "./types";

/** What came of a call: `refused` where the tenant does not take it, so that a job may tell why; `gone` where nobody has the id. */
export type Patched = "sent" | "gone" | "refused";

/**
 * Changes single users by calls of their own (`PATCH`). Metadata that is made of the file's and the tenant's goes that way,
 * for some thousands of users of a run: the service merges it at the first level, so nothing is lost but of the very keys
 * that the file changes, and no account is made anew. All others go by jobs, and so does what such a call can't say:
 *
 * - `email_verified`, which is a statement about one address: the call goes by id, whatever email they have by then;
 * - numbers that no double keeps, and factors.
 *
 * A call twice does no harm. Before and after it, a line is in the journal all the same: of what was merged nobody could
 * tell afterwards whether the file's part of it has arrived.
 */
export class Patches {
  #isForbidden = false;

  constructor(
    private readonly at: Pick<Workplace, "tenant" | "readBack" | "journal" | "progress">,
    private readonly course: Course,
  ) {}

  /** Whether what is to be sent of a user goes by a call of its own: then one of those that are left is spent. */
  takes(settled: SettledUser): boolean {
    return this.fits(settled) && this.at.readBack?.patches?.spend(1) === true;
  }

  /** Whether it may go that way. */
  fits({ changes, isMixed, patch }: SettledUser): boolean {
    if (this.#isForbidden || this.at.tenant.scopes?.has("update:users") === false) return false;
    return isMixed && !changes.includes("email_verified") && !isIncomparable(patch);
  }

  /**
   * @param id whole, of a user of whom it is known that it is this connection's.
   * @throws TenantError where it is not known what came of it.
   */
  async send(id: string, member: Member, patch: User): Promise<Patched> {
    this.course.assertGoesOn();
    this.course.achieved = true;
    const { tenant, journal, progress } = this.at;
    const number = journal.patch(member);
    const patched = await this.#call(() =>
      tenant.changeUser(id, patch, (reason) => progress.retrying(`a call is made again: ${reason}`)),
    );
    journal.patched(number, patched === "sent");
    return patched;
  }

  async #call(call: () => Promise<boolean>): Promise<Patched> {
    try {
      return (await call()) ? "sent" : "gone";
    } catch (error) {
      if (!(error instanceof TenantError) || error.isTransient || error.status === 401) throw error;
      if (error.status === 403) this.#isForbidden = true;
      return "refused";
    }
  }
}
