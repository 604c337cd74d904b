import { normalizeUser, type User } from "./identity";
import type { Rule } from "./rule";
import { STRATEGIES } from "./strategies";

// What a record shows of where it comes from, before `normalizeUser` has taken that away.

const DATABASE = "auth0";

/**
 * Whether an export says that this is no user of a database, but of a social, enterprise or passwordless connection. An
 * import takes users of databases only (Auth0 documentation), and would make `auth0|google-oauth2|…` of such an id: a user
 * who can't sign in.
 *
 * @param record as the source has it
 */
export function isOfOtherConnection(record: User): boolean {
  const { user_id } = record;
  const provider = providerOf(record);
  if (provider !== undefined) return provider !== DATABASE;
  if (typeof user_id !== "string") return false;
  const bar = user_id.indexOf("|");
  if (bar === -1) return false;
  const strategy = user_id.slice(0, bar);
  return strategy !== DATABASE && STRATEGIES.has(strategy);
}

/**
 * The user whose identifiers no other record may have: nobody, where the record is no user of a database, so that it does
 * not stand in the way of one who is.
 *
 * @param record as the source has it
 */
export function claimant(record: User, user: User = normalizeUser(record)): User {
  return isOfOtherConnection(record) ? NOBODY : user;
}

const NOBODY: User = {};

/** The provider of the main identity, where an export has it. */
function providerOf(record: User): string | undefined {
  const { identities } = record;
  const [first] = Array.isArray(identities) ? (identities as unknown[]) : [];
  const provider =
    (Object(first) as { readonly provider?: unknown }).provider ?? record["identities[0].provider"] ?? undefined;
  return typeof provider === "string" && provider !== "" ? provider : undefined;
}

const otherConnection: Rule = {
  code: "NOT_A_DATABASE_USER",
  message:
    "is of a social, enterprise or passwordless connection, and an import takes users of databases only. Leave the record out of the file, or let a transform do it",
  severity: "error",
};
const markedId: Rule = {
  code: "APOSTROPHE",
  message:
    "begins with the apostrophe that Auth0 puts before texts when it exports CSV. Take it away, there and from all other texts",
  severity: "error",
};
const apostrophe: Rule = {
  code: "APOSTROPHE",
  message: "begins with an apostrophe, as texts of spreadsheets and of Auth0's exports in CSV do. Take it away",
  severity: "warning",
};

/** The attributes of which no value begins with an apostrophe, but for one in a million. */
const NEVER_MARKED = ["user_id", "email"] as const;

/**
 * What is wrong with where a record comes from, by attribute.
 *
 * @param user as `normalizeUser` returns it
 * @param record as the source has it
 */
export function originProblems(user: User, record: User): readonly (readonly [attribute: string, rule: Rule])[] {
  const problems: [string, Rule][] = [];
  if (isOfOtherConnection(record)) problems.push(["user_id", otherConnection]);
  for (const attribute of NEVER_MARKED) {
    const value = user[attribute];
    if (typeof value !== "string" || value.charCodeAt(0) !== APOSTROPHE) continue;
    problems.push([attribute, value.startsWith("'auth0|") ? markedId : apostrophe]);
  }
  return problems.length === 0 ? NONE : problems;
}

const APOSTROPHE = 0x27;
const NONE: readonly (readonly [string, Rule])[] = [];
