import type { BooleanAttribute, Truth } from "../ledger/attributes";
import type { User } from "../schema/identity";
import type { ConflictReason, OnConflict } from "./conflicts";
import { compareAttribute, type TenantRecord } from "./equal";

/*
 * The table of conflicts (conflicts.ts) for attributes that are true or false; what was never stated is false. Where the
 * file changed one, the tenant has either what the file says now or what it said before: only an unknown F can be a
 * conflict.
 *
 * `email_verified` is a statement about one address, and an upsert that does not state it resets it. So it is stated in
 * each, and here is what: nobody's address is verified, or unverified, by a statement about another one.
 */

/** What comes of `blocked` or `phone_verified`. */
export interface SettledTruth {
  /** F and W afterwards; where something is sent, once it has arrived. */
  readonly said: Truth | undefined;
  readonly had: Truth | undefined;
  /** An upsert can't set it, `PATCH` can. */
  readonly send?: boolean;
  readonly conflict?: ConflictReason;
}

/** Settles `blocked` or `phone_verified`; said and had are F and W. */
export function settleTruth(
  attribute: Exclude<BooleanAttribute, "email_verified">,
  user: User,
  there: TenantRecord,
  said: Truth | undefined,
  had: Truth | undefined,
  { onConflict, updatedSince }: { readonly onConflict: OnConflict; readonly updatedSince: boolean },
): SettledTruth {
  const now = user[attribute];
  if (typeof now !== "boolean" || now === (said ?? false)) return { said, had };
  if (now === (there[attribute] === true)) return { said: now, had: now };
  if (said === "unknown" && updatedSince && onConflict !== "overwrite") return { said, had, conflict: "unknown" };
  return { said: now, had: now, send: now };
}

/** What an upsert is to say of `email_verified`. */
export interface SettledVerification {
  readonly said: Truth | undefined;
  readonly had: Truth | undefined;
  /** To be stated in whatever upsert there is. */
  readonly state: boolean;
  /** Whether the file changed it, and the tenant has to be told: a reason for an upsert of its own. */
  readonly isChange: boolean;
  /**
   * `state` is what the tenant had, and is false: the user may have verified the address since, so it is to be read again,
   * singly, when the job is prepared.
   */
  readonly readAgain: boolean;
  readonly conflict?: ConflictReason;
}

/**
 * Settles `email_verified`.
 *
 * - Where the tenant's email is not the record's, the tenant's own value is stated, whatever the file says: a conflict,
 *   where the file has changed it.
 * - `true` of the tenant's is lowered only where the file changed from `true` to `false` for that address. After a lost
 *   answer nobody knows that, and it stays.
 * - `true` of the file's is stated where the file changed to it. Where it said so before and the tenant has `false`,
 *   somebody took it back, and it stays so.
 *
 * @param saidOfEmail whether F was about the email that the record has now: else the file has said nothing of this one.
 */
export function settleVerification(
  user: User,
  there: TenantRecord,
  saidBefore: Truth | undefined,
  had: Truth | undefined,
  {
    saidOfEmail,
    onConflict,
    updatedSince,
  }: { readonly saidOfEmail: boolean; readonly onConflict: OnConflict; readonly updatedSince: boolean },
): SettledVerification {
  const tenants = there.email_verified === true;
  const asThere = { said: saidBefore, had, state: tenants, isChange: false, readAgain: !tenants };
  const now = user.email_verified;
  const isOfEmail = compareAttribute("email", user.email, there.email) === "same";
  if (typeof now !== "boolean") return asThere;
  const said = saidOfEmail ? (saidBefore ?? false) : false;
  if (now === said && saidOfEmail) return asThere;
  // They may have the record's email again some day.
  if (!isOfEmail) return { ...asThere, ...(saidOfEmail ? { conflict: "changedThere" } : {}) };
  if (now === tenants) return { said: now, had: now, state: now, isChange: false, readAgain: !now };
  if (said === "unknown") {
    // Verified there, and false in the file: whether the file changed to that, nobody knows.
    if (!now || (updatedSince && onConflict !== "overwrite")) return { ...asThere, conflict: "unknown" };
    return { said: now, had: now, state: now, isChange: true, readAgain: false };
  }
  // Of another address than before, `false` is no change from `true`.
  if (!now && !said) return { ...asThere, said: now };
  return { said: now, had: now, state: now, isChange: true, readAgain: false };
}
