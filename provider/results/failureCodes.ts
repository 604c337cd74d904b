import type { JobKind } from "../plan/delta";

/** What a person needs to know about a code. The texts are Markdown of the plainest kind: `code` in backticks. */
export interface Explanation {
  readonly meaning: string;
  /** Whether the same record, sent again unchanged, may get in. */
  readonly retryHelps: boolean;
  readonly whatToDo: string;
}

/** One line of the table. */
export interface FailureCode extends Explanation {
  readonly code: string;
  /** The kind of job that the line is about, where that makes a difference. */
  readonly kind?: JobKind;
}

const CORRECT = "Correct it in the users file and run `pulumi up`: only what failed is sent.";
const ADD = "Add it in the users file and run `pulumi up`: only what failed is sent.";

/** A code that the same record will always get again. The failed record's path names the attribute. */
const broken = (code: string, meaning: string, whatToDo = CORRECT): FailureCode => ({
  code,
  meaning,
  retryHelps: false,
  whatToDo,
});

/**
 * Every code that a record can fail or be remarked on with: those that Auth0 documents, those met in the field, and our
 * own. Auth0 lists its codes without saying what they mean; their names are those of the rules of JSON Schema.
 *
 * `docs/failure-codes.md` holds the same texts.
 */
export const FAILURE_CODES: readonly FailureCode[] = [
  broken(
    "AMBIGUOUS",
    'With `onExisting: "adopt"` or `"overwrite"`: in Auth0, the record\'s `user_id` belongs to one user and its email to another; or several users have the email. Nothing was written to any of them.',
    "Find out who the record is about. Correct its `user_id` or `email`, or remove the other user in Auth0. Then change `triggers` and run `pulumi up`.",
  ),
  broken(
    "ANY_OF_MISSING",
    "The record has none of the attributes that say who the user is.",
    "Add `email`; or `username` or `phone_number`, where the connection takes those as identifiers. Then run `pulumi up`.",
  ),
  broken(
    "APOSTROPHE",
    "The `user_id` or the `email` begins with an apostrophe, as Auth0's export in CSV puts one before every text. An id that begins with `'auth0|` is an error: the user would come in under it for good.",
    "Take the apostrophes away from all texts of the file; or import the CSV file itself, whose apostrophes are known.",
  ),
  broken("ARRAY_ADDITIONAL_ITEMS", "A list has more entries than Auth0 takes: another name for ARRAY_LENGTH_LONG."),
  broken("ARRAY_LENGTH_LONG", "A list has more entries than Auth0 takes."),
  broken("ARRAY_LENGTH_SHORT", "A list has fewer entries than Auth0 asks for."),
  broken("ARRAY_UNIQUE", "A list has an entry twice, and Auth0 wants each once."),
  broken(
    "CONFLICT",
    "An identifier of the record belongs to another user of the connection.",
    "Find out which of the two is right. Correct or remove the record, or change the other user in Auth0, then change `triggers` and run `pulumi up`.",
  ),
  broken(
    "CONFLICT_EMAIL",
    "The email belongs to another user of the connection.",
    "Find out whose it is. Correct or remove the record, or change the other user in Auth0, then change `triggers` and run `pulumi up`.",
  ),
  broken(
    "CONFLICT_USERNAME",
    "The username belongs to another user of the connection. After automatic migration it can be a leftover: see DUPLICATED_USER.",
    "Find out whose it is. Correct or remove the record, or change the other user in Auth0, then change `triggers` and run `pulumi up`.",
  ),
  broken(
    "CONNECTION_NOT_FOUND",
    "The connection was not there any more when the job came to the record.",
    "Check `connectionId` and whether somebody removed the connection. Then change `triggers` and run `pulumi up`.",
  ),
  broken(
    "DUPLICATED_KEY",
    "A warning, not a failure: an object of the record has a key twice. The last one counts, and what the others say is lost.",
    "Find out which one is meant, and take the others out of the file. Mostly an export joins two tables that both have the column.",
  ),
  {
    code: "DUPLICATED_USER",
    kind: "insert",
    meaning:
      "The user is there already: by email, username, phone number or `user_id` in the connection, or by a `user_id` that another connection of the tenant has. Or the user stands twice in the users files.",
    retryHelps: false,
    whatToDo:
      'Twice in the files: remove one of the records. In the connection: remove the record, or set `onExisting`: `"adopt"` takes the user as it is, `"overwrite"` writes the record over it. Where Auth0 shows no such user, it is a leftover of automatic migration: see DUPLICATED_USER in an upsert job.',
  },
  {
    code: "DUPLICATED_USER",
    kind: "upsert",
    meaning:
      "A part of the user is left over in the connection's own store, from automatic migration, and stands in the way. No user is shown for it.",
    retryHelps: false,
    whatToDo:
      "Remove the leftover with `DELETE /api/v2/connections/{id}/users?email=…` (scope `delete:users`), then change `triggers` and run `pulumi up`. That call deletes a whole user just as well: first see in the Dashboard that there is none.",
  },
  {
    code: "EMAIL_VERIFIED_MISSING",
    meaning:
      "A warning, not a failure: the record does not say `email_verified`. Auth0 takes the email for unverified, and the user may be asked to verify it again.",
    retryHelps: false,
    whatToDo: "Add `email_verified: true` where your own system has verified the email.",
  },
  broken("ENUM_CASE_MISMATCH", "An attribute has a value that Auth0 spells with other small or capital letters."),
  broken(
    "ENUM_MISMATCH",
    "An attribute has a value that is not among those that Auth0 knows; most often an algorithm or an encoding of `custom_password_hash`.",
  ),
  broken("FORMAT", "An attribute does not have the form that it should have, such as that of an email address."),
  broken(
    "ID_TAKEN",
    'With `onExisting: "adopt"` or `"overwrite"`: the record\'s `user_id` is that of a user of the connection who has another email. Nothing was written to them.',
    "Find out whether it is the same person, whose email was changed in Auth0: then take that email over into the users file. Else leave the `user_id` out of the record, or give it another one. Then run `pulumi up`.",
  ),
  broken(
    "INEXACT_NUMBER",
    "A warning, not a failure: a number that doubles do not keep for certain, such as a whole one beyond 2^53. It is sent as the file has it, and Auth0 may round it; a transform gets it rounded.",
    'Make it a text in the file: `"441319831392747531"`.',
  ),
  broken("INVALID_FORMAT", "An attribute does not have the form that it should have: another name for FORMAT."),
  broken("INVALID_TYPE", 'An attribute is of the wrong type, such as `"true"` in place of `true`.'),
  broken(
    "JOB_FAILED",
    "Every import job with this record fails as a whole, even with no other record in it, and Auth0 does not say why.",
    "Look for what is unusual about the record. Auth0's support can tell more from the job's id, which is in the report, within 24 hours.",
  ),
  broken(
    "LEFTOVER",
    'With `onExisting: "adopt"` or `"overwrite"`: Auth0 refuses the user for being there, and shows nobody with this id or email. A part of them is left over in the connection\'s own store, from automatic migration.',
    "See in the Dashboard that there is no such user. Remove the leftover with `DELETE /api/v2/connections/{id}/users?email=…` (scope `delete:users`); where Auth0 still refuses the user, with `DELETE /api/v2/users/{user_id}`. Then change `triggers` and run `pulumi up`.",
  ),
  broken(
    "MADE_ANEW",
    "In an upsert job. The user's email was changed in Auth0, or they were deleted, in the minutes between the moment when they were read and the job. The job found nobody with the old email, and made a second account. That fails the update, when all else is saved.",
    "Delete that account in Auth0. Where the user is there with another email, take that over into the users file; else remove the record. Then run `pulumi up`.",
  ),
  broken("MAXIMUM", "A number is larger than Auth0 takes."),
  broken("MAXIMUM_EXCLUSIVE", "A number has to be below a limit, and is not."),
  broken(
    "MAX_LENGTH",
    "An attribute is longer than Auth0 takes; or the whole record is larger than an import job may be, which is 512,000 bytes.",
    "Shorten it in the users file and run `pulumi up`. What makes a record that large is nearly always metadata.",
  ),
  {
    code: "MEMBERSHIP_FAILED",
    meaning: "The user is in Auth0, and a role or a membership of an organization could not be given or taken.",
    retryHelps: true,
    whatToDo:
      "See the message: a role or an organization that is not there any more, a limit of 50 roles or 100,000 members, or a passing fault. The next `pulumi up` tries again.",
  },
  {
    code: "MFA_FACTORS_FAILED",
    meaning:
      "The factors for multi-factor authentication were not imported. In an upsert job all else of the record was applied.",
    retryHelps: true,
    whatToDo:
      "Change `triggers` and run `pulumi up`: the record is sent again, which is safe. If it fails again, check `mfa_factors`, or let the user enrol anew.",
  },
  broken("MINIMUM", "A number is smaller than Auth0 takes."),
  broken("MINIMUM_EXCLUSIVE", "A number has to be above a limit, and is not."),
  broken("MIN_LENGTH", "An attribute is shorter than Auth0 takes, or empty."),
  {
    code: "MISSING",
    meaning:
      "This import has brought the user, and they were not in the connection when it was read back. They were looked up by their id, too, unless they are very many.",
    retryHelps: true,
    whatToDo:
      "Change `triggers` and run `pulumi up`: the user is looked up once more, and sent again. Somebody who is not to be in Auth0 any more: remove the record.",
  },
  broken("MISSING_REQUIRED", "A required attribute is missing: another name for OBJECT_REQUIRED.", ADD),
  broken("MULTIPLE_OF", "A number is not one of those that Auth0 takes; most often it has to be a whole number."),
  broken(
    "NOT_A_DATABASE_USER",
    "The record is that of a user of a social, enterprise or passwordless connection, by its `user_id` (`google-oauth2|…`, `samlp|…`, `sms|…`) or its identities. An import takes users of databases only; it would make `auth0|google-oauth2|…` of the id.",
    "Export one connection instead of the whole tenant; or leave such records out by a `transform`. These people come in by themselves, when they sign in through their connection.",
  ),
  broken(
    "NOT_PASSED",
    "The record breaks a rule that has no code of its own. Mostly it holds something that is not allowed: an attribute that Auth0 does not know, a reserved key in `app_metadata`, or two attributes that exclude each other, such as `password_hash` and `custom_password_hash`.",
    "See the message and the attribute. Correct or remove it in the users file and run `pulumi up`: only what failed is sent.",
  ),
  broken(
    "OBJECT_ADDITIONAL_PROPERTIES",
    "The record, or an object in it, has something that Auth0 does not know there: another name for NOT_PASSED.",
    "Remove it from the users file, or put it into `user_metadata` or `app_metadata`, and run `pulumi up`.",
  ),
  broken("OBJECT_DEPENDENCY_KEY", "An attribute needs another one beside it, which is missing.", ADD),
  broken("OBJECT_MISSING_REQUIRED_PROPERTY", "A required attribute is missing: another name for OBJECT_REQUIRED.", ADD),
  broken(
    "OBJECT_PROPERTIES_MAXIMUM",
    "An object has more in it than Auth0 takes, such as a factor of `mfa_factors` of two kinds.",
  ),
  broken("OBJECT_PROPERTIES_MINIMUM", "An object has less in it than Auth0 asks for; mostly it is empty."),
  broken("OBJECT_REQUIRED", "A required attribute is missing, in the record or in an object within it.", ADD),
  broken(
    "ONE_OF_MISSING",
    "An attribute has none of the forms that Auth0 takes; most often it is `custom_password_hash`, whose form depends on its algorithm.",
  ),
  broken("ONE_OF_MULTIPLE", "An attribute has to match one of the forms that Auth0 takes, and matches several."),
  broken(
    "PATTERN",
    "An attribute holds characters that are not allowed, such as a `phone_number` that is not E.164 (`+12125550001`) or a metadata key with a dot.",
  ),
  broken(
    "PROFILE_SIZE_EXCEEDED",
    "The user's profile is larger than Auth0 takes, which is 10 KB. It takes larger ones until 2027-03-04.",
    "Shorten it in the users file and run `pulumi up`. What makes a profile that large is nearly always metadata: keep it in a database of your own.",
  ),
  broken(
    "TRANSFORM_FAILED",
    "The module that is set as `transform` threw an error at this record.",
    "Correct the module, or the record that it can't cope with, and run `pulumi up`.",
  ),
  {
    code: "UNKNOWN",
    meaning: "Auth0 refused the record without a code.",
    retryHelps: true,
    whatToDo:
      "See whether the message tells why. If not, change `triggers` and run `pulumi up` to send it again; Auth0's support can tell more from the job's id.",
  },
  broken(
    "UNKNOWN_ORGANIZATION",
    "The user is in Auth0, and the record names an organization that the argument `organizations` does not have.",
    "Add it to `organizations`, or correct the users file, and run `pulumi up`.",
  ),
  broken(
    "UNKNOWN_ROLE",
    "The user is in Auth0, and the record names a role that the argument `roles` does not have.",
    "Add it to `roles`, or correct the users file, and run `pulumi up`.",
  ),
  {
    code: "UNUSABLE_HASH",
    meaning:
      "A warning, not a failure: Auth0 takes the password hash, but its length or its parameters show that no password can match it. The user could not sign in.",
    retryHelps: false,
    whatToDo:
      "Check how the hash was exported: it may be cut, or of another encoding or algorithm than the record says. Without a hash the user can reset the password.",
  },
  broken(
    "UNVERIFIED_ACCOUNT",
    'With `onExisting: "adopt"` or `"overwrite"`: an account with the record\'s email is there under another id, and has never verified that email. Somebody may have registered another person\'s address, and may be waiting for that person\'s data and roles. The account was not adopted, and nothing was written to it.',
    "Let the person verify the email; or delete the account in Auth0, so that the record is imported. Then change `triggers` and run `pulumi up`. Where nobody can have made such accounts, close the connection for sign-up (`disable_signup`) first: then they are taken, as long as they have never signed in.",
  ),
];

/** The service may add codes at any time. */
const UNHEARD_OF: Explanation = {
  meaning: "Auth0 refused the record for a reason that this version of the package does not know.",
  retryHelps: false,
  whatToDo:
    "See what the message tells and correct the record. To send it again as it is, change `triggers` and run `pulumi up`.",
};

/**
 * What a code means and what to do about it.
 *
 * @param kind the kind of job that the record failed in, where that is known.
 */
export function explain(code: string, kind?: JobKind): Explanation {
  const lines = FAILURE_CODES.filter((line) => line.code === code);
  const { meaning, retryHelps, whatToDo } =
    lines.find((line) => kind !== undefined && line.kind === kind) ?? lines[0] ?? UNHEARD_OF;
  return { meaning, retryHelps, whatToDo };
}
