import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { appendFile, mkdir, readdir, readlink, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { type OpenSourceOptions, openSource, type Source, SourceError, type SourceRecord } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

/** Stands for what must never show up in a message. */
const SECRET = "s3cret-pers0n";
const JANE = `{"email":"jane-${SECRET}@example.com"}`;
const JOHN = `{"username":"john-${SECRET}","name":"Zoë 😀 \\"\\\\"}`;
const jane: unknown = JSON.parse(JANE);
const john: unknown = JSON.parse(JOHN);
const NOT_USERS =
  "not a users file: neither a JSON array, nor NDJSON, nor CSV with a header that names attributes of users";
const NO_LIST = `users.json: ${NOT_USERS}`;
const NO_HEADER = `users.json:1:1: ${NOT_USERS}`;

describe("openSource", () => {
  let folder: UsersFolder;
  const opened: Source[] = [];
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(async () => {
    for (const source of opened.splice(0)) {
      await source.close();
    }
    await folder.remove();
  });

  async function open(patterns: string[], options?: OpenSourceOptions): Promise<Source> {
    const source = await openSource(patterns, folder.path, options);
    opened.push(source);
    return source;
  }

  async function openText(content: string | Uint8Array, options?: OpenSourceOptions): Promise<Source> {
    return open([await folder.write("users.json", content)], options);
  }

  async function refusal(patterns: string[], options?: OpenSourceOptions): Promise<SourceError> {
    const error = await openSource(patterns, folder.path, options).catch((caught: unknown) => caught);
    assert(error instanceof SourceError, `accepted, or failed otherwise: ${inspect(error)}`);
    assert(!inspect(error, { depth: 9, showHidden: true }).includes(SECRET), "the error quotes a record");
    return error;
  }

  async function refusalOf(content: string | Uint8Array, options?: OpenSourceOptions): Promise<string> {
    return (await refusal([await folder.write("users.json", content)], options)).message;
  }

  describe("takes", () => {
    const texts: Record<string, [content: string | Uint8Array, lines: [number, number]]> = {
      "a compact array": [`[${JANE},${JOHN}]`, [1, 1]],
      "an array with a record on each line": [`[\n${JANE},\n${JOHN}\n]\n`, [2, 3]],
      "a pretty array": [JSON.stringify([jane, john], null, 2), [2, 5]],
      "an array among blanks, behind a byte order mark": [`\u{feff} \r\n\t[ ${JANE}\n , ${JOHN} ] \n\n`, [2, 3]],
      NDJSON: [`${JANE}\n${JOHN}\n`, [1, 2]],
      "NDJSON without a last line end": [`${JANE}\n${JOHN}`, [1, 2]],
      "NDJSON with CRLF and blank lines": [`\r\n${JANE}\r\n\r\n \t\r\n ${JOHN} \r\n\r\n`, [2, 5]],
      "NDJSON behind a byte order mark": [`\u{feff}${JANE}\n${JOHN}\n`, [1, 2]],
      "a gzipped array": [gzipSync(`[${JANE},\n${JOHN}]`), [1, 2]],
      "gzipped NDJSON": [gzipSync(`${JANE}\n${JOHN}\n`), [1, 2]],
      "gzip in several members": [Buffer.concat([gzipSync(JANE), gzipSync("\n"), gzipSync(JOHN)]), [1, 2]],
    };
    for (const [what, [content, lines]] of Object.entries(texts)) {
      it(what, async () => {
        const seen: SourceRecord[] = [];
        const source = await openText(content, { onRecord: (record) => seen.push(record) });
        const expected = [
          { index: 0, file: "users.json", line: lines[0], user: jane, raw: jane },
          { index: 1, file: "users.json", line: lines[1], user: john, raw: john },
        ];
        assert.deepEqual(seen.map(withoutBytes), expected);
        const bytes = Buffer.from(content);
        const text = bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
        assert.deepEqual(
          seen.map(({ offset, byteLength }) => JSON.parse(text.toString("utf8", offset, offset + byteLength))),
          [jane, john],
        );
        assert.deepEqual(await collect(source.records()), seen);
        assert.deepEqual([await source.read(0), await source.read(1)], seen);
      });

      it(`${what}, whatever it is read by`, async () => {
        const name = await folder.write("users.json", content);
        for (let chunkBytes = 1; chunkBytes <= 70; chunkBytes++) {
          const source = await open([name], { limits: { chunkBytes } });
          const records = await collect(source.records());
          assert.deepEqual(
            records.map(({ line, user }) => ({ line, user })),
            [
              { line: lines[0], user: jane },
              { line: lines[1], user: john },
            ],
            `${chunkBytes} bytes at once`,
          );
        }
      });
    }

    it("a single object on one line, which is NDJSON with one record", async () => {
      const source = await openText(JANE);
      assert.equal(source.users, 1);
      assert.deepEqual(withoutBytes(await source.read(0)), {
        index: 0,
        file: "users.json",
        line: 1,
        user: jane,
        raw: jane,
      });
    });

    it("several files, numbered through, among them empty ones", async () => {
      await folder.write("1.json", "[]");
      await folder.write("2.json", `${JANE}\n${JOHN}\n`);
      await folder.write("3.json", " \n");
      await folder.write("4.json", gzipSync(`[\n${JOHN}]`));
      const source = await open(["*.json"]);
      assert.equal(source.users, 3);
      assert.deepEqual(
        (await collect(source.records())).map(({ index, file, line }) => ({ index, file, line })),
        [
          { index: 0, file: "2.json", line: 1 },
          { index: 1, file: "2.json", line: 2 },
          { index: 2, file: "4.json", line: 2 },
        ],
      );
    });

    it("any one of the four identities, in any one record", async () => {
      for (const identity of ["email", "user_id", "username", "phone_number"]) {
        const source = await openText(`[{"name":"x"},{"${identity}":"x"}]`);
        assert.equal(source.users, 2, identity);
      }
    });

    it("a key __proto__ as any other", async () => {
      const source = await openText('{"email":"x","__proto__":{"blocked":true}}');
      const { user } = await source.read(0);
      assert.deepEqual(Object.keys(user), ["email", "__proto__"]);
      assert.equal(Object.getPrototypeOf(user), Object.prototype);
    });

    it("nesting, as deep as can be sent again", async () => {
      const depth = 490;
      const source = await openText(`[{"email":"x","a":${"[".repeat(depth)}${"]".repeat(depth)}}]`);
      assert.equal((await source.read(0)).byteLength, 2 * depth + 18);
    });
  });

  describe("gives back", () => {
    const users = Array.from({ length: 1000 }, (_, number) => ({
      user_id: `${number}`,
      name: "é".repeat(number % 70),
    }));

    it("just the selected records, in order", async () => {
      const source = await openText(users.map((user) => `${JSON.stringify(user)}\n`).join(""));
      const select = (index: number) => index % 7 === 3 || (index > 400 && index < 500);
      assert.deepEqual(
        (await collect(source.records(select))).map(({ user }) => user),
        users.filter((_, index) => select(index)),
      );
      assert.deepEqual(await collect(source.records(() => false)), []);
    });

    it("records that lie far apart", async () => {
      const gap = "\n".repeat(200_000);
      const source = await openText(`${JANE}${gap}${JOHN}${gap}${JANE}`);
      assert.deepEqual(
        (await collect(source.records())).map(({ line, user }) => ({ line, user })),
        [
          { line: 1, user: jane },
          { line: 200_001, user: john },
          { line: 400_001, user: jane },
        ],
      );
    });

    it("several selections at the same time", async () => {
      const source = await openText(JSON.stringify(users), { limits: { chunkBytes: 100 } });
      const shares = await Promise.all(
        [0, 1, 2].map((share) => collect(source.records((index) => index % 3 === share))),
      );
      for (const [share, records] of shares.entries()) {
        assert.deepEqual(
          records.map(({ user }) => user),
          users.filter((_, index) => index % 3 === share),
        );
      }
    });
  });

  describe("refuses", () => {
    const gzipped = gzipSync(`${JANE}\n`.repeat(100));
    const flipped = Buffer.from(gzipped);
    flipped[flipped.length - 6] = ~(flipped[flipped.length - 6] as number);

    const cases: Record<string, [content: string | Uint8Array, message: string]> = {
      "a record that is nested too deeply": [
        `{"email":"a@example.com","user_metadata":${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
        "users.json:1:1: record is nested more than 500 levels deep",
      ],
      "an empty file": ["", "users.json: there is nothing in this file"],
      "a blank file": ["\u{feff} \r\n\n", "users.json: there are no users in this file"],
      "an empty array": [" [ ] ", "users.json: there are no users in this file"],
      "an empty gzip file": [gzipSync(""), "users.json: there are no users in this file"],

      "NDJSON with a malformed line": [
        `${JANE}\n{"email":"${SECRET}" "name":1}\n${JOHN}\n`,
        "users.json:2:26: not valid JSON: comma expected",
      ],
      "NDJSON with a line cut off": [
        `${JANE}\r\n\r\n{"email":"${SECRET}"`,
        "users.json:3:25: not valid JSON: closing brace expected",
      ],
      "NDJSON with a line cut off behind a comma": [
        `${JANE}\n{"a":"${SECRET}",\n${JOHN}\n`,
        "users.json:2:22: not valid JSON: property name expected",
      ],
      "NDJSON with commas between the lines": [
        `${JANE},\n${JOHN}\n`,
        `users.json:1:${JANE.length + 1}: not valid JSON: more text after the end of the record`,
      ],
      "NDJSON with two records on a line": [
        `${JANE}\n${JANE} ${JOHN}\n`,
        `users.json:2:${JANE.length + 2}: not valid JSON: more text after the end of the record`,
      ],
      "a line that is no object": [
        `${JANE}\n"${SECRET}"\n[${JANE}]\nnull\n12\ntrue\n`,
        [
          "users.json:2:1: record is a string, not a JSON object",
          "users.json:3:1: record is an array, not a JSON object",
          "users.json:4:1: record is null, not a JSON object",
          "users.json:5:1: record is a number, not a JSON object",
          "users.json:6:1: record is a boolean, not a JSON object",
        ].join("\n"),
      ],
      "columns count as an editor does": [
        `\u{feff}{"é":1,"😀":2,"x":${SECRET}}\n${JANE}\n`,
        "users.json:1:19: not valid JSON: unexpected word or character",
      ],
      comments: [`${JANE}\n{/* ${SECRET} */}`, "users.json:2:2: not valid JSON: comments are not allowed"],

      "an array with a malformed record": [
        `[\n  ${JANE},\n  {\n    "é": 1,\n    email: "${SECRET}"\n  }\n]`,
        "users.json:5:5: not valid JSON: unexpected word or character",
      ],
      "a compact array with a malformed record": [
        `[${JANE},{"é":1,,"${SECRET}":2}]`,
        `users.json:1:${JANE.length + 10}: not valid JSON: property name expected`,
      ],
      "an array with a quote missing": [
        `[\n{"email":"${SECRET}},\n${JANE},\n${JOHN}\n]`,
        "users.json:2:10: not valid JSON: string is not closed",
      ],
      "an array with a brace missing": [
        `[\n{"email":"${SECRET}",\n${JANE}\n]`,
        "users.json:3:1: not valid JSON: property name expected",
      ],
      "an array with a brace missing at its end": [
        `[${JANE},{"name":"${SECRET}"]`,
        `users.json:1:${JANE.length + 3 + `{"name":"${SECRET}"`.length}: not valid JSON: comma expected`,
      ],
      "an array without commas": [
        `[\n${JANE}\n${JOHN}]`,
        "users.json:3:1: not valid JSON: comma or closing bracket expected",
      ],
      "an array with a comma too many": [`[${JANE},\n]`, "users.json:2:1: not valid JSON: value expected"],
      "an array with two commas": [`[${JANE},\n,${JOHN}]`, "users.json:2:1: not valid JSON: value expected"],
      "an array that starts with a comma": ["[,]", "users.json:1:2: not valid JSON: value expected"],
      "an array that ends behind a record": [
        `[${JANE},\n${JANE}`,
        `users.json:2:${JANE.length + 1}: cut off: the ] that closes the array is missing`,
      ],
      "an array that ends behind a comma": [
        `[${JANE},\n`,
        "users.json:2:1: cut off: the ] that closes the array is missing",
      ],
      "an array that ends inside of a record": [
        `[${JANE},\n{"email":"${SECRET}`,
        `users.json:2:${11 + SECRET.length}: cut off: the ] that closes the array is missing`,
      ],
      "an array that ends inside of a character": [
        Buffer.from(`[${JANE},\n{"email":"é`).subarray(0, -1),
        "users.json:2:12: cut off: the ] that closes the array is missing",
      ],
      "an array that ends inside of a word": [
        `[${JANE},\ntru`,
        "users.json:2:4: cut off: the ] that closes the array is missing",
      ],
      "a bracket alone": ["[", "users.json:1:2: cut off: the ] that closes the array is missing"],
      "an array with something behind it": [
        `[${JANE}]\n${SECRET}`,
        "users.json:2:1: not valid JSON: more text after the end of the array",
      ],
      "two arrays": [
        `[${JANE}][${JOHN}]`,
        `users.json:1:${JANE.length + 3}: not valid JSON: more text after the end of the array`,
      ],
      "an element that is no object": [
        `[${JANE},\n"${SECRET}",\n[${JANE}],\nnull , 12,true]`,
        [
          "users.json:2:1: record is a string, not a JSON object",
          "users.json:3:1: record is an array, not a JSON object",
          "users.json:4:1: record is null, not a JSON object",
          "users.json:4:8: record is a number, not a JSON object",
          "users.json:4:11: record is a boolean, not a JSON object",
        ].join("\n"),
      ],

      "gzip that is cut off": [gzipped.subarray(0, -12), "users.json: gzip data is cut off"],
      "gzip with a wrong checksum": [flipped, "users.json: gzip data is corrupt"],
      "gzip with another member cut off": [
        Buffer.concat([gzipped, gzipped.subarray(0, 5)]),
        "users.json: gzip data is cut off",
      ],
      "gzip with something behind it": [
        Buffer.concat([gzipped, Buffer.from(JANE)]),
        "users.json: gzip data is corrupt",
      ],
      "gzip with a member that hides behind zeros": [
        Buffer.concat([gzipped, Buffer.alloc(3), gzipped]),
        "users.json: gzip data is followed by something else",
      ],
      "malformed JSON in gzip": [
        gzipSync(`${JANE}\n{"a":${SECRET}}\n`),
        "users.json:2:6: not valid JSON: unexpected word or character",
      ],
      "gzip in gzip": [gzipSync(gzipped), NO_HEADER],

      "invalid UTF-8 in NDJSON": [
        Buffer.concat([Buffer.from(`${JANE}\n{"é":"�`), Buffer.from([0xc3, 0x28]), Buffer.from(`${SECRET}"}\n`)]),
        `users.json:2:8: not valid UTF-8 at byte ${JANE.length + 1 + 10}`,
      ],
      "invalid UTF-8 in an array": [
        Buffer.concat([Buffer.from("[\n{\n"), Buffer.from([0xff]), Buffer.from(`"${SECRET}":1}]`)]),
        "users.json:3:1: not valid UTF-8 at byte 4",
      ],
      "UTF-8 of half a pair": [
        Buffer.concat([Buffer.from('{"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('":1}')]),
        "users.json:1:3: not valid UTF-8 at byte 2",
      ],

      "one object over several lines": [JSON.stringify(jane, null, 2), NO_LIST],
      "objects over several lines": [`${JSON.stringify(jane, null, 2)}\n${JSON.stringify(john, null, 2)}\n`, NO_LIST],
      XML: [`<users><user email="${SECRET}"/></users>`, NO_HEADER],
      text: [`Dear ${SECRET},\n`, NO_HEADER],
      "text that starts with a bracket": [`[${SECRET}]\nkey=value\n`, NO_LIST],
      "a JSON string": [`"${SECRET}"`, NO_HEADER],
      "UTF-16": [Buffer.from(`\u{feff}[${JANE}]`, "utf16le"), "users.json: not a users file: UTF-16, not UTF-8"],
      "a ZIP archive": [Buffer.from("504b0304140000000800", "hex"), NO_HEADER],
      "half a byte order mark": [Buffer.from([0xef, 0xbb]), NO_LIST],
      "half a byte order mark before an array": [Buffer.from([0xef, 0xbb, 0x5b, 0x5d]), NO_HEADER],

      "objects that are no users": [
        `[{"id":"${SECRET}","email":null},{"user_id":7}]`,
        "users.json: no record has email, user_id, username or phone_number: this is not a file of users",
      ],
    };
    for (const [what, [content, message]] of Object.entries(cases)) {
      it(what, async () => {
        assert.equal(await refusalOf(content), message);
        for (const chunkBytes of [1, 2, 3, 5, 7]) {
          assert.equal(await refusalOf(content, { limits: { chunkBytes } }), message, `${chunkBytes} bytes at once`);
        }
      });
    }

    describe("a record larger than the limit", () => {
      const maxRecordBytes = 2 ** 20;
      const large = `{"email":"${SECRET}","padding":"${"x".repeat(maxRecordBytes)}"}`;
      const chunkSizes = [4096, 2 ** 18, 2 ** 22];

      it("in NDJSON", async () => {
        for (const chunkBytes of chunkSizes) {
          const message = await refusalOf(`${JANE}\n${large}\n${JANE}\n`, { limits: { maxRecordBytes, chunkBytes } });
          assert.equal(message, "users.json:2:1: record is larger than 1 MiB");
        }
      });

      it("in an array", async () => {
        for (const chunkBytes of chunkSizes) {
          const message = await refusalOf(`[${JANE},\n ${large},${JANE}]`, { limits: { maxRecordBytes, chunkBytes } });
          assert.equal(message, "users.json:2:2: record is larger than 1 MiB");
        }
      });

      it("that goes on and on", async () => {
        const endless = `[${JANE},{"a":"${"x".repeat(2 * maxRecordBytes)}`;
        for (const chunkBytes of chunkSizes) {
          const message = await refusalOf(endless, { limits: { maxRecordBytes, chunkBytes } });
          assert.equal(message, `users.json:1:${JANE.length + 3}: record is larger than 1 MiB`);
        }
      });

      it("unless a missing quote makes it one", async () => {
        const rest = `${JANE},\n`.repeat(maxRecordBytes / JANE.length + 1);
        for (const chunkBytes of chunkSizes) {
          const message = await refusalOf(`[\n{"a":"${SECRET}},\n${rest}{}]`, {
            limits: { maxRecordBytes, chunkBytes },
          });
          assert.equal(message, "users.json:2:6: not valid JSON: string is not closed");
        }
      });

      it("but not one that is just as large", async () => {
        const { length } = large;
        const source = await openText(`[${large}]`, { limits: { maxRecordBytes: length } });
        assert.equal((await source.read(0)).byteLength, length);
        const ndjson = await openText(`${large}\n`, { limits: { maxRecordBytes: length } });
        assert.equal((await ndjson.read(0)).byteLength, length);
      });
    });

    it("malformed JSON that is nested deeply", async () => {
      assert.equal(await refusalOf(`${JANE}\n{"a":${"[".repeat(100_000)}}`), "users.json:2:1: not valid JSON");
    });

    it("a file by name, among sound ones, and goes on to the next", async () => {
      await folder.write("1.json", `[${JANE}]`);
      await folder.write("2.json", SECRET);
      await folder.write("3.json", `${JANE}\n{]\n`);
      await folder.write("4.json", gzipped.subarray(0, -1));
      const error = await refusal(["*.json"]);
      assert.deepEqual(error.problems, [
        { file: "2.json", line: 1, column: 1, message: NOT_USERS },
        { file: "3.json", line: 2, column: 2, message: "not valid JSON: property name expected" },
        { file: "4.json", message: "gzip data is cut off" },
      ]);
      assert.equal(error.total, 3);
    });

    it("with the first ten problems and the number of all", async () => {
      await folder.write("1.json", `${JANE}\n${'{"a"}\n'.repeat(7)}`);
      await folder.write("2.json", `${JANE}\n${"[]\n".repeat(20)}`);
      const error = await refusal(["*.json"]);
      assert.equal(error.total, 27);
      assert.deepEqual(
        error.problems.map(({ file, line }) => ({ file, line })),
        [2, 3, 4, 5, 6, 7, 8]
          .map((line) => ({ file: "1.json", line }))
          .concat([2, 3, 4].map((line) => ({ file: "2.json", line }))),
      );
      const lines = error.message.split("\n");
      assert.equal(lines.length, 11);
      assert.equal(lines[10], "… and 17 more");
    });

    it("with what the visitor throws", async () => {
      const stop = new Error("stop");
      const onRecord = () => {
        throw stop;
      };
      for (const content of [JANE, gzipSync(JANE)]) {
        await assert.rejects(openText(content, { onRecord }), (error) => error === stop);
      }
    });
  });

  describe("when a file changes", () => {
    const changed = {
      name: "SourceError",
      message: "users.json: changed while it was in use: run again when nothing writes to it any more",
    };

    it("in size, refuses to read on", async () => {
      const source = await openText(`${JANE}\n${JOHN}\n`);
      await appendFile(join(folder.path, "users.json"), JANE);
      await assert.rejects(source.read(0), changed);
      await assert.rejects(collect(source.records()), changed);
    });

    it("in time, refuses to read on", async () => {
      const source = await openText(`${JANE}\n${JOHN}\n`);
      await utimes(join(folder.path, "users.json"), 1, 1);
      await assert.rejects(source.read(0), changed);
      await assert.rejects(collect(source.records()), changed);
    });

    it("during the first reading, refuses it", async () => {
      const path = join(folder.path, await folder.write("users.json", `${JANE}\n`.repeat(20)));
      const onRecord = ({ index }: SourceRecord) => {
        if (index === 0) {
          appendFileSync(path, `${JANE}\n`);
        }
      };
      await assert.rejects(open(["users.json"], { onRecord, limits: { chunkBytes: 64 } }), changed);
    });

    it("by name only, goes on with the old one", async () => {
      const source = await openText(`${JANE}\n${JOHN}\n`);
      await folder.write("new.json", `${JOHN}\n`);
      await rename(join(folder.path, "new.json"), join(folder.path, "users.json"));
      assert.deepEqual((await source.read(0)).user, jane);
    });

    it("and is gzipped, goes on with what it has unpacked", async () => {
      const source = await openText(gzipSync(`${JANE}\n${JOHN}\n`));
      await rm(join(folder.path, "users.json"));
      assert.deepEqual(
        (await collect(source.records())).map(({ user }) => user),
        [jane, john],
      );
    });
  });

  // Elsewhere an open file can't be without a name, and there is no list of open files.
  if (process.platform === "linux") {
    describe("leaves behind", () => {
      const { TMPDIR } = process.env;
      beforeEach(async () => {
        process.env.TMPDIR = join(folder.path, "tmp");
        await mkdir(process.env.TMPDIR);
      });
      afterEach(() => {
        if (TMPDIR === undefined) {
          delete process.env.TMPDIR;
        } else {
          process.env.TMPDIR = TMPDIR;
        }
      });

      /** Which files of the test's folder this process has open, with their permissions. */
      async function openFiles(): Promise<{ file: string; mode: number }[]> {
        const files = [];
        for (const descriptor of await readdir("/proc/self/fd")) {
          const link = `/proc/self/fd/${descriptor}`;
          const target = await readlink(link).catch(() => "");
          if (target.startsWith(folder.path)) {
            files.push({ file: target.slice(folder.path.length + 1), mode: (await stat(link)).mode & 0o777 });
          }
        }
        return files;
      }

      it("no name on disk for what it unpacks, which only this user may read", async () => {
        await openText(gzipSync(JANE));
        assert.deepEqual(await readdir(join(folder.path, "tmp")), []);
        const unpacked = (await openFiles()).filter(({ file }) => file.startsWith("tmp/"));
        assert.equal(unpacked.length, 1);
        assert.match(unpacked[0]?.file ?? "", / \(deleted\)$/);
        assert.equal(unpacked[0]?.mode, 0o600);
      });

      it("no open file once it is closed", async () => {
        const source = await openText(gzipSync(JANE));
        await source.close();
        assert.deepEqual(await openFiles(), []);
      });

      it("no open file when it fails", async () => {
        for (const content of [SECRET, `${JANE}\n{`, gzipSync(SECRET), gzipSync(JANE).subarray(0, -1)]) {
          await refusalOf(content);
          assert.deepEqual(await openFiles(), []);
        }
        const onRecord = () => {
          throw new Error();
        };
        await assert.rejects(openText(gzipSync(JANE), { onRecord }));
        assert.deepEqual(await openFiles(), []);
      });

      it("nothing when there is no room to unpack", async () => {
        process.env.TMPDIR = join(folder.path, "none");
        assert.equal(
          await refusalOf(gzipSync(JANE)),
          "users.json: can't be unpacked to a temporary file (in TMPDIR): no such file or directory",
        );
        assert.deepEqual(await openFiles(), []);
      });
    });
  }
});

async function collect(records: AsyncIterable<SourceRecord>): Promise<SourceRecord[]> {
  const collected = [];
  for await (const record of records) {
    collected.push(record);
  }
  return collected;
}

function withoutBytes({
  offset: _offset,
  byteLength: _length,
  ...record
}: SourceRecord): Omit<SourceRecord, "offset" | "byteLength"> {
  return record;
}
