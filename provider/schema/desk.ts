import { jsonText } from "../json/exactNumber";
import { type Flaw, flawsOf, keepNumbers, keysTwice, mayBeLarge, mayHaveKeyTwice } from "../json/flaws";
import type { User } from "./identity";
import { pathOf } from "./path";
import type { Rule } from "./rule";
import type { RecordProblem } from "./validate";

// What is told of records at the desk, at preview and by `validate`. It keeps none from being sent.

/** What Auth0 takes of a profile (announcement of 2026-08-04). How it measures is not told; here as JSON (assumed). */
const MOST_BYTES = 10 * 1024;

const tooLarge: Rule = {
  code: "PROFILE_SIZE_EXCEEDED",
  message:
    "is larger than 10 KB without its hash and factors. Auth0 refuses that from 2027-03-04 on; how it measures is not told",
  severity: "warning",
};

const RULES: Readonly<Record<Flaw["kind"], Rule>> = {
  number: {
    code: "INEXACT_NUMBER",
    message:
      "is a number that doubles do not keep for certain, such as a whole one beyond 2^53. It is sent as it stands, and Auth0 may round it. Make it a text",
    severity: "warning",
  },
  rounded: {
    code: "INEXACT_NUMBER",
    message:
      "is a number that JavaScript rounds before the transform gets it, such as a whole one beyond 2^53. Make it a text in the file",
    severity: "warning",
  },
  key: {
    code: "DUPLICATED_KEY",
    message: "stands more than once in its object. The last one counts",
    severity: "warning",
  },
};

/**
 * @param user as it is sent; `bytes` is how long it is as JSON
 * @param record as the source has it; `text` is its own, where it stands so in the file
 */
export function deskProblems(user: User, bytes: number, record: User, text?: Buffer): readonly RecordProblem[] {
  const noted = flawsOf(record);
  const others = text === undefined ? NONE : flawsIn(text, record, bytes + prefixOf(user, record));
  const isTooLarge = bytes > MOST_BYTES && profileBytes(user) > MOST_BYTES;
  if (noted.length + others.length === 0 && !isTooLarge) return NO_PROBLEMS;
  const problems = [...noted, ...others].map(({ kind, path }) => problem(RULES[kind], pathOf(path)));
  return isTooLarge ? [...problems, problem(tooLarge, "")] : problems;
}

const NO_PROBLEMS: readonly RecordProblem[] = [];

function problem(rule: Rule, path: string): RecordProblem {
  return { code: rule.code, path, message: rule.message, severity: rule.severity };
}

/**
 * What parsing a record does not show by itself. Where its text is compact and nothing of it is left out, what is written
 * again is as long, and nothing is lost: so most records cost nothing here.
 */
function flawsIn(text: Buffer, record: User, bytes: number): readonly Flaw[] {
  if (text.length === bytes) return NONE;
  const written = text.toString();
  const isNoted = flawsOf(record).length > 0;
  return [
    ...(!isNoted && mayBeLarge(written) ? keepNumbers(undefined, written) : NONE),
    ...(mayHaveKeyTwice(written, record) ? keysTwice(written) : NONE),
  ];
}

const NONE: readonly Flaw[] = [];

/** The bytes of `auth0|`, which is all that mostly goes of a record. */
function prefixOf({ user_id }: User, record: User): number {
  return typeof record.user_id === "string" && typeof user_id === "string" ? record.user_id.length - user_id.length : 0;
}

function profileBytes({ password_hash: _, custom_password_hash: __, mfa_factors: ___, ...profile }: User): number {
  return Buffer.byteLength(jsonText(profile));
}
