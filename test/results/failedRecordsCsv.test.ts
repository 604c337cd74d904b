import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { type FailedRow, removeFailedRecordsCsv, writeFailedRecordsCsv } from "../../provider/results/failedRecordsCsv";
import { removeFailedRecords, writeFailedRecords } from "../../provider/results/failedRecordsFile";
import { FAILED_RECORDS_CSV } from "../../provider/results/resultsFolder";
import { Running } from "../support/run";

const HEADER = ["file", "line", "identity", "code", "path", "message", "retry helps", "what to do"];

const row: FailedRow = {
  file: "export/a.ndjson",
  line: 12,
  identity: "email:jane.doe@example.com",
  code: "FORMAT",
  path: "email",
  message: "Error in email property - Object didn't pass validation for format email: jane.doe@example.com",
};

describe("failed-records.csv", () => {
  let folder: string;
  beforeEach(() => {
    folder = path.join(mkdtempSync(path.join(tmpdir(), "user-import-csv-")), "results");
  });
  afterEach(() => rmSync(path.dirname(folder), { recursive: true }));

  const text = () => readFileSync(path.join(folder, FAILED_RECORDS_CSV), "utf8");
  const cells = () => parse(text(), { bom: true }) as string[][];
  async function write(...rows: FailedRow[]): Promise<string[][]> {
    await writeFailedRecordsCsv(folder, from(rows));
    return cells();
  }

  it("tells of each record where it is, who, why, and what to do", async () => {
    const [header, ...lines] = await write(
      row,
      { file: "b.json", line: 1, code: "DUPLICATED_USER", kind: "upsert", identity: "phone_number:+12125550001" },
      { file: "b.json", line: 2, code: "MFA_FACTORS_FAILED", message: 'Unable to "import", factors' },
    );
    assert.deepEqual(header, HEADER);
    assert.deepEqual(
      lines.map((line) => line.slice(0, 7)),
      [
        ["export/a.ndjson", "12", "email:ja***@ex***", "FORMAT", "email", lines[0]?.[5], "no"],
        ["b.json", "1", "phone_number:***01", "DUPLICATED_USER", "", "", "no"],
        ["b.json", "2", "", "MFA_FACTORS_FAILED", "", 'Unable to "import", factors', "yes"],
      ],
    );
    assert.match(lines[0]?.[7] ?? "", /^Correct it in the users file/);
    assert.match(lines[1]?.[7] ?? "", /^Remove the leftover with `DELETE/);
  });

  it("is for its owner only, whole, and opens in Excel", async () => {
    await write(row);
    assert.equal(statSync(path.join(folder, FAILED_RECORDS_CSV)).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.ok(text().startsWith("\ufeff"));
    const before = text();
    async function* broken(): AsyncIterable<FailedRow> {
      yield row;
      throw new Error("the source can't be read");
    }
    await assert.rejects(writeFailedRecordsCsv(folder, broken()), /the source can't be read/);
    assert.deepEqual(readdirSync(folder), [FAILED_RECORDS_CSV]);
    assert.equal(text(), before);
  });

  it("removes what a killed process left of it, and leaves what another one is writing", async () => {
    await write(row);
    const died = new Running(process.execPath, ["--version"]);
    await died.finished;
    const names = [`${FAILED_RECORDS_CSV}.${died.pid}.00112233.tmp`, `${FAILED_RECORDS_CSV}.${process.pid}.tmp`];
    const writing = `${FAILED_RECORDS_CSV}.${process.pid}.44556677.tmp`;
    const others = `failed-records.json.${died.pid}.00112233.tmp`;
    for (const name of [...names, writing, others]) writeFileSync(path.join(folder, name), "");
    const longAgo = new Date(Date.now() - 120_000);
    // The number of a process that died goes to another one, above all in containers.
    utimesSync(path.join(folder, names[1] as string), longAgo, longAgo);
    await write(row);
    assert.deepEqual(readdirSync(folder).sort(), [FAILED_RECORDS_CSV, writing, others].sort());
    await removeFailedRecordsCsv(folder);
    assert.deepEqual(readdirSync(folder).sort(), [writing, others].sort());
  });

  it("holds nothing personal, wherever the service's message quotes it", async () => {
    const user = {
      email: "jane.doe@example.com",
      name: "Jane Doe",
      custom_password_hash: { hash: { value: "$2b$10$abcdefghijklmnopqrstuv" } },
      user_metadata: { plan: "gold", "jane@work.example": 1 },
    };
    await write({
      ...row,
      path: "user_metadata.jane@work.example",
      message: "User JANE DOE (Jane.Doe@example.com, gold), hash $2b$10$abcdefghijklmnopqrstuv, is wrong",
      user,
    });
    for (const secret of ["jane", "doe", "example.com", "gold", "$2b$", "abcdef", "work.example"]) {
      assert.ok(!text().toLowerCase().includes(secret), secret);
    }
  });

  it("holds nothing that a spreadsheet takes for a formula, whatever it takes for separators", async () => {
    const hostile = fc.oneof(
      fc.string({ unit: fc.constantFrom(..."=+-@\t\r\n ,;|\"'a1＝＋－＠\u0000") }),
      fc.string({ unit: "grapheme" }),
    );
    const hostileRow = fc.record({ file: hostile, line: fc.nat(), code: hostile, path: hostile, message: hostile });
    await fc.assert(
      fc.asyncProperty(fc.array(hostileRow, { maxLength: 5 }), hostile, async (rows, identity) => {
        const [header, ...lines] = await write(...rows.map((each) => ({ ...each, identity })));
        assert.deepEqual(header, HEADER);
        assert.equal(lines.length, rows.length);
        for (const cell of lines.flat()) {
          for (const part of cell.split(/[,;|\t\r\n"]/)) assert.doesNotMatch(part, /^\s*[=+\-@＝＋－＠]/, cell);
        }
      }),
    );
  });

  it("gives every other text back as it was", async () => {
    const harmless = fc
      .string({ unit: "grapheme" })
      .map((text) => text.replace(/[=+\-@＝＋－＠\p{Cc}\u2028\u2029]/gu, "x"));
    await fc.assert(
      fc.asyncProperty(harmless, async (file) => {
        assert.equal((await write({ ...row, file }))[1]?.[0], file);
      }),
    );
    assert.equal((await write({ ...row, file: "a-b=c" }))[1]?.[0], "a-b=c");
    assert.equal((await write({ ...row, file: "=1+1" }))[1]?.[0], "'=1+1");
  });
});

describe("failed-records.json", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "user-import-failed-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is an array that imports as it is, a record a line, for its owner only", async () => {
    const file = path.join(folder, "failed-records.json");
    for (const users of [[], [{ email: "a@example.com" }], [{ email: "a@example.com" }, { name: "‹B›\n" }]]) {
      await writeFailedRecords(folder, from(users));
      const text = readFileSync(file, "utf8");
      assert.deepEqual(JSON.parse(text), users);
      assert.equal(text.trimEnd().split("\n").length, users.length === 0 ? 1 : users.length + 2);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    }
    await removeFailedRecords(folder);
    assert.deepEqual(readdirSync(folder), []);
  });
});

async function* from<T>(values: readonly T[]): AsyncIterable<T> {
  yield* values;
}
