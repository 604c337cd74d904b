import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { openSource, SourceError } from "../../provider/source";
import { UsersFolder } from "./usersFolder";

type User = Record<string, unknown>;

interface Text {
  content: string;
  places: { line: number; user: User }[];
}

const user: fc.Arbitrary<User> = fc
  .tuple(
    fc.constantFrom("email", "user_id", "username", "phone_number"),
    fc.string({ unit: "binary" }),
    fc.dictionary(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "constructor")), fc.jsonValue()),
  )
  // Through JSON, so that only what JSON can say is left: no -0, and __proto__ is a key like any other.
  .map(([identity, value, rest]) => JSON.parse(JSON.stringify({ ...rest, [identity]: value })) as User);

const blank = fc.stringMatching(/^[ \t]{0,3}$/);
const blanks = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const lineEnd = fc.constantFrom("\n", "\r\n");

const ndjson: fc.Arbitrary<Text> = fc
  .tuple(fc.array(fc.tuple(user, blank, blanks), { minLength: 1, maxLength: 6 }), lineEnd, blanks, fc.boolean())
  .map(([lines, end, start, endsLine]) => {
    const text = new TextBuilder().add(start);
    lines.forEach(([user, before, after], number) => {
      text.add(before).addUser(user, JSON.stringify(user));
      if (endsLine || number < lines.length - 1) {
        text.add(after + end);
      }
    });
    return text;
  });

const array: fc.Arbitrary<Text> = fc
  .tuple(
    fc.array(fc.tuple(user, blanks, blanks), { minLength: 1, maxLength: 6 }),
    fc.constantFrom("", " ", "  ", "\t"),
    lineEnd,
    blanks,
  )
  .map(([elements, indent, end, around]) => {
    const text = new TextBuilder().add(`${around}[`);
    elements.forEach(([user, before, after], number) => {
      text.add(number === 0 ? before : `${after},${before}`);
      text.addUser(user, JSON.stringify(user, null, indent).replaceAll("\n", end));
    });
    return text.add(`]${around}`);
  });

class TextBuilder implements Text {
  content = "";
  readonly places: Text["places"] = [];

  add(text: string): this {
    this.content += text;
    return this;
  }

  addUser(user: User, json: string): this {
    this.places.push({ line: this.content.split("\n").length, user });
    return this.add(json);
  }
}

/** Plain, or gzipped in members that are cut anywhere. */
const packed = (text: fc.Arbitrary<Text>) =>
  fc
    .tuple(text, fc.boolean(), fc.option(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })))
    .map(([{ content, places }, mark, cuts]) => {
      const bytes = Buffer.from((mark ? "\u{feff}" : "") + content);
      if (cuts === null) {
        return { bytes, places };
      }
      const ends = [...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length];
      const members = ends.map((end, number) => gzipSync(bytes.subarray(ends[number - 1] ?? 0, end)));
      return { bytes: Buffer.concat(members), places };
    });

const chunkBytes = fc.oneof(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 8, max: 2000 }));

/** What JSON.parse makes of the whole text, as a measure for what is found piece by piece. */
function usersIn(bytes: Uint8Array): User[] | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const isArray = text.trimStart().startsWith("[");
    const lines = text.split("\n").filter((line) => !/^[ \t\r]*$/.test(line));
    const records: unknown = isArray ? JSON.parse(text) : lines.map((line) => JSON.parse(line) as unknown);
    return Array.isArray(records) && records.every(isUser) && records.some(hasIdentity) ? records : undefined;
  } catch {
    return undefined;
  }
}

const isUser = (value: unknown): value is User => typeof value === "object" && value !== null && !Array.isArray(value);
const hasIdentity = (user: User) =>
  ["email", "user_id", "username", "phone_number"].some((name) => typeof user[name] === "string");

describe("openSource on any text", () => {
  let folder: UsersFolder;
  before(async () => {
    folder = await UsersFolder.create();
  });
  after(() => folder.remove());

  async function read(bytes: Uint8Array, chunkBytes: number): Promise<Text["places"]> {
    await folder.write("users", bytes);
    const source = await openSource(["users"], folder.path, { limits: { chunkBytes } });
    try {
      const places = [];
      for await (const { line, user } of source.records()) {
        places.push({ line, user });
      }
      return places;
    } finally {
      await source.close();
    }
  }

  async function agreesWithJsonParse(bytes: Uint8Array, chunkBytes: number): Promise<void> {
    const expected = usersIn(bytes);
    try {
      const users = (await read(bytes, chunkBytes)).map(({ user }) => user);
      assert.deepEqual(users, expected);
    } catch (error) {
      if (!(error instanceof SourceError)) {
        throw error;
      }
      assert.equal(expected, undefined, `refused: ${error.message}`);
    }
  }

  it("gives back the users of an array, and their lines", async () => {
    await fc.assert(
      fc.asyncProperty(packed(array), chunkBytes, async ({ bytes, places }, chunkBytes) => {
        assert.deepEqual(await read(bytes, chunkBytes), places);
      }),
    );
  });

  it("gives back the users of NDJSON, and their lines", async () => {
    await fc.assert(
      fc.asyncProperty(packed(ndjson), chunkBytes, async ({ bytes, places }, chunkBytes) => {
        assert.deepEqual(await read(bytes, chunkBytes), places);
      }),
    );
  });

  it("takes what JSON.parse takes, of text that is made of JSON's own pieces", async () => {
    const piece = fc.constantFrom(
      ...'{ } [ ] , : " \\ 1 - é null "email" {"email":"x"} {"email":"]\\\\"} {"a":[{"b":"}"}]}'.split(" "),
      " ",
      "\n",
      "\r\n",
      "\u{feff}",
    );
    const start = fc.constantFrom("", "[", '[{"email":"x"}', '{"email":"x"}\n');
    const text = fc.tuple(start, fc.array(piece, { maxLength: 8 }), fc.constantFrom("", "]", "\n"));
    await fc.assert(
      fc.asyncProperty(text, chunkBytes, async ([start, pieces, end], chunkBytes) => {
        await agreesWithJsonParse(Buffer.from(start + pieces.join("") + end), chunkBytes);
      }),
      { numRuns: 1000 },
    );
  });

  it("takes what JSON.parse takes, of files with a few bytes changed", async () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      removed: fc.integer({ min: 0, max: 2 }),
      added: fc.oneof(fc.uint8Array({ maxLength: 2 }), fc.constantFrom(...'{}[],:"\\\n'.split("")).map(Buffer.from)),
    });
    const text = fc.oneof(array, ndjson).map(({ content }) => Buffer.from(content));
    await fc.assert(
      fc.asyncProperty(text, change, chunkBytes, async (bytes, { at, removed, added }, chunkBytes) => {
        const start = Math.floor(at * bytes.length);
        const changed = Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + removed)]);
        await agreesWithJsonParse(changed, chunkBytes);
      }),
      { numRuns: 400 },
    );
  });

  it("throws nothing but SourceError on any bytes", async () => {
    const start = fc.constantFrom("", "[", "{", '[{"', "\u{feff}", "\u{1f}\u{8b}", "\u{1f}\u{8b}\b\0\0\0\0\0\0\u{3}");
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), chunkBytes, async (start, bytes, chunkBytes) => {
        await assert.rejects(read(Buffer.concat([Buffer.from(start, "latin1"), bytes]), chunkBytes), SourceError);
      }),
      { numRuns: 400 },
    );
  });
});
