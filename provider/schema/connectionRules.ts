import { z } from "zod";
import type { User } from "./identity";
import type { Refusal } from "./prepare";

/** What a connection wants of its users beyond what Auth0 wants of all: its name, and what its options say. */
export interface ConnectionRules {
  readonly connection: string;
  /** Attributes that each user must have, and the option that says so. */
  readonly required: readonly { readonly attribute: string; readonly option: string }[];
  /** Characters of a username; absent where the connection says nothing of usernames. */
  readonly usernameLength?: { readonly min: number; readonly max: number };
  /** Where emails are not unique, an upsert, which finds its user by email, can't tell whom it is about. */
  readonly hasUniqueEmails: boolean;
  /** Whether anybody may sign up by themselves, and so register the address of another person. */
  readonly isSignupOpen: boolean;
}

const flag = z.boolean().optional().catch(undefined);
const length = z.number().optional().catch(undefined);
const Attribute = z.object({ profile_required: flag }).optional().catch(undefined);

/** The options of a database connection, as far as they say what its users must be like (Auth0's Management API). */
export const RulingOptions = z.object({
  requires_username: flag,
  disable_signup: flag,
  validation: z
    .object({ username: z.object({ min: length, max: length }).optional().catch(undefined) })
    .optional()
    .catch(undefined),
  attributes: z
    .object({
      email: z.object({ profile_required: flag, unique: flag }).optional().catch(undefined),
      phone_number: Attribute,
      username: z
        .object({
          profile_required: flag,
          validation: z.object({ min_length: length, max_length: length }).optional().catch(undefined),
        })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});
type RulingOptions = z.infer<typeof RulingOptions>;

/** Where a connection says nothing else, a username has 1 to 15 characters (Auth0 documentation). */
const USUAL_LENGTH = { min: 1, max: 15 };

/** The attributes that `options.attributes` may make required. */
const REQUIRABLE = ["email", "username", "phone_number"] as const;

/** `requires_username` and `attributes` exclude each other (Auth0's Management API). */
export function rulesOf(
  connection: string,
  { requires_username, disable_signup, validation, attributes }: RulingOptions,
): ConnectionRules {
  const isSignupOpen = disable_signup !== true;
  if (attributes === undefined) {
    const { min = USUAL_LENGTH.min, max = USUAL_LENGTH.max } = validation?.username ?? {};
    const saysLength = requires_username || validation?.username !== undefined;
    return {
      connection,
      required: requires_username ? [{ attribute: "username", option: "requires_username" }] : [],
      ...(saysLength ? { usernameLength: { min, max } } : {}),
      hasUniqueEmails: true,
      isSignupOpen,
    };
  }
  const { min_length, max_length } = attributes.username?.validation ?? {};
  const saysLength = min_length !== undefined || max_length !== undefined;
  return {
    connection,
    required: REQUIRABLE.filter((attribute) => attributes[attribute]?.profile_required).map((attribute) => ({
      attribute,
      option: `attributes.${attribute}.profile_required`,
    })),
    ...(saysLength
      ? { usernameLength: { min: min_length ?? USUAL_LENGTH.min, max: max_length ?? Number.POSITIVE_INFINITY } }
      : {}),
    hasUniqueEmails: attributes.email?.unique !== false,
    isSignupOpen,
  };
}

/** Why the connection would refuse a new user; `undefined` where it would not. */
export function refusalBy(rules: ConnectionRules, user: User): Refusal | undefined {
  const of = `the connection "${rules.connection}"`;
  for (const { attribute, option } of rules.required) {
    if (user[attribute] !== undefined && user[attribute] !== "") continue;
    return {
      code: "OBJECT_REQUIRED",
      path: attribute,
      message: `${attribute} is required by ${of} (options.${option})`,
    };
  }
  const { username } = user;
  if (typeof username !== "string" || rules.usernameLength === undefined) return undefined;
  const { min, max } = rules.usernameLength;
  // Characters as people count them: Auth0's own letters for a username are all of one code unit.
  if (username.length < min) {
    return { code: "MIN_LENGTH", path: "username", message: `username must have ${min} characters or more in ${of}` };
  }
  if (username.length > max) {
    return { code: "MAX_LENGTH", path: "username", message: `username must have ${max} characters at most in ${of}` };
  }
  return undefined;
}
