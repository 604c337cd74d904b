import { z } from "zod";
import { emailFault, MAX_EMAIL, PLAIN_ADDRESS, SHORT_LOCAL } from "./emailFault";
import { customPasswordHash, passwordHash } from "./passwordHash";
import { error, warning } from "./rule";

// One user as the service takes it, attribute by attribute. What attributes mean to each other, and the keys of
// metadata, are in validate.ts.

const email = z
  .string()
  .superRefine((value, { addIssue }) => {
    const fault = emailFault(value);
    if (fault !== undefined) addIssue(fault);
  })
  .max(MAX_EMAIL, error("MAX_LENGTH", "must have 254 characters at most"))
  .regex(SHORT_LOCAL, error("MAX_LENGTH", "must have 64 characters at most before its @"));

const E164 = /^\+[0-9]{1,15}$/;

const phoneNumber = z
  .string()
  .regex(E164, error("PATTERN", "must be in E.164 format: a + and up to 15 digits, and nothing else"))
  .regex(
    /^\+[1-9][0-9]{1,14}$/,
    warning("PATTERN", "is no number of E.164, which starts with a country code: Auth0 may refuse it"),
  );

const userId = z
  .string()
  .regex(/^\S*$/, error("PATTERN", "must not contain white space"))
  .max(255, error("MAX_LENGTH", "must have 255 characters at most"))
  .min(1, warning("MIN_LENGTH", "should not be empty"));

const username = z
  .string()
  .min(1, error("MIN_LENGTH", "must have 1 character or more"))
  .max(128, error("MAX_LENGTH", "must have 128 characters at most, and 15 unless the connection allows more"))
  .max(15, warning("MAX_LENGTH", "has over 15 characters: Auth0 refuses it unless the connection allows more"))
  .regex(
    /^[A-Za-z0-9_+\-.!#$'^`~@]*$/,
    error("PATTERN", "must consist of letters A to Z, digits and the characters _ + - . ! # $ ' ^ ` ~ @"),
  )
  .regex(not(PLAIN_ADDRESS), error("NOT_PASSED", "must not be an e-mail address"))
  .regex(/^(?!.+@.+\..)/s, warning("NOT_PASSED", "looks like an e-mail address: Auth0 may refuse it"));

/** A pattern for what the other pattern, which has both its anchors, does not fit. */
function not(pattern: RegExp): RegExp {
  return new RegExp(`^(?!${pattern.source})`);
}

const shortName = z.string().max(150, error("MAX_LENGTH", "must have 150 characters at most"));

/** Auth0's pages name different limits for these: the narrower one warns. */
const name = z
  .string()
  .max(300, error("MAX_LENGTH", "must have 300 characters at most"))
  .max(150, warning("MAX_LENGTH", "has over 150 characters: Auth0 may refuse it"));
const nickname = z
  .string()
  .max(350, error("MAX_LENGTH", "must have 350 characters at most"))
  .max(300, warning("MAX_LENGTH", "has over 300 characters: Auth0 may refuse it"));

const mfaFactor = z.strictObject({
  totp: z
    .strictObject({
      secret: z
        .string()
        .regex(/^[A-Z2-7]+$/, error("PATTERN", "must be in Base32: A to Z and 2 to 7, without padding")),
    })
    .optional(),
  phone: z
    .strictObject({
      value: z.string().regex(E164, error("PATTERN", "must be a + and up to 15 digits, and nothing else")),
    })
    .optional(),
  email: z.strictObject({ value: email }).optional(),
});

/** The attributes of one user of a users-imports file (Auth0's JSON Schema, and what its documentation adds). */
export const userSchema = z.strictObject({
  email: email.optional(),
  email_verified: z.boolean().optional(),
  phone_number: phoneNumber.optional(),
  phone_verified: z.boolean().optional(),
  user_id: userId.optional(),
  username: username.optional(),
  given_name: shortName.optional(),
  family_name: shortName.optional(),
  name: name.optional(),
  nickname: nickname.optional(),
  picture: z.string().optional(),
  blocked: z.boolean().optional(),
  password_hash: passwordHash.optional(),
  custom_password_hash: customPasswordHash.optional(),
  // As they are checked by metadata.ts: zod would look at each of their members once more.
  app_metadata: z.unknown(),
  user_metadata: z.unknown(),
  // Names of the program's own, which no job carries: what they mean is told when they are given.
  roles: z.array(z.string()).optional(),
  organizations: z.array(z.unknown()).optional(),
  mfa_factors: z
    .array(mfaFactor)
    .min(1, error("ARRAY_LENGTH_SHORT", "must have 1 factor or more"))
    .max(10, error("ARRAY_LENGTH_LONG", "must have 10 factors at most"))
    .optional(),
});
