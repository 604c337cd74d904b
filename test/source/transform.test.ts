import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { digestSource, openSource, SourceError } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

/** Stands for what must never show up in a message. */
const SECRET = "s3cret-pers0n";

describe("openSource with a transform", () => {
  let folder: UsersFolder;
  // A module is loaded once in a process: each test needs files of its own.
  beforeEach(async () => {
    folder = await UsersFolder.create();
  });
  afterEach(() => folder.remove());

  const read = async (content: string | Uint8Array, transform: string, chunkBytes = 1 << 20) =>
    folder.read([await folder.write("users", content)], { transform, limits: { chunkBytes } });

  async function refusal(transform: string, content = '{"email":"a@example.com"}'): Promise<string> {
    await folder.write("users", content);
    const error = await openSource(["users"], folder.path, { transform }).catch((caught: unknown) => caught);
    assert(error instanceof SourceError, `accepted, or failed otherwise: ${inspect(error)}`);
    assert(!inspect(error, { depth: 9, showHidden: true }).includes(SECRET), "the error quotes something");
    return error.message;
  }

  describe("takes a module", () => {
    const body = '(record) => ({ email: record.mail, name: record.vorname + " " + record.nachname })';
    const modules: Record<string, [name: string, content: string]> = {
      "in ECMAScript": ["map.mjs", `export default ${body};`],
      "in CommonJS": ["map.cjs", `module.exports = ${body};`],
      "in CommonJS as TypeScript makes it": [
        "lib/map.cjs",
        `"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\nexports.default = ${body};`,
      ],
      "that answers later": [
        "map.mjs",
        `import { setImmediate } from "node:timers/promises";\nconst map = ${body};\nexport default async (record) => { await setImmediate(); return map(record); };`,
      ],
    };
    for (const [what, [name, content]] of Object.entries(modules)) {
      it(what, async () => {
        await folder.write(name, content);
        const [jane, john] = await read(
          '{"mail":"jane@example.com","vorname":"Jane","nachname":"Doe"}\n{"mail":"john@example.com","vorname":"John","nachname":"Roe"}',
          name,
        );
        assert.deepEqual(jane, {
          index: 0,
          file: "users",
          line: 1,
          user: { email: "jane@example.com", name: "Jane Doe" },
          raw: { mail: "jane@example.com", vorname: "Jane", nachname: "Doe" },
          offset: 0,
          byteLength: 61,
        });
        assert.deepEqual(john?.user, { email: "john@example.com", name: "John Roe" });
      });
    }
  });

  describe("takes what a package exports", () => {
    const inPackage = (name: string, content: string) => folder.write(`node_modules/@example/users/${name}`, content);

    it("under its name, where there is no such file", async () => {
      await inPackage("package.json", '{ "name": "@example/users", "exports": { "./to-user": "./lib/to-user.mjs" } }');
      await inPackage("lib/to-user.mjs", "export default ({ mail }) => ({ email: mail });");
      const [record] = await read('{"mail":"a@example.com"}', "@example/users/to-user");
      assert.deepEqual(record?.user, { email: "a@example.com" });
      await folder.write("@example/users/to-user", ")");
      assert.match(await refusal("@example/users/to-user"), /^@example\/users\/to-user: the transform can't be loaded/);
    });

    it("and nothing else of it", async () => {
      await inPackage("package.json", '{ "name": "@example/users", "exports": {} }');
      await inPackage("to-user.mjs", "export default ({ mail }) => ({ email: mail });");
      const name = "@example/users/to-user.mjs";
      assert.equal(await refusal(name), `${name}: the package does not export this module`);
    });

    it("so with this package's recipes, wherever the folder is", async () => {
      const recipe = "pulumi-auth0-user-import/recipes/laravel";
      const [record] = await read('{"id":1,"email":"a@example.com"}', recipe);
      assert.deepEqual(record?.user, { user_id: "1", email: "a@example.com", email_verified: false });
      const plain = await digestSource(["users"], folder.path);
      const { digest } = await digestSource(["users"], folder.path, { transform: recipe });
      assert.notEqual(digest, plain.digest);
      const django = "pulumi-auth0-user-import/recipes/django";
      assert.notEqual((await digestSource(["users"], folder.path, { transform: django })).digest, digest);
    });
  });

  it("counts what it leaves out", async () => {
    await folder.write("map.mjs", "export default (r) => (r.n > 2 ? r : undefined);");
    const lines = Array.from({ length: 10 }, (_, n) => `{"email":"${n}@example.com","n":${n}}\n`);
    await folder.write("users", lines.join(""));
    const source = await openSource(["users"], folder.path, { transform: "map.mjs" });
    await source.close();
    assert.equal(source.users, 7);
    assert.deepEqual(source.remarks, [
      {
        file: "users",
        code: "LEFT_OUT",
        severity: "note",
        message: "the transform leaves out 3 records, which are no users to it",
      },
    ]);
  });

  it("does what the documentation shows", async () => {
    const text = await readFile(join(__dirname, "../../../docs/sources.md"), "utf8");
    const section = text.slice(text.indexOf("## Transform"));
    const [csv, js, json] = ["csv", "js", "json"].map(
      (language) => section.match(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m"))?.[1] ?? "",
    ) as [string, string, string];
    await folder.write("to-user.mjs", js);
    const records = await read(csv, "to-user.mjs");
    assert.deepEqual(
      records.map(({ user }) => user),
      JSON.parse(json),
    );
  });

  it("reads CSV with any columns", async () => {
    await folder.write("map.mjs", "export default ({ Mail, ...rest }) => ({ email: Mail, user_metadata: rest });");
    for (const text of ['Mail;Ort\na@example.com;"K;ln"\n', "Mail\tOrt\r\na@example.com\tK;ln\r\n"]) {
      const [record] = await read(gzipSync(text), "map.mjs");
      assert.deepEqual(record?.user, { email: "a@example.com", user_metadata: { Ort: "K;ln" } });
      assert.deepEqual(record?.raw, { Mail: "a@example.com", Ort: "K;ln" });
    }
  });

  it("leaves out what it makes nothing of, and numbers the rest", async () => {
    await folder.write("map.mjs", "export default (r) => r.n % 3 === 0 ? null : r.n % 3 === 1 ? undefined : r;");
    const lines = Array.from({ length: 30 }, (_, n) => `{"email":"${n}@example.com","n":${n}}\n`);
    for (const chunkBytes of [7, 100, 1 << 20]) {
      const records = await read(lines.join(""), "map.mjs", chunkBytes);
      assert.deepEqual(
        records.map(({ index, line, user }) => ({ index, line, n: user.n })),
        Array.from({ length: 10 }, (_, index) => ({ index, line: 3 * index + 3, n: 3 * index + 2 })),
      );
    }
  });

  it("may do with a record what it likes", async () => {
    await folder.write(
      "map.mjs",
      "export default (r) => { r.email = r.email.toUpperCase(); r.user_metadata.seen = true; delete r.name; return r; };",
    );
    const raw = { email: "a@example.com", name: "A", user_metadata: { plan: "gold" } };
    const user = { email: "A@EXAMPLE.COM", user_metadata: { plan: "gold", seen: true } };
    for (const text of [JSON.stringify(raw), "email,name,user_metadata.plan\na@example.com,A,gold\n"]) {
      const [record] = await read(text, "map.mjs");
      assert.deepEqual(record?.raw, raw);
      assert.deepEqual(record?.user, user);
    }
  });

  it("makes JSON of what it returns", async () => {
    await folder.write(
      "map.mjs",
      `class User { email = "a@example.com"; name = undefined; get nickname() { return "a"; } }
       export default () => Object.assign(new User(), { user_metadata: { since: new Date(0), age: Number.NaN } });`,
    );
    const [record] = await read("{}", "map.mjs");
    assert.deepEqual(record?.user, {
      email: "a@example.com",
      user_metadata: { since: "1970-01-01T00:00:00.000Z", age: null },
    });
  });

  describe("tells of a record", () => {
    const failures: Record<string, [body: string, message: string]> = {
      "that it threw an error for": [`throw new RangeError(r.email)`, "threw RangeError"],
      "that it threw an error of its own for": [
        "class Odd extends Error { constructor() { super(r.email); this.name = r.email; } } throw new Odd()",
        "threw Odd",
      ],
      "that it threw something else for": ["throw r.email", "threw something that is no Error"],
      "that it rejected": ["return Promise.reject(new TypeError(r.email))", "threw TypeError"],
      "that it made a text of": ["return r.email", "returned a string instead of a user"],
      "that it made a list of": ["return [r]", "returned an array instead of a user"],
      "that it made a circle of": ["r.self = r; return r", "returned an object that JSON can't express"],
      "that it made a big integer of": ["r.n = 1n; return r", "returned an object that JSON can't express"],
      "that it nested without end": [
        "let deep = []; for (let i = 0; i < 600; i++) deep = [deep]; r.user_metadata = deep; return r",
        "returned an object that JSON can't express",
      ],
    };
    for (const [what, [body, message]] of Object.entries(failures)) {
      it(what, async () => {
        await folder.write("map.mjs", `export default (r) => { if (!r.bad) return r; ${body}; };`);
        const bad = { email: `${SECRET}@example.com`, bad: true };
        const good = { email: "b@example.com" };
        const records = await read(`[${JSON.stringify(bad)},\n${JSON.stringify(good)}]`, "map.mjs");
        assert.deepEqual(
          records.map(({ index, line, user, raw, problem }) => ({ index, line, user, raw, problem })),
          [
            {
              index: 0,
              line: 1,
              user: {},
              raw: bad,
              problem: { code: "TRANSFORM_FAILED", message: `The transform map.mjs ${message}` },
            },
            { index: 1, line: 2, user: good, raw: good, problem: undefined },
          ],
        );
      });
    }

    it("that it answers differently about when asked again", async () => {
      await folder.write(
        "map.mjs",
        "const seen = new Set(); export default (r) => { if (seen.has(r.email)) return null; seen.add(r.email); return r; };",
      );
      await folder.write("users", '{"email":"a@example.com"}');
      const source = await openSource(["users"], folder.path, { transform: "map.mjs" });
      const { user, problem } = await source.read(0);
      await source.close();
      assert.deepEqual(user, {});
      assert.deepEqual(problem, {
        code: "TRANSFORM_FAILED",
        message: "The transform map.mjs left out a record that it did not leave out before",
      });
    });
  });

  describe("refuses", () => {
    it("a module that is not there", async () => {
      const message = "none.mjs: can't be read: no such file or directory";
      assert.equal(await refusal("none.mjs"), message);
      await assert.rejects(digestSource(["users"], folder.path, { transform: "none.mjs" }), { message });
    });

    it("a module that can't be loaded", async () => {
      await folder.write("syntax.mjs", `export default ${SECRET};;`);
      await folder.write("throws.cjs", `throw new RangeError("${SECRET}");`);
      await folder.write("map.txt", "export default (r) => r;");
      const reason = (file: string, name: string) =>
        `${file}: the transform can't be loaded (${name}); \`node ${file}\` tells why`;
      assert.equal(await refusal("syntax.mjs"), reason("syntax.mjs", "ReferenceError"));
      assert.equal(await refusal("throws.cjs"), reason("throws.cjs", "RangeError"));
      assert.match(await refusal("map.txt"), /^map\.txt: the transform can't be loaded \(\w+\); `node map\.txt` tells/);
    });

    it("a module without a function", async () => {
      const message = "a transform has to export a function: `export default` or `module.exports =`";
      await folder.write("named.mjs", "export const map = (r) => r;");
      await folder.write("object.cjs", "module.exports = { map: (r) => r };");
      for (const name of ["named.mjs", "object.cjs"]) assert.equal(await refusal(name), `${name}: ${message}`);
    });

    it("a transform that leaves nobody, or makes no users", async () => {
      await folder.write("nobody.mjs", "export default () => undefined;");
      await folder.write("others.mjs", "export default (r) => ({ id: r.email });");
      assert.equal(
        await refusal("nobody.mjs"),
        "users: there are no users in this file, or the transform leaves them out",
      );
      assert.equal(
        await refusal("others.mjs"),
        "users: no record has email, user_id, username or phone_number: the transform makes none",
      );
    });

    it("malformed files as ever", async () => {
      await folder.write("map.mjs", "export default (r) => r;");
      assert.equal(
        await refusal("map.mjs", `{"email":"${SECRET}"}\n{"a"}\n`),
        "users:2:5: not valid JSON: colon expected",
      );
      assert.equal(await refusal("map.mjs", `a,b\n${SECRET},x,y\n`), "users:2:1: row has 3 cells, the header 2");
    });
  });

  it("is part of the digest, by its content", async () => {
    await folder.write("users", '{"email":"a@example.com"}');
    await folder.write("map.mjs", "export default (r) => r;");
    await folder.write("copy.mjs", "export default (r) => r;");
    await folder.write("other.mjs", "export default (r) => ({ ...r });");
    const digestOf = async (transform?: string) => {
      const expected = await digestSource(["users"], folder.path, { transform });
      const source = await openSource(["users"], folder.path, { transform });
      await source.close();
      assert.equal(source.digest, expected.digest);
      assert.equal(source.bytes, expected.bytes);
      assert.deepEqual([expected.files, expected.bytes], [1, 25]);
      return expected.digest;
    };
    const plain = await digestOf();
    const mapped = await digestOf("map.mjs");
    assert.notEqual(mapped, plain);
    assert.equal(await digestOf("copy.mjs"), mapped);
    assert.notEqual(await digestOf("other.mjs"), mapped);
    assert.notEqual((await digestSource(["users", "map.mjs"], folder.path)).digest, mapped);
  });
});
