import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { examine, type ReadingOptions } from "../cli/examine";
import { explain } from "../provider/results/failureCodes";
import { SourceError } from "../provider/source";
import { EmulatedImport } from "./import/emulatedImport";
import { FIXTURES } from "./support/stateFixture";

/** Small inputs, made after reports of people who import users; one folder for each kind of fault. */
const CASES = path.join(FIXTURES, "cases");

interface Case {
  readonly files: readonly string[];
  readonly reading?: ReadingOptions;
  /** Users, and of them invalid and with warnings only; or, of a file that is refused, why. */
  readonly users: readonly [all: number, invalid: number, warned: number] | RegExp;
  /** In users: `"error PATTERN 2"`. */
  readonly counts?: readonly string[];
  /** `"warning SHORT_ROWS"`. */
  readonly remarks?: readonly string[];
  /** Attributes that are not sent, with counts; of both kinds. */
  readonly leftOut?: Readonly<Record<string, number>>;
  readonly overridden?: number;
  readonly merged?: number;
  /** What is told with a place. */
  readonly told?: readonly RegExp[];
}

const APOSTROPHES = ["note APOSTROPHES"];
const NO_HEADER = /:1:1: no header: the first row has what a user has/;
const TO_USER = { transform: "to-user.mjs" };
const BOTH = ["input.profiles.ndjson", "input.hashes.ndjson"];

const EXPECTED: Readonly<Record<string, readonly Case[]>> = {
  "01-hash-upsert-blocks-profile": [
    { files: ["input.before.json"], users: [2, 0, 0] },
    { files: ["input.after.json"], users: [2, 0, 0] },
  ],
  "02-overwrite-with-hashes": [{ files: ["input.json"], users: [8, 0, 0] }],
  "06-emails-that-auth0-refuses": [
    {
      files: ["input.ndjson"],
      users: [9, 0, 5],
      counts: ["warning FORMAT 5"],
      told: [
        /:1 email has one letter behind the last dot/,
        /:2 email has a digit or a hyphen behind the last dot/,
        /:3 email has an IP address/,
        /:4 email has a digit/,
        /:5 email has a part of its domain that is longer than 63/,
      ],
    },
  ],
  "08-auth0-csv-new-row-on-top": [{ files: ["input.csv"], users: [3, 0, 0], remarks: APOSTROPHES }],
  "10-auth0-csv-identities-columns": [
    {
      files: ["input.csv"],
      users: [2, 0, 0],
      remarks: APOSTROPHES,
      leftOut: { identities: 2, multifactor: 1, last_login: 2 },
    },
    { files: ["input.export_as.csv"], users: [1, 0, 0], remarks: APOSTROPHES, leftOut: { provider: 1 } },
  ],
  "11-export-of-the-whole-tenant": [
    {
      files: ["input.ndjson"],
      users: [4, 3, 0],
      counts: ["error NOT_A_DATABASE_USER 3", "warning OBJECT_REQUIRED 1"],
      leftOut: { identities: 4 },
    },
  ],
  "12-hashes-beside-profiles": [
    {
      ...{ files: BOTH, reading: TO_USER, users: [8, 0, 0] as const, overridden: 4 },
      remarks: ["warning LESS_THAN_BEFORE"],
    },
    { files: BOTH, reading: { ...TO_USER, merge: true }, users: [8, 0, 0], merged: 4 },
    { files: [...BOTH].reverse(), reading: { ...TO_USER, merge: true }, users: [8, 0, 0], merged: 4 },
  ],
  "14-postgres-copy-text": [{ files: ["input.ndjson"], users: /:1:81: .*; this looks like PostgreSQL's COPY TO/ }],
  "15-null-markers-in-csv": [
    {
      files: ["input.csv"],
      users: [4, 2, 0],
      counts: ["error DUPLICATED_USER 1", "error INVALID_TYPE 1", "error PATTERN 2"],
      remarks: Array(6).fill("warning NULL_TEXTS"),
    },
    {
      files: ["input.csv"],
      reading: { nullText: ["\\N", "NULL", "(null)", "nil", "None"] },
      users: [4, 0, 1],
      counts: ["warning EMAIL_VERIFIED_MISSING 1"],
    },
  ],
  "16-excel-sep-line": [
    { files: ["input.csv"], users: [2, 0, 0], remarks: ["note SEPARATOR_LINE"] },
    { files: ["legacy.csv"], reading: TO_USER, users: [1, 0, 0], remarks: ["note SEPARATOR_LINE"] },
  ],
  "17-excel-short-rows": [{ files: ["input.csv"], users: [40, 0, 0], remarks: ["warning SHORT_ROWS"] }],
  "20-big-integers-in-metadata": [
    {
      files: ["input.ndjson"],
      users: [4, 0, 3],
      counts: ["warning INEXACT_NUMBER 3"],
      told: [/:1 app_metadata\.legacyId/, /:1 .*discord/, /:2 .*legacyId/, /:3 user_metadata\.score/, /:3 .*balance/],
    },
  ],
  "23-django-salt-not-encoded": [
    {
      files: ["input.ndjson"],
      users: [6, 2, 3],
      counts: ["error PATTERN 2", "warning UNUSABLE_HASH 3"],
      told: [
        /:2 .* no base64: .* Django/,
        /:3 .* Django/,
        /:4 .* parameters/,
        /:5 .* passlib/,
        /:6 .* a hash of Django/,
      ],
    },
  ],
  "24-users-in-an-envelope": [
    {
      files: ["input.firebase.json"],
      users: [1, 1, 0],
      counts: ["error NOT_PASSED 1", "warning EMAIL_VERIFIED_MISSING 1"],
      remarks: ["note ENVELOPE"],
    },
  ],
  "25-firebase-csv-without-header": [
    { files: ["input.csv"], users: NO_HEADER },
    { files: ["input.csv"], reading: TO_USER, users: NO_HEADER },
    { files: ["dense.csv"], reading: TO_USER, users: NO_HEADER },
  ],
  "26-hashes-that-look-right": [
    {
      files: ["input.ndjson"],
      users: [11, 5, 3],
      counts: ["error PATTERN 5", "warning UNUSABLE_HASH 3"],
      told: [
        ...[/:2 .* WordPress 6\.8/, /:4 .* phpass/, /:5 .* phpass/, /:6 .* phpass/, /:8 .* Firebase/, /:9 .* 32 MiB/],
        ...[/:9 .* better-auth/, /:10 .* Spring Security/, /:11 .* base64 of hexadecimal digits/],
      ],
    },
  ],
  "27-aspnet-identity": [
    {
      files: ["input.ndjson"],
      users: [8, 3, 1],
      counts: ["error PATTERN 3", "warning UNUSABLE_HASH 1"],
      told: [/:1 .* \(V3\): Auth0 takes/, /:2 .* \(V3\)/, /:6 .* \(V2\)/, /:7 .* padded with =/],
    },
  ],
  "31-cognito-csv": [{ files: ["input.csv"], reading: TO_USER, users: [3, 1, 0], counts: ["error DUPLICATED_USER 1"] }],
  "32-supabase-oauth-users": [
    {
      files: ["input.ndjson"],
      users: [4, 1, 1],
      counts: ["error PATTERN 1", "warning OBJECT_REQUIRED 2"],
      leftOut: { password_hash: 1, email: 1, given_name: 1, family_name: 1, name: 1, nickname: 1, picture: 1 },
      told: [/:3 phone_number must be in E\.164/],
    },
  ],
  "34-unheard-of-codes": [{ files: ["input.json"], users: [7, 0, 0] }],
};

describe("what real files do", () => {
  it("has an expectation for each of them", () => {
    assert.deepEqual(Object.keys(EXPECTED).sort(), readdirSync(CASES).sort());
  });

  for (const [name, cases] of Object.entries(EXPECTED)) {
    for (const { files, reading, users, ...expected } of cases) {
      it(`${name}: ${files.join(" ")}${reading === undefined ? "" : `, ${Object.keys(reading).join(" and ")}`}`, async () => {
        const looked = examine(files, path.join(CASES, name), () => {}, reading);
        if (users instanceof RegExp) {
          await assert.rejects(looked, (error) => error instanceof SourceError && users.test(error.message));
          return;
        }
        const found = await looked;
        try {
          assert.deepEqual([found.users, found.invalid, found.warned], users);
          const counts = found.counts.map(({ severity, code, users }) => `${severity} ${code} ${users}`);
          assert.deepEqual(counts.sort(), expected.counts ?? []);
          assert.deepEqual(
            found.remarks.map(({ severity, code }) => `${severity} ${code}`),
            expected.remarks ?? [],
          );
          assert.deepEqual({ ...found.leftOut.readOnly, ...found.leftOut.empty }, expected.leftOut ?? {});
          assert.deepEqual([found.overridden, found.merged], [expected.overridden ?? 0, expected.merged ?? 0]);
          const told: string[] = [];
          for await (const { line, path: at, message } of found.problems()) told.push(`:${line} ${at} ${message}`);
          for (const text of expected.told ?? [])
            assert.ok(
              told.some((each) => text.test(each)),
              `${text}: ${told.join("\n")}`,
            );
        } finally {
          await found.close();
        }
      });
    }
  }
});

describe("codes of the service that its page does not list", () => {
  const at = EmulatedImport.forEach();
  const input = (name: string): unknown =>
    JSON.parse(readFileSync(path.join(CASES, "34-unheard-of-codes", name), "utf8"));

  it("are explained, and their path is the record's own", async () => {
    await at().startTenant({ faults: input("faults.json") as never });
    const { failedRecords, summary } = await at().import(input("input.json") as object[]);
    assert.equal(summary.failed, 7);
    const unheardOf = explain("NOBODY_KNOWS", "insert").meaning;
    const told = failedRecords.map(({ code, path: where, message }) => {
      assert.notEqual(explain(code, "insert").meaning, unheardOf, code);
      assert.doesNotMatch(message, /identities|profileData|passwordHash/);
      return `${code} ${where ?? ""}`.trim();
    });
    assert.deepEqual(told, [
      ...["OBJECT_ADDITIONAL_PROPERTIES", "ONE_OF_MISSING", "ARRAY_UNIQUE", "MULTIPLE_OF"],
      ...["INVALID_FORMAT email", "PATTERN password_hash", "OBJECT_PROPERTIES_MINIMUM"],
    ]);
  });
});
