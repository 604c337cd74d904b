import assert from "node:assert/strict";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { type OpenSourceOptions, openSource, SourceError } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

/** Stands for what must never show up in a message. */
const SECRET = "s3cret-pers0n";

describe("openSource, CSV", () => {
  let folder: UsersFolder;
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(() => folder.remove());

  async function read(content: string | Uint8Array, options?: OpenSourceOptions) {
    return folder.read([await folder.write("users.csv", content)], options);
  }
  const usersOf = async (content: string | Uint8Array) => (await read(content)).map(({ user }) => user);

  async function refusal(content: string | Uint8Array, options?: OpenSourceOptions): Promise<string> {
    await folder.write("users.csv", content);
    const error = await openSource(["users.csv"], folder.path, options).catch((caught: unknown) => caught);
    assert(error instanceof SourceError, `accepted, or failed otherwise: ${inspect(error)}`);
    assert(!inspect(error, { depth: 9, showHidden: true }).includes(SECRET), "the error quotes a record");
    return error.message;
  }

  describe("takes", () => {
    const jane = { email: "jane@example.com", name: "Doe, Jane", nickname: 'the "J"\r\nfrom Köln 😀' };
    const john = { email: "john@example.com", name: "John", nickname: ";" };
    const texts: Record<string, [content: string | Uint8Array, lines: [number, number]]> = {
      commas: [
        `email,name,nickname\njane@example.com,"Doe, Jane","the ""J""\r\nfrom Köln 😀"\njohn@example.com,John,;\n`,
        [2, 4],
      ],
      "semicolons, CRLF, a byte order mark, and all in quotes": [
        `\u{feff}"email";"name";"nickname"\r\n"jane@example.com";"Doe, Jane";"the ""J""\r\nfrom Köln 😀"\r\n"john@example.com";"John";";"\r\n`,
        [2, 4],
      ],
      "tabs, and no last line end": [
        `email\tname\tnickname\njane@example.com\tDoe, Jane\t"the ""J""\r\nfrom Köln 😀"\njohn@example.com\tJohn\t;`,
        [2, 4],
      ],
      "rows of nothing but delimiters and blanks": [
        `\r\n \nemail , name , nickname\n,,\n\njane@example.com,"Doe, Jane","the ""J""\r\nfrom Köln 😀"\n  \n , ,\njohn@example.com,John,;\n,,\r\n;;;\n`,
        [6, 10],
      ],
    };
    for (const [what, [content, lines]] of Object.entries(texts)) {
      it(what, async () => {
        for (const bytes of [content, gzipSync(content)]) {
          const records = await read(bytes);
          assert.deepEqual(
            records.map(({ index, file, line, user, raw }) => ({ index, file, line, user, raw })),
            [
              { index: 0, file: "users.csv", line: lines[0], user: jane, raw: jane },
              { index: 1, file: "users.csv", line: lines[1], user: john, raw: john },
            ],
          );
          for (let chunkBytes = 1; chunkBytes <= 80; chunkBytes++) {
            assert.deepEqual(await read(bytes, { limits: { chunkBytes } }), records, `${chunkBytes} bytes at once`);
          }
        }
      });
    }

    it("one column", async () => {
      assert.deepEqual(await usersOf("email\na@example.com\n\nb;c@example.com\n"), [
        { email: "a@example.com" },
        { email: "b;c@example.com" },
      ]);
    });

    it("files beside others, each with columns of its own", async () => {
      await folder.write("1.csv", "email,name\na@example.com,A\n");
      await folder.write("2.json", '[{"email":"b@example.com"}]');
      await folder.write("3.csv", "name;email\nC;c@example.com\n");
      assert.deepEqual(
        (await folder.read(["*"])).map(({ index, file, line, user }) => ({ index, file, line, user })),
        [
          { index: 0, file: "1.csv", line: 2, user: { email: "a@example.com", name: "A" } },
          { index: 1, file: "2.json", line: 1, user: { email: "b@example.com" } },
          { index: 2, file: "3.csv", line: 2, user: { name: "C", email: "c@example.com" } },
        ],
      );
    });
  });

  describe("reads a cell as", () => {
    const cell = async (column: string, text: string) => {
      const [user] = await usersOf(`email,${column}\na@example.com,"${text.replaceAll('"', '""')}"\n`);
      const { email: _, ...rest } = user ?? {};
      return rest;
    };

    it("absent, where it is empty", async () => {
      for (const column of ["name", "email_verified", "user_metadata", "user_metadata.a.b"]) {
        assert.deepEqual(await cell(column, ""), {}, column);
      }
    });

    it("a boolean", async () => {
      for (const column of ["email_verified", "phone_verified", "blocked"]) {
        for (const yes of ["true", "TRUE", "t", "1", "Yes", "y"])
          assert.deepEqual(await cell(column, yes), { [column]: true });
        for (const no of ["false", "False", "F", "0", "NO", "n"])
          assert.deepEqual(await cell(column, no), { [column]: false });
        for (const other of ["maybe", "2", " true", "\\N"])
          assert.deepEqual(await cell(column, other), { [column]: other });
      }
    });

    it("an integer", async () => {
      const hash = (values: object) => ({ custom_password_hash: values });
      assert.deepEqual(await cell("custom_password_hash.keylen", "64"), hash({ keylen: 64 }));
      assert.deepEqual(await cell("custom_password_hash.cost", "16384"), hash({ cost: 16384 }));
      assert.deepEqual(await cell("custom_password_hash.blockSize", "-8"), hash({ blockSize: -8 }));
      assert.deepEqual(await cell("custom_password_hash.parallelization", "1.0"), hash({ parallelization: "1.0" }));
      assert.deepEqual(await cell("custom_password_hash.hash.value", "64"), hash({ hash: { value: "64" } }));
    });

    it("JSON, where it starts so and the attribute may hold it", async () => {
      assert.deepEqual(await cell("app_metadata", '{"roles":["a"]}'), { app_metadata: { roles: ["a"] } });
      assert.deepEqual(await cell("user_metadata.tags", '["a",1]'), { user_metadata: { tags: ["a", 1] } });
      assert.deepEqual(await cell("mfa_factors", '[{"totp":{"secret":"ABC"}}]'), {
        mfa_factors: [{ totp: { secret: "ABC" } }],
      });
      assert.deepEqual(await cell("custom_password_hash", '{"algorithm":"md5"}'), {
        custom_password_hash: { algorithm: "md5" },
      });
      assert.deepEqual(await cell("custom_password_hash.hash.value", "{}"), {
        custom_password_hash: { hash: { value: "{}" } },
      });
      assert.deepEqual(await cell("name", "[]"), { name: "[]" });
    });

    it("a text, otherwise", async () => {
      assert.deepEqual(await cell("user_metadata.tags", "[VIP]"), { user_metadata: { tags: "[VIP]" } });
      assert.deepEqual(await cell("user_metadata.age", "42"), { user_metadata: { age: "42" } });
      assert.deepEqual(await cell("user_metadata.vip", "true"), { user_metadata: { vip: "true" } });
      assert.deepEqual(await cell("user_id", "007"), { user_id: "007" });
      assert.deepEqual(await cell("company", " A.B "), { company: " A.B " });
    });
  });

  it("nests columns by the dots in their names, and leaves other dots alone", async () => {
    const header = "email,user_metadata.address.city,user_metadata.plan,custom_password_hash.hash.value,company.name";
    assert.deepEqual(await usersOf(`${header}\na@example.com,Köln,gold,abc,ACME\nb@example.com,,silver,,\n`), [
      {
        email: "a@example.com",
        user_metadata: { address: { city: "Köln" }, plan: "gold" },
        custom_password_hash: { hash: { value: "abc" } },
        "company.name": "ACME",
      },
      { email: "b@example.com", user_metadata: { plan: "silver" } },
    ]);
  });

  it("takes a key __proto__ as any other", async () => {
    const [user] = await usersOf("email,__proto__,user_metadata.__proto__.x\na@example.com,1,2\n");
    assert.deepEqual(Object.keys(user ?? {}), ["email", "__proto__", "user_metadata"]);
    assert.equal(Object.getPrototypeOf(user), Object.prototype);
    assert.deepEqual(Object.keys(user?.user_metadata as object), ["__proto__"]);
  });

  describe("refuses", () => {
    const NOT_USERS =
      "users.csv:1:1: not a users file: neither a JSON array, nor NDJSON, nor CSV with a header that names attributes of users";
    const NO_HEADER =
      "users.csv:1:1: no header: the first row has what a user has, such as an e-mail address. Put a line with the columns' names before it";
    const deep = `user_metadata.${"a.".repeat(20_000)}a`;
    const cases: Record<string, [content: string | Uint8Array, message: string]> = {
      "a header without an attribute": [`mail,vorname\n${SECRET},x\n`, NOT_USERS],
      "a user in the place of the header": [`1,${SECRET}@example.com,"x"\n`, NO_HEADER],
      "a header that never ends": [`email,${"x".repeat(2 ** 20)}`, NOT_USERS.replace("users.csv:1:1", "users.csv")],
      "a header without rows": ["email,name\n", "users.csv: there are no users in this file"],
      "content in a column without a name": [
        `email,, name\na@example.com,,x\nb@example.com,${SECRET},x\n`,
        "users.csv:3:1: cell 2 of the row stands in a column without a name",
      ],
      "a nested column without a name": ["email,user_metadata.\n", "users.csv:1:1: column 2 of the header has no name"],
      "columns of one name": [
        "\u{feff}\nemail, name,x,name\n",
        "users.csv:2:1: column 4 of the header has the name of another one, or is part of it",
      ],
      "a column inside of another": [
        "email,user_metadata,user_metadata.plan\n",
        "users.csv:1:1: column 3 of the header has the name of another one, or is part of it",
      ],
      "a column around another": [
        "email,user_metadata.plan.name,user_metadata.plan\n",
        "users.csv:1:1: column 3 of the header has the name of another one, or is part of it",
      ],
      "a column that is nested too deeply": [
        `email,${deep}\n`,
        "users.csv:1:1: column 2 of the header is nested more than 20 levels deep",
      ],
      "a header with a quote too many": [
        'email,na"me\n',
        "users.csv:1:9: not valid CSV: quote in a cell that does not start with one",
      ],
      "a header that is not UTF-8": [
        Buffer.from("email,Stra\xdfe\n", "latin1"),
        "users.csv:1:11: not valid UTF-8 at byte 10",
      ],
      "the line ends of old Macs": [
        `email,name\r${SECRET},x\r`,
        "users.csv:1:1: lines end with a carriage return alone: save the file with LF or CRLF",
      ],

      "rows with too many cells, all of them": [
        `email,name\n${SECRET},,,x\na@example.com,"x\ny"\n${SECRET},x,y\n`,
        "users.csv:2:1: row has 4 cells, the header 2\nusers.csv:5:1: row has 3 cells, the header 2",
      ],
      "a header with another delimiter than said before": [
        `sep=;\nuser_id,email\n1,${SECRET}\n`,
        "users.csv:2:1: the header has another delimiter than the line with sep= before it says",
      ],
      "a delimiter that is said and not known": [
        `sep=|\nuser_id|email\n1|${SECRET}\n`,
        "users.csv:1:1: sep= names a delimiter other than comma, semicolon and tab",
      ],
      "two lines that say the delimiter": ["sep=;\nsep=;\nuser_id;email\n", NOT_USERS.replace("1:1", "2:1")],
      "a quote inside of a cell": [
        `email,name\na@example.com,😀\n${SECRET},x "y"\n${SECRET},"z"\n`,
        `users.csv:3:${SECRET.length + 4}: not valid CSV: quote in a cell that does not start with one`,
      ],
      "a blank before a quote": [
        `email,name\n${SECRET}, "y"\n`,
        `users.csv:2:${SECRET.length + 3}: not valid CSV: quote in a cell that does not start with one`,
      ],
      "a quote that is not doubled": [
        `email;name\n${SECRET};"x "y" z"\n`,
        `users.csv:2:${SECRET.length + 2}: not valid CSV: quoted cell goes on behind a quote: double the quotes in it`,
      ],
      "a quote that is not closed": [
        `email,name\n${SECRET},"x\n${SECRET},"y"\n`,
        `users.csv:2:${SECRET.length + 2}: not valid CSV: quoted cell goes on behind a quote: double the quotes in it`,
      ],
      "a quote that is not closed to the end": [
        `name,email\nx,y\n"é\n${SECRET}","x\n${SECRET}\n`,
        `users.csv:4:${SECRET.length + 3}: not valid CSV: quoted cell is not closed`,
      ],
      "a row that is not UTF-8": [
        Buffer.concat([Buffer.from(`email,name\n${SECRET},`), Buffer.from([0xdf]), Buffer.from("x\n")]),
        `users.csv:2:${SECRET.length + 2}: not valid UTF-8 at byte ${11 + SECRET.length + 1}`,
      ],
      "JSON in a cell that is nested too deeply": [
        `email,user_metadata\n${SECRET},${"[".repeat(600)}${"]".repeat(600)}\n`,
        "users.csv:2:1: record is nested more than 500 levels deep",
      ],
      "users without an identity": [
        `name,email\n${SECRET},\n`,
        "users.csv: no record has email, user_id, username or phone_number: this is not a file of users",
      ],
    };
    for (const [what, [content, message]] of Object.entries(cases)) {
      it(what, async () => {
        assert.equal(await refusal(content), message);
        assert.equal(await refusal(gzipSync(content)), message);
        if (content.length > 10_000) return;
        for (const chunkBytes of [1, 2, 3, 7]) {
          assert.equal(await refusal(content, { limits: { chunkBytes } }), message, `${chunkBytes} bytes at once`);
        }
      });
    }

    it("a row larger than the limit, unless a missing quote makes it one", async () => {
      const limits = { maxRecordBytes: 2 ** 20, chunkBytes: 4096 };
      const long = "x".repeat(2 ** 20 + 1);
      assert.equal(
        await refusal(`email\na@example.com\n${long}\n`, { limits }),
        "users.csv:3:1: record is larger than 1 MiB",
      );
      const rest = `${SECRET}@example.com,"x"\n`.repeat(2 ** 16);
      assert.equal(
        await refusal(`email,name\n${SECRET},"x\n${rest}`, { limits }),
        `users.csv:2:${SECRET.length + 2}: not valid CSV: quoted cell goes on behind a quote: double the quotes in it`,
      );
      assert.equal(
        await refusal(`email,name\n${SECRET},"${`x,y\n`.repeat(2 ** 19)}`, { limits }),
        `users.csv:2:${SECRET.length + 2}: not valid CSV: quoted cell is not closed`,
      );
    });
  });
});
