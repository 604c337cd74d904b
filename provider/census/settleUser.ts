import { type BooleanAttribute, emailFingerprint } from "../ledger/attributes";
import type { KnownRecord } from "../ledger/entry";
import { identifierOf, identityOf, type User } from "../schema/identity";
import { type ConflictReason, type ContestedGroup, isUpdatedSince, type OnConflict, settleGroup } from "./conflicts";
import { type ComparedAttribute, isMetadata, type TenantRecord } from "./equal";
import { CONTESTED, groupOf, Knowledge, truthOf } from "./knowledge";
import { settleTruth, settleVerification } from "./truths";

/*
 * The table of conflicts (conflicts.ts, truths.ts) for all of a user: from the record, the tenant's user and what the
 * ledger knows to what is sent and what the ledger knows then. Pure. Hashes and factors are not in it, nor roles: what
 * the ledger knows of those stays as it is.
 */

/** A record that is known, and whose user has been read. */
export interface UserQuestion {
  readonly user: User;
  /** Read no longer ago than ten minutes before what comes of it is sent. */
  readonly there: TenantRecord;
  readonly known: Pick<KnownRecord, "attributes" | "had">;
  /** When the run ended that last wrote the user; `undefined` where nobody knows. */
  readonly lastRunEnded: Date | undefined;
  readonly onConflict: OnConflict;
  /** The import's key. */
  readonly key: string;
  /** What the way can set by which it is sent: an upsert no email, for one. The rest stays unsettled. */
  canSend(attribute: ContestedGroup | "phone_verified" | "blocked"): boolean;
}

/** A group or attribute that changed in the file, and is left alone. */
export interface Conflict {
  readonly attribute: ComparedAttribute;
  readonly reason: ConflictReason;
}

/** What comes of a user. */
export interface SettledUser {
  /** F and W, once what is sent has arrived; as they are, where nothing is to be sent. */
  readonly known: Pick<KnownRecord, "attributes" | "had">;
  /** What changed in the file and is to be brought; empty where nothing is to be sent. */
  readonly changes: readonly (ContestedGroup | BooleanAttribute)[];
  /** Whether metadata that is to be sent is made of the file's and of the tenant's. */
  readonly isMixed: boolean;
  /** For an upsert: all but its key, `email_verified` included. Groups of metadata stand in it whole. */
  readonly upsert: User;
  /** For `PATCH`: only what changes, `null` for keys of metadata that go. */
  readonly patch: User;
  /**
   * `email_verified` in it is what the tenant had, and is false: it is to be read again, singly, before the upsert is sent.
   * No matter for a `PATCH`, which leaves it alone.
   */
  readonly readAgain: boolean;
  /** What changed in the file and can't be sent this way. */
  readonly notSent: readonly (ContestedGroup | "phone_verified" | "blocked")[];
  readonly conflicts: readonly Conflict[];
}

/** Settles a user. What `changes` is empty of is not to be sent. */
export function settleUser(question: UserQuestion): SettledUser {
  const { user, there, known, onConflict, key, canSend } = question;
  const identifier = identifierOf(user);
  const updatedSince = isUpdatedSince(there, question.lastRunEnded);
  const whose = identityOf(user) ?? "";
  const isKnownEmail = (text: string) =>
    identifier === "email"
      ? whose === `email:${text.toLowerCase()}`
      : emailFingerprint(key, text) === known.attributes.prints.email;
  const next = new Knowledge(known);
  const changes: (ContestedGroup | BooleanAttribute)[] = [];
  const notSent: (ContestedGroup | "phone_verified" | "blocked")[] = [];
  const conflicts: Conflict[] = [];
  let upsert: User = {};
  let patch: User = {};
  let isMixed = false;

  for (const group of CONTESTED) {
    if (group === identifier) continue;
    const { said, had } = groupOf(known, group);
    const how = { onConflict, updatedSince, key, whose, isKnownEmail };
    const settled = settleGroup({ group, user, there, said, had, ...how });
    for (const attribute of settled.conflict?.attributes ?? []) {
      conflicts.push({ attribute, reason: settled.conflict?.reason as ConflictReason });
    }
    if (settled.send !== undefined && !canSend(group)) {
      notSent.push(group);
      continue;
    }
    next.settle(group, settled.said, settled.had);
    if (settled.send === undefined) continue;
    changes.push(group);
    isMixed ||= isMetadata(group) && ["merged", "overlaid"].includes(settled.send.because);
    upsert = { ...upsert, ...settled.send.attributes };
    patch = { ...patch, ...settled.send.patch };
  }

  for (const attribute of ["phone_verified", "blocked"] as const) {
    const { said, had } = truthOf(known, attribute);
    const settled = settleTruth(attribute, user, there, said, had, { onConflict, updatedSince });
    if (settled.conflict !== undefined) conflicts.push({ attribute, reason: settled.conflict });
    if (settled.send !== undefined && !canSend(attribute)) {
      notSent.push(attribute);
      continue;
    }
    next.settleTruth(attribute, settled.said, settled.had);
    if (settled.send === undefined) continue;
    changes.push(attribute);
    upsert = { ...upsert, [attribute]: settled.send };
    patch = { ...patch, [attribute]: settled.send };
  }

  const { said, had } = truthOf(known, "email_verified");
  const email = user.email;
  const saidOfEmail = typeof email === "string" && isKnownEmail(email);
  const verified = settleVerification(user, there, said, had, { saidOfEmail, onConflict, updatedSince });
  if (verified.conflict !== undefined) conflicts.push({ attribute: "email_verified", reason: verified.conflict });
  next.settleTruth("email_verified", verified.said, verified.had);
  if (verified.isChange) {
    changes.push("email_verified");
    patch = { ...patch, email_verified: verified.state };
  }
  if (changes.length > 0) upsert = { ...upsert, email_verified: verified.state };
  const readAgain = changes.length > 0 && verified.readAgain;
  return { known: next.known, changes, isMixed, upsert, patch, readAgain, notSent, conflicts };
}
