/** Whether the service is known to refuse what breaks a rule, or only may. */
export type Severity = "error" | "warning";

/**
 * What a problem is called. The names are the service's (Auth0 documentation of a job's errors), but for these, where the
 * service takes the record without a word: `APOSTROPHE`, `DUPLICATED_KEY`, `EMAIL_VERIFIED_MISSING`, `INEXACT_NUMBER`,
 * `NOT_A_DATABASE_USER` and `UNUSABLE_HASH`.
 */
export type ProblemCode =
  | "ANY_OF_MISSING"
  | "APOSTROPHE"
  | "ARRAY_LENGTH_LONG"
  | "ARRAY_LENGTH_SHORT"
  | "DUPLICATED_KEY"
  | "DUPLICATED_USER"
  | "EMAIL_VERIFIED_MISSING"
  | "ENUM_MISMATCH"
  | "FORMAT"
  | "INEXACT_NUMBER"
  | "INVALID_TYPE"
  | "MAX_LENGTH"
  | "MIN_LENGTH"
  | "MINIMUM"
  | "NOT_A_DATABASE_USER"
  | "NOT_PASSED"
  | "OBJECT_REQUIRED"
  | "PATTERN"
  | "PROFILE_SIZE_EXCEEDED"
  | "UNUSABLE_HASH";

/** What an attribute has to be, and what it means if it is not. */
export interface Rule {
  readonly code: ProblemCode;
  /** The rule in words. Never quotes the value that breaks it. */
  readonly message: string;
  readonly severity: Severity;
}

const declared = new Map<string, Rule>();

/**
 * A rule for zod's `error` option, whose text is what zod hands back when a value breaks it.
 *
 * @throws Error when another rule has the same text
 */
function declare(rule: Rule): string {
  const { code, message, severity } = rule;
  const known = declared.get(message);
  if (known !== undefined && (known.code !== code || known.severity !== severity)) {
    throw new Error(`two rules say: ${message}`);
  }
  declared.set(message, rule);
  return message;
}

/** The service refuses a record that breaks it (Auth0 documentation). */
export function error(code: ProblemCode, message: string): string {
  return declare({ code, message, severity: "error" });
}

/** The service may refuse a record that breaks it, or take it and make something of it that nobody wants. */
export function warning(code: ProblemCode, message: string): string {
  return declare({ code, message, severity: "warning" });
}

/** The rule with this text; `undefined` for a text of zod's own. */
export function ruleOf(message: string): Rule | undefined {
  return declared.get(message);
}

/** Those made by `error` and `warning`. */
export function declaredRules(): readonly Rule[] {
  return [...declared.values()];
}
