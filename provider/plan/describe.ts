import { attributesOf, wholeFingerprint } from "../ledger/attributes";
import type { Fingerprint } from "../ledger/fingerprint";
import { identifierOf, type User } from "../schema/identity";
import type { Described } from "./delta";

/** What a record says, for the decision about it. */
export function describe(key: string, user: User, record: Fingerprint, passwordOmitted = false): Described {
  return {
    record,
    passwordOmitted,
    whole: () => wholeFingerprint(key, user),
    attributes: attributesOf(key, user, identifierOf(user)),
    hasEmail: typeof user.email === "string",
  };
}
