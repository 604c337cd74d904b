import type { Change } from "../plan/delta";
import { count, countOf } from "../progress/batchProgress";
import { listCodes } from "../results/oneLine";
import type { User } from "../schema/identity";

/** Counts the users of a run who were there before the first import, and says in a few sentences how they are. */
export class AdoptionTally {
  /** As the identity of another account. */
  linked = 0;
  /** Of those who differ. */
  overwritten = 0;
  #met = 0;
  #differing = 0;
  readonly #groups = new Map<string, number>();
  #withHash = 0;
  #blockedThere = 0;
  #notBlocked = 0;

  /** @param isBlocked in the tenant. */
  met(user: User, differing: readonly Change[], isBlocked: boolean): void {
    this.#met++;
    if (differing.length > 0) this.#differing++;
    for (const group of differing) this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1);
    if (user.password_hash !== undefined || user.custom_password_hash !== undefined) this.#withHash++;
    if (isBlocked && user.blocked !== true) this.#blockedThere++;
    if (!isBlocked && user.blocked === true) this.#notBlocked++;
  }

  /** @param jobs how many the run has sent. */
  said(jobs: number): string | undefined {
    if (this.#met + this.linked === 0) return undefined;
    const same = this.#met - this.#differing;
    const parts = [`${were(this.#met)} there before the import: ${count(same)} just as the file says`];
    if (this.#differing > 0) parts.push(`${count(this.#differing)} with something else (${listCodes(this.#groups)})`);
    const written = this.overwritten === 0 ? "Nothing was written over" : `${count(this.overwritten)} are written over`;
    const sentences = [`${parts.join(", ")}. ${written}${jobs === 0 ? ", and no import job was needed" : ""}.`];
    if (this.#withHash > 0) sentences.push(keep(this.#withHash, "the password that they have in Auth0"));
    if (this.#blockedThere > 0)
      sentences.push(keep(this.#blockedThere, "a block of Auth0's that the file does not have"));
    if (this.#notBlocked > 0) {
      sentences.push(
        `${countOf(this.#notBlocked, "user")} should be blocked, as the file says, and can sign in: no import job can block anybody who is there.`,
      );
    }
    if (this.linked > 0) sentences.push(`${were(this.linked)} found as identities of other accounts, and left alone.`);
    return sentences.join(" ");
  }
}

function were(users: number): string {
  return `${countOf(users, "user")} ${users === 1 ? "was" : "were"}`;
}

function keep(users: number, what: string): string {
  return `${countOf(users, "user")} ${users === 1 ? "keeps" : "keep"} ${what}.`;
}
