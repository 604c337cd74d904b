import { z } from "zod";
import { ExactNumber } from "../json/exactNumber";
import { foreignForm } from "./foreignHash";
import type { User } from "./identity";
import { badKeys, reservedKeys } from "./metadata";
import { originProblems } from "./origin";
import { pathOf } from "./path";
import { type ProblemCode, type Rule, ruleOf, type Severity } from "./rule";
import { userSchema } from "./user";

/** One thing that is wrong with a record, fit for logs: it quotes no value of the record. */
export interface RecordProblem {
  /** The service's own, where it has one. */
  readonly code: ProblemCode;
  /**
   * Where: `mfa_factors[0].totp`, `user_metadata.prefs["a.b"]`, `""` for the record itself. Keys of metadata are cut,
   * and what looks like an e-mail address or a number in them is masked.
   */
  readonly path: string;
  /** The rule that is broken, said of what is at `path`: `"must be a boolean"`. */
  readonly message: string;
  /** An error is what the service is documented to refuse; a warning is what it may refuse, or better had. */
  readonly severity: Severity;
}

// Compiled, and only asked for a yes or no, zod costs a sound record a fraction of its JSON.parse. Where it says no, the
// attributes are asked one by one, since what zod does to explain a no costs much more than JSON.parse. Compiled when
// first asked: most runs have nothing to check, and all of it takes as long as to load zod itself.
const soundUser = once(() => z.compile(userSchema));
const attributes = new Map(
  Object.entries(userSchema.shape).map(([name, schema]) => [name, once(() => z.compile<z.ZodType>(schema))]),
);

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * All problems of one record, taken by itself; empty for a sound one. Never throws.
 *
 * @param user as `normalizeUser` returns it
 * @param record as the source has it
 */
export function problemsOf(user: User, record: User = user): RecordProblem[] {
  const problems = z.validate(soundUser(), user)
    ? []
    : Object.keys(user).flatMap((name) => attributeProblems(user, name));
  addIdentifierProblems(user, problems);
  addHashProblems(user, problems);
  addMetadataProblems(user, problems);
  addFactorProblems(user, problems);
  for (const [attribute, rule] of originProblems(user, record)) problems.push(problem(rule, [attribute]));
  return problems;
}

type Keys = readonly PropertyKey[];

function problem(rule: Rule, keys: Keys): RecordProblem {
  return { code: rule.code, path: pathOf(keys), message: rule.message, severity: rule.severity };
}

const unknownAttribute: Rule = {
  code: "NOT_PASSED",
  message: "is no attribute that an import takes",
  severity: "error",
};

function attributeProblems(user: User, name: string): RecordProblem[] {
  const value = user[name];
  // What is undefined is not sent.
  if (value === undefined) return [];
  const schema = attributes.get(name)?.();
  if (schema === undefined) return [problem(unknownAttribute, [name])];
  if (z.validate(schema, value)) return [];
  const issues = schema.safeParse(value).error?.issues ?? [];
  const problems = issues.flatMap((issue) => issueProblems(issue, value, name));
  // A warning may be the narrower form of an error, which says enough.
  const errors = new Set(problems.filter(isError).map(codeAndPath));
  const narrowed = problems.filter((each) => isError(each) || !errors.has(codeAndPath(each)));
  return HASHES.has(name) ? withOrigin(narrowed, name, value) : narrowed;
}

const HASHES: ReadonlySet<string> = new Set(["password_hash", "custom_password_hash"]);

/** What a hash breaks in the form of another system, and that says little without it: a missing encoding, for example. */
const OF_FORM: ReadonlySet<string> = new Set([
  "PATTERN password_hash",
  "ENUM_MISMATCH custom_password_hash.algorithm",
  ...["OBJECT_REQUIRED", "ENUM_MISMATCH"].map((code) => `${code} custom_password_hash.hash.encoding`),
  ...["PATTERN", "UNUSABLE_HASH"].map((code) => `${code} custom_password_hash.hash.value`),
]);

/** The problems, with one in the place of those about its form where that is the form of a system that is known. */
function withOrigin(problems: RecordProblem[], name: string, value: unknown): RecordProblem[] {
  const ofForm = problems.filter((each) => OF_FORM.has(codeAndPath(each)));
  const { algorithm, hash } = Object(value) as { readonly algorithm?: unknown; readonly hash?: { value?: unknown } };
  const isCustom = name === "custom_password_hash";
  const text = isCustom ? hash?.value : value;
  if (ofForm.length === 0 || typeof text !== "string") return problems;
  const message = foreignForm(text, isCustom ? algorithm : undefined);
  if (message === undefined) return problems;
  const severity = ofForm.some(isError) ? "error" : "warning";
  const rule: Rule = { code: severity === "error" ? "PATTERN" : "UNUSABLE_HASH", message, severity };
  const others = problems.filter((each) => !ofForm.includes(each));
  return [...others, problem(rule, isCustom ? [name, "hash", "value"] : [name])];
}

function isError({ severity }: RecordProblem): boolean {
  return severity === "error";
}

function codeAndPath({ code, path }: RecordProblem): string {
  return `${code} ${path}`;
}

function issueProblems(issue: z.core.$ZodIssue, value: unknown, name: string): RecordProblem[] {
  if (issue.code !== "unrecognized_keys") {
    return [problem(brokenRule(issue, valueAt(value, issue.path)), [name, ...issue.path])];
  }
  const rule = ruleOf(issue.message) ?? unknownAttribute;
  const keys = issue.keys.map((key) => [...issue.path, key]);
  return keys.filter((each) => valueAt(value, each) !== undefined).map((each) => problem(rule, [name, ...each]));
}

function brokenRule(issue: z.core.$ZodIssue, value: unknown): Rule {
  if (value === undefined && issue.code !== "custom") {
    return { code: "OBJECT_REQUIRED", message: "is required", severity: "error" };
  }
  const rule = ruleOf(issue.message);
  if (rule !== undefined) return rule;
  if (issue.code === "invalid_value") return notAmong(issue.values, value);
  if (issue.code === "invalid_union" && "options" in issue) return notAmong(issue.options ?? [], value);
  const expected = issue.code === "invalid_type" ? issue.expected : "";
  return { code: "INVALID_TYPE", message: `must be ${TYPE_NAMES[expected] ?? expected}`, severity: "error" };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  boolean: "true or false",
  object: "an object",
  array: "an array",
};

function notAmong(values: readonly unknown[], value: unknown): Rule {
  const names = values.filter((each) => each !== undefined).join(", ");
  const message = `must be one of: ${names}`;
  return { code: typeof value === "string" ? "ENUM_MISMATCH" : "INVALID_TYPE", message, severity: "error" };
}

function valueAt(user: unknown, keys: Keys): unknown {
  return keys.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], user);
}

const noIdentifier: Rule = {
  code: "ANY_OF_MISSING",
  message: "must have an email, or where the connection takes them for it, a username or phone_number",
  severity: "error",
};
// That some connections do without an email is assumed.
const noEmail: Rule = {
  code: "OBJECT_REQUIRED",
  message: "is required, unless the connection takes a username or phone_number for it",
  severity: "warning",
};
/** The warning for records that say nothing of `email_verified`. */
export const EMAIL_UNVERIFIED = "EMAIL_VERIFIED_MISSING";

const noEmailVerified: Rule = {
  code: EMAIL_UNVERIFIED,
  message: "is false where it is not given: this person will have to verify the address",
  severity: "warning",
};

function addIdentifierProblems(user: User, problems: RecordProblem[]): void {
  if (user.email === undefined) {
    const hasOther = user.username !== undefined || user.phone_number !== undefined;
    problems.push(hasOther ? problem(noEmail, ["email"]) : problem(noIdentifier, []));
  } else if (user.email_verified === undefined) {
    problems.push(problem(noEmailVerified, ["email_verified"]));
  }
}

const bothHashes: Rule = {
  code: "NOT_PASSED",
  message: "must not have both password_hash and custom_password_hash",
  severity: "error",
};

function addHashProblems(user: User, problems: RecordProblem[]): void {
  if (user.password_hash !== undefined && user.custom_password_hash !== undefined) {
    problems.push(problem(bothHashes, []));
  }
}

const reservedKey: Rule = {
  code: "NOT_PASSED",
  message: "must not be in app_metadata: the name is Auth0's own",
  severity: "error",
};
const badKey: Rule = { code: "PATTERN", message: "must not hold a . or start with a $", severity: "error" };

const noObject: Rule = { code: "INVALID_TYPE", message: "must be an object", severity: "error" };

function addMetadataProblems(user: User, problems: RecordProblem[]): void {
  for (const name of ["app_metadata", "user_metadata"]) {
    const metadata = user[name];
    if (metadata === undefined) continue;
    if (!isObject(metadata)) {
      problems.push(problem(noObject, [name]));
      continue;
    }
    for (const keys of badKeys(metadata)) problems.push(problem(badKey, [name, ...keys]));
    if (name !== "app_metadata") continue;
    for (const key of reservedKeys(metadata)) problems.push(problem(reservedKey, [name, key]));
  }
}

const twoFactors: Rule = { code: "NOT_PASSED", message: "must have one attribute only", severity: "error" };

function addFactorProblems({ mfa_factors }: User, problems: RecordProblem[]): void {
  if (!Array.isArray(mfa_factors)) return;
  mfa_factors.forEach((factor, i) => {
    if (isObject(factor) && Object.keys(factor).length > 1) problems.push(problem(twoFactors, ["mfa_factors", i]));
  });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** What a hash breaks that is sound in itself, but not of a kind that the service supports. */
const UNSUPPORTED: ReadonlySet<ProblemCode> = new Set(["PATTERN", "ENUM_MISMATCH"]);

/**
 * The user without the password hash, where all that is wrong with the hash is that the service can't take it: its
 * algorithm, encoding or form, such as `$2y$` in `password_hash`. Such a user has to set a new password. A hash that is
 * incomplete stays, and so do two that exclude each other: that is a mistake in the file.
 *
 * @returns `user` itself where nothing is omitted
 */
export function omitUnsupportedHash(user: User): { readonly user: User; readonly omitted: boolean } {
  const names = ["password_hash", "custom_password_hash"].filter((name) => user[name] !== undefined);
  const [name] = names;
  if (name === undefined || names.length === 2) return { user, omitted: false };
  const errors = attributeProblems(user, name).filter(isError);
  if (errors.length === 0 || !errors.every(({ code }) => UNSUPPORTED.has(code))) return { user, omitted: false };
  return { user: Object.fromEntries(Object.entries(user).filter(([key]) => key !== name)), omitted: true };
}
