import { NOTHING } from "../ledger/fingerprint";
import { failureCode, type LedgerEntry } from "../ledger/ledger";

/** What is done about a user who is already in the connection when first imported. */
export type OnExisting = "fail" | "overwrite";

/** The kind of job that a record goes into: `insert` refuses a user who exists, `upsert` updates one with that email. */
export type JobKind = "insert" | "upsert";

/** What a run does about one record. */
export type Step =
  | { readonly do: "send"; readonly kind: JobKind }
  | { readonly do: "nothing"; readonly because: "unchanged" | "failed" | "notApplied" };

/**
 * Decides about one record, given what is known of its user.
 *
 * A user who left the source and came back is still in the tenant: an insert would fail as a duplicate, so it is an
 * upsert. A record that failed is sent again when it changed or when `resendFailed` asks for it: as the first time
 * where it never got in, as an upsert where the user is in the tenant.
 *
 * An upsert finds its user by email alone. With another email than before it would miss this user, and write over
 * whoever has that one: it is not sent.
 */
export function decide(
  { content, email }: Pick<LedgerEntry, "content" | "email">,
  known: LedgerEntry | undefined,
  options: { readonly onExisting: OnExisting; readonly resendFailed: boolean },
): Step {
  const first: Step = { do: "send", kind: options.onExisting === "overwrite" ? "upsert" : "insert" };
  if (known === undefined) return first;
  const failed = failureCode(known.state) !== undefined;
  if (known.content === content && !(failed && options.resendFailed)) {
    return { do: "nothing", because: failed ? "failed" : "unchanged" };
  }
  if (known.state.startsWith("failed:")) return first;
  return email === known.email && email !== NOTHING
    ? { do: "send", kind: "upsert" }
    : { do: "nothing", because: "notApplied" };
}
