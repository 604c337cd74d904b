import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { explain, FAILURE_CODES } from "../../provider/results/failureCodes";

const page = path.resolve(__dirname, "../../../docs/failure-codes.md");

/** Auth0's documented codes, and those of ours. */
const CODES = [
  ..."ANY_OF_MISSING ARRAY_LENGTH_LONG ARRAY_LENGTH_SHORT CONFLICT CONFLICT_EMAIL CONFLICT_USERNAME".split(" "),
  ..."CONNECTION_NOT_FOUND DUPLICATED_USER ENUM_MISMATCH FORMAT INVALID_TYPE MAX_LENGTH MAXIMUM".split(" "),
  ..."MFA_FACTORS_FAILED MIN_LENGTH MINIMUM NOT_PASSED OBJECT_REQUIRED PATTERN".split(" "),
  ..."OBJECT_ADDITIONAL_PROPERTIES ONE_OF_MISSING ARRAY_UNIQUE MULTIPLE_OF INVALID_FORMAT".split(" "),
  ..."OBJECT_PROPERTIES_MINIMUM PROFILE_SIZE_EXCEEDED".split(" "),
  ..."APOSTROPHE NOT_A_DATABASE_USER".split(" "),
  ..."AMBIGUOUS ID_TAKEN LEFTOVER MADE_ANEW UNVERIFIED_ACCOUNT".split(" "),
  ..."JOB_FAILED TRANSFORM_FAILED EMAIL_VERIFIED_MISSING UNUSABLE_HASH UNKNOWN".split(" "),
];

describe("the table of failure codes", () => {
  it("knows every code, once for each kind of job that makes a difference", () => {
    for (const code of CODES) assert.notDeepEqual(explain(code), explain("NEVER_HEARD_OF"), code);
    const lines = FAILURE_CODES.map(({ code, kind }) => `${code} ${kind}`);
    assert.equal(new Set(lines).size, lines.length);
    const codes = FAILURE_CODES.map(({ code }) => code);
    assert.deepEqual(codes, codes.toSorted());
  });

  it("tells a duplicate in an upsert job for what it is: a leftover, and which call removes it", () => {
    assert.match(explain("DUPLICATED_USER", "upsert").meaning, /left over .* from automatic migration/);
    assert.match(
      explain("DUPLICATED_USER", "upsert").whatToDo,
      /`DELETE \/api\/v2\/connections\/\{id\}\/users\?email=…`/,
    );
    assert.match(explain("DUPLICATED_USER", "insert").meaning, /is there already/);
    assert.deepEqual(explain("DUPLICATED_USER"), explain("DUPLICATED_USER", "insert"));
  });

  it("takes a kind for codes that mean the same in both", () => {
    assert.deepEqual(explain("FORMAT", "upsert"), explain("FORMAT"));
    assert.equal(explain("MFA_FACTORS_FAILED", "upsert").retryHelps, true);
    assert.equal(explain("FORMAT").retryHelps, false);
  });

  it("says something sensible of a code that Auth0 may add", () => {
    for (const code of ["NEW_CODE", "", "constructor", "__proto__"]) {
      assert.match(explain(code, "insert").meaning, /does not know/);
      assert.match(explain(code).whatToDo, /the message tells/);
    }
  });

  it("is the table of docs/failure-codes.md", () => {
    const rows = FAILURE_CODES.map(
      ({ code, kind, meaning, retryHelps, whatToDo }) =>
        `| \`${code}\`${kind === undefined ? "" : ` in an ${kind} job`} | ${meaning} | ${retryHelps ? "yes" : "no"} | ${whatToDo} |`,
    );
    const table = readFileSync(page, "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    assert.deepEqual(table, rows);
  });
});
