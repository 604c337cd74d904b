import assert from "node:assert/strict";
import { examine, type ReadingOptions } from "../../cli/examine";
import { jsonText } from "../../provider/json/exactNumber";
import { SourceReader } from "../../provider/plan/readSource";
import { openSource } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

const BIG = "15793596808644611";
const known = '"email_verified":true';

describe("what parsing a record would lose", () => {
  let folder: UsersFolder;
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(() => folder.remove());

  /** What `validate` warns of, without the codes of other subjects. */
  async function warned(content: string | readonly string[], reading: ReadingOptions = {}): Promise<string[]> {
    const names: string[] = [];
    for (const [i, text] of [content].flat().entries()) names.push(await folder.write(`${i}`, text));
    const examination = await examine(names, folder.path, () => {}, reading);
    try {
      const found: string[] = [];
      for await (const { file, line, severity, code, path } of examination.problems()) {
        if (severity === "warning") found.push(`${file}:${line} ${code} ${path}`);
      }
      const counted = examination.counts.filter(({ severity }) => severity === "warning").map(({ code }) => code);
      assert.deepEqual(new Set(found.map((each) => each.split(" ")[1])), new Set(counted));
      // A preview counts the same.
      const cwd = process.cwd();
      process.chdir(folder.path);
      try {
        const read = await SourceReader.read({
          ...{ transform: undefined, key: undefined, validate: true, unsupportedPasswordHash: "fail", batches: 1 },
          ...reading,
          patterns: names,
        });
        await read.source.close();
        assert.equal(
          [...read.notes.warnings.values()].reduce((sum, each) => sum + each, 0),
          found.length,
        );
      } finally {
        process.chdir(cwd);
      }
      return found;
    } finally {
      await examination.close();
    }
  }

  const record = (i: number, more: string) => `{"user_id":"${i}","email":"${i}@example.com",${known}${more}}`;

  it("is told with place and path, of NDJSON and of arrays, compact or not", async () => {
    const records = [
      record(1, `,"app_metadata":{"id":${BIG},"ids":["${BIG}",-${BIG}]}`),
      record(2, ',"user_metadata":{"a":1e400}'),
      record(3, ',"user_metadata":{"a":1},"user_metadata":{"b":{"c":1,"c":2}}'),
      record(
        4,
        ',"user_metadata":{"a":9007199254740991,"b":1.5e10,"c":"\\"a\\":1,\\"a\\":2","d":"00000000000000000000"}',
      ),
    ];
    const told = (lines: readonly number[]) => [
      `0:${lines[0]} INEXACT_NUMBER app_metadata.id`,
      `0:${lines[0]} INEXACT_NUMBER app_metadata.ids[1]`,
      `0:${lines[1]} INEXACT_NUMBER user_metadata.a`,
      `0:${lines[2]} DUPLICATED_KEY user_metadata`,
      `0:${lines[2]} DUPLICATED_KEY user_metadata.b.c`,
    ];
    assert.deepEqual(await warned(records.join("\n")), told([1, 2, 3]));
    assert.deepEqual(await warned(`[\n${records.join(",\n")}]`), told([2, 3, 4]));
    // As Python writes it, and with what an export has besides.
    const spaced = records.map((each) => each.replaceAll(/":(?=\S)/g, '": ').replaceAll(',"', ', "'));
    assert.deepEqual(await warned(spaced.join("\n")), told([1, 2, 3]));
    const exported = records.map((each) => each.replace('"user_id":"', '"logins_count":3,"name":"","user_id":"auth0|'));
    assert.deepEqual(await warned(exported.join("\n")), told([1, 2, 3]));
  });

  it("is told of JSON in the cells of a table", async () => {
    const csv = `user_id,email,email_verified,app_metadata,user_metadata.ids\n1,a@b.co,t,"{""id"":${BIG}}","[1,{""a"":1,""a"":2}]"\n2,c@d.eu,t,,${BIG}\n`;
    assert.deepEqual(await warned(csv), [
      "0:2 INEXACT_NUMBER app_metadata.id",
      "0:2 DUPLICATED_KEY user_metadata.ids[1].a",
    ]);
    const [first] = await folder.read([await folder.write("users.csv", csv)]);
    assert.match(jsonText(first?.user), new RegExp(`"app_metadata":\\{"id":${BIG}\\}`));
  });

  it("is told of what a transform gets, which is rounded", async () => {
    const transform = await folder.write(
      "map.cjs",
      "module.exports = ({ id, ...user }) => ({ ...user, user_id: String(id), app_metadata: { kind: typeof id } });",
    );
    const content = `{"id":${BIG},"email":"a@b.co",${known},"email":"c@d.eu"}\n{"id":1,"email":"e@f.org",${known}}\n`;
    assert.deepEqual(await warned(content, { transform }), ["0:1 INEXACT_NUMBER id", "0:1 DUPLICATED_KEY email"]);
    const [first] = await folder.read([await folder.write("users", content)], { transform });
    assert.deepEqual(first?.user, {
      email: "c@d.eu",
      email_verified: true,
      user_id: String(Number(BIG)),
      app_metadata: { kind: "number" },
    });
    assert.match(jsonText(first?.raw), new RegExp(`^\\{"id":${BIG},`));
  });

  it("is told of each part of a merged record", async () => {
    const parts = [record(1, `,"app_metadata":{"id":${BIG}}`), record(1, ',"name":"A","name":"B"')];
    assert.deepEqual(await warned(parts, { merge: true }), [
      "1:1 INEXACT_NUMBER app_metadata.id",
      "1:1 DUPLICATED_KEY name",
    ]);
    assert.deepEqual(await warned(parts), ["1:1 DUPLICATED_KEY name"]);
  });

  it("is kept of numbers, where records are read to be sent", async () => {
    const content = [record(1, `,"app_metadata":{"id":${BIG}}`), record(2, ',"user_metadata":{"a":-1E400}')];
    const source = await openSource([await folder.write("users", content.join("\n"))], folder.path);
    const texts: string[] = [];
    for await (const { user } of source.records()) texts.push(jsonText(user));
    await source.close();
    assert.deepEqual(texts, content);
  });

  it("is told as a number in the place of an id", async () => {
    const content = `{"user_id":${BIG},"email":"a@b.co",${known},"user_metadata":${BIG},"mfa_factors":${BIG}}`;
    const examination = await examine([await folder.write("users", content)], folder.path, () => {});
    assert.deepEqual(
      examination.counts.map(({ code }) => code),
      ["INVALID_TYPE", "INEXACT_NUMBER"],
    );
    await examination.close();
  });
});

describe("a profile that is larger than Auth0 takes from 2027-03-04 on", () => {
  let folder: UsersFolder;
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(() => folder.remove());

  it("is told, whatever the hash takes, and is sent", async () => {
    const user = (notes: number) => ({
      email: `${notes}@example.com`,
      email_verified: true,
      user_metadata: { notes: "é".repeat(notes) },
    });
    const hash = { algorithm: "bcrypt", hash: { value: `$2b$12$${"a".repeat(53)}` } };
    const of = (notes: number) => Buffer.byteLength(JSON.stringify(user(notes)));
    const most = Array.from({ length: 6_000 }, (_, notes) => notes).findLast((notes) => of(notes) <= 10 * 1024) ?? 0;
    const users = [user(most - 1), { ...user(most), custom_password_hash: hash }, user(most + 1)];
    const examination = await examine(
      [await folder.write("users", users.map((each) => JSON.stringify(each)).join("\n"))],
      folder.path,
      () => {},
    );
    const found: string[] = [];
    for await (const { line, severity, code, path, message } of examination.problems()) {
      found.push(`${line} ${severity} ${code} ${path}: ${message}`);
    }
    await examination.close();
    assert.deepEqual(found, [
      "3 warning PROFILE_SIZE_EXCEEDED : is larger than 10 KB without its hash and factors. Auth0 refuses that from 2027-03-04 on; how it measures is not told",
    ]);
  });
});
