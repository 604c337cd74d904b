import assert from "node:assert/strict";
import { inspect } from "node:util";
import { digestSource, type OpenSourceOptions, openSource, SourceError } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

const SECRET = "s3cret-pers0n";

describe("openSource, files that are read with a remark", () => {
  let folder: UsersFolder;
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(() => folder.remove());

  /** The users, and what is said of the file. */
  async function read(content: string, options: OpenSourceOptions = {}) {
    const name = await folder.write("users", content);
    const users = (await folder.read([name], options)).map(({ user }) => user);
    const source = await openSource([name], folder.path, options);
    await source.close();
    return {
      users,
      remarks: source.remarks.map(({ file, severity, code, message }) => {
        assert.equal(file, "users");
        return `${severity} ${code}: ${message}`;
      }),
    };
  }

  async function refusal(content: string, options?: OpenSourceOptions): Promise<string> {
    await folder.write("users", content);
    const error = await openSource(["users"], folder.path, options).catch((caught: unknown) => caught);
    assert(error instanceof SourceError, `accepted, or failed otherwise: ${inspect(error)}`);
    assert(!inspect(error, { depth: 9 }).includes(SECRET), "the error quotes a record");
    return error.message;
  }

  describe("a line before the header that names the delimiter", () => {
    const remark = "note SEPARATOR_LINE: its first line names the delimiter, and is no row";
    const users = [
      { user_id: "1", email: "jane@example.com" },
      { user_id: "2", email: "john@example.com" },
    ];
    for (const [line, delimiter] of [
      ["sep=;", ";"],
      ["sep=,", ","],
      ['"sep=,"', ","],
      ["SEP=\t", "\t"],
      ["sep=\\t", "\t"],
      ["sep=;;;", ";"],
    ] as const) {
      it(`${JSON.stringify(line)} is no row`, async () => {
        for (const start of ["", "\u{feff}", "\n"]) {
          const rows = [["user_id", "email"], ...users.map(Object.values)].map((row) => row.join(delimiter));
          const text = start + [line, ...rows].join("\r\n");
          assert.deepEqual(await read(text), { users, remarks: [remark] });
          assert.deepEqual((await read(text, { limits: { chunkBytes: 1 } })).users, users);
        }
      });
    }

    it("counts for columns of any name, too", async () => {
      const transform = await folder.write(
        "map.mjs",
        "export default ({ Nr, Mail }) => ({ user_id: Nr, email: Mail });",
      );
      assert.deepEqual(await read("sep=;\nNr;Mail, privat\n1;a@b.co\n", { transform }), {
        users: [{ user_id: "1" }],
        remarks: [remark],
      });
    });
  });

  describe("rows that are shorter or longer than the header", () => {
    it("are filled with empty cells, and counted", async () => {
      assert.deepEqual(
        await read("user_id,email,name,user_metadata.plan\n1,a@b.co,A,gold\n2,c@d.eu\n3,e@f.org,E\n4,g@h.com,,\n"),
        {
          users: [
            { user_id: "1", email: "a@b.co", name: "A", user_metadata: { plan: "gold" } },
            { user_id: "2", email: "c@d.eu" },
            { user_id: "3", email: "e@f.org", name: "E" },
            { user_id: "4", email: "g@h.com" },
          ],
          remarks: [
            "warning SHORT_ROWS: 2 rows are shorter than the header: what is missing at the end counts as empty",
          ],
        },
      );
    });

    it("may have more cells, and the header more columns, where nothing is in them", async () => {
      assert.deepEqual(await read("email,,name,, \na@b.co,,A,,\nc@d.eu,,C\ne@f.org,,E,,,,,\n"), {
        users: [
          { email: "a@b.co", name: "A" },
          { email: "c@d.eu", name: "C" },
          { email: "e@f.org", name: "E" },
        ],
        remarks: [
          "warning SHORT_ROWS: 1 row is shorter than the header: what is missing at the end counts as empty",
          "note NAMELESS_COLUMNS: 3 columns without a name, and without content, are passed over",
          "note NAMELESS_COLUMNS: 1 row has empty cells behind the last column, which are passed over",
        ],
      });
    });
  });

  describe("texts that stand for nothing", () => {
    const content =
      "user_id,email,email_verified,name,user_metadata.plan\n1,a@b.co,t,NULL,\\N\n2,c@d.eu,f,(null),gold\n3,e@f.org,\\N,None,\\N\n";

    it("are texts, and counted by column", async () => {
      const { users, remarks } = await read(content);
      assert.deepEqual(users, [
        { user_id: "1", email: "a@b.co", email_verified: true, name: "NULL", user_metadata: { plan: "\\N" } },
        { user_id: "2", email: "c@d.eu", email_verified: false, name: "(null)", user_metadata: { plan: "gold" } },
        { user_id: "3", email: "e@f.org", email_verified: "\\N", name: "None", user_metadata: { plan: "\\N" } },
      ]);
      const hint = "name what means nothing in nullText (--null-text), or leave such cells empty in the export";
      assert.deepEqual(remarks, [
        `warning NULL_TEXTS: 1 cell of column 3 (email_verified) says \\N, and is a text like others: ${hint}`,
        `warning NULL_TEXTS: 3 cells of column 4 (name) say NULL, (null), None, and are texts like others: ${hint}`,
        `warning NULL_TEXTS: 2 cells of column 5 (user_metadata.plan) say \\N, and are texts like others: ${hint}`,
      ]);
    });

    it("are none where the option names them", async () => {
      const nullText = ["\\N", "NULL", "(null)", "None", "gold"];
      assert.deepEqual(await read(content, { nullText }), {
        users: [
          { user_id: "1", email: "a@b.co", email_verified: true },
          { user_id: "2", email: "c@d.eu", email_verified: false },
          { user_id: "3", email: "e@f.org" },
        ],
        remarks: [],
      });
      assert.equal((await read(content, { nullText: ["\\N"] })).remarks.length, 1);
    });

    it("are part of the digest then, in any order", async () => {
      await folder.write("users", content);
      const digests: string[] = [];
      for (const nullText of [undefined, [], ["\\N"], ["\\N", "NULL"], ["NULL", "\\N"]]) {
        const { digest } = await digestSource(["users"], folder.path, { nullText });
        const source = await openSource(["users"], folder.path, { nullText });
        await source.close();
        assert.equal(source.digest, digest);
        digests.push(digest);
      }
      assert.deepEqual(
        digests.map((digest) => digests.indexOf(digest)),
        [0, 0, 2, 3, 3],
      );
    });
  });

  describe("apostrophes before texts", () => {
    const header = "user_id,email,email_verified,name\n";
    const exported = (id: number) => `"'auth0|${id}","'u${id}@example.com",true,"'Person ${id}"\n`;
    const plain = (id: number) => `auth0|${id},u${id}@example.com,true,Person ${id}\n`;
    const user = (id: number) => ({
      user_id: `auth0|${id}`,
      email: `u${id}@example.com`,
      email_verified: true,
      name: `Person ${id}`,
    });
    const taken = (rows: string) =>
      `APOSTROPHES: an apostrophe is taken from the beginning of each text in ${rows}, as Auth0 puts one there when it exports`;

    it("go in the rows that Auth0 has exported, wherever they stand", async () => {
      for (const order of ["pe", "ep", "pep", "ppe", "eep"]) {
        const rows = [...order].map((kind, i) => (kind === "e" ? exported(i) : plain(i)));
        const { users, remarks } = await read(header + rows.join(""));
        assert.deepEqual(
          users,
          rows.map((_, i) => user(i)),
          order,
        );
        const count = rows.filter((_, i) => order[i] === "e").length;
        const severity = 2 * count < rows.length ? "warning" : "note";
        assert.deepEqual(remarks, [`${severity} ${taken(count === 1 ? "1 row" : `${count} rows`)}`], order);
      }
    });

    it("go behind ten thousand rows without any", async () => {
      const rows = Array.from({ length: 10_000 }, (_, i) => plain(i));
      const { users } = await read(header + rows.join("") + exported(10_000));
      assert.deepEqual(users.at(-1), user(10_000));
    });

    it("stay where they are part of a name, in a row that somebody added", async () => {
      const { users, remarks } = await read(
        `${header}${exported(1)}auth0|2,b@example.com,true,'t Hooft\n${exported(3)}`,
      );
      assert.deepEqual(users[1], {
        user_id: "auth0|2",
        email: "b@example.com",
        email_verified: true,
        name: "'t Hooft",
      });
      assert.deepEqual(remarks, [
        `note ${taken("2 rows")}`,
        "warning APOSTROPHES: 1 cell with an apostrophe at the beginning stands in rows that Auth0 has not exported, so it is kept",
      ]);
    });

    it("go where a row has neither an address nor an id, by what the file is", async () => {
      const text = "username,phone_number,email\n'jane,'+4915112345678,\n'john,,\n'jim,,'jim@example.com\n";
      assert.deepEqual((await read(text)).users, [
        { username: "jane", phone_number: "+4915112345678" },
        { username: "john" },
        { username: "jim", email: "jim@example.com" },
      ]);
      assert.deepEqual((await read("username,phone_number\n'jane,'+4915112345678\n")).users, [
        { username: "jane", phone_number: "+4915112345678" },
      ]);
    });

    it("are told where they stay before most texts of a column", async () => {
      const { users, remarks } = await read(
        `user_id,email,phone_number\n'0007,a@b.co,'+4915112345678\n'0008,c@d.eu,\n'0009,e@f.org,+4915112345678\n`,
      );
      assert.equal(users[0]?.user_id, "'0007");
      const kept = "which is kept: take it out if a spreadsheet or an export has put it there";
      assert.deepEqual(remarks, [
        `warning APOSTROPHES: 3 cells of column 1 (user_id) begin with an apostrophe, ${kept}`,
      ]);
    });

    it("are not told of a few names that have one", async () => {
      assert.deepEqual((await read("email,name\na@b.co,'t Hooft\nc@d.eu,Jane\ne@f.org,O'Brien\n")).remarks, []);
    });

    it("go from values of any column, for a transform", async () => {
      const transform = await folder.write("map.mjs", "export default (r) => ({ email: r.Mail, name: r.Wie });");
      assert.deepEqual((await read("Mail,Wie\n'a@b.co,'Jane\nc@d.eu,'t\n", { transform })).users, [
        { email: "a@b.co", name: "Jane" },
        { email: "c@d.eu", name: "'t" },
      ]);
    });
  });

  describe("JSON that PostgreSQL's COPY has written", () => {
    const advice =
      "this looks like PostgreSQL's COPY TO in its text format, which doubles backslashes: write the file with psql -At -c 'SELECT …' instead";

    it("is refused as that", async () => {
      for (const [line, reason] of [
        [`{"user_id":"1","name":"Jane \\\\"${SECRET}\\\\" Doe"}`, "1:32: not valid JSON: unexpected word or character"],
        [`[{"user_id":"1"}, \\n {"user_id":"${SECRET}"}]`, "1:19: not valid JSON: unexpected word or character"],
      ] as const) {
        assert.equal(await refusal(`${line}\n`), `users:${reason}; ${advice}`);
      }
      assert.equal(
        await refusal(`{"user_id":"1","name":"C:\\\\"}\n{"user_id":${SECRET}}\n`),
        "users:2:12: not valid JSON: unexpected word or character",
      );
    });

    it("is told where nothing is malformed", async () => {
      const text = '{"user_id":"1","name":"a\\\\nb"}\n{"user_id":"2","name":"C:\\\\\\\\temp"}\n{"user_id":"3"}\n';
      const { users, remarks } = await read(text);
      assert.equal(users[0]?.name, "a\\nb");
      assert.deepEqual(remarks, [
        `warning ESCAPES: 2 records have a backslash in a text where JSON has an escape, such as \\n, and no backslash of the file stands alone: ${advice}`,
      ]);
      assert.deepEqual((await read(`${text}{"user_id":"4","name":"\\u00e9"}\n`)).remarks, []);
      assert.deepEqual((await read('{"user_id":"1","name":"C:\\\\Windows"}\n')).remarks, []);
    });
  });
});
