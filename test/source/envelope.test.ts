import assert from "node:assert/strict";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { type OpenSourceOptions, openSource, SourceError } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

const SECRET = "s3cret-pers0n";
const jane = { user_id: "1", email: "jane@example.com", identities: [{ provider: "auth0" }], name: '}]{[\\"' };
const john = { user_id: "2", email: "john@example.com" };

describe("openSource, users inside of one JSON object", () => {
  let folder: UsersFolder;
  beforeEach(async () => {
    folder = await UsersFolder.create();
    await folder.write("same.mjs", "export default (record) => record;");
  });
  afterEach(() => folder.remove());

  async function read(content: string | Uint8Array, options?: OpenSourceOptions) {
    const source = await openSource([await folder.write("users.json", content)], folder.path, options);
    try {
      const records = [];
      for await (const { line, user } of source.records()) records.push({ line, user });
      return { records, remarks: source.remarks };
    } finally {
      await source.close();
    }
  }

  async function refusal(content: string, options?: OpenSourceOptions): Promise<string> {
    await folder.write("users.json", content);
    const error = await openSource(["users.json"], folder.path, options).catch((caught: unknown) => caught);
    assert(error instanceof SourceError, `accepted, or failed otherwise: ${inspect(error)}`);
    assert(!inspect(error, { depth: 9 }).includes(SECRET), "the error quotes a record");
    return error.message;
  }

  const texts: Record<string, [content: string, key: string, lines?: [number, number]]> = {
    compact: [JSON.stringify({ users: [jane, john] }), '"users"'],
    pretty: [JSON.stringify({ users: [jane, john] }, null, 2), '"users"', [3, 13]],
    "of records that are lines": [
      `{"users":[\n${JSON.stringify(jane)},\n${JSON.stringify(john)}\n]}\n`,
      '"users"',
      [2, 3],
    ],
    "with more around it, as a page of Auth0's": [
      JSON.stringify({ start: 0, limit: 50, length: 2, users: [jane, john], total: 2 }),
      '"users"',
    ],
    "as Cognito lists them": [
      JSON.stringify({ Users: [jane, john], PaginationToken: "abc" }, null, 1),
      '"Users"',
      [3, 13],
    ],
    "as SCIM has them": [
      JSON.stringify({ schemas: ["urn:ietf:params:scim"], totalResults: 2, Resources: [jane, john] }),
      '"Resources"',
    ],
    "deeper, as GraphQL answers": [JSON.stringify({ data: { users: [jane, john] }, errors: null }), '"users"'],
    "under a name that nobody knows": [JSON.stringify({ kind: "x", "our people": [jane, john] }), "one name"],
    "beside other arrays, called users": [
      JSON.stringify({ realm: "r", roles: [{ id: "a" }], users: [jane, john], clients: [{ id: "b" }] }),
      '"users"',
    ],
    "behind a byte order mark and blanks": [
      `\u{feff} \r\n${JSON.stringify({ users: [jane, john] })}\r\n `,
      '"users"',
      [2, 2],
    ],
  };
  for (const [what, [content, key, lines = [1, 1]]] of Object.entries(texts)) {
    it(`are read as that array, and it is said: ${what}`, async () => {
      const expected = {
        records: [
          { line: lines[0], user: jane },
          { line: lines[1], user: john },
        ],
        remarks: [
          {
            file: "users.json",
            code: "ENVELOPE",
            severity: "note",
            message: `it is one JSON object: the users are read from the array under ${key} in it`,
          },
        ],
      };
      assert.deepEqual(await read(content), expected);
      assert.deepEqual(await read(gzipSync(content)), expected);
      for (const chunkBytes of [1, 2, 3, 5, 64]) {
        assert.deepEqual(await read(content, { limits: { chunkBytes } }), expected, `${chunkBytes} bytes at once`);
      }
    });
  }

  it("are read so however many they are, where they are called users", async () => {
    const many = Array.from({ length: 500 }, (_, i) => ({ email: `${i}@example.com`, name: "x".repeat(1000) }));
    const { records } = await read(JSON.stringify({ users: many }), {
      limits: { maxRecordBytes: 4096, chunkBytes: 3000 },
    });
    assert.equal(records.length, 500);
    assert.equal(
      await refusal(JSON.stringify({ people: many }), { limits: { maxRecordBytes: 2 ** 18, chunkBytes: 4096 } }),
      "users.json:1:1: one JSON object of more than 0.25 MiB: take the array with the users out of it, for example with jq -c '.NAME[]' FILE",
    );
  });

  it("go through a transform, where the array is called as arrays of users are, or the object is no line", async () => {
    const transform = "same.mjs";
    for (const content of [
      JSON.stringify({ users: [jane] }),
      JSON.stringify({ results: [jane] }),
      JSON.stringify({ kunden: [jane] }, null, 2),
    ]) {
      assert.deepEqual(
        (await read(content, { transform })).records.map(({ user }) => user),
        [jane],
      );
    }
    const order = { Nr: 1, username: undefined, orders: [{ username: "no user" }] };
    const { records, remarks } = await read(JSON.stringify({ ...order, login: "j" }), {
      transform: await folder.write("login.mjs", "export default ({ login }) => ({ username: login });"),
    });
    assert.deepEqual([records.map(({ user }) => user), remarks], [[{ username: "j" }], []]);
  });

  describe("but not", () => {
    it("where the object is a user, with lists of its own", async () => {
      for (const user of [jane, { phone_number: "+12125550001", users: [{ email: "a@b.co" }] }]) {
        assert.deepEqual(await read(JSON.stringify(user)), { records: [{ line: 1, user }], remarks: [] });
        assert.match(await refusal(JSON.stringify(user, null, 2)), /^users\.json: not a users file/);
      }
    });

    it("where there are several objects, each a record", async () => {
      const lines = `${JSON.stringify({ mfa_factors: [{}], email: "a@b.co" })}\n${JSON.stringify({ data: [{}], email: "c@d.eu" })}\n`;
      assert.equal((await read(lines)).records.length, 2);
    });

    const several =
      "one JSON object with several arrays of objects, none of which is called users: take the array with the users out of it, for example with jq -c '.NAME[]' FILE";
    const refused: Record<string, [content: string, message: string]> = {
      "where several arrays may be meant": [
        JSON.stringify({ admins: [{ email: SECRET }], people: [{ email: SECRET }] }, null, 2),
        `users.json:1:1: ${several}`,
      ],
      "where two arrays are called users": [
        `{"a":{"users":[{"email":"${SECRET}"}]},\n"b":{"users":[{"email":"${SECRET}"}]}}`,
        "users.json:2:15: not a users file: a second array of users in one JSON object",
      ],
      "where another object follows": [
        `{"users":[{"email":"${SECRET}"}]}\n{"users":[{"email":"${SECRET}"}]}\n`,
        "users.json:2:1: not valid JSON: more text after the end of the object",
      ],
      "where the object is not closed": [
        `{"users":[{"email":"${SECRET}"}],"total":1`,
        "users.json:1:47: cut off: the object around the array of users is not closed",
      ],
      "where the array is not closed": [
        `{"users":[{"email":"${SECRET}"}`,
        "users.json:1:36: cut off: the ] that closes the array is missing",
      ],
      "where what follows is no JSON": [
        `{"users":[{"email":"${SECRET}"}],total:1}`,
        "users.json:1:38: not valid JSON: behind the array of users",
      ],
      "where a record is malformed": [
        `{"users":[\n{"email":"${SECRET}"},\n{"email":${SECRET}}]}`,
        "users.json:3:10: not valid JSON: unexpected word or character",
      ],
      "where something else is among them": [
        `{"users":[{"email":"${SECRET}"},"${SECRET}"]}`,
        "users.json:1:37: record is a string, not a JSON object",
      ],
      "where they have no identity": [
        JSON.stringify({ cities: [{ name: SECRET }] }),
        "users.json: no record has email, user_id, username or phone_number: this is not a file of users",
      ],
    };
    for (const [what, [content, message]] of Object.entries(refused)) {
      it(what, async () => {
        for (const chunkBytes of [1, 3, 4096]) {
          assert.equal(await refusal(content, { limits: { chunkBytes } }), message, `${chunkBytes} bytes at once`);
        }
      });
    }
  });
});
