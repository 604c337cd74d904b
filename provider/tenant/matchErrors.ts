import { emailFingerprint } from "../ledger/attributes";
import { type Fingerprint, identityFingerprint, secondIdentityFingerprint } from "../ledger/fingerprint";
import { identityOf, normalizeUser } from "../schema/identity";
import type { JobError } from "./client";
import { inOwnTerms } from "./ownPath";

/** What a code may be. It is kept in the clear, in the state; anything else stays in the message, a secret. */
const CODE = /^[A-Z0-9_]{1,64}$/;

/** Why one record failed. */
export interface RecordFailure {
  readonly code: string;
  readonly message: string;
  readonly path?: string;
  /** Who it was, as the service told: email in lower case, and the `user_id` sent, without prefix. */
  readonly email?: string;
  readonly userId?: string;
  /** Whether that id was made up by us: the record has none. */
  readonly isGeneratedId?: boolean;
  /** Whether the record names the user by nothing else than its email. */
  readonly onlyEmail?: boolean;
}

/**
 * Finds the record that each of a job's errors is about. The service tells a failed user as it was sent, secrets
 * masked, so its identity leads to the record: with the `user_id` that it tells, or without it where we made that up.
 * An upsert names its user by email alone, though we may know it by its `user_id`: then the email leads to it.
 *
 * @param sent the identities of the job's records, keyed; a job never holds one twice.
 * @param byEmail of those who are known by something else, by the fingerprint of their email.
 * @returns the failures by identity, and how many errors are about none of the records.
 */
export function matchErrors(
  key: string,
  sent: ReadonlySet<Fingerprint>,
  errors: readonly JobError[],
  byEmail: ReadonlyMap<Fingerprint, Fingerprint> = new Map(),
): { readonly failures: Map<Fingerprint, RecordFailure>; readonly unmatched: number } {
  const failures = new Map<Fingerprint, RecordFailure>();
  let unmatched = 0;
  for (const { user, errors: reasons } of errors) {
    const told = normalizeUser(user);
    const { user_id, ...withoutId } = told;
    const candidates = [told, withoutId].map((each) => {
      const identity = identityOf(each);
      return identity === undefined
        ? []
        : [identityFingerprint(key, identity), secondIdentityFingerprint(key, identity)];
    });
    const email = typeof told.email === "string" ? byEmail.get(emailFingerprint(key, told.email)) : undefined;
    const found = candidates.flat().find((each) => sent.has(each)) ?? email;
    if (found === undefined) {
      unmatched++;
      continue;
    }
    const isGeneratedId = user_id !== undefined && !candidates[0]?.includes(found);
    const [first] = reasons;
    const message = reasons.map(({ message, code }) => message ?? code).join("; ") || "no reason given";
    failures.set(found, {
      code: first?.code !== undefined && CODE.test(first.code) ? first.code : "UNKNOWN",
      ...inOwnTerms(message, first?.path),
      ...(typeof told.email === "string" ? { email: told.email.toLowerCase() } : {}),
      ...(typeof user_id === "string" ? { userId: user_id, isGeneratedId } : {}),
      onlyEmail:
        told.username === undefined && told.phone_number === undefined && (user_id === undefined || isGeneratedId),
    });
  }
  return { failures, unmatched };
}
