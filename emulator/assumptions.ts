/**
 * What Auth0's documentation leaves open, or says in two ways. A program has to be safe in each of these worlds, so the
 * tenant can be set to each: by `--assume NAME=VALUE`, `EmulatorOptions.assume` or `PATCH /emulator/assumptions`. The
 * first value is the default.
 */
export type Assumptions = { -readonly [Name in keyof typeof assumptionTable]: ValueOf<(typeof assumptionTable)[Name]> };

interface Assumption<T> {
  /** All that there are; none for any number from 0, or any text. */
  readonly values: readonly T[] | undefined;
  readonly initial: T;
  /** What it is about, in a line. */
  readonly about: string;
}

type ValueOf<A> = A extends Assumption<infer T> ? T : never;

export const assumptionTable = {
  sharedUserIds: choice([true, false], "a user_id may be in two connections; calls by id then act on the first"),
  unknownConnection: choice([400, 404], "status of a job for a connection that does not exist"),
  jobsNeedClients: choice([false, true], "an import needs a connection that is enabled for an application"),
  enabledClientsShown: choice([false, true], "GET /connections/{id} still has enabled_clients"),
  importsWithoutEmail: choice([false, true], "imports take users without email where options.attributes allows it"),
  hashUpserts: choice(["refused", "taken"], "upsert of a custom_password_hash over no hash, or over a password_hash"),
  hashConflictCode: text("CONFLICT", "code of an upsert whose custom_password_hash is refused"),
  factorsUpserted: choice([true, false], "an upsert sets mfa_factors"),
  nonUniqueUpserts: choice(
    ["refused", "first"],
    "upserts where emails are not unique: refused, or the first is updated",
  ),
  matchByUserId: choice([false, true], "upserts match by user_id first (tenant flag import_user_match_…_on_user_id)"),
  profileAllowance: choice([true, false], "profiles may have more than 10 KB until 2027-03-04"),
  importDefaults: choice(
    [false, true],
    "imported users without name, nickname, picture get defaults, as created ones do",
  ),
  exportAbsent: choice(["missing", "null"], "what an exported user lacks"),
  exportLinked: choice([true, false], "an export of a connection holds users whose identity there is a secondary one"),
  exportFieldLimit: choice(["csv", "all"], "which exports take 30 fields at most"),
  exportLinkWithToken: choice(["refused", "ignored"], "an Authorization header beside the signed link of an export"),
  searchLagSeconds: number("after which GET /users shows a change"),
  deletionLagSeconds: number("until which all reads still show a deleted user"),
  nullAttributes: choice(["refused", "removed"], "PATCH of name, nickname, picture … with null"),
  takenEmail: choice([400, 409], "status of a PATCH with somebody else's email"),
  assignedTwice: choice(["quiet", "refused"], "giving a role or a membership that somebody has"),
  mostRoleUsers: number("users in a call of POST /roles/{id}/users at most; 0 for any"),
  someUnknown: choice(["nobody", "others"], "who gets a role by a call that names unknown users, too, and is a 404"),
  unknownMembers: choice(["400", "404", "ignored"], "unknown users among new members of an organization"),
  nonMemberRoles: choice(["refused", "ignored"], "roles in an organization for who is not a member"),
  memberTotals: choice(
    ["whole", "capped"],
    "include_totals of an organization's members: all of them, or 1,000 at most",
  ),
  memberLagSeconds: number("after which lists of an organization's members show who came"),
  customDomains: choice([false, true], "several custom domains: POST /users wants the header auth0-custom-domain"),
} satisfies Record<string, Assumption<unknown>>;

function choice<const T>(values: readonly [T, ...T[]], about: string): Assumption<T> {
  return { values, initial: values[0], about };
}

function number(about: string): Assumption<number> {
  return { values: undefined, initial: 0, about };
}

function text(initial: string, about: string): Assumption<string> {
  return { values: undefined, initial, about };
}

export function defaultAssumptions(): Assumptions {
  const defaults = Object.entries(assumptionTable).map(([name, { initial }]) => [name, initial]);
  return Object.fromEntries(defaults) as Assumptions;
}

/** @throws Error that says what is wrong. */
export function parseAssumptions(given: unknown): Partial<Assumptions> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new Error("Expected an object");
  for (const [name, value] of Object.entries(given)) {
    const assumption = (assumptionTable as Record<string, Assumption<unknown>>)[name];
    if (!assumption) throw new Error(`Unknown assumption: ${name}`);
    const { values, initial } = assumption;
    const fits = values ? values.includes(value) : typeof value === typeof initial && !(Number(value) < 0);
    if (!fits) throw new Error(`${name} must be ${values ? values.map(String).join(" or ") : `a ${typeof initial}`}`);
  }
  return given;
}
